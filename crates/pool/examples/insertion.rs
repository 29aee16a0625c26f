//! How many transactions a second the pool takes, and what memory each takes.
//!
//! `cargo run --release --package heddle-pool --example insertion -- [COUNT] [SENDERS]`
//!
//! Signatures are made up: who sent a transaction is found out before the pool sees it.

use alloy_consensus::{SignableTransaction, TxEip1559};
use alloy_primitives::{Address, Signature, TxKind, U256, keccak256};
use heddle_pool::{
    BlockUpdate, Candidate, Context, Origin, Pool, PoolError, SenderState, Settings,
};
use std::{convert::Infallible, time::Instant};

fn main() -> Result<(), PoolError> {
    let mut numbers = std::env::args().skip(1).filter_map(|number| number.parse::<u64>().ok());
    let count = numbers.next().unwrap_or(200_000);
    let senders = numbers.next().unwrap_or(10_000).max(1);
    let candidates: Vec<_> = (0..count).map(|number| transfer(number, senders)).collect();
    let balance = U256::from(10).pow(U256::from(24));
    let state = |nonce| {
        move |_| Ok::<_, Infallible>(SenderState { nonce, balance, ..SenderState::default() })
    };

    let settings = Settings { bytes_max: u64::MAX, ..Settings::default() };
    let mut pool = Pool::new(settings.clone(), Context::default());
    let memory_before = resident_bytes();
    let start = Instant::now();
    for candidate in candidates.iter().cloned() {
        pool.add(candidate, Origin::Local, 0, state(0))?;
    }
    report("added", count, start);
    let status = pool.status();
    println!(
        "{} bytes each in memory, {} counted",
        resident_bytes().saturating_sub(memory_before) / count.max(1),
        status.bytes / count.max(1)
    );

    let start = Instant::now();
    let best: Vec<_> = pool.best().collect();
    report("offered in order", best.len() as u64, start);

    let start = Instant::now();
    let nonce = count.div_ceil(senders);
    let (mut hashes, mut changed) = (Vec::new(), Vec::new());
    for transaction in &best {
        hashes.push(transaction.hash());
        changed.push(transaction.sender());
    }
    let update = BlockUpdate { committed: &hashes, changed: &changed, ..BlockUpdate::default() };
    let outcome = pool.on_block(update, Context::default(), 0, state(nonce))?;
    report("mined", outcome.mined as u64, start);

    let half = Settings { bytes_max: status.bytes / 2, ..settings };
    let mut pool = Pool::new(half, Context::default());
    let (mut refused, start) = (0, Instant::now());
    for candidate in candidates {
        refused += u64::from(pool.add(candidate, Origin::Local, 0, state(0)).is_err());
    }
    report("offered to a pool with room for half", count, start);
    println!("{refused} refused, {} evicted", pool.take_dropped().0.len());
    Ok(())
}

fn report(what: &str, count: u64, start: Instant) {
    let seconds = start.elapsed().as_secs_f64();
    println!("{count} {what} in {seconds:.3} s: {:.0} a second", count as f64 / seconds);
}

fn transfer(number: u64, senders: u64) -> Candidate {
    let hash = keccak256((number % senders).to_be_bytes());
    let sender = Address::from_word(hash);
    let tip = u128::from(keccak256(number.to_be_bytes())[0]);
    let transaction = TxEip1559 {
        chain_id: Context::default().chain_id,
        nonce: number / senders,
        gas_limit: 21_000,
        max_fee_per_gas: 1000,
        max_priority_fee_per_gas: tip,
        to: TxKind::Call(sender),
        ..TxEip1559::default()
    };
    let signature = Signature::new(U256::ONE, U256::ONE, false);
    let candidate = Candidate::new(transaction.into_signed(signature).into(), sender);
    // The hash is known from here on, as it is after the sender was recovered.
    let _ = candidate.hash();
    candidate
}

/// Memory of this process; 0 where there is no such file.
fn resident_bytes() -> u64 {
    let pages = std::fs::read_to_string("/proc/self/statm").ok();
    let resident = pages.and_then(|pages| pages.split(' ').nth(1)?.parse::<u64>().ok());
    resident.unwrap_or(0) * 4096
}
