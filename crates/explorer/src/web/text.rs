//! Text of strangers, made harmless to read.
//!
//! Markup escapes what would be markup. What is left to do: bounds, and characters that are not
//! what they look like: those that turn the direction of writing, that are not seen, or that
//! control a terminal.

use maud::{Markup, html};

/// Bytes of binary data where many such stand below each other.
const SHORT_BYTES_MAX: usize = 260;
/// Characters of a name in a list.
pub(crate) const NAME_CHARS_MAX: usize = 40;
/// Characters of a text that is shown at once.
pub(crate) const TEXT_CHARS_MAX: usize = 4_000;
/// Bytes of binary data that are shown at once.
pub(crate) const DATA_BYTES_MAX: usize = 2_048;

/// A text with at most `chars_max` characters, in which those that deceive are replaced by U+FFFD,
/// and whether it was cut.
pub(crate) fn clean(text: &str, chars_max: usize) -> (String, bool) {
    let mut chars = text.chars();
    let shown = chars.by_ref().take(chars_max).map(|c| if deceives(c) { '\u{fffd}' } else { c });
    let shown = shown.collect();
    (shown, chars.next().is_some())
}

/// A name on one line.
pub(crate) fn name(text: &str) -> String {
    let (mut shown, cut) = clean(text, NAME_CHARS_MAX);
    if shown.contains(['\n', '\t']) {
        shown = shown.replace(['\n', '\t'], " ");
    }
    if cut {
        shown.push('…');
    }
    shown
}

/// A text of strangers, kept apart from the writing direction of what is around it.
pub(crate) fn text(text: &str) -> Markup {
    let (shown, cut) = clean(text, TEXT_CHARS_MAX);
    html! {
        bdi { (shown) }
        @if cut { span.quiet { " … (" (text.len()) " bytes in all)" } }
    }
}

fn deceives(c: char) -> bool {
    (c.is_control() && c != '\n' && c != '\t')
        || matches!(c,
            '\u{00ad}' | '\u{061c}' | '\u{115f}' | '\u{1160}' | '\u{180e}' | '\u{3164}' | '\u{feff}'
            | '\u{ffa0}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}' | '\u{fff9}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}')
}

/// A few bytes in hexadecimal, where many such stand below each other.
pub(crate) fn data_short(bytes: &[u8]) -> Markup {
    let shown = bytes.get(..SHORT_BYTES_MAX).unwrap_or(bytes);
    html! {
        code.wrap { (alloy_primitives::hex::encode_prefixed(shown)) }
        @if shown.len() < bytes.len() { span.quiet { " … " (bytes.len()) " bytes in all" } }
    }
}

/// Bytes in hexadecimal, and as text where they are some. All of it where it is not much.
pub(crate) fn data(bytes: &[u8]) -> Markup {
    if bytes.is_empty() {
        return html! { span.quiet { "none" } };
    }
    let shown = bytes.get(..DATA_BYTES_MAX).unwrap_or(bytes);
    let readable = std::str::from_utf8(bytes).ok().filter(|text| {
        text.chars().all(|c| !c.is_control() || matches!(c, '\n' | '\t' | '\r')) && text.len() > 3
    });
    html! {
        pre tabindex="0" { (alloy_primitives::hex::encode_prefixed(shown)) }
        @if shown.len() < bytes.len() {
            p.quiet { "The first " (shown.len()) " of " (bytes.len()) " bytes." }
        }
        @if let Some(readable) = readable {
            details { summary { "As text" } pre tabindex="0" { (text(readable)) } }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_turns_the_direction_or_is_not_seen_is_replaced() {
        for c in ['\u{202e}', '\u{200b}', '\u{0}', '\u{1b}', '\u{2066}', '\u{e0041}', '\u{feff}'] {
            assert_eq!(clean(&format!("a{c}b"), 10).0, "a\u{fffd}b", "{c:?}");
        }
        assert_eq!(clean("né 漢字 🧵", 10).0, "né 漢字 🧵");
    }

    #[test]
    fn a_long_text_is_cut_between_characters() {
        let long = "漢".repeat(1_000_000);
        let (shown, cut) = clean(&long, 5);
        assert_eq!((shown.chars().count(), cut), (5, true));
        assert!(text(&long).into_string().len() < 4 * TEXT_CHARS_MAX);
        assert!(data(long.as_bytes()).into_string().len() < 20_000);
    }
}
