//! Sending ether and tokens over JSON-RPC.

use super::{
    Context, WalletError,
    keys::{Account, KeyArgs},
    signing::sign_transaction,
};
use crate::{
    amount::{ETHER_DECIMALS, format_units, parse_ether, parse_units},
    token::{DECIMALS, Transfer},
    transaction::Fields,
};
use alloy_primitives::{Address, B256, Bytes, U64, U128, U256};
use clap::Args;
use heddle_client::Node;
use serde_json::{Value, json};
use std::{
    thread,
    time::{Duration, Instant},
};

/// Time between two looks for a receipt.
const POLL_INTERVAL: Duration = Duration::from_millis(250);
/// Wei for each gas for the producer, if the node has no proposal.
const PRIORITY_FEE: u64 = 1_000_000_000;

/// The node that is asked.
#[derive(Debug, Args)]
pub(super) struct NodeArgs {
    /// The node [default: ETH_RPC_URL, or http://127.0.0.1:8545]
    #[arg(long, value_name = "URL")]
    rpc_url: Option<String>,
}

impl NodeArgs {
    pub(super) fn connect(&self) -> Node {
        let named = self.rpc_url.clone().or_else(|| std::env::var("ETH_RPC_URL").ok());
        Node::new(named.as_deref().unwrap_or("http://127.0.0.1:8545"))
    }
}

/// How a transaction is sent.
#[derive(Debug, Args)]
struct SendArgs {
    #[command(flatten)]
    node: NodeArgs,
    /// Refuse a node of another chain
    #[arg(long)]
    chain_id: Option<u64>,
    /// Most ether that the fee may cost; a node could propose any
    #[arg(long, value_name = "AMOUNT", default_value = "0.1")]
    fee_max: String,
    /// The nonce [default: behind the last transaction, pending ones too]
    #[arg(long)]
    nonce: Option<u64>,
    /// Do not wait until the transaction is in a block
    #[arg(long)]
    no_wait: bool,
    /// Seconds to wait until it is in a block
    #[arg(long, default_value_t = 120)]
    timeout: u64,
    #[command(flatten)]
    key: KeyArgs,
}

/// Sends ether.
#[derive(Debug, Args)]
pub(super) struct Send {
    /// Who gets it: an address or a name
    #[arg(long)]
    to: String,
    /// Ether; `gwei` and `wei` behind the number say another unit
    #[arg(long, value_name = "AMOUNT")]
    value: String,
    #[command(flatten)]
    send: SendArgs,
}

impl Send {
    pub(super) fn run(self, context: &Context) -> Result<bool, WalletError> {
        let to = context.resolve(&self.to)?;
        let value = ether(&self.value)?;
        let account = self.send.key.account(context)?;
        self.send.send(context, &self.send.node.connect(), &account, to, value, Bytes::new())
    }
}

/// Transfers tokens (ERC-20).
#[derive(Debug, Args)]
pub(super) struct TokenTransfer {
    /// The token: an address or a name
    #[arg(long)]
    token: String,
    /// Who gets them: an address or a name
    #[arg(long)]
    to: String,
    /// How many, in whole tokens: the token says how many decimals it has
    #[arg(long)]
    amount: String,
    #[command(flatten)]
    send: SendArgs,
}

impl TokenTransfer {
    pub(super) fn run(self, context: &Context) -> Result<bool, WalletError> {
        let (token, to) = (context.resolve(&self.token)?, context.resolve(&self.to)?);
        let node = self.send.node.connect();
        let decimals = node.eth_call(&json!({"to": token, "data": Bytes::from(DECIMALS)}))?;
        let decimals = <[u8; 32]>::try_from(decimals.as_ref())
            .ok()
            .and_then(|word| u8::try_from(U256::from_be_bytes(word)).ok())
            .ok_or(WalletError::Token(token, "it has no decimals"))?;
        let amount = parse_units(&self.amount, decimals)
            .map_err(|error| WalletError::Amount(self.amount.clone(), error))?;
        let data = Transfer { to, amount }.encode();
        let account = self.send.key.account(context)?;
        // Some tokens return false in the place of reverting.
        let result =
            node.eth_call(&json!({"from": account.address(), "to": token, "data": data}))?;
        let is_true = U256::try_from_be_slice(&result) == Some(U256::ONE) && result.len() == 32;
        if !result.is_empty() && !is_true {
            return Err(WalletError::Token(token, "it returns false"));
        }
        self.send.send(context, &node, &account, token, U256::ZERO, data)
    }
}

