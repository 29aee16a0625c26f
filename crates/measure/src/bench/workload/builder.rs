//! Draws accounts and transactions, and executes what must come before the block.

use super::{CHAIN_ID, FORK, Signable, Workload, WorkloadKind};
use crate::{Error, bench::random::Random, load::account::Account};
use alloy_primitives::{Address, Bytes, TxKind, U256, map::AddressMap};
use alloy_sol_types::SolCall;
use heddle_executor::{
    Block, BlockOutput, Executor, MemoryAccount, MemoryState, Overlay, Settings, Way,
    call::{self, Checks, Environment, Interrupt},
    revm::context::{BlockEnv, TxEnv},
};
use std::mem;

/// Any number would do, as long as it stays.
const SEED: u64 = 0x6865_6464_6c65;
/// Of those who sign other things than transactions.
const SIGNERS_SEED: u64 = 0x7369_676e_6572;

const GWEI: u64 = 1_000_000_000;
const ETHER: u64 = 1_000_000_000 * GWEI;

/// An ordinary base fee of mainnet in 2025, and the tips that went with it.
const BASE_FEE: u64 = 3 * GWEI;
const TIP_MIN: u64 = GWEI / 100;
const TIP_MAX: u64 = 2 * GWEI;

/// What an account owns at first; many times what it can spend in a block.
const BALANCE_MIN: u64 = ETHER;
const BALANCE_MAX: u64 = 10 * ETHER;

/// What a wallet sets for a transfer to an account without code.
const TRANSFER_GAS: u64 = 21_000;

/// Gas limits of what comes before the block: more than enough, and for the deployer nearly as much
/// as a transaction may have (EIP-7825).
const DEPLOY_GAS: u64 = 16_000_000;
const PREPARE_GAS: u64 = 300_000;

/// A limit that is more than any call in a block needs, until it is estimated.
const CALL_GAS: u64 = 1_500_000;

/// From one block to the next.
const BLOCK_SECONDS: u64 = 12;

/// A block and the state before it, in the making.
pub(super) struct Builder {
    pub(super) random: Random,
    workload: Workload,
    /// What comes before the block and is not executed yet.
    preparation: Vec<TxEnv>,
    /// Places of the transactions whose gas limit is to be estimated.
    estimated: Vec<usize>,
    deployer: Address,
    /// Transactions that each account has sent until now.
    nonces: AddressMap<u64>,
    /// The keys of the accounts, if there are to be any.
    keys: Option<AddressMap<Account>>,
}

impl Builder {
    pub(super) fn new(kind: WorkloadKind) -> Self {
        Self::drawing(kind, None)
    }

    /// Draws accounts that can sign.
    pub(super) fn with_keys(kind: WorkloadKind) -> Self {
        Self::drawing(kind, Some(AddressMap::default()))
    }

    fn drawing(kind: WorkloadKind, keys: Option<AddressMap<Account>>) -> Self {
        let mut builder = Self {
            random: Random::new(SEED),
            workload: Workload {
                kind,
                env: BlockEnv::default(),
                state: MemoryState::default(),
                transactions: Vec::new(),
            },
            preparation: Vec::new(),
            estimated: Vec::new(),
            deployer: Address::ZERO,
            nonces: AddressMap::default(),
            keys,
        };
        builder.deployer = builder.rich_account();
        builder.workload.env = BlockEnv {
            number: U256::from(24_000_000),
            timestamp: U256::from(1_766_000_000),
            beneficiary: builder.account(),
            basefee: BASE_FEE,
            gas_limit: u64::MAX,
            ..BlockEnv::default()
        };
        builder
    }

    pub(super) const fn kind(&self) -> WorkloadKind {
        self.workload.kind
    }

    /// Who deploys all contracts and owns all tokens at first.
    pub(super) const fn deployer(&self) -> Address {
        self.deployer
    }

    /// A new account without code that owns a few ether.
    pub(super) fn account(&mut self) -> Address {
        let balance = self.random.between(BALANCE_MIN, BALANCE_MAX);
        self.account_with(U256::from(balance))
    }

    /// A new account that can pay for any block.
    pub(super) fn rich_account(&mut self) -> Address {
        self.account_with(U256::from(1) << 96)
    }

