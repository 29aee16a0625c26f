//! A state in memory that the deployment was executed on.

use alloy_consensus::Transaction as _;
use alloy_primitives::{Address, Bytes, TxKind, U256};
use alloy_sol_types::SolCall;
use heddle_executor::{
    MemoryAccount, MemoryState, Overlay,
    call::{Checks, Environment, Interrupt, call, execute},
    revm::context::{BlockEnv, TxEnv, result::ExecutionResult},
};
use heddle_types::{Fork, RecoveredTransaction};
use heddle_venue::{Block, Deployment, GAS_LIMIT, Settings};

pub(crate) const CHAIN_ID: u64 = 31_337;

/// UNIX seconds of the last block.
pub(crate) const END: u64 = 1_800_000_000;

/// The most gas that a transaction may have (EIP-7825).
const TRANSACTION_GAS_MAX: u64 = 1 << 24;

pub(crate) struct Chain {
    state: Overlay<MemoryState>,
    environment: Environment,
}

pub(crate) fn accounts(count: u8) -> Vec<Address> {
    (1..=count).map(|number| Address::repeat_byte(0xe0 - number)).collect()
}

pub(crate) fn deployment(chain_id: u64, accounts: &[Address]) -> Deployment {
    Deployment::new(&Settings { chain_id, end: END, accounts }).unwrap()
}

/// A chain that has the venue; ten accounts use it.
pub(crate) fn deployed() -> Chain {
    let mut chain = Chain::new(&deployment(CHAIN_ID, &accounts(10)), CHAIN_ID);
    for block in deployment(CHAIN_ID, &accounts(10)).blocks {
        chain.apply(&block);
    }
    chain
}

impl Chain {
    pub(crate) fn new(deployment: &Deployment, chain_id: u64) -> Self {
        let mut state = MemoryState::default();
        for (account, balance) in &deployment.funding {
            let funded = MemoryAccount { balance: *balance, ..MemoryAccount::default() };
            state.accounts.insert(*account, funded);
        }
        let block =
            BlockEnv { basefee: 1_000_000_000, gas_limit: GAS_LIMIT, ..BlockEnv::default() };
        let environment = Environment::new(Fork::Osaka, chain_id, block);
        Self { state: Overlay::new(state), environment }
    }

    /// Executes a block; all of its transactions succeed.
    pub(crate) fn apply(&mut self, block: &Block) {
        assert!(U256::from(block.timestamp) > self.environment.block.timestamp);
        self.environment.block.timestamp = U256::from(block.timestamp);
        self.environment.block.number += U256::ONE;
        let mut limits = 0;
        for step in &block.steps {
            let transaction = transaction(&step.transaction);
            limits += transaction.gas_limit;
            assert!(transaction.gas_limit <= TRANSACTION_GAS_MAX, "{}", step.name);
            let interrupt = Interrupt::default();
            let result =
                execute(&mut self.state, &self.environment, &transaction, &interrupt).unwrap();
            let (name, limit) = (&step.name, transaction.gas_limit);
            assert!(result.is_success(), "{name} with {limit}: {result:?}");
        }
        assert!(limits <= GAS_LIMIT, "{limits}");
    }

    /// What a contract answers.
    pub(crate) fn ask<C: SolCall>(&mut self, to: Address, question: &C) -> C::Return {
        let answer = self.call(Address::ZERO, to, question.abi_encode().into());
        C::abi_decode_returns(&answer.unwrap_or_else(|| panic!("{}", C::SIGNATURE))).unwrap()
    }

    /// Whether a call by somebody would succeed.
    pub(crate) fn may<C: SolCall>(&mut self, who: Address, to: Address, what: &C) -> bool {
        self.call(who, to, what.abi_encode().into()).is_some()
    }

    fn call(&mut self, from: Address, to: Address, data: Bytes) -> Option<Bytes> {
        let environment = self.environment.clone().with_checks(Checks::NONE);
        let transaction = TxEnv {
            caller: from,
            kind: TxKind::Call(to),
            data,
            gas_limit: GAS_LIMIT,
            gas_price: 0,
            ..TxEnv::default()
        };
        let interrupt = Interrupt::default();
        match call(&mut self.state, &environment, &transaction, &interrupt).unwrap().result {
            ExecutionResult::Success { output, .. } => Some(output.into_data()),
            _ => None,
        }
    }

    pub(crate) fn code(&mut self, address: Address) -> Bytes {
        self.state.code(address).unwrap().original_bytes()
    }

    pub(crate) fn set_time(&mut self, timestamp: u64) {
        self.environment.block.timestamp = U256::from(timestamp);
    }
}

fn transaction(recovered: &RecoveredTransaction) -> TxEnv {
    let transaction = &recovered.transaction;
    TxEnv {
        tx_type: 2,
        caller: recovered.sender,
        gas_limit: transaction.gas_limit(),
        gas_price: transaction.max_fee_per_gas(),
        gas_priority_fee: transaction.max_priority_fee_per_gas(),
        kind: transaction.kind(),
        value: transaction.value(),
        data: transaction.input().clone(),
        nonce: transaction.nonce(),
        chain_id: transaction.chain_id(),
        ..TxEnv::default()
    }
}
