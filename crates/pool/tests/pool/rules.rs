//! What is refused, and in which words.

use crate::support::{Bench, CHAIN, legacy, sender, signature, signed, transfer};
use alloy_consensus::{SignableTransaction, TxEip2930, TxEip7702};
use alloy_eips::{eip2930::AccessListItem, eip7702::Authorization};
use alloy_primitives::{Address, B256, Bytes, Signature, TxKind, U256};
use heddle_pool::{
    Candidate, Context, Origin, Placement, Pool, PoolError, PooledTransaction, SenderCode,
    SenderState, Settings,
};
use heddle_types::Fork;

fn refusal(bench: &mut Bench, candidate: Candidate) -> String {
    let before = format!("{:?}", bench.pool.content());
    let error = bench.add(candidate).unwrap_err().to_string();
    assert_eq!(format!("{:?}", bench.pool.content()), before, "a refusal changed the pool");
    error
}

#[test]
fn refuses_what_it_knows() {
    let mut bench = Bench::plain();
    bench.accept(1, 0, 10, 1);
    let error = refusal(&mut bench, signed(1, transfer(1, 0, 10, 1)));
    assert_eq!(error, "already known");
}

#[test]
fn refuses_nonce_below_account() {
    let mut bench = Bench::plain();
    bench.set_nonce(1, 5);
    let error = refusal(&mut bench, signed(1, transfer(1, 3, 10, 1)));
    assert_eq!(error, "nonce too low: next nonce 5, tx nonce 3");
}

#[test]
fn refuses_another_chain_and_takes_one_signed_for_any() {
    let mut bench = Bench::plain();
    let mut other = transfer(1, 0, 10, 1);
    other.chain_id = 5;
    let error = refusal(&mut bench, signed(1, other));
    assert_eq!(error, "invalid sender: invalid chain id for signer: have 5 want 31337");
    let mut any = legacy(1, 0, 10);
    any.chain_id = None;
    bench.add(signed(1, any)).unwrap();
}

#[test]
fn refuses_high_s_unless_the_sender_is_impersonated() {
    let mut bench = Bench::plain();
    let high = Signature::new(U256::ONE, U256::MAX >> 1, false);
    let transaction: PooledTransaction = transfer(1, 0, 10, 1).into_signed(high).into();
    let candidate = Candidate::new(transaction, sender(1));
    assert!(refusal(&mut bench, candidate.clone()).starts_with("invalid sender: "));
    bench.add_from(Origin::Impersonated, candidate).unwrap();
}

#[test]
fn refuses_a_signature_that_belongs_to_nobody() {
    let nobody = Signature::new(U256::ZERO, U256::ONE, false);
    let transaction: PooledTransaction = transfer(1, 0, 10, 1).into_signed(nobody).into();
    let error = Candidate::recover_each(vec![transaction], Fork::Osaka).remove(0).unwrap_err();
    assert!(error.to_string().starts_with("invalid sender: "), "{error}");
}

#[test]
fn refuses_types_before_their_fork() {
    let mut bench =
        Bench::new(Settings::default(), Context { fork: Fork::Berlin, ..Context::default() });
    let listed = TxEip2930 {
        chain_id: CHAIN,
        gas_limit: 21_000,
        to: TxKind::Call(sender(1)),
        ..TxEip2930::default()
    };
    bench.add(signed(1, listed)).unwrap();
    let error = refusal(&mut bench, signed(2, transfer(2, 0, 10, 1)));
    assert!(error.starts_with("transaction type not supported"), "{error}");
}

#[test]
fn refuses_too_little_gas() {
    let mut bench = Bench::plain();
    let mut short = transfer(1, 0, 10, 1);
    short.gas_limit = 20_999;
    let error = refusal(&mut bench, signed(1, short));
    assert_eq!(error, "intrinsic gas too low: gas 20999, minimum needed 21000");
    let mut data = transfer(1, 0, 10, 1);
    data.input = Bytes::from(vec![1, 0]);
    data.gas_limit = 21_049;
    let error = refusal(&mut bench, signed(1, data.clone()));
    let expected = "insufficient gas for floor data gas cost: gas 21049, minimum needed 21050";
    assert_eq!(error, expected);
    data.gas_limit = 21_050;
    bench.add(signed(1, data)).unwrap();
}

