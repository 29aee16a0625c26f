//! What can go wrong.

use crate::StateError;
use alloy_primitives::{Address, B256, U256};
use heddle_ecrecover::SignatureError;
use heddle_executor::{
    AccessListError, Place, ThreadsError, revm::context::result::InvalidTransaction,
};
use heddle_types::{Fork, SpecError};

/// Why the chain could not do what it was asked to.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A block breaks a rule; the chain is as it was.
    #[error("block {number} ({hash}) is invalid")]
    Block {
        /// Its height.
        number: u64,
        /// Its hash.
        hash: B256,
        /// The rule.
        #[source]
        source: Box<BlockError>,
    },
    /// A block that cannot be made as it was ordered.
    #[error("block {number} cannot be built as ordered")]
    Build {
        /// Its height.
        number: u64,
        /// The rule that the order breaks.
        #[source]
        source: Box<BlockError>,
    },
    /// The store failed.
    #[error("the chain's store failed")]
    Storage(#[from] heddle_storage::Error),
    /// The state could not be read or written.
    #[error("the state failed")]
    State(#[from] heddle_state::Error),
    /// Executing failed in a way that is not the block's fault.
    #[error("executing block {number} failed, and not because of the block")]
    Execution {
        /// The block's height.
        number: u64,
        /// What the executor says.
        #[source]
        source: Box<heddle_executor::BlockError<StateError>>,
    },
    /// The thread that brings commits into the tables did not start.
    #[error("cannot start a thread for the tables of the store")]
    Thread(#[source] std::io::Error),
    /// The executor's threads did not start.
    #[error(transparent)]
    Threads(#[from] ThreadsError),
    /// The genesis file says nothing that a chain can run by.
    #[error("the genesis file cannot be used")]
    Spec(#[from] SpecError),
    /// The genesis file asks for what a block cannot be.
    #[error("the genesis file cannot be used: {0}")]
    Genesis(&'static str),
    /// The store holds another chain.
    #[error(
        "the store holds the chain that begins with {stored}, not with {given}; give the genesis file it was made from, or another folder"
    )]
    OtherGenesis {
        /// Hash of the first block in the store.
        stored: B256,
        /// Hash of the first block that was given.
        given: B256,
    },
    /// Blocks of another chain cannot be taken over.
    #[error("the blocks cannot be taken over: {0}")]
    Adopt(&'static str),
    /// What is given of a block to begin at does not belong to it.
    #[error("the chain cannot begin there: {0}")]
    Snapshot(&'static str),
    /// What the store says of the head and what it holds of the state differ.
    #[error(
        "the store is damaged: the head, block {number}, has the state root {expected}, but the state has {found}; restore it from a copy or import the chain anew"
    )]
    HeadState {
        /// Height of the head.
        number: u64,
        /// The root that was written with it.
        expected: B256,
        /// The root of the state in the store.
        found: B256,
    },
    /// A record in the store cannot be read.
    #[error(
        "the store is damaged: {0} cannot be read; restore it from a copy or import the chain anew"
    )]
    Record(&'static str),
    /// What the store holds of a block does not fit together.
    #[error(
        "the store is damaged: of block {number}, {what}; restore it from a copy or import the chain anew"
    )]
    Inconsistent {
        /// Height of the block.
        number: u64,
        /// What does not fit.
        what: &'static str,
    },
    /// A block beside the chain is not what its hash says.
    #[error(
        "the store is damaged: the block {0} beside the chain is not what its hash says; restore it from a copy or import the chain anew"
    )]
    SideBlock(B256),
    /// There are more or fewer records than blocks.
    #[error(
        "the store is damaged: {what} has {rows} rows for {blocks} blocks; restore it from a copy or import the chain anew"
    )]
    Rows {
        /// Which records.
        what: &'static str,
        /// How many there are.
        rows: u64,
        /// How many blocks there are.
        blocks: u64,
    },
    /// The state after a block is not kept any more.
    #[error("the state after block {number} has been pruned; the oldest kept is that of {oldest}")]
    StatePruned {
        /// Height of the block.
        number: u64,
        /// The lowest height whose state is kept.
        oldest: u64,
    },
    /// There is no such block in the canonical chain.
    #[error("the chain has no block {0}")]
    NoBlock(u64),
    /// There is no such block in the chain.
    #[error("the chain has no block {0}")]
    NoBlockWithHash(B256),
    /// A branch leaves the canonical chain at a point that may not be undone.
    #[error(
        "the branch leaves the chain at block {ancestor}, and nothing before {lowest} may be undone"
    )]
    ForkTooDeep {
        /// Where the branch begins.
        ancestor: u64,
        /// The lowest block that may become the head again.
        lowest: u64,
    },
    /// An executed block does not follow the head (any more).
    #[error("block {number} does not follow the head, which is {head}; build or verify it anew")]
    NotOnHead {
        /// Height of the block.
        number: u64,
        /// Hash of the head.
        head: B256,
    },
    /// A block cannot be executed before the one that it follows has a hash.
    #[error("block {0} cannot be executed before its parent has a hash; commit that first")]
    TooEarly(u64),
    /// The state could not be read.
    #[error(transparent)]
    Unreadable(#[from] StateError),
    /// A mark of a state that is not there any more.
    #[error(
        "the marked state after block {0} is not there any more; a mark ends when the chain goes back before it"
    )]
    MarkGone(u64),
}

