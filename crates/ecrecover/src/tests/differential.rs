//! Batches against libsecp256k1, which recovers each signature alone.
//!
//! In short in `cargo test`; `HEDDLE_SIGNATURES` sets how many, for each of the lanes that the
//! processor has or for `HEDDLE_LANES` alone, and `HEDDLE_SEED` which.

use super::forge::{Class, N, generator_value, negated, pair_value};
use crate::{
    Lanes, PublicKey, Recoverable, Recoverer, SignatureError,
    batch::{BATCH, Outcome},
    digits::{generator_digits, pair_digits},
    field::PRIME,
    recover_key,
    scalar::Scalar,
    testing::{Random, big, setting},
};
use alloy_primitives::U256;
use secp256k1::{SECP256K1, SecretKey};
use std::{
    sync::atomic::{AtomicU64, Ordering::Relaxed},
    thread,
    time::Instant,
};

/// Signatures for each of the lanes without a setting.
const SIGNATURES: u64 = 6_000;

/// How many of each class there were, and how many of these were recovered.
type Counts = [(u64, u64); Class::ALL.len()];

type Key = Result<PublicKey, SignatureError>;

/// Compares a batch of `length` with the judge.
fn compare(recoverer: &Recoverer, random: &mut Random, length: usize, counts: &mut Counts) {
    let classes: Vec<Class> = (0..length).map(|_| Class::draw(random)).collect();
    let signed: Vec<Recoverable> = classes.iter().map(|class| class.forge(random)).collect();
    let expected: Vec<Key> = signed.iter().map(recover_key).collect();
    let found = recoverer.batch(&signed);
    assert_eq!(found.len(), length);
    for (at, class) in classes.iter().enumerate() {
        assert_eq!(found[at], expected[at], "{class:?} {:?} at {at} of {length}", signed[at]);
        let count = &mut counts[*class as usize];
        count.0 += 1;
        count.1 += u64::from(expected[at].is_ok());
    }
}

/// Compares so many signatures, on all cores, and tells from time to time how far it is.
fn compare_many(lanes: Lanes, seed: u64, signatures: u64) -> Counts {
    let threads = thread::available_parallelism().map_or(1, usize::from) as u64;
    let recoverer = Recoverer::new(lanes).unwrap();
    let (done, start) = (AtomicU64::new(0), Instant::now());
    let work = |thread: u64| {
        let mut random = Random::new(seed.wrapping_add(thread.wrapping_mul(0x9e37_79b9)));
        let mut counts = Counts::default();
        let mut left = signatures.div_ceil(threads);
        while left > 0 {
            let length = (1 + random.below(BATCH as u64)).min(left);
            compare(&recoverer, &mut random, length as usize, &mut counts);
            left -= length;
            let before = done.fetch_add(length, Relaxed);
            if before / 1_000_000 != (before + length) / 1_000_000 {
                let seconds = start.elapsed().as_secs();
                println!("{lanes}: {} of {signatures}, {seconds} s", before + length);
            }
        }
        counts
    };
    let mut all = Counts::default();
    thread::scope(|scope| {
        let work = &work;
        let threads: Vec<_> =
            (0..threads).map(|thread| scope.spawn(move || work(thread))).collect();
        for counts in threads.into_iter().map(|thread| thread.join().unwrap()) {
            for (sum, count) in all.iter_mut().zip(counts) {
                *sum = (sum.0 + count.0, sum.1 + count.1);
            }
        }
    });
    all
}

#[test]
fn batches_agree_with_libsecp256k1() {
    let seed = setting("HEDDLE_SEED").unwrap_or(1);
    let signatures = setting("HEDDLE_SIGNATURES").unwrap_or(SIGNATURES);
    let only = std::env::var("HEDDLE_LANES").ok();
    let chosen = |lanes: &Lanes| only.as_deref().is_none_or(|only| only == lanes.name());
    for lanes in Lanes::available().filter(chosen) {
        let start = Instant::now();
        let counts = compare_many(lanes, seed, signatures);
        println!("{lanes}, seed {seed}, {:.0} s:", start.elapsed().as_secs_f64());
        for (class, (count, recovered)) in Class::ALL.iter().zip(counts) {
            println!("  {class:?}: {count}, recovered {recovered}");
            let is_infinite = *class == Class::Infinity;
            assert_eq!(recovered == 0, is_infinite, "{class:?} is drawn, and as it should be");
        }
    }
}

