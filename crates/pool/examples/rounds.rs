//! What a transaction costs the pool from its arrival to its block, as in a node under load.
//!
//! `cargo run --release --package heddle-pool --example rounds -- [SENDERS] [EACH] [BLOCK] [ROUNDS]`
//!
//! In each round every sender sends `EACH` transfers, by sender or by nonce (odd rounds), and blocks
//! of `BLOCK` transfers are taken and followed until nothing is left. The figures are nanoseconds a
//! transaction, the median of all rounds.

use alloy_consensus::{SignableTransaction, Transaction as _, TxEip1559};
use alloy_primitives::{Address, Signature, TxKind, U256, keccak256, map::HashMap};
use heddle_pool::{
    BlockUpdate, Candidate, Context, Origin, Pool, PoolError, SenderState, Settings,
};
use std::{convert::Infallible, time::Instant};

fn main() -> Result<(), PoolError> {
    let mut numbers = std::env::args().skip(1).filter_map(|number| number.parse::<u64>().ok());
    let senders = numbers.next().unwrap_or(10_000).max(1);
    let each = numbers.next().unwrap_or(4).max(1);
    let block = numbers.next().unwrap_or(10_000).max(1) as usize;
    let rounds = numbers.next().unwrap_or(11).max(1);
    let addresses: Vec<_> =
        (0..senders).map(|sender| Address::from_word(keccak256(sender.to_be_bytes()))).collect();
    let settings = Settings { bytes_max: u64::MAX, ..Settings::default() };
    let mut pool = Pool::new(settings, Context::default());
    let mut nonces: HashMap<Address, u64> = HashMap::default();
    let (mut adding, mut taking, mut following) = (Vec::new(), Vec::new(), Vec::new());
    for round in 0..rounds {
        let candidates = candidates(&addresses, round, each);
        let count = candidates.len();
        let start = Instant::now();
        for candidate in candidates {
            pool.add(candidate, Origin::Local, round, |address| state(&nonces, address))?;
        }
        adding.push(nanoseconds(start, count));
        let (mut take, mut follow) = (0, 0);
        while pool.status().pending > 0 {
            let start = Instant::now();
            let best: Vec<_> = pool.best().take(block).collect();
            take += start.elapsed().as_nanos();
            let (mut hashes, mut changed) = (Vec::new(), Vec::new());
            for transaction in &best {
                hashes.push(transaction.hash());
                changed.push(transaction.sender());
                changed.push(transaction.recovered.transaction.to().unwrap_or_default());
                *nonces.entry(transaction.sender()).or_insert(0) += 1;
            }
            let update =
                BlockUpdate { committed: &hashes, changed: &changed, ..BlockUpdate::default() };
            let start = Instant::now();
            pool.on_block(update, Context::default(), round, |address| state(&nonces, address))?;
            follow += start.elapsed().as_nanos();
        }
        taking.push(take as u64 / count as u64);
        following.push(follow as u64 / count as u64);
    }
    println!("{senders} senders, {each} each, blocks of {block}: nanoseconds a transaction");
    println!("add {}", median(&mut adding));
    println!("best {}", median(&mut taking));
    println!("on_block {}", median(&mut following));
    Ok(())
}

fn state(nonces: &HashMap<Address, u64>, address: Address) -> Result<SenderState, Infallible> {
    let balance = U256::from(10).pow(U256::from(24));
    let nonce = nonces.get(&address).copied().unwrap_or(0);
    Ok(SenderState { nonce, balance, ..SenderState::default() })
}

fn nanoseconds(start: Instant, count: usize) -> u64 {
    start.elapsed().as_nanos() as u64 / count.max(1) as u64
}

fn median(values: &mut [u64]) -> u64 {
    values.sort_unstable();
    values.get(values.len() / 2).copied().unwrap_or(0)
}

fn candidates(addresses: &[Address], round: u64, each: u64) -> Vec<Candidate> {
    let first = round * each;
    let senders = addresses.len() as u64;
    let place = |number: u64| match round % 2 {
        0 => (number / each, number % each),
        _ => (number % senders, number / senders),
    };
    let places = (0..senders * each).map(place);
    places.map(|(sender, nth)| transfer(addresses[sender as usize], first + nth)).collect()
}

fn transfer(sender: Address, nonce: u64) -> Candidate {
    let tip = u128::from(sender[0]) + u128::from(nonce % 3);
    let transaction = TxEip1559 {
        chain_id: Context::default().chain_id,
        nonce,
        gas_limit: 21_000,
        max_fee_per_gas: 1000,
        max_priority_fee_per_gas: tip,
        to: TxKind::Call(Address::from_word(keccak256(sender))),
        ..TxEip1559::default()
    };
    let signature = Signature::new(U256::from(nonce + 1), U256::ONE, false);
    let candidate = Candidate::new(transaction.into_signed(signature).into(), sender);
    // The hash is known from here on, as it is after the sender was recovered.
    let _ = candidate.hash();
    candidate
}
