//! Reading the index.
//!
//! Lists are read in pages that begin at a place and not at a number, so that a page stays what it
//! is while blocks arrive.

use super::{
    IndexError, IndexHead, head_of,
    keys::{self, Key, Parts},
    records::{
        AddressFigures, BlockSummary, Class, Creation, HourFigures, InternalCall, Place, Roles,
        SlotFigures, Token, Transfer, decode,
    },
};
use alloy_primitives::{Address, B256, U256};
use alloy_rlp::Decodable;
use heddle_storage::{Pair, Reader, Table};

const INDEX: Table = Table::ExplorerIndex;

/// Which part of a list is wanted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    /// The lowest place, included.
    pub from: Place,
    /// The highest place, included.
    pub to: Place,
    /// Whether the oldest come first.
    pub ascending: bool,
    /// Entries at most.
    pub limit: usize,
}

impl Page {
    /// The newest entries.
    pub const fn newest(limit: usize) -> Self {
        Self { from: Place::FIRST, to: Place::LAST, ascending: false, limit }
    }

    /// The newest entries that are older than `place`.
    pub fn before(place: Place, limit: usize) -> Self {
        match place.previous() {
            Some(to) => Self { to, ..Self::newest(limit) },
            None => Self::newest(0),
        }
    }
}

impl Place {
    /// Before everything.
    pub const FIRST: Self = Self { block: 0, index: 0, item: 0 };
    /// After everything.
    pub const LAST: Self = Self { block: u64::MAX, index: u32::MAX, item: u32::MAX };

    /// The place just before this one.
    pub fn previous(self) -> Option<Self> {
        let Self { block, index, item } = self;
        if let Some(item) = item.checked_sub(1) {
            return Some(Self { block, index, item });
        }
        if let Some(index) = index.checked_sub(1) {
            return Some(Self { block, index, item: u32::MAX });
        }
        block.checked_sub(1).map(|block| Self { block, index: u32::MAX, item: u32::MAX })
    }
}

/// A token transfer and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TransferEntry {
    /// Of the log, and of the transfer in it.
    pub place: Place,
    /// The contract.
    pub token: Address,
    /// What kind of transfer.
    pub class: Class,
    /// What went where.
    pub transfer: Transfer,
}

/// Which logs are wanted.
#[derive(Clone, Debug, Default)]
pub struct LogFilter {
    /// Of this contract.
    pub address: Option<Address>,
    /// With this topic at this position.
    pub topic: Option<(u8, B256)>,
}

/// Something that is called what was searched for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NameHit {
    /// In lower case.
    pub name: String,
    /// Of what.
    pub address: Address,
}

/// The index as it was at one moment.
#[derive(Clone, Debug)]
pub struct IndexReader {
    reader: Reader,
    head: Option<IndexHead>,
}

impl IndexReader {
    pub(crate) fn new(reader: Reader) -> Result<Self, IndexError> {
        let head = head_of(|key| Ok(reader.get(INDEX, key)?))?;
        Ok(Self { reader, head })
    }

    /// The last block that it has; `None` while it has none.
    pub const fn head(&self) -> Option<IndexHead> {
        self.head
    }

    /// The figures of a block.
    ///
    /// # Errors
    ///
    /// The store may fail, or hold what this version does not write; the same holds for all below.
    pub fn block(&self, number: u64) -> Result<Option<BlockSummary>, IndexError> {
        self.record(Key::new(keys::BLOCK).long(number))
    }

    /// The figures of the blocks up to `to`, at most `limit`, the newest first.
    pub fn blocks(&self, to: u64, limit: usize) -> Result<Vec<(u64, BlockSummary)>, IndexError> {
        let (from, to) = (Key::new(keys::BLOCK).long(0), Key::new(keys::BLOCK).long(to));
        self.list(from.build(), to.build(), false, limit, |key, value| {
            Some((Parts::new(key).long()?, decode(value)?))
        })
    }

    /// Transactions of an address.
    pub fn transactions_of(
        &self,
        address: Address,
        page: Page,
    ) -> Result<Vec<(Place, Roles)>, IndexError> {
        let prefix = Key::new(keys::TRANSACTION_OF).address(address);
        let key = |place: Place| prefix.clone().long(place.block).short(place.index).build();
        self.list(key(page.from), key(page.to), page.ascending, page.limit, |key, value| {
            Some((place_of(key, 20, false)?, Roles(*value.first()?)))
        })
    }

