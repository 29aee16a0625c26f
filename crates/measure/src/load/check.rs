//! Whether the chain adds up afterwards: what was acknowledged is in one block each, and nonces,
//! ether and tokens are what the mined transactions make of them.

use super::{
    LoadError,
    client::{Client, Refusal, shown},
    drive::{BlockSeen, Outcome, parse_prefix},
    ledger::Ledger,
    plan::{LoadKind, Plan, TOKEN_VALUE, VALUE},
    prepare::token_supply,
    progress,
};
use crate::bench::workload::contracts::{call, word};
use alloy_primitives::{Address, U256};
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// What accounts had before the clock started.
#[derive(Clone, Debug)]
pub(super) struct Before {
    senders: U256,
    recipients: U256,
}

/// Something that must hold, and whether it does.
#[derive(Clone, Debug, Serialize)]
pub(super) struct Check {
    pub(super) name: &'static str,
    pub(super) holds: bool,
    pub(super) detail: String,
}

/// What the receipts of all mined transactions say.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct Receipts {
    pub(super) count: u64,
    pub(super) failed: u64,
    pub(super) gas: u64,
    /// What was paid for gas, in wei.
    pub(super) fees: U256,
    /// Transactions whose receipts were asked for: of all blocks, if there was time.
    pub(super) asked: u64,
    pub(super) is_complete: bool,
}

/// Fields that add up; borrowed, for there are millions of them.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Receipt<'a> {
    transaction_hash: &'a str,
    status: &'a str,
    gas_used: &'a str,
    effective_gas_price: &'a str,
}

#[derive(Deserialize)]
struct Response<'a> {
    #[serde(borrow)]
    result: Option<Vec<Receipt<'a>>>,
    error: Option<Refusal>,
}

/// Calls for receipts that are asked for at a time.
const RECEIPTS_MAX: usize = 100;

fn addresses(plan: &Plan) -> Vec<Address> {
    plan.senders.iter().map(|sender| sender.account.address).collect()
}

/// Reads what everybody has.
pub(super) fn before(client: &mut Client, plan: &Plan) -> Result<Before, LoadError> {
    Ok(Before {
        senders: client.balances(&addresses(plan))?.into_iter().sum(),
        recipients: client.balances(&plan.recipients)?.into_iter().sum(),
    })
}

/// What there is to be held to the receipts. It is read before them: a node that is asked for the
/// receipts of a large block may be busy with them long after nobody waits for them any more, and
/// answer nothing else.
#[derive(Debug)]
pub(super) struct State {
    nonces: Check,
    after: Before,
    tokens: Option<Tokens>,
    contracts: Vec<Check>,
}

/// Reads what everybody has in the end.
pub(super) fn state(
    client: &mut Client,
    plan: &Plan,
    outcome: &Outcome,
) -> Result<State, LoadError> {
    Ok(State {
        nonces: nonces(client, plan, outcome)?,
        after: before(client, plan)?,
        tokens: plan.kind.has_token().then(|| tokens(client, plan)).transpose()?,
        contracts: match &plan.contracts.venue {
            Some(venue) => venue.checks(client)?,
            None if plan.kind.has_pools() => pools(client, plan)?,
            None => Vec::new(),
        },
    })
}

/// Reads the receipts of all blocks that hold transactions of ours, as far as there is time: for
/// some nodes the time that a block takes grows with the square of its length.
pub(super) fn receipts(
    client: &mut Client,
    blocks: &[BlockSeen],
    ledger: &Ledger,
    time: Duration,
) -> Result<Receipts, LoadError> {
    let mut sums = Receipts { is_complete: true, ..Receipts::default() };
    let total = blocks.iter().map(|block| u64::from(block.ours)).sum();
    let bar = progress::bar("receipts", total);
    let end = Instant::now() + time;
    for block in blocks.iter().filter(|block| block.ours > 0) {
        let rest = end.saturating_duration_since(Instant::now());
        // The system takes no timeout of nothing.
        let mut client = client.with_timeout(rest.max(Duration::from_millis(1)));
        match of_block(&mut client, block.number, ledger) {
            Ok(of_block) => sums.add(&of_block, block.ours.into()),
            Err(LoadError::Broken(_)) if Instant::now() >= end => {
                sums.is_complete = false;
                break;
            }
            Err(error) => return Err(error),
        }
        bar.inc(block.ours.into());
    }
    bar.finish_and_clear();
    Ok(sums)
}

impl Receipts {
    fn add(&mut self, of_block: &Self, asked: u64) {
        self.count += of_block.count;
        self.failed += of_block.failed;
        self.gas += of_block.gas;
        self.fees += of_block.fees;
        self.asked += asked;
    }
}

