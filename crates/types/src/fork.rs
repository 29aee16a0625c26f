//! Ethereum's rule changes, and when each is active.

/// A set of execution rules, in the order of activation.
///
/// Forks that changed only the difficulty bomb have no entry of their own.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Fork {
    /// Launch, block 0.
    Frontier,
    /// EIP-2, EIP-7.
    Homestead,
    /// EIP-150.
    Tangerine,
    /// EIP-155, EIP-158/161, EIP-170.
    SpuriousDragon,
    /// Receipts carry a status instead of a state root (EIP-658).
    Byzantium,
    /// Constantinople without EIP-1283, as mainnet ran it.
    Petersburg,
    /// EIP-1344, EIP-1884, EIP-2028, EIP-2200.
    Istanbul,
    /// EIP-2929, EIP-2930.
    Berlin,
    /// EIP-1559, EIP-3529.
    London,
    /// Proof of stake (EIP-3675, EIP-4399).
    Merge,
    /// Withdrawals (EIP-4895), EIP-3651, EIP-3855, EIP-3860.
    Shanghai,
    /// Blobs (EIP-4844), EIP-4788, EIP-6780.
    Cancun,
    /// EIP-7702, EIP-2935, EIP-6110, EIP-7002, EIP-7251, EIP-7623.
    Prague,
    /// EIP-7825, EIP-7883, EIP-7939, EIP-7951.
    Osaka,
    /// Block access lists (EIP-7928) and repricing; not final.
    Amsterdam,
}

impl Fork {
    /// The fork from which on a block may hold transactions of an EIP-2718 type, among the types
    /// that there are.
    pub const fn of_transaction_type(tx_type: u8) -> Self {
        match tx_type {
            0 => Self::Frontier,
            1 => Self::Berlin,
            2 => Self::London,
            3 => Self::Cancun,
            _ => Self::Prague,
        }
    }
}

/// When each fork activates on one chain.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ForkSchedule {
    /// Forks activated by height, ascending: `(first block, fork)`.
    pub by_block: Vec<(u64, Fork)>,
    /// Forks activated by time, ascending: `(first UNIX second, fork)`. Only after the merge.
    pub by_time: Vec<(u64, Fork)>,
    /// The block in which the DAO's balances were moved, if the chain did so.
    pub dao_block: Option<u64>,
}

impl ForkSchedule {
    /// Ethereum mainnet.
    pub fn mainnet() -> Self {
        Self {
            by_block: vec![
                (0, Fork::Frontier),
                (1_150_000, Fork::Homestead),
                (2_463_000, Fork::Tangerine),
                (2_675_000, Fork::SpuriousDragon),
                (4_370_000, Fork::Byzantium),
                (7_280_000, Fork::Petersburg),
                (9_069_000, Fork::Istanbul),
                (12_244_000, Fork::Berlin),
                (12_965_000, Fork::London),
                (15_537_394, Fork::Merge),
            ],
            by_time: vec![
                (1_681_338_455, Fork::Shanghai),
                (1_710_338_135, Fork::Cancun),
                (1_746_612_311, Fork::Prague),
                (1_764_798_551, Fork::Osaka),
            ],
            dao_block: Some(1_920_000),
        }
    }

    /// The fork active in the block of this height and time.
    ///
    /// A schedule without an entry for the block gives [`Fork::Frontier`].
    pub fn fork_at(&self, number: u64, timestamp: u64) -> Fork {
        let last_active = |list: &[(u64, Fork)], at: u64| {
            list.iter().take_while(|(from, _)| *from <= at).map(|(_, fork)| *fork).last()
        };
        let by_block = last_active(&self.by_block, number);
        let by_time = last_active(&self.by_time, timestamp);
        by_time.max(by_block).unwrap_or(Fork::Frontier)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn finds_mainnet_forks_on_both_sides_of_their_borders() {
        let mainnet = ForkSchedule::mainnet();
        assert_eq!(mainnet.fork_at(0, 0), Fork::Frontier);
        assert_eq!(mainnet.fork_at(1_149_999, 0), Fork::Frontier);
        assert_eq!(mainnet.fork_at(1_150_000, 0), Fork::Homestead);
        assert_eq!(mainnet.fork_at(12_964_999, 1_628_166_812), Fork::Berlin);
        assert_eq!(mainnet.fork_at(12_965_000, 1_628_166_822), Fork::London);
        assert_eq!(mainnet.fork_at(17_034_869, 1_681_338_443), Fork::Merge);
        assert_eq!(mainnet.fork_at(17_034_870, 1_681_338_455), Fork::Shanghai);
        assert_eq!(mainnet.fork_at(19_426_587, 1_710_338_135), Fork::Cancun);
    }
}
