use super::*;
use alloy_consensus::{
    BlockBody, SignableTransaction, Signed, TxEip1559, TxEip2930, TxEip4844, TxEip7702, TxLegacy,
};
use alloy_eips::{
    eip2930::{AccessList, AccessListItem},
    eip4895::{Withdrawal, Withdrawals},
    eip7702::{Authorization, SignedAuthorization},
};
use alloy_primitives::{Address, B256, Bytes, Signature, TxKind, U256};

fn signed<T: SignableTransaction<Signature>>(transaction: T) -> Signed<T> {
    transaction.into_signed(Signature::new(U256::from(7), U256::from(9), true))
}

/// One transaction of each type.
fn transactions() -> Vec<Transaction> {
    let item = AccessListItem { address: Address::repeat_byte(3), storage_keys: vec![B256::ZERO] };
    let access_list = AccessList(vec![item]);
    let authorization = Authorization { chain_id: U256::ONE, address: Address::ZERO, nonce: 3 };
    let authorization =
        SignedAuthorization::new_unchecked(authorization, 1, U256::from(4), U256::from(5));
    vec![
        signed(TxLegacy { nonce: 1, gas_limit: 21_000, ..TxLegacy::default() }).into(),
        signed(TxLegacy {
            chain_id: Some(0),
            to: TxKind::Call(Address::ZERO),
            ..TxLegacy::default()
        })
        .into(),
        signed(TxEip2930 { chain_id: 1, access_list: access_list.clone(), ..TxEip2930::default() })
            .into(),
        signed(TxEip1559 { input: Bytes::from(vec![1; 99]), access_list, ..TxEip1559::default() })
            .into(),
        Transaction::Eip4844(signed(TxEip4844 {
            blob_versioned_hashes: vec![B256::repeat_byte(1)],
            ..TxEip4844::default()
        })),
        signed(TxEip7702 { authorization_list: vec![authorization], ..TxEip7702::default() })
            .into(),
    ]
}

fn block() -> Block {
    let header = Header {
        number: 9,
        base_fee_per_gas: Some(7),
        withdrawals_root: Some(B256::ZERO),
        ..Header::default()
    };
    let withdrawal = Withdrawal { amount: 5, ..Withdrawal::default() };
    let body = BlockBody {
        transactions: transactions(),
        ommers: vec![Header::default()],
        withdrawals: Some(Withdrawals::new(vec![withdrawal])),
    };
    Block { header, body }
}

/// Bytes in a row as a list, whatever they are.
fn list(payload: &[u8]) -> Vec<u8> {
    let mut bytes = Vec::new();
    alloy_rlp::Header { list: true, payload_length: payload.len() }.encode(&mut bytes);
    bytes.extend_from_slice(payload);
    bytes
}

#[test]
fn decodes_what_was_encoded() {
    for transaction in transactions() {
        let bytes = transaction.encoded_2718();
        let decoded = decode_transaction(&bytes).unwrap();
        assert_eq!(decoded, transaction);
        assert_eq!(decoded.tx_hash(), transaction.tx_hash());
    }
    assert_eq!(decode_block(&alloy_rlp::encode(block())), Ok(block()));
    assert_eq!(decode_header(&alloy_rlp::encode(block().header)), Ok(block().header));
}

#[test]
fn rejects_every_shortened_and_every_lengthened_encoding() {
    for bytes in transactions().iter().map(Encodable2718::encoded_2718) {
        for length in 0..bytes.len() {
            assert!(decode_transaction(&bytes[..length]).is_err());
        }
        let longer = [bytes.as_slice(), &[0]].concat();
        assert_eq!(decode_transaction(&longer), Err(DecodeError::Trailing(1)));
    }
    let bytes = alloy_rlp::encode(block());
    for length in 0..bytes.len() {
        assert!(decode_block(&bytes[..length]).is_err());
    }
    assert_eq!(decode_block(&[bytes.as_slice(), &[0]].concat()), Err(DecodeError::Trailing(1)));
}

#[test]
fn rejects_a_transaction_in_a_string_and_an_unknown_type() {
    for transaction in transactions() {
        let inner = transaction.encoded_2718();
        let wrapped = alloy_rlp::encode(inner.as_slice());
        assert_eq!(decode_transaction(&wrapped), Err(DecodeError::Wrapped));
        if inner[0] < RLP_STRING {
            for kind in [0, 5, 0x7f] {
                let other = [&[kind], &inner[1..]].concat();
                assert_eq!(decode_transaction(&other), Err(DecodeError::Type(kind)));
            }
        } else {
            // In a block a legacy transaction stands bare; typed, or in a string, it is none.
            let body = |item: &[u8]| {
                [alloy_rlp::encode(Header::default()), list(item), list(&[])].concat()
            };
            assert!(decode_block(&list(&body(&inner))).is_ok());
            assert!(decode_block(&list(&body(&wrapped))).is_err());
            let typed = [&[0], inner.as_slice()].concat();
            assert!(decode_block(&list(&body(&alloy_rlp::encode(typed.as_slice())))).is_err());
        }
    }
    assert_eq!(decode_transaction(&[]), Err(DecodeError::Empty));
    assert_eq!(decode_block(&[]), Err(DecodeError::Empty));
}

/// A legacy transaction with `v` as given, its other fields empty but for `r` and `s` of 1.
fn legacy(v: &[u8]) -> Vec<u8> {
    let mut payload = vec![0x80; 6];
    v.encode(&mut payload);
    payload.extend([1, 1]);
    list(&payload)
}

#[test]
fn rejects_a_wrong_v() {
    for v in [&[27][..], &[28], &[35], &[36], &[37], &[0x02, 0x9a]] {
        assert!(decode_transaction(&legacy(v)).is_ok(), "{v:?}");
    }
    // Zero and one are for typed transactions; the last has leading zeros, and `max` a chain id
    // that fits into no word.
    let max = [0xff; 16];
    for v in [&[][..], &[1], &[26], &[29], &[34], &[0, 27], &max] {
        assert!(decode_transaction(&legacy(v)).is_err(), "{v:?}");
    }
    for parity in [2, 27] {
        let mut bytes = transactions()[3].encoded_2718();
        let at = bytes.len() - 3;
        assert_eq!(bytes[at..], [1, 7, 9]);
        bytes[at] = parity;
        assert!(decode_transaction(&bytes).is_err());
    }
}

#[test]
fn rejects_lengths_that_are_written_longer_than_they_need_be() {
    let short = legacy(&[27]);
    let long = [&[0xf8, short[0] - 0xc0], &short[1..]].concat();
    assert!(decode_transaction(&long).is_err());
    let zero_nonce = [&[short[0]], &[0], &short[2..]].concat();
    assert!(decode_transaction(&zero_nonce).is_err());
}

#[test]
fn never_panics_on_a_changed_byte_and_keeps_every_byte_that_it_accepts() {
    let mut accepted = 0;
    for transaction in transactions() {
        let bytes = transaction.encoded_2718();
        for at in 0..bytes.len() {
            for change in 1..=u8::MAX {
                let mut changed = bytes.clone();
                changed[at] ^= change;
                if let Ok(decoded) = decode_transaction(&changed) {
                    assert_eq!(decoded.encoded_2718(), changed);
                    accepted += 1;
                }
            }
        }
    }
    assert!(accepted > 0, "many fields hold any value");
}
