//! Functions that change the state: forms whose calldata is made here, and that a wallet sends.
//!
//! Without a script the calldata is shown, for whatever sends it. `wallet.js` finds wallets by
//! EIP-6963 and asks [`super::encode()`] for the calldata.

use super::{Query, Subject, functions, functions::Listed, subject};
use crate::{
    facts::View,
    web::{pieces, text},
};
use heddle_solidity::abi::{Function, Mutability};
use maud::{Markup, html};

/// The part of the page.
pub(super) fn show(view: &View<'_>, subject: &Subject, query: &Query) -> Markup {
    let Some(verified) = &subject.chosen(query).0.verified else {
        return functions::none(subject);
    };
    let abi = subject::abi(verified);
    let listed = Listed::of(&abi, false, query);
    let named = functions::named(&abi, query).map(Function::selector);
    html! {
        script src="/assets/wallet.js" type="module" {}
        (wallet(view, subject))
        section.card {
            h2 { "Write" }
            (functions::whose(subject, query, "write"))
            @if listed.count == 0 { (pieces::empty("The ABI has no functions that change anything.")) }
            @for (index, function) in listed.functions.iter().enumerate() {
                (form(subject, query, function, listed.from + index, named == Some(function.selector())))
            }
            (listed.pager(&functions::base(subject, query, "write")))
        }
    }
}

/// Where a wallet is chosen. What is in it is for the script.
fn wallet(view: &View<'_>, subject: &Subject) -> Markup {
    let chain = view.chain.spec().chain_id;
    html! {
        section.card.wallet id="wallet" data-chain=(format!("{chain:#x}")) data-address=(subject.own.address) {
            h2 { "Wallet" }
            p id="wallet-state" role="status" {
                "No wallet is connected. Each form shows its calldata, which any wallet or "
                code { "cast send" } " can send."
            }
            ul.choices id="wallet-choices" {}
            form.fields id="wallet-chain" hidden {
                label for="wallet-rpc" { "JSON-RPC of this node, for a wallet that does not know chain " (chain) }
                input id="wallet-rpc" type="url" required autocomplete="off" spellcheck="false";
                p { button.do type="submit" { "Switch the wallet to chain " (chain) } }
            }
        }
    }
}

fn form(
    subject: &Subject,
    query: &Query,
    function: &Function,
    number: usize,
    is_named: bool,
) -> Markup {
    let id = format!("f{number}");
    let address = subject.own.address;
    let name = text::name(&function.name);
    let is_payable = function.mutability == Mutability::Payable;
    let ether = query.get("ether").filter(|_| is_named).map_or("", String::as_str);
    html! {
        details.function id=(id) open[is_named] {
            summary { (functions::title(function)) }
            form.fields method="get" action={ "/address/" (address) "/contract#" (id) } data-function {
                (functions::hidden(subject, function, "write", query))
                @if is_payable {
                    label for={ (id) "-ether" } { "Value " span.quiet { "in ether" } }
                    input id={ (id) "-ether" } name="ether" inputmode="decimal" autocomplete="off" placeholder="0" value=(ether);
                }
                (functions::fields(function, &id, is_named.then_some(query)))
                p {
                    button.do type="button" data-send hidden { "Send" span.seen { " " (name) } }
                    " " button.plain type="submit" { "Show the calldata" span.seen { " of " (name) } }
                }
                p.outcome role="status" data-outcome {}
            }
            @if is_named { (calldata(function, query)) }
        }
    }
}

fn calldata(function: &Function, query: &Query) -> Markup {
    match functions::calldata(function, query) {
        Ok(data) => html! {
            p { "Calldata" (pieces::copy(&data.to_string(), "calldata")) }
            (text::data(&data))
        },
        Err(error) => {
            html! { p role="status" { span.badge.bad { "no calldata" } " " (text::text(&error.to_string())) } }
        }
    }
}
