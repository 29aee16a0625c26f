//! Sources of a verified contract.

use super::{Subject, subject, unverified};
use crate::{
    facts::{View, contracts::Code},
    server::Shared,
    web::{PageError, amounts, extract::UrlPath, paths, pieces, text},
};
use axum::{
    extract::State,
    http::header,
    response::{IntoResponse, Response},
};
use heddle_solidity::{
    abi::Decoded,
    verify::{Match, Verified},
};
use maud::{Markup, html};
use serde_json::{Value as Json, json};
use std::sync::Arc;

/// Characters of sources that a page holds; the rest is in what can be downloaded.
const SOURCE_CHARS_MAX: usize = 1 << 20;
/// Source files that a page names.
const FILES_MAX: usize = 500;
/// Bytes of an ABI that a button copies.
const COPIED_MAX: usize = 256 << 10;
/// Immutables and libraries that are shown.
const ITEMS_MAX: usize = 100;

/// The part of the page.
pub(super) fn show(view: &View<'_>, subject: &Subject, host: &str) -> Markup {
    match &subject.own.verified {
        Some(verified) => html! {
            section.card { h2 { "Verified sources" } (facts(&subject.own, verified)) }
            (constructor(view, verified))
            (linked(view, verified))
            (sources(verified))
            (interface(subject, verified))
            section.card { h2 { "Deployed bytecode" } (unverified::bytecode(&subject.own.bytes)) }
        },
        None => unverified::show(view, subject, host),
    }
}

fn facts(code: &Code, verified: &Verified) -> Markup {
    let setting = |path: &str| verified.settings.pointer(path);
    let optimizer = match setting("/optimizer/enabled").and_then(Json::as_bool) {
        Some(true) => {
            let runs = setting("/optimizer/runs").and_then(Json::as_u64).unwrap_or(200);
            format!("on, for {} runs", amounts::number(runs))
        }
        _ => "off".to_owned(),
    };
    let via_ir = setting("/viaIR").and_then(Json::as_bool) == Some(true);
    let version = setting("/evmVersion").and_then(Json::as_str);
    let download = format!("/address/{}/contract/standard.json", code.address);
    pieces::facts(vec![
        ("Name", Some(html! { strong { bdi { (text::name(&verified.name)) } } })),
        ("File", Some(html! { (text::text(&verified.path)) })),
        ("Match", Some(agreement(verified))),
        (
            "Compiler",
            Some(html! { "solc " (verified.compiler) " for " (text::name(&verified.language)) }),
        ),
        ("Optimizer", Some(html! { (optimizer) @if via_ir { ", by way of Yul (viaIR)" } })),
        ("EVM version", version.map(|version| html! { (text::name(version)) })),
        (
            "All settings",
            Some(html! {
                details {
                    summary { "As JSON" }
                    pre tabindex="0" { (text::text(&pretty(&verified.settings))) }
                }
            }),
        ),
        (
            "Download",
            Some(html! { a href=(download) download { "Standard JSON, to compile it again" } }),
        ),
    ])
}

/// How sources and code agree, and what that means.
fn agreement(verified: &Verified) -> Markup {
    html! {
        @match verified.kind {
            Match::Exact => {
                span.badge.good { "✓ exact match" }
                " These sources, compiled, give the deployed code to the byte, with the hash of the metadata: not even a comment differs."
            },
            Match::Partial => {
                span.badge.wait { "partial match" }
                " These sources, compiled, give the deployed code but for the hash of the metadata: the contract does the same, while comments, names or paths may differ from those of whoever deployed it."
            },
        }
        @match verified.creation_kind {
            Some(Match::Exact) => { " The code that created it agrees as well." },
            Some(Match::Partial) => { " The code that created it agrees as well, but for that hash." },
            None => { " The code that created it was not compared, or differs: what the constructor did is not known from these sources." },
        }
    }
}

fn constructor(view: &View<'_>, verified: &Verified) -> Markup {
    let abi = subject::abi(verified);
    let Some(arguments) = verified.constructor_arguments.as_ref().filter(|bytes| !bytes.is_empty())
    else {
        return html! {};
    };
    let decoded = abi.constructor().and_then(|constructor| constructor.decode_arguments(arguments));
    html! {
        section.card {
            h2 { "Constructor arguments" }
            @match decoded {
                Some(decoded) => (parameters(view, &decoded)),
                None => p.quiet { "They are not what the ABI says." },
            }
            details { summary { "As bytes" } (text::data(arguments)) }
        }
    }
}

/// Values with names and types.
pub(super) fn parameters(view: &View<'_>, decoded: &Decoded) -> Markup {
    html! {
        dl.facts {
            @for (index, parameter) in decoded.parameters.iter().enumerate().take(ITEMS_MAX) {
                dt {
                    @if parameter.name.is_empty() { "Value " (index + 1) } @else { bdi { (text::name(&parameter.name)) } }
                    " " span.mono { (text::name(&parameter.kind)) }
                }
                dd { (value(view, &parameter.value)) }
            }
        }
        @if has_more(decoded) { p.quiet { "Behind that: " (text::data_short(&decoded.trailing)) } }
    }
}

/// Whether something stands behind the encoding. Zeros that pad it to whole words are nothing.
pub(super) fn has_more(decoded: &Decoded) -> bool {
    decoded.trailing.len() >= 32 || decoded.trailing.iter().any(|byte| *byte != 0)
}

