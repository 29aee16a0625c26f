//! Why a transaction may not run, in geth's words.

use super::Environment;
use alloy_primitives::{TxKind, U256};
use heddle_types::{AccountState, Fork};
use revm::{
    context::{Transaction, TransactionType, TxEnv, result::InvalidTransaction},
    primitives::{eip3860, eip7954},
};

/// Codes of JSON-RPC errors, as geth and the execution APIs define them.
pub mod codes {
    /// The execution reverted; the data is what it returned.
    pub const REVERTED: i32 = 3;
    /// Whatever has no code of its own.
    pub const SERVER_ERROR: i32 = -32000;
    /// The EVM halted exceptionally, within a simulation.
    pub const VM_ERROR: i32 = -32015;
    /// The request is malformed.
    pub const INVALID_PARAMS: i32 = -32602;
    /// Any other rule of validity.
    pub const INTERNAL: i32 = -32603;
    /// The nonce is below the account's.
    pub const NONCE_TOO_LOW: i32 = -38010;
    /// The nonce is above the account's.
    pub const NONCE_TOO_HIGH: i32 = -38011;
    /// The fee is below the base fee.
    pub const BASE_FEE_TOO_LOW: i32 = -38012;
    /// The gas limit is below what the transaction costs before it starts.
    pub const INTRINSIC_GAS: i32 = -38013;
    /// The sender cannot pay.
    pub const INSUFFICIENT_FUNDS: i32 = -38014;
    /// The block has not enough gas left.
    pub const BLOCK_GAS_LIMIT_REACHED: i32 = -38015;
    /// Block numbers are not in order.
    pub const BLOCK_NUMBER_INVALID: i32 = -38020;
    /// Block times are not in order.
    pub const BLOCK_TIMESTAMP_INVALID: i32 = -38021;
    /// A precompile is moved to itself.
    pub const MOVE_TO_ITSELF: i32 = -38022;
    /// Two precompiles are moved to the same address.
    pub const MOVED_TWICE: i32 = -38023;
    /// The sender has code.
    pub const SENDER_IS_NOT_EOA: i32 = -38024;
    /// The init code is too long.
    pub const INIT_CODE_TOO_LONG: i32 = -38025;
    /// More blocks or calls than a request may have.
    pub const CLIENT_LIMIT_EXCEEDED: i32 = -38026;
}

/// A transaction may not run: geth's message, and the code that `eth_simulateV1` gives it.
///
/// `eth_call`, `eth_estimateGas` and others answer with [`codes::SERVER_ERROR`] in place of it.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{message}")]
pub struct Refusal {
    /// What is wrong, in geth's words.
    pub message: String,
    /// The code in `eth_simulateV1`.
    pub code: i32,
    /// The rule that revm named.
    pub reason: InvalidTransaction,
}

impl Refusal {
    /// Words for `reason`. `sender` is the account of who sends the transaction.
    ///
    /// If the transaction breaks more rules than one, the words are for that which geth would find
    /// first.
    pub fn new(
        reason: InvalidTransaction,
        transaction: &TxEnv,
        environment: &Environment,
        sender: Option<AccountState>,
    ) -> Self {
        let subject = Subject { transaction, environment, sender };
        let (message, code) = subject
            .nonce()
            .or_else(|| subject.fees(&reason))
            .or_else(|| subject.funds(&reason))
            .unwrap_or_else(|| subject.other(&reason));
        Self { message, code, reason }
    }

    /// The message as geth's `eth_call` and `eth_simulateV1` give it.
    pub fn message_for_call(&self, gas_limit: u64) -> String {
        format!("err: {} (supplied gas {gas_limit})", self.message)
    }
}

/// Rules on the form of a transaction that revm takes for granted.
pub(super) fn check_shape(transaction: &TxEnv) -> Result<(), Refusal> {
    let creates = transaction.kind == TxKind::Create;
    let (message, reason) = match TransactionType::from(transaction.tx_type) {
        TransactionType::Eip4844 if creates => {
            ("blob transaction of type create", InvalidTransaction::BlobCreateTransaction)
        }
        TransactionType::Eip7702 if creates => {
            let message = "EIP-7702 transaction cannot be used to create contract";
            (message, InvalidTransaction::Str(message.into()))
        }
        _ => return Ok(()),
    };
    Err(Refusal { message: message.to_owned(), code: codes::INTERNAL, reason })
}

type Words = (String, i32);

struct Subject<'a> {
    transaction: &'a TxEnv,
    environment: &'a Environment,
    sender: Option<AccountState>,
}

