//! Bounds and preferences of a pool.

/// In which order transactions of different senders are offered.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Ordering {
    /// By what the block's beneficiary gets a unit of gas, then by arrival.
    #[default]
    Fees,
    /// By arrival.
    Fifo,
}

/// Bounds and preferences of a pool.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// In which order transactions are offered.
    pub ordering: Ordering,
    /// Bytes that the pool may hold, blobs included.
    pub bytes_max: u64,
    /// Bytes that transactions with blobs may hold: some of them are as large as thousands of
    /// transfers, and must not be able to drive those out.
    pub blob_bytes_max: u64,
    /// Bytes that one account may hold, unless it is local.
    pub account_bytes_max: u64,
    /// Transactions that one account may have in the pool, unless it is local.
    pub account_transactions_max: usize,
    /// Transactions that an account with delegated code may have in the pool, unless it is local:
    /// whoever is called by it can spend its balance, and so make all of them worthless at once.
    pub delegated_transactions_max: usize,
    /// Lowest maximum fee of a unit of gas that is accepted, in wei.
    pub fee_min: u128,
    /// Lowest tip of a unit of gas that is accepted, in wei.
    pub tip_min: u128,
    /// Whether to refuse what the next block could not include for its fees. Where blocks are made
    /// only when there is something to include, such a transaction would wait for ever.
    pub refuse_below_base_fee: bool,
    /// Bytes that the code which makes a contract may have, in place of what the fork allows
    /// (EIP-3860).
    pub init_code_max: Option<u64>,
    /// By how many percent a replacement must raise both fees.
    pub price_bump_percent: u64,
    /// By how many percent a replacement of a transaction with blobs must raise all its fees.
    pub blob_price_bump_percent: u64,
    /// Seconds after which a transaction that is only queued is dropped.
    pub queued_lifetime_seconds: u64,
    /// How many of the last dropped transactions can be asked for.
    pub dropped_max: usize,
    /// Bytes of blobs of mined transactions that are kept for questions and reorganisations.
    pub mined_blob_bytes_max: u64,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            ordering: Ordering::Fees,
            // Two seconds of 100,000 transfers each second.
            bytes_max: 512 << 20,
            // Some fifty transactions of six blobs.
            blob_bytes_max: 48 << 20,
            account_bytes_max: 8 << 20,
            account_transactions_max: 1024,
            delegated_transactions_max: 1,
            fee_min: 0,
            tip_min: 0,
            refuse_below_base_fee: false,
            init_code_max: None,
            price_bump_percent: 10,
            blob_price_bump_percent: 100,
            queued_lifetime_seconds: 3 * 60 * 60,
            dropped_max: 1 << 16,
            mined_blob_bytes_max: 16 << 20,
        }
    }
}