fn of_block(client: &mut Client, number: u64, ledger: &Ledger) -> Result<Receipts, LoadError> {
    let mut sums = Receipts::default();
    let method = "eth_getBlockReceipts";
    let number = format!("{number:#x}");
    let request = json!({"jsonrpc": "2.0", "id": 0, "method": method, "params": [number]});
    let body = client.exchange(request.to_string().as_bytes())?;
    let form = || LoadError::Form { method, answer: shown(body) };
    let Response { result, error } = serde_json::from_slice(body).map_err(|_| form())?;
    match (result, error) {
        (Some(receipts), None) => add_all(&mut sums, &receipts, ledger).ok_or_else(form)?,
        // A node without the method: one by one.
        (_, Some(_)) => one_by_one(client, &number, ledger, &mut sums)?,
        (None, None) => return Err(form()),
    }
    Ok(sums)
}

fn one_by_one(
    client: &mut Client,
    number: &str,
    ledger: &Ledger,
    sums: &mut Receipts,
) -> Result<(), LoadError> {
    let method = "eth_getTransactionReceipt";
    let block: Value = client.call("eth_getBlockByNumber", json!([number, false]))?;
    let hashes: Vec<Value> =
        block["transactions"].as_array().into_iter().flatten().map(|hash| json!([hash])).collect();
    for part in hashes.chunks(RECEIPTS_MAX) {
        let receipts: Vec<Value> = client.all(method, part)?;
        for receipt in receipts {
            let text = receipt.to_string();
            let form = || LoadError::Form { method, answer: shown(text.as_bytes()) };
            let receipt: Receipt<'_> = serde_json::from_str(&text).map_err(|_| form())?;
            add_all(sums, &[receipt], ledger).ok_or_else(form)?;
        }
    }
    Ok(())
}