impl Subject<'_> {
    fn nonce(&self) -> Option<Words> {
        if !self.environment.checks.nonce {
            return None;
        }
        let state = self.sender.map_or(0, |sender| sender.nonce);
        let (address, tx) = (self.transaction.caller, self.transaction.nonce);
        let numbers = || format!("address {address}, tx: {tx} state: {state}");
        if state < tx {
            Some((format!("nonce too high: {}", numbers()), codes::NONCE_TOO_HIGH))
        } else if state > tx {
            Some((format!("nonce too low: {}", numbers()), codes::NONCE_TOO_LOW))
        } else if state == u64::MAX {
            let message = format!("nonce has max value: address {address}, nonce: {state}");
            Some((message, codes::INTERNAL))
        } else {
            None
        }
    }

    fn fees(&self, reason: &InvalidTransaction) -> Option<Words> {
        let (tx, from) = (self.transaction, self.transaction.caller);
        match reason {
            InvalidTransaction::TxGasLimitGreaterThanCap { gas_limit, cap } => {
                let message =
                    format!("transaction gas limit too high (cap: {cap}, tx: {gas_limit})");
                Some((message, codes::INTERNAL))
            }
            InvalidTransaction::RejectCallerWithCode => {
                let message = format!("sender not an eoa: address {from}, the account has code");
                Some((message, codes::SENDER_IS_NOT_EOA))
            }
            InvalidTransaction::PriorityFeeGreaterThanMaxFee => {
                let (tip, cap) = (tx.gas_priority_fee.unwrap_or_default(), tx.gas_price);
                let message = format!(
                    "max priority fee per gas higher than max fee per gas: address {from}, \
                     maxPriorityFeePerGas: {tip}, maxFeePerGas: {cap}"
                );
                Some((message, codes::INVALID_PARAMS))
            }
            _ => self.base_fee(),
        }
    }

    fn base_fee(&self) -> Option<Words> {
        let environment = self.environment;
        let (cap, base_fee) = (self.transaction.gas_price, environment.block.basefee);
        let counts = environment.checks.base_fee || !super::names_no_fee(self.transaction);
        if !counts || environment.fork < Fork::London || cap >= u128::from(base_fee) {
            return None;
        }
        let message = format!(
            "max fee per gas less than block base fee: address {}, maxFeePerGas: {cap}, baseFee: \
             {base_fee}",
            self.transaction.caller
        );
        Some((message, codes::BASE_FEE_TOO_LOW))
    }

    /// geth looks at the balance before it counts intrinsic gas, revm after.
    fn funds(&self, reason: &InvalidTransaction) -> Option<Words> {
        let late = matches!(
            reason,
            InvalidTransaction::LackOfFundForMaxFee { .. }
                | InvalidTransaction::OverflowPaymentInTransaction
                | InvalidTransaction::CallGasCostMoreThanGasLimit { .. }
                | InvalidTransaction::GasFloorMoreThanGasLimit { .. }
        );
        if !late || !self.environment.checks.balance {
            return None;
        }
        let from = self.transaction.caller;
        let text = "insufficient funds for gas * price + value";
        let Ok(want) = self.transaction.max_balance_spending() else {
            let message = format!("{text}: address {from} required balance exceeds 256 bits");
            return Some((message, codes::INSUFFICIENT_FUNDS));
        };
        let have = self.sender.map_or(U256::ZERO, |sender| sender.balance);
        (have < want).then(|| {
            let message = format!("{text}: address {from} have {have} want {want}");
            (message, codes::INSUFFICIENT_FUNDS)
        })
    }

    fn other(&self, reason: &InvalidTransaction) -> Words {
        let tx = self.transaction;
        let message = match reason {
            InvalidTransaction::CallGasCostMoreThanGasLimit { initial_gas, gas_limit } => {
                let message =
                    format!("intrinsic gas too low: have {gas_limit}, want {initial_gas}");
                return (message, codes::INTRINSIC_GAS);
            }
            InvalidTransaction::GasFloorMoreThanGasLimit { gas_floor, gas_limit } => format!(
                "insufficient gas for floor data gas cost: have {gas_limit}, want {gas_floor}"
            ),
            InvalidTransaction::CreateInitCodeSizeLimit => {
                let limit = match (self.environment.code_size_max, self.environment.fork) {
                    (Some(size), _) => size.saturating_mul(2),
                    (None, Fork::Amsterdam) => eip7954::MAX_INITCODE_SIZE,
                    (None, _) => eip3860::MAX_INITCODE_SIZE,
                };
                let size = tx.data.len();
                let message =
                    format!("max initcode size exceeded: code size {size}, limit {limit}");
                return (message, codes::INIT_CODE_TOO_LONG);
            }
            InvalidTransaction::CallerGasLimitMoreThanBlock => {
                return ("gas limit reached".to_owned(), codes::BLOCK_GAS_LIMIT_REACHED);
            }
            InvalidTransaction::BlobGasPriceGreaterThanMax {
                block_blob_gas_price,
                tx_max_fee_per_blob_gas,
            } => format!(
                "max fee per blob gas less than block blob gas fee: address {} blobGasFeeCap: \
                 {tx_max_fee_per_blob_gas}, blobBaseFee: {block_blob_gas_price}",
                tx.caller
            ),
            InvalidTransaction::EmptyBlobs => "blob transaction missing blob hashes".to_owned(),
            InvalidTransaction::TooManyBlobs { .. } => {
                "blob transaction has too many blobs".to_owned()
            }
            InvalidTransaction::BlobVersionNotSupported => {
                let wrong = tx.blob_hashes.iter().position(|hash| hash[0] != 1).unwrap_or_default();
                format!("blob {wrong} has invalid hash version")
            }
            InvalidTransaction::EmptyAuthorizationList => {
                "EIP-7702 transaction with empty auth list".to_owned()
            }
            InvalidTransaction::InvalidChainId | InvalidTransaction::MissingChainId => {
                let have = tx.chain_id.unwrap_or_default();
                let want = self.environment.chain_id;
                format!("invalid chain id for signer: have {have} want {want}")
            }
            InvalidTransaction::Eip2930NotSupported
            | InvalidTransaction::Eip1559NotSupported
            | InvalidTransaction::Eip4844NotSupported
            | InvalidTransaction::Eip7702NotSupported => {
                "transaction type not supported".to_owned()
            }
            other => other.to_string(),
        };
        (message, codes::INTERNAL)
    }
}
