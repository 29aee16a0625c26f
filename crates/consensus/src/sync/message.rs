//! What nodes say to each other while one takes over the state of another: a byte that says what it
//! is, a number that an answer repeats, and RLP.

use super::border::Border;
use alloy_primitives::{Address, B256, Bytes, U256};
use alloy_rlp::{Decodable, Encodable, RlpDecodable, RlpEncodable};
use heddle_types::{AccountState, Header};

/// Accounts, and slots, of one answer.
pub(super) const PAGE: usize = 8_192;
/// Codes that are asked for at a time: each has 24 KiB at most, or 64 KiB in later forks.
pub(super) const CODES_MAX: usize = 32;

/// A part of the state after a block.
#[derive(Clone, Debug, PartialEq, Eq, RlpEncodable, RlpDecodable)]
pub(super) struct Part {
    /// Number of the block.
    pub(super) number: u64,
    /// Accounts whose hashed address begins with this byte.
    pub(super) shard: u8,
    /// The one before the first that is asked for; none or one.
    pub(super) after: Vec<After>,
}

/// An account, and a slot if it is about slots.
#[derive(Clone, Copy, Debug, PartialEq, Eq, RlpEncodable, RlpDecodable)]
pub(super) struct After {
    pub(super) address: Address,
    pub(super) key: U256,
}

/// What a node asks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Request {
    /// For a block to begin at.
    Offer,
    /// Who validates in the epoch after the one after this.
    Border(u64),
    /// For a block that was offered.
    Block(u64),
    /// For accounts.
    Accounts(Part),
    /// For slots that are not zero.
    Slots(Part),
    /// For codes by their hashes.
    Codes(Vec<B256>),
}

/// What it is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Response {
    /// What was asked for is not there. With the last final block.
    Nothing(u64),
    Offer(Offer),
    Border(Box<Border>),
    Block(BlockParts),
    Accounts(Accounts),
    Slots(Slots),
    Codes(Vec<Bytes>),
}

/// A final block, before which a node can begin.
#[derive(Clone, Debug, PartialEq, Eq, RlpEncodable, RlpDecodable)]
pub(super) struct Offer {
    /// What makes it final.
    pub(super) certificate: Bytes,
    /// The head of its proposal.
    pub(super) head: Bytes,
    /// Its header, and those before it: that of the block to begin at, and 255 more.
    pub(super) headers: Vec<Header>,
}

/// A block with what belongs to it.
#[derive(Clone, Debug, PartialEq, Eq, RlpEncodable, RlpDecodable)]
pub(super) struct BlockParts {
    pub(super) block: Bytes,
    pub(super) receipts: Bytes,
    /// Empty before Amsterdam.
    pub(super) access_list: Bytes,
}

/// Accounts of a shard, in the order of the node that is asked.
#[derive(Clone, Debug, PartialEq, Eq, RlpEncodable, RlpDecodable)]
pub(super) struct Accounts {
    pub(super) items: Vec<AccountItem>,
    pub(super) has_more: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, RlpEncodable, RlpDecodable)]
pub(super) struct AccountItem {
    pub(super) address: Address,
    pub(super) balance: U256,
    pub(super) nonce: u64,
    pub(super) code_hash: B256,
}

impl AccountItem {
    pub(super) fn state(self) -> AccountState {
        let Self { balance, nonce, code_hash, .. } = self;
        AccountState { balance, nonce, code_hash }
    }
}

/// Slots of a shard, likewise.
#[derive(Clone, Debug, PartialEq, Eq, RlpEncodable, RlpDecodable)]
pub(super) struct Slots {
    pub(super) items: Vec<SlotItem>,
    pub(super) has_more: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, RlpEncodable, RlpDecodable)]
pub(super) struct SlotItem {
    pub(super) address: Address,
    pub(super) key: U256,
    pub(super) value: U256,
}

/// Set in the first byte of what is no request.
const IS_RESPONSE: u8 = 0x80;

/// A request or a response, with its number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Message {
    Request(u64, Request),
    Response(u64, Response),
}

