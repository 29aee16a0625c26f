//! The one function that executes a block, for building and for verifying alike: a builder cannot
//! make what a verifier refuses.

use crate::{
    BlockError, Error, ExecutionState, Stage, StageObserver, StateError, input::BlockInput,
    prefetch::with_prefetch, records, roots, stage::ended,
};
use alloy_eip7928::{BlockAccessList, ITEM_COST, total_bal_items};
use alloy_primitives::{Address, B256, Bloom, U256, keccak256};
use heddle_executor::{BlockOutput, Executor, Final, Invalid, Way};
use heddle_state::{Layer, StateView};
use heddle_types::{AccessList, AccountChange, AccountState, ChangeSet, Fork, Receipt};
use std::{collections::BTreeMap, sync::Arc};

/// What is to be executed, on which state.
pub(crate) struct Task<'a> {
    pub(crate) input: &'a BlockInput,
    pub(crate) state: &'a ExecutionState,
    pub(crate) invalid: Invalid,
    /// The block's access list, if it came with the block.
    pub(crate) list: Option<&'a AccessList>,
    /// Threads for the roots.
    pub(crate) threads: usize,
    pub(crate) observer: Option<&'a StageObserver>,
}

/// What executing a block gives.
#[derive(Debug)]
pub(crate) struct Executed {
    pub(crate) output: BlockOutput,
    /// From Amsterdam on.
    pub(crate) access_list: Option<BlockAccessList>,
}

impl Executed {
    /// Finds out the state root and all else that a header says of the block. `before` is the state
    /// before it, and `changes` are what it changed.
    pub(crate) fn conclude(
        &self,
        fork: Fork,
        before: &StateView,
        changes: &ChangeSet,
        threads: usize,
        observer: Option<&StageObserver>,
    ) -> Result<(Arc<Layer>, Results), Error> {
        let Self { output, access_list } = self;
        let layer = Arc::new(before.apply(changes, threads)?);
        ended(observer, Stage::StateRoot);
        let hash_list = |list: &BlockAccessList| keccak256(records::access_list_bytes(list));
        let results = Results {
            state_root: layer.root(),
            receipts_root: roots::receipts_root(&output.receipts, threads),
            logs_bloom: roots::logs_bloom(&output.receipts),
            gas_used: output.gas_used,
            blob_gas_used: (fork >= Fork::Cancun).then_some(output.blob_gas_used),
            requests_hash: (fork >= Fork::Prague).then(|| roots::requests_hash(&output.requests)),
            access_list_hash: access_list.as_ref().map(hash_list),
        };
        Ok((layer, results))
    }

    /// Whether the block looked at an account, as far as that is known.
    pub(crate) fn read(&self, address: Address) -> bool {
        let before_amsterdam = self.output.access_list.as_ref().map(|list| &list.accounts);
        let list = self.access_list.as_ref().or(before_amsterdam);
        list.is_some_and(|list| {
            list.binary_search_by_key(&address, |account| account.address).is_ok()
        })
    }
}

/// What a header says of a block's execution.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Results {
    pub(crate) state_root: B256,
    pub(crate) receipts_root: B256,
    pub(crate) logs_bloom: Bloom,
    pub(crate) gas_used: u64,
    pub(crate) blob_gas_used: Option<u64>,
    pub(crate) requests_hash: Option<B256>,
    pub(crate) access_list_hash: Option<B256>,
}

/// Why a block could not be executed.
#[derive(Debug)]
pub(crate) enum Failure {
    /// The block breaks a rule.
    Block(BlockError),
    /// Something else failed.
    Other(Error),
}

impl From<Error> for Failure {
    fn from(error: Error) -> Self {
        Self::Other(error)
    }
}

impl From<BlockError> for Failure {
    fn from(error: BlockError) -> Self {
        Self::Block(error)
    }
}

impl From<heddle_state::Error> for Failure {
    fn from(error: heddle_state::Error) -> Self {
        Self::Other(error.into())
    }
}

/// Executes a block.
pub(crate) fn execute(executor: &mut Executor, task: &Task<'_>) -> Result<Executed, Failure> {
    let fork = task.input.fork;
    let mut steps = Vec::new();
    let mut output = if fork < Fork::Byzantium {
        run(executor, task, |block, executor, way| {
            let mut sink = |result: Final<'_>| steps.push(Step::new(&result));
            executor.execute_streaming(block, task.state, way, &mut sink)
        })?
    } else {
        run(executor, task, |block, executor, way| executor.execute(block, task.state, way))?
    };
    if fork < Fork::Byzantium {
        add_state_roots(executor, task, steps, &mut output.receipts)?;
    }
    let access_list = (fork >= Fork::Amsterdam).then(|| match task.list {
        Some(list) => list.accounts.clone(),
        None => output.access_list.take().unwrap_or_default().accounts,
    });
    if let Some(list) = &access_list {
        check_list_size(list, task.input.env.gas_limit)?;
    }
    ended(task.observer, Stage::Execute);
    Ok(Executed { output, access_list })
}

