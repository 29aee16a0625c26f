//! What a transaction logged.

use super::Mined;
use crate::{
    facts::View,
    web::{PageError, logs::log_item, paths::Query, pieces},
};
use maud::{Markup, html};

pub(super) fn show(view: &View<'_>, mined: &Mined, query: &Query) -> Result<Markup, PageError> {
    let logs = &mined.receipt.logs;
    let from = query.after.as_ref().map_or(Some(0), |after| after.parse::<usize>().ok());
    let from = from.ok_or_else(|| PageError::Bad("`after` has to be a number.".to_owned()))?;
    let end = from.saturating_add(query.rows()).min(logs.len());
    let base = format!("/tx/{}?tab=logs", mined.hash());
    let first = (from > 0).then(|| ("First", base.clone()));
    let next = (end < logs.len()).then(|| ("Next", format!("{base}&after={end}")));
    let shown = logs.get(from..end).unwrap_or_default();
    Ok(html! {
        section.card {
            h2 { "Logs" }
            @if logs.is_empty() { p.quiet { "It logged nothing." } }
            @for (index, log) in (from as u64..).zip(shown) {
                (log_item(view, mined.logs_before + index, log, None))
            }
            (pieces::pager_named(first, next))
        }
    })
}
