//! Building a block from candidates: what is invalid is left out and named.

use crate::scene::{RICH, Scene, account, sender};
use alloy_primitives::{B256, Bytes, TxKind, U256};
use heddle_executor::revm::{
    bytecode::opcode as op,
    context::{
        TxEnv,
        result::InvalidTransaction::{self, *},
    },
};
use heddle_types::Fork;

/// The candidate between two good ones of its sender and some of others is spoiled, and must be
/// left out for `reason`.
fn left_out(fork: Fork, spoil: impl Fn(&mut TxEnv), reason: InvalidTransaction) {
    let mut scene = Scene::new(fork);
    scene.frame.env.gas_limit = 5_000_000;
    scene.frame.blob_gas_limit = 2 << 17;
    scene.deploy(account("contract"), vec![op::STOP]);
    scene.give(account("contract"), U256::from(RICH));
    scene.transfer(sender(0), account("before"), 1);
    scene.transfer(sender(1), account("before"), 1);
    scene.transfer(sender(1), account("shop"), 100);
    spoil(&mut scene.transactions[2]);
    // The same nonce again, and the one after it.
    scene.transfer(sender(1), account("after"), 1);
    scene.transactions[3].nonce = 1;
    scene.transfer(sender(1), account("after"), 1);
    scene.transactions[4].nonce = 2;
    scene.transfer(sender(2), account("after"), 1);
    let outcome = scene.build();
    let [skipped] = outcome.output.skipped.as_slice() else {
        panic!("{reason}: {:?}", outcome.output.skipped);
    };
    assert_eq!((skipped.index, &skipped.reason), (2, &reason), "{fork:?}");
    assert_eq!(outcome.output.receipts.len(), 5);
    assert_eq!(outcome.balance(account("after")), 3);
    assert_eq!(outcome.balance(account("shop")), 0);
    assert_eq!(outcome.nonce(sender(1)), 3);
    let last = outcome.output.receipts.last().expect("five receipts");
    assert_eq!(last.cumulative_gas_used, 5 * 21_000);
}

#[test]
fn candidates_of_a_wrong_nonce_are_left_out() {
    left_out(Fork::Osaka, |tx| tx.nonce = 0, NonceTooLow { tx: 0, state: 1 });
    left_out(Fork::Osaka, |tx| tx.nonce = 9, NonceTooHigh { tx: 9, state: 1 });
    left_out(Fork::Osaka, |tx| tx.nonce = u64::MAX, NonceOverflowInTransaction);
}

#[test]
fn candidates_that_cannot_pay_are_left_out() {
    let cost = 210_000 + 1;
    let most = U256::from(RICH) - U256::from(cost) + U256::from(1);
    let reason = LackOfFundForMaxFee {
        fee: Box::new(most + U256::from(210_000)),
        balance: Box::new(U256::from(RICH) - U256::from(cost)),
    };
    left_out(Fork::Osaka, |tx| tx.value = most, reason);
    left_out(Fork::Osaka, |tx| tx.value = U256::MAX, OverflowPaymentInTransaction);
    left_out(Fork::London, |tx| tx.gas_price = 6, GasPriceLessThanBasefee);
    let priority = |tx: &mut TxEnv| (tx.tx_type, tx.gas_priority_fee) = (2, Some(11));
    left_out(Fork::Osaka, priority, PriorityFeeGreaterThanMaxFee);
}

#[test]
fn candidates_of_a_wrong_gas_limit_are_left_out() {
    // 4,958,000 are left of the block's 5,000,000.
    left_out(Fork::Prague, |tx| tx.gas_limit = 4_958_001, CallerGasLimitMoreThanBlock);
    left_out(Fork::Prague, |tx| tx.gas_limit = u64::MAX, CallerGasLimitMoreThanBlock);
    let reason = CallGasCostMoreThanGasLimit { initial_gas: 21_000, gas_limit: 20_999 };
    left_out(Fork::London, |tx| tx.gas_limit = 20_999, reason);
    let floor = |tx: &mut TxEnv| (tx.data, tx.gas_limit) = (vec![1; 1000].into(), 60_000);
    let reason = GasFloorMoreThanGasLimit { gas_floor: 61_000, gas_limit: 60_000 };
    left_out(Fork::Prague, floor, reason);
}

#[test]
fn candidates_of_another_chain_are_left_out() {
    left_out(Fork::Osaka, |tx| tx.chain_id = Some(5), InvalidChainId);
    let nameless = |tx: &mut TxEnv| (tx.tx_type, tx.chain_id) = (1, None);
    left_out(Fork::Osaka, nameless, MissingChainId);
}

#[test]
fn candidates_of_a_sender_with_code_are_left_out() {
    let coded = |tx: &mut TxEnv| (tx.caller, tx.nonce) = (account("contract"), 1);
    left_out(Fork::London, coded, RejectCallerWithCode);
}

