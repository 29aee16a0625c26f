//! The tables that the database has.

/// A table: keys in ascending order of their bytes, each with a value.
///
/// Numbers in keys are big-endian, so that the order of the bytes is theirs. What a key or value
/// holds is the business of the crate that is named; this one sees bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Table {
    /// `state`: address ++ version -> the account from this version on; empty when it is deleted.
    AccountVersions,
    /// `state`: address ++ slot ++ version -> the value from this version on; empty for zero.
    SlotVersions,
    /// `state`: trie and path ++ version -> the node from this version on; empty when there is none.
    TrieNodes,
    /// `state`: hash -> code.
    Codes,
    /// `state`: version ++ part -> the keys that this version wrote.
    StateChanges,
    /// `state`: the newest and the oldest version, and the root of each.
    StateMeta,
    /// `chain`: number -> header.
    Headers,
    /// `chain`: number -> transactions, ommers and withdrawals.
    Bodies,
    /// `chain`: number -> receipts.
    Receipts,
    /// `chain`: number -> who sent each transaction.
    Senders,
    /// `chain`: number -> hash, total difficulty and state version of the block that the chain has
    /// at this height.
    CanonicalBlocks,
    /// `chain`: hash -> number.
    NumbersByHash,
    /// `chain`: hash of a transaction -> number of its block and its index there.
    TransactionPlaces,
    /// `chain`: number -> access list of the block.
    AccessLists,
    /// `chain`: hash -> a block that is not in the chain, but may come to be.
    SideBlocks,
    /// `chain`: head, safe and finalized block, genesis, settings that must not change.
    ChainMeta,
    /// `explorer`: all that it knows of blocks, in a database of its own.
    ExplorerIndex,
    /// `explorer`: number -> what its index held before the block, where the block changed it.
    ExplorerJournal,
}

impl Table {
    /// All tables.
    pub const ALL: [Self; 18] = [
        Self::AccountVersions,
        Self::SlotVersions,
        Self::TrieNodes,
        Self::Codes,
        Self::StateChanges,
        Self::StateMeta,
        Self::Headers,
        Self::Bodies,
        Self::Receipts,
        Self::Senders,
        Self::CanonicalBlocks,
        Self::NumbersByHash,
        Self::TransactionPlaces,
        Self::AccessLists,
        Self::SideBlocks,
        Self::ChainMeta,
        Self::ExplorerIndex,
        Self::ExplorerJournal,
    ];

    /// The name by which the database knows it. Never changes for a table that is in use.
    pub const fn name(self) -> &'static str {
        match self {
            Self::AccountVersions => "account_versions",
            Self::SlotVersions => "slot_versions",
            Self::TrieNodes => "trie_nodes",
            Self::Codes => "codes",
            Self::StateChanges => "state_changes",
            Self::StateMeta => "state_meta",
            Self::Headers => "headers",
            Self::Bodies => "bodies",
            Self::Receipts => "receipts",
            Self::Senders => "senders",
            Self::CanonicalBlocks => "canonical_blocks",
            Self::NumbersByHash => "numbers_by_hash",
            Self::TransactionPlaces => "transaction_places",
            Self::AccessLists => "access_lists",
            Self::SideBlocks => "side_blocks",
            Self::ChainMeta => "chain_meta",
            Self::ExplorerIndex => "explorer_index",
            Self::ExplorerJournal => "explorer_journal",
        }
    }

    /// Whether its keys are hashes, which come in no order and are asked for one by one.
    pub(crate) const fn is_scattered(self) -> bool {
        matches!(self, Self::NumbersByHash | Self::TransactionPlaces)
    }

    pub(crate) fn definition(self) -> redb::TableDefinition<'static, &'static [u8], &'static [u8]> {
        redb::TableDefinition::new(self.name())
    }
}
