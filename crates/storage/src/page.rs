//! Pages: sorted entries packed into one value of the key-value store.
//!
//! An entry there costs a microsecond or two to change, and its neighbours are copied each time; an
//! entry of a page costs a copy of its bytes. So what is written in order is merged into pages.
//!
//! ```text
//! page    entry*            by ascending key, each key once
//! entry   length of the key, length of the value + 1, or 0: the key was taken away (LEB128 both);
//!         key, value
//! ```

use crate::segment::Change;
use redb::StorageError;
use std::ops::Range;

/// A page with more bytes is divided, unless it has one entry. With its key it fits into one page
/// of the key-value store.
pub(crate) const PAGE_BYTES_MAX: usize = 3_980;
/// A page with fewer bytes takes in the one behind it, if they fit into one.
pub(crate) const PAGE_BYTES_MIN: usize = PAGE_BYTES_MAX / 4;
/// An entry with more bytes has a page of its own: others can change without it.
const SHARED_BYTES_MAX: usize = PAGE_BYTES_MAX / 2;

/// Takes the first entry off a page, or what is left of it.
pub(crate) fn take_entry<'a>(rest: &mut &'a [u8]) -> Result<(&'a [u8], Change<'a>), StorageError> {
    let entry = take_length(rest).zip(take_length(rest)).and_then(|(key_len, value_len)| {
        let (key, behind) = rest.split_at_checked(key_len)?;
        let (value, behind) = behind.split_at_checked(value_len.saturating_sub(1))?;
        *rest = behind;
        Some((key, (value_len > 0).then_some(value)))
    });
    entry.ok_or_else(|| StorageError::Corrupted("a page of entries has another form".to_owned()))
}

fn take_length(rest: &mut &[u8]) -> Option<usize> {
    let mut length = 0;
    for shift in (0..35).step_by(7) {
        let (&byte, behind) = rest.split_first()?;
        *rest = behind;
        length |= usize::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return Some(length);
        }
    }
    None
}

fn put_length(bytes: &mut Vec<u8>, mut length: usize) {
    while length >= 0x80 {
        bytes.push(length as u8 | 0x80);
        length >>= 7;
    }
    bytes.push(length as u8);
}

/// What a page says of a key.
pub(crate) fn find<'a>(page: &'a [u8], key: &[u8]) -> Result<Option<Change<'a>>, StorageError> {
    let mut rest = page;
    while !rest.is_empty() {
        let (found, change) = take_entry(&mut rest)?;
        if found >= key {
            return Ok((found == key).then_some(change));
        }
    }
    Ok(None)
}

/// The last entry of a page whose key is not above `to`.
pub(crate) fn last_below_or_at<'a>(
    page: &'a [u8],
    to: &[u8],
) -> Result<Option<(&'a [u8], Change<'a>)>, StorageError> {
    let (mut rest, mut last) = (page, None);
    while !rest.is_empty() {
        let entry = take_entry(&mut rest)?;
        if entry.0 > to {
            break;
        }
        last = Some(entry);
    }
    Ok(last)
}

/// Entries on their way into pages, by ascending key.
#[derive(Debug, Default)]
pub(crate) struct Draft {
    bytes: Vec<u8>,
    /// Where each entry begins, and where its key lies.
    entries: Vec<(usize, Range<usize>)>,
}

impl Draft {
    pub(crate) fn len(&self) -> usize {
        self.bytes.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.entries.is_empty()
    }

    pub(crate) fn bytes(&self) -> &[u8] {
        &self.bytes
    }