    /// Internal calls of an address: of the transaction at `index` of the block the frame `item`.
    pub fn internal_of(
        &self,
        address: Address,
        page: Page,
    ) -> Result<Vec<(Place, InternalCall)>, IndexError> {
        let prefix = Key::new(keys::INTERNAL_OF).address(address);
        let places = self.places(prefix, 20, page)?;
        places.into_iter().map(|place| Ok((place, self.internal(place)?))).collect()
    }

    fn internal(&self, place: Place) -> Result<InternalCall, IndexError> {
        let key = place_key(Key::new(keys::FRAME), place);
        self.record(key)?.ok_or(IndexError::Damaged("a call"))
    }

    /// Internal calls of all addresses, in the order in which they happened.
    pub fn internal_calls(&self, page: Page) -> Result<Vec<(Place, InternalCall)>, IndexError> {
        let key = |place| place_key(Key::new(keys::FRAME), place).build();
        self.list(key(page.from), key(page.to), page.ascending, page.limit, |key, value| {
            Some((place_of(key, 0, true)?, decode(value)?))
        })
    }

    /// Places of logs, of which more than the filter asks for may not be known: whoever gets one
    /// reads the log.
    pub fn logs(&self, filter: &LogFilter, page: Page) -> Result<Vec<Place>, IndexError> {
        match filter {
            LogFilter { topic: Some((position, topic)), address } => {
                let prefix = Key::new(keys::TOPIC).word(*topic);
                let key =
                    |place: Place| prefix.clone().long(place.block).short(place.index).build();
                let mut places = Vec::new();
                let pairs = self.pairs(key(page.from), key(page.to), page.ascending)?;
                for pair in pairs {
                    if places.len() >= page.limit {
                        break;
                    }
                    let (key, value) = pair?;
                    let mut parts = Parts::of_value(&value);
                    let found = parts.byte().zip(parts.address());
                    let (at, of) = found.ok_or_else(|| IndexError::damaged(&key))?;
                    // A topic that stands twice is listed by its first place.
                    if at <= *position && address.is_none_or(|address| address == of) {
                        let place = place_of(&key, 32, false);
                        places.push(place.ok_or_else(|| IndexError::damaged(&key))?);
                    }
                }
                Ok(places)
            }
            LogFilter { topic: None, address: Some(address) } => {
                let prefix = Key::new(keys::LOG_OF).address(*address);
                let key =
                    |place: Place| prefix.clone().long(place.block).short(place.index).build();
                self.list(key(page.from), key(page.to), page.ascending, page.limit, |key, _| {
                    place_of(key, 20, false)
                })
            }
            LogFilter { topic: None, address: None } => Ok(Vec::new()),
        }
    }

    /// Transfers of one kind from or to an address.
    pub fn transfers_of(
        &self,
        address: Address,
        class: Class,
        page: Page,
    ) -> Result<Vec<TransferEntry>, IndexError> {
        let prefix = Key::new(keys::TRANSFER_OF).address(address).byte(class as u8);
        let key = |place| place_key(prefix.clone(), place).build();
        let found =
            self.list(key(page.from), key(page.to), page.ascending, page.limit, |key, value| {
                Some((place_of(key, 21, true)?, Parts::of_value(value).address()?))
            })?;
        let entry = |(place, token)| self.transfer(token, class, place);
        found.into_iter().map(entry).collect()
    }

    fn transfer(
        &self,
        token: Address,
        class: Class,
        place: Place,
    ) -> Result<TransferEntry, IndexError> {
        let key = place_key(Key::new(keys::TOKEN_TRANSFER).address(token).byte(class as u8), place);
        let transfer = self.record(key)?.ok_or(IndexError::Damaged("a transfer"))?;
        Ok(TransferEntry { place, token, class, transfer })
    }

    /// Transfers of a token.
    pub fn transfers(
        &self,
        token: Address,
        class: Class,
        page: Page,
    ) -> Result<Vec<TransferEntry>, IndexError> {
        let prefix = Key::new(keys::TOKEN_TRANSFER).address(token).byte(class as u8);
        let key = |place| place_key(prefix.clone(), place).build();
        self.list(key(page.from), key(page.to), page.ascending, page.limit, |key, value| {
            Some(TransferEntry {
                place: place_of(key, 21, true)?,
                token,
                class,
                transfer: decode(value)?,
            })
        })
    }

