//! Where things lie in the index.
//!
//! A key is one byte for the kind, and then what the list is of and in what order. Numbers are
//! big-endian, so that a list is a range of keys, and the newest entry of it the last one.
//!
//! | kind | key | value |
//! |---|---|---|
//! | `m` | name | the head, the format |
//! | `b` | block | [`BlockSummary`](super::BlockSummary) |
//! | `t` | address, block, transaction | [`Roles`](super::Roles) of the address |
//! | `i` | address, block, transaction, frame | – |
//! | `f` | block, transaction, frame | [`InternalCall`](super::InternalCall) |
//! | `l` | address, block, log | the first topic, if there is one |
//! | `p` | topic, block, log | position of the topic, address |
//! | `x` | address, class, block, log, item | token |
//! | `k` | token, class, block, log, item | [`Transfer`](super::Transfer) |
//! | `n` | token, id, block, log, item | class |
//! | `T` | token, class | [`Token`](super::Token) |
//! | `B` | holder, class, token | balance |
//! | `H` | token, class, balance, holder | – |
//! | `O` | token, id | owner (ERC-721) |
//! | `o` | owner, class, token, id | amount |
//! | `q` | token, id, amount, holder | – (ERC-1155) |
//! | `c` | contract | [`Creation`](super::Creation) |
//! | `C` | block, transaction, frame | contract |
//! | `a` | address | [`AddressFigures`](super::AddressFigures) |
//! | `N` | name in lower case, 0, address | what it is the name of |
//! | `s` | address, slot | [`SlotFigures`](super::SlotFigures) |
//! | `h` | hour since 1970 | [`HourFigures`](super::HourFigures) |

use alloy_primitives::{Address, B256, U256};

pub(crate) const META: u8 = b'm';
pub(crate) const BLOCK: u8 = b'b';
pub(crate) const TRANSACTION_OF: u8 = b't';
pub(crate) const INTERNAL_OF: u8 = b'i';
pub(crate) const FRAME: u8 = b'f';
pub(crate) const LOG_OF: u8 = b'l';
pub(crate) const TOPIC: u8 = b'p';
pub(crate) const TRANSFER_OF: u8 = b'x';
pub(crate) const TOKEN_TRANSFER: u8 = b'k';
pub(crate) const NFT_TRANSFER: u8 = b'n';
pub(crate) const TOKEN: u8 = b'T';
pub(crate) const BALANCE: u8 = b'B';
pub(crate) const HOLDER: u8 = b'H';
pub(crate) const NFT_OWNER: u8 = b'O';
pub(crate) const INVENTORY: u8 = b'o';
pub(crate) const ID_HOLDER: u8 = b'q';
pub(crate) const CREATION: u8 = b'c';
pub(crate) const CREATED: u8 = b'C';
pub(crate) const ADDRESS: u8 = b'a';
pub(crate) const NAME: u8 = b'N';
pub(crate) const SLOT: u8 = b's';
pub(crate) const HOUR: u8 = b'h';

/// A key that is being put together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Key(Vec<u8>);

impl Key {
    pub(crate) fn new(kind: u8) -> Self {
        let mut bytes = Vec::with_capacity(80);
        bytes.push(kind);
        Self(bytes)
    }

    pub(crate) fn address(self, address: Address) -> Self {
        self.bytes(address.as_slice())
    }

    pub(crate) fn word(self, word: B256) -> Self {
        self.bytes(word.as_slice())
    }

    pub(crate) fn number(self, number: U256) -> Self {
        self.bytes(&number.to_be_bytes::<32>())
    }

    pub(crate) fn long(self, number: u64) -> Self {
        self.bytes(&number.to_be_bytes())
    }

    pub(crate) fn short(self, number: u32) -> Self {
        self.bytes(&number.to_be_bytes())
    }

    pub(crate) fn byte(self, byte: u8) -> Self {
        self.bytes(&[byte])
    }

    pub(crate) fn bytes(mut self, bytes: &[u8]) -> Self {
        self.0.extend_from_slice(bytes);
        self
    }

    pub(crate) fn build(self) -> Vec<u8> {
        self.0
    }

    /// The greatest key that begins like this one, of those that this crate makes.
    pub(crate) fn end(self) -> Vec<u8> {
        self.bytes(&[0xff; 80]).build()
    }
}

/// Takes a key apart, from the front.
pub(crate) struct Parts<'a>(&'a [u8]);

impl<'a> Parts<'a> {
    /// What stands behind the kind.
    pub(crate) fn new(key: &'a [u8]) -> Self {
        Self(key.get(1..).unwrap_or_default())
    }

    pub(crate) fn of_value(value: &'a [u8]) -> Self {
        Self(value)
    }

    pub(crate) fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (head, rest) = self.0.split_first_chunk()?;
        self.0 = rest;
        Some(*head)
    }

    pub(crate) fn address(&mut self) -> Option<Address> {
        self.take().map(Address::new)
    }

    pub(crate) fn word(&mut self) -> Option<B256> {
        self.take().map(B256::new)
    }

    pub(crate) fn number(&mut self) -> Option<U256> {
        self.take::<32>().map(U256::from_be_bytes)
    }

    pub(crate) fn long(&mut self) -> Option<u64> {
        self.take().map(u64::from_be_bytes)
    }

    pub(crate) fn short(&mut self) -> Option<u32> {
        self.take().map(u32::from_be_bytes)
    }

    pub(crate) fn byte(&mut self) -> Option<u8> {
        self.take::<1>().map(|[byte]| byte)
    }
}
