//! One simulated block.

use super::{Limits, Request, SimulateError, Simulated, plan::Planned, transfers::CallLogs};
use crate::{
    Block as ExecutorBlock, Overlay,
    call::{
        CallError, Checks, Environment, Outcome, begin_block, call_inspected, codes, commit,
        end_block, message,
    },
    failure::revert_message,
    receipts::{BloomMaker, Executed},
    tracing::{TRACE_BYTES_MAX, events::Events},
};
use alloy_consensus::{
    BlockBody, SignableTransaction, TxEip1559, TxEip4844, TxEip7702, TxLegacy,
    constants::{EMPTY_OMMER_ROOT_HASH, EMPTY_ROOT_HASH},
    proofs::{
        calculate_transaction_root, calculate_withdrawals_root, ordered_trie_root_with_encoder,
    },
};
use alloy_eips::{
    eip1559::{BaseFeeParams, INITIAL_BASE_FEE},
    eip7685::Requests,
};
use alloy_primitives::{Address, B256, Bloom, Bytes, Signature, U256};
use alloy_rpc_types_eth::{
    Log, TransactionRequest,
    simulate::{SimCallResult, SimulateError as CallFailure},
};
use heddle_types::{Block, ChainSpec, ChangeSet, Fork, Header, Receipt, Transaction};
use revm::{
    DatabaseRef,
    context::{
        BlockEnv, Transaction as _, TransactionType, TxEnv, either::Either, result::ExecutionResult,
    },
    context_interface::block::BlobExcessGasAndPrice,
};

/// A block that is about to be executed.
pub(super) struct BlockRun<'r> {
    pub(super) request: &'r Request,
    pub(super) spec: &'r ChainSpec,
    pub(super) limits: &'r Limits,
    pub(super) parent: &'r Header,
    pub(super) planned: Planned<'r>,
}

/// What has been done of a block.
#[derive(Default)]
struct Done {
    transactions: Vec<Transaction>,
    senders: Vec<Address>,
    calls: Vec<SimCallResult>,
    receipts: Vec<Receipt>,
    gas_used: u64,
    blob_gas_used: u64,
    log_index: u64,
}

type RunResult<T, DB, R> = Result<T, SimulateError<<DB as DatabaseRef>::Error, R>>;