#[test]
fn counts_intrinsic_gas_as_each_fork_does() {
    let mut create = legacy(1, 0, 10);
    create.to = TxKind::Create;
    create.input = Bytes::from(vec![1; 33]);
    let gas = |fork| {
        let candidate: PooledTransaction = create.clone().into_signed(signature()).into();
        let plain = candidate.try_map_eip4844(|_| Err(())).unwrap();
        (heddle_pool::intrinsic_gas(&plain, fork), heddle_pool::floor_gas(&plain, fork))
    };
    assert_eq!(gas(Fork::Frontier), (21_000 + 33 * 68, 0));
    assert_eq!(gas(Fork::Homestead), (53_000 + 33 * 68, 0));
    assert_eq!(gas(Fork::Istanbul), (53_000 + 33 * 16, 0));
    assert_eq!(gas(Fork::Shanghai), (53_000 + 33 * 16 + 2 * 2, 0));
    assert_eq!(gas(Fork::Prague), (53_000 + 33 * 16 + 2 * 2, 21_000 + 33 * 40));
}

#[test]
fn counts_access_lists_and_authorizations() {
    let mut transaction = seven(1, 0, vec![authorization(7), authorization(8)]);
    let item = AccessListItem { address: sender(9), storage_keys: vec![B256::ZERO; 3] };
    transaction.access_list.0.push(item);
    let signed: PooledTransaction = transaction.into_signed(signature()).into();
    let plain = signed.try_map_eip4844(|_| Err(())).unwrap();
    let expected = 21_000 + 2400 + 3 * 1900 + 2 * 25_000;
    assert_eq!(heddle_pool::intrinsic_gas(&plain, Fork::Osaka), expected);
}

#[test]
fn refuses_gas_above_the_caps() {
    let mut bench = Bench::plain();
    let mut large = transfer(1, 0, 10, 1);
    large.gas_limit = (1 << 24) + 1;
    let error = refusal(&mut bench, signed(1, large.clone()));
    assert_eq!(error, "transaction gas limit too high (cap: 16777216, tx: 16777217)");
    let context = Context { fork: Fork::Prague, ..Context::default() };
    let mut bench = Bench::new(Settings::default(), context);
    bench.add(signed(1, large.clone())).unwrap();
    large.gas_limit = 30_000_001;
    large.nonce = 1;
    let error = refusal(&mut bench, signed(1, large));
    assert!(error.starts_with("exceeds block gas limit"), "{error}");
}

#[test]
fn refuses_what_is_too_large() {
    let mut bench = Bench::plain();
    let mut large = transfer(1, 0, 10, 1);
    large.input = Bytes::from(vec![0; 128 << 10]);
    large.gas_limit = 10_000_000;
    assert!(refusal(&mut bench, signed(1, large)).starts_with("oversized data"));
    let mut create = transfer(1, 0, 10, 1);
    create.to = TxKind::Create;
    create.input = Bytes::from(vec![0; 49_153]);
    create.gas_limit = 10_000_000;
    let error = refusal(&mut bench, signed(1, create));
    assert_eq!(error, "max initcode size exceeded: code size 49153, limit 49152");
}

#[test]
fn refuses_prices_that_make_no_sense_or_too_little() {
    let settings = Settings { fee_min: 10, tip_min: 2, ..Settings::default() };
    let mut bench = Bench::new(settings, Context::default());
    let error = refusal(&mut bench, signed(1, transfer(1, 0, 10, 11)));
    assert!(error.starts_with("max priority fee per gas higher than max fee per gas"), "{error}");
    let error = refusal(&mut bench, signed(1, transfer(1, 0, 10, 1)));
    let expected = "transaction gas price below minimum: gas tip cap 1, minimum needed 2";
    assert_eq!(error, expected);
    let error = refusal(&mut bench, signed(1, transfer(1, 0, 9, 2)));
    assert!(error.starts_with("transaction gas price below minimum: gas fee cap 9"), "{error}");
}

#[test]
fn refuses_less_than_the_base_fee_only_if_told_to() {
    let context = Context { base_fee: 100, ..Context::default() };
    let mut bench = Bench::new(Settings::default(), context.clone());
    bench.accept(1, 0, 99, 1);
    let settings = Settings { refuse_below_base_fee: true, ..Settings::default() };
    let mut bench = Bench::new(settings, context);
    let error = refusal(&mut bench, signed(1, transfer(1, 0, 99, 1)));
    assert!(error.starts_with("max fee per gas less than block base fee"), "{error}");
    bench.accept(1, 0, 100, 1);
}