/// A value; addresses are links.
pub(super) fn value(view: &View<'_>, value: &heddle_solidity::abi::Value) -> Markup {
    use heddle_solidity::abi::Value;
    match value {
        Value::Address(address) => pieces::address_full(view, *address),
        other => {
            let shown = other.to_string();
            html! { span.mono.wrap { (text::text(&shown)) } }
        }
    }
}

fn linked(view: &View<'_>, verified: &Verified) -> Markup {
    if verified.immutables.is_empty() && verified.libraries.is_empty() {
        return html! {};
    }
    html! {
        section.card {
            h2 { "Immutables and libraries" }
            dl.facts {
                @for (name, value) in verified.immutables.iter().take(ITEMS_MAX) {
                    dt { "Immutable " bdi { (text::name(name)) } }
                    dd { (text::data_short(value)) }
                }
                @for (name, address) in verified.libraries.iter().take(ITEMS_MAX) {
                    dt { "Library " bdi { (text::name(name)) } }
                    dd { (pieces::address_full(view, *address)) }
                }
            }
        }
    }
}

fn sources(verified: &Verified) -> Markup {
    let main = verified.sources.iter().filter(|(path, _)| **path == verified.path);
    let others = verified.sources.iter().filter(|(path, _)| **path != verified.path);
    let mut left = SOURCE_CHARS_MAX;
    let files: Vec<Markup> = main
        .chain(others)
        .take(FILES_MAX)
        .map(|(path, source)| file(path, source, *path == verified.path, &mut left))
        .collect();
    html! {
        section.card {
            h2 { "Sources " span.quiet { "(" (amounts::number(verified.sources.len())) @if verified.sources.len() == 1 { " file)" } @else { " files)" } } }
            @for file in &files { (file) }
            @if verified.sources.len() > files.len() {
                p.quiet { "The other files are in the standard JSON." }
            }
        }
    }
}

/// A source with the numbers of its lines. Both columns are texts of their own, so that copying
/// takes no numbers along.
fn file(path: &str, source: &str, is_main: bool, left: &mut usize) -> Markup {
    let (shown, cut) = text::clean(source, *left);
    *left = left.saturating_sub(shown.chars().count());
    let count = shown.lines().count();
    let mut numbers = String::with_capacity(6 * count);
    for number in 1..=count {
        numbers.push_str(&number.to_string());
        numbers.push('\n');
    }
    let label = format!("Source {}", text::name(path));
    html! {
        details.source open[is_main] {
            summary { span.mono { bdi { (text::clean(path, 200).0) } } " " span.quiet { (amounts::number(count)) " lines" } }
            div.lines tabindex="0" role="region" aria-label=(label) {
                pre.numbers aria-hidden="true" { (numbers) }
                pre.text { code { (shown) } }
            }
            @if cut { p.quiet { "Cut here; all of it is in the standard JSON." } }
        }
    }
}

fn interface(subject: &Subject, verified: &Verified) -> Markup {
    let shown = pretty(&verified.abi);
    let plain = verified.abi.to_string();
    let path = format!("/address/{}/contract/abi.json", subject.own.address);
    html! {
        section.card {
            h2 { "ABI" @if plain.len() <= COPIED_MAX { (pieces::copy(&plain, "ABI")) } }
            p { a href=(path) download { "Download it" } " " span.quiet { "(" (amounts::bytes(plain.len() as u64)) ")" } }
            details { summary { "As JSON" } pre tabindex="0" { (text::text(&shown)) } }
        }
    }
}

fn pretty(json: &Json) -> String {
    serde_json::to_string_pretty(json).unwrap_or_else(|_| json.to_string())
}

/// `/address/{address}/contract/standard.json`: what compiles to the contract again.
pub(crate) async fn standard_json(
    State(explorer): Shared,
    UrlPath(address): UrlPath<String>,
) -> Result<Response, PageError> {
    let address = paths::address(&address)?;
    let verified = sources_of(&Subject::read(&explorer, address).await?)?;
    let sources: serde_json::Map<String, Json> = verified
        .sources
        .iter()
        .map(|(path, source)| (path.clone(), json!({ "content": source })))
        .collect();
    let mut settings = verified.settings.clone();
    if let Some(settings) = settings.as_object_mut() {
        let wanted = ["abi", "metadata", "evm.bytecode.object", "evm.deployedBytecode.object"];
        settings.insert("outputSelection".to_owned(), json!({ "*": { "*": wanted } }));
    }
    let input = json!({ "language": verified.language, "sources": sources, "settings": settings });
    Ok(attachment(&format!("{address}.standard.json"), &input))
}

/// `/address/{address}/contract/abi.json`.
pub(crate) async fn abi_json(
    State(explorer): Shared,
    UrlPath(address): UrlPath<String>,
) -> Result<Response, PageError> {
    let address = paths::address(&address)?;
    let verified = sources_of(&Subject::read(&explorer, address).await?)?;
    Ok(attachment(&format!("{address}.abi.json"), &verified.abi))
}

fn sources_of(subject: &Subject) -> Result<Arc<Verified>, PageError> {
    let unknown =
        || PageError::NotFound(format!("The contract {} is not verified.", subject.own.address));
    subject.own.verified.clone().ok_or_else(unknown)
}

fn attachment(name: &str, json: &Json) -> Response {
    let disposition = format!("attachment; filename=\"{name}\"");
    let headers = [
        (header::CONTENT_TYPE, "application/json".to_owned()),
        (header::CONTENT_DISPOSITION, disposition),
    ];
    (headers, pretty(json)).into_response()
}
