//! Signing without a node, and checking signatures.

use super::{
    Context, WalletError,
    keys::{Account, KeyArgs},
};
use crate::{
    files::read_bounded,
    transaction::{self, Fields},
    work::{MESSAGE_BYTES_MAX, Work},
};
use alloy_consensus::transaction::SignerRecoverable;
use alloy_eips::eip7702::Authorization;
use alloy_primitives::{B256, Bytes, Signature, U256, hex};
use clap::Args;
use serde_json::{Value, json};
use std::path::{Path, PathBuf};

/// Most bytes of a file with a transaction: the largest one in hexadecimal digits, with room.
const TRANSACTION_BYTES_MAX: u64 = 1 << 20;

/// Signs a transaction of any type, offline.
#[derive(Debug, Args)]
pub(super) struct SignTransaction {
    /// A file with the transaction in JSON, with the names of JSON-RPC
    #[arg(long, value_name = "FILE")]
    transaction: PathBuf,
    /// Delegate the account to this contract (EIP-7702): signs the authorization, too, with the
    /// nonce behind that of the transaction
    #[arg(long, value_name = "CONTRACT")]
    delegate: Option<String>,
    #[command(flatten)]
    key: KeyArgs,
}

impl SignTransaction {
    pub(super) fn run(self, context: &Context) -> Result<bool, WalletError> {
        let mut fields =
            Fields::from_json(&read_bounded(&self.transaction, TRANSACTION_BYTES_MAX)?)?;
        let account = self.key.account(context)?;
        if let Some(delegate) = &self.delegate {
            let missing = transaction::TransactionError::Missing;
            let chain_id = fields.chain_id.ok_or(missing("chainId"))?;
            let nonce = fields.nonce.ok_or(missing("nonce"))?.to::<u64>();
            // The sender's nonce goes up before authorizations are looked at.
            let authorization = Authorization {
                chain_id: U256::from(chain_id),
                address: context.resolve(delegate)?,
                nonce: nonce.saturating_add(1),
            };
            let signature = account.sign(&Work::Authorization(authorization.clone()))?;
            let list = fields.authorization_list.get_or_insert_default();
            list.push(authorization.into_signed(signature));
        }
        let (raw, hash) = sign_transaction(&account, fields)?;
        let value = json!({"raw": raw, "hash": hash, "from": account.address()});
        context.output.print(&raw.to_string(), &value)?;
        Ok(true)
    }
}

/// The bytes of a signed transaction, and its hash.
pub(super) fn sign_transaction(
    account: &Account,
    fields: Fields,
) -> Result<(Bytes, B256), WalletError> {
    let unsigned = fields.build()?;
    let signature = account.sign(&Work::Transaction(Box::new(fields)))?;
    let signed = unsigned.into_signed(signature);
    Ok((transaction::encode(&signed), *signed.tx_hash()))
}

/// Signs the leave to run a contract's code in the account's name (EIP-7702), for somebody else to
/// send.
#[derive(Debug, Args)]
pub(super) struct SignAuthorization {
    /// The contract
    #[arg(long, value_name = "CONTRACT")]
    delegate: String,
    /// The chain; 0 is every chain
    #[arg(long)]
    chain_id: u64,
    /// The account's nonce at that time
    #[arg(long)]
    nonce: u64,
    #[command(flatten)]
    key: KeyArgs,
}

impl SignAuthorization {
    pub(super) fn run(self, context: &Context) -> Result<bool, WalletError> {
        let authorization = Authorization {
            chain_id: U256::from(self.chain_id),
            address: context.resolve(&self.delegate)?,
            nonce: self.nonce,
        };
        let account = self.key.account(context)?;
        let signature = account.sign(&Work::Authorization(authorization.clone()))?;
        let signed = authorization.into_signed(signature);
        let value = serde_json::to_value(&signed).expect("its fields are numbers and bytes");
        context.output.print(&value.to_string(), &value)?;
        Ok(true)
    }
}

/// A message.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct MessageArgs {
    /// The message
    #[arg(long)]
    message: Option<String>,
    /// A file with the message, to the last byte
    #[arg(long, value_name = "FILE")]
    message_file: Option<PathBuf>,
    /// The message as hexadecimal digits
    #[arg(long, value_name = "DIGITS")]
    message_hex: Option<Bytes>,
}

