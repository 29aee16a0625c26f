//! What is wrong with a transaction in view of its sender and of what the sender has in the pool.

use crate::{
    Candidate, Origin, PoolError, PoolTransaction, SenderCode, SenderState, account::Account,
    pool::Pool, transaction::cost_max,
};
use alloy_consensus::Transaction as _;
use alloy_primitives::U256;

impl Pool {
    /// Holds a transaction to its sender's means, and to what the sender has in the pool, its
    /// `account`.
    pub(crate) fn check_sender(
        &self,
        candidate: &Candidate,
        origin: Origin,
        state: &SenderState,
        account: Option<&Account>,
    ) -> Result<(), PoolError> {
        let nonce = candidate.transaction.nonce();
        if nonce < state.nonce {
            return Err(PoolError::NonceTooLow { next: state.nonce, nonce });
        }
        let may_have_code = matches!(origin, Origin::Impersonated | Origin::Reverted);
        if state.code == SenderCode::Contract && !may_have_code {
            return Err(PoolError::SenderHasCode);
        }
        let (balance, cost) = (state.balance, cost_max(&candidate.transaction));
        if cost > balance {
            return Err(PoolError::InsufficientFunds { balance, cost });
        }
        let spent = account.map_or(U256::ZERO, Account::spent);
        let end = account.map_or(state.nonce, Account::pending_end);
        let old = account.and_then(|account| account.get(nonce));
        if let Some(old) = old {
            self.check_replacement(candidate, old)?;
        } else if origin.is_unbounded() {
            self.check_limits(candidate, state, account, end)?;
        }
        if nonce <= end {
            let of_old = old.filter(|_| nonce < end).map_or(U256::ZERO, |old| old.cost());
            let queued = spent - of_old;
            if queued.checked_add(cost).is_none_or(|total| total > balance) {
                return Err(PoolError::InsufficientFundsForAll { balance, queued, cost });
            }
        }
        Ok(())
    }

    /// Whether a transaction pays enough to take the place of another with the same nonce.
    fn check_replacement(
        &self,
        candidate: &Candidate,
        old: &PoolTransaction,
    ) -> Result<(), PoolError> {
        let percent = if old.has_blobs() {
            self.settings.blob_price_bump_percent
        } else {
            self.settings.price_bump_percent
        };
        let check = |what, have: u128, old: u128| {
            // Who pays prices of 2^120 wei cannot pay more.
            let raised = old.checked_mul(100 + u128::from(percent));
            let raised = raised.map_or(u128::MAX, |raised| raised / 100);
            // A price of nothing has to rise, too.
            let need = raised.max(old.saturating_add(1));
            if have < need || have == old {
                return Err(PoolError::ReplacementUnderpriced { what, have, need });
            }
            Ok(())
        };
        let new = &candidate.transaction;
        check("gas fee cap", new.max_fee_per_gas(), old.fee())?;
        check("gas tip cap", new.priority_fee_or_price(), old.tip())?;
        if let (Some(have), Some(old)) = (new.max_fee_per_blob_gas(), old.blob_fee()) {
            check("blob fee cap", have, old)?;
        }
        Ok(())
    }

    /// Holds a stranger to the limits of one account.
    fn check_limits(
        &self,
        candidate: &Candidate,
        state: &SenderState,
        account: Option<&Account>,
        end: u64,
    ) -> Result<(), PoolError> {
        let settings = &self.settings;
        let (transactions, bytes) = account.map_or((0, 0), |held| (held.len(), held.bytes));
        if transactions >= settings.account_transactions_max || bytes >= settings.account_bytes_max
        {
            return Err(PoolError::AccountLimit { transactions, bytes });
        }
        let delegated =
            state.code == SenderCode::Delegation || self.index.is_authority(&candidate.sender);
        if delegated && transactions >= settings.delegated_transactions_max {
            return Err(PoolError::DelegatedLimit);
        }
        if delegated && candidate.transaction.nonce() != end {
            return Err(PoolError::DelegatedGap);
        }
        let held_by = |authority| self.accounts.get(authority).map_or(0, Account::len);
        let mut authorities = candidate.authorities.iter();
        if authorities.any(|authority| held_by(authority) > settings.delegated_transactions_max) {
            return Err(PoolError::AuthorityReserved);
        }
        Ok(())
    }
}
