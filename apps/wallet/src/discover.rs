//! Finding the accounts of a wallet that have been used: BIP-44's search with a gap limit.

use alloy_primitives::{Address, U256};
use heddle_client::{Node, RpcError};

/// Accounts without use after which nobody looks further (BIP-44).
pub const GAP_LIMIT: u32 = 20;
/// Most accounts that are looked at: a node could say of each that it was used.
pub const ACCOUNTS_MAX: u32 = 10_000;

/// An account that was used.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Used {
    /// Its index.
    pub index: u32,
    /// Its address.
    pub address: Address,
    /// How many transactions it has sent.
    pub nonce: u64,
    /// Wei that it has.
    pub balance: U256,
}

/// What tells of accounts.
pub trait Accounts {
    /// Why it cannot tell.
    type Error;

    /// Nonce and balance.
    ///
    /// # Errors
    ///
    /// It cannot tell.
    fn account(&self, address: Address) -> Result<(u64, U256), Self::Error>;
}

impl Accounts for Node {
    type Error = RpcError;

    fn account(&self, address: Address) -> Result<(u64, U256), RpcError> {
        Ok((self.nonce(address, "latest")?, self.balance(address)?))
    }
}

/// The accounts with a nonce or a balance, until `gap` in a row have neither.
///
/// # Errors
///
/// An index has no key, or the node does not tell.
pub fn discover<A: Accounts, E: From<A::Error>>(
    accounts: &A,
    gap: u32,
    mut address: impl FnMut(u32) -> Result<Address, E>,
) -> Result<Vec<Used>, E> {
    let mut used = Vec::new();
    let mut unused = 0;
    for index in 0..ACCOUNTS_MAX {
        if unused >= gap {
            break;
        }
        let address = address(index)?;
        let (nonce, balance) = accounts.account(address)?;
        if nonce == 0 && balance.is_zero() {
            unused += 1;
        } else {
            unused = 0;
            used.push(Used { index, address, nonce, balance });
        }
    }
    Ok(used)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{collections::BTreeMap, convert::Infallible};

    struct Ledger(BTreeMap<Address, (u64, U256)>);

    impl Accounts for Ledger {
        type Error = Infallible;

        fn account(&self, address: Address) -> Result<(u64, U256), Infallible> {
            Ok(self.0.get(&address).copied().unwrap_or_default())
        }
    }

    fn address(index: u32) -> Address {
        Address::left_padding_from(&index.to_be_bytes())
    }

    fn found(used: &[(u32, u64, u64)], gap: u32) -> Vec<u32> {
        let entries =
            used.iter().map(|(index, nonce, wei)| (address(*index), (*nonce, U256::from(*wei))));
        let ledger = Ledger(entries.collect());
        let found = discover::<_, Infallible>(&ledger, gap, |index| Ok(address(index))).unwrap();
        found.iter().map(|used| used.index).collect()
    }

    #[test]
    fn an_account_just_within_the_gap_is_found_and_one_behind_it_is_not() {
        assert_eq!(found(&[(0, 1, 0), (20, 0, 1), (41, 1, 0)], GAP_LIMIT), [0, 20]);
        assert_eq!(found(&[(19, 1, 1)], GAP_LIMIT), [19]);
        assert_eq!(found(&[(20, 1, 1)], GAP_LIMIT), [] as [u32; 0]);
        assert_eq!(found(&[(0, 0, 1)], 0), [] as [u32; 0]);
    }

    #[test]
    fn the_search_ends_even_if_everything_is_used() {
        let all: Vec<(u32, u64, u64)> = (0..ACCOUNTS_MAX + 5).map(|index| (index, 1, 0)).collect();
        assert_eq!(found(&all, GAP_LIMIT).len(), ACCOUNTS_MAX as usize);
    }
}