impl Error {
    /// Whether it says that what is stored is not what was written, rather than that it could not
    /// be read.
    pub fn is_damage(&self) -> bool {
        match self {
            Self::Storage(error) => matches!(error, heddle_storage::Error::Damaged { .. }),
            Self::State(error) | Self::Unreadable(StateError::State(error)) => error.is_damage(),
            Self::Unreadable(StateError::Record(_) | StateError::Code(_)) => true,
            Self::HeadState { .. }
            | Self::Record(_)
            | Self::Inconsistent { .. }
            | Self::SideBlock(_)
            | Self::Rows { .. } => true,
            _ => false,
        }
    }
}

/// The rule that a block breaks.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum BlockError {
    /// The parent is not known.
    #[error("its parent {0} is not known; import that first")]
    UnknownParent(B256),
    /// The header names another parent.
    #[error("its header names the parent {got}, not {expected}")]
    ParentHash {
        /// Hash of the parent.
        expected: B256,
        /// What the header says.
        got: B256,
    },
    /// A height that is not the parent's plus one.
    #[error("the block after {parent} cannot have the number {got}")]
    Number {
        /// The parent's height.
        parent: u64,
        /// What the header says.
        got: u64,
    },
    /// A time that is not after the parent's; before it, where validators agree on blocks.
    #[error("its time {got} is too early after its parent's, {parent}")]
    Timestamp {
        /// The parent's time.
        parent: u64,
        /// What the header says.
        got: u64,
    },
    /// More extra data than a header may hold.
    #[error("its extra data is {0} bytes long, and 32 are allowed")]
    ExtraDataLength(usize),
    /// Extra data around the DAO fork (EIP-779).
    #[error(
        "its extra data must say \"dao-hard-fork\" in the ten blocks from the DAO fork on, if the chain supports that, and must not if it does not"
    )]
    DaoExtraData,
    /// A gas limit too far from the parent's.
    #[error(
        "its gas limit {got} is too far from its parent's, {parent} (less than one 1024th is allowed)"
    )]
    GasLimitStep {
        /// The parent's, doubled in the block that begins London.
        parent: u64,
        /// What the header says.
        got: u64,
    },
    /// A gas limit out of range.
    #[error("its gas limit {0} is out of range (5000 to 2^63 - 1)")]
    GasLimitRange(u64),
    /// More gas used than the limit.
    #[error("its header says that it used {used} gas, and the limit is {limit}")]
    GasUsedAboveLimit {
        /// What the header says.
        used: u64,
        /// The limit.
        limit: u64,
    },
    /// A base fee other than the parent gives (EIP-1559).
    #[error("its base fee is {got:?}, and must be {expected:?}")]
    BaseFee {
        /// What follows from the parent.
        expected: Option<u64>,
        /// What the header says.
        got: Option<u64>,
    },
    /// A difficulty other than the parent gives.
    #[error("its difficulty is {got}, and must be {expected}")]
    Difficulty {
        /// What follows from the parent.
        expected: U256,
        /// What the header says.
        got: U256,
    },
    /// A nonce after the merge (EIP-3675).
    #[error("its nonce must be zero after the merge")]
    Nonce,
    /// Ommers after the merge (EIP-3675).
    #[error("it has ommers, and may not after the merge")]
    OmmersAfterMerge,
    /// A field that the fork demands is not there.
    #[error("its header lacks {field}, which {fork:?} demands")]
    MissingField {
        /// The field.
        field: &'static str,
        /// The block's fork.
        fork: Fork,
    },
    /// A field that the fork does not know is there.
    #[error("its header has {field}, which {fork:?} does not know")]
    UnexpectedField {
        /// The field.
        field: &'static str,
        /// The block's fork.
        fork: Fork,
    },
    /// Blob gas used that is out of range.
    #[error(
        "its header says that it used {used} blob gas, which must be a multiple of 131072 and not above {limit}"
    )]
    BlobGasUsedRange {
        /// What the header says.
        used: u64,
        /// The limit at its time.
        limit: u64,
    },
    /// Excess blob gas other than the parent gives.
    #[error("its excess blob gas is {got}, and must be {expected}")]
    ExcessBlobGas {
        /// What follows from the parent.
        expected: u64,
        /// What the header says.
        got: u64,
    },
    /// A slot number that is not after the parent's (EIP-7843).
    #[error("its slot number {got} is not after its parent's, {parent}")]
    SlotNumber {
        /// The parent's.
        parent: u64,
        /// What the header says.
        got: u64,
    },
    /// A block that is too large on the wire (EIP-7934).
    #[error("its encoding is {size} bytes long, and {limit} are allowed")]
    Size {
        /// Bytes of its RLP.
        size: usize,
        /// The limit.
        limit: usize,
    },
    /// The transactions are not those of the header.
    #[error("its transactions have the root {got}, and the header says {expected}")]
    TransactionsRoot {
        /// What the header says.
        expected: B256,
        /// Of the transactions.
        got: B256,
    },
    /// The ommers are not those of the header.
    #[error("its ommers have the hash {got}, and the header says {expected}")]
    OmmersHash {
        /// What the header says.
        expected: B256,
        /// Of the ommers.
        got: B256,
    },
    /// The withdrawals are not those of the header.
    #[error("its withdrawals have the root {got:?}, and the header says {expected:?}")]
    WithdrawalsRoot {
        /// What the header says.
        expected: Option<B256>,
        /// Of the withdrawals.
        got: Option<B256>,
    },
    /// An ommer that may not stand in the block.
    #[error("its ommer {index} breaks a rule")]
    Ommer {
        /// Position among the ommers.
        index: usize,
        /// The rule.
        #[source]
        source: Box<OmmerError>,
    },
    /// More than two ommers.
    #[error("it has {0} ommers, and two are allowed")]
    OmmersCount(usize),
    /// A transaction whose form is not allowed in the block.
    #[error("its transaction {index} breaks a rule")]
    Transaction {
        /// Position in the block.
        index: usize,
        /// The rule.
        #[source]
        source: TransactionError,
    },
    /// A transaction that may not stand where it stands.
    #[error("its transaction {index} is invalid: {reason}")]
    InvalidTransaction {
        /// Position in the block.
        index: usize,
        /// The rule that it breaks.
        reason: InvalidTransaction,
    },
    /// Senders that are not one for each transaction.
    #[error("it has {transactions} transactions and {senders} senders")]
    Senders {
        /// Number of transactions.
        transactions: usize,
        /// Number of senders.
        senders: usize,
    },
    /// The access list of the block is larger than its gas can pay for (EIP-7928).
    #[error(
        "its access list has {items} items, more than {limit}, which is what its gas limit allows"
    )]
    AccessListSize {
        /// Addresses and slots.
        items: u64,
        /// Gas limit over the price of an item.
        limit: u64,
    },
    /// The access list is not the one of the header.
    #[error("its access list has the hash {got}, and the header says {expected}")]
    AccessListHash {
        /// What the header says.
        expected: B256,
        /// Of the list.
        got: B256,
    },
    /// The access list is not what the block does.
    #[error("its access list is wrong at {place}")]
    AccessList {
        /// Where execution and list part.
        place: Place,
        /// The difference.
        #[source]
        source: AccessListError,
    },
    /// A system contract that must answer did not (EIP-7002, EIP-7251, EIP-6110).
    #[error("the system contract {address} failed: {reason}")]
    SystemCall {
        /// The contract.
        address: Address,
        /// How it failed.
        reason: String,
    },
    /// Another amount of gas was used.
    #[error("it used {got} gas, and the header says {expected}")]
    GasUsed {
        /// What the header says.
        expected: u64,
        /// What was used.
        got: u64,
    },
    /// Another amount of blob gas was used.
    #[error("it used {got} blob gas, and the header says {expected}")]
    BlobGasUsed {
        /// What the header says.
        expected: u64,
        /// What was used.
        got: u64,
    },
    /// The receipts are others.
    #[error("its receipts have the root {got}, and the header says {expected}")]
    ReceiptsRoot {
        /// What the header says.
        expected: B256,
        /// Of the receipts.
        got: B256,
    },
    /// The logs are others.
    #[error("the bloom filter of its logs is not the header's")]
    LogsBloom,
    /// The requests are others (EIP-7685).
    #[error("its requests have the hash {got}, and the header says {expected}")]
    RequestsHash {
        /// What the header says.
        expected: B256,
        /// Of the requests.
        got: B256,
    },
    /// The state afterwards is another.
    #[error("it leads to the state root {got}, and the header says {expected}")]
    StateRoot {
        /// What the header says.
        expected: B256,
        /// What was reached.
        got: B256,
    },
}

