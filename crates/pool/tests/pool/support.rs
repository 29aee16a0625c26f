//! Transactions with made-up signatures, and a pool whose senders are rich.

use alloy_consensus::{SignableTransaction, TxEip1559, TxLegacy};
use alloy_primitives::{Address, B256, Signature, TxKind, U256};
use heddle_pool::{
    Added, BlockOutcome, BlockUpdate, Candidate, Context, Origin, Pool, PoolError, PoolTransaction,
    PooledTransaction, SenderState, Settings,
};
use heddle_types::RecoveredTransaction;
use std::{collections::BTreeMap, convert::Infallible, sync::Arc};

/// The chain that all is signed for.
pub(crate) const CHAIN: u64 = 31_337;

/// A signature of low `s`.
pub(crate) fn signature() -> Signature {
    Signature::new(U256::ONE, U256::ONE, false)
}

/// The sender with a number.
pub(crate) fn sender(number: u8) -> Address {
    Address::with_last_byte(number)
}

/// A transfer that differs from those of other senders.
pub(crate) fn transfer(from: u8, nonce: u64, fee: u128, tip: u128) -> TxEip1559 {
    TxEip1559 {
        chain_id: CHAIN,
        nonce,
        gas_limit: 21_000,
        max_fee_per_gas: fee,
        max_priority_fee_per_gas: tip,
        to: TxKind::Call(sender(from)),
        ..TxEip1559::default()
    }
}

/// A transfer without a tip, as it was before London.
pub(crate) fn legacy(from: u8, nonce: u64, price: u128) -> TxLegacy {
    TxLegacy {
        chain_id: Some(CHAIN),
        nonce,
        gas_limit: 21_000,
        gas_price: price,
        to: TxKind::Call(sender(from)),
        ..TxLegacy::default()
    }
}

/// Signs, and names the sender.
pub(crate) fn signed<T>(from: u8, transaction: T) -> Candidate
where
    T: SignableTransaction<Signature>,
    PooledTransaction: From<alloy_consensus::Signed<T>>,
{
    Candidate::new(transaction.into_signed(signature()).into(), sender(from))
}

/// A pool with the states of accounts.
pub(crate) struct Bench {
    pub(crate) pool: Pool,
    /// Those who are not named here have `rich`.
    pub(crate) states: BTreeMap<Address, SenderState>,
    pub(crate) now: u64,
}

/// More than anyone can spend.
pub(crate) fn rich() -> SenderState {
    SenderState { balance: U256::from(10).pow(U256::from(24)), ..SenderState::default() }
}

impl Bench {
    pub(crate) fn new(settings: Settings, context: Context) -> Self {
        Self { pool: Pool::new(settings, context), states: BTreeMap::new(), now: 1_000_000 }
    }

    pub(crate) fn plain() -> Self {
        Self::new(Settings::default(), Context::default())
    }

    pub(crate) fn state(&self, of: Address) -> SenderState {
        self.states.get(&of).copied().unwrap_or_else(rich)
    }

    pub(crate) fn add_from(
        &mut self,
        origin: Origin,
        candidate: Candidate,
    ) -> Result<Added, PoolError> {
        let states = self.states.clone();
        let read = |of| Ok::<_, Infallible>(states.get(&of).copied().unwrap_or_else(rich));
        self.pool.add(candidate, origin, self.now, read)
    }

    pub(crate) fn add(&mut self, candidate: Candidate) -> Result<Added, PoolError> {
        self.add_from(Origin::Local, candidate)
    }

    /// Adds a transfer that must be accepted, and gives its hash.
    pub(crate) fn accept(&mut self, from: u8, nonce: u64, fee: u128, tip: u128) -> B256 {
        self.add(signed(from, transfer(from, nonce, fee, tip))).unwrap().hash
    }

    pub(crate) fn set_nonce(&mut self, from: u8, nonce: u64) {
        let state = self.state(sender(from));
        self.states.insert(sender(from), SenderState { nonce, ..state });
    }

    pub(crate) fn set_balance(&mut self, from: u8, balance: u64) {
        let (state, balance) = (self.state(sender(from)), U256::from(balance));
        self.states.insert(sender(from), SenderState { balance, ..state });
    }

    /// Tells the pool of a block that changed those who sent something in it, and `others`.
    pub(crate) fn block(
        &mut self,
        committed: &[Arc<PoolTransaction>],
        reverted: &[RecoveredTransaction],
        others: &[Address],
    ) -> BlockOutcome {
        let hashes: Vec<_> = committed.iter().map(|transaction| transaction.hash()).collect();
        let senders = committed.iter().map(|transaction| transaction.sender());
        let reverted_senders = reverted.iter().map(|transaction| transaction.sender);
        let changed: Vec<_> =
            senders.chain(reverted_senders).chain(others.iter().copied()).collect();
        let states = self.states.clone();
        let read = |of| Ok::<_, Infallible>(states.get(&of).copied().unwrap_or_else(rich));
        let update = BlockUpdate { committed: &hashes, reverted, changed: &changed };
        self.pool.on_block(update, self.pool.context().clone(), self.now, read).unwrap()
    }

    /// Mines transactions in order: each raises the nonce of its sender.
    pub(crate) fn mine(&mut self, transactions: &[Arc<PoolTransaction>]) -> BlockOutcome {
        for transaction in transactions {
            let state = self.state(transaction.sender());
            let nonce = transaction.nonce() + 1;
            self.states.insert(transaction.sender(), SenderState { nonce, ..state });
        }
        self.block(transactions, &[], &[])
    }

    pub(crate) fn best(&self) -> Vec<(u8, u64)> {
        let name = |transaction: Arc<PoolTransaction>| {
            (transaction.sender().as_slice()[19], transaction.nonce())
        };
        self.pool.best().map(name).collect()
    }

    /// Hashes and reasons of what was dropped since the last time.
    pub(crate) fn dropped(&mut self) -> Vec<(B256, String)> {
        let (dropped, forgotten) = self.pool.take_dropped();
        assert_eq!(forgotten, 0);
        dropped.into_iter().map(|gone| (gone.hash, gone.reason.to_string())).collect()
    }
}