#[test]
fn what_the_formulas_do_not_cover_is_noticed() {
    let mut random = Random::from_environment();
    for lanes in Lanes::available() {
        for class in [Class::Meeting, Class::Infinity] {
            let mut noticed = 0;
            for _ in 0..10 {
                let signed: Vec<Recoverable> = (0..13).map(|_| class.forge(&mut random)).collect();
                let requests: Vec<_> = signed.iter().map(Recoverable::request).collect();
                for (outcome, signed) in lanes.recover(&requests).iter().zip(&signed) {
                    // The parts of an infinite sum may be out of range as well.
                    let is_right = match outcome {
                        Outcome::Exceptional => true,
                        Outcome::Invalid => recover_key(signed).is_err(),
                        Outcome::Key(..) => false,
                    };
                    assert!(is_right, "{lanes}, {class:?}: {signed:?} gave {outcome:?}");
                    noticed += u32::from(*outcome == Outcome::Exceptional);
                }
            }
            assert!(noticed > 100, "{lanes}, {class:?}: {noticed}");
        }
    }
}

#[test]
fn any_number_of_signatures_is_recovered_in_order() {
    let mut random = Random::from_environment();
    let lengths = [0, 1, 7, 8, 9, 15, 16, BATCH - 1, BATCH, BATCH + 1, 2 * BATCH + 9];
    let signed: Vec<Recoverable> =
        (0..2 * BATCH + 9).map(|_| Class::Random.forge(&mut random)).collect();
    let expected: Vec<Key> = signed.iter().map(recover_key).collect();
    let recoverer = Recoverer::default();
    for length in lengths {
        assert_eq!(recoverer.keys(&signed[..length]), expected[..length], "{length}");
    }
    let addresses = recoverer.addresses(&signed);
    for (address, key) in addresses.iter().zip(&expected) {
        assert_eq!(*address, key.map(|key| key.address()));
    }
}

#[test]
fn an_unknown_recovery_id_is_invalid() {
    let mut random = Random::from_environment();
    let mut signed: Vec<Recoverable> = (0..64).map(|_| Class::Random.forge(&mut random)).collect();
    for (at, signed) in signed.iter_mut().enumerate() {
        signed.id = 4 + at as u8;
    }
    for lanes in Lanes::available() {
        let found = Recoverer::new(lanes).unwrap().keys(&signed);
        assert!(found.iter().all(Result::is_err), "{lanes}");
    }
    assert!(signed.iter().all(|signed| recover_key(signed).is_err()));
}

#[test]
fn digits_make_the_scalar() {
    let mut random = Random::from_environment();
    let edges = (0..4).flat_map(|less| [U256::from(less), N - U256::from(1 + less)]);
    let scalars: Vec<U256> = edges.chain((0..2_000).map(|_| random.number())).collect();
    for number in scalars {
        let scalar = Scalar::reduced(number.as_limbs());
        let number = number.reduce_mod(N);
        let pair = pair_digits(&scalar).expect("corners are rarer than that");
        let sum = pair.iter().rev().fold(U256::ZERO, |sum, digit| {
            sum.mul_mod(U256::from(8), N).add_mod(pair_value(*digit), N)
        });
        assert_eq!(sum, number);
        let mut sum = U256::ZERO;
        for (half, digits) in generator_digits(&scalar).iter().enumerate() {
            for (window, digit) in digits.iter().enumerate() {
                let value = generator_value(half, *digit);
                let weight = U256::ONE << (crate::digits::GENERATOR_BITS * window);
                sum = sum.add_mod(value.mul_mod(weight, N), N);
            }
        }
        assert_eq!(sum, number);
        assert_eq!(negated(negated(number)), number);
    }
}

#[test]
fn the_tables_hold_multiples_of_the_generator() {
    let mut random = Random::from_environment();
    for (half, table) in crate::generator::tables().iter().enumerate() {
        let places = (0..40).map(|_| random.below(table.len() as u64) as usize);
        for place in places.chain([0, 1, table.len() - 1]) {
            let multiple = generator_value(half, place as u16);
            let key = SecretKey::from_byte_array(multiple.reduce_mod(N).to_be_bytes()).unwrap();
            let point = key.public_key(SECP256K1).serialize_uncompressed();
            let [a, b, c, d, e, f, g, h] = table[place].0;
            let (negated_x, y) = (U256::from_limbs([a, b, c, d]), U256::from_limbs([e, f, g, h]));
            assert_eq!(big(&PRIME) - negated_x, U256::from_be_slice(&point[1..33]));
            assert_eq!(y, U256::from_be_slice(&point[33..]));
        }
    }
}
