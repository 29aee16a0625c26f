//! What stands in the address of a page.

use super::{PageError, pieces};
use crate::Place;
use alloy_primitives::{Address, B256};
use serde::Deserialize;

/// Rows of a page, if nobody says.
const ROWS: usize = 25;
/// Rows of a page at most.
const ROWS_MAX: usize = 100;
/// Characters of a wrong address of a page that are repeated.
const REPEATED_MAX: usize = 80;

/// Which part of a list, and which view.
#[derive(Clone, Debug, Default, Deserialize)]
pub(crate) struct Query {
    /// Which view of the thing.
    pub(crate) tab: Option<String>,
    /// The place before which the list begins: `block-index-item`.
    pub(crate) before: Option<String>,
    /// Where a list in another order goes on.
    pub(crate) after: Option<String>,
    /// Rows.
    pub(crate) rows: Option<usize>,
}

impl Query {
    /// Rows of a page.
    pub(crate) fn rows(&self) -> usize {
        self.rows.unwrap_or(ROWS).clamp(1, ROWS_MAX)
    }

    /// The place before which the list begins.
    ///
    /// # Errors
    ///
    /// [`PageError::Bad`].
    pub(crate) fn before(&self) -> Result<Option<Place>, PageError> {
        let Some(text) = &self.before else { return Ok(None) };
        let place = parse_place(text);
        place.map(Some).ok_or_else(|| bad("before", "block-index-item, three numbers"))
    }

    /// The part of a list in the index that this asks for, with one entry more than is shown: it
    /// tells whether there is another page.
    ///
    /// # Errors
    ///
    /// [`PageError::Bad`].
    pub(crate) fn page(&self) -> Result<crate::Page, PageError> {
        let limit = self.rows() + 1;
        Ok(match self.before()? {
            Some(place) => crate::Page::before(place, limit),
            None => crate::Page::newest(limit),
        })
    }
}

fn bad(name: &str, form: &str) -> PageError {
    PageError::Bad(format!("`{name}` has to be {form}."))
}

fn parse_place(text: &str) -> Option<Place> {
    let mut numbers = text.splitn(3, '-');
    let block = numbers.next()?.parse().ok()?;
    let index = numbers.next()?.parse().ok()?;
    let item = numbers.next()?.parse().ok()?;
    Some(Place { block, index, item })
}

/// A place as it stands in the address of a page.
pub(crate) fn place(place: Place) -> String {
    format!("{}-{}-{}", place.block, place.index, place.item)
}

/// Cuts the entry off that only tells that there is another page, and links to that. `place_of`
/// tells the place of an entry.
pub(crate) fn cut<T>(
    entries: &mut Vec<T>,
    query: &Query,
    base: &str,
    place_of: impl Fn(&T) -> Place,
) -> maud::Markup {
    let rows = query.rows();
    let more = entries.len() > rows;
    entries.truncate(rows);
    pager(query, base, entries.last().filter(|_| more).map(place_of))
}

/// Links to the first page of a list, and to the one that goes on behind `last`.
pub(crate) fn pager(query: &Query, base: &str, last: Option<Place>) -> maud::Markup {
    let sep = if base.contains('?') { '&' } else { '?' };
    let size = query.rows.map(|_| format!("&rows={}", query.rows())).unwrap_or_default();
    let older = last.map(|last| format!("{base}{sep}before={}{size}", place(last)));
    pieces::pager(query.before.as_ref().map(|_| base.to_owned()), older)
}

/// An address in any case.
///
/// # Errors
///
/// [`PageError::Bad`].
pub(crate) fn address(text: &str) -> Result<Address, PageError> {
    text.parse().map_err(|_| {
        PageError::Bad(format!("“{}” is no address: 0x and 40 hexadecimal digits.", repeated(text)))
    })
}

/// A hash.
///
/// # Errors
///
/// [`PageError::Bad`].
pub(crate) fn hash(text: &str) -> Result<B256, PageError> {
    text.parse().map_err(|_| {
        PageError::Bad(format!("“{}” is no hash: 0x and 64 hexadecimal digits.", repeated(text)))
    })
}

/// The beginning of what a stranger asked for.
pub(crate) fn repeated(text: &str) -> String {
    let (mut shown, cut) = super::text::clean(text, REPEATED_MAX);
    if cut {
        shown.push('…');
    }
    shown
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn places_are_read_as_they_are_written() {
        for wanted in [Place::FIRST, Place::LAST, Place { block: 7, index: 0, item: 3 }] {
            assert_eq!(parse_place(&place(wanted)), Some(wanted));
        }
        for wrong in ["", "1", "1-2", "1-2-3-4", "-1-2-3", "1-2-99999999999", "a-b-c", "1-2-3 "] {
            assert_eq!(parse_place(wrong), None, "{wrong}");
        }
    }
}
