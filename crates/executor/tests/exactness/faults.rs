//! States that fail, and executing a block in every way when it may end in an error.

use crate::scene::{Scene, THREADS, executor};
use alloy_primitives::{Address, B256, U256};
use core::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use heddle_executor::{
    Block, BlockError, BlockOutput, MemoryState, Way,
    revm::{
        DatabaseRef, bytecode::Bytecode, database_interface::DBErrorMarker, state::AccountInfo,
    },
};
use heddle_types::AccessList;

/// The list that the optimistic way makes of a block that can be executed.
pub(crate) fn optimistic_list(scene: &Scene) -> AccessList {
    let output = executor(1).execute(&scene.block(), &scene.state, Way::Optimistic);
    let output = output.unwrap_or_else(|error| panic!("{error}"));
    output.access_list.expect("the optimistic way makes a list")
}

/// What each way gave, with its name.
pub(crate) type Results<E> = Vec<(String, Result<BlockOutput, BlockError<E>>)>;

/// Executes in every way on every number of threads, also along `list`, and names the ways.
pub(crate) fn every_way<DB: DatabaseRef<Error: 'static> + Sync>(
    block: &Block<'_>,
    state: &DB,
    list: Option<&AccessList>,
) -> Results<DB::Error> {
    let mut results = Vec::new();
    for threads in THREADS {
        let mut executor = executor(threads);
        let guided = list.map(|list| ("guided", Way::Guided(list)));
        let ways = [("sequential", Way::Sequential), ("optimistic", Way::Optimistic)];
        for (name, way) in ways.into_iter().chain(guided) {
            let result = executor.execute(block, state, way);
            results.push((format!("{name} on {threads} threads"), result));
        }
    }
    results
}

/// What a state fails at.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Fault {
    Account(Address),
    Slot(Address, U256),
    Code(B256),
    BlockHash(u64),
    /// All reads from this one on.
    Read(usize),
    Nothing,
}

/// How a state fails.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Manner {
    Error,
    Panic,
}

/// A state that fails at something.
pub(crate) struct Faulty<'s> {
    pub(crate) state: &'s MemoryState,
    pub(crate) fault: Fault,
    pub(crate) manner: Manner,
    reads: AtomicUsize,
    failures: AtomicUsize,
}

/// The failure of a [`Faulty`] state.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Broken;

impl core::fmt::Display for Broken {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str("the disk is broken")
    }
}

impl core::error::Error for Broken {}
impl DBErrorMarker for Broken {}

impl<'s> Faulty<'s> {
    pub(crate) fn new(state: &'s MemoryState, fault: Fault, manner: Manner) -> Self {
        let (reads, failures) = (AtomicUsize::new(0), AtomicUsize::new(0));
        Self { state, fault, manner, reads, failures }
    }

    pub(crate) fn reads(&self) -> usize {
        self.reads.load(Relaxed)
    }

    pub(crate) fn failures(&self) -> usize {
        self.failures.load(Relaxed)
    }

    fn read(&self, is_fault: impl Fn(Fault) -> bool) -> Result<(), Broken> {
        let read = self.reads.fetch_add(1, Relaxed);
        let fails = match self.fault {
            Fault::Read(first) => read >= first,
            fault => is_fault(fault),
        };
        if !fails {
            return Ok(());
        }
        self.failures.fetch_add(1, Relaxed);
        match self.manner {
            Manner::Error => Err(Broken),
            // As a panic, but without its report among the test's output.
            Manner::Panic => std::panic::resume_unwind(Box::new("the disk is on fire")),
        }
    }
}

impl DatabaseRef for Faulty<'_> {
    type Error = Broken;

    fn basic_ref(&self, address: Address) -> Result<Option<AccountInfo>, Broken> {
        self.read(|fault| matches!(fault, Fault::Account(at) if at == address))?;
        Ok(self.state.basic_ref(address).unwrap_or_default())
    }

    fn code_by_hash_ref(&self, code_hash: B256) -> Result<Bytecode, Broken> {
        self.read(|fault| matches!(fault, Fault::Code(at) if at == code_hash))?;
        Ok(self.state.code_by_hash_ref(code_hash).unwrap_or_default())
    }

    fn storage_ref(&self, address: Address, index: U256) -> Result<U256, Broken> {
        self.read(|fault| matches!(fault, Fault::Slot(at, key) if (at, key) == (address, index)))?;
        Ok(self.state.storage_ref(address, index).unwrap_or_default())
    }

    fn block_hash_ref(&self, number: u64) -> Result<B256, Broken> {
        self.read(|fault| matches!(fault, Fault::BlockHash(at) if at == number))?;
        Ok(self.state.block_hash_ref(number).unwrap_or_default())
    }
}
