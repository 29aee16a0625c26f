//! A contract whose sources are not known: its bytes, and how that can be changed.

use super::{Subject, metadata::Metadata};
use crate::{
    facts::View,
    web::{amounts, pieces, text},
};
use maud::{Markup, html};

/// Bytes of a code that a button copies: more than a contract can have (EIP-170, EIP-7907).
const COPIED_MAX: usize = 256 << 10;

/// Bytes of a code that are shown: as many.
const SHOWN_MAX: usize = 256 << 10;

/// The part of the page.
pub(super) fn show(view: &View<'_>, subject: &Subject, host: &str) -> Markup {
    let code = &subject.own;
    let metadata = Metadata::of(&code.bytes);
    let is_delegation = code.bytes.starts_with(&[0xef, 0x01, 0x00]);
    html! {
        section.card {
            h2 { "Bytecode" }
            @if !is_delegation { p { span.badge.wait { "not verified" } " Nobody has shown sources that compile to this code." } }
            (compiler(metadata.as_ref()))
            (bytecode(&code.bytes))
        }
        @if !is_delegation {
            section.card { h2 { "Verify it with forge" } (forge(view, subject, host)) }
            (form(view, subject, metadata.as_ref()))
        }
    }
}

fn compiler(metadata: Option<&Metadata>) -> Markup {
    let solc = metadata.and_then(|metadata| metadata.solc.as_deref());
    html! {
        @match (metadata, solc) {
            (_, Some(version)) => p { "By the metadata behind it, solc " bdi { (text::name(version)) } " made it." },
            (Some(_), None) => p.quiet { "The metadata behind it does not say which compiler made it." },
            (None, _) => p.quiet { "There is no metadata behind it that would say which compiler made it." },
        }
        @if let Some(hash) = metadata.and_then(|metadata| metadata.ipfs.as_ref()) {
            p.quiet { "Hash of the metadata (IPFS, multihash): " (text::data_short(hash)) }
        }
    }
}

/// A code with its size.
pub(super) fn bytecode(code: &[u8]) -> Markup {
    html! {
        p {
            (amounts::bytes(code.len() as u64))
            @if code.len() <= COPIED_MAX { " " (pieces::copy(&alloy_primitives::hex::encode_prefixed(code), "bytecode")) }
        }
        pre tabindex="0" { (alloy_primitives::hex::encode_prefixed(code.get(..SHOWN_MAX).unwrap_or(code))) }
        @if code.len() > SHOWN_MAX { p.quiet { "The first " (amounts::bytes(SHOWN_MAX as u64)) "." } }
    }
}

fn forge(view: &View<'_>, subject: &Subject, host: &str) -> Markup {
    let chain = view.chain.spec().chain_id;
    let command = format!(
        "forge verify-contract --chain {chain} --verifier custom --verifier-url http://{host}/api \
         --watch {} src/File.sol:Name",
        subject.own.address
    );
    html! {
        p { "In the project that it was deployed from, with your path and name at the end:" }
        pre tabindex="0" { (text::text(&command)) }
        p { (pieces::copy(&command, "command")) span.quiet { " " code { "--verifier blockscout" } " does the same." } }
    }
}

fn form(view: &View<'_>, subject: &Subject, metadata: Option<&Metadata>) -> Markup {
    let Some(compilers) = &view.explorer.parts.compilers else {
        return html! {
            p.note.wait { "This node has no compilers, so it verifies nothing. " code { "heddle explorer solc add VERSION" } " fetches one." }
        };
    };
    let versions = compilers.list().unwrap_or_default();
    let solc = metadata.and_then(|metadata| metadata.solc.as_deref());
    html! {
        section.card {
            h2 { "Verify it here" }
            @if versions.is_empty() {
                p { "There is no compiler yet. " code { "heddle explorer solc add VERSION" } " fetches one." }
            } @else {
                form.fields method="post" action={ "/address/" (subject.own.address) "/contract/verify" } {
                    label for="version" { "Compiler" }
                    select id="version" name="version" {
                        @for version in versions.iter().rev() {
                            option value=(version) selected[solc == Some(version.short().as_str())] { (version) }
                        }
                    }
                    label for="contract" { "Contract " span.quiet { "path:Name, or the name, or nothing: then it is searched for" } }
                    input id="contract" name="contract" maxlength="1000" autocomplete="off" spellcheck="false";
                    label for="input" { "Standard JSON " span.quiet { "as solc takes it, with sources and settings" } }
                    textarea id="input" name="input" rows="8" required spellcheck="false" {}
                    p { button.do type="submit" { "Verify" } span.quiet { " Compiling may take a minute." } }
                }
            }
        }
    }
}
