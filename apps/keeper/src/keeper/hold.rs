//! What the keeper's account has, and whom it has allowed to take it.

use super::{Keeper, KeeperError};
use crate::journal::Purpose;
use alloy_primitives::{Address, U256};
use heddle_client::At;
use heddle_venue::contracts::faucet_token::FaucetToken;
use std::collections::BTreeMap;

/// A token of the account.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Holding {
    /// What is there, less what transactions in flight may take.
    pub(super) free: U256,
    /// What the pool may take.
    pub(super) pool: U256,
    /// What the router may take.
    pub(super) router: U256,
}

impl Keeper {
    /// All tokens that are spent or sold.
    pub(super) fn holdings(&self) -> Result<BTreeMap<Address, Holding>, KeeperError> {
        let assets = self.config.capital.iter().map(|capital| capital.asset);
        let assets = assets.chain(self.config.sale.iter().map(|sale| sale.asset));
        let mut holdings: BTreeMap<Address, Holding> =
            assets.map(|asset| (asset, Holding::default())).collect();
        let tokens: Vec<Address> = holdings.keys().copied().collect();

        let balance =
            |token: &Address| (*token, FaucetToken::balanceOfCall { account: self.account });
        let balances: Vec<_> = tokens.iter().map(balance).collect();
        let spenders = [Some(self.config.pool), self.config.router];
        let allowance = |token: &Address, spender| {
            (*token, FaucetToken::allowanceCall { owner: self.account, spender })
        };
        let allowances: Vec<_> = tokens
            .iter()
            .flat_map(|token| spenders.map(|spender| allowance(token, spender.unwrap_or_default())))
            .collect();
        let balances = self.node.read_all(&balances, At::Latest)?;
        let mut allowances = self.node.read_all(&allowances, At::Latest)?.into_iter();
        for (token, balance) in tokens.iter().zip(balances) {
            let mut next = || allowances.next().transpose().map(Option::unwrap_or_default);
            let holding = Holding { free: balance?, pool: next()?, router: next()? };
            holdings.insert(*token, holding);
        }
        self.take_off_what_is_in_flight(&mut holdings);
        Ok(holdings)
    }

    fn take_off_what_is_in_flight(&self, holdings: &mut BTreeMap<Address, Holding>) {
        for entry in self.journal.entries() {
            let (token, amount) = match entry.purpose {
                Purpose::Liquidate { debt, repay_max, .. } => (debt, repay_max),
                Purpose::Sell { token, amount } => (token, amount),
                _ => continue,
            };
            if let Some(holding) = holdings.get_mut(&token) {
                holding.free = holding.free.saturating_sub(amount);
            }
        }
    }
}
