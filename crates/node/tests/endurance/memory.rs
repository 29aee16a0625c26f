//! The memory of a node with bounded history, as transfers are sent.

use crate::{
    client::Client,
    node, setting,
    world::{Account, What, World},
};
use alloy_primitives::{Address, U64, U256};
use serde_json::json;
use std::{
    fs, thread,
    time::{Duration, Instant},
};

/// How many accounts send; each sends one batch in its turn.
const ACCOUNTS: u64 = 64;

/// Transfers in a batch.
const BATCH: u64 = 250;

/// How many may wait in the pool, so that it is the chain that is measured: what waits becomes one
/// block, and what a large block took the allocator keeps for the next.
const WAITING_MAX: u64 = 2_000;

/// How often the memory is looked at, out of the whole.
const LOOKS: u64 = 10;

/// What the memory after the first look may grow to.
const GROWTH_MAX: f64 = 1.5;

/// From so many transfers on the bound holds; before that caches are still being filled.
const TRANSFERS_MEASURED: u64 = 1_000_000;

/// Memory of a process, in KiB.
#[derive(Clone, Copy, Debug)]
struct Memory {
    /// All that is resident.
    resident: u64,
    /// Of that, what is no file: the pages of the binary, for example, are not counted.
    anonymous: u64,
}

impl Memory {
    fn of(process: u32) -> Self {
        let status = fs::read_to_string(format!("/proc/{process}/status")).unwrap();
        let field = |name: &str| {
            let line = status.lines().find(|line| line.starts_with(name));
            let number = line.and_then(|line| line.split_whitespace().nth(1));
            number.expect("Linux tells it").parse().unwrap()
        };
        Self { resident: field("VmRSS:"), anonymous: field("RssAnon:") }
    }
}

#[test]
fn is_bounded_without_a_folder() {
    measure(&[]);
}

#[test]
fn is_bounded_with_a_folder() {
    let folder = tempfile::tempdir().unwrap();
    measure(&["--datadir".to_owned(), folder.path().join("data").display().to_string()]);
}

/// Sends transfers to `heddle dev` with bounded history and these arguments besides.
fn measure(more: &[String]) {
    if cfg!(not(target_os = "linux")) {
        return println!("nothing was measured: only Linux tells the memory of a process so");
    }
    let transfers = setting("HEDDLE_MEMORY_TRANSFERS", 5_000);
    let mut accounts: Vec<Account> = (0..ACCOUNTS).map(Account::new).collect();
    let folder = tempfile::tempdir().unwrap();
    let genesis = folder.path().join("genesis.json");
    fs::write(&genesis, serde_json::to_string(&World::new(&accounts).genesis()).unwrap()).unwrap();
    let line = "dev --port 0 --accounts 0 --keep-states 64 --block-time 100ms --init";
    let mut arguments: Vec<String> = line.split(' ').map(str::to_owned).collect();
    arguments.push(genesis.display().to_string());
    arguments.extend_from_slice(more);
    println!("heddle {}", arguments.join(" "));
    let (node, client) = node::start(&arguments, &folder.path().join("node.log"));
    let start = Instant::now();
    let mut looks: Vec<Memory> = Vec::new();
    let step = transfers / LOOKS;
    let (mut sent, mut recipient) = (0, 0_u64);
    while sent < transfers {
        let account = &mut accounts[usize::try_from(sent / BATCH % ACCOUNTS).unwrap()];
        let count = BATCH.min(step - sent % step);
        let raw: Vec<_> = (0..count)
            .map(|_| {
                // As many recipients as there are transfers until the first look of a million.
                recipient += 1;
                let to =
                    Address::left_padding_from(&(0x1_0000 + recipient % 100_000).to_be_bytes());
                json!([account.sign(What::Transfer { to, value: U256::ONE }).raw])
            })
            .collect();
        for answer in client.batch("eth_sendRawTransaction", raw).unwrap() {
            answer.unwrap();
        }
        sent += count;
        wait_until_mined(&client, &accounts, sent, WAITING_MAX);
        if sent.is_multiple_of(step) {
            wait_until_mined(&client, &accounts, sent, 0);
            let memory = Memory::of(node.id());
            looks.push(memory);
            let ratio = memory.anonymous as f64 / looks[0].anonymous as f64;
            let Memory { resident, anonymous } = memory;
            let seconds = start.elapsed().as_secs();
            println!(
                "{sent} transfers, {seconds} s: {resident} KiB resident, {anonymous} KiB of it anonymous, {ratio:.3} times the first"
            );
        }
    }
    let number: U64 = client.call("eth_blockNumber", json!([])).unwrap();
    println!("{number} blocks");
    let (first, last) = (looks[0], looks[looks.len() - 1]);
    let growth = |of: fn(&Memory) -> u64| of(&last) as f64 / of(&first) as f64;
    let growth = growth(|memory| memory.resident).max(growth(|memory| memory.anonymous));
    println!("grown to {growth:.3} times what it was after the first {step}");
    assert!(transfers < TRANSFERS_MEASURED || growth <= GROWTH_MAX, "{looks:?}");
}

/// Waits until all but so many of the transactions that were sent are in blocks.
fn wait_until_mined(client: &Client, accounts: &[Account], sent: u64, waiting_max: u64) {
    loop {
        let asked = accounts.iter().map(|account| json!([account.address, "latest"]));
        let nonces = client.batch("eth_getTransactionCount", asked).unwrap();
        let mined: u64 = nonces
            .into_iter()
            .map(|nonce| crate::client::parse::<U64>(nonce).unwrap().to::<u64>())
            .sum();
        if mined + waiting_max >= sent {
            return;
        }
        thread::sleep(Duration::from_millis(10));
    }
}