/// Why an ommer may not stand in a block (yellow paper, section 11.1).
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OmmerError {
    /// It is an ancestor of the block.
    #[error("it is an ancestor of the block")]
    Ancestor,
    /// It is in the block twice, or in an ancestor.
    #[error("it has been included before")]
    Included,
    /// Its parent is none of the ancestors from the second to the seventh.
    #[error("its parent is none of the second to seventh ancestor")]
    TooDistant,
    /// Its header is invalid.
    #[error("its header is invalid")]
    Header(#[source] BlockError),
}

/// Why a transaction may stand in no block under the rules of a fork, whatever the state.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum TransactionError {
    /// A type that the fork does not know (EIP-2718).
    #[error("transactions of type {tx_type} are not allowed in {fork:?}")]
    Type {
        /// EIP-2718 type.
        tx_type: u8,
        /// The block's fork.
        fork: Fork,
    },
    /// Bound to another chain (EIP-155).
    #[error("it is for the chain {got}, and this is {expected}")]
    ChainId {
        /// Of this chain.
        expected: u64,
        /// Of the transaction.
        got: u64,
    },
    /// Bound to a chain before EIP-155.
    #[error("it is bound to a chain (EIP-155), which {0:?} does not know")]
    ReplayProtected(Fork),
    /// More gas than a transaction may ask for (EIP-7825).
    #[error("its gas limit {gas_limit} is above {cap}, what a transaction may ask for")]
    GasLimitCap {
        /// What it asks for.
        gas_limit: u64,
        /// The cap.
        cap: u64,
    },
    /// More blobs than a transaction may hold, or none.
    #[error("it has {count} blobs; at least 1 and at most {limit} are allowed")]
    BlobCount {
        /// Blobs of the transaction.
        count: usize,
        /// The limit at the block's time.
        limit: u64,
    },
    /// Its signature belongs to nobody.
    #[error(transparent)]
    Signature(#[from] SignatureError),
}

impl BlockError {
    /// The error of the block of this height and hash.
    pub(crate) fn of(self, number: u64, hash: B256) -> Error {
        Error::Block { number, hash, source: Box::new(self) }
    }
}