impl BlockRun<'_> {
    /// Executes the block on `state`.
    pub(super) fn execute<DB, R>(
        mut self,
        state: &mut Overlay<DB>,
        gas_left: &mut u64,
        state_root: &mut dyn FnMut(&ChangeSet) -> Result<B256, R>,
    ) -> RunResult<Simulated, DB, R>
    where
        DB: DatabaseRef<Error: 'static>,
        R: std::error::Error + 'static,
    {
        self.complete_header();
        let mut environment = self.environment()?;
        let overridden = state
            .override_state(&self.planned.request.state_overrides, &mut environment.precompiles);
        overridden.map_err(SimulateError::Override)?;
        let block = self.block(&environment);
        let interrupt = &self.limits.interrupt;
        begin_block(state, &environment, &block, interrupt).map_err(SimulateError::Call)?;
        let mut done = Done::default();
        for call in &self.planned.request.calls {
            self.call(state, &environment, call, gas_left, &mut done)?;
        }
        let requests = end_block(state, &environment, &block, &done.receipts, interrupt)
            .map_err(SimulateError::Call)?;
        let changes = state.take_changes();
        let root = state_root(&changes).map_err(SimulateError::Root)?;
        Ok(self.seal(done, requests, changes, root))
    }

    /// Fills in what depends on the parent.
    fn complete_header(&mut self) {
        let (fork, parent) = (self.planned.fork, self.parent);
        let header = &mut self.planned.header;
        header.parent_hash = parent.hash_slow();
        if fork >= Fork::London && header.base_fee_per_gas.is_none() {
            // Without validation a gas price of zero is the rule, and must cover the base fee.
            let base_fee = match self.request.validation {
                true => parent
                    .next_block_base_fee(BaseFeeParams::ethereum())
                    .unwrap_or(INITIAL_BASE_FEE),
                false => 0,
            };
            header.base_fee_per_gas = Some(base_fee);
        }
        if fork >= Fork::Cancun {
            let params = self.spec.blob_params_at(header.timestamp);
            let excess = params.and_then(|params| parent.next_block_excess_blob_gas(params));
            header.excess_blob_gas = Some(excess.unwrap_or_default());
        }
    }

    fn environment<E, R>(&self) -> Result<Environment, SimulateError<E, R>>
    where
        E: std::error::Error + 'static,
        R: std::error::Error + 'static,
    {
        let Planned { request, fork, header } = &self.planned;
        let params = self.spec.blob_params_at(header.timestamp);
        let mut blobs = header.excess_blob_gas.map(|excess_blob_gas| BlobExcessGasAndPrice {
            excess_blob_gas,
            blob_gasprice: params.map_or(1, |params| params.calc_blob_fee(excess_blob_gas)),
        });
        if let (Some(fee), Some(blobs)) = (request.block_overrides.header.blob_base_fee, &mut blobs)
        {
            blobs.blob_gasprice =
                fee.try_into().map_err(|_| SimulateError::Field("blobBaseFee"))?;
        }
        let block = BlockEnv {
            number: U256::from(header.number),
            beneficiary: header.beneficiary,
            timestamp: U256::from(header.timestamp),
            gas_limit: header.gas_limit,
            basefee: header.base_fee_per_gas.unwrap_or_default(),
            difficulty: header.difficulty,
            prevrandao: (*fork >= Fork::Merge).then_some(header.mix_hash),
            blob_excess_gas_and_price: blobs,
            slot_num: 0,
        };
        let validation = self.request.validation;
        let checks = Checks { nonce: validation, base_fee: validation, ..Checks::MESSAGE };
        let mut environment =
            Environment::new(*fork, self.spec.chain_id, block).with_checks(checks);
        environment.memory_bytes_max = self.limits.memory_bytes_max;
        environment.code_size_max = self.spec.code_size_max;
        Ok(environment)
    }

    /// The block as the protocol's own operations see it.
    fn block(&self, environment: &Environment) -> ExecutorBlock<'_> {
        let Planned { request, fork, header } = &self.planned;
        let withdrawals = request.block_overrides.withdrawals.as_deref().unwrap_or_default();
        ExecutorBlock {
            parent_hash: Some(header.parent_hash),
            parent_beacon_block_root: header.parent_beacon_block_root,
            withdrawals,
            protocol_operations: true,
            deposit_contract: self.spec.deposit_contract,
            ..ExecutorBlock::new(*fork, self.spec.chain_id, environment.block.clone(), &[])
        }
    }

    fn call<DB, R>(
        &self,
        state: &mut Overlay<DB>,
        environment: &Environment,
        request: &TransactionRequest,
        gas_left: &mut u64,
        done: &mut Done,
    ) -> RunResult<(), DB, R>
    where
        DB: DatabaseRef<Error: 'static>,
        R: std::error::Error + 'static,
    {
        let remaining = environment.block.gas_limit.saturating_sub(done.gas_used);
        let mut transaction = message(request, environment, remaining)?;
        if request.nonce.is_none() {
            let sender = state.account(transaction.caller);
            let sender = sender.map_err(|error| SimulateError::Call(CallError::Database(error)))?;
            transaction.nonce = sender.map_or(0, |sender| sender.nonce);
        }
        let required = transaction.gas_limit;
        if remaining < required {
            return Err(SimulateError::BlockGas { remaining, required });
        }
        transaction.gas_limit = required.min(*gas_left);
        let capped = transaction.gas_limit < required;
        let mut logs = CallLogs::new(self.request.trace_transfers, done.log_index);
        let outcome = self.run(state, environment, &transaction, &mut logs)?;
        commit(state, environment, &outcome).map_err(SimulateError::Call)?;
        let used = outcome.result.tx_gas_used();
        let left = gas_left.checked_sub(used);
        *gas_left = left.ok_or(SimulateError::GasCap { need: used, remaining: *gas_left })?;
        done.add(&transaction, outcome, logs, capped);
        Ok(())
    }

    fn run<DB, R>(
        &self,
        state: &mut Overlay<DB>,
        environment: &Environment,
        transaction: &TxEnv,
        logs: &mut CallLogs,
    ) -> RunResult<Outcome, DB, R>
    where
        DB: DatabaseRef<Error: 'static>,
        R: std::error::Error + 'static,
    {
        let events = Events::new(logs, 0, TRACE_BYTES_MAX);
        let interrupt = &self.limits.interrupt;
        let outcome = call_inspected(state, environment, transaction, interrupt, events);
        outcome.map_err(|error| match error {
            CallError::Refused(refusal) => SimulateError::Refused {
                message: refusal.message_for_call(transaction.gas_limit),
                refusal: Box::new(refusal),
            },
            other => SimulateError::Call(other),
        })
    }

    /// The block with its header, once everything has run.
    fn seal(self, done: Done, requests: Vec<Bytes>, changes: ChangeSet, root: B256) -> Simulated {
        let Planned { request, fork, mut header } = self.planned;
        header.ommers_hash = EMPTY_OMMER_ROOT_HASH;
        header.state_root = root;
        header.transactions_root = calculate_transaction_root(&done.transactions);
        header.receipts_root = match done.receipts.as_slice() {
            [] => EMPTY_ROOT_HASH,
            receipts => {
                ordered_trie_root_with_encoder(receipts, |receipt, out| receipt.encode_2718(out))
            }
        };
        let blooms = done.receipts.iter().map(|receipt| receipt.bloom);
        header.logs_bloom = blooms.fold(Bloom::ZERO, |all, bloom| all | bloom);
        header.gas_used = done.gas_used;
        header.blob_gas_used = (fork >= Fork::Cancun).then_some(done.blob_gas_used);
        let withdrawals = (fork >= Fork::Shanghai)
            .then(|| request.block_overrides.withdrawals.clone().unwrap_or_default());
        header.withdrawals_root =
            withdrawals.as_ref().map(|withdrawals| calculate_withdrawals_root(withdrawals));
        header.requests_hash =
            (fork >= Fork::Prague).then(|| Requests::new(requests.clone()).requests_hash());
        let hash = header.hash_slow();
        let mut calls = done.calls;
        for log in calls.iter_mut().flat_map(|call| &mut call.logs) {
            log.block_hash = Some(hash);
            log.block_number = Some(header.number);
            log.block_timestamp = Some(header.timestamp);
        }
        let body = BlockBody {
            transactions: done.transactions,
            ommers: Vec::new(),
            withdrawals: withdrawals.map(Into::into),
        };
        Simulated {
            block: Block::new(header, body),
            hash,
            senders: done.senders,
            calls,
            receipts: done.receipts,
            requests,
            changes,
        }
    }
}

