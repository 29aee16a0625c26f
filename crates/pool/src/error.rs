//! Why a transaction is refused.
//!
//! The messages begin as geth's do, because clients look for them.

use alloy_eips::eip4844::BlobTransactionValidationError;
use alloy_primitives::U256;
use heddle_ecrecover::SignatureError;
use std::error::Error;

/// Why a transaction is refused.
#[derive(Debug, thiserror::Error)]
pub enum PoolError {
    /// It is in the pool.
    #[error("already known")]
    AlreadyKnown,
    /// Nobody can have signed it.
    #[error("invalid sender: {0}")]
    InvalidSender(#[from] SignatureError),
    /// It is signed for another chain.
    #[error("invalid sender: invalid chain id for signer: have {have} want {want}")]
    ChainId {
        /// The chain that it is signed for.
        have: u64,
        /// This chain.
        want: u64,
    },
    /// The rules of the next block do not know its type.
    #[error("transaction type not supported: type {0} is not active yet")]
    TypeNotSupported(u8),
    /// It is too large.
    #[error("oversized data: transaction size {size}, limit {limit}")]
    Oversized {
        /// Its bytes, without blobs.
        size: u64,
        /// The most that is accepted.
        limit: u64,
    },
    /// The code that it creates a contract with is too large (EIP-3860).
    #[error("max initcode size exceeded: code size {size}, limit {limit}")]
    InitCode {
        /// Its bytes.
        size: u64,
        /// The most that is allowed.
        limit: u64,
    },
    /// Its gas limit is above that of one transaction (EIP-7825).
    #[error("transaction gas limit too high (cap: {cap}, tx: {gas_limit})")]
    GasLimitTooHigh {
        /// The most that is allowed.
        cap: u64,
        /// Its gas limit.
        gas_limit: u64,
    },
    /// Its gas limit is above that of a block.
    #[error("exceeds block gas limit: tx gas limit {gas_limit}, block gas limit {block_gas_limit}")]
    ExceedsBlockGasLimit {
        /// Its gas limit.
        gas_limit: u64,
        /// The block's.
        block_gas_limit: u64,
    },
    /// Its tip is above its maximum fee.
    #[error(
        "max priority fee per gas higher than max fee per gas: maxPriorityFeePerGas: {tip}, maxFeePerGas: {fee}"
    )]
    TipAboveFee {
        /// Its tip.
        tip: u128,
        /// Its maximum fee.
        fee: u128,
    },
    /// There is no nonce after its own (EIP-2681).
    #[error("nonce has max value")]
    NonceMax,
    /// Its gas does not cover what it costs before it begins.
    #[error("intrinsic gas too low: gas {have}, minimum needed {need}")]
    IntrinsicGas {
        /// Its gas limit.
        have: u64,
        /// The least that would do.
        need: u64,
    },
    /// Its gas does not cover its calldata (EIP-7623).
    #[error("insufficient gas for floor data gas cost: gas {have}, minimum needed {need}")]
    FloorGas {
        /// Its gas limit.
        have: u64,
        /// The least that would do.
        need: u64,
    },
    /// Its tip or maximum fee is below what this node accepts.
    #[error("transaction gas price below minimum: {what} {have}, minimum needed {need}")]
    BelowMinimum {
        /// Which price it is.
        what: &'static str,
        /// The price it offers.
        have: u128,
        /// The least that is accepted.
        need: u128,
    },
    /// Its maximum fee is below the base fee of the next block, and the settings refuse that.
    #[error("max fee per gas less than block base fee: maxFeePerGas: {have}, baseFee: {need}")]
    BelowBaseFee {
        /// Its maximum fee.
        have: u128,
        /// The base fee.
        need: u64,
    },
    /// Its maximum blob fee is below that of the next block, and the settings refuse that.
    #[error(
        "max fee per blob gas less than block blob gas fee: maxFeePerBlobGas: {have}, blobBaseFee: {need}"
    )]
    BelowBlobBaseFee {
        /// Its maximum blob fee.
        have: u128,
        /// The blob base fee.
        need: u128,
    },
    /// A transaction of type 3 without blobs.
    #[error("blob transaction missing blob hashes")]
    NoBlobs,
    /// It has more blobs than one transaction may have.
    #[error("blob transaction has too many blobs: have {have}, permitted {limit}")]
    TooManyBlobs {
        /// How many it has.
        have: u64,
        /// How many are allowed.
        limit: u64,
    },
    /// The hash of a blob has another version than KZG's.
    #[error("blob {index} has invalid hash version")]
    BlobVersion {
        /// Which blob.
        index: usize,
    },
    /// The blobs of a transaction with blobs are not there.
    #[error("missing sidecar in blob transaction")]
    NoSidecar,
    /// Its sidecar has the form of another fork.
    #[error("unexpected sidecar version, want: {want}, got: {got}")]
    SidecarVersion {
        /// The wrapper version that the fork asks for.
        want: u8,
        /// The wrapper version of the sidecar.
        got: u8,
    },
    /// Its blobs, commitments, proofs and hashes differ in number.
    #[error(
        "invalid number of {blobs} blobs and {commitments} commitments compared to {hashes} blob hashes"
    )]
    SidecarLength {
        /// Number of blobs.
        blobs: usize,
        /// Number of commitments.
        commitments: usize,
        /// Number of hashes in the transaction.
        hashes: usize,
    },
    /// Its blobs are not those that it names.
    #[error("invalid blob sidecar: {0}")]
    Sidecar(#[source] BlobTransactionValidationError),
    /// A transaction of type 4 without an authorization.
    #[error(
        "EIP-7702 transaction with empty auth list: set code tx must have at least one authorization tuple"
    )]
    NoAuthorization,
    /// The account is past this nonce.
    #[error("nonce too low: next nonce {next}, tx nonce {nonce}")]
    NonceTooLow {
        /// The account's nonce.
        next: u64,
        /// The transaction's.
        nonce: u64,
    },
    /// The account cannot pay for it.
    #[error("insufficient funds for gas * price + value: balance {balance}, tx cost {cost}, overshot {overshot}", overshot = cost.saturating_sub(*balance))]
    InsufficientFunds {
        /// What the account has.
        balance: U256,
        /// What the transaction may cost.
        cost: U256,
    },
    /// The account cannot pay for it beside what else it has pending.
    #[error("insufficient funds for gas * price + value: balance {balance}, queued cost {queued}, tx cost {cost}, overshot {overshot}", overshot = queued.saturating_add(*cost).saturating_sub(*balance))]
    InsufficientFundsForAll {
        /// What the account has.
        balance: U256,
        /// What its other pending transactions may cost.
        queued: U256,
        /// What this one may cost.
        cost: U256,
    },
    /// The sender has code (EIP-3607).
    #[error("sender not an eoa")]
    SenderHasCode,
    /// It does not pay enough more than the one with the same nonce.
    #[error("replacement transaction underpriced: {what} {have}, minimum needed {need}")]
    ReplacementUnderpriced {
        /// Which price it is.
        what: &'static str,
        /// The price it offers.
        have: u128,
        /// The least that would do.
        need: u128,
    },
    /// The pool is full, and this is the cheapest.
    #[error("transaction underpriced: gas tip cap {tip}, gas fee cap {fee}")]
    Underpriced {
        /// Its tip.
        tip: u128,
        /// Its maximum fee.
        fee: u128,
    },
    /// The pool is full of what could be mined earlier than this.
    #[error("txpool is full")]
    Full,
    /// The account has as many transactions as one may have.
    #[error("account limit exceeded: pooled {transactions} txs, {bytes} bytes")]
    AccountLimit {
        /// How many it has.
        transactions: usize,
        /// Their bytes.
        bytes: u64,
    },
    /// An account with delegated code has a transaction in the pool.
    #[error("in-flight transaction limit reached for delegated accounts")]
    DelegatedLimit,
    /// An account with delegated code sends a transaction that is not its next.
    #[error("gapped-nonce tx from delegated accounts")]
    DelegatedGap,
    /// An authorization is by an account that has several transactions in the pool.
    #[error("authority already reserved")]
    AuthorityReserved,
    /// The state of the sender could not be read.
    #[error("cannot read the sender's account: {0}")]
    State(#[source] Box<dyn Error + Send + Sync>),
}
