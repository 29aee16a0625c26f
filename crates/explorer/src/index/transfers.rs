//! Token transfers in logs: ERC-20, ERC-721 and ERC-1155.

use super::records::{Class, Transfer};
use alloy_primitives::{Address, B256, Log, U256, b256};

/// `Transfer(address,address,uint256)`, of ERC-20 and ERC-721.
const TRANSFER: B256 = b256!("ddf252ad1be2c89b69c2b068fc378daa952ba7f163c4a11628f55a4df523b3ef");
/// `TransferSingle(address,address,address,uint256,uint256)`.
const SINGLE: B256 = b256!("c3d58168c5ae7397731d063d5bbf3d657854427343f4c083240f7aacaa2d0f62");
/// `TransferBatch(address,address,address,uint256[],uint256[])`.
const BATCH: B256 = b256!("4a39dc06d4c0dbc64b70af90fd698a233a518aa5d07e595d983b8c0526c8f7fb");
/// `Deposit(address,uint256)` of WETH, which has no transfer from nobody.
const DEPOSIT: B256 = b256!("e1fffcc4923d04b559f4d29a8bfc6cda04eb5b0d3c460751c2402c5c5cc9109c");
/// `Withdrawal(address,uint256)` of WETH.
const WITHDRAWAL: B256 = b256!("7fcf532c15f0a6db0bd6d0e038bea71d30d808c7d98cb3bf7268a95bf5081b65");

/// Items of a batch that are looked at. A log of 2^24 gas could have 16,000 (eight gas a byte).
const BATCH_MAX: usize = 16_384;

/// What a log says of tokens, item by item.
///
/// A log without the standard's shape is none: no error, as anybody may log anything.
pub fn transfers(log: &Log, transaction: u64) -> (Class, Vec<Transfer>) {
    let topics = log.topics();
    let data = log.data.data.as_ref();
    let transfer = |from, to, id, amount| Transfer { transaction, from, to, id, amount };
    let one = |class, from, to, id, amount| (class, vec![transfer(from, to, id, amount)]);
    let none = (Class::Erc20, Vec::new());
    match *topics {
        [TRANSFER, from, to] if data.len() == 32 => {
            let Some(amount) = word(data, 0) else { return none };
            one(Class::Erc20, account(from), account(to), U256::ZERO, amount)
        }
        [TRANSFER, from, to, id] if data.is_empty() => {
            one(Class::Erc721, account(from), account(to), id.into(), U256::ONE)
        }
        [DEPOSIT, to] if data.len() == 32 => {
            let Some(amount) = word(data, 0) else { return none };
            one(Class::Erc20, Address::ZERO, account(to), U256::ZERO, amount)
        }
        [WITHDRAWAL, from] if data.len() == 32 => {
            let Some(amount) = word(data, 0) else { return none };
            one(Class::Erc20, account(from), Address::ZERO, U256::ZERO, amount)
        }
        [SINGLE, _, from, to] if data.len() == 64 => {
            let (Some(id), Some(amount)) = (word(data, 0), word(data, 32)) else { return none };
            one(Class::Erc1155, account(from), account(to), id, amount)
        }
        [BATCH, _, from, to] => {
            let (Some(ids), Some(amounts)) = (words(data, 0), words(data, 32)) else { return none };
            if ids.len() != amounts.len() {
                return none;
            }
            let items = ids.into_iter().zip(amounts);
            let items = items.map(|(id, amount)| transfer(account(from), account(to), id, amount));
            (Class::Erc1155, items.collect())
        }
        _ => none,
    }
}

fn account(topic: B256) -> Address {
    Address::from_word(topic)
}

fn word(data: &[u8], at: usize) -> Option<U256> {
    let bytes = data.get(at..)?.first_chunk::<32>()?;
    Some(U256::from_be_bytes(*bytes))
}

/// A dynamic array of words whose offset stands at `at`.
fn words(data: &[u8], at: usize) -> Option<Vec<U256>> {
    let offset = usize::try_from(word(data, at)?).ok()?;
    let length = usize::try_from(word(data, offset)?).ok().filter(|length| *length <= BATCH_MAX)?;
    let start = offset.checked_add(32)?;
    (0..length).map(|item| word(data, start.checked_add(32 * item)?)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::{Bytes, keccak256};

    #[test]
    fn topics_are_the_hashes_of_the_events() {
        for (topic, event) in [
            (TRANSFER, "Transfer(address,address,uint256)"),
            (SINGLE, "TransferSingle(address,address,address,uint256,uint256)"),
            (BATCH, "TransferBatch(address,address,address,uint256[],uint256[])"),
            (DEPOSIT, "Deposit(address,uint256)"),
            (WITHDRAWAL, "Withdrawal(address,uint256)"),
        ] {
            assert_eq!(topic, keccak256(event), "{event}");
        }
    }

    #[test]
    fn a_batch_whose_lengths_lie_is_none() {
        let who = B256::with_last_byte(1);
        let bomb = |word: U256| {
            let data: Vec<u8> = [word, word].iter().flat_map(U256::to_be_bytes::<32>).collect();
            let log = Log::new_unchecked(Address::ZERO, vec![BATCH, who, who, who], data.into());
            transfers(&log, 0).1
        };
        for word in [U256::ZERO, U256::from(31), U256::from(64), U256::MAX, U256::from(u64::MAX)] {
            assert_eq!(bomb(word), []);
        }
        let log = Log::new_unchecked(Address::ZERO, vec![BATCH, who, who, who], Bytes::new());
        assert_eq!(transfers(&log, 0).1, []);
    }
}
