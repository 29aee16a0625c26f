//! A state and a block on it, written by hand.

use crate::support::compare::{Executors, Work};
use alloy_primitives::{Address, B256, Bytes, TxKind, U256, keccak256};
use heddle_executor::{
    Block, BlockOutput, Executor, Invalid, MemoryAccount, MemoryState, Settings,
    revm::{
        bytecode::{Bytecode, opcode as op},
        context::{BlockEnv, TxEnv},
        context_interface::block::BlobExcessGasAndPrice,
    },
};
use heddle_types::{AccountState, Fork, Ommer, Withdrawal};

/// The numbers of threads that everything is tried on.
pub(crate) const THREADS: [usize; 4] = [1, 2, 3, 8];

/// What a unit of gas costs, unless a test says otherwise ...
pub(crate) const PRICE: u64 = 10;
/// ... and how much of it is burned from London on.
pub(crate) const BASEFEE: u64 = 7;

/// The balance that [`Scene::fund`] gives.
pub(crate) const RICH: u128 = 10_u128.pow(19);

/// An address from a name.
pub(crate) fn account(name: impl AsRef<[u8]>) -> Address {
    Address::from_slice(&keccak256(name)[12..])
}

/// The fee recipient of a scene.
pub(crate) fn beneficiary() -> Address {
    account("beneficiary")
}

/// One of many senders.
pub(crate) fn sender(number: usize) -> Address {
    account(format!("sender {number}"))
}

/// A state and a block on it.
pub(crate) struct Scene {
    pub(crate) state: MemoryState,
    pub(crate) transactions: Vec<TxEnv>,
    pub(crate) withdrawals: Vec<Withdrawal>,
    pub(crate) ommers: Vec<Ommer>,
    /// The block but for its lists.
    pub(crate) frame: Block<'static>,
}

impl Scene {
    pub(crate) fn new(fork: Fork) -> Self {
        let env = BlockEnv {
            number: U256::from(1000),
            beneficiary: beneficiary(),
            timestamp: U256::from(1_700_000_000),
            gas_limit: 1 << 40,
            basefee: if fork >= Fork::London { BASEFEE } else { 0 },
            difficulty: U256::from(1),
            prevrandao: (fork >= Fork::Merge).then_some(B256::repeat_byte(3)),
            blob_excess_gas_and_price: (fork >= Fork::Cancun)
                .then(|| BlobExcessGasAndPrice::new(0, 5_007_716)),
            slot_num: 0,
        };
        Self {
            state: MemoryState::default(),
            transactions: Vec::new(),
            withdrawals: Vec::new(),
            ommers: Vec::new(),
            frame: Block::new(fork, 1, env, &[]),
        }
    }

    pub(crate) fn fund(&mut self, address: Address) {
        self.give(address, U256::from(RICH));
    }

    pub(crate) fn give(&mut self, address: Address, balance: U256) {
        self.state.accounts.entry(address).or_default().balance = balance;
    }

    /// Puts a contract into the state before the block.
    pub(crate) fn deploy(&mut self, address: Address, code: impl Into<Bytes>) {
        let code_hash = self.state.add_code(Bytecode::new_raw(code.into()));
        let account = MemoryAccount { code_hash, nonce: 1, ..MemoryAccount::default() };
        self.state.accounts.insert(address, account);
    }

    pub(crate) fn set_slot(&mut self, address: Address, key: u64, value: u64) {
        let storage = &mut self.state.accounts.entry(address).or_default().storage;
        storage.insert(U256::from(key), U256::from(value));
    }

    /// Appends a transaction with the sender's next nonce, funding senders that are new.
    pub(crate) fn send(&mut self, from: Address, change: impl FnOnce(&mut TxEnv)) {
        if !self.state.accounts.contains_key(&from) {
            self.fund(from);
        }
        let earlier = self.transactions.iter().filter(|tx| tx.caller == from).count();
        let mut tx = self.blank(from);
        tx.nonce = self.state.accounts[&from].nonce + earlier as u64;
        change(&mut tx);
        self.transactions.push(tx);
    }

