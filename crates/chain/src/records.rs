//! How blocks and what belongs to them lie in the store.
//!
//! All numbers in keys are big-endian, so that the order of keys is the order of blocks. What is
//! in the tables by height is canonical; blocks beside it are in a table of their own, by hash.

use crate::{Error, StateError, receipts};
use alloy_consensus::BlockBody;
use alloy_eip7928::BlockAccessList;
use alloy_primitives::{Address, B256, Bytes, U256};
use alloy_rlp::{Decodable, Encodable, RlpDecodable, RlpEncodable};
use heddle_state::Version;
use heddle_storage::{Reader, Table, Writer};
use heddle_types::{Block, Header, Receipt, RecoveredBlock, Transaction};

/// A block's body as it is stored.
pub(crate) type Body = BlockBody<Transaction>;

/// A record that cannot be read.
#[derive(Debug)]
pub(crate) enum Unreadable {
    Storage(heddle_storage::Error),
    Damaged(&'static str),
}

impl From<heddle_storage::Error> for Unreadable {
    fn from(error: heddle_storage::Error) -> Self {
        Self::Storage(error)
    }
}

impl From<Unreadable> for Error {
    fn from(error: Unreadable) -> Self {
        match error {
            Unreadable::Storage(error) => Self::Storage(error),
            Unreadable::Damaged(what) => Self::Record(what),
        }
    }
}

impl From<Unreadable> for StateError {
    fn from(error: Unreadable) -> Self {
        match error {
            Unreadable::Storage(error) => Self::Storage(error),
            Unreadable::Damaged(what) => Self::Record(what),
        }
    }
}

type Read<T> = Result<Option<T>, Unreadable>;

/// What is always wanted of a canonical block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Canonical {
    pub(crate) hash: B256,
    /// Sum of the difficulties up to this block.
    pub(crate) total_difficulty: U256,
    /// The state after the block.
    pub(crate) version: Version,
}

/// The last block of the canonical chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct HeadRecord {
    pub(crate) number: u64,
    /// The root of the state, which amendments can make another than the header's.
    pub(crate) state_root: B256,
}

/// Where a transaction stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TransactionPlace {
    /// Height of its block.
    pub block_number: u64,
    /// Position in the block.
    pub index: u32,
}

/// A block beside the canonical chain.
#[derive(Clone, Debug, RlpEncodable, RlpDecodable)]
pub(crate) struct SideBlock {
    pub(crate) total_difficulty: U256,
    pub(crate) header: Header,
    pub(crate) body: Body,
    pub(crate) senders: Vec<Address>,
    /// From Amsterdam on; empty before.
    pub(crate) access_list: Bytes,
}

/// Names of the records in [`Table::ChainMeta`].
pub(crate) const HEAD: &[u8] = b"head";
pub(crate) const SAFE: &[u8] = b"safe";
pub(crate) const FINALIZED: &[u8] = b"finalized";
pub(crate) const FIRST_BLOCK: &[u8] = b"first block";
/// Before the names of notes, which no other name begins with.
const NOTES: &[u8] = b"note/";
/// Set if the first block was taken over, and is not that of the genesis file.
pub(crate) const ADOPTED: &[u8] = b"adopted";
pub(crate) const OLDEST_STATE: &[u8] = b"oldest state";

/// Where a chain comes from that began in the midst of it: see [`Origin`].
const ORIGIN: &[u8] = b"origin";

/// What is known of the blocks before the first one of a chain that began at a later block.
#[derive(Clone, Debug, RlpEncodable, RlpDecodable)]
pub(crate) struct Origin {
    /// Of the genesis.
    pub(crate) genesis: Header,
    /// Height of the first block.
    pub(crate) first: u64,
    /// Hashes of the blocks before it, the last one first.
    pub(crate) ancestors: Vec<B256>,
}

impl Origin {
    /// The hash of a block before the first one, if it is known.
    pub(crate) fn hash_of(&self, number: u64) -> Option<B256> {
        let place = self.first.checked_sub(number)?.checked_sub(1)?;
        self.ancestors.get(usize::try_from(place).ok()?).copied()
    }
}