/// Whether a list is no larger than the block's gas can pay for (EIP-7928).
pub(crate) fn check_list_size(list: &BlockAccessList, gas_limit: u64) -> Result<(), BlockError> {
    let (items, limit) = (total_bal_items(list), gas_limit / ITEM_COST as u64);
    if items > limit { Err(BlockError::AccessListSize { items, limit }) } else { Ok(()) }
}

type ExecutorError = heddle_executor::BlockError<StateError>;

fn run(
    executor: &mut Executor,
    task: &Task<'_>,
    execute: impl FnOnce(
        &heddle_executor::Block<'_>,
        &mut Executor,
        Way<'_>,
    ) -> Result<BlockOutput, ExecutorError>
    + Send,
) -> Result<BlockOutput, Failure> {
    let way = task.list.map_or(Way::Optimistic, Way::Guided);
    let block = task.input.block(task.invalid);
    let result = with_prefetch(task, || execute(&block, executor, way));
    result.map_err(|error| failure(task, error))
}

/// Tells what is the block's fault from what is not.
fn failure(task: &Task<'_>, error: ExecutorError) -> Failure {
    use heddle_executor::BlockError as E;
    match error {
        E::InvalidTransaction { index, reason } => {
            BlockError::InvalidTransaction { index, reason }.into()
        }
        E::SystemCall { address, reason } => BlockError::SystemCall { address, reason }.into(),
        E::AccessList { place, source } => BlockError::AccessList { place, source }.into(),
        source @ (E::Database { .. } | E::Evm { .. } | E::Panic { .. }) => {
            let number = task.input.env.number.saturating_to();
            Error::Execution { number, source: Box::new(source) }.into()
        }
    }
}

/// What one transaction changed.
struct Step {
    accounts: Vec<(Address, Option<AccountState>)>,
    slots: Vec<(Address, U256, U256)>,
}

impl Step {
    fn new(result: &Final<'_>) -> Self {
        Self { accounts: result.accounts.to_vec(), slots: result.slots.to_vec() }
    }

    /// The change set, on the state before the transaction.
    fn changes(self, before: &StateView) -> Result<ChangeSet, Failure> {
        let mut changes = BTreeMap::new();
        for (address, after) in self.accounts {
            // An account that was destroyed and is there again would have been made by a later
            // transaction: within one, nothing is created where something was destroyed.
            let storage_cleared = after.is_none();
            let change = AccountChange { address, after, storage_cleared, storage: Vec::new() };
            changes.insert(address, change);
        }
        for (address, key, value) in self.slots {
            if let Some(change) = changes.get_mut(&address) {
                change.storage.push((key, value));
                continue;
            }
            let after = before.account(address)?.map(|account| AccountState {
                balance: account.balance,
                nonce: account.nonce,
                code_hash: account.code_hash,
            });
            let storage = vec![(key, value)];
            changes
                .insert(address, AccountChange { address, after, storage_cleared: false, storage });
        }
        let mut accounts: Vec<_> = changes.into_values().collect();
        accounts.iter_mut().for_each(|change| change.storage.sort_unstable());
        // The codes are no part of a root.
        Ok(ChangeSet { accounts, codes: Vec::new() })
    }
}

/// Before Byzantium each receipt has the root of the state after its transaction.
fn add_state_roots(
    executor: &mut Executor,
    task: &Task<'_>,
    steps: Vec<Step>,
    receipts: &mut [Receipt],
) -> Result<(), Failure> {
    let mut view = task.state.view().clone();
    if task.input.dao_fork && !steps.is_empty() {
        let drained = drain(executor, task)?;
        view = view.with(Arc::new(view.apply(&drained, task.threads)?));
    }
    for (step, receipt) in steps.into_iter().zip(receipts) {
        let layer = Arc::new(view.apply(&step.changes(&view)?, task.threads)?);
        receipt.state_root = Some(layer.root());
        view = view.with(layer);
    }
    Ok(())
}

/// What the block of the DAO fork does before its first transaction.
fn drain(executor: &mut Executor, task: &Task<'_>) -> Result<ChangeSet, Failure> {
    let empty = heddle_executor::Block {
        transactions: &[],
        // No reward yet.
        protocol_operations: false,
        ..task.input.block(Invalid::Reject)
    };
    let output = executor.execute(&empty, task.state, Way::Sequential);
    Ok(output.map_err(|error| failure(task, error))?.changes)
}
