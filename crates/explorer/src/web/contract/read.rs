//! Functions that read, called at the end of the chain.

use super::{Query, Subject, code, functions, functions::Listed, subject};
use crate::{
    Explorer,
    facts::View,
    web::{pieces, text},
};
use alloy_primitives::{Address, Bytes};
use heddle_rpc::CallFailure;
use heddle_solidity::abi::{Abi, Decoded, Function, revert};
use maud::{Markup, html};
use serde_json::{Value as Json, json};
use std::{collections::HashMap, sync::Arc};

/// Functions without arguments that are called at once, when the page is made.
const AT_ONCE_MAX: usize = 40;
/// Gas for each of those: a few values of storage. All together use what a block may.
const AT_ONCE_GAS: u64 = 1_000_000;
/// Gas for a call that a person asks for.
const GAS: u64 = 50_000_000;

/// What came of a call.
#[derive(Clone, Debug)]
pub(super) enum Answer {
    Values(Decoded),
    /// What it returned is not what the ABI says.
    Other(Bytes),
    /// Why it failed.
    Failure(String),
    /// An argument is not what it has to be.
    Argument(String),
}

/// What came of calls, by signature.
#[derive(Clone, Debug, Default)]
pub(super) struct Answers(HashMap<String, Answer>);

/// Calls the functions without arguments, and the one that the query names.
pub(super) async fn ask(explorer: &Arc<Explorer>, subject: &Subject, query: &Query) -> Answers {
    let mut answers = Answers::default();
    let Some(verified) = &subject.chosen(query).0.verified else { return answers };
    let abi = subject::abi(verified);
    let abis = subject.abis();
    let to = subject.own.address;
    let listed = Listed::of(&abi, true, query);
    let at_once = listed.functions.iter().filter(|function| function.inputs.is_empty());
    for function in at_once.take(AT_ONCE_MAX) {
        let data = Bytes::from(function.selector().to_vec());
        let answer = call(explorer, to, function, data, AT_ONCE_GAS, &abis).await;
        answers.0.insert(function.signature(), answer);
    }
    if let Some(function) = functions::named(&abi, query).filter(|f| functions::is_read(f)) {
        let answer = match functions::calldata(function, query) {
            Ok(data) => call(explorer, to, function, data, GAS, &abis).await,
            Err(error) => Answer::Argument(error.to_string()),
        };
        answers.0.insert(function.signature(), answer);
    }
    answers
}

async fn call(
    explorer: &Explorer,
    to: Address,
    function: &Function,
    data: Bytes,
    gas: u64,
    abis: &[Abi],
) -> Answer {
    let call = json!({ "to": to, "input": data, "gas": format!("{gas:#x}") });
    match explorer.call::<Bytes>("eth_call", json!([call, "latest"])).await {
        Ok(returned) => match function.decode_return(&returned) {
            Some(decoded) => Answer::Values(decoded),
            None => Answer::Other(returned),
        },
        Err(failure) => Answer::Failure(reason(&failure, abis)),
    }
}

/// Why a call failed: what it reverted with, else the node's words.
fn reason(failure: &CallFailure, abis: &[Abi]) -> String {
    let data: Option<Bytes> =
        failure.data.as_ref().and_then(Json::as_str).and_then(|data| data.parse().ok());
    let reason = data.as_deref().and_then(|data| revert::reason(data, abis));
    reason.map_or_else(|| failure.message.clone(), |reason| format!("reverted: {reason}"))
}

/// The part of the page.
pub(super) fn show(view: &View<'_>, subject: &Subject, query: &Query, answers: &Answers) -> Markup {
    let Some(verified) = &subject.chosen(query).0.verified else {
        return functions::none(subject);
    };
    let abi = subject::abi(verified);
    let listed = Listed::of(&abi, true, query);
    let named = functions::named(&abi, query).map(Function::selector);
    html! {
        section.card {
            h2 { "Read" }
            (functions::whose(subject, query, "read"))
            @if listed.count == 0 { (pieces::empty("The ABI has no functions that only read.")) }
            @for (index, function) in listed.functions.iter().enumerate() {
                @let number = listed.from + index;
                @let answer = answers.0.get(&function.signature());
                @let is_named = named == Some(function.selector());
                @if function.inputs.is_empty() && answer.is_some() && !is_named {
                    div.function id={ "f" (number) } {
                        p { (functions::title(function)) }
                        @if let Some(answer) = answer { (outcome(view, answer)) }
                    }
                } @else {
                    (form(view, subject, query, function, number, answer.filter(|_| is_named)))
                }
            }
            (listed.pager(&functions::base(subject, query, "read")))
        }
    }
}

fn form(
    view: &View<'_>,
    subject: &Subject,
    query: &Query,
    function: &Function,
    number: usize,
    answer: Option<&Answer>,
) -> Markup {
    let id = format!("f{number}");
    let action = format!("/address/{}/contract#{id}", subject.own.address);
    let values = answer.map(|_| query);
    html! {
        details.function id=(id) open[answer.is_some()] {
            summary { (functions::title(function)) }
            form.fields method="get" action=(action) {
                (functions::hidden(subject, function, "read", query))
                (functions::fields(function, &id, values))
                p { button.do type="submit" { "Call" span.seen { " " (text::name(&function.name)) } } }
            }
            @if let Some(answer) = answer { div role="status" { (outcome(view, answer)) } }
        }
    }
}

fn outcome(view: &View<'_>, answer: &Answer) -> Markup {
    match answer {
        Answer::Values(decoded) if decoded.parameters.is_empty() => {
            html! { p { "It returns nothing, and did not fail." } }
        }
        Answer::Values(decoded) => match decoded.parameters.as_slice() {
            [only] if only.name.is_empty() && !code::has_more(decoded) => {
                html! { p.answer { (code::value(view, &only.value)) " " span.quiet.mono { (text::name(&only.kind)) } } }
            }
            _ => code::parameters(view, decoded),
        },
        Answer::Other(bytes) if bytes.is_empty() => {
            html! { p.quiet { "It returned nothing, which is not what the ABI says." } }
        }
        Answer::Other(bytes) => {
            html! { p.quiet { "It returned what the ABI does not say:" } (text::data(bytes)) }
        }
        Answer::Failure(reason) => {
            html! { p { span.badge.bad { "✗ failed" } " " (text::text(reason)) } }
        }
        Answer::Argument(reason) => {
            html! { p { span.badge.bad { "not called" } " " (text::text(reason)) } }
        }
    }
}
