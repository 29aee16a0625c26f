//! A log, wherever it is shown.

use super::{amounts, decoded, pieces, text};
use crate::facts::View;
use alloy_primitives::{B256, Log};
use maud::{Markup, html};

/// A log: by its position in the block, with the transaction if that is not what the page is about.
pub(crate) fn log_item(
    view: &View<'_>,
    position: u64,
    log: &Log,
    of: Option<(u64, Option<B256>)>,
) -> Markup {
    let found = view.decode_log(log);
    html! {
        article.item {
            h3 {
                "Log " (amounts::number(position))
                @if let Some((found, _)) = &found { ": " bdi { (text::name(&found.name)) } }
                @if let Some((block, transaction)) = of {
                    " of block " (pieces::block(block))
                    @if let Some(transaction) = transaction { ", transaction " (pieces::transaction(transaction)) }
                }
            }
            @if let Some((found, certainty)) = &found { (decoded::show(view, found, *certainty)) }
            (pieces::facts(vec![
                ("Contract", Some(pieces::address_full(view, log.address))),
                ("Topics", Some(html! {
                    @if log.topics().is_empty() { span.quiet { "none" } }
                    @for (index, topic) in log.topics().iter().enumerate() {
                        div { span.quiet { (index) } " " span.hash.wrap { (topic) } }
                    }
                })),
                ("Data", Some(text::data(&log.data.data))),
            ]))
        }
    }
}
