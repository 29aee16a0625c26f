//! From drafts to transactions: tried, priced, written down, offered.

use super::{Keeper, KeeperError, draft::Draft};
use crate::{
    journal::{Entry, Purpose},
    math,
};
use alloy_primitives::{Bytes, U64, U256};
use alloy_sol_types::SolInterface;
use heddle_client::{RpcError, gas_limit};
use heddle_venue::contracts::lending_pool::LendingPool::LendingPoolErrors;
use serde_json::json;

/// How many times the producer's usual share may be paid where no profit bounds it.
const PRIORITY_TIMES_MAX: u128 = 4;

/// What gas costs now, in wei.
#[derive(Clone, Copy, Debug)]
pub(super) struct Prices {
    /// Of the last block.
    pub(super) base: u128,
    /// Usual for the producer.
    pub(super) priority: u128,
}

impl Prices {
    /// Wei for each gas.
    pub(super) fn each(self) -> u128 {
        self.base.saturating_add(self.priority)
    }
}

impl Keeper {
    /// What gas costs now.
    pub(super) fn prices(&self) -> Result<Prices, KeeperError> {
        let base = self.node.latest_fees()?.base_fee_per_gas.map_or(0, |fee| fee.to());
        Ok(Prices { base, priority: self.node.priority_fee()?.to() })
    }

    /// Tries drafts on the next block, and sends those that work. In a dry run it sends none.
    pub(super) fn send(
        &mut self,
        drafts: Vec<Draft>,
        prices: Prices,
        ether_price: U256,
        clock: u64,
    ) -> Result<Vec<Entry>, KeeperError> {
        if drafts.is_empty() {
            return Ok(Vec::new());
        }
        let tried = self.tried(drafts, clock)?;
        let next = self.node.nonce(self.account, "latest")?;
        let pending = self.node.nonce(self.account, "pending")?;
        let known = self.journal.entries().last().map_or(next, |last| next.max(last.nonce + 1));
        if pending > known && !self.mode.is_dry {
            tracing::warn!(
                pending,
                known,
                "transactions are in flight that this keeper does not know; it waits for them"
            );
            return Ok(Vec::new());
        }
        let nonces: Vec<u64> = self.journal.free_nonces(next).take(tried.len()).collect();
        let block = self.follower.mirror().head.number;
        let mut entries = Vec::with_capacity(tried.len());
        for ((draft, gas), nonce) in tried.into_iter().zip(nonces) {
            let mut entry = entry(draft, (nonce, gas, block), prices, |profit| {
                self.priority_for(profit, gas, ether_price)
            });
            if let Some(sender) = &self.sender {
                entry.hashes = entry.sign(sender)?.hashes;
            }
            entries.push(entry);
        }
        self.offer(entries, clock)
    }

    /// Writes entries down and offers them, in the order of their nonces.
    fn offer(&mut self, entries: Vec<Entry>, clock: u64) -> Result<Vec<Entry>, KeeperError> {
        let Some(sender) = self.sender.clone() else {
            for entry in &entries {
                tracing::info!(purpose = ?entry.purpose, gas = entry.gas_limit, "would send");
            }
            return Ok(entries);
        };
        self.journal.add(&entries)?;
        let mut sent = Vec::with_capacity(entries.len());
        let mut rest = entries.into_iter();
        for entry in rest.by_ref() {
            if let Some(reason) = self.journal.offer(&sender, &entry)? {
                tracing::warn!(purpose = ?entry.purpose, reason, "the node refuses");
                self.fail(&entry.purpose, clock);
                break;
            }
            tracing::info!(nonce = entry.nonce, purpose = ?entry.purpose, "sent");
            sent.push(entry);
        }
        // Without the one before they would be in no block.
        for entry in rest {
            self.journal.forget(entry.nonce)?;
        }
        Ok(sent)
    }

    /// Those that would work on what the next block begins with, and their gas.
    fn tried(&mut self, drafts: Vec<Draft>, clock: u64) -> Result<Vec<(Draft, u64)>, KeeperError> {
        let call = |draft: &Draft| json!([{"from": self.account, "to": draft.to, "input": draft.input}, "pending"]);
        let calls: Vec<_> = drafts.iter().map(call).collect();
        let gas = self.node.request_all::<U64>("eth_estimateGas", &calls)?;
        let mut tried = Vec::with_capacity(drafts.len());
        for (draft, gas) in drafts.into_iter().zip(gas) {
            match gas {
                Ok(gas) => {
                    tried.push((draft, gas_limit(gas.to())));
                }
                Err(error @ RpcError::Refused { .. }) => {
                    let (reason, is_over) = reason(&error);
                    tracing::info!(purpose = ?draft.purpose, reason, "would fail");
                    // Somebody else was first: the next block will say so, and there is nothing to retry.
                    if !is_over {
                        self.fail(&draft.purpose, clock);
                    }
                }
                Err(error) => return Err(error.into()),
            }
        }
        Ok(tried)
    }

    /// Wei for each gas that may go to the producer out of a profit.
    fn priority_for(&self, profit: U256, gas: u64, ether_price: U256) -> u128 {
        let share = math::part(profit, self.config.priority_share).unwrap_or_default();
        let wei = math::bought_down(share, ether_price, math::WAD).unwrap_or_default();
        (wei / U256::from(gas.max(1))).try_into().unwrap_or(u128::MAX)
    }
}

fn entry(
    draft: Draft,
    (nonce, gas_limit, offered_at): (u64, u64, u64),
    prices: Prices,
    priority_for: impl Fn(U256) -> u128,
) -> Entry {
    let usual = prices.priority.saturating_mul(PRIORITY_TIMES_MAX);
    let priority_max = draft.profit.map_or(usual, |profit| priority_for(profit).min(usual.max(1)));
    let priority = prices.priority.min(priority_max);
    Entry {
        nonce,
        purpose: draft.purpose,
        to: draft.to,
        input: draft.input,
        gas_limit,
        fee_max: prices.base.saturating_mul(2).saturating_add(priority),
        priority,
        priority_max,
        hashes: Vec::new(),
        offered_at,
    }
}

/// What a contract said, and whether it says that somebody else was first.
fn reason(error: &RpcError) -> (String, bool) {
    let decoded =
        error.revert_data().and_then(|data: &Bytes| LendingPoolErrors::abi_decode(data).ok());
    let Some(decoded) = decoded else { return (error.to_string(), false) };
    let is_over = matches!(
        decoded,
        LendingPoolErrors::Healthy(_)
            | LendingPoolErrors::NothingOwed(_)
            | LendingPoolErrors::NotCollateral(_)
    );
    (format!("{decoded:?}"), is_over)
}

impl Purpose {
    /// Whether it is about to sell a token.
    pub(super) fn sells(&self, wanted: alloy_primitives::Address) -> bool {
        matches!(self, Self::Sell { token, .. } if *token == wanted)
    }
}