    /// A transaction that has only a sender.
    pub(crate) fn blank(&self, from: Address) -> TxEnv {
        TxEnv {
            caller: from,
            chain_id: (self.frame.fork >= Fork::SpuriousDragon).then_some(1),
            gas_limit: 1_000_000,
            gas_price: u128::from(PRICE),
            ..TxEnv::default()
        }
    }

    pub(crate) fn transfer(&mut self, from: Address, to: Address, value: u64) {
        self.send(from, |tx| {
            tx.kind = TxKind::Call(to);
            tx.value = U256::from(value);
            tx.gas_limit = 21_000;
        });
    }

    /// Calls a contract with one word of data.
    pub(crate) fn call(&mut self, from: Address, to: Address, word: u64) {
        self.send(from, |tx| {
            tx.kind = TxKind::Call(to);
            tx.data = B256::from(U256::from(word)).into();
        });
    }

    pub(crate) fn create(&mut self, from: Address, init: impl Into<Bytes>) {
        self.send(from, |tx| {
            tx.kind = TxKind::Create;
            tx.data = init.into();
        });
    }

    pub(crate) fn block(&self) -> Block<'_> {
        Block {
            transactions: &self.transactions,
            withdrawals: &self.withdrawals,
            ommers: &self.ommers,
            ..self.frame.clone()
        }
    }

    /// Executes the block in every way; fails on any difference.
    pub(crate) fn run(&self) -> Outcome {
        self.run_on(&THREADS)
    }

    pub(crate) fn run_on(&self, threads: &[usize]) -> Outcome {
        let result = Executors::new(threads).compare_block(&self.block(), &self.state);
        let (output, work) = result.unwrap_or_else(|difference| panic!("{difference}"));
        let mut after = self.state.clone();
        after.apply(&output.changes);
        Outcome { output, work, after }
    }

    /// As [`Scene::run`], of a block built from candidates.
    pub(crate) fn build(&mut self) -> Outcome {
        self.frame.invalid = Invalid::Skip;
        self.run()
    }
}

/// An executor that leaves no block to one thread for being small.
pub(crate) fn executor(threads: usize) -> Executor {
    let settings = Settings {
        threads,
        parallel_gas_min: 0,
        sequential_access_list: true,
        ..Settings::default()
    };
    Executor::new(settings).expect("threads can be started")
}

/// What all ways agree on.
pub(crate) struct Outcome {
    pub(crate) output: BlockOutput,
    /// Of the optimistic way, summed up over the numbers of threads.
    pub(crate) work: Work,
    after: MemoryState,
}

impl Outcome {
    pub(crate) fn account(&self, address: Address) -> Option<AccountState> {
        let account = self.after.accounts.get(&address)?;
        let MemoryAccount { balance, nonce, code_hash, .. } = *account;
        Some(AccountState { balance, nonce, code_hash })
    }

    pub(crate) fn exists(&self, address: Address) -> bool {
        self.account(address).is_some()
    }

    pub(crate) fn balance(&self, address: Address) -> u128 {
        self.account(address).map_or(0, |account| account.balance.to())
    }

    pub(crate) fn nonce(&self, address: Address) -> u64 {
        self.account(address).map_or(0, |account| account.nonce)
    }

    pub(crate) fn slot(&self, address: Address, key: u64) -> U256 {
        let account = self.after.accounts.get(&address);
        let value = account.and_then(|account| account.storage.get(&U256::from(key)));
        value.copied().unwrap_or_default()
    }

    pub(crate) fn code(&self, address: Address) -> Bytes {
        let hash = self.account(address).map(|account| account.code_hash);
        let code = hash.and_then(|hash| self.after.codes.get(&hash));
        code.map(Bytecode::original_bytes).unwrap_or_default()
    }

    pub(crate) fn successes(&self) -> Vec<bool> {
        self.output.receipts.iter().map(|receipt| receipt.success).collect()
    }

    /// The gas that each transaction used.
    pub(crate) fn gas(&self) -> Vec<u64> {
        self.output.receipts.iter().map(|receipt| receipt.gas_used).collect()
    }

    /// All fees up to the transaction of a position, as the beneficiary gets them from London on.
    pub(crate) fn tips_before(&self, index: usize) -> u128 {
        let gas: u64 = self.gas()[..index].iter().sum();
        u128::from(gas) * u128::from(PRICE - BASEFEE)
    }
}

