//! From the EVM's result to the receipt.

use alloy_primitives::{Address, B256, Bloom, Log, U256, keccak256};
use heddle_types::Receipt;
use revm::context::result::{ExecutionResult, HaltReason};

/// What remains of a transaction's execution apart from its effect on the state.
#[derive(Clone, Debug, Default)]
pub(crate) struct Executed {
    pub(crate) success: bool,
    pub(crate) gas_used: u64,
    /// What the beneficiary gets for it, in wei.
    pub(crate) fee: U256,
    pub(crate) logs: Vec<Log>,
}

impl Executed {
    pub(crate) fn new(result: ExecutionResult<HaltReason>, fee: U256) -> Self {
        Self {
            success: result.is_success(),
            gas_used: result.tx_gas_used(),
            fee,
            logs: result.into_logs(),
        }
    }

    pub(crate) fn receipt(self, tx_type: u8, gas_used_before: u64, bloom: Bloom) -> Receipt {
        Receipt {
            tx_type,
            state_root: None,
            success: self.success,
            gas_used: self.gas_used,
            cumulative_gas_used: gas_used_before + self.gas_used,
            logs: self.logs,
            bloom,
        }
    }
}

/// Makes log blooms (yellow paper, equation 28).
///
/// The same contracts log the same events over and over, so the hashes of recent inputs are kept,
/// in one table for addresses and one for topics.
#[derive(Debug)]
pub(crate) struct BloomMaker {
    addresses: Box<[(Address, Bits)]>,
    topics: Box<[(B256, Bits)]>,
}

/// Which three of the 2048 bits an input sets, counted from the least significant.
type Bits = [u16; 3];

/// Entries of each table: one for each value of a byte.
const RECENT: usize = 256;

impl Default for BloomMaker {
    fn default() -> Self {
        Self::new()
    }
}

impl BloomMaker {
    pub(crate) fn new() -> Self {
        Self {
            addresses: vec![(Address::ZERO, bits(Address::ZERO.as_slice())); RECENT].into(),
            topics: vec![(B256::ZERO, bits(B256::ZERO.as_slice())); RECENT].into(),
        }
    }

    pub(crate) fn bloom(&mut self, logs: &[Log]) -> Bloom {
        let mut bloom = Bloom::ZERO;
        for log in logs {
            let address = &mut self.addresses[usize::from(log.address[19])];
            if address.0 != log.address {
                *address = (log.address, bits(log.address.as_slice()));
            }
            set(&mut bloom, address.1);
            for topic in log.data.topics() {
                let recent = &mut self.topics[usize::from(topic[31])];
                if recent.0 != *topic {
                    *recent = (*topic, bits(topic.as_slice()));
                }
                set(&mut bloom, recent.1);
            }
        }
        bloom
    }
}

fn bits(input: &[u8]) -> Bits {
    let hash = keccak256(input);
    [0, 2, 4].map(|at| u16::from_be_bytes([hash[at], hash[at + 1]]) & 0x7ff)
}

fn set(bloom: &mut Bloom, bits: Bits) {
    for bit in bits {
        bloom[255 - usize::from(bit / 8)] |= 1 << (bit % 8);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::{Bytes, logs_bloom};

    #[test]
    fn blooms_equal_those_of_alloy() {
        let mut maker = BloomMaker::new();
        let mut all = Vec::new();
        for round in 0..2_000_u64 {
            let mut topics = vec![B256::ZERO; (round % 5) as usize];
            for (place, topic) in topics.iter_mut().enumerate() {
                *topic = keccak256([(round % 7) as u8, place as u8]);
                if round % 3 == 0 {
                    *topic = B256::left_padding_from(&topic[12..]);
                }
            }
            let address = Address::from_slice(&keccak256([(round % 300) as u8])[12..]);
            let log = Log::new(address, topics, Bytes::new()).expect("at most four topics");
            assert_eq!(maker.bloom(std::slice::from_ref(&log)), logs_bloom([&log]));
            all.push(log);
        }
        assert_eq!(maker.bloom(&all), logs_bloom(&all));
    }
}