pub(crate) fn origin(reader: &Reader) -> Read<Origin> {
    let bytes = reader.get(Table::ChainMeta, ORIGIN)?;
    bytes.map(|bytes| decode(&bytes, "the origin of the chain")).transpose()
}

pub(crate) fn put_origin(
    writer: &mut Writer,
    origin: &Origin,
) -> Result<(), heddle_storage::Error> {
    writer.put(Table::ChainMeta, ORIGIN, &alloy_rlp::encode(origin))
}

/// There if the chain was forked from another one, which has what is not stored here.
const FORKED: &[u8] = b"forked";

pub(crate) fn is_forked(reader: &Reader) -> Result<bool, Unreadable> {
    Ok(reader.get(Table::ChainMeta, FORKED)?.is_some())
}

pub(crate) fn put_forked(writer: &mut Writer) -> Result<(), heddle_storage::Error> {
    writer.put(Table::ChainMeta, FORKED, &[])
}

pub(crate) fn canonical(reader: &Reader, number: u64) -> Read<Canonical> {
    let Some(bytes) = reader.get(Table::CanonicalBlocks, &number.to_be_bytes())? else {
        return Ok(None);
    };
    let damaged = Unreadable::Damaged("the record of a canonical block");
    let Ok(bytes) = <[u8; 72]>::try_from(bytes.as_slice()) else { return Err(damaged) };
    let (hash, rest) = bytes.split_at(32);
    let (total_difficulty, version) = rest.split_at(32);
    Ok(Some(Canonical {
        hash: B256::from_slice(hash),
        total_difficulty: U256::from_be_slice(total_difficulty),
        version: Version(U256::from_be_slice(version).to()),
    }))
}

pub(crate) fn put_canonical(
    writer: &mut Writer,
    number: u64,
    record: &Canonical,
) -> Result<(), heddle_storage::Error> {
    let mut bytes = Vec::with_capacity(72);
    bytes.extend_from_slice(record.hash.as_slice());
    bytes.extend_from_slice(&record.total_difficulty.to_be_bytes::<32>());
    bytes.extend_from_slice(&record.version.0.to_be_bytes());
    writer.put(Table::CanonicalBlocks, &number.to_be_bytes(), &bytes)
}

pub(crate) fn head(reader: &Reader) -> Read<HeadRecord> {
    let Some(bytes) = reader.get(Table::ChainMeta, HEAD)? else { return Ok(None) };
    let Some((number, root)) = bytes.split_first_chunk::<8>() else {
        return Err(Unreadable::Damaged("the record of the head"));
    };
    let state_root =
        B256::try_from(root).map_err(|_| Unreadable::Damaged("the record of the head"))?;
    Ok(Some(HeadRecord { number: u64::from_be_bytes(*number), state_root }))
}

pub(crate) fn put_head(
    writer: &mut Writer,
    head: &HeadRecord,
) -> Result<(), heddle_storage::Error> {
    let mut bytes = head.number.to_be_bytes().to_vec();
    bytes.extend_from_slice(head.state_root.as_slice());
    writer.put(Table::ChainMeta, HEAD, &bytes)
}

/// A height that is stored by name: [`SAFE`], [`FINALIZED`], [`FIRST_BLOCK`], [`OLDEST_STATE`].
pub(crate) fn height(reader: &Reader, name: &[u8]) -> Read<u64> {
    let bytes = reader.get(Table::ChainMeta, name)?;
    bytes.map(|bytes| number(&bytes, "a named height")).transpose()
}

pub(crate) fn put_height(
    writer: &mut Writer,
    name: &[u8],
    height: Option<u64>,
) -> Result<(), heddle_storage::Error> {
    match height {
        Some(height) => writer.put(Table::ChainMeta, name, &height.to_be_bytes()),
        None => writer.delete(Table::ChainMeta, name),
    }
}

pub(crate) fn put_note(
    writer: &mut Writer,
    name: &str,
    note: &[u8],
) -> Result<(), heddle_storage::Error> {
    writer.put(Table::ChainMeta, &[NOTES, name.as_bytes()].concat(), note)
}

pub(crate) fn note(reader: &Reader, name: &str) -> Read<Vec<u8>> {
    Ok(reader.get(Table::ChainMeta, &[NOTES, name.as_bytes()].concat())?)
}

