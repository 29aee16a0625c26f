//! The first page.

use super::layout;
use crate::server::Shared;
use axum::extract::State;
use maud::{Markup, html};

pub(crate) async fn page(State(explorer): Shared) -> Markup {
    let head = explorer.parts.chain.reader().head().number;
    layout::page("Home", &html! { h1 { "Block " (head) } })
}