#[test]
fn refuses_more_than_the_sender_has() {
    let mut bench = Bench::plain();
    bench.set_balance(1, 21_000 * 25);
    let error = refusal(&mut bench, signed(1, transfer(1, 0, 26, 1)));
    let expected = "insufficient funds for gas * price + value: balance 525000, tx cost 546000, overshot 21000";
    assert_eq!(error, expected);
    bench.accept(1, 0, 10, 1);
    bench.accept(1, 1, 10, 1);
    let error = refusal(&mut bench, signed(1, transfer(1, 2, 10, 1)));
    let expected = "insufficient funds for gas * price + value: balance 525000, queued cost 420000, tx cost 210000, overshot 105000";
    assert_eq!(error, expected);
    // A replacement counts for what it replaces.
    bench.accept(1, 1, 15, 2);
    let error = refusal(&mut bench, signed(1, transfer(1, 1, 17, 3)));
    assert!(error.contains("queued cost 210000"), "{error}");
}

#[test]
fn counts_the_largest_numbers_without_overflow() {
    let mut bench = Bench::plain();
    let rich = SenderState { balance: U256::MAX, ..SenderState::default() };
    bench.states.insert(sender(1), rich);
    let mut all = transfer(1, 0, u128::MAX, u128::MAX);
    all.value = U256::MAX - U256::from(21_000) * U256::from(u128::MAX);
    bench.add(signed(1, all)).unwrap();
    let error = refusal(&mut bench, signed(1, transfer(1, 1, 1, 1)));
    assert!(error.starts_with("insufficient funds"), "{error}");
    let error = refusal(&mut bench, signed(1, transfer(1, 0, u128::MAX, u128::MAX)));
    assert!(error.starts_with("replacement transaction underpriced"), "{error}");
}

#[test]
fn refuses_senders_with_code_but_for_delegations_and_impersonation() {
    let mut bench = Bench::plain();
    let with = |code| SenderState { code, ..crate::support::rich() };
    bench.states.insert(sender(1), with(SenderCode::Contract));
    bench.states.insert(sender(2), with(SenderCode::Delegation));
    let error = refusal(&mut bench, signed(1, transfer(1, 0, 10, 1)));
    assert_eq!(error, "sender not an eoa");
    bench.accept(2, 0, 10, 1);
    bench.add_from(Origin::Impersonated, signed(1, transfer(1, 0, 10, 1))).unwrap();
}

#[test]
fn keeps_the_source_of_an_error_of_the_state() {
    let mut pool = Pool::new(Settings::default(), Context::default());
    let broken = |_| Err::<SenderState, _>(std::io::Error::other("the disk is gone"));
    let error = pool.add(signed(1, transfer(1, 0, 10, 1)), Origin::Local, 0, broken).unwrap_err();
    assert!(matches!(&error, PoolError::State(_)));
    assert!(std::error::Error::source(&error).unwrap().is::<std::io::Error>());
}

#[test]
fn replaces_what_pays_ten_percent_more_of_both_fees() {
    let mut bench = Bench::plain();
    let first = bench.accept(1, 0, 100, 10);
    for (fee, tip) in [(109, 11), (110, 10), (200, 10), (109, 100)] {
        let error = refusal(&mut bench, signed(1, transfer(1, 0, fee, tip)));
        assert!(error.starts_with("replacement transaction underpriced"), "{error}");
    }
    let added = bench.add(signed(1, transfer(1, 0, 110, 11))).unwrap();
    assert_eq!(added.replaced, Some(first));
    assert_eq!(added.placement, Placement::Pending);
    assert_eq!(added.promoted.len(), 1);
    let reason = format!("replaced by {}", added.hash);
    assert_eq!(bench.dropped(), [(first, reason)]);
    assert_eq!(bench.pool.status().pending, 1);
}

#[test]
fn replaces_what_pays_nothing_only_for_something() {
    let mut bench = Bench::plain();
    bench.accept(1, 0, 0, 0);
    let mut other = transfer(1, 0, 0, 0);
    other.value = U256::ONE;
    let error = refusal(&mut bench, signed(1, other));
    assert!(error.starts_with("replacement transaction underpriced"), "{error}");
    bench.accept(1, 0, 1, 1);
}

