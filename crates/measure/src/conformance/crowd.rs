//! The block in which a case's transaction is not alone.
//!
//! Most of its company has nothing to do with the case: that gives the parallel ways something to
//! run beside it. Some pays, reads or calls the accounts of the case: that makes it collide.

use super::fixture::{Case, Prepared};
use alloy_primitives::{Address, Bytes, TxKind, U256, hex, keccak256};
use heddle_executor::{
    Block, MemoryAccount, MemoryState,
    revm::{bytecode::Bytecode, context::TxEnv},
};
use heddle_types::Fork;
use std::collections::BTreeMap;

/// Transactions that touch nothing of the case.
const UNRELATED: u64 = 32;
/// Accounts that send them, so that some have to follow each other.
const SENDERS: u64 = 12;
/// Gas limit of everything that is not a plain transfer.
const CALL_GAS_LIMIT: u64 = 300_000;
/// More gas than all company can ask for.
const COMPANY_GAS_MAX: u64 = (UNRELATED + 8) * CALL_GAS_LIMIT;

/// Adds one to the slot that the input names, and logs: `SSTORE(input, SLOAD(input) + 1)`.
const COUNTER: [u8; 16] = hex!("60003580546001019055600060 00a000");

/// Looks at the account that the input names from all sides and stores what it sees: balance
/// (slot 0), code size (slot 1), success of a call with 50,000 gas (slot 2).
const PROBE: [u8; 34] = hex!(
    "600035 31 600055" // BALANCE
    "600035 3b 600155" // EXTCODESIZE
    "6000 6000 6000 6000 6000 600035 61c350 f1 600255" // CALL
);

/// From Petersburg on also the code hash (slot 3).
const PROBE_CODE_HASH: [u8; 7] = hex!("600035 3f 600355");

/// The state and the transactions of the crowd, the case's own among them.
pub(super) fn gather(case: &Case<'_>, prepared: &Prepared) -> (MemoryState, Vec<TxEnv>) {
    let mut state = prepared.state.clone();
    for index in 0..SENDERS {
        let balance = U256::from(1) << 128;
        state
            .accounts
            .insert(company("sender", index), MemoryAccount { balance, ..Default::default() });
    }
    let mut probe = PROBE.to_vec();
    if prepared.fork >= Fork::Petersburg {
        probe.extend(PROBE_CODE_HASH);
    }
    for index in 0..3 {
        add_contract(&mut state, company("counter", index), &COUNTER);
    }
    add_contract(&mut state, company("probe", 0), &probe);

    let [own] = &prepared.transactions;
    let mut transactions: Vec<TxEnv> = (0..UNRELATED).map(unrelated).collect();
    transactions.extend(colliding(own, prepared.env.beneficiary));
    for transaction in &mut transactions {
        // Legacy transactions pay the base fee and a little to the beneficiary.
        transaction.gas_price = u128::from(prepared.env.basefee) + 7;
    }
    transactions.push(own.clone());
    let indexes = case.expectation.indexes;
    let name = format!(
        "{} {} {} {} {}",
        case.name, case.fork_name, indexes.data, indexes.gas, indexes.value
    );
    shuffle(&mut transactions, &name);
    number(&mut transactions, own.caller);
    (state, transactions)
}

/// The block of the crowd: the case's, with room for all.
pub(super) fn block<'a>(prepared: &Prepared, transactions: &'a [TxEnv]) -> Block<'a> {
    let [own] = &prepared.transactions;
    let mut env = prepared.env.clone();
    env.gas_limit = env.gas_limit.max(own.gas_limit).saturating_add(COMPANY_GAS_MAX);
    prepared.block(env, transactions)
}

/// An address that no test knows.
fn company(role: &str, index: u64) -> Address {
    Address::from_word(keccak256(format!("heddle crowd {role} {index}")))
}

fn add_contract(state: &mut MemoryState, address: Address, code: &[u8]) {
    let code_hash = state.add_code(Bytecode::new_legacy(Bytes::copy_from_slice(code)));
    let account = MemoryAccount { nonce: 1, code_hash, ..Default::default() };
    state.accounts.insert(address, account);
}

/// Half of them transfers, half counter calls; a few meet each other.
fn unrelated(index: u64) -> TxEnv {
    let caller = company("sender", index % SENDERS);
    if index.is_multiple_of(2) {
        transfer(caller, company("receiver", index % 9), index, 21_000)
    } else {
        call(caller, company("counter", index % 3), U256::from(index % 5))
    }
}

/// Company that meets the case at its sender, its target or the beneficiary.
fn colliding(own: &TxEnv, beneficiary: Address) -> [TxEnv; 8] {
    let target = match own.kind {
        TxKind::Call(to) => to,
        TxKind::Create => own.caller.create(own.nonce),
    };
    let sender = |index| company("sender", index);
    let look_at = |index, address: Address| {
        call(sender(index), company("probe", 0), address.into_word().into())
    };
    [
        transfer(sender(0), own.caller, 1, CALL_GAS_LIMIT),
        transfer(sender(1), target, 1, CALL_GAS_LIMIT),
        transfer(sender(2), beneficiary, 1, CALL_GAS_LIMIT),
        transfer(sender(3), beneficiary, 0, CALL_GAS_LIMIT),
        transfer(sender(4), target, 0, CALL_GAS_LIMIT),
        look_at(5, own.caller),
        look_at(6, target),
        look_at(7, beneficiary),
    ]
}

fn transfer(caller: Address, to: Address, value: u64, gas_limit: u64) -> TxEnv {
    TxEnv {
        caller,
        kind: TxKind::Call(to),
        value: U256::from(value),
        gas_limit,
        chain_id: Some(1),
        ..TxEnv::default()
    }
}

fn call(caller: Address, to: Address, input: U256) -> TxEnv {
    let data = Bytes::copy_from_slice(&input.to_be_bytes::<32>());
    TxEnv { data, ..transfer(caller, to, 0, CALL_GAS_LIMIT) }
}

/// Puts the transactions into an order that looks random and is always the same for `name`.
fn shuffle(transactions: &mut [TxEnv], name: &str) {
    let mut seed = keccak256(name);
    for end in (1..transactions.len()).rev() {
        seed = keccak256(seed);
        let random = u64::from_be_bytes(*seed.first_chunk().expect("a hash has 32 bytes"));
        let other = random % (end as u64 + 1);
        transactions.swap(end, other as usize);
    }
}

/// Gives each account of the company the nonces 0, 1, … in the order of the block.
fn number(transactions: &mut [TxEnv], own_caller: Address) {
    let mut next = BTreeMap::<Address, u64>::new();
    for transaction in
        transactions.iter_mut().filter(|transaction| transaction.caller != own_caller)
    {
        let nonce = next.entry(transaction.caller).or_default();
        transaction.nonce = *nonce;
        *nonce += 1;
    }
}
