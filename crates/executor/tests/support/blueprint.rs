//! Random contracts and random blocks whose transactions conflict, made from bytes.

use super::requests::{Request, add_contracts};
use alloy_primitives::{Address, B256, Bytes, KECCAK256_EMPTY, TxKind, U256, address, keccak256};
use heddle_executor::{
    Block, Invalid, MemoryAccount, MemoryState,
    revm::{
        bytecode::{Bytecode, opcode as op},
        context::{BlockEnv, TxEnv, either::Either},
        context_interface::block::BlobExcessGasAndPrice,
        context_interface::transaction::{
            AccessList, AccessListItem, Authorization, RecoveredAuthority, RecoveredAuthorization,
        },
    },
};
use heddle_types::{Fork, Ommer, Withdrawal};

/// A state and a block on it.
#[derive(Debug)]
pub(crate) struct Blueprint {
    pub(crate) fork: Fork,
    pub(crate) state: MemoryState,
    pub(crate) transactions: Vec<TxEnv>,
    pub(crate) env: BlockEnv,
    pub(crate) withdrawals: Vec<Withdrawal>,
    pub(crate) ommers: Vec<Ommer>,
    pub(crate) protocol_operations: bool,
    pub(crate) invalid: Invalid,
}

/// Reads choices off a string of bytes; past its end every choice is the first.
struct Choices<'b>(&'b [u8]);

