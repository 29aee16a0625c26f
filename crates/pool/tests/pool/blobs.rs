//! Transactions with blobs.

use crate::support::{Bench, CHAIN, legacy, sender, signature, signed};
use alloy_consensus::{SignableTransaction, TxEip4844};
use alloy_eips::{
    eip4844::{Blob, BlobTransactionSidecar, env_settings::EnvKzgSettings},
    eip7594::{BlobTransactionSidecarEip7594, BlobTransactionSidecarVariant},
};
use alloy_primitives::B256;
use heddle_pool::{Candidate, Context, DropReason, Origin, PoolError, PooledTransaction, Settings};
use heddle_types::Fork;
use std::sync::OnceLock;

fn sidecar(count: usize) -> BlobTransactionSidecar {
    static ONE: OnceLock<BlobTransactionSidecar> = OnceLock::new();
    let one = ONE.get_or_init(|| {
        let kzg = EnvKzgSettings::Default.get();
        // Not the same everywhere, so that its cells differ.
        let mut blob = Blob::repeat_byte(1);
        blob[77] = 2;
        BlobTransactionSidecar::try_from_blobs_with_settings(vec![blob], kzg).unwrap()
    });
    let repeat = |list: &[_]| std::iter::repeat_n(list[0], count).collect();
    BlobTransactionSidecar {
        blobs: std::iter::repeat_n(one.blobs[0], count).collect(),
        commitments: repeat(&one.commitments),
        proofs: repeat(&one.proofs),
    }
}

fn with_cells() -> BlobTransactionSidecarEip7594 {
    static ONE: OnceLock<BlobTransactionSidecarEip7594> = OnceLock::new();
    let convert = || sidecar(1).try_into_7594(EnvKzgSettings::Default.get()).unwrap();
    ONE.get_or_init(convert).clone()
}

pub(crate) fn blobs(from: u8, nonce: u64, fee: u128, blob_fee: u128) -> TxEip4844 {
    TxEip4844 {
        chain_id: CHAIN,
        nonce,
        gas_limit: 21_000,
        max_fee_per_gas: fee,
        max_priority_fee_per_gas: fee,
        max_fee_per_blob_gas: blob_fee,
        to: sender(from),
        blob_versioned_hashes: sidecar(1).versioned_hashes().collect(),
        ..TxEip4844::default()
    }
}

fn with(
    from: u8,
    transaction: TxEip4844,
    sidecar: impl Into<BlobTransactionSidecarVariant>,
) -> Candidate {
    let transaction = transaction.with_sidecar(sidecar.into());
    let pooled: PooledTransaction = transaction.into_signed(signature()).into();
    Candidate::new(pooled, sender(from))
}

/// A transaction with one blob, in the form of EIP-4844.
pub(crate) fn one_blob(from: u8, nonce: u64, fee: u128, blob_fee: u128) -> Candidate {
    with(from, blobs(from, nonce, fee, blob_fee), sidecar(1))
}

fn prague() -> Bench {
    let context = Context { fork: Fork::Prague, ..Context::default() };
    Bench::new(Settings::default(), context)
}

#[test]
fn takes_the_form_of_its_fork_and_finds_the_blobs_again() {
    let mut bench = prague();
    let hash = bench.add(one_blob(1, 0, 10, 10)).unwrap().hash;
    assert!(bench.pool.sidecar(&hash).unwrap().is_eip4844());
    let versioned = sidecar(1).versioned_hashes().next().unwrap();
    assert_eq!(bench.pool.blob(&versioned).unwrap().1, 0);
    assert!(bench.pool.blob(&B256::ZERO).is_none());
    let sent = bench.pool.get(&hash).unwrap().to_pooled().unwrap();
    assert_eq!(*sent.tx_hash(), hash);
    let error = bench.add(with(2, blobs(2, 0, 10, 10), with_cells())).unwrap_err();
    assert_eq!(error.to_string(), "unexpected sidecar version, want: 0, got: 1");
    assert!(bench.pool.status().blob_bytes > 128 << 10);
}

#[test]
fn converts_the_old_form_for_local_users_alone() {
    let mut bench = Bench::plain();
    let error = bench.add_from(Origin::External, one_blob(1, 0, 10, 10)).unwrap_err();
    assert_eq!(error.to_string(), "unexpected sidecar version, want: 1, got: 0");
    let hash = bench.add(one_blob(1, 0, 10, 10)).unwrap().hash;
    assert_eq!(*bench.pool.sidecar(&hash).unwrap(), with_cells().into());
    bench.add_from(Origin::External, with(2, blobs(2, 0, 10, 10), with_cells())).unwrap();
}