    /// Transfers of one item of ERC-721, or one id of ERC-1155.
    pub fn transfers_of_id(
        &self,
        token: Address,
        id: U256,
        page: Page,
    ) -> Result<Vec<TransferEntry>, IndexError> {
        let prefix = Key::new(keys::NFT_TRANSFER).address(token).number(id);
        let key = |place| place_key(prefix.clone(), place).build();
        let found =
            self.list(key(page.from), key(page.to), page.ascending, page.limit, |key, value| {
                Some((place_of(key, 52, true)?, Class::of(*value.first()?)?))
            })?;
        found.into_iter().map(|(place, class)| self.transfer(token, class, place)).collect()
    }

    /// What is known of a token.
    pub fn token(&self, token: Address, class: Class) -> Result<Option<Token>, IndexError> {
        self.record(Key::new(keys::TOKEN).address(token).byte(class as u8))
    }

    /// The first kind of token that a contract is.
    pub fn token_of_any_class(&self, token: Address) -> Result<Option<(Class, Token)>, IndexError> {
        for class in Class::ALL {
            if let Some(record) = self.token(token, class)? {
                return Ok(Some((class, record)));
            }
        }
        Ok(None)
    }

    /// Tokens by address, behind `after`.
    pub fn tokens(
        &self,
        after: Option<(Address, Class)>,
        limit: usize,
    ) -> Result<Vec<(Address, Class, Token)>, IndexError> {
        let from = match after {
            Some((token, class)) => {
                Key::new(keys::TOKEN).address(token).byte(class as u8).byte(0).build()
            }
            None => Key::new(keys::TOKEN).build(),
        };
        self.list(from, Key::new(keys::TOKEN).end(), true, limit, |key, value| {
            let mut parts = Parts::new(key);
            Some((parts.address()?, Class::of(parts.byte()?)?, decode(value)?))
        })
    }

    /// What an address has of tokens of a class, by token, behind `after`.
    pub fn balances_of(
        &self,
        holder: Address,
        class: Class,
        after: Option<Address>,
        limit: usize,
    ) -> Result<Vec<(Address, U256)>, IndexError> {
        let prefix = Key::new(keys::BALANCE).address(holder).byte(class as u8);
        let from = match after {
            Some(token) => prefix.clone().address(token).byte(0).build(),
            None => prefix.clone().build(),
        };
        self.list(from, prefix.end(), true, limit, |key, value| {
            let token = Parts::new(key.get(21..)?).address()?;
            Some((token, U256::try_from_be_slice(value)?))
        })
    }

    /// What an address has of a token.
    pub fn balance(
        &self,
        holder: Address,
        token: Address,
        class: Class,
    ) -> Result<U256, IndexError> {
        let key = Key::new(keys::BALANCE).address(holder).byte(class as u8).address(token).build();
        let bytes = self.reader.get(INDEX, &key)?.unwrap_or_default();
        U256::try_from_be_slice(&bytes).ok_or_else(|| IndexError::damaged(&key))
    }

    /// Who has the most of a token, behind `after`: amount and holder.
    pub fn holders(
        &self,
        token: Address,
        class: Class,
        after: Option<(U256, Address)>,
        limit: usize,
    ) -> Result<Vec<(Address, U256)>, IndexError> {
        let prefix = Key::new(keys::HOLDER).address(token).byte(class as u8);
        self.ranked(prefix, 21, after, limit)
    }

    /// Who has the most of an id of ERC-1155.
    pub fn holders_of_id(
        &self,
        token: Address,
        id: U256,
        after: Option<(U256, Address)>,
        limit: usize,
    ) -> Result<Vec<(Address, U256)>, IndexError> {
        self.ranked(Key::new(keys::ID_HOLDER).address(token).number(id), 52, after, limit)
    }

