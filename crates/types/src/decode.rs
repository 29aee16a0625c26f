//! Strict decoding of what comes from outside: every transaction and block has one encoding.
//!
//! Decoders of RLP are lenient here and there (a legacy transaction's `v` of 0, fields that may be
//! left out). Were two strings of bytes the same transaction, its hash would depend on who
//! forwards it. So what was decoded is encoded again, and must give the same bytes.

use crate::{Block, Header, Transaction};
use alloy_consensus::{TxLegacy, transaction::RlpEcdsaDecodableTx};
use alloy_eips::eip2718::{Decodable2718, Eip2718Error, Encodable2718};
use alloy_rlp::{Decodable, Encodable};

/// The first byte of an RLP string of two bytes or more, and of an RLP list (yellow paper,
/// appendix B). Below both is the type of a transaction (EIP-2718).
const RLP_STRING: u8 = 0x80;
const RLP_LIST: u8 = 0xc0;

/// Why bytes are no transaction, header or block.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum DecodeError {
    /// There are no bytes.
    #[error("there are no bytes to decode; give a whole encoding")]
    Empty,
    /// A transaction is inside an RLP string, as typed ones are inside blocks.
    #[error(
        "the transaction is wrapped in an RLP string, as inside a block; give it bare, beginning \
         with its type"
    )]
    Wrapped,
    /// No transaction has this type.
    #[error(
        "no transaction has the type {0:#04x}; the types are 0x01 to 0x04, and a list for legacy ones"
    )]
    Type(u8),
    /// The bytes are not RLP of the right form.
    #[error("the encoding is not RLP of the right form: {0}; encode it anew")]
    Rlp(#[source] alloy_rlp::Error),
    /// More bytes follow.
    #[error("{0} bytes follow after the end; cut them off")]
    Trailing(usize),
    /// The bytes decode to something that has another encoding.
    #[error(
        "the encoding is not the only one: a value in it is written in an unusual way; encode it anew"
    )]
    NotCanonical,
}

impl From<Eip2718Error> for DecodeError {
    fn from(error: Eip2718Error) -> Self {
        match error {
            Eip2718Error::RlpError(error) => Self::Rlp(error),
            Eip2718Error::UnexpectedType(unknown) => Self::Type(unknown),
            // The enum may grow; what it has today is above.
            _ => Self::NotCanonical,
        }
    }
}

/// Decodes one signed transaction in the form of EIP-2718, blobs without their sidecars: what a
/// transaction's hash is made of.
///
/// # Errors
///
/// See [`DecodeError`].
pub fn decode_transaction(bytes: &[u8]) -> Result<Transaction, DecodeError> {
    let mut rest = bytes;
    let transaction = match *bytes.first().ok_or(DecodeError::Empty)? {
        RLP_LIST.. => TxLegacy::rlp_decode_signed(&mut rest).map_err(DecodeError::Rlp)?.into(),
        RLP_STRING.. => return Err(DecodeError::Wrapped),
        // Type 0 is not on the wire: a legacy transaction is a bare list.
        unknown @ (0 | 5..) => return Err(DecodeError::Type(unknown)),
        1..=4 => Transaction::decode_2718(&mut rest)?,
    };
    at_end(rest)?;
    let mut encoded = Vec::with_capacity(bytes.len());
    transaction.encode_2718(&mut encoded);
    same(bytes, &encoded)?;
    Ok(transaction)
}

/// Decodes one block: header, transactions, ommers and, from Shanghai on, withdrawals.
///
/// # Errors
///
/// See [`DecodeError`].
pub fn decode_block(bytes: &[u8]) -> Result<Block, DecodeError> {
    decode_rlp(bytes)
}

/// Decodes one block header.
///
/// # Errors
///
/// See [`DecodeError`].
pub fn decode_header(bytes: &[u8]) -> Result<Header, DecodeError> {
    decode_rlp(bytes)
}

fn decode_rlp<T: Decodable + Encodable>(bytes: &[u8]) -> Result<T, DecodeError> {
    if bytes.is_empty() {
        return Err(DecodeError::Empty);
    }
    let mut rest = bytes;
    let value = T::decode(&mut rest).map_err(DecodeError::Rlp)?;
    at_end(rest)?;
    let mut encoded = Vec::with_capacity(bytes.len());
    value.encode(&mut encoded);
    same(bytes, &encoded)?;
    Ok(value)
}

fn at_end(rest: &[u8]) -> Result<(), DecodeError> {
    if rest.is_empty() { Ok(()) } else { Err(DecodeError::Trailing(rest.len())) }
}

fn same(given: &[u8], encoded: &[u8]) -> Result<(), DecodeError> {
    if given == encoded { Ok(()) } else { Err(DecodeError::NotCanonical) }
}

#[cfg(test)]
mod tests;
