//! The whole way, from transactions to senders.

mod differential;
mod forge;

use super::*;
use alloy_consensus::{SignableTransaction, TxLegacy};
use alloy_primitives::keccak256;
use alloy_signer::SignerSync;
use alloy_signer_local::PrivateKeySigner;

fn signed(count: u64) -> (Vec<Transaction>, Vec<Address>) {
    (0..count)
        .map(|seed| {
            let key = PrivateKeySigner::from_bytes(&keccak256(seed.to_be_bytes())).unwrap();
            let tx = TxLegacy { nonce: seed, chain_id: Some(seed), ..TxLegacy::default() };
            let signature = key.sign_hash_sync(&tx.signature_hash()).unwrap();
            (Transaction::Legacy(tx.into_signed(signature)), key.address())
        })
        .unzip()
}

#[test]
fn recovers_each_sender_in_its_place() {
    for count in [0, 1, 7, 8, 9, 16, 17, 100] {
        let (transactions, senders) = signed(count);
        assert_eq!(recover_senders(&transactions, Fork::Osaka), Ok(senders));
    }
}

#[test]
fn rejects_a_chain_before_eip_155_and_allows_none_after() {
    let (transactions, senders) = signed(1);
    let found = recover_sender(&transactions[0], Fork::Tangerine);
    assert_eq!(found, Err(SignatureError::ChainId));
    assert_eq!(recover_sender(&transactions[0], Fork::SpuriousDragon), Ok(senders[0]));
    let Transaction::Legacy(tx) = &transactions[0] else { unreachable!() };
    let unbound = TxLegacy { chain_id: None, ..tx.tx().clone() };
    let unbound = Transaction::Legacy(unbound.into_signed(*tx.signature()));
    for fork in [Fork::Frontier, Fork::Osaka] {
        assert!(recover_sender(&unbound, fork).is_ok());
    }
}

#[test]
fn names_the_first_whose_signature_belongs_to_nobody() {
    let (mut transactions, _) = signed(40);
    for at in [33, 21] {
        let Transaction::Legacy(tx) = &transactions[at] else { unreachable!() };
        let high = Signature::new(tx.signature().r(), HALF_ORDER + U256::ONE, false);
        let unbound = TxLegacy { chain_id: None, ..tx.tx().clone() };
        transactions[at] = Transaction::Legacy(unbound.into_signed(high));
    }
    let found = recover_senders(&transactions, Fork::SpuriousDragon);
    assert_eq!(found, Err((21, SignatureError::HighS)));
    assert!(recover_sender(&transactions[21], Fork::Frontier).is_ok());
    let none = Signature::new(U256::ZERO, U256::ONE, false);
    assert_eq!(recover_address(&none, B256::ZERO), Err(SignatureError::Invalid));
}