    fn ranked(
        &self,
        prefix: Key,
        skip: usize,
        after: Option<(U256, Address)>,
        limit: usize,
    ) -> Result<Vec<(Address, U256)>, IndexError> {
        let to = match after {
            Some((amount, holder)) => prefix.clone().number(amount).address(holder).build(),
            None => prefix.clone().end(),
        };
        let more = usize::from(after.is_some());
        let mut found =
            self.list(prefix.build(), to, false, limit.saturating_add(more), |key, _| {
                let mut parts = Parts::new(key.get(skip..)?);
                let amount = parts.number()?;
                Some((parts.address()?, amount))
            })?;
        if after.is_some_and(|(amount, holder)| found.first() == Some(&(holder, amount))) {
            found.remove(0);
        }
        found.truncate(limit);
        Ok(found)
    }

    /// The owner of an item of ERC-721.
    pub fn owner(&self, token: Address, id: U256) -> Result<Option<Address>, IndexError> {
        let key = Key::new(keys::NFT_OWNER).address(token).number(id).build();
        let bytes = self.reader.get(INDEX, &key)?;
        Ok(bytes.and_then(|bytes| Parts::of_value(&bytes).address()))
    }

    /// Items that an address owns, with how many of each, by token and id, behind `after`.
    pub fn inventory_of(
        &self,
        owner: Address,
        class: Class,
        after: Option<(Address, U256)>,
        limit: usize,
    ) -> Result<Vec<(Address, U256, U256)>, IndexError> {
        let prefix = Key::new(keys::INVENTORY).address(owner).byte(class as u8);
        let from = match after {
            Some((token, id)) => prefix.clone().address(token).number(id).byte(0).build(),
            None => prefix.clone().build(),
        };
        self.list(from, prefix.end(), true, limit, |key, value| {
            let mut parts = Parts::new(key.get(21..)?);
            Some((parts.address()?, parts.number()?, U256::try_from_be_slice(value)?))
        })
    }

    /// Items of a token of ERC-721 with their owners, by id, behind `after`.
    pub fn items(
        &self,
        token: Address,
        after: Option<U256>,
        limit: usize,
    ) -> Result<Vec<(U256, Address)>, IndexError> {
        let prefix = Key::new(keys::NFT_OWNER).address(token);
        let from = match after {
            Some(id) => prefix.clone().number(id).byte(0).build(),
            None => prefix.clone().build(),
        };
        self.list(from, prefix.end(), true, limit, |key, value| {
            let id = Parts::new(key.get(20..)?).number()?;
            Some((id, Parts::of_value(value).address()?))
        })
    }

    /// How a contract came to be; `None` for one of the first block, and for what is no contract.
    pub fn creation(&self, contract: Address) -> Result<Option<Creation>, IndexError> {
        self.record(Key::new(keys::CREATION).address(contract))
    }

    /// Contracts in the order in which they were created: `index` is the transaction, `item` the
    /// frame.
    pub fn contracts(&self, page: Page) -> Result<Vec<(Place, Address)>, IndexError> {
        let key = |place| place_key(Key::new(keys::CREATED), place).build();
        self.list(key(page.from), key(page.to), page.ascending, page.limit, |key, value| {
            Some((place_of(key, 0, true)?, Parts::of_value(value).address()?))
        })
    }

    /// The figures of an address.
    pub fn address(&self, address: Address) -> Result<AddressFigures, IndexError> {
        Ok(self.record(Key::new(keys::ADDRESS).address(address))?.unwrap_or_default())
    }

    /// Whether the index has anything of an address.
    pub fn knows(&self, address: Address) -> Result<bool, IndexError> {
        let key = Key::new(keys::ADDRESS).address(address).build();
        Ok(self.reader.get(INDEX, &key)?.is_some())
    }

    /// Tokens whose name or symbol begins like that, in any case.
    pub fn names(&self, beginning: &str, limit: usize) -> Result<Vec<NameHit>, IndexError> {
        let beginning = beginning.to_lowercase();
        if beginning.is_empty() || beginning.len() > NAME_BYTES_MAX {
            return Ok(Vec::new());
        }
        let prefix = Key::new(keys::NAME).bytes(beginning.as_bytes());
        self.list(prefix.clone().build(), prefix.end(), true, limit, |key, _| {
            let (name, address) = key.get(1..)?.split_last_chunk::<20>()?;
            let name = name.strip_suffix(&[0])?;
            Some(NameHit {
                name: String::from_utf8_lossy(name).into_owned(),
                address: Address::from(*address),
            })
        })
    }

