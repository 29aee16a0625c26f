//! What must hold of each final block, whoever says that it is final.

use alloy_primitives::{Address, B256, U256};
use heddle_chain::Chain;
use heddle_consensus::Proposal;
use heddle_storage::{Database, Options};
use heddle_types::Genesis;
use std::{collections::BTreeSet, fmt};

/// What does not hold.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Violation {
    /// The property, as P1 to P10 of the network's design.
    pub property: &'static str,
    /// What was seen.
    pub what: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.property, self.what)
    }
}

pub(crate) fn violation(property: &'static str, what: impl fmt::Display) -> Violation {
    Violation { property, what: what.to_string() }
}

/// A chain of its own that executes each final block one transaction after the other, without access
/// list, and compares.
pub(crate) struct Judge {
    chain: Chain,
    /// All accounts that were ever touched: nobody else has anything.
    touched: BTreeSet<Address>,
    supply: U256,
    pub(crate) lists_compared: u64,
}

impl Judge {
    pub(crate) fn new(genesis: &Genesis) -> Self {
        let folder = std::env::temp_dir();
        let database = Database::ephemeral(&folder, options()).expect("a file can be made");
        let chain = Chain::open(database, genesis, chain_settings());
        let chain = chain.expect("the genesis is made by the simulator");
        let touched: BTreeSet<_> = genesis.alloc.keys().copied().collect();
        let supply = genesis.alloc.values().map(|account| account.balance).sum();
        Self { chain, touched, supply, lists_compared: 0 }
    }

    /// The last block that was judged.
    pub(crate) fn height(&self) -> u64 {
        self.chain.reader().head().number
    }

    pub(crate) fn hash_of(&self, number: u64) -> Option<B256> {
        self.chain.reader().hash_of(number).ok().flatten()
    }

    pub(crate) fn has_transaction(&self, hash: B256) -> bool {
        self.chain.reader().transaction_place(hash).is_ok_and(|place| place.is_some())
    }

    pub(crate) fn reader(&self) -> heddle_chain::ChainReader {
        self.chain.reader()
    }

    /// Judges the next final block.
    pub(crate) fn next(&mut self, proposal: &Proposal) -> Result<(), Violation> {
        let number = proposal.number();
        let fail = |property, what: &dyn fmt::Display| {
            Err(violation(property, format!("final block {number}: {what}")))
        };
        let (block, list) = match proposal.decode() {
            Ok(decoded) => decoded,
            Err(error) => return fail("P2", &error),
        };
        let recovered = match self.chain.recover(block) {
            Ok(recovered) => recovered,
            Err(error) => return fail("P2", &error),
        };
        let executed = match self.chain.verify(recovered) {
            Ok(executed) => executed,
            Err(error) => {
                let reason = std::error::Error::source(&error).map(ToString::to_string);
                return fail("P2", &format!("{error}: {}", reason.unwrap_or_default()));
            }
        };
        let recorded = executed.recorded_list.clone().or(executed.access_list.clone());
        if let (Some(list), Some(recorded)) = (&list, &recorded) {
            self.lists_compared += 1;
            if list != recorded {
                return fail("P2", &"its access list is not what it does");
            }
        }
        self.touched.extend(recorded.iter().flatten().map(|account| account.address));
        let header = executed.block.block.block.header.clone();
        if let Err(error) = self.chain.commit(executed) {
            return fail("P2", &error);
        }
        let burnt = U256::from(header.base_fee_per_gas.unwrap_or_default());
        self.supply -= burnt * U256::from(header.gas_used);
        let reader = self.chain.reader();
        let state = reader.execution_state_at(number);
        let state = state.expect("the judge keeps all states");
        let balance = |address: &Address| {
            let account = state.account(*address).expect("the judge's store is whole");
            account.map_or(U256::ZERO, |account| account.balance)
        };
        let sum: U256 = self.touched.iter().map(balance).sum();
        if sum != self.supply {
            let what = format!("all accounts have {sum} wei, and should have {}", self.supply);
            return fail("P5", &what);
        }
        Ok(())
    }
}

pub(crate) fn options() -> Options {
    Options { cache_bytes: 1 << 20, ..Options::default() }
}

/// One thread, and nothing in the background: what happens follows from the seed.
pub(crate) fn chain_settings() -> heddle_chain::Settings {
    heddle_chain::Settings {
        threads: 1,
        parallel_gas_min: u64::MAX,
        state_cache_bytes: 1 << 20,
        settle_bytes: usize::MAX,
        ..heddle_chain::Settings::default()
    }
}
