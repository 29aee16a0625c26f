//! Cursors: where the next page of a list begins.
//!
//! A cursor is the key of the last entry that was given, in hex. Clients treat it as opaque.

use super::Outcome;
use crate::{
    Class, IndexError, Page, Place,
    api::{failure::Failure, work::Ask},
};
use alloy_primitives::{Address, U256, hex};
use serde_json::{Value, json};

/// Entries that are read at a time where some are left out.
const CHUNK: usize = 500;

/// What a list is ordered by.
pub(super) trait Cursor: Sized {
    fn to_bytes(&self) -> Vec<u8>;
    fn of_bytes(bytes: &[u8]) -> Option<Self>;
}

impl Cursor for Place {
    fn to_bytes(&self) -> Vec<u8> {
        let Self { block, index, item } = self;
        [&block.to_be_bytes()[..], &index.to_be_bytes(), &item.to_be_bytes()].concat()
    }

    fn of_bytes(bytes: &[u8]) -> Option<Self> {
        let (block, rest) = bytes.split_first_chunk()?;
        let (index, rest) = rest.split_first_chunk()?;
        let item = rest.try_into().ok()?;
        Some(Self {
            block: u64::from_be_bytes(*block),
            index: u32::from_be_bytes(*index),
            item: u32::from_be_bytes(item),
        })
    }
}

impl Cursor for u64 {
    fn to_bytes(&self) -> Vec<u8> {
        self.to_be_bytes().to_vec()
    }

    fn of_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self::from_be_bytes)
    }
}

impl Cursor for U256 {
    fn to_bytes(&self) -> Vec<u8> {
        self.to_be_bytes_vec()
    }

    fn of_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok().map(Self::from_be_bytes::<32>)
    }
}

impl Cursor for Address {
    fn to_bytes(&self) -> Vec<u8> {
        self.to_vec()
    }

    fn of_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.try_into().ok()
    }
}

impl Cursor for Class {
    fn to_bytes(&self) -> Vec<u8> {
        vec![*self as u8]
    }

    fn of_bytes(bytes: &[u8]) -> Option<Self> {
        bytes.first().filter(|_| bytes.len() == 1).and_then(|byte| Self::of(*byte))
    }
}

/// An address, or a class and an address, before something else: the first part has 20 or 32 bytes.
macro_rules! pair {
    ($first:ty, $size:literal, $second:ty) => {
        impl Cursor for ($first, $second) {
            fn to_bytes(&self) -> Vec<u8> {
                [self.0.to_bytes(), self.1.to_bytes()].concat()
            }

            fn of_bytes(bytes: &[u8]) -> Option<Self> {
                let (first, second) = bytes.split_at_checked($size)?;
                Some((<$first>::of_bytes(first)?, <$second>::of_bytes(second)?))
            }
        }
    };
}

pair!(Address, 20, Class);
pair!(Class, 1, Address);
pair!(U256, 32, Address);
pair!(Address, 20, U256);

impl Ask {
    /// Where the page begins: behind what the cursor names.
    pub(super) fn cursor<C: Cursor>(&self) -> Result<Option<C>, Failure> {
        let Some(text) = self.params.text("cursor") else { return Ok(None) };
        let cursor = hex::decode(text).ok().and_then(|bytes| C::of_bytes(&bytes));
        cursor.map(Some).ok_or_else(|| {
            Failure::Invalid("cursor must be the `next` of an answer of the same list".to_owned())
        })
    }

    /// The part of a list by places that was asked for, the newest first, with one entry more than
    /// the page has.
    pub(super) fn page(&self) -> Result<Option<Page>, Failure> {
        let mut page = Page::newest(self.limit()? + 1);
        if let Some(from) = self.params.parse("from_block")? {
            page.from = Place { block: from, ..Place::FIRST };
        }
        if let Some(to) = self.params.parse("to_block")? {
            page.to = Place { block: to, ..Place::LAST };
        }
        if let Some(place) = self.cursor::<Place>()? {
            let Some(previous) = place.previous() else { return Ok(None) };
            page.to = page.to.min(previous);
        }
        Ok(Some(page))
    }

    /// A page of a list by places. Entries for which `show` gives nothing are left out.
    pub(super) fn places<T>(
        &self,
        read: impl Fn(Page) -> Result<Vec<T>, IndexError>,
        place: impl Fn(&T) -> Place,
        show: impl Fn(&T) -> Result<Option<Value>, Failure>,
    ) -> Outcome {
        let Some(mut page) = self.page()? else { return Ok(list(Vec::new(), None::<Place>)) };
        let limit = page.limit - 1;
        page.limit = page.limit.min(CHUNK);
        let mut shown = Vec::with_capacity(limit);
        let mut last = None;
        loop {
            let entries = read(page)?;
            let full = entries.len() >= page.limit;
            for entry in &entries {
                self.check_time()?;
                let Some(value) = show(entry)? else { continue };
                if shown.len() == limit {
                    return Ok(list(shown, last));
                }
                shown.push(value);
                last = Some(place(entry));
            }
            let next = entries.last().map(&place).and_then(Place::previous).filter(|_| full);
            let Some(next) = next else { return Ok(list(shown, None::<Place>)) };
            page.to = next;
        }
    }

    /// A page of a list that is read with one entry more than it has.
    pub(super) fn paged<T, C: Cursor>(
        &self,
        mut entries: Vec<T>,
        cursor: impl Fn(&T) -> C,
        show: impl Fn(&T) -> Result<Value, Failure>,
    ) -> Outcome {
        let limit = self.limit()?;
        let more = entries.len() > limit;
        entries.truncate(limit);
        let next = entries.last().map(cursor).filter(|_| more);
        let shown: Result<Vec<Value>, Failure> = entries.iter().map(show).collect();
        Ok(list(shown?, next))
    }
}

/// A page and where the next one begins.
pub(super) fn list<C: Cursor>(items: Vec<Value>, next: Option<C>) -> Value {
    json!({ "items": items, "next": next.map(|cursor| hex::encode(cursor.to_bytes())) })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_cursor_is_read_as_it_was_written(block: u64, index: u32, item: u32, id: [u8; 32]) {
            let place = Place { block, index, item };
            prop_assert_eq!(Place::of_bytes(&place.to_bytes()), Some(place));
            let pair = (U256::from_be_bytes(id), Address::repeat_byte(7));
            prop_assert_eq!(<(U256, Address)>::of_bytes(&pair.to_bytes()), Some(pair));
            let pair = (Class::Erc1155, Address::repeat_byte(7));
            prop_assert_eq!(<(Class, Address)>::of_bytes(&pair.to_bytes()), Some(pair));
        }

        #[test]
        fn foreign_bytes_are_no_cursor_or_one_that_is_written_like_that(bytes: Vec<u8>) {
            if let Some(place) = Place::of_bytes(&bytes) {
                prop_assert_eq!(place.to_bytes(), bytes.clone());
            }
            if let Some(pair) = <(Address, U256)>::of_bytes(&bytes) {
                prop_assert_eq!(pair.to_bytes(), bytes);
            }
        }
    }
}