impl Choices<'_> {
    fn byte(&mut self) -> u8 {
        match self.0.split_first() {
            Some((byte, rest)) => {
                self.0 = rest;
                *byte
            }
            None => 0,
        }
    }

    fn below(&mut self, limit: usize) -> usize {
        usize::from(self.byte()) % limit
    }

    fn one_in(&mut self, many: usize) -> bool {
        self.below(many) == many - 1
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

const FORKS: [Fork; 15] = [
    Fork::Osaka,
    Fork::Cancun,
    Fork::Prague,
    Fork::Shanghai,
    Fork::London,
    Fork::Berlin,
    Fork::Istanbul,
    Fork::Petersburg,
    Fork::Byzantium,
    Fork::SpuriousDragon,
    Fork::Tangerine,
    Fork::Homestead,
    Fork::Frontier,
    Fork::Merge,
    Fork::Amsterdam,
];

/// Accounts that send transactions. One of them may also be the beneficiary.
pub(crate) const SENDERS: usize = 6;
/// Their addresses: that number `n` signs with the key [`sender_key`] counts only where somebody
/// looks at signatures.
const SENDER_ADDRESSES: [Address; SENDERS] = [
    address!("e9be569311d235c6daec7e807bcaf85c3990b5a1"),
    address!("a74cd92e2d5e775ec86aa2f784f73ac8a6089b14"),
    address!("1a19b19e46bf3d5e6507b61b7aadfa273249470f"),
    address!("497744e73e63b6508297721cde6a580cfa4ad278"),
    address!("ebed282f533d5ec434efe706b5ff37b19f2f252a"),
    address!("e964da284bef84f20e39273eca3ed2590ac12343"),
];
/// Height of the block.
pub(crate) const NUMBER: u64 = 1000;
/// Contracts that exist before the block.
const CONTRACTS: usize = 6;

pub(crate) fn sender(number: usize) -> Address {
    SENDER_ADDRESSES[number]
}

/// The key of [`sender`].
#[allow(dead_code, reason = "only where blocks are signed")]
pub(crate) fn sender_key(number: usize) -> B256 {
    keccak256([b's', number as u8])
}

pub(crate) fn contract(number: usize) -> Address {
    Address::from_slice(&keccak256([b'c', number as u8])[12..])
}

/// Any account that a block may touch.
fn anybody(choices: &mut Choices<'_>) -> Address {
    match choices.below(20) {
        0..5 => contract(choices.below(CONTRACTS)),
        5..9 => sender(choices.below(SENDERS)),
        9 => beneficiary_contract(),
        10 => Address::repeat_byte(0xfe),
        11 => Address::repeat_byte(choices.below(3) as u8 + 0x70),
        // What the contracts here make with CREATE2.
        12..15 => {
            let maker = contract(choices.below(CONTRACTS));
            maker.create2_from_code(B256::ZERO, init_code(choices.below(INIT_CODES)))
        }
        15 => sender(choices.below(SENDERS)).create(choices.below(3) as u64),
        16 => Address::with_last_byte(choices.below(5) as u8),
        17 => Address::repeat_byte(0xee),
        _ => contract(0),
    }
}

/// A contract that may be the beneficiary too.
fn beneficiary_contract() -> Address {
    contract(CONTRACTS - 1)
}

const INIT_CODES: usize = 4;

/// Codes that deploy: a self-destructing contract, a storing one, nothing, and one that destroys
/// itself while it is being made.
fn init_code(which: usize) -> Vec<u8> {
    let deploy = |code: &[u8]| {
        // Stores in its own storage, then returns the code that follows.
        let mut init = vec![
            op::PUSH1,
            7,
            op::PUSH1,
            1,
            op::SSTORE,
            op::PUSH1,
            code.len() as u8,
            op::PUSH1,
            17,
            op::PUSH1,
            0,
            op::CODECOPY,
            op::PUSH1,
            code.len() as u8,
            op::PUSH1,
            0,
            op::RETURN,
        ];
        assert_eq!(init.len(), 17);
        init.extend_from_slice(code);
        init
    };
    match which {
        0 => deploy(&[op::CALLER, op::SELFDESTRUCT]),
        1 => deploy(&[
            op::PUSH1,
            1,
            op::SLOAD,
            op::PUSH1,
            1,
            op::ADD,
            op::PUSH1,
            1,
            op::SSTORE,
            op::STOP,
        ]),
        2 => vec![op::STOP],
        _ => vec![op::PUSH1, 9, op::PUSH1, 2, op::SSTORE, op::CALLER, op::SELFDESTRUCT],
    }
}

/// Straight-line code with a few jumps out of it.
fn code(choices: &mut Choices<'_>, fork: Fork) -> Vec<u8> {
    let mut code = Vec::new();
    for _ in 0..1 + choices.below(8) {
        snippet(choices, fork, &mut code);
    }
    code.push(op::STOP);
    code
}

fn push_address(code: &mut Vec<u8>, address: Address) {
    code.push(op::PUSH20);
    code.extend_from_slice(address.as_slice());
}

/// Stores the word on the stack in a slot, so that whatever was seen has consequences.
fn store(code: &mut Vec<u8>, slot: u8) {
    code.extend([op::PUSH1, slot, op::SSTORE]);
}

fn snippet(choices: &mut Choices<'_>, fork: Fork, code: &mut Vec<u8>) {
    let slot = choices.below(4) as u8;
    match choices.below(18) {
        0 | 1 => {
            let read = choices.below(4) as u8;
            code.extend([op::PUSH1, read, op::SLOAD, op::PUSH1, 1, op::ADD]);
            store(code, slot);
        }
        2 => {
            push_address(code, anybody(choices));
            code.push(op::BALANCE);
            store(code, slot);
        }
        3 => {
            push_address(code, anybody(choices));
            code.push(op::EXTCODESIZE);
            store(code, slot);
        }
        4 if fork >= Fork::Petersburg => {
            push_address(code, anybody(choices));
            code.push(op::EXTCODEHASH);
            store(code, slot);
        }
        5 if fork >= Fork::Istanbul => {
            code.push(op::SELFBALANCE);
            store(code, slot);
        }
        6..9 => call(choices, fork, code),
        9 => {
            push_address(code, anybody(choices));
            code.push(op::SELFDESTRUCT);
        }
        10 if fork >= Fork::Petersburg => create2(choices, code),
        11 => {
            code.extend([op::PUSH1, slot, op::SLOAD, op::PUSH1, 0, op::MSTORE]);
            code.extend([op::PUSH1, 5, op::PUSH1, 32, op::PUSH1, 0, op::LOG1]);
        }
        12 if fork >= Fork::Byzantium => {
            // Reverts if the slot is odd.
            code.extend([op::PUSH1, slot, op::SLOAD, op::PUSH1, 1, op::AND, op::ISZERO]);
            let target = (code.len() + 8) as u8;
            code.extend([op::PUSH1, target, op::JUMPI, op::PUSH1, 0, op::DUP1, op::REVERT]);
            code.push(op::JUMPDEST);
        }
        13 => {
            code.extend([op::COINBASE, op::BALANCE]);
            store(code, slot);
        }
        14 => {
            code.extend([op::PUSH1, 0]);
            store(code, slot);
        }
        15 => {
            code.extend([op::PUSH1, 1, op::NUMBER, op::SUB, op::BLOCKHASH]);
            store(code, slot);
        }
        16 => {
            code.extend([op::CALLVALUE, op::PUSH1, slot, op::SLOAD, op::ADD]);
            store(code, slot);
        }
        _ => {
            code.extend([op::PUSH1, slot, op::SLOAD]);
            code.push(op::POP);
        }
    }
}

/// A call with or without value, of any kind; its success is stored.
fn call(choices: &mut Choices<'_>, fork: Fork, code: &mut Vec<u8>) {
    let slot = choices.below(4) as u8;
    let kind = match choices.below(6) {
        0 if fork >= Fork::Homestead => op::DELEGATECALL,
        1 => op::CALLCODE,
        2 if fork >= Fork::Byzantium => op::STATICCALL,
        _ => op::CALL,
    };
    code.extend([op::PUSH1, 0, op::DUP1, op::DUP1, op::DUP1]);
    if matches!(kind, op::CALL | op::CALLCODE) {
        match choices.below(4) {
            0 => code.extend([op::PUSH1, 0]),
            1 => code.extend([op::PUSH1, 1 + choices.below(9) as u8]),
            2 => code.push(op::CALLVALUE),
            _ => code.extend([op::PUSH3, choices.byte(), 0, 0]),
        }
    }
    push_address(code, anybody(choices));
    code.extend([op::PUSH3, 0, 0xff, 0xff, kind]);
    store(code, slot);
}

fn create2(choices: &mut Choices<'_>, code: &mut Vec<u8>) {
    let init = init_code(choices.below(INIT_CODES));
    for (at, chunk) in init.chunks(32).enumerate() {
        let mut word = [0; 32];
        word[..chunk.len()].copy_from_slice(chunk);
        code.push(op::PUSH32);
        code.extend_from_slice(&word);
        code.extend([op::PUSH1, at as u8 * 32, op::MSTORE]);
    }
    let value = choices.below(2) as u8;
    code.extend([op::PUSH1, 0, op::PUSH1, init.len() as u8, op::PUSH1, 0, op::PUSH1, value]);
    code.push(op::CREATE2);
    store(code, choices.below(4) as u8);
}

impl Blueprint {
    /// Makes a block of at most `transactions_max` transactions from bytes.
    pub(crate) fn new(bytes: &[u8], transactions_max: usize) -> Self {
        let mut choices = Choices(bytes);
        let fork = FORKS[choices.below(FORKS.len())];
        let state = state(&mut choices, fork);
        let beneficiary = match choices.below(6) {
            0 => beneficiary_contract(),
            1 => sender(choices.below(SENDERS)),
            2 => Address::repeat_byte(0x70),
            _ => Address::repeat_byte(0xfe),
        };
        let env = env(fork, beneficiary, choices.one_in(4));
        let invalid = if choices.one_in(2) { Invalid::Skip } else { Invalid::Reject };
        let protocol_operations = choices.one_in(2);
        let withdrawals = (0..choices.below(3)).map(|_| Withdrawal {
            index: 0,
            validator_index: 0,
            address: anybody(&mut choices),
            amount: choices.below(3) as u64,
        });
        let withdrawals = withdrawals.collect();
        let ommers = (0..choices.below(3)).map(|_| Ommer {
            number: 999 - choices.below(6) as u64,
            beneficiary: anybody(&mut choices),
        });
        let ommers = ommers.collect();
        let mut nonces = [0_u64; SENDERS];
        let mut transactions = Vec::new();
        while transactions.len() < transactions_max && !choices.is_empty() {
            transactions.push(transaction(&mut choices, fork, &mut nonces, invalid));
        }
        let invalid = Invalid::Skip.max_of(invalid);
        Self { fork, state, transactions, env, withdrawals, ommers, protocol_operations, invalid }
    }

    pub(crate) fn block(&self) -> Block<'_> {
        Block {
            withdrawals: &self.withdrawals,
            ommers: &self.ommers,
            protocol_operations: self.protocol_operations,
            parent_hash: Some(
                self.state.block_hashes.get(&(NUMBER - 1)).copied().unwrap_or_default(),
            ),
            parent_beacon_block_root: Some(B256::repeat_byte(9)),
            invalid: self.invalid,
            blob_gas_limit: 3 * (1 << 17),
            ..Block::new(self.fork, 1, self.env.clone(), &self.transactions)
        }
    }
}