#[test]
fn candidates_of_a_type_that_the_fork_lacks_are_left_out() {
    left_out(Fork::Istanbul, |tx| tx.tx_type = 1, Eip2930NotSupported);
    left_out(Fork::Berlin, |tx| tx.tx_type = 2, Eip1559NotSupported);
    left_out(Fork::Shanghai, blobs(1), Eip4844NotSupported);
    left_out(Fork::Cancun, |tx| tx.tx_type = 4, Eip7702NotSupported);
}

fn blobs(count: usize) -> impl Fn(&mut TxEnv) {
    move |tx| {
        let mut hash = B256::with_last_byte(7);
        hash[0] = 1;
        tx.tx_type = 3;
        tx.blob_hashes = vec![hash; count];
        tx.max_fee_per_blob_gas = 1;
        tx.gas_priority_fee = Some(1);
    }
}

#[test]
fn candidates_of_wrong_blobs_are_left_out() {
    // The block here holds two.
    left_out(Fork::Osaka, blobs(3), TooManyBlobs { max: 2, have: 3 });
    left_out(Fork::Osaka, blobs(0), EmptyBlobs);
    let dear = |tx: &mut TxEnv| {
        blobs(1)(tx);
        tx.max_fee_per_blob_gas = 0;
    };
    let reason = BlobGasPriceGreaterThanMax { block_blob_gas_price: 1, tx_max_fee_per_blob_gas: 0 };
    left_out(Fork::Osaka, dear, reason);
    let strange = |tx: &mut TxEnv| {
        blobs(1)(tx);
        tx.blob_hashes[0][0] = 2;
    };
    left_out(Fork::Osaka, strange, BlobVersionNotSupported);
    let creates = |tx: &mut TxEnv| {
        blobs(1)(tx);
        tx.kind = TxKind::Create;
    };
    left_out(Fork::Osaka, creates, BlobCreateTransaction);
}

#[test]
fn candidates_that_set_no_code_or_too_much_are_left_out() {
    let unsigned = |tx: &mut TxEnv| (tx.tx_type, tx.gas_priority_fee) = (4, Some(1));
    left_out(Fork::Osaka, unsigned, EmptyAuthorizationList);
    let creates = |tx: &mut TxEnv| {
        tx.kind = TxKind::Create;
        tx.data = Bytes::from(vec![0; 49_153]);
        tx.gas_limit = 4_000_000;
    };
    left_out(Fork::Osaka, creates, CreateInitCodeSizeLimit);
}

#[test]
fn a_block_of_nothing_but_invalid_candidates_is_empty() {
    let mut scene = Scene::new(Fork::Osaka);
    for index in 0..300 {
        scene.transfer(sender(index % 50), account("shop"), 1);
        scene.transactions[index].nonce = 1 + (index % 7) as u64;
    }
    let outcome = scene.build();
    let skipped: Vec<_> = outcome.output.skipped.iter().map(|skipped| skipped.index).collect();
    assert_eq!(skipped, Vec::from_iter(0..300));
    assert!(outcome.output.receipts.is_empty());
    assert!(outcome.output.changes.accounts.is_empty());
    let list = outcome.output.access_list.expect("the list is recorded");
    assert!(list.accounts.is_empty());
}

#[test]
fn every_second_candidate_is_left_out_and_the_list_counts_the_others() {
    let mut scene = Scene::new(Fork::Osaka);
    for index in 0..200 {
        scene.transfer(sender(0), account("shop"), 1);
        scene.transactions[index].nonce = index as u64 / 2;
    }
    let outcome = scene.build();
    let skipped: Vec<_> = outcome.output.skipped.iter().map(|skipped| skipped.index).collect();
    assert_eq!(skipped, Vec::from_iter((0..100).map(|pair| 2 * pair + 1)));
    assert_eq!(outcome.nonce(sender(0)), 100);
    let list = outcome.output.access_list.expect("the list is recorded");
    let shop = list.accounts.iter().find(|listed| listed.address == account("shop"));
    let changes = &shop.expect("the shop is listed").balance_changes;
    let found: Vec<_> = changes.iter().map(|change| change.block_access_index.get()).collect();
    assert_eq!(found, Vec::from_iter(1..=100));
}

#[test]
fn a_candidate_fits_once_others_are_left_out() {
    let mut scene = Scene::new(Fork::Osaka);
    scene.frame.env.gas_limit = 150_000;
    for index in 0..40 {
        scene.send(sender(index), |tx| {
            tx.kind = TxKind::Call(account("shop"));
            tx.value = U256::from(1);
            tx.gas_limit = 25_000 + 5_000 * (index as u64 % 10);
        });
    }
    let outcome = scene.build();
    // 21,000 are used each time, whatever the limit; it has to fit what is left.
    let mut left = 150_000;
    let mut expected = Vec::new();
    for index in 0..40 {
        if 25_000 + 5_000 * (index as u64 % 10) <= left {
            left -= 21_000;
        } else {
            expected.push(index);
        }
    }
    let skipped: Vec<_> = outcome.output.skipped.iter().map(|skipped| skipped.index).collect();
    assert_eq!(skipped, expected);
    assert_eq!(outcome.output.receipts.len(), 6);
    assert_eq!(outcome.balance(account("shop")), 6);
}
