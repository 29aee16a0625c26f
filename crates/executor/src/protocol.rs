//! What the protocol itself does to the state, before the first transaction and after the last.

use crate::{Block, BlockError, dao};
use alloy_eips::{eip2935, eip4788, eip6110, eip7002, eip7251};
use alloy_primitives::{Address, B256, Bytes, TxKind, U256, b256};
use heddle_types::{Fork, Receipt};
use revm::{
    context::{
        TxEnv,
        result::{ExecutionResult, HaltReason},
    },
    handler::{SystemCallTx, system_call::SYSTEM_ADDRESS},
};

/// Wei in one gwei, the unit of withdrawals.
const GWEI: u64 = 1_000_000_000;

/// Wei in one ether.
const ETHER: u128 = 1_000_000_000_000_000_000;

/// A call that the protocol makes in the name of [`SYSTEM_ADDRESS`].
#[derive(Clone, Debug)]
pub(crate) struct SystemCall {
    pub(crate) contract: Address,
    pub(crate) transaction: TxEnv,
    /// The EIP-7685 type of the requests that it returns; such a contract must exist and succeed.
    pub(crate) request_type: Option<u8>,
}

impl SystemCall {
    fn new(contract: Address, data: Bytes, request_type: Option<u8>) -> Self {
        let transaction = TxEnv::new_system_tx_with_caller(SYSTEM_ADDRESS, contract, data);
        debug_assert_eq!(transaction.kind, TxKind::Call(contract));
        Self { contract, transaction, request_type }
    }

    /// The request that the call returned, if it returned one.
    ///
    /// A call that returns no requests may fail (EIP-4788: "the call must fail silently").
    pub(crate) fn request<E: std::error::Error + 'static>(
        &self,
        result: &ExecutionResult<HaltReason>,
    ) -> Result<Option<Bytes>, BlockError<E>> {
        let Some(request_type) = self.request_type else { return Ok(None) };
        let failed = |reason: String| BlockError::SystemCall { address: self.contract, reason };
        match result {
            ExecutionResult::Success { output, .. } => Ok(request(request_type, output.data())),
            ExecutionResult::Revert { output, .. } => {
                Err(failed(format!("it reverted with {output}")))
            }
            ExecutionResult::Halt { reason, .. } => Err(failed(format!("it halted: {reason:?}"))),
        }
    }

    /// The error of a contract that must exist and does not.
    pub(crate) fn no_code<E: std::error::Error + 'static>(&self) -> BlockError<E> {
        let reason =
            "it has no code; deploy it in the genesis of a chain with this fork".to_owned();
        BlockError::SystemCall { address: self.contract, reason }
    }
}

/// One operation of the protocol's own on the state.
#[derive(Clone, Debug)]
pub(crate) enum Operation {
    Call(Box<SystemCall>),
    /// Adds to a balance, in wei.
    Pay(Address, U256),
    /// Moves the whole balance of one account to another (EIP-779).
    Drain(Address, Address),
}

/// Everything that the protocol does before the first transaction.
pub(crate) fn operations_before(block: &Block<'_>) -> Vec<Operation> {
    let calls = calls_before(block).into_iter().map(|call| Operation::Call(Box::new(call)));
    let drains = drained(block).iter().map(|from| Operation::Drain(*from, dao::BENEFICIARY));
    calls.chain(drains).collect()
}

/// Everything that the protocol does after the last transaction.
pub(crate) fn operations_after(block: &Block<'_>) -> Vec<Operation> {
    let payments = payments_after(block).into_iter().map(|(to, amount)| Operation::Pay(to, amount));
    let calls = calls_after(block).into_iter().map(|call| Operation::Call(Box::new(call)));
    payments.chain(calls).collect()
}

/// The calls before the first transaction.
pub(crate) fn calls_before(block: &Block<'_>) -> Vec<SystemCall> {
    let mut calls = Vec::new();
    if !block.protocol_operations || block.env.number.is_zero() {
        return calls;
    }
    if let Some(root) = block.parent_beacon_block_root.filter(|_| block.fork >= Fork::Cancun) {
        calls.push(SystemCall::new(eip4788::BEACON_ROOTS_ADDRESS, root.into(), None));
    }
    if let Some(hash) = block.parent_hash.filter(|_| block.fork >= Fork::Prague) {
        calls.push(SystemCall::new(eip2935::HISTORY_STORAGE_ADDRESS, hash.into(), None));
    }
    calls
}