#[test]
fn refuses_blobs_that_are_not_those_it_names() {
    let mut bench = prague();
    let mut broken = sidecar(1);
    broken.blobs[0][5] ^= 1;
    let error = bench.add(with(1, blobs(1, 0, 10, 10), broken)).unwrap_err();
    assert!(matches!(error, PoolError::Sidecar(_)), "{error}");
    let error = bench.add(with(1, blobs(1, 0, 10, 10), sidecar(2))).unwrap_err();
    assert!(matches!(error, PoolError::SidecarLength { blobs: 2, hashes: 1, .. }));
    let mut other = blobs(1, 0, 10, 10);
    other.blob_versioned_hashes[0].0[9] ^= 1;
    let error = bench.add(with(1, other, sidecar(1))).unwrap_err();
    assert!(matches!(error, PoolError::Sidecar(_)), "{error}");
    let mut bench = Bench::plain();
    let mut broken = with_cells();
    broken.cell_proofs.swap(0, 1);
    let error = bench.add(with(1, blobs(1, 0, 10, 10), broken)).unwrap_err();
    assert!(matches!(error, PoolError::Sidecar(_)), "{error}");
}

#[test]
fn refuses_too_few_too_many_and_unknown_versions() {
    let mut bench = Bench::plain();
    let mut none = blobs(1, 0, 10, 10);
    none.blob_versioned_hashes.clear();
    let error = bench.add(with(1, none, BlobTransactionSidecar::default())).unwrap_err();
    assert_eq!(error.to_string(), "blob transaction missing blob hashes");
    let mut many = blobs(1, 0, 10, 10);
    many.blob_versioned_hashes = vec![many.blob_versioned_hashes[0]; 7];
    let error = bench.add(with(1, many, sidecar(7))).unwrap_err();
    assert!(error.to_string().starts_with("blob transaction has too many blobs"), "{error}");
    let mut version = blobs(1, 0, 10, 10);
    version.blob_versioned_hashes[0].0[0] = 2;
    let error = bench.add(with(1, version, sidecar(1))).unwrap_err();
    assert_eq!(error.to_string(), "blob 0 has invalid hash version");
    let error = bench.add(with(1, blobs(1, 0, 10, 0), sidecar(1))).unwrap_err();
    assert!(error.to_string().contains("blob fee cap 0, minimum needed 1"), "{error}");
}

#[test]
fn replaces_only_what_pays_twice_all_fees() {
    let mut bench = prague();
    bench.add(one_blob(1, 0, 10, 10)).unwrap();
    for (fee, blob_fee) in [(19, 20), (20, 19)] {
        let error = bench.add(one_blob(1, 0, fee, blob_fee)).unwrap_err();
        assert!(matches!(error, PoolError::ReplacementUnderpriced { .. }));
    }
    assert!(bench.add(signed(1, legacy(1, 0, 19))).is_err());
    bench.add(one_blob(1, 0, 20, 20)).unwrap();
    bench.add(signed(1, legacy(1, 0, 40))).unwrap();
    assert_eq!(bench.pool.status().blob_bytes, 0);
}

#[test]
fn offers_only_what_pays_the_blob_fee() {
    let mut bench = prague();
    bench.add(one_blob(1, 0, 10, 10)).unwrap();
    assert_eq!(bench.pool.best_at(0, 10).count(), 1);
    assert_eq!(bench.pool.best_at(0, 11).count(), 0);
}

#[test]
fn bounds_blobs_apart() {
    let context = Context { fork: Fork::Prague, ..Context::default() };
    let settings = Settings { blob_bytes_max: 300 << 10, ..Settings::default() };
    let mut bench = Bench::new(settings, context);
    bench.add(signed(9, legacy(9, 0, 1))).unwrap();
    let cheap = bench.add(one_blob(1, 0, 10, 10)).unwrap().hash;
    bench.add(one_blob(2, 0, 20, 10)).unwrap();
    let added = bench.add(one_blob(3, 0, 30, 10)).unwrap();
    assert_eq!(added.evicted, [cheap], "the transfer that pays less stays");
    assert!(matches!(bench.add(one_blob(4, 0, 15, 10)), Err(PoolError::Underpriced { .. })));
}

#[test]
fn keeps_blobs_of_mined_transactions_for_a_reorganisation() {
    let mut bench = prague();
    let hash = bench.add(one_blob(1, 0, 10, 10)).unwrap().hash;
    let mined: Vec<_> = bench.pool.best().collect();
    bench.mine(&mined);
    let versioned = sidecar(1).versioned_hashes().next().unwrap();
    assert!(bench.pool.blob(&versioned).is_some());
    bench.set_nonce(1, 0);
    let reverted = [mined[0].recovered.clone()];
    bench.block(&[], &reverted, &[]);
    assert!(bench.pool.get(&hash).unwrap().sidecar.is_some());
}

#[test]
fn reports_what_a_block_gives_back_without_blobs() {
    let context = Context { fork: Fork::Prague, ..Context::default() };
    let settings = Settings { mined_blob_bytes_max: 0, ..Settings::default() };
    let mut bench = Bench::new(settings, context);
    let hash = bench.add(one_blob(1, 0, 10, 10)).unwrap().hash;
    let mined: Vec<_> = bench.pool.best().collect();
    bench.mine(&mined);
    bench.set_nonce(1, 0);
    bench.block(&[], &[mined[0].recovered.clone()], &[]);
    let dropped = bench.pool.dropped(&hash).unwrap();
    assert!(matches!(dropped.reason, DropReason::Unfit(_)));
    assert!(dropped.reason.to_string().contains("missing sidecar"));
}
