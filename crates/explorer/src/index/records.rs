//! What the index says of things.

use alloy_primitives::{Address, B256, Bytes, U256};
use alloy_rlp::{Decodable, RlpDecodable, RlpEncodable};

/// A place in the chain. Ordered as things happened.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Place {
    /// Height of the block.
    pub block: u64,
    /// Position in it: of a transaction among the transactions, of a log among the logs.
    pub index: u32,
    /// Position within that: of a frame among those of the transaction, of a transfer among those of
    /// the log. 0 where there is but one.
    pub item: u32,
}

/// What an address has to do with a transaction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Roles(pub u8);

impl Roles {
    /// It sent it.
    pub const SENDER: u8 = 1;
    /// It was sent to it.
    pub const RECIPIENT: u8 = 2;
    /// It is the contract that it created.
    pub const CREATED: u8 = 4;

    /// Whether it sent the transaction.
    pub const fn is_sender(self) -> bool {
        self.0 & Self::SENDER != 0
    }

    /// Whether the transaction was sent to it.
    pub const fn is_recipient(self) -> bool {
        self.0 & Self::RECIPIENT != 0
    }
}

/// What a standard calls a token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Class {
    /// Amounts.
    Erc20 = 0,
    /// Single items, each with an owner.
    Erc721 = 1,
    /// Amounts of many kinds.
    Erc1155 = 2,
}

impl Class {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Erc20, Self::Erc721, Self::Erc1155];

    /// As the standard is called.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Erc20 => "ERC-20",
            Self::Erc721 => "ERC-721",
            Self::Erc1155 => "ERC-1155",
        }
    }

    pub(crate) fn of(byte: u8) -> Option<Self> {
        Self::ALL.into_iter().find(|class| *class as u8 == byte)
    }
}

/// A block in figures.
#[derive(Clone, Debug, Default, PartialEq, Eq, RlpEncodable, RlpDecodable)]
pub struct BlockSummary {
    /// Its hash.
    pub hash: B256,
    /// Seconds since 1970.
    pub timestamp: u64,
    /// Who got the fees.
    pub beneficiary: Address,
    /// Transactions.
    pub transactions: u64,
    /// Of those, how many failed.
    pub failed: u64,
    /// Logs.
    pub logs: u64,
    /// Internal calls, static ones left out.
    pub internal: u64,
    /// Token transfers.
    pub transfers: u64,
    /// Contracts created.
    pub contracts: u64,
    /// Gas used.
    pub gas_used: u64,
    /// Gas that it could hold.
    pub gas_limit: u64,
    /// Wei for each gas that is burned; zero before London.
    pub base_fee: u64,
    /// Wei burned: base fee and blob fee.
    pub burned: U256,
    /// Wei that the beneficiary got of the transactions.
    pub tips: U256,
    /// Wei for each gas beyond the base fee that a tenth, half and nine tenths of the gas paid at
    /// most.
    pub tip_low: u64,
    /// See `tip_low`.
    pub tip_median: u64,
    /// See `tip_low`.
    pub tip_high: u64,
    /// Whether internal calls are known: a block whose state was forgotten cannot be executed again.
    pub traced: bool,
    /// Gas of the longest chain of transactions of which each had to wait for the one before.
    pub critical_gas: u64,
    /// Transactions that read what an earlier one of the block had written.
    pub waiting: u64,
    /// That chain: positions of transactions, in order; its end if it is long.
    pub critical_path: Vec<u64>,
    /// The slots for which the most transactions had to wait.
    pub hot: Vec<HotSlot>,
}

/// A slot that transactions of a block had to wait for.
#[derive(Clone, Debug, Default, PartialEq, Eq, RlpEncodable, RlpDecodable)]
pub struct HotSlot {
    /// Whose slot.
    pub address: Address,
    /// Which.
    pub slot: U256,
    /// Transactions that read it after an earlier one of the block had written it.
    pub waits: u64,
    /// The gas of those.
    pub gas: u64,
}

/// How much a slot was fought over, in all blocks.
#[derive(Clone, Debug, Default, PartialEq, Eq, RlpEncodable, RlpDecodable)]
pub struct SlotFigures {
    /// Transactions that had to wait for it.
    pub waits: u64,
    /// The gas of those.
    pub gas: u64,
    /// Blocks in which one had to.
    pub blocks: u64,
    /// The last of those.
    pub last_block: u64,
    /// What was hashed to the slot, and what to the second half of that, and so on: the keys of
    /// mappings, the innermost first. 64 bytes each.
    pub preimages: Vec<Bytes>,
}

