//! Decoded calls, logs and errors.

use super::{amounts, pieces, text};
use crate::facts::{View, decoding::Certainty};
use heddle_solidity::abi::{
    Decoded, Value,
    revert::{Reason, panic_meaning},
};
use maud::{Markup, html};

/// Parameters that are shown.
const PARAMETERS_MAX: usize = 64;
/// Entries of an array, or fields of a struct, that are shown.
const ENTRIES_MAX: usize = 50;
/// Levels of arrays and structs that are shown.
const NESTED_MAX: usize = 6;

/// The name with its parameters.
pub(crate) fn show(view: &View<'_>, decoded: &Decoded, certainty: Certainty) -> Markup {
    html! {
        p {
            code.wrap { bdi { (text::text(&decoded.signature)) } }
            @if certainty == Certainty::Guess {
                " " span.quiet { "by a common signature; the contract's source is not known here" }
            }
        }
        (parameters(view, decoded))
    }
}

fn parameters(view: &View<'_>, decoded: &Decoded) -> Markup {
    let all = &decoded.parameters;
    html! {
        @if !all.is_empty() {
            dl.facts {
                @for (index, parameter) in all.iter().enumerate().take(PARAMETERS_MAX) {
                    dt {
                        bdi { @if parameter.name.is_empty() { "#" (index) } @else { (text::name(&parameter.name)) } }
                        " " span.mono { (text::name(&parameter.kind)) }
                        @if parameter.indexed { " (topic)" }
                    }
                    dd { (value(view, &parameter.value, 0)) }
                }
            }
        }
        @if all.len() > PARAMETERS_MAX { p.quiet { "The first " (PARAMETERS_MAX) " of " (all.len()) " parameters." } }
        @if !decoded.trailing.is_empty() { p.quiet { (decoded.trailing.len()) " bytes stand behind them." } }
    }
}

fn value(view: &View<'_>, shown: &Value, depth: usize) -> Markup {
    if depth > NESTED_MAX {
        return html! { "…" };
    }
    match shown {
        Value::Address(address) => pieces::address_full(view, *address),
        Value::Bool(value) => html! { (value) },
        Value::Uint(number) => html! { span title=(number) { (amounts::number(number)) } },
        Value::Int(number) => html! { (number) },
        Value::Bytes(bytes) => text::data_short(bytes),
        Value::Hash(hash) => {
            html! { span.hash.wrap { (hash) } span.quiet { " (hash of the value)" } }
        }
        Value::String(words) => html! { "“" (text::text(words)) "”" },
        Value::Array(values) => {
            list(view, values.iter().map(|value| ("", value)), values.len(), depth)
        }
        Value::Tuple(fields) => list(
            view,
            fields.iter().map(|(name, value)| (name.as_str(), value)),
            fields.len(),
            depth,
        ),
    }
}

fn list<'v>(
    view: &View<'_>,
    entries: impl Iterator<Item = (&'v str, &'v Value)>,
    count: usize,
    depth: usize,
) -> Markup {
    html! {
        @if count == 0 { span.quiet { "empty" } }
        ul.flow {
            @for (index, (name, entry)) in entries.enumerate().take(ENTRIES_MAX) {
                li {
                    span.quiet { @if name.is_empty() { (index) } @else { bdi { (text::name(name)) } } } " "
                    (value(view, entry, depth + 1))
                }
            }
        }
        @if count > ENTRIES_MAX { span.quiet { "The first " (ENTRIES_MAX) " of " (amounts::number(count)) "." } }
    }
}

/// Why a call failed.
pub(crate) fn reason(view: &View<'_>, reason: &Reason) -> Markup {
    match reason {
        Reason::Error(words) => html! { "“" (text::text(words)) "”" },
        Reason::Panic(code) => {
            html! { "panic " code { (format!("{code:#04x}")) } ", " (panic_meaning(*code)) }
        }
        Reason::Custom(decoded) => html! {
            code.wrap { bdi { (text::text(&decoded.signature)) } }
            (parameters(view, decoded))
        },
    }
}
