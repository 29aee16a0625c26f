//! Transactions of a reporter, one after the other. What was sent before the process was killed is found
//! on the chain, not remembered: until it is in a block nothing else is sent.

use alloy_primitives::{Address, Bytes};
use heddle_client::{Fees, Receipt, SendError, Sender};
use parking_lot::Mutex;
use std::time::{Duration, Instant};

/// How long it is waited for a transaction before something else is done.
const PATIENCE: Duration = Duration::from_secs(10);
/// How long an earlier transaction may be on its way before another takes its place.
const STUCK_AFTER: Duration = Duration::from_secs(30);
/// Fees are doubled that often at most for one that takes the place of another.
const DOUBLINGS_MAX: u32 = 5;

/// A transaction that is in no block.
#[derive(Clone, Copy, Debug)]
struct Stuck {
    nonce: u64,
    since: Instant,
    doublings: u32,
}

/// Sends for one account.
#[derive(Debug)]
pub(crate) struct Outbox {
    sender: Sender,
    stuck: Mutex<Option<Stuck>>,
}

impl Outbox {
    pub(crate) const fn new(sender: Sender) -> Self {
        Self { sender, stuck: Mutex::new(None) }
    }

    pub(crate) fn address(&self) -> Address {
        self.sender.address()
    }

    /// Sends a call and waits until it is in a block; `None` if an earlier transaction is on its way.
    pub(crate) fn send(&self, to: Address, input: Bytes) -> Result<Option<Receipt>, SendError> {
        // Held while it is waited, so that there is one transaction on its way at a time.
        let mut stuck = self.stuck.lock();
        let node = self.sender.node();
        let account = self.sender.address();
        let nonce = node.nonce(account, "latest")?;
        let mut fees = self.sender.fees()?;
        if node.nonce(account, "pending")? > nonce {
            let Some(doublings) = doublings(&mut stuck, nonce, Instant::now()) else {
                return Ok(None);
            };
            fees = doubled(fees, doublings);
        }
        let gas = self.sender.gas_for(to, &input)?;
        let sent = self.sender.sign(nonce, to.into(), input, gas, fees)?;
        self.sender.offer(&sent)?;
        self.sender.wait(sent, PATIENCE).map(Some)
    }
}

/// How often the fees are doubled of what takes the place of a stuck transaction; `None` while that is
/// waited for.
fn doublings(stuck: &mut Option<Stuck>, nonce: u64, now: Instant) -> Option<u32> {
    match stuck {
        Some(stuck) if stuck.nonce == nonce => {
            if now.duration_since(stuck.since) < STUCK_AFTER {
                return None;
            }
            stuck.since = now;
            stuck.doublings = (stuck.doublings + 1).min(DOUBLINGS_MAX);
            Some(stuck.doublings)
        }
        _ => {
            *stuck = Some(Stuck { nonce, since: now, doublings: 0 });
            None
        }
    }
}

fn doubled(fees: Fees, doublings: u32) -> Fees {
    // A priority of nothing would stay so.
    let double = |fee: u128| (fee + 1).saturating_mul(1 << doublings);
    Fees { max: double(fees.max), priority: double(fees.priority) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stuck_transaction_is_waited_for_and_then_replaced_for_more() {
        let begin = Instant::now();
        let mut stuck = None;
        let mut at =
            |nonce, seconds| doublings(&mut stuck, nonce, begin + Duration::from_secs(seconds));
        assert_eq!(at(4, 0), None);
        assert_eq!(at(4, 29), None);
        assert_eq!(at(4, 30), Some(1));
        assert_eq!(at(4, 59), None);
        assert_eq!(at(4, 60), Some(2));
        assert_eq!(at(5, 61), None);
        assert_eq!(at(5, 91), Some(1));
        assert_eq!(doubled(Fees { max: 10, priority: 0 }, 2), Fees { max: 44, priority: 4 });
    }
}