fn ether(text: &str) -> Result<U256, WalletError> {
    parse_ether(text).map_err(|error| WalletError::Amount(text.to_owned(), error))
}

impl SendArgs {
    fn send(
        &self,
        context: &Context,
        node: &Node,
        account: &Account,
        to: Address,
        value: U256,
        data: Bytes,
    ) -> Result<bool, WalletError> {
        let fields = self.fields(node, account.address(), to, value, data)?;
        let max = ether(&self.fee_max)?;
        if fields.fee_max() > max {
            let [fee, max] = [fields.fee_max(), max].map(|wei| format_units(wei, ETHER_DECIMALS));
            return Err(WalletError::Fee { fee, max });
        }
        let (raw, hash) = sign_transaction(account, fields)?;
        let said = node.send(&raw)?;
        if said != hash {
            return Err(WalletError::Hash { said, found: hash });
        }
        if self.no_wait {
            context.output.print(&format!("{hash} sent"), &json!({"hash": hash}))?;
            return Ok(true);
        }
        self.wait(context, node, hash)
    }

    /// A transaction with the nonce, gas and fees that the node proposes.
    fn fields(
        &self,
        node: &Node,
        from: Address,
        to: Address,
        value: U256,
        data: Bytes,
    ) -> Result<Fields, WalletError> {
        let found = node.chain_id()?;
        if let Some(wanted) = self.chain_id.filter(|wanted| *wanted != found) {
            return Err(WalletError::Chain { wanted, found });
        }
        let nonce = self.nonce.map_or_else(|| node.nonce(from, "pending"), Ok)?;
        let mut call: Value = json!({"from": from, "to": to, "value": value});
        if !data.is_empty() {
            call["data"] = json!(data);
        }
        let gas = node.estimate_gas(&call)?;
        let mut fields = Fields {
            chain_id: Some(U64::from(found)),
            nonce: Some(U64::from(nonce)),
            gas: Some(U64::from(gas)),
            to: Some(to),
            value: Some(value),
            input: Some(data),
            ..Fields::default()
        };
        if let Some(base) = node.latest_fees()?.base_fee_per_gas {
            let tip = node.priority_fee().unwrap_or(U128::from(PRIORITY_FEE));
            // The base fee can double within six blocks (EIP-1559).
            let most = base.saturating_mul(U128::from(2)).saturating_add(tip);
            fields.max_priority_fee_per_gas = Some(tip);
            fields.max_fee_per_gas = Some(most);
        } else {
            fields.gas_price = Some(node.gas_price()?);
        }
        Ok(fields)
    }

    fn wait(&self, context: &Context, node: &Node, hash: B256) -> Result<bool, WalletError> {
        let begin = Instant::now();
        let receipt = loop {
            match node.receipt(hash)? {
                Some(receipt) => break receipt,
                None if begin.elapsed().as_secs() >= self.timeout => {
                    return Err(WalletError::Pending(hash));
                }
                None => thread::sleep(POLL_INTERVAL),
            }
        };
        // Before Byzantium receipts had no status.
        let succeeded = receipt.status.is_none_or(|status| status == U64::ONE);
        let word = if succeeded { "succeeded" } else { "failed" };
        let line =
            format!("{hash} {word} in block {}, gas {}", receipt.block_number, receipt.gas_used);
        let value = json!({
            "hash": hash,
            "succeeded": succeeded,
            "blockNumber": receipt.block_number,
            "gasUsed": receipt.gas_used,
        });
        context.output.print(&line, &value)?;
        Ok(succeeded)
    }
}
