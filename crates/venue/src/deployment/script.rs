//! Writing transactions down, in order and in blocks.

use super::{Block, DeploymentError, GAS_LIMIT, Step};
use crate::Keys;
use alloy_consensus::{SignableTransaction, TxEip1559};
use alloy_primitives::{Address, Bytes, TxKind, U256, uint};
use alloy_signer::SignerSync;
use alloy_sol_types::{SolCall, SolConstructor};
use heddle_types::{RecoveredTransaction, Transaction};

/// Wei in one ether, and units in one of what has 18 decimals.
pub(super) const ETHER: U256 = uint!(1_000_000_000_000_000_000_U256);

/// The most that is paid for gas, in wei: whatever a new chain may ask for.
const FEE_MAX: u128 = 1_000_000_000_000;

/// Gas for what is no more than some writes.
const CALL_GAS: u64 = 400_000;

/// Gas of a plain constructor, and of creating an account.
const CREATE_GAS: u64 = 1_000_000;

/// Who sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Actor {
    /// Creates contracts.
    Deployer,
    /// Sets them up.
    Installer,
    /// Reports prices; by seat.
    Reporter(usize),
}

/// The transactions so far.
#[derive(Debug)]
pub(super) struct Script {
    pub(super) keys: Keys,
    pub(super) chain_id: u64,
    blocks: Vec<Block>,
    /// What the last block has room for.
    gas_left: u64,
    deployer_nonce: u64,
    installer_nonce: u64,
    reporter_nonces: Vec<u64>,
}

impl Script {
    pub(super) fn new(keys: Keys, chain_id: u64) -> Self {
        Self {
            reporter_nonces: vec![0; keys.reporters.len()],
            keys,
            chain_id,
            blocks: Vec::new(),
            gas_left: 0,
            deployer_nonce: 0,
            installer_nonce: 0,
        }
    }

    /// Begins a block of a time; more that follow it are a second later each.
    pub(super) fn at(&mut self, timestamp: u64) {
        self.blocks.push(Block { timestamp, steps: Vec::new() });
        self.gas_left = GAS_LIMIT;
    }

    /// UNIX seconds of the block that the next small transaction may come into, or of the one after.
    pub(super) fn now(&self) -> u64 {
        self.blocks.last().map_or(0, |block| block.timestamp)
    }

    pub(super) fn finish(self) -> Vec<Block> {
        self.blocks
    }

    /// Creates a contract whose constructor takes arguments.
    pub(super) fn create<C: SolConstructor>(
        &mut self,
        name: &str,
        code: &Bytes,
        arguments: &C,
    ) -> Result<(), DeploymentError> {
        self.create_with_gas(name, [code.as_ref(), &arguments.abi_encode()].concat(), CREATE_GAS)
    }

    /// Creates a contract by this code.
    pub(super) fn create_of(&mut self, name: &str, code: Vec<u8>) -> Result<(), DeploymentError> {
        self.create_with_gas(name, code, CREATE_GAS)
    }

    /// Creates a contract by this code, whose constructor needs so much gas.
    pub(super) fn create_with_gas(
        &mut self,
        name: &str,
        code: Vec<u8>,
        constructor_gas: u64,
    ) -> Result<(), DeploymentError> {
        // A byte of code costs 200 to store, and up to 40 to send.
        let gas = constructor_gas + 240 * code.len() as u64;
        let create = Transfer { to: TxKind::Create, value: U256::ZERO, input: code.into(), gas };
        self.send(Actor::Deployer, format!("create {name}"), create)
    }

    /// The installer calls a contract.
    pub(super) fn call<C: SolCall>(
        &mut self,
        to: Address,
        call: &C,
    ) -> Result<(), DeploymentError> {
        self.call_by(Actor::Installer, to, call, CALL_GAS)
    }

    /// The installer calls a contract that does much.
    pub(super) fn call_with_gas<C: SolCall>(
        &mut self,
        to: Address,
        call: &C,
        gas: u64,
    ) -> Result<(), DeploymentError> {
        self.call_by(Actor::Installer, to, call, gas)
    }

    /// Somebody calls a contract.
    pub(super) fn call_by<C: SolCall>(
        &mut self,
        actor: Actor,
        to: Address,
        call: &C,
        gas: u64,
    ) -> Result<(), DeploymentError> {
        let input = call.abi_encode().into();
        let name = format!("{} of {to}", C::SIGNATURE);
        self.send(actor, name, Transfer { to: TxKind::Call(to), value: U256::ZERO, input, gas })
    }

    /// The installer calls a contract and sends ether along, in wei.
    pub(super) fn pay<C: SolCall>(
        &mut self,
        to: Address,
        call: &C,
        value: U256,
    ) -> Result<(), DeploymentError> {
        let input = call.abi_encode().into();
        let name = format!("{} of {to}", C::SIGNATURE);
        let pay = Transfer { to: TxKind::Call(to), value, input, gas: CALL_GAS };
        self.send(Actor::Installer, name, pay)
    }

    fn send(&mut self, actor: Actor, name: String, what: Transfer) -> Result<(), DeploymentError> {
        let Transfer { to, value, input, gas } = what;
        let (key, nonce) = match actor {
            Actor::Deployer => (&self.keys.deployer, &mut self.deployer_nonce),
            Actor::Installer => (&self.keys.installer, &mut self.installer_nonce),
            Actor::Reporter(seat) => (&self.keys.reporters[seat], &mut self.reporter_nonces[seat]),
        };
        let unsigned = TxEip1559 {
            chain_id: self.chain_id,
            nonce: *nonce,
            gas_limit: gas,
            max_fee_per_gas: FEE_MAX,
            to,
            value,
            input,
            ..TxEip1559::default()
        };
        *nonce += 1;
        let signature = key.sign_hash_sync(&unsigned.signature_hash())?;
        let sender = key.address();
        let transaction = Transaction::Eip1559(unsigned.into_signed(signature));
        if gas > self.gas_left {
            self.at(self.now() + 1);
        }
        self.gas_left = self.gas_left.saturating_sub(gas);
        let transaction = RecoveredTransaction { transaction, sender };
        if let Some(block) = self.blocks.last_mut() {
            block.steps.push(Step { name, transaction });
        }
        Ok(())
    }
}

/// What a transaction does.
struct Transfer {
    to: TxKind,
    value: U256,
    input: Bytes,
    gas: u64,
}
