//! Sending in the name of accounts whose keys nobody here has.

use alloy_primitives::{Address, Signature, U256};
use std::collections::BTreeSet;

/// Whose transactions are taken without a signature.
#[derive(Clone, Debug, Default)]
pub struct Impersonation {
    /// All senders.
    pub everybody: bool,
    accounts: BTreeSet<Address>,
    /// Whether anybody ever was: what waits in the pool may be of somebody who is no more.
    is_used: bool,
}

impl Impersonation {
    /// Takes unsigned transactions of `address` from now on.
    pub fn start(&mut self, address: Address) {
        self.accounts.insert(address);
        self.is_used = true;
    }

    /// Takes them no more. Says whether it did before.
    pub fn stop(&mut self, address: Address) -> bool {
        self.accounts.remove(&address)
    }

    /// Whether unsigned transactions are taken, or ever were.
    pub fn is_used(&self) -> bool {
        self.everybody || self.is_used
    }

    /// Whether an unsigned transaction of `address` is taken.
    pub fn covers(&self, address: Address) -> bool {
        self.everybody || self.accounts.contains(&address)
    }
}

/// What stands in the place of a signature in an impersonated sender's transaction.
///
/// A block holds a signature of each transaction, and the transaction's hash depends on it; so it
/// names the sender, to tell apart what two senders send alike. No key can make it: its `s` is
/// above the order of the curve.
pub fn stand_in_signature(sender: Address) -> Signature {
    Signature::new(U256::from_be_slice(sender.as_slice()) | (U256::ONE << 160), U256::MAX, false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn covers_whom_it_was_started_for() {
        let (one, other) = (Address::repeat_byte(1), Address::repeat_byte(2));
        let mut impersonation = Impersonation::default();
        impersonation.start(one);
        assert!(impersonation.covers(one) && !impersonation.covers(other));
        assert!(impersonation.stop(one) && !impersonation.stop(one));
        assert!(!impersonation.covers(one));
        impersonation.everybody = true;
        assert!(impersonation.covers(other));
    }

    #[test]
    fn stand_ins_differ_by_sender() {
        assert_ne!(stand_in_signature(Address::ZERO), stand_in_signature(Address::repeat_byte(1)));
    }
}
