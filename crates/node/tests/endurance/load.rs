//! Transactions from many accounts over several connections at a time.

use crate::{
    client::{Client, Failure, parse},
    journal::Acknowledged,
    world::{Account, Receipt, Sent, What},
};
use alloy_primitives::{Address, B256, map::HashMap};
use rand::{Rng, SeedableRng, rngs::StdRng};
use serde::Deserialize;
use serde_json::json;
use std::{
    thread,
    time::{Duration, Instant},
};

/// Transactions that one connection sends at a time, at most.
const BATCH_MAX: usize = 12;

/// How often the receipts are asked for.
const POLL_INTERVAL: Duration = Duration::from_millis(1);

/// How long a block may take.
const PATIENCE: Duration = Duration::from_secs(60);

/// What came of one connection's transactions.
#[derive(Debug, Default)]
pub(crate) struct Work {
    pub(crate) sent: Vec<Sent>,
    /// Of those that were acknowledged: the receipt, and the block as it was shown.
    pub(crate) receipts: HashMap<B256, (Receipt, Acknowledged)>,
    /// What the node refused, or never did.
    pub(crate) refused: Option<String>,
}

/// Sends until the node is gone or refuses, while `meanwhile` runs; one connection for each group
/// of accounts.
pub(crate) fn load(
    connect: impl Fn() -> Client + Sync,
    groups: &mut [Vec<Account>],
    seed: u64,
    meanwhile: impl FnOnce(),
) -> Vec<Work> {
    let addresses: Vec<Address> = groups.iter().flatten().map(|account| account.address).collect();
    thread::scope(|scope| {
        let threads: Vec<_> = groups
            .iter_mut()
            .enumerate()
            .map(|(number, accounts)| {
                let (connect, addresses) = (&connect, &addresses);
                let mut random = StdRng::seed_from_u64(seed.wrapping_add(number as u64));
                scope.spawn(move || {
                    let mut work = Work::default();
                    let client = connect();
                    loop {
                        match send(&client, accounts, addresses, &mut random, &mut work) {
                            Ok(()) => {}
                            Err(Failure::Gone(_)) => break,
                            Err(Failure::Refused(message)) => {
                                work.refused = Some(message);
                                break;
                            }
                        }
                    }
                    work
                })
            })
            .collect();
        meanwhile();
        threads.into_iter().map(|thread| thread.join().expect("it does not panic")).collect()
    })
}

/// Sends a batch and waits until all of it is acknowledged.
fn send(
    client: &Client,
    accounts: &mut [Account],
    addresses: &[Address],
    random: &mut StdRng,
    work: &mut Work,
) -> Result<(), Failure> {
    let mut waiting = Vec::new();
    let first = work.sent.len();
    for _ in 0..random.gen_range(1..=BATCH_MAX) {
        let what = What::draw(random, addresses);
        let sent = accounts[random.gen_range(0..accounts.len())].sign(what);
        waiting.push(sent.hash);
        work.sent.push(sent);
    }
    let raw = work.sent[first..].iter().map(|sent| json!([sent.raw]));
    for answer in client.batch("eth_sendRawTransaction", raw)? {
        answer.map_err(Failure::Refused)?;
    }
    let start = Instant::now();
    loop {
        let found = acknowledged(client, &waiting)?;
        waiting.retain(|hash| !found.contains_key(hash));
        work.receipts.extend(found);
        if waiting.is_empty() {
            return Ok(());
        }
        if start.elapsed() > PATIENCE {
            return Err(Failure::Refused(format!("no block has {waiting:?}")));
        }
        thread::sleep(POLL_INTERVAL);
    }
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Block {
    state_root: B256,
}

/// Those of the transactions that are in a block, with their receipts.
pub(crate) fn acknowledged(
    client: &Client,
    hashes: &[B256],
) -> Result<HashMap<B256, (Receipt, Acknowledged)>, Failure> {
    let parameters = hashes.iter().map(|hash| json!([hash]));
    let answers = client.batch("eth_getTransactionReceipt", parameters)?;
    let mut roots: HashMap<B256, B256> = HashMap::default();
    let mut found = HashMap::default();
    for (hash, answer) in hashes.iter().zip(answers) {
        let receipt: Option<Receipt> = parse(answer)?;
        let Some(receipt) = receipt else { continue };
        let block_hash = receipt.block_hash;
        let state_root = match roots.get(&block_hash) {
            Some(root) => *root,
            None => {
                let block: Block = client.call("eth_getBlockByHash", json!([block_hash, false]))?;
                roots.insert(block_hash, block.state_root);
                block.state_root
            }
        };
        let number = receipt.block_number.to();
        let entry = Acknowledged { hash: *hash, number, block_hash, state_root };
        found.insert(*hash, (receipt, entry));
    }
    Ok(found)
}
