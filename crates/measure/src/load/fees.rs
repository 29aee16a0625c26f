//! What a unit of gas may cost, chosen before anything is signed.
//!
//! After a full block the base fee rises by an eighth (EIP-1559). A transaction that was signed
//! for less stays in the pool, so the maximum is chosen for as many full blocks in a row as the
//! load can fill, as far as the funded accounts can pay for that.

use super::{
    LoadError,
    plan::{Fees, LoadKind},
};
use alloy_primitives::U256;

/// How much the base fee rises after a full block.
const RISE: f64 = 1.125;

/// Full blocks that are reckoned with beside those that the load fills: others may send too.
const BLOCKS_MORE: f64 = 24.0;

const GWEI: f64 = 1e9;

/// What a whole transaction may cost, in wei: nodes refuse more than an ether, as a slip of the
/// pen.
const COST_MAX: f64 = 0.9e18;

/// The part of what the accounts own that the transactions may cost. The rest pays for the
/// preparation.
const SPENT_PART: f64 = 0.8;

/// What the fees are chosen by.
#[derive(Clone, Copy, Debug)]
pub(super) struct Circumstances {
    pub(super) kind: LoadKind,
    pub(super) transactions: u64,
    /// The most that one sender sends.
    pub(super) sent_by_one_max: u64,
    pub(super) senders: u64,
    /// Of the last block.
    pub(super) base_fee: u64,
    pub(super) block_gas_limit: u64,
    /// What all funded accounts have, in wei.
    pub(super) owned: U256,
}

/// Gas that a sender's transactions may use, with a margin for an unlucky mix.
pub(super) const fn gas_of_sender(kind: LoadKind, transactions: u64) -> u64 {
    transactions * kind.gas_mean() / 4 * 5 + 5 * kind.gas_max()
}

impl Circumstances {
    /// Blocks that the load fills.
    pub(super) fn blocks(&self) -> f64 {
        let gas = self.transactions as f64 * self.kind.gas_mean() as f64;
        (gas / self.block_gas_limit.max(1) as f64).ceil()
    }

    /// The base fee that is reckoned from.
    fn base_fee(&self) -> f64 {
        (self.base_fee as f64).max(GWEI)
    }

    /// Full blocks in a row after which a maximum does not do any more.
    pub(super) fn blocks_covered(&self, fees: Fees) -> f64 {
        ((fees.max.saturating_sub(fees.tip)) as f64 / self.base_fee()).ln().max(0.0) / RISE.ln()
    }

    /// What a unit of gas may cost.
    pub(super) fn fees(&self) -> Result<Fees, LoadError> {
        let base_fee = self.base_fee();
        let wanted = base_fee * RISE.powf(self.blocks() + BLOCKS_MORE) + GWEI;
        let gas = self.senders as f64 * gas_of_sender(self.kind, self.sent_by_one_max) as f64;
        let owned = f64::from(self.owned) * SPENT_PART;
        let most = (owned / gas).min(COST_MAX / self.kind.gas_max() as f64);
        let least = 2.0 * base_fee;
        if most < least {
            let ether = |wei: f64| wei / 1e18;
            return Err(LoadError::TooPoor {
                owned: ether(f64::from(self.owned)),
                needed: ether(least * gas / SPENT_PART),
            });
        }
        let max = wanted.min(most);
        Ok(Fees { max: max as u128, tip: GWEI.min(max / 4.0) as u128 })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn ether(amount: u64) -> U256 {
        U256::from(amount) * U256::from(1_000_000_000_000_000_000_u64)
    }

    const USUAL: Circumstances = Circumstances {
        kind: LoadKind::Transfers,
        transactions: 200_000,
        sent_by_one_max: 200,
        senders: 1000,
        base_fee: 1_000_000_000,
        block_gas_limit: 30_000_000,
        owned: U256::ZERO,
    };

    #[test]
    fn blocks_that_are_never_full_need_little() {
        let usual = Circumstances { block_gas_limit: u64::MAX, owned: ether(100_000), ..USUAL };
        assert_eq!(usual.blocks(), 1.0);
        let fees = usual.fees().unwrap();
        assert!(fees.max > 15_000_000_000 && fees.max < 30_000_000_000, "{fees:?}");
    }

    #[test]
    fn the_accounts_must_be_able_to_pay() {
        assert!(matches!(USUAL.fees(), Err(LoadError::TooPoor { .. })));
        let usual = Circumstances { owned: ether(10), ..USUAL };
        let Err(LoadError::TooPoor { needed, .. }) = usual.fees() else { panic!("ten are enough") };
        assert!(Circumstances { owned: ether(needed as u64 + 1), ..USUAL }.fees().is_ok());
    }

    proptest! {
        /// The base fee after all full blocks is still below the maximum, unless somebody cannot
        /// pay or nodes would refuse it; and all senders can pay it for all they send.
        #[test]
        fn no_transaction_is_stranded_by_full_blocks(
            transactions in 1_u64..1_000_000, senders in 1_u64..2_000, gas_limit in 1_000_000_u64..10_000_000_000,
            base_fee in 0_u64..100_000_000_000, owned in 1_u64..1_000_000,
        ) {
            let sent_by_one_max = transactions.div_ceil(senders);
            let it = Circumstances {
                transactions, senders, sent_by_one_max, base_fee, block_gas_limit: gas_limit, owned: ether(owned), ..USUAL
            };
            let Ok(fees) = it.fees() else { return Ok(()) };
            let cost = fees.max as f64 * gas_of_sender(it.kind, sent_by_one_max) as f64 * senders as f64;
            prop_assert!(cost <= owned as f64 * 1e18);
            prop_assert!(fees.tip <= fees.max);
            let covered = it.blocks_covered(fees);
            let is_bounded = cost > owned as f64 * 1e18 * SPENT_PART * 0.999
                || fees.max as f64 * 21_000.0 > COST_MAX * 0.999;
            prop_assert!(covered >= it.blocks() + BLOCKS_MORE - 1.0 || is_bounded, "{covered} {}", it.blocks());
            let mut fee = base_fee.max(1_000_000_000) as f64;
            for _ in 0..(covered as u64) { fee *= RISE; }
            prop_assert!(fee <= fees.max as f64);
        }
    }
}