    /// A new account that can pay for any block, and has a key in any case.
    pub(super) fn signer(&mut self) -> Account {
        let account = Account::of_seed(SIGNERS_SEED, self.random.below(u64::MAX));
        let balance = U256::from(1) << 96;
        let entry = MemoryAccount { balance, ..MemoryAccount::default() };
        self.workload.state.accounts.insert(account.address, entry);
        if let Some(keys) = &mut self.keys {
            keys.insert(account.address, account);
        }
        account
    }

    fn account_with(&mut self, balance: U256) -> Address {
        let address = match &mut self.keys {
            None => self.random.address(),
            Some(keys) => {
                let account = Account::of_seed(SEED, keys.len() as u64);
                keys.insert(account.address, account);
                account.address
            }
        };
        let account = MemoryAccount { balance, ..MemoryAccount::default() };
        self.workload.state.accounts.insert(address, account);
        address
    }

    /// A plain transfer of a small amount.
    pub(super) fn transfer(&mut self, from: Address, to: Address) {
        let value = U256::from(self.random.between(1, ETHER / 1_000));
        let transaction = self.transaction(from, TxKind::Call(to), TRANSFER_GAS);
        self.workload.transactions.push(TxEnv { value, ..transaction });
    }

    /// A call or a creation.
    pub(super) fn call(&mut self, from: Address, to: TxKind, data: Bytes, gas_limit: u64) {
        let transaction = self.transaction(from, to, gas_limit);
        self.workload.transactions.push(TxEnv { data, ..transaction });
    }

    /// A call whose gas limit is found out by executing it.
    pub(super) fn call_estimated(&mut self, from: Address, to: Address, data: Bytes) {
        self.estimated.push(self.workload.transactions.len());
        self.call(from, TxKind::Call(to), data, CALL_GAS);
    }

    /// A call by the deployer before the block, which may need a lot of gas.
    pub(super) fn administer(&mut self, to: Address, data: Bytes) {
        let transaction = self.transaction(self.deployer, TxKind::Call(to), DEPLOY_GAS);
        self.preparation.push(TxEnv { data, ..transaction });
    }

    /// A call before the block. An account's calls before the block must be drawn before its
    /// transactions in the block, because nonces count both.
    pub(super) fn prepare(&mut self, from: Address, to: Address, data: Bytes) {
        let transaction = self.transaction(from, TxKind::Call(to), PREPARE_GAS);
        self.preparation.push(TxEnv { data, ..transaction });
    }

    /// Creates a contract before the block; `data` is its creation code.
    pub(super) fn deploy(&mut self, data: Bytes) -> Address {
        let transaction = self.transaction(self.deployer, TxKind::Create, DEPLOY_GAS);
        let address = self.deployer.create(transaction.nonce);
        self.preparation.push(TxEnv { data, ..transaction });
        address
    }

    /// The sender's next transaction, with the fees that a wallet offers: twice the base fee, so
    /// that the transaction stays valid while that rises, and a tip.
    fn transaction(&mut self, from: Address, kind: TxKind, gas_limit: u64) -> TxEnv {
        let tip = u128::from(self.random.between(TIP_MIN, TIP_MAX));
        let nonces = self.nonces.entry(from).or_default();
        let nonce = *nonces;
        *nonces += 1;
        TxEnv {
            tx_type: 2,
            caller: from,
            nonce,
            kind,
            data: Bytes::new(),
            gas_limit,
            gas_price: 2 * u128::from(BASE_FEE) + tip,
            gas_priority_fee: Some(tip),
            chain_id: Some(CHAIN_ID),
            ..TxEnv::default()
        }
    }

    /// Time of the block, in seconds of Unix time.
    pub(super) fn block_time(&self) -> u64 {
        self.workload.env.timestamp.saturating_to()
    }

    /// Time of what is prepared now, in seconds of Unix time.
    pub(super) fn now(&self) -> u64 {
        self.block_time() - BLOCK_SECONDS
    }

