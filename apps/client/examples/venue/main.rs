//! Clients of the DeFi venue on a development chain, one for each of its systems.
//!
//! ```sh
//! heddle dev --venue
//! cargo run --package heddle-client --example venue -- exchange
//! ```
//!
//! The systems are exchange, lending, oracle, staking, governance and insurance; without a name all
//! are tried. The node is `$RPC_URL`, or the one on port 8545. The last three let days pass on it; the
//! chain is set back after each.

mod exchange;
mod governance;
mod insurance;
mod lending;
mod oracle;
mod staking;

use alloy_primitives::{Address, U64, U256};
use alloy_signer_local::{MnemonicBuilder, coins_bip39::English};
use alloy_sol_types::SolCall;
use heddle_client::{At, Node, Receipt, RpcError, Sender};
use heddle_venue::{PHRASE, contracts::faucet_token::FaucetToken};
use serde_json::json;
use std::{env, error::Error, time::Duration};

/// What an example ends with.
pub type Outcome = Result<(), Box<dyn Error>>;

/// How long a transaction may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// What an example does on a node.
type Run = fn(&Node) -> Outcome;

const EXAMPLES: [(&str, Run); 6] = [
    ("exchange", exchange::run),
    ("lending", lending::run),
    ("oracle", oracle::run),
    ("staking", staking::run),
    ("governance", governance::run),
    ("insurance", insurance::run),
];

fn main() -> Outcome {
    let url = env::var("RPC_URL").unwrap_or_else(|_| "http://127.0.0.1:8545".to_owned());
    let node = Node::new(&url);
    let wanted: Vec<String> = env::args().skip(1).collect();
    for (name, run) in EXAMPLES {
        if !wanted.is_empty() && !wanted.iter().any(|wanted| wanted == name) {
            continue;
        }
        let snapshot: String = node.request("evm_snapshot", json!([]))?;
        run(&node).map_err(|error| format!("{name}: {error}"))?;
        node.request::<bool>("evm_revert", json!([snapshot]))?;
        println!("{name}: as it should be");
    }
    Ok(())
}

/// An account of `heddle dev`.
///
/// # Errors
///
/// Those of the node.
pub fn user(node: &Node, index: u32) -> Result<Sender, Box<dyn Error>> {
    let key = MnemonicBuilder::<English>::default().phrase(PHRASE).index(index)?.build()?;
    Ok(Sender::new(node.clone(), key)?)
}

/// Calls a contract by a transaction, and waits until it is in a block.
///
/// # Errors
///
/// The call may revert.
pub fn send<C: SolCall>(by: &Sender, to: Address, call: &C) -> Result<Receipt, Box<dyn Error>> {
    let sent = by.send(to, call.abi_encode().into())?;
    Ok(by.wait(sent, PATIENCE)?)
}

/// Asks a contract.
///
/// # Errors
///
/// Those of the node.
pub fn ask<C: SolCall>(node: &Node, to: Address, call: &C) -> Result<C::Return, RpcError> {
    node.read(to, call, At::Latest)
}

/// Lets a contract take as many tokens as it likes.
///
/// # Errors
///
/// See [`send`].
pub fn approve(by: &Sender, token: Address, spender: Address) -> Outcome {
    send(by, token, &FaucetToken::approveCall { spender, value: U256::MAX }).map(drop)
}

/// Units of a token that an account has.
///
/// # Errors
///
/// Those of the node.
pub fn balance(node: &Node, token: Address, account: Address) -> Result<U256, RpcError> {
    ask(node, token, &FaucetToken::balanceOfCall { account })
}

/// Makes a block that is so many seconds later than the last.
///
/// # Errors
///
/// The node may not be one for development.
pub fn pass(node: &Node, seconds: u64) -> Result<(), RpcError> {
    let time = U64::from(node.block(At::Latest)?.timestamp + seconds);
    node.request::<serde_json::Value>("evm_setNextBlockTimestamp", json!([time]))?;
    node.request::<serde_json::Value>("evm_mine", json!([])).map(drop)
}

/// Units of so many whole ones of what has these decimals.
#[must_use]
pub fn units(whole: u64, decimals: u8) -> U256 {
    U256::from(whole) * U256::from(10).pow(U256::from(decimals))
}
