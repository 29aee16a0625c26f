//! Slots of a contract, with the names of what lies in them.

use super::{Query, Subject};
use crate::{
    facts::{
        View,
        slots::{SlotNames, SlotWords, number_words},
    },
    web::{
        PageError,
        pieces::{self, Column},
        text,
    },
};
use alloy_primitives::{Address, I256, U256, hex};
use heddle_chain::ExecutionState;
use heddle_solidity::layout::{Layout, SlotName};
use maud::{Markup, html};

/// Slots from zero on that are looked at.
const FIRST_MAX: u64 = 64;

/// The part of the page.
pub(super) fn show(view: &View<'_>, subject: &Subject, query: &Query) -> Result<Markup, PageError> {
    let state = view.chain.execution_state_at(view.head())?;
    let address = subject.own.address;
    let verified = subject.chosen(query).0.verified.as_ref();
    let layout = verified.map(|verified| Layout::of_json(&verified.storage_layout));
    let mut rows = Vec::new();
    for number in 0..FIRST_MAX {
        let slot = U256::from(number);
        let names = layout.as_ref().map(|layout| layout.names_of(slot, |_| None));
        let names = names.unwrap_or_default();
        let value = state.slot(address, slot)?;
        if names.is_empty() && value.is_zero() {
            continue;
        }
        if names.is_empty() {
            rows.push(row(slot, "–", "", &word_text(value)));
        }
        for name in &names {
            rows.push(row(slot, &name.name, &name.kind, &in_slot(value, name)));
        }
    }
    let columns =
        [Column::Number("Slot"), Column::Text("Name"), Column::Text("Type"), Column::Text("Value")];
    Ok(html! {
        section.card {
            h2 { "A slot" }
            (looked_up(view, &state, address, query)?)
        }
        div.card.flat {
            (pieces::table("The first slots", &columns, &rows, "The first slots hold nothing."))
            p.quiet {
                @if layout.is_some() { "Names by the storage layout of the verified sources. " }
                "Slots " (0) " to " (FIRST_MAX - 1) "; those without a name are shown where they hold something. "
                "Entries of mappings lie at hashes: "
                a href={ "/address/" (address) "/slots" } { "those that transactions waited for" }
            }
        }
    })
}

fn row(slot: U256, name: &str, kind: &str, value: &str) -> Markup {
    html! {
        tr {
            th.n scope="row" { (slot) }
            td { bdi { (text::clean(name, 200).0) } }
            td.quiet { bdi { (text::name(kind)) } }
            td.wide.mono { (text::text(value)) }
        }
    }
}

fn looked_up(
    view: &View<'_>,
    state: &ExecutionState,
    address: Address,
    query: &Query,
) -> Result<Markup, PageError> {
    let typed = query.get("slot").map(|slot| slot.trim()).filter(|slot| !slot.is_empty());
    let slot = typed.map(str::parse::<U256>);
    let found = match slot {
        Some(Ok(slot)) => {
            let value = state.slot(address, slot)?;
            let words = SlotNames::new(view).find(address, slot)?;
            html! {
                div role="status" {
                    (pieces::facts(vec![
                        ("Slot", Some(html! { span.mono.wrap { (number_words(slot)) } })),
                        ("Name", match words {
                            SlotWords::Name(name) | SlotWords::Way(name) => Some(html! { (text::text(&name)) }),
                            SlotWords::Number(_) => None,
                        }),
                        ("Value", Some(html! { span.mono.wrap { (word_text(value)) } " " span.quiet { "= " (value) } })),
                    ]))
                }
            }
        }
        Some(Err(_)) => {
            html! { p role="status" { span.badge.bad { "no slot" } " A slot is a number, in decimal or in hexadecimal with 0x." } }
        }
        None => html! {},
    };
    Ok(html! {
        form.fields method="get" action={ "/address/" (address) "/contract" } {
            input type="hidden" name="tab" value="storage";
            label for="slot" { "Number of the slot" }
            input id="slot" name="slot" maxlength="90" autocomplete="off" spellcheck="false" value=(typed.unwrap_or_default())
                placeholder="0, or 0x and 64 hexadecimal digits";
            p { button.do type="submit" { "Read" } }
        }
        (found)
    })
}