impl Done {
    fn add(&mut self, transaction: &TxEnv, outcome: Outcome, logs: CallLogs, capped: bool) {
        let index = self.transactions.len() as u64;
        let unsigned = transaction_of(transaction);
        let hash = *unsigned.tx_hash();
        let log = |(log, place): (alloy_primitives::Log, u64)| Log {
            inner: log,
            transaction_hash: Some(hash),
            transaction_index: Some(index),
            log_index: Some(place),
            ..Log::default()
        };
        let result = outcome.result;
        let gas = result.gas();
        let call = SimCallResult {
            // What a reverted call returned is the data of its error.
            return_data: result
                .output()
                .filter(|_| result.is_success())
                .cloned()
                .unwrap_or_default(),
            logs: logs.logs.into_iter().map(log).collect(),
            gas_used: gas.tx_gas_used(),
            max_used_gas: Some(gas.total_gas_spent().max(gas.floor_gas())),
            status: result.is_success(),
            error: failure(&result, logs.error, capped),
        };
        self.log_index = logs.next_index;
        let executed = Executed::new(result, U256::ZERO);
        let bloom = BloomMaker::new().bloom(&executed.logs);
        let before = self.gas_used;
        self.gas_used += executed.gas_used;
        self.blob_gas_used += transaction.total_blob_gas();
        self.receipts.push(executed.receipt(transaction.tx_type, before, bloom));
        self.transactions.push(unsigned);
        self.senders.push(transaction.caller);
        self.calls.push(call);
    }
}

