//! Who sends: accounts of keys that follow from the seed, so everybody knows them.

use alloy_consensus::TxEip1559;
use alloy_primitives::{Address, B256, Bytes, TxKind, U256, keccak256};
use alloy_signer_local::PrivateKeySigner;
use alloy_sol_types::SolCall;
use std::thread;

/// The chain id of development chains.
pub const CHAIN_ID: u64 = 31_337;

/// The most gas that a transaction may have (EIP-7825).
pub const GAS_MAX: u64 = 16_777_216;

/// An account, and how many transactions it has signed.
#[derive(Clone, Debug)]
pub struct Sender {
    key: PrivateKeySigner,
    nonce: u64,
}

/// A transaction, ready to be sent.
#[derive(Clone, Debug)]
pub struct Signed {
    /// Its hash.
    pub hash: B256,
    /// Its bytes.
    pub raw: Bytes,
}

impl Sender {
    /// The `number`th account of a role.
    ///
    /// # Errors
    ///
    /// Never but for one hash in 2^127.
    pub fn new(seed: u64, role: &str, number: usize) -> Result<Self, alloy_signer::Error> {
        let text = format!("heddle scenario, seed {seed}, {role} {number}");
        let key = PrivateKeySigner::from_bytes(&keccak256(text))?;
        Ok(Self { key, nonce: 0 })
    }

    /// Many of a role, on all processors.
    ///
    /// # Errors
    ///
    /// As [`Self::new`].
    pub fn many(seed: u64, role: &str, count: usize) -> Result<Vec<Self>, alloy_signer::Error> {
        let numbers: Vec<usize> = (0..count).collect();
        spread(&numbers, |number| Self::new(seed, role, *number)).into_iter().collect()
    }

    /// Its address.
    pub fn address(&self) -> Address {
        self.key.address()
    }

    /// Its key, for what is not a transaction.
    pub fn key(&self) -> &PrivateKeySigner {
        &self.key
    }

    /// The address of the contract that the next transaction creates, if it creates one.
    pub fn next_contract(&self) -> Address {
        self.address().create(self.nonce)
    }

    /// Signs a call.
    ///
    /// # Errors
    ///
    /// Those of the signer.
    pub fn call(
        &mut self,
        to: Address,
        call: &impl SolCall,
        gas: u64,
    ) -> Result<Signed, alloy_signer::Error> {
        self.sign(TxKind::Call(to), call.abi_encode().into(), gas)
    }

    /// Signs the creation of a contract.
    ///
    /// # Errors
    ///
    /// Those of the signer.
    pub fn create(&mut self, code: Vec<u8>) -> Result<Signed, alloy_signer::Error> {
        self.sign(TxKind::Create, code.into(), GAS_MAX)
    }

    fn sign(
        &mut self,
        to: TxKind,
        input: Bytes,
        gas_limit: u64,
    ) -> Result<Signed, alloy_signer::Error> {
        let transaction = TxEip1559 {
            chain_id: CHAIN_ID,
            nonce: self.nonce,
            gas_limit,
            max_fee_per_gas: 0,
            max_priority_fee_per_gas: 0,
            to,
            value: U256::ZERO,
            access_list: Default::default(),
            input,
        };
        let (hash, raw) = heddle_client::sign(&self.key, transaction)?;
        self.nonce += 1;
        Ok(Signed { hash, raw })
    }
}

/// Does the same with many, on all processors; results are in the order of what they are of.
pub fn spread<T: Sync, R: Send>(all: &[T], work: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let part = all.len().div_ceil(threads).max(1);
    thread::scope(|scope| {
        let work = &work;
        let parts: Vec<_> = all
            .chunks(part)
            .map(|part| scope.spawn(move || part.iter().map(work).collect::<Vec<R>>()))
            .collect();
        let results = parts
            .into_iter()
            .flat_map(|part| part.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        results.collect()
    })
}