impl MessageArgs {
    fn work(&self) -> Result<Option<Work>, WalletError> {
        let bytes = match (&self.message, &self.message_file, &self.message_hex) {
            (Some(text), ..) => text.clone().into_bytes().into(),
            (_, Some(path), _) => read_bounded(path, MESSAGE_BYTES_MAX as u64)?.into(),
            (.., Some(bytes)) => bytes.clone(),
            _ => return Ok(None),
        };
        Ok(Some(Work::Message(bytes)))
    }
}

/// Signs a message (EIP-191).
#[derive(Debug, Args)]
pub(super) struct SignMessage {
    #[command(flatten)]
    message: MessageArgs,
    #[command(flatten)]
    key: KeyArgs,
}

impl SignMessage {
    pub(super) fn run(self, context: &Context) -> Result<bool, WalletError> {
        let work = self.message.work()?.ok_or(WalletError::Arguments("there is no message"))?;
        print_signature(context, &self.key, &work)
    }
}

/// Signs typed data (EIP-712).
#[derive(Debug, Args)]
pub(super) struct SignTypedData {
    /// A file with the typed data in JSON
    #[arg(long, value_name = "FILE")]
    data: PathBuf,
    #[command(flatten)]
    key: KeyArgs,
}

impl SignTypedData {
    pub(super) fn run(self, context: &Context) -> Result<bool, WalletError> {
        let work = Work::TypedData(read_json(&self.data)?);
        work.hash()?;
        print_signature(context, &self.key, &work)
    }
}

fn print_signature(context: &Context, key: &KeyArgs, work: &Work) -> Result<bool, WalletError> {
    let account = key.account(context)?;
    let signature = hex::encode_prefixed(account.sign(work)?.as_bytes());
    let value = json!({"signature": signature, "address": account.address(), "hash": work.hash()?});
    context.output.print(&signature, &value)?;
    Ok(true)
}

fn read_json(path: &Path) -> Result<Value, WalletError> {
    let bytes = read_bounded(path, MESSAGE_BYTES_MAX as u64)?;
    serde_json::from_slice(&bytes)
        .map_err(|source| WalletError::Json { path: path.to_owned(), source })
}

/// What was signed.
#[derive(Debug, Args)]
#[group(required = true, multiple = false)]
struct SignedArgs {
    /// The message
    #[arg(long)]
    message: Option<String>,
    /// A file with the message, to the last byte
    #[arg(long, value_name = "FILE")]
    message_file: Option<PathBuf>,
    /// The message as hexadecimal digits
    #[arg(long, value_name = "DIGITS")]
    message_hex: Option<Bytes>,
    /// A file with typed data in JSON
    #[arg(long, value_name = "FILE")]
    typed_data: Option<PathBuf>,
    /// A signed transaction, which has its signature in it
    #[arg(long, value_name = "DIGITS")]
    transaction: Option<Bytes>,
}

/// Says whether a signature is an account's. Ends with status 1 if it is not.
#[derive(Debug, Args)]
pub(super) struct Verify {
    /// The account: an address or a name
    #[arg(long)]
    address: String,
    /// The signature, 65 bytes in hexadecimal digits
    #[arg(long, required_unless_present = "transaction", conflicts_with = "transaction")]
    signature: Option<String>,
    #[command(flatten)]
    signed: SignedArgs,
}

impl Verify {
    pub(super) fn run(self, context: &Context) -> Result<bool, WalletError> {
        let address = context.resolve(&self.address)?;
        let SignedArgs { message, message_file, message_hex, typed_data, transaction } =
            self.signed;
        let is_right = if let Some(raw) = transaction {
            let decoded = heddle_types::decode_transaction(&raw);
            decoded
                .is_ok_and(|signed| signed.recover_signer().is_ok_and(|signer| signer == address))
        } else {
            let text = self.signature.unwrap_or_default();
            let bytes = hex::decode(text).map_err(|_| WalletError::SignatureForm)?;
            let signature = Signature::from_raw(&bytes).map_err(|_| WalletError::SignatureForm)?;
            let work = match typed_data {
                Some(path) => Some(Work::TypedData(read_json(&path)?)),
                None => MessageArgs { message, message_file, message_hex }.work()?,
            };
            let work = work.ok_or(WalletError::Arguments("there is nothing to verify"))?;
            work.hash()?;
            work.verify(&signature, address).is_ok()
        };
        let word = if is_right { "is" } else { "is not" };
        let value = json!({"address": address, "valid": is_right});
        context.output.print(&format!("the signature {word} by {address}"), &value)?;
        Ok(is_right)
    }
}