fn word_text(value: U256) -> String {
    format!("{value:#066x}")
}

/// The value of a variable that lies in a slot, perhaps beside others.
fn in_slot(word: U256, name: &SlotName) -> String {
    let bytes = word.to_be_bytes::<32>();
    let end = 32_usize.saturating_sub(name.offset.into());
    let start = end.saturating_sub(name.size.into());
    let part = bytes.get(start..end).unwrap_or_default();
    let number = U256::try_from_be_slice(part).unwrap_or_default();
    let label = name.kind.trim_end_matches(" payable");
    match label.split_once(' ').map_or(label, |(first, _)| first) {
        "bool" => if number.is_zero() { "false" } else { "true" }.to_owned(),
        "address" | "contract" if part.len() == 20 => Address::from_slice(part).to_string(),
        "string" | "bytes" => text_of(&bytes, label == "string"),
        kind if kind.starts_with("mapping") => "entries lie at hashes".to_owned(),
        kind if kind.starts_with("uint") || kind == "enum" => number.to_string(),
        kind if kind.starts_with("int") => signed(number, part.len()).to_string(),
        _ => hex::encode_prefixed(part),
    }
}

/// A number of so many bytes in two's complement.
fn signed(number: U256, bytes: usize) -> I256 {
    let above = 256_usize.saturating_sub(8 * bytes.clamp(1, 32));
    I256::from_raw(number << above).asr(above)
}

/// `string` and `bytes` up to 31 bytes lie in their slot, with twice their length in the last byte;
/// of longer ones it holds twice their length and one.
fn text_of(word: &[u8; 32], is_text: bool) -> String {
    let last = word.last().copied().unwrap_or_default();
    if last & 1 == 1 {
        let length = (U256::from_be_bytes(*word) - U256::ONE) / U256::from(2);
        return format!("{length} bytes, which lie elsewhere");
    }
    let held = word.get(..usize::from(last / 2).min(31)).unwrap_or_default();
    match std::str::from_utf8(held) {
        Ok(text) if is_text => format!("{text:?}"),
        _ => hex::encode_prefixed(held),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn name(kind: &str, offset: u8, size: u8) -> SlotName {
        SlotName { name: "x".to_owned(), kind: kind.to_owned(), offset, size }
    }

    #[test]
    fn values_are_read_where_they_lie() {
        let address = Address::repeat_byte(0xab);
        // An address in the lowest bytes, a flag behind it, then an int16 of minus two.
        let word = U256::from_be_bytes(address.into_word().0)
            | (U256::ONE << 160)
            | (U256::from(0xfffe) << 168);
        assert_eq!(in_slot(word, &name("address", 0, 20)), address.to_string());
        assert_eq!(in_slot(word, &name("contract Pool", 0, 20)), address.to_string());
        assert_eq!(in_slot(word, &name("bool", 20, 1)), "true");
        assert_eq!(in_slot(word, &name("int16", 21, 2)), "-2");
        assert_eq!(in_slot(word, &name("uint16", 21, 2)), "65534");
        assert_eq!(in_slot(U256::MAX, &name("int256", 0, 32)), "-1");
        assert_eq!(in_slot(U256::MAX, &name("uint256", 0, 32)), U256::MAX.to_string());
    }

    #[test]
    fn texts_are_read_where_they_are_short() {
        let mut word = [0; 32];
        word[..5].copy_from_slice(b"hello");
        word[31] = 10;
        assert_eq!(in_slot(U256::from_be_bytes(word), &name("string", 0, 32)), "\"hello\"");
        word[31] = 101;
        assert!(in_slot(U256::from_be_bytes(word), &name("string", 0, 32)).ends_with("elsewhere"));
    }

    #[test]
    fn no_place_is_a_panic() {
        for kind in ["bool", "address", "int8", "uint8", "string", "bytes", "bytes4", "struct A"] {
            for (offset, size) in [(0, 0), (0, 255), (255, 0), (255, 255), (31, 32), (32, 1)] {
                for word in [U256::ZERO, U256::MAX, U256::from(0xfe)] {
                    in_slot(word, &name(kind, offset, size));
                }
            }
        }
    }
}