fn failure(result: &ExecutionResult, error: Option<String>, capped: bool) -> Option<CallFailure> {
    match result {
        ExecutionResult::Success { .. } => None,
        ExecutionResult::Revert { output, .. } => Some(CallFailure {
            code: codes::REVERTED,
            message: revert_message(output),
            data: Some(output.clone()),
        }),
        ExecutionResult::Halt { reason, .. } => {
            let mut message = error.unwrap_or_else(|| crate::failure::halt_message(reason));
            if capped {
                message += " (gas limit was capped by the RPC server's global gas cap)";
            }
            Some(CallFailure { code: codes::VM_ERROR, message, data: None })
        }
    }
}

/// The transaction as it stands in the block, with a signature of zeros.
fn transaction_of(tx: &TxEnv) -> Transaction {
    let signature = Signature::new(U256::ZERO, U256::ZERO, false);
    let to = tx.kind.to().copied().unwrap_or_default();
    let chain_id = tx.chain_id.unwrap_or_default();
    let tip = tx.gas_priority_fee.unwrap_or_default();
    match TransactionType::from(tx.tx_type) {
        TransactionType::Eip7702 => TxEip7702 {
            chain_id,
            nonce: tx.nonce,
            gas_limit: tx.gas_limit,
            max_fee_per_gas: tx.gas_price,
            max_priority_fee_per_gas: tip,
            to,
            value: tx.value,
            access_list: tx.access_list.clone(),
            authorization_list: tx
                .authorization_list
                .iter()
                .filter_map(|authorization| match authorization {
                    Either::Left(signed) => Some(signed.clone()),
                    Either::Right(_) => None,
                })
                .collect(),
            input: tx.data.clone(),
        }
        .into_signed(signature)
        .into(),
        TransactionType::Eip4844 => TxEip4844 {
            chain_id,
            nonce: tx.nonce,
            gas_limit: tx.gas_limit,
            max_fee_per_gas: tx.gas_price,
            max_priority_fee_per_gas: tip,
            to,
            value: tx.value,
            access_list: tx.access_list.clone(),
            blob_versioned_hashes: tx.blob_hashes.clone(),
            max_fee_per_blob_gas: tx.max_fee_per_blob_gas,
            input: tx.data.clone(),
        }
        .into_signed(signature)
        .into(),
        TransactionType::Eip1559 => TxEip1559 {
            chain_id,
            nonce: tx.nonce,
            gas_limit: tx.gas_limit,
            max_fee_per_gas: tx.gas_price,
            max_priority_fee_per_gas: tip,
            to: tx.kind,
            value: tx.value,
            access_list: tx.access_list.clone(),
            input: tx.data.clone(),
        }
        .into_signed(signature)
        .into(),
        // geth makes a plain transaction of every call with a gas price.
        _ => TxLegacy {
            chain_id: None,
            nonce: tx.nonce,
            gas_price: tx.gas_price,
            gas_limit: tx.gas_limit,
            to: tx.kind,
            value: tx.value,
            input: tx.data.clone(),
        }
        .into_signed(signature)
        .into(),
    }
}