/// Blocks here are always built from candidates: a random block is seldom valid throughout.
trait MaxOf {
    fn max_of(self, other: Self) -> Self;
}

impl MaxOf for Invalid {
    fn max_of(self, _: Self) -> Self {
        Self::Skip
    }
}

fn state(choices: &mut Choices<'_>, fork: Fork) -> MemoryState {
    let mut state = MemoryState::default();
    for number in 0..SENDERS {
        let balance = match choices.below(40) {
            // So much that a payment overflows.
            39 => U256::MAX,
            38 => U256::MAX - U256::from(1_000_000),
            choice => U256::from(10_u128.pow(19 - (choice as u32 % 4) * 2)),
        };
        state.accounts.insert(sender(number), MemoryAccount { balance, ..Default::default() });
    }
    for number in 0..CONTRACTS {
        let code_hash = state.add_code(Bytecode::new_raw(code(choices, fork).into()));
        let mut account = MemoryAccount { code_hash, nonce: 1, ..Default::default() };
        account.balance = U256::from(choices.below(3) * 100);
        for slot in 0..choices.below(4) {
            account.storage.insert(U256::from(slot), U256::from(choices.byte() | 1));
        }
        state.accounts.insert(contract(number), account);
    }
    if choices.one_in(3) {
        // An account that exists and is empty, as there were before EIP-161.
        state.accounts.insert(Address::repeat_byte(0x70), MemoryAccount::default());
    }
    for (back, number) in (0..256_u64).zip((0..NUMBER).rev()) {
        state.block_hashes.insert(number, keccak256([back as u8]));
    }
    let excess = [U256::ZERO, U256::from(choices.byte()), U256::MAX][choices.below(3)];
    add_contracts(&mut state, fork, excess);
    assert!(state.accounts.values().any(|account| account.code_hash == KECCAK256_EMPTY));
    state
}