fn add_all(sums: &mut Receipts, receipts: &[Receipt<'_>], ledger: &Ledger) -> Option<()> {
    for receipt in receipts {
        let prefix = parse_prefix(receipt.transaction_hash)?;
        if !ledger.contains(prefix) {
            continue;
        }
        let gas = quantity(receipt.gas_used)?;
        sums.count += 1;
        sums.failed += u64::from(quantity(receipt.status)? != 1);
        sums.gas += u64::try_from(gas).ok()?;
        sums.fees += U256::from(gas) * U256::from(quantity(receipt.effective_gas_price)?);
    }
    Some(())
}

fn quantity(text: &str) -> Option<u128> {
    u128::from_str_radix(text.strip_prefix("0x")?, 16).ok()
}

/// Looks whether everything adds up.
pub(super) fn check(
    plan: &Plan,
    before: &Before,
    state: State,
    outcome: &Outcome,
    receipts: &Receipts,
) -> Vec<Check> {
    let State { nonces, after, tokens, contracts } = state;
    let mut checks = vec![once(outcome), every_receipt(outcome, receipts), nonces];
    let gained = after.recipients.saturating_sub(before.recipients);
    let spent = before.senders.saturating_sub(after.senders);
    // Who failed is known when all receipts are.
    let succeeded = receipts.is_complete.then(|| receipts.count - receipts.failed);
    if receipts.is_complete {
        checks.push(Check {
            name: "the ether of senders, recipients and fees adds up",
            holds: spent == gained + receipts.fees,
            detail: format!("{spent} wei spent, {gained} received, {} for gas", receipts.fees),
        });
    }
    if plan.kind == LoadKind::Transfers {
        // A plain transfer that is mined cannot fail.
        let carried = U256::from(outcome.counts().mined) * U256::from(VALUE);
        checks.push(Check {
            name: "recipients have what the mined transfers carry",
            holds: gained == carried,
            detail: format!("{gained} wei received, {carried} carried"),
        });
    }
    if let Some(tokens) = tokens {
        checks.extend(tokens.checks(plan, succeeded));
    }
    checks.extend(contracts);
    checks
}

fn once(outcome: &Outcome) -> Check {
    let counts = outcome.counts();
    Check {
        name: "each accepted transaction is in exactly one block",
        holds: counts.pending == 0
            && counts.mined_again == 0
            && counts.sent_again == 0
            && counts.rejected_mined == 0,
        detail: format!(
            "{} accepted, {} mined, {} in none, {} in two, {} mined though rejected",
            counts.accepted,
            counts.mined,
            counts.pending,
            counts.mined_again,
            counts.rejected_mined
        ),
    }
}

fn every_receipt(outcome: &Outcome, receipts: &Receipts) -> Check {
    let mined = outcome.counts().mined;
    Check {
        name: "each mined transaction has a receipt",
        holds: receipts.count == receipts.asked
            && (receipts.asked == mined || !receipts.is_complete),
        detail: format!("{mined} mined, {} asked for, {} there", receipts.asked, receipts.count),
    }
}

/// Where everything was mined each sender's nonce is known; else their sum is.
fn nonces(client: &mut Client, plan: &Plan, outcome: &Outcome) -> Result<Check, LoadError> {
    let mined = outcome.counts().mined;
    let nonces = client.nonces(&addresses(plan))?;
    let used = |sender: usize| nonces[sender].saturating_sub(plan.senders[sender].nonce);
    let sum: u64 = (0..nonces.len()).map(used).sum();
    let wrong = if mined == plan.transactions {
        (0..nonces.len()).filter(|sender| used(*sender) != plan.sent_by(*sender)).count()
    } else {
        0
    };
    Ok(Check {
        name: "the nonces of the senders are what was mined",
        holds: sum == mined && wrong == 0,
        detail: format!("{mined} mined, nonces moved by {sum}, {wrong} senders differ"),
    })
}

fn balance_of(token: Address, owner: Address) -> (Address, Vec<u8>) {
    (token, call("balanceOf(address)", &[word(owner)]).to_vec())
}

/// Where the one token is.
#[derive(Clone, Copy, Debug)]
struct Tokens {
    received: U256,
    kept: U256,
    rest: U256,
}

fn tokens(client: &mut Client, plan: &Plan) -> Result<Tokens, LoadError> {
    let token = plan.contracts.token;
    let mut sum = |owners: &[Address]| -> Result<U256, LoadError> {
        let balances: Vec<_> = owners.iter().map(|owner| balance_of(token, *owner)).collect();
        Ok(client.words(&balances)?.into_iter().sum())
    };
    Ok(Tokens {
        received: sum(&plan.recipients)?,
        kept: sum(&addresses(plan))?,
        rest: sum(&[plan.contracts.deployer])?,
    })
}

impl Tokens {
    /// All of it is somewhere, and what transfers carried is with the recipients.
    fn checks(self, plan: &Plan, succeeded: Option<u64>) -> Vec<Check> {
        let Self { received, kept, rest } = self;
        let mut checks = vec![Check {
            name: "all of the token is somewhere",
            holds: received + kept + rest == token_supply(),
            detail: format!("{received} received, {kept} with the senders, {rest} not handed out"),
        }];
        if let (LoadKind::Erc20, Some(succeeded)) = (plan.kind, succeeded) {
            let expected = U256::from(succeeded) * U256::from(TOKEN_VALUE);
            checks.push(Check {
                name: "recipients have the tokens that the mined transfers carry",
                holds: received == expected,
                detail: format!("{received} received, {expected} carried"),
            });
        }
        checks
    }
}

/// The pools: all of their tokens is somewhere, and they have what they say that they have.
fn pools(client: &mut Client, plan: &Plan) -> Result<Vec<Check>, LoadError> {
    let (mut calls, mut of) = (Vec::new(), Vec::new());
    for (number, pool) in plan.contracts.pools.iter().enumerate() {
        for token in pool.tokens {
            let traders = plan.senders.iter().filter(|sender| sender.pool == number);
            let owners = traders.map(|sender| sender.account.address);
            let owners = owners.chain([plan.contracts.deployer, pool.address]);
            let first = calls.len();
            calls.extend(owners.map(|owner| balance_of(token, owner)));
            of.push((first..calls.len(), pool.address));
        }
    }
    let balances = client.words(&calls)?;
    let is_whole = |(range, _): &&(std::ops::Range<usize>, Address)| {
        balances[range.clone()].iter().copied().sum::<U256>() == token_supply()
    };
    let whole = of.iter().filter(is_whole).count();
    let reserves = reserves(client, plan)?;
    // The pool comes last of each token.
    let held =
        of.iter().zip(reserves).filter(|((range, _), reserve)| balances[range.end - 1] == *reserve);
    let held = held.count();
    Ok(vec![
        Check {
            name: "all of each pool's tokens is somewhere",
            holds: whole == of.len(),
            detail: format!("{whole} of {} tokens", of.len()),
        },
        Check {
            name: "pools have the reserves that they say",
            holds: held == of.len(),
            detail: format!("{held} of {} reserves", of.len()),
        },
    ])
}

/// What each pool says that it has of its two tokens.
fn reserves(client: &mut Client, plan: &Plan) -> Result<Vec<U256>, LoadError> {
    let method = "eth_call";
    let data = call("reserves()", &[]);
    let pools = plan.contracts.pools.iter();
    let parameters: Vec<Value> =
        pools.map(|pool| json!([{"to": pool.address, "data": data}, "latest"])).collect();
    let answers: Vec<alloy_primitives::Bytes> = client.all(method, &parameters)?;
    let mut reserves = Vec::new();
    for answer in answers {
        let form = || LoadError::Form { method, answer: answer.to_string() };
        for place in [0..32, 32..64] {
            reserves.push(U256::from_be_slice(answer.get(place).ok_or_else(form)?));
        }
    }
    Ok(reserves)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::load::http::Endpoint;
    use std::net::TcpListener;

    #[test]
    fn a_node_that_does_not_answer_in_time_is_no_broken_one() {
        let silent = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", silent.local_addr().unwrap());
        let endpoint = Endpoint::parse(&url).unwrap();
        let mut client = Client::new(endpoint, Duration::from_secs(60));
        let block = BlockSeen { number: 1, seen: 0, ours: 1, base_fee: 0 };
        for milliseconds in 1..20 {
            let time = Duration::from_millis(milliseconds);
            let receipts = receipts(&mut client, &[block], &Ledger::new(1), time).unwrap();
            assert!(!receipts.is_complete && receipts.count == 0);
        }
    }
}