    /// How much a slot was fought over.
    pub fn slot(&self, address: Address, slot: U256) -> Result<Option<SlotFigures>, IndexError> {
        self.record(Key::new(keys::SLOT).address(address).number(slot))
    }

    /// The slots of a contract that were fought over, those with the most waits first; of 100,000
    /// slots at most, by number.
    pub fn slots_of(
        &self,
        address: Address,
        limit: usize,
    ) -> Result<Vec<(U256, SlotFigures)>, IndexError> {
        let prefix = Key::new(keys::SLOT).address(address);
        let from = prefix.clone().build();
        let mut found: Vec<(U256, SlotFigures)> =
            self.list(from, prefix.end(), true, SLOTS_READ_MAX, |key, value| {
                Some((Parts::new(key.get(20..)?).number()?, decode(value)?))
            })?;
        found.sort_by_key(|(slot, figures)| (std::cmp::Reverse(figures.waits), *slot));
        found.truncate(limit);
        Ok(found)
    }

    /// The figures of hours since 1970, from `from` to `to`, in order.
    pub fn hours(&self, from: u64, to: u64) -> Result<Vec<(u64, HourFigures)>, IndexError> {
        let key = |hour| Key::new(keys::HOUR).long(hour).build();
        self.list(key(from), key(to), true, HOURS_MAX, |key, value| {
            Some((Parts::new(key).long()?, decode(value)?))
        })
    }

    /// Everything, for whoever compares it: keys and values of this version's own.
    #[doc(hidden)]
    pub fn dump(&self) -> Result<Vec<Pair>, IndexError> {
        Ok(self.reader.all(INDEX)?.collect::<Result<_, _>>()?)
    }

    fn record<T: Decodable>(&self, key: Key) -> Result<Option<T>, IndexError> {
        let key = key.build();
        let Some(bytes) = self.reader.get(INDEX, &key)? else { return Ok(None) };
        decode(&bytes).map(Some).ok_or_else(|| IndexError::damaged(&key))
    }

    fn places(&self, prefix: Key, skip: usize, page: Page) -> Result<Vec<Place>, IndexError> {
        let key = |place| place_key(prefix.clone(), place).build();
        self.list(key(page.from), key(page.to), page.ascending, page.limit, |key, _| {
            place_of(key, skip, true)
        })
    }

    fn pairs(
        &self,
        from: Vec<u8>,
        to: Vec<u8>,
        ascending: bool,
    ) -> Result<Box<dyn Iterator<Item = Result<Pair, heddle_storage::Error>>>, IndexError> {
        let range = self.reader.range(INDEX, &from, &to)?;
        Ok(if ascending { Box::new(range) } else { Box::new(range.rev()) })
    }

    fn list<T>(
        &self,
        from: Vec<u8>,
        to: Vec<u8>,
        ascending: bool,
        limit: usize,
        read: impl Fn(&[u8], &[u8]) -> Option<T>,
    ) -> Result<Vec<T>, IndexError> {
        let mut found = Vec::new();
        if limit == 0 || from > to {
            return Ok(found);
        }
        for pair in self.pairs(from, to, ascending)? {
            let (key, value) = pair?;
            found.push(read(&key, &value).ok_or_else(|| IndexError::damaged(&key))?);
            if found.len() >= limit {
                break;
            }
        }
        Ok(found)
    }
}

/// Bytes of a name that is searched for: more than any that is kept has.
const NAME_BYTES_MAX: usize = 400;
/// Slots of a contract that are looked through for the most contended ones.
const SLOTS_READ_MAX: usize = 100_000;
/// Hours that are given at a time: a decade.
const HOURS_MAX: usize = 88_000;

fn place_key(prefix: Key, place: Place) -> Key {
    prefix.long(place.block).short(place.index).short(place.item)
}

/// The place in a key, behind its kind and `skip` bytes.
fn place_of(key: &[u8], skip: usize, has_item: bool) -> Option<Place> {
    let mut parts = Parts::new(key.get(skip..)?);
    let (block, index) = (parts.long()?, parts.short()?);
    let item = if has_item { parts.short()? } else { 0 };
    Some(Place { block, index, item })
}