fn env(fork: Fork, beneficiary: Address, small: bool) -> BlockEnv {
    BlockEnv {
        number: U256::from(NUMBER),
        beneficiary,
        timestamp: U256::from(1_700_000_000),
        gas_limit: if small { 900_000 } else { 1 << 40 },
        basefee: if fork >= Fork::London { 7 } else { 0 },
        difficulty: U256::from(1),
        prevrandao: (fork >= Fork::Merge).then_some(B256::repeat_byte(3)),
        blob_excess_gas_and_price: (fork >= Fork::Cancun)
            .then(|| BlobExcessGasAndPrice::new(0, 5_007_716)),
        slot_num: 0,
    }
}

fn transaction(
    choices: &mut Choices<'_>,
    fork: Fork,
    nonces: &mut [u64; SENDERS],
    invalid: Invalid,
) -> TxEnv {
    let from = choices.below(SENDERS);
    let mut tx = TxEnv {
        caller: sender(from),
        nonce: nonces[from],
        chain_id: (fork >= Fork::SpuriousDragon).then_some(1),
        gas_limit: [300_000, 21_000, 60_000, 25_000, 120_000][choices.below(5)],
        gas_price: [7, 10, 1_000, 7][choices.below(4)],
        value: [U256::from(1), U256::ZERO, U256::from(1000), U256::from(10_u128.pow(16))]
            [choices.below(4)],
        ..TxEnv::default()
    };
    tx.kind = match choices.below(8) {
        0 => TxKind::Create,
        1..3 => TxKind::Call(sender(choices.below(SENDERS))),
        _ => TxKind::Call(anybody(choices)),
    };
    if tx.kind.is_create() {
        tx.data = init_code(choices.below(INIT_CODES)).into();
        tx.gas_limit = 200_000;
    } else if choices.one_in(4) {
        tx.data = Bytes::from(vec![1, 2, 3, 4, 5]);
    } else if choices.one_in(6) {
        request(choices, &mut tx);
    }
    nonces[from] += 1;
    set_type(choices, fork, &mut tx, nonces);
    if invalid == Invalid::Skip && choices.one_in(12) {
        spoil(choices, &mut tx);
    }
    tx
}