/// A call, creation or self-destruction within a transaction.
#[derive(Clone, Debug, PartialEq, Eq, RlpEncodable, RlpDecodable)]
pub struct InternalCall {
    /// The instruction.
    pub opcode: u8,
    /// 1 for one that the transaction's own call made.
    pub depth: u64,
    /// Who called.
    pub from: Address,
    /// Who was called, created, or got what was left.
    pub to: Address,
    /// Wei.
    pub value: U256,
    /// Gas that it had.
    pub gas: u64,
    /// Gas that it took.
    pub gas_used: u64,
    /// The first four bytes of its input; empty if there are not as many.
    pub selector: Bytes,
    /// Whether it has no effect, because it failed or one around it.
    pub reverted: bool,
    /// Why it failed itself; empty if it did not.
    pub error: String,
}

/// Tokens that went from one to another.
#[derive(Clone, Debug, PartialEq, Eq, RlpEncodable, RlpDecodable)]
pub struct Transfer {
    /// Position of the transaction in the block.
    pub transaction: u64,
    /// From whom; the zero address for new ones.
    pub from: Address,
    /// To whom; the zero address for those that are no more.
    pub to: Address,
    /// Which; zero for ERC-20.
    pub id: U256,
    /// How many; one for ERC-721.
    pub amount: U256,
}

/// A token.
#[derive(Clone, Debug, Default, PartialEq, Eq, RlpEncodable, RlpDecodable)]
pub struct Token {
    /// What it calls itself, as far as that is readable. Anybody can call anything anything.
    pub name: String,
    /// Short name.
    pub symbol: String,
    /// Decimals of amounts, if it says so.
    pub decimals: u64,
    /// The block of its first transfer.
    pub first_block: u64,
    /// Transfers.
    pub transfers: u64,
    /// Who has some.
    pub holders: u64,
}

/// How a contract came to be.
#[derive(Clone, Debug, Default, PartialEq, Eq, RlpEncodable, RlpDecodable)]
pub struct Creation {
    /// Whose transaction it was.
    pub sender: Address,
    /// Who created it: the sender, or a contract.
    pub creator: Address,
    /// The block.
    pub block: u64,
    /// Position of the transaction in the block.
    pub transaction: u64,
    /// Position of the frame in the transaction; 0 if the transaction itself created it.
    pub frame: u64,
    /// Whether its code was gone at the end of the block in which it was destroyed last.
    pub destroyed: bool,
}

/// An address in figures.
#[derive(Clone, Debug, Default, PartialEq, Eq, RlpEncodable, RlpDecodable)]
pub struct AddressFigures {
    /// Transactions from it, to it, or that created it.
    pub transactions: u64,
    /// Of those, how many it sent.
    pub sent: u64,
    /// Internal calls from it or to it.
    pub internal: u64,
    /// Logs of it.
    pub logs: u64,
    /// ERC-20 transfers from it or to it.
    pub erc20: u64,
    /// ERC-721 transfers from it or to it.
    pub erc721: u64,
    /// ERC-1155 transfers from it or to it.
    pub erc1155: u64,
    /// Gas of the transactions that were sent to it.
    pub gas: u64,
    /// Fees that it paid, in wei.
    pub fees: U256,
}

/// An hour in figures.
#[derive(Clone, Debug, Default, PartialEq, Eq, RlpEncodable, RlpDecodable)]
pub struct HourFigures {
    /// Blocks.
    pub blocks: u64,
    /// Transactions.
    pub transactions: u64,
    /// Of those, how many failed.
    pub failed: u64,
    /// Gas used.
    pub gas_used: u64,
    /// Wei burned.
    pub burned: U256,
    /// Wei that the makers of blocks got.
    pub tips: U256,
    /// Sum of the blocks' base fees.
    pub base_fees: U256,
    /// Token transfers.
    pub transfers: u64,
    /// Contracts created.
    pub contracts: u64,
}

/// Reads a record.
pub(crate) fn decode<T: Decodable>(bytes: &[u8]) -> Option<T> {
    let mut rest = bytes;
    let record = T::decode(&mut rest).ok()?;
    rest.is_empty().then_some(record)
}