    /// Executes what is prepared so far. What is prepared from now on comes in another block, so many
    /// seconds later, and so does the block.
    pub(super) fn pass(&mut self, seconds: u64) -> Result<(), Error> {
        let transactions = mem::take(&mut self.preparation);
        if !transactions.is_empty() {
            prepare(&mut self.workload, &transactions)?;
        }
        self.workload.env.number += U256::from(1);
        self.workload.env.timestamp += U256::from(seconds);
        Ok(())
    }

    /// What a function returns that changes nothing, after what is executed so far.
    pub(super) fn ask<C: SolCall>(&self, to: Address, call: &C) -> Result<C::Return, Error> {
        let env = BlockEnv { timestamp: U256::from(self.now()), ..self.workload.env.clone() };
        let mut environment = Environment::new(FORK, CHAIN_ID, env);
        environment.checks = Checks::MESSAGE;
        let transaction = TxEnv {
            caller: self.deployer,
            kind: TxKind::Call(to),
            data: call.abi_encode().into(),
            gas_limit: DEPLOY_GAS,
            ..TxEnv::default()
        };
        let failed = |what: String| Error::Workload {
            name: self.workload.kind.name(),
            what: format!("{} cannot be asked: {what}", C::SIGNATURE),
        };
        let state = &mut Overlay::new(&self.workload.state);
        let outcome = call::call(state, &environment, &transaction, &Interrupt::never())
            .map_err(|error| failed(error.to_string()))?;
        let output = outcome.result.into_output().unwrap_or_default();
        C::abi_decode_returns(&output).map_err(|error| failed(error.to_string()))
    }

    /// The block, with room for its transactions, on the state that the preparation has made.
    pub(super) fn finish(mut self) -> Result<Signable, Error> {
        let mut workload = self.workload;
        if !self.preparation.is_empty() {
            prepare(&mut workload, &self.preparation)?;
        }
        // Whoever signs does not know which block it will be, and what comes before in that one.
        if self.keys.is_none() {
            estimate(&mut workload, &self.estimated)?;
        }
        workload.env.gas_limit = gas_limit(&workload.transactions);
        Ok(Signable { workload, keys: self.keys.take().unwrap_or_default() })
    }
}

/// Executes the block before, one transaction after the other.
fn prepare(workload: &mut Workload, transactions: &[TxEnv]) -> Result<(), Error> {
    let env = BlockEnv {
        number: workload.env.number - U256::from(1),
        timestamp: workload.env.timestamp - U256::from(BLOCK_SECONDS),
        ..workload.env.clone()
    };
    let output = execute(workload, env, transactions, "of its preparation ")?;
    workload.state.apply(&output.changes);
    Ok(())
}

/// Sets gas limits as a wallet does: to what is used, and a quarter more.
fn estimate(workload: &mut Workload, places: &[usize]) -> Result<(), Error> {
    if places.is_empty() {
        return Ok(());
    }
    let output = execute(workload, workload.env.clone(), &workload.transactions, "")?;
    for place in places {
        workload.transactions[*place].gas_limit = output.receipts[*place].gas_used * 5 / 4;
    }
    Ok(())
}

/// Executes transactions one after the other, all of which succeed. `whose` says which they are.
fn execute(
    workload: &Workload,
    env: BlockEnv,
    transactions: &[TxEnv],
    whose: &str,
) -> Result<BlockOutput, Error> {
    let failed = |what: String| Error::Workload { name: workload.kind.name(), what };
    let env = BlockEnv { gas_limit: gas_limit(transactions), ..env };
    let mut executor = Executor::new(Settings { threads: 1, ..Settings::default() })?;
    let block = Block::new(FORK, CHAIN_ID, env, transactions);
    let output = executor
        .execute(&block, &workload.state, Way::Sequential)
        .map_err(|error| failed(format!("a transaction {whose}cannot be executed: {error}")))?;
    match output.receipts.iter().position(|receipt| !receipt.success) {
        Some(index) => Err(failed(format!("transaction {index} {whose}does not succeed"))),
        None => Ok(output),
    }
}

/// Gas that a block needs to have room for the transactions.
fn gas_limit(transactions: &[TxEnv]) -> u64 {
    transactions.iter().map(|transaction| transaction.gas_limit).sum()
}