/// Makes the transaction one that asks for something of the consensus layer. Before Prague it goes
/// to an account that is not there.
fn request(choices: &mut Choices<'_>, tx: &mut TxEnv) {
    let requests = [Request::Withdrawal, Request::Consolidation, Request::Deposit];
    let request = requests[choices.below(3)];
    tx.kind = TxKind::Call(request.contract());
    tx.data = request.data(choices.byte());
    tx.gas_limit = 300_000;
}

fn set_type(choices: &mut Choices<'_>, fork: Fork, tx: &mut TxEnv, nonces: &mut [u64; SENDERS]) {
    match choices.below(8) {
        0 if fork >= Fork::London => {
            tx.tx_type = 2;
            tx.gas_priority_fee = Some(choices.below(4) as u128);
        }
        1 if fork >= Fork::Berlin => {
            tx.tx_type = 1;
            tx.access_list = AccessList(vec![AccessListItem {
                address: anybody(choices),
                storage_keys: vec![B256::with_last_byte(choices.below(4) as u8)],
            }]);
        }
        2 if fork >= Fork::Prague && tx.kind.is_call() => {
            tx.tx_type = 4;
            let authority = choices.below(SENDERS);
            let address =
                if choices.one_in(3) { Address::ZERO } else { contract(choices.below(CONTRACTS)) };
            let nonce = nonces[authority];
            let authorization = Authorization { chain_id: U256::from(1), address, nonce };
            let authority_state = RecoveredAuthority::Valid(sender(authority));
            let authorization =
                RecoveredAuthorization::new_unchecked(authorization, authority_state);
            tx.authorization_list = vec![Either::Right(authorization)];
            tx.gas_priority_fee = Some(1);
            nonces[authority] += 1;
        }
        3 if fork >= Fork::Cancun && tx.kind.is_call() => {
            tx.tx_type = 3;
            tx.blob_hashes = vec![B256::with_last_byte(1); 1 + choices.below(2)];
            for hash in &mut tx.blob_hashes {
                hash[0] = 1;
            }
            tx.max_fee_per_blob_gas = 10;
            tx.gas_priority_fee = Some(2);
        }
        _ => {}
    }
}

/// Makes the transaction invalid, or at least likely so.
fn spoil(choices: &mut Choices<'_>, tx: &mut TxEnv) {
    match choices.below(6) {
        0 => tx.nonce += 1,
        1 => tx.nonce = tx.nonce.saturating_sub(1),
        2 => tx.value = U256::MAX,
        3 => tx.gas_limit = 20_999,
        4 => tx.chain_id = Some(5),
        _ => tx.gas_price = 1,
    }
}
