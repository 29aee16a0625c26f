//! Draws accounts and transactions, and executes what must come before the block.

use super::{CHAIN_ID, FORK, Workload, WorkloadKind};
use crate::{Error, bench::random::Random, load::account::Account};
use alloy_primitives::{Address, Bytes, TxKind, U256, map::AddressMap};
use heddle_executor::{
    Block, Executor, MemoryAccount, MemoryState, Settings, Way,
    revm::context::{BlockEnv, TxEnv},
};

/// Any number would do, as long as it stays.
const SEED: u64 = 0x6865_6464_6c65;

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

/// Gas limits of what comes before the block: more than enough.
const DEPLOY_GAS: u64 = 3_000_000;
const PREPARE_GAS: u64 = 300_000;

/// A block and the state before it, in the making.
pub(super) struct Builder {
    pub(super) random: Random,
    workload: Workload,
    /// What comes before the block.
    preparation: Vec<TxEnv>,
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

    /// The keys of the accounts, if they have any.
    pub(super) fn take_keys(&mut self) -> AddressMap<Account> {
        self.keys.take().unwrap_or_default()
    }

    /// The block, with room for its transactions, on the state that the preparation has made.
    pub(super) fn finish(self) -> Result<Workload, Error> {
        let mut workload = self.workload;
        if !self.preparation.is_empty() {
            prepare(&mut workload, &self.preparation)?;
        }
        workload.env.gas_limit = gas_limit(&workload.transactions);
        Ok(workload)
    }
}

/// Executes the block before, one transaction after the other.
fn prepare(workload: &mut Workload, transactions: &[TxEnv]) -> Result<(), Error> {
    let failed = |what: String| Error::Workload { name: workload.kind.name(), what };
    let env = BlockEnv {
        number: workload.env.number - U256::from(1),
        timestamp: workload.env.timestamp - U256::from(12),
        gas_limit: gas_limit(transactions),
        ..workload.env.clone()
    };
    let mut executor = Executor::new(Settings { threads: 1, ..Settings::default() })?;
    let block = Block::new(FORK, CHAIN_ID, env, transactions);
    let output = executor
        .execute(&block, &workload.state, Way::Sequential)
        .map_err(|error| failed(format!("preparing it fails: {error}")))?;
    if let Some(index) = output.receipts.iter().position(|receipt| !receipt.success) {
        return Err(failed(format!("transaction {index} of its preparation does not succeed")));
    }
    workload.state.apply(&output.changes);
    Ok(())
}

/// Gas that a block needs to have room for the transactions.
fn gas_limit(transactions: &[TxEnv]) -> u64 {
    transactions.iter().map(|transaction| transaction.gas_limit).sum()
}