/// Assembles code.
#[derive(Clone, Default)]
pub(crate) struct Code(Vec<u8>);

impl Code {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    pub(crate) fn ops(mut self, ops: &[u8]) -> Self {
        self.0.extend_from_slice(ops);
        self
    }

    pub(crate) fn push(mut self, value: impl TryInto<U256>) -> Self {
        let value = value.try_into().unwrap_or_else(|_| panic!("a word"));
        let bytes = value.to_be_bytes_trimmed_vec();
        let bytes = if bytes.is_empty() { vec![0] } else { bytes };
        self.0.push(op::PUSH1 + bytes.len() as u8 - 1);
        self.0.extend(bytes);
        self
    }

    pub(crate) fn address(self, address: Address) -> Self {
        self.push(U256::from_be_slice(address.as_slice()))
    }

    /// The word at which the data of the call starts.
    pub(crate) fn word(self) -> Self {
        self.push(0).ops(&[op::CALLDATALOAD])
    }

    pub(crate) fn load(self, key: u64) -> Self {
        self.push(key).ops(&[op::SLOAD])
    }

    /// Stores what is on top of the stack.
    pub(crate) fn store(self, key: u64) -> Self {
        self.push(key).ops(&[op::SSTORE])
    }

    /// Adds one to a slot.
    pub(crate) fn increment(self, key: u64) -> Self {
        self.load(key).push(1).ops(&[op::ADD]).store(key)
    }

    /// Calls without data; leaves whether it succeeded.
    pub(crate) fn call(self, to: Address, value: u64) -> Self {
        let start = self.push(0).push(0).push(0).push(0).push(value);
        start.address(to).push(0xf_ffff).ops(&[op::CALL])
    }

    /// Calls with `data`; stores whether it succeeded in slot 1, how much was returned in slot 2,
    /// and the first word of it in slot 3.
    pub(crate) fn ask(self, to: Address, data: &[u8]) -> Self {
        let call = self.memory(data).push(32).push(0x800).push(data.len() as u64).push(0);
        let call = call.address(to).push(0xf_ffff).ops(&[op::STATICCALL]).store(1);
        call.ops(&[op::RETURNDATASIZE]).store(2).push(0x800).ops(&[op::MLOAD]).store(3)
    }

    /// Runs what `then` makes only if the data's first word is `word`.
    pub(crate) fn when(self, word: u64, then: impl FnOnce(Self) -> Self) -> Self {
        self.word().push(word).ops(&[op::SUB]).unless(then)
    }

    /// Takes a word from the stack and runs what `then` makes, from any place, if it is zero.
    pub(crate) fn unless(mut self, then: impl FnOnce(Self) -> Self) -> Self {
        // The target is counted from the program counter here.
        let inner = then(Self::new()).0;
        let over = u16::try_from(inner.len() + 6).expect("short code");
        self.0.extend([op::PC, op::PUSH2]);
        self.0.extend(over.to_be_bytes());
        self.ops(&[op::ADD, op::JUMPI]).ops(&inner).ops(&[op::JUMPDEST])
    }

    /// Writes `bytes` to memory from 0 on.
    pub(crate) fn memory(mut self, bytes: &[u8]) -> Self {
        for (at, chunk) in bytes.chunks(32).enumerate() {
            let mut word = [0; 32];
            word[..chunk.len()].copy_from_slice(chunk);
            self = self.ops(&[op::PUSH32]).ops(&word).push(at as u64 * 32).ops(&[op::MSTORE]);
        }
        self
    }

    /// Creates with CREATE2 and salt 0; leaves the address.
    pub(crate) fn create2(self, init: &[u8]) -> Self {
        self.memory(init).push(0).push(init.len() as u64).push(0).push(0).ops(&[op::CREATE2])
    }

    /// Runs this code, then returns `runtime` as the code of a contract.
    pub(crate) fn returning(self, runtime: &[u8]) -> Self {
        self.memory(runtime).push(runtime.len() as u64).push(0).ops(&[op::RETURN])
    }

    pub(crate) fn bytes(&self) -> Vec<u8> {
        self.0.clone()
    }
}

impl From<Code> for Bytes {
    fn from(code: Code) -> Self {
        code.0.into()
    }
}