impl Message {
    pub(super) fn encode(&self) -> Vec<u8> {
        let (kind, id, body) = match self {
            Self::Request(id, request) => {
                let (kind, body) = match request {
                    Request::Offer => (0, Vec::new()),
                    Request::Border(epoch) => (1, rlp(epoch)),
                    Request::Block(number) => (2, rlp(number)),
                    Request::Accounts(part) => (3, rlp(part)),
                    Request::Slots(part) => (4, rlp(part)),
                    Request::Codes(hashes) => (5, rlp(hashes)),
                };
                (kind, id, body)
            }
            Self::Response(id, response) => {
                let (kind, body) = match response {
                    Response::Nothing(number) => (6, rlp(number)),
                    Response::Offer(offer) => (0, rlp(offer)),
                    Response::Border(border) => (1, rlp(&**border)),
                    Response::Block(block) => (2, rlp(block)),
                    Response::Accounts(accounts) => (3, rlp(accounts)),
                    Response::Slots(slots) => (4, rlp(slots)),
                    Response::Codes(codes) => (5, rlp(codes)),
                };
                (kind | IS_RESPONSE, id, body)
            }
        };
        [&[kind], &id.to_be_bytes()[..], &body].concat()
    }

    /// `None` for what is no message.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let (kind, rest) = bytes.split_first()?;
        let (id, body) = rest.split_first_chunk::<8>()?;
        let id = u64::from_be_bytes(*id);
        if kind & IS_RESPONSE == 0 {
            let request = match kind {
                0 => Some(Request::Offer).filter(|_| body.is_empty()),
                1 => of(body).map(Request::Border),
                2 => of(body).map(Request::Block),
                3 => of(body).map(Request::Accounts),
                4 => of(body).map(Request::Slots),
                5 => of(body).map(Request::Codes),
                _ => None,
            };
            return Some(Self::Request(id, request?));
        }
        let response = match kind & !IS_RESPONSE {
            0 => of(body).map(Response::Offer),
            1 => of(body).map(Box::new).map(Response::Border),
            2 => of(body).map(Response::Block),
            3 => of(body).map(Response::Accounts),
            4 => of(body).map(Response::Slots),
            5 => of(body).map(Response::Codes),
            6 => of(body).map(Response::Nothing),
            _ => None,
        };
        Some(Self::Response(id, response?))
    }
}

fn rlp(value: &impl Encodable) -> Vec<u8> {
    alloy_rlp::encode(value)
}

fn of<T: Decodable>(bytes: &[u8]) -> Option<T> {
    alloy_rlp::decode_exact(bytes).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_sent_arrives() {
        let part = |after| Part { number: 9, shard: 0xfe, after };
        let after = After { address: Address::repeat_byte(3), key: U256::from(4) };
        let account = AccountItem {
            address: Address::repeat_byte(1),
            balance: U256::MAX,
            nonce: 7,
            code_hash: B256::repeat_byte(8),
        };
        let slot =
            SlotItem { address: Address::repeat_byte(2), key: U256::MAX, value: U256::from(1) };
        let offer = Offer {
            certificate: vec![1, 2].into(),
            head: vec![3].into(),
            headers: vec![Header::default(), Header { number: 5, ..Header::default() }],
        };
        let block = BlockParts {
            block: vec![1].into(),
            receipts: vec![2].into(),
            access_list: Bytes::new(),
        };
        let messages = [
            Message::Request(0, Request::Offer),
            Message::Request(1, Request::Border(77)),
            Message::Request(2, Request::Block(u64::MAX)),
            Message::Request(3, Request::Accounts(part(Vec::new()))),
            Message::Request(4, Request::Slots(part(vec![after]))),
            Message::Request(u64::MAX, Request::Codes(vec![B256::ZERO, B256::repeat_byte(1)])),
            Message::Response(0, Response::Nothing(3)),
            Message::Response(1, Response::Offer(offer)),
            Message::Response(2, Response::Border(Box::default())),
            Message::Response(3, Response::Block(block)),
            Message::Response(
                4,
                Response::Accounts(Accounts { items: vec![account], has_more: true }),
            ),
            Message::Response(5, Response::Slots(Slots { items: vec![slot], has_more: false })),
            Message::Response(6, Response::Codes(vec![Bytes::new(), vec![9].into()])),
        ];
        for message in messages {
            let bytes = message.encode();
            assert_eq!(Message::decode(&bytes), Some(message));
            // Nothing shorter or longer is a message, and nothing that is cut panics.
            for end in 0..bytes.len() {
                assert_eq!(Message::decode(&bytes[..end]), None);
            }
            assert_eq!(Message::decode(&[&bytes[..], &[0]].concat()), None);
        }
    }
}
