//! The contracts of the protocol itself, and the calls from which requests arise (EIP-7685).

use alloy_eips::{eip2935, eip4788, eip6110, eip7002, eip7251};
use alloy_primitives::{Address, B256, Bytes, U256, b256};
use heddle_executor::{
    MemoryAccount, MemoryState,
    revm::bytecode::{Bytecode, opcode as op},
};
use heddle_types::Fork;

/// Topic of `DepositEvent(bytes,bytes,bytes,bytes,bytes)` (EIP-6110).
const DEPOSIT_EVENT: B256 =
    b256!("649bbc62d0e31342afea4e5cd82d4049e7e1ee912fc0889aa790803be39038c5");

/// The fields of a deposit in its event's data: where each one's length stands, and its length.
const DEPOSIT_FIELDS: [(u16, u16); 5] = [(160, 48), (256, 32), (320, 8), (384, 96), (512, 8)];
const DEPOSIT_LENGTH: u16 = 576;

/// A kind of request, and so the contract that takes it.
#[derive(Clone, Copy)]
pub(crate) enum Request {
    Deposit,
    Withdrawal,
    Consolidation,
}

impl Request {
    pub(crate) fn contract(self) -> Address {
        match self {
            Self::Deposit => eip6110::MAINNET_DEPOSIT_CONTRACT_ADDRESS,
            Self::Withdrawal => eip7002::WITHDRAWAL_REQUEST_PREDEPLOY_ADDRESS,
            Self::Consolidation => eip7251::CONSOLIDATION_REQUEST_PREDEPLOY_ADDRESS,
        }
    }

    /// Call data that the contract makes a request of, filled with `byte`.
    pub(crate) fn data(self, byte: u8) -> Bytes {
        match self {
            Self::Deposit => deposit(byte).into(),
            Self::Withdrawal => vec![byte; 56].into(),
            Self::Consolidation => vec![byte; 96].into(),
        }
    }
}

/// The data of a deposit's event.
fn deposit(byte: u8) -> Vec<u8> {
    let mut data = vec![0; usize::from(DEPOSIT_LENGTH)];
    for (field, (start, length)) in DEPOSIT_FIELDS.into_iter().enumerate() {
        let mut word = |at: usize, value: u16| {
            data[at + 30..at + 32].copy_from_slice(&value.to_be_bytes());
        };
        word(field * 32, start);
        word(usize::from(start), length);
        let start = usize::from(start) + 32;
        data[start..start + usize::from(length)].fill(byte);
    }
    data
}

/// In place of the deposit contract: it logs call data of a deposit's length as the event, and
/// checks nothing.
fn deposit_code() -> Vec<u8> {
    let [high, low] = DEPOSIT_LENGTH.to_be_bytes();
    let mut code = vec![op::CALLDATASIZE, op::PUSH2, high, low, op::EQ, op::PUSH1, 9, op::JUMPI];
    code.extend([op::STOP, op::JUMPDEST]);
    code.extend([op::CALLDATASIZE, op::PUSH1, 0, op::DUP1, op::CALLDATACOPY, op::PUSH32]);
    code.extend_from_slice(DEPOSIT_EVENT.as_slice());
    code.extend([op::CALLDATASIZE, op::PUSH1, 0, op::LOG1, op::STOP]);
    code
}

/// Adds the contracts that the protocol calls in a block of `fork`. `excess` is the number of
/// requests by which the queues ran over, on which the fee of the next depends; the largest number
/// is that of a contract which has not been called by the protocol yet, and takes none.
pub(crate) fn add_contracts(state: &mut MemoryState, fork: Fork, excess: U256) {
    let mut add = |address, code: Bytes, storage: &[(u64, U256)]| {
        let code_hash = state.add_code(Bytecode::new_raw(code));
        let mut account = MemoryAccount { code_hash, nonce: 1, ..MemoryAccount::default() };
        account.storage.extend(storage.iter().map(|(slot, value)| (U256::from(*slot), *value)));
        state.accounts.insert(address, account);
    };
    if fork >= Fork::Cancun {
        add(eip4788::BEACON_ROOTS_ADDRESS, eip4788::BEACON_ROOTS_CODE.clone(), &[]);
    }
    if fork < Fork::Prague {
        return;
    }
    add(eip2935::HISTORY_STORAGE_ADDRESS, eip2935::HISTORY_STORAGE_CODE.clone(), &[]);
    add(Request::Deposit.contract(), deposit_code().into(), &[]);
    let excess: &[(u64, U256)] = if excess.is_zero() { &[] } else { &[(0, excess)] };
    let withdrawal = eip7002::WITHDRAWAL_REQUEST_PREDEPLOY_CODE.clone();
    add(Request::Withdrawal.contract(), withdrawal, excess);
    let consolidation = eip7251::CONSOLIDATION_REQUEST_PREDEPLOY_CODE.clone();
    add(Request::Consolidation.contract(), consolidation, excess);
}
