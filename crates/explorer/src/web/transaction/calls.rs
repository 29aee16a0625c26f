//! The calls within a transaction, as a tree.

use crate::{
    facts::{View, traces::Frame},
    web::{amounts, decoded, pieces, text},
};
use alloy_primitives::{U256, hex};
use maud::{Markup, html};

/// Calls that are shown.
const FRAMES_MAX: usize = 500;
/// Levels that are nested; what is deeper stands at the last of them. Nobody reads more, and
/// browsers get slow.
const NESTED_MAX: usize = 24;
/// Levels that are open at first.
const OPEN_MAX: usize = 3;

pub(in crate::web) fn show(view: &View<'_>, frames: &[Frame]) -> Markup {
    let shown = frames.get(..FRAMES_MAX).unwrap_or(frames);
    html! {
        section.card {
            h2 { "Calls" }
            @if frames.is_empty() { p.quiet { "None." } }
            @if frames.len() > shown.len() {
                p.note.wait { "The first " (shown.len()) " of " (amounts::number(frames.len())) " calls." }
            }
            ul.tree { (level(view, shown, 0)) }
        }
    }
}

/// The frames of one level, each with those below it.
fn level(view: &View<'_>, frames: &[Frame], depth: usize) -> Markup {
    let mut rest = frames;
    let mut items = Vec::new();
    while let Some((frame, behind)) = rest.split_first() {
        let end = behind.iter().position(|next| next.depth() <= frame.depth());
        let (inner, after) = behind.split_at(end.unwrap_or(behind.len()));
        items.push((frame, inner));
        rest = after;
    }
    html! {
        @for (frame, inner) in items {
            @if inner.is_empty() || depth >= NESTED_MAX {
                li { div.leaf { (line(view, frame)) (details_of(view, frame)) } }
                @if !inner.is_empty() {
                    @for frame in inner {
                        li { div.leaf { span.quiet { "level " (frame.depth()) " " } (line(view, frame)) } }
                    }
                }
            } @else {
                li {
                    // The line has links, which must not stand within what is clicked to fold.
                    div.leaf { (line(view, frame)) (details_of(view, frame)) }
                    details open[depth < OPEN_MAX] {
                        summary {
                            (amounts::number(inner.len()))
                            @if inner.len() == 1 { " call" } @else { " calls" } " within"
                        }
                        ul { (level(view, inner, depth + 1)) }
                    }
                }
            }
        }
    }
}

fn line(view: &View<'_>, frame: &Frame) -> Markup {
    let action = &frame.action;
    let words = match (frame.kind.as_str(), action.call_type.as_deref()) {
        ("call", Some("delegatecall")) => "delegate call",
        ("call", Some("staticcall")) => "static call",
        ("call", Some("callcode")) => "call code",
        ("call", _) => "call",
        ("create", _) => "create",
        ("suicide", _) => "self-destruct",
        _ => "step",
    };
    let value = action.value.or(action.balance).filter(|value| !value.is_zero());
    let selector = action.input.as_ref().and_then(|input| input.first_chunk::<4>());
    let gas = frame.result.as_ref().and_then(|result| result.gas_used);
    html! {
        (pieces::kind(words)) " "
        @if let Some(to) = frame.target().or(action.address) { (pieces::address_link(view, to)) }
        @if let Some(selector) = selector { " " (function(view, frame, *selector)) }
        @if let Some(value) = value { " " (amounts::ether(U256::from(value))) }
        @if let Some(gas) = gas { " " span.quiet { (amounts::number(gas.to::<u64>())) " gas" } }
        @if let Some(error) = &frame.error { " " span.badge.bad { "✗ " (text::name(error)) } }
    }
}

fn function(view: &View<'_>, frame: &Frame, selector: [u8; 4]) -> Markup {
    match frame.target().and_then(|to| view.method(to, selector)) {
        Some(name) => {
            html! { code title=(hex::encode_prefixed(selector)) { bdi { (text::name(&name)) } } }
        }
        None => html! { code { (hex::encode_prefixed(selector)) } },
    }
}

fn details_of(view: &View<'_>, frame: &Frame) -> Markup {
    let input = frame.action.input.as_ref().or(frame.action.init.as_ref());
    let output = frame.result.as_ref().and_then(|result| result.output.as_ref());
    let input = input.filter(|bytes| !bytes.is_empty());
    let output = output.filter(|bytes| !bytes.is_empty());
    let target = frame.target().unwrap_or_default();
    let failed = output.filter(|_| frame.error.is_some());
    let reason = failed.and_then(|output| view.decode_failure(target, output));
    html! {
        @if let Some(reason) = reason { div { (decoded::reason(view, &reason)) } }
        @if input.is_some() || output.is_some() {
            details.data {
                summary { "Data" }
                @if let Some(input) = input { div.quiet { "Input" } (text::data_short(input)) }
                @if let Some(output) = output { div.quiet { "Output" } (text::data_short(output)) }
            }
        }
    }
}
