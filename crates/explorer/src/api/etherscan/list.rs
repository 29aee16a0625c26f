//! Lists in pages of a number and a size.

use super::{Answer, Failure, Outcome, invalid};
use crate::{IndexError, Page, Place, api::work::Ask};
use serde_json::Value;

/// Entries that can be reached by pages.
const WINDOW_MAX: u64 = 10_000;
/// Entries that are read at a time where some are left out.
const CHUNK: usize = if cfg!(test) { 2 } else { 1000 };

/// Which part of a list was asked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Window {
    pub(super) range: Page,
    skip: usize,
}

impl Ask {
    /// Reads `page`, `offset`, `sort` and the range of blocks.
    pub(super) fn window(&self, (from, to): (&str, &str)) -> Result<Window, Failure> {
        let (size, skip) = self.size(WINDOW_MAX)?;
        let from = self.block_number(from)?.unwrap_or(0);
        let to = self.block_number(to)?.unwrap_or(u64::MAX);
        let descending =
            self.params.text("sort").is_some_and(|sort| sort.eq_ignore_ascii_case("desc"));
        let range = Page {
            from: Place { block: from, ..Place::FIRST },
            to: Place { block: to, ..Place::LAST },
            ascending: !descending,
            limit: size,
        };
        Ok(Window { range, skip })
    }

    /// Entries of a page, and entries before it.
    pub(super) fn size(&self, size: u64) -> Result<(usize, usize), Failure> {
        let page = self.number("page")?.unwrap_or(1).max(1);
        let size = self.number("offset")?.filter(|offset| *offset > 0).unwrap_or(size);
        let end = page.checked_mul(size).filter(|end| *end <= WINDOW_MAX);
        let Some(end) = end.and_then(|end| usize::try_from(end).ok()) else {
            return invalid(
                "Result window is too large, PageNo x Offset size must be less than or equal to \
                 10000",
            );
        };
        let size = usize::try_from(size).unwrap_or(end);
        Ok((size, end - size))
    }

    /// The entries of a window: of what `read` gives in order, those that `keep` wants.
    /// `following` gives the place where the list goes on behind one.
    pub(super) fn entries<T>(
        &self,
        window: Window,
        read: impl Fn(Page) -> Result<Vec<T>, IndexError>,
        (place, following): (impl Fn(&T) -> Place, fn(Place) -> Option<Place>),
        keep: impl Fn(&T) -> bool,
    ) -> Result<Vec<T>, Failure> {
        let Window { mut range, mut skip } = window;
        let wanted = range.limit;
        let mut found = Vec::new();
        range.limit = CHUNK;
        loop {
            self.check_time()?;
            let entries = read(range)?;
            let full = entries.len() >= CHUNK;
            let last = entries.last().map(&place);
            for entry in entries.into_iter().filter(&keep) {
                if skip > 0 {
                    skip -= 1;
                } else if found.len() < wanted {
                    found.push(entry);
                }
            }
            let Some(last) = last.filter(|_| full && found.len() < wanted) else {
                return Ok(found);
            };
            let rest = if range.ascending {
                following(last).map(|from| range.from = from)
            } else {
                last.previous().map(|to| range.to = to)
            };
            if rest.is_none() {
                return Ok(found);
            }
        }
    }
}

/// A list, or that there is nothing in it.
pub(super) fn list(entries: Vec<Value>, nothing: &'static str) -> Outcome {
    Ok(if entries.is_empty() { Answer::Nothing(nothing) } else { Answer::Found(entries.into()) })
}
