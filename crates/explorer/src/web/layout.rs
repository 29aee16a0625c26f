//! What all pages have.

use maud::{DOCTYPE, Markup, html};

/// A whole page.
pub(crate) fn page(title: &str, body: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) " · Heddle" }
                link rel="stylesheet" href="/assets/style.css";
            }
            body { main { (body) } }
        }
    }
}