/// The notes whose names begin with `prefix`, by ascending name, each without the prefix.
pub(crate) fn notes(reader: &Reader, prefix: &str) -> Result<Vec<(String, Vec<u8>)>, Unreadable> {
    let from = [NOTES, prefix.as_bytes()].concat();
    let to = [from.as_slice(), &[0xff]].concat();
    let mut notes = Vec::new();
    for pair in reader.range(Table::ChainMeta, &from, &to)? {
        let (name, note) = pair?;
        let name = String::from_utf8(name[from.len()..].to_vec());
        notes.push((name.map_err(|_| Unreadable::Damaged("the name of a note"))?, note));
    }
    Ok(notes)
}

/// The height of a canonical block.
pub(crate) fn number_of(reader: &Reader, hash: B256) -> Read<u64> {
    let bytes = reader.get(Table::NumbersByHash, hash.as_slice())?;
    bytes.map(|bytes| number(&bytes, "the height of a block")).transpose()
}

pub(crate) fn header(reader: &Reader, number: u64) -> Read<Header> {
    by_height(reader, Table::Headers, number, "a header")
}

pub(crate) fn body(reader: &Reader, number: u64) -> Read<Body> {
    by_height(reader, Table::Bodies, number, "a body")
}

pub(crate) fn senders(reader: &Reader, number: u64) -> Read<Vec<Address>> {
    let Some(bytes) = reader.get(Table::Senders, &number.to_be_bytes())? else { return Ok(None) };
    if bytes.len() % Address::len_bytes() != 0 {
        return Err(Unreadable::Damaged("the senders of a block"));
    }
    Ok(Some(bytes.chunks_exact(Address::len_bytes()).map(Address::from_slice).collect()))
}

pub(crate) fn receipts(reader: &Reader, number: u64) -> Read<Vec<Receipt>> {
    let Some(bytes) = reader.get(Table::Receipts, &number.to_be_bytes())? else { return Ok(None) };
    let receipts = receipts::decode(&bytes);
    receipts.map(Some).map_err(|_| Unreadable::Damaged("the receipts of a block"))
}

/// The access list of a canonical block from Amsterdam on, in its RLP.
pub(crate) fn access_list(reader: &Reader, number: u64) -> Read<Bytes> {
    let bytes = reader.get(Table::AccessLists, &number.to_be_bytes())?;
    Ok(bytes.map(Bytes::from))
}

pub(crate) fn transaction(reader: &Reader, hash: B256) -> Read<TransactionPlace> {
    let Some(bytes) = reader.get(Table::TransactionPlaces, hash.as_slice())? else {
        return Ok(None);
    };
    let damaged = Unreadable::Damaged("the place of a transaction");
    let Ok(bytes) = <[u8; 12]>::try_from(bytes.as_slice()) else { return Err(damaged) };
    let place = U256::from_be_slice(&bytes);
    Ok(Some(TransactionPlace {
        block_number: (place >> 32_usize).to(),
        index: (place & U256::from(u32::MAX)).to(),
    }))
}

pub(crate) fn side_block(reader: &Reader, hash: B256) -> Read<SideBlock> {
    let bytes = reader.get(Table::SideBlocks, hash.as_slice())?;
    bytes.map(|bytes| decode(&bytes, "a block beside the chain")).transpose()
}

/// All blocks beside the canonical chain.
pub(crate) fn side_blocks(reader: &Reader) -> Result<Vec<(B256, SideBlock)>, Unreadable> {
    let mut blocks = Vec::new();
    let (first, last) = (B256::ZERO, B256::repeat_byte(u8::MAX));
    for entry in reader.range(Table::SideBlocks, first.as_slice(), last.as_slice())? {
        let (hash, bytes) = entry?;
        let what = "a block beside the chain";
        let hash = B256::try_from(hash.as_slice()).map_err(|_| Unreadable::Damaged(what))?;
        blocks.push((hash, decode(&bytes, what)?));
    }
    Ok(blocks)
}

pub(crate) fn put_side_block(
    writer: &mut Writer,
    hash: B256,
    block: &SideBlock,
) -> Result<(), heddle_storage::Error> {
    writer.put(Table::SideBlocks, hash.as_slice(), &alloy_rlp::encode(block))
}