    /// Makes room for changes: putting many small ones copies none of them twice then.
    pub(crate) fn reserve(&mut self, changes: &[(&[u8], Change<'_>)]) {
        // The lengths of small ones take a byte each.
        let bytes =
            |(key, change): &(&[u8], Change<'_>)| 2 + key.len() + change.map_or(0, <[u8]>::len);
        self.bytes.reserve(changes.iter().map(bytes).sum());
        self.entries.reserve(changes.len());
    }

    /// The key that was put last.
    pub(crate) fn last_key(&self) -> Option<&[u8]> {
        self.entries.last().map(|(_, key)| &self.bytes[key.clone()])
    }

    /// Puts an entry behind all others.
    pub(crate) fn put(&mut self, key: &[u8], change: Change<'_>) {
        let start = self.bytes.len();
        put_length(&mut self.bytes, key.len());
        put_length(&mut self.bytes, change.map_or(0, |value| value.len() + 1));
        let from = self.bytes.len();
        self.bytes.extend_from_slice(key);
        self.entries.push((start, from..self.bytes.len()));
        self.bytes.extend_from_slice(change.unwrap_or_default());
    }

    /// Puts an entry that was not taken away behind all others, in place of the last one if that is
    /// superfluous with it.
    fn put_live(&mut self, key: &[u8], change: Change<'_>, is_superfluous: IsSuperfluous<'_>) {
        if change.is_some() {
            self.precede(key, is_superfluous);
            self.put(key, change);
        }
    }

    /// Takes the last entry back if it is superfluous with a key that comes next.
    pub(crate) fn precede(&mut self, key: &[u8], is_superfluous: IsSuperfluous<'_>) {
        if self.last_key().is_some_and(|last| is_superfluous(last, key))
            && let Some((start, _)) = self.entries.pop()
        {
            self.bytes.truncate(start);
        }
    }

    /// Puts what a page has and changes make of it; neither has a key that the draft has.
    pub(crate) fn merge(
        &mut self,
        page: &[u8],
        changes: &[(&[u8], Change<'_>)],
        is_superfluous: IsSuperfluous<'_>,
    ) -> Result<(), StorageError> {
        let mut rest = page;
        let mut changes = changes.iter().peekable();
        while !rest.is_empty() {
            let (key, old) = take_entry(&mut rest)?;
            while let Some((key, new)) = changes.next_if(|(change, _)| *change < key) {
                self.put_live(key, *new, is_superfluous);
            }
            let change = changes.next_if(|(change, _)| *change == key).map_or(old, |(_, new)| *new);
            self.put_live(key, change, is_superfluous);
        }
        for (key, new) in changes {
            self.put_live(key, *new, is_superfluous);
        }
        Ok(())
    }

    /// The pages that it makes, about equally full, with the first key of each.
    pub(crate) fn pages(&self) -> impl Iterator<Item = (&[u8], &[u8])> {
        let count = self.bytes.len().div_ceil(PAGE_BYTES_MAX).max(1);
        let full = self.bytes.len().div_ceil(count);
        let start_of = |at: usize| self.entries.get(at).map_or(self.bytes.len(), |(from, _)| *from);
        let mut first = 0;
        std::iter::from_fn(move || {
            let (start, key) = self.entries.get(first)?;
            let mut end = first + 1;
            while end < self.entries.len() {
                let (before, after) = (start_of(end) - start, start_of(end + 1) - start);
                let is_large = |at: usize| start_of(at + 1) - start_of(at) > SHARED_BYTES_MAX;
                if before >= full || after > PAGE_BYTES_MAX || is_large(end) || is_large(end - 1) {
                    break;
                }
                end += 1;
            }
            first = end;
            Some((&self.bytes[key.clone()], &self.bytes[*start..start_of(end)]))
        })
    }
}

/// Whether nobody will look at an entry, by its key and the next one.
pub(crate) type IsSuperfluous<'a> = &'a dyn Fn(&[u8], &[u8]) -> bool;

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::collections::BTreeMap;

    type Content = BTreeMap<Vec<u8>, Vec<u8>>;

    fn content() -> impl Strategy<Value = Content> {
        let value = prop_oneof![
            4 => prop::collection::vec(any::<u8>(), 0..200),
            1 => prop::collection::vec(any::<u8>(), 1_900..5_000),
        ];
        prop::collection::btree_map(prop::collection::vec(0..8_u8, 0..4), value, 0..120)
    }

    fn read(mut rest: &[u8]) -> Content {
        let mut content = Content::new();
        while !rest.is_empty() {
            let (key, change) = take_entry(&mut rest).unwrap();
            assert!(content.last_key_value().is_none_or(|(last, _)| last.as_slice() < key));
            content.insert(key.to_vec(), change.unwrap().to_vec());
        }
        content
    }

    proptest! {
        #[test]
        fn pages_hold_what_changes_make_of_a_page(
            old in content(),
            changes in content(),
            gone in prop::collection::vec(any::<prop::sample::Index>(), 0..20),
            looked in prop::collection::vec(0..8_u8, 0..4),
        ) {
            let mut page = Draft::default();
            old.iter().for_each(|(key, value)| page.put(key, Some(value)));
            let mut expected = old.clone();
            let mut made: BTreeMap<&[u8], Change<'_>> =
                changes.iter().map(|(key, value)| (&key[..], Some(&value[..]))).collect();
            let keys: Vec<&Vec<u8>> = old.keys().collect();
            if !keys.is_empty() {
                made.extend(gone.iter().map(|at| (&at.get(&keys)[..], None)));
            }
            for (key, change) in &made {
                match change {
                    Some(value) => drop(expected.insert(key.to_vec(), value.to_vec())),
                    None => drop(expected.remove(*key)),
                }
            }
            let made: Vec<(&[u8], Change<'_>)> = made.into_iter().collect();
            let mut draft = Draft::default();
            draft.merge(page.bytes(), &made, &|_, _| false).unwrap();
            prop_assert_eq!(&read(draft.bytes()), &expected);
            let mut all = Content::new();
            for (first, page) in draft.pages() {
                let part = read(page);
                prop_assert_eq!(part.first_key_value().unwrap().0.as_slice(), first);
                prop_assert!(page.len() <= PAGE_BYTES_MAX || part.len() == 1);
                all.extend(part);
            }
            prop_assert_eq!(&all, &expected);
            let found = find(draft.bytes(), &looked).unwrap().map(Option::unwrap);
            prop_assert_eq!(found, expected.get(&looked).map(Vec::as_slice));
            let last = last_below_or_at(draft.bytes(), &looked).unwrap();
            let expected = expected.range(..=looked).next_back();
            prop_assert_eq!(last.map(|(key, _)| key), expected.map(|(key, _)| key.as_slice()));
        }

        #[test]
        fn any_bytes_are_read_or_refused(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            let mut rest = &bytes[..];
            while !rest.is_empty() && take_entry(&mut rest).is_ok() {}
            let _ = find(&bytes, b"key");
            let _ = last_below_or_at(&bytes, b"key");
        }
    }

    #[test]
    fn an_entry_is_dropped_when_the_next_one_makes_it_superfluous() {
        let mut page = Draft::default();
        [b"a1", b"a3", b"b1"].iter().for_each(|key| page.put(*key, Some(b"")));
        let mut draft = Draft::default();
        let changes: [(&[u8], Change<'_>); 3] = [(b"a2", Some(b"")), (b"b1", None), (b"b2", None)];
        draft.merge(page.bytes(), &changes, &|key, next| key[0] == next[0]).unwrap();
        assert_eq!(read(draft.bytes()).into_keys().collect::<Vec<_>>(), [b"a3"]);
    }
}