/// The calls after the last transaction, in the order of their requests.
pub(crate) fn calls_after(block: &Block<'_>) -> Vec<SystemCall> {
    if !block.protocol_operations || block.fork < Fork::Prague {
        return Vec::new();
    }
    [
        (eip7002::WITHDRAWAL_REQUEST_PREDEPLOY_ADDRESS, eip7002::WITHDRAWAL_REQUEST_TYPE),
        (eip7251::CONSOLIDATION_REQUEST_PREDEPLOY_ADDRESS, eip7251::CONSOLIDATION_REQUEST_TYPE),
    ]
    .map(|(contract, kind)| SystemCall::new(contract, Bytes::new(), Some(kind)))
    .into()
}

/// The accounts whose whole balances go to [`dao::BENEFICIARY`] before the first transaction.
pub(crate) fn drained(block: &Block<'_>) -> &'static [Address] {
    if block.dao_fork { &dao::DRAINED } else { &[] }
}

/// What is paid after the last transaction: withdrawals, or the rewards of proof of work.
pub(crate) fn payments_after(block: &Block<'_>) -> Vec<(Address, U256)> {
    if !block.protocol_operations {
        return Vec::new();
    }
    if block.fork >= Fork::Shanghai {
        let pay = |amount: u64| U256::from(amount) * U256::from(GWEI);
        return block.withdrawals.iter().map(|w| (w.address, pay(w.amount))).collect();
    }
    if block.fork >= Fork::Merge {
        return Vec::new();
    }
    let reward = U256::from(match block.fork {
        fork if fork >= Fork::Petersburg => 2 * ETHER, // EIP-1234
        fork if fork >= Fork::Byzantium => 3 * ETHER,  // EIP-649
        _ => 5 * ETHER,
    });
    let mut payments = Vec::with_capacity(block.ommers.len() + 1);
    for ommer in block.ommers {
        let distance = block.env.number.saturating_sub(U256::from(ommer.number));
        let share = U256::from(8).saturating_sub(distance) * reward / U256::from(8);
        payments.push((ommer.beneficiary, share));
    }
    let for_ommers = reward / U256::from(32) * U256::from(block.ommers.len());
    payments.push((block.env.beneficiary, reward + for_ommers));
    payments
}

/// Topic of `DepositEvent(bytes,bytes,bytes,bytes,bytes)` (EIP-6110).
const DEPOSIT_EVENT: B256 =
    b256!("649bbc62d0e31342afea4e5cd82d4049e7e1ee912fc0889aa790803be39038c5");

/// Where the five fields of a deposit stand in the event's data: `(offset word, start, length)`.
const DEPOSIT_FIELDS: [(u64, usize, usize); 5] =
    [(160, 192, 48), (256, 288, 32), (320, 352, 8), (384, 416, 96), (512, 544, 8)];

/// The deposit requests that the receipts hold (EIP-6110), if any.
pub(crate) fn deposit_requests<E: std::error::Error + 'static>(
    block: &Block<'_>,
    receipts: &[Receipt],
) -> Result<Option<Bytes>, BlockError<E>> {
    if !block.protocol_operations || block.fork < Fork::Prague {
        return Ok(None);
    }
    let mut deposits = Vec::new();
    for log in receipts.iter().flat_map(|receipt| &receipt.logs) {
        if log.address != block.deposit_contract || log.topics().first() != Some(&DEPOSIT_EVENT) {
            continue;
        }
        append_deposit(&log.data.data, &mut deposits).ok_or_else(|| BlockError::SystemCall {
            address: block.deposit_contract,
            reason: "it logged a deposit that is not laid out as EIP-6110 says".to_owned(),
        })?;
    }
    Ok(request(eip6110::DEPOSIT_REQUEST_TYPE, &deposits))
}

/// Appends one deposit, or returns `None` for data in another layout than the contract's own.
fn append_deposit(data: &[u8], out: &mut Vec<u8>) -> Option<()> {
    if data.len() != 576 {
        return None;
    }
    for (field, (offset, start, length)) in DEPOSIT_FIELDS.into_iter().enumerate() {
        let word = |at: usize| U256::from_be_slice(&data[at..at + 32]);
        let well_formed =
            word(field * 32) == U256::from(offset) && word(start - 32) == U256::from(length);
        if !well_formed {
            return None;
        }
        out.extend_from_slice(&data[start..start + length]);
    }
    Some(())
}

/// A typed request (EIP-7685); empty ones are left out of the block.
fn request(request_type: u8, data: &[u8]) -> Option<Bytes> {
    (!data.is_empty()).then(|| {
        let mut bytes = Vec::with_capacity(data.len() + 1);
        bytes.push(request_type);
        bytes.extend_from_slice(data);
        bytes.into()
    })
}