/// What of a block lies in the tables by height, its canonical record aside.
pub(crate) struct BlockRecords<'a> {
    pub(crate) block: &'a RecoveredBlock,
    pub(crate) receipts: &'a [Receipt],
    pub(crate) access_list: Option<&'a BlockAccessList>,
}

impl BlockRecords<'_> {
    pub(crate) fn put(&self, writer: &mut Writer) -> Result<(), heddle_storage::Error> {
        let RecoveredBlock { block, hash, senders } = self.block;
        let number = block.header.number;
        let key = number.to_be_bytes();
        writer.put(Table::Headers, &key, &alloy_rlp::encode(&block.header))?;
        writer.put(Table::Bodies, &key, &alloy_rlp::encode(&block.body))?;
        let senders: Vec<u8> = senders.iter().flatten().copied().collect();
        writer.put(Table::Senders, &key, &senders)?;
        writer.put(Table::Receipts, &key, &receipts::encode(self.receipts))?;
        if let Some(list) = self.access_list {
            writer.put(Table::AccessLists, &key, &access_list_bytes(list))?;
        }
        writer.put(Table::NumbersByHash, hash.as_slice(), &key)?;
        for (index, transaction) in (0_u32..).zip(&block.body.transactions) {
            let mut place = [0; 12];
            place[..8].copy_from_slice(&key);
            place[8..].copy_from_slice(&index.to_be_bytes());
            writer.put(Table::TransactionPlaces, transaction.tx_hash().as_slice(), &place)?;
        }
        Ok(())
    }
}

/// Takes a block out of the tables by height.
pub(crate) fn delete_block(
    writer: &mut Writer,
    block: &RecoveredBlock,
) -> Result<(), heddle_storage::Error> {
    let key = block.block.header.number.to_be_bytes();
    let by_height = [
        Table::CanonicalBlocks,
        Table::Headers,
        Table::Bodies,
        Table::Senders,
        Table::Receipts,
        Table::AccessLists,
    ];
    for table in by_height {
        writer.delete(table, &key)?;
    }
    writer.delete(Table::NumbersByHash, block.hash.as_slice())?;
    for transaction in &block.block.body.transactions {
        writer.delete(Table::TransactionPlaces, transaction.tx_hash().as_slice())?;
    }
    Ok(())
}

/// The RLP of an access list, whose hash stands in the header.
pub(crate) fn access_list_bytes(list: &BlockAccessList) -> Vec<u8> {
    let mut bytes = Vec::new();
    list.encode(&mut bytes);
    bytes
}

impl SideBlock {
    pub(crate) fn new(
        block: &RecoveredBlock,
        total_difficulty: U256,
        access_list: Option<&BlockAccessList>,
    ) -> Self {
        let RecoveredBlock { block, senders, .. } = block;
        Self {
            total_difficulty,
            header: block.header.clone(),
            body: block.body.clone(),
            senders: senders.clone(),
            access_list: access_list.map(access_list_bytes).unwrap_or_default().into(),
        }
    }

    pub(crate) fn list(&self) -> Read<BlockAccessList> {
        let bytes = Some(&self.access_list).filter(|bytes| !bytes.is_empty());
        bytes.map(|bytes| decode(bytes, "the access list of a block")).transpose()
    }

    pub(crate) fn into_block(self, hash: B256) -> RecoveredBlock {
        let block = Block::new(self.header, self.body);
        RecoveredBlock { block, hash, senders: self.senders }
    }
}

fn by_height<T: Decodable>(
    reader: &Reader,
    table: Table,
    number: u64,
    what: &'static str,
) -> Read<T> {
    let bytes = reader.get(table, &number.to_be_bytes())?;
    bytes.map(|bytes| decode(&bytes, what)).transpose()
}

fn decode<T: Decodable>(mut bytes: &[u8], what: &'static str) -> Result<T, Unreadable> {
    match T::decode(&mut bytes) {
        Ok(value) if bytes.is_empty() => Ok(value),
        _ => Err(Unreadable::Damaged(what)),
    }
}

fn number(bytes: &[u8], what: &'static str) -> Result<u64, Unreadable> {
    let bytes = bytes.try_into().map_err(|_| Unreadable::Damaged(what))?;
    Ok(u64::from_be_bytes(bytes))
}