#[test]
fn holds_strangers_and_peers_alone_to_the_limits_of_an_account() {
    let settings = Settings { account_transactions_max: 2, ..Settings::default() };
    let mut bench = Bench::new(settings, Context::default());
    for nonce in 0..5 {
        bench.accept(1, nonce, 10, 1);
    }
    for (from, origin) in [(2, Origin::External), (3, Origin::Peer)] {
        let mut add =
            |nonce, fee| bench.add_from(origin, signed(from, transfer(from, nonce, fee, fee)));
        add(0, 10).unwrap();
        add(1, 10).unwrap();
        assert!(matches!(add(2, 10), Err(PoolError::AccountLimit { transactions: 2, .. })));
        add(1, 20).unwrap();
    }
    let settings = Settings { account_bytes_max: 1, ..Settings::default() };
    let mut bench = Bench::new(settings, Context::default());
    let mut add = |nonce| bench.add_from(Origin::External, signed(2, transfer(2, nonce, 10, 1)));
    add(0).unwrap();
    assert!(matches!(add(1), Err(PoolError::AccountLimit { .. })));
}

fn authorization(address: u8) -> alloy_eips::eip7702::SignedAuthorization {
    let authorization = Authorization {
        chain_id: U256::from(CHAIN),
        address: sender(address),
        nonce: u64::from(address),
    };
    authorization.into_signed(signature())
}

fn authority(of: &alloy_eips::eip7702::SignedAuthorization) -> Address {
    let hash = of.signature_hash();
    heddle_ecrecover::recover_address(&of.signature().unwrap(), hash).unwrap()
}

fn seven(
    from: u8,
    nonce: u64,
    authorization_list: Vec<alloy_eips::eip7702::SignedAuthorization>,
) -> TxEip7702 {
    TxEip7702 {
        chain_id: CHAIN,
        nonce,
        gas_limit: 100_000,
        max_fee_per_gas: 10,
        max_priority_fee_per_gas: 1,
        to: sender(from),
        authorization_list,
        ..TxEip7702::default()
    }
}

#[test]
fn refuses_a_list_without_authorizations() {
    let mut bench = Bench::plain();
    let error = refusal(&mut bench, signed(1, seven(1, 0, Vec::new())));
    assert!(error.starts_with("EIP-7702 transaction with empty auth list"), "{error}");
    bench.add(signed(1, seven(1, 0, vec![authorization(7)]))).unwrap();
}

#[test]
fn allows_strangers_with_a_delegation_one_transaction() {
    let mut bench = Bench::plain();
    let delegated = SenderState { code: SenderCode::Delegation, ..crate::support::rich() };
    bench.states.insert(sender(1), delegated);
    let mut add =
        |nonce, fee| bench.add_from(Origin::External, signed(1, transfer(1, nonce, fee, fee)));
    assert!(matches!(add(1, 10), Err(PoolError::DelegatedGap)));
    add(0, 10).unwrap();
    assert!(matches!(add(1, 10), Err(PoolError::DelegatedLimit)));
    add(0, 20).unwrap();
    bench.accept(1, 1, 10, 1);
}

#[test]
fn counts_a_pending_authorization_as_a_delegation() {
    let mut bench = Bench::plain();
    let signed_by = authorization(7);
    let named = authority(&signed_by);
    let hash = bench.add(signed(1, seven(1, 0, vec![signed_by]))).unwrap().hash;
    let of_named = |nonce| {
        let transaction: PooledTransaction =
            transfer(9, nonce, 10, 1).into_signed(signature()).into();
        Candidate::new(transaction, named)
    };
    bench.add_from(Origin::External, of_named(0)).unwrap();
    let error = bench.add_from(Origin::External, of_named(1)).unwrap_err();
    assert!(matches!(error, PoolError::DelegatedLimit));
    bench.pool.remove(&hash, heddle_pool::DropReason::Removed, 0);
    bench.add_from(Origin::External, of_named(1)).unwrap();
    let error = bench.add_from(Origin::External, signed(1, seven(1, 0, vec![authorization(7)])));
    assert!(matches!(error, Err(PoolError::AuthorityReserved)));
}
