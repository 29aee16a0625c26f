//! Accounts that delegate to a contract's code (EIP-7702), within one block.

use crate::scene::{Code, PRICE, RICH, Scene, account, sender};
use alloy_primitives::{Address, Bytes, TxKind, U256};
use heddle_executor::revm::{
    context::either::Either,
    context_interface::transaction::{Authorization, RecoveredAuthority, RecoveredAuthorization},
};
use heddle_types::Fork;

/// Sends a transaction that sets code for `authorities`, each with its nonce.
fn delegate(scene: &mut Scene, from: Address, authorities: &[(Address, Address, u64)]) {
    scene.send(from, |tx| {
        tx.tx_type = 4;
        tx.kind = TxKind::Call(account("somebody"));
        tx.gas_priority_fee = Some(3);
        let authorize = |&(authority, address, nonce)| {
            let authorization = Authorization { chain_id: U256::from(1), address, nonce };
            let authority = RecoveredAuthority::Valid(authority);
            Either::Right(RecoveredAuthorization::new_unchecked(authorization, authority))
        };
        tx.authorization_list = authorities.iter().map(authorize).collect();
    });
}

fn designator(address: Address) -> Bytes {
    [&[0xef, 0x01, 0x00], address.as_slice()].concat().into()
}

#[test]
fn delegations_are_set_changed_and_cleared() {
    let mut scene = Scene::new(Fork::Prague);
    let (ones, twos, wallet) = (account("ones"), account("twos"), account("wallet"));
    scene.deploy(ones, Code::new().increment(1));
    scene.deploy(twos, Code::new().increment(2));
    let call = |scene: &mut Scene, index: usize| scene.call(sender(index), wallet, 0);
    // A plain transfer before the account has code, ...
    scene.transfer(sender(0), wallet, 5);
    delegate(&mut scene, sender(1), &[(wallet, ones, 0)]);
    call(&mut scene, 2);
    call(&mut scene, 3);
    delegate(&mut scene, sender(4), &[(wallet, twos, 1)]);
    call(&mut scene, 5);
    // ... one that has no gas for the code, ...
    scene.transfer(sender(6), wallet, 5);
    // ... a wrong nonce, which changes nothing, ...
    delegate(&mut scene, sender(7), &[(wallet, ones, 1)]);
    call(&mut scene, 8);
    delegate(&mut scene, sender(9), &[(wallet, Address::ZERO, 2)]);
    call(&mut scene, 10);
    // ... and one after the code is gone.
    scene.transfer(sender(11), wallet, 5);
    let outcome = scene.run();
    let expected: Vec<bool> = (0..12).map(|index| index != 6).collect();
    assert_eq!(outcome.successes(), expected);
    assert_eq!([1, 2].map(|key| outcome.slot(wallet, key)), [2, 2].map(U256::from));
    assert_eq!(outcome.nonce(wallet), 3);
    assert_eq!(outcome.code(wallet), Bytes::new());
    assert_eq!(outcome.balance(wallet), 10);
    assert_eq!(outcome.slot(ones, 1), U256::ZERO);
}

#[test]
fn a_delegation_that_stays_is_the_account_s_code() {
    let mut scene = Scene::new(Fork::Osaka);
    let target = account("target");
    scene.deploy(target, Code::new().increment(1));
    // Both of accounts that exist and of some that do not, several in one transaction.
    scene.fund(account("b"));
    let authorities = ["a", "b", "c"].map(|name| (account(name), target, 0));
    delegate(&mut scene, sender(0), &authorities);
    for index in 1..10 {
        scene.call(sender(index), authorities[index % 3].0, 0);
    }
    let outcome = scene.run();
    for (authority, _, _) in authorities {
        assert_eq!(outcome.slot(authority, 1), U256::from(3));
        assert_eq!(outcome.nonce(authority), 1);
        assert_eq!(outcome.code(authority), designator(target));
    }
    assert_eq!(outcome.balance(account("b")), RICH);
}

#[test]
fn an_authority_s_nonce_moves_on_between_its_own_transactions() {
    let mut scene = Scene::new(Fork::Prague);
    let (target, wallet) = (account("target"), account("wallet"));
    scene.deploy(target, Code::new().increment(1));
    scene.fund(wallet);
    let pays = |scene: &mut Scene, nonce: u64| {
        scene.send(wallet, |tx| {
            tx.nonce = nonce;
            tx.kind = TxKind::Call(account("shop"));
            tx.value = U256::from(10);
            tx.gas_limit = 21_000;
        });
    };
    pays(&mut scene, 0);
    delegate(&mut scene, sender(0), &[(wallet, target, 1)]);
    // An account with a delegation may send all the same.
    pays(&mut scene, 2);
    pays(&mut scene, 3);
    scene.transfer(sender(1), account("shop"), 1);
    // Its own transaction uses up nonce 4 before the authorization asks for 5.
    let target_of_own = [(wallet, Address::ZERO, 5)];
    delegate(&mut scene, wallet, &target_of_own);
    scene.transactions.last_mut().expect("just sent").nonce = 4;
    pays(&mut scene, 6);
    scene.call(sender(2), wallet, 0);
    let outcome = scene.run();
    assert_eq!(outcome.successes(), [true; 8]);
    assert_eq!(outcome.nonce(wallet), 7);
    assert_eq!(outcome.slot(wallet, 1), U256::ZERO);
    assert_eq!(outcome.code(wallet), Bytes::new());
    assert_eq!(outcome.balance(account("shop")), 41);
    let gas = 4 * 21_000 + u128::from(outcome.gas()[5]);
    assert_eq!(outcome.balance(wallet), RICH - gas * u128::from(PRICE) - 40);
}

#[test]
fn nonces_that_a_delegation_has_used_up_are_skipped_when_building() {
    let mut scene = Scene::new(Fork::Prague);
    let wallet = account("wallet");
    scene.fund(wallet);
    scene.transfer(wallet, account("shop"), 1);
    delegate(&mut scene, sender(0), &[(wallet, account("target"), 1)]);
    // Has nonce 1, which the authorization has taken; the next has 2.
    scene.transfer(wallet, account("shop"), 10);
    scene.transfer(wallet, account("shop"), 100);
    let outcome = scene.build();
    let skipped: Vec<_> = outcome.output.skipped.iter().map(|skipped| skipped.index).collect();
    assert_eq!(skipped, [2]);
    assert_eq!(outcome.balance(account("shop")), 101);
    assert_eq!(outcome.nonce(wallet), 3);
}
