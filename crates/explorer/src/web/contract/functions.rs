//! Functions as forms.
//!
//! A form names a function by its selector and an argument by its position (`arg0`): names of
//! strangers are shown, and go nowhere else.

use super::{Query, Subject, path};
use crate::web::{pieces, text};
use alloy_primitives::{Bytes, Selector};
use heddle_solidity::abi::{Abi, Field, Function, InputError, Kind, Mutability};
use maud::{Markup, html};

/// Functions of a page.
const FUNCTIONS_MAX: usize = 100;
/// Fields of a page, unless the first function has more.
const FIELDS_MAX: usize = 600;
/// Characters of a list of types.
const TYPES_CHARS_MAX: usize = 160;

/// A part of the functions of an ABI.
pub(super) struct Listed<'a> {
    pub(super) functions: Vec<&'a Function>,
    /// The position of the first.
    pub(super) from: usize,
    /// All that there are.
    pub(super) count: usize,
}

impl<'a> Listed<'a> {
    /// The functions that read, or those that write, as far as a page holds them.
    pub(super) fn of(abi: &'a Abi, reads: bool, query: &Query) -> Self {
        let wanted = |function: &&Function| is_read(function) == reads;
        let all: Vec<&Function> = abi.functions().filter(wanted).collect();
        let from = query.get("from").and_then(|from| from.parse().ok()).unwrap_or(0);
        let mut fields = 0;
        let functions = all
            .iter()
            .skip(from)
            .take(FUNCTIONS_MAX)
            .enumerate()
            .take_while(|(index, function)| {
                fields += function.inputs.len();
                *index == 0 || fields <= FIELDS_MAX
            })
            .map(|(_, function)| *function)
            .collect();
        Self { functions, from, count: all.len() }
    }

    /// Links to the other parts.
    pub(super) fn pager(&self, base: &str) -> Markup {
        let end = self.from.saturating_add(self.functions.len());
        let first = (self.from > 0).then(|| ("First", base.to_owned()));
        let next = (end < self.count).then(|| ("Next", format!("{base}&from={end}")));
        pieces::pager_named(first, next)
    }
}

/// Whether calling a function changes nothing.
pub(super) const fn is_read(function: &Function) -> bool {
    matches!(function.mutability, Mutability::View | Mutability::Pure)
}

/// The function that a query names, by selector or signature.
pub(super) fn named<'a>(abi: &'a Abi, query: &Query) -> Option<&'a Function> {
    let name = query.get("function")?;
    match name.parse::<Selector>() {
        Ok(selector) => abi.function(selector),
        Err(_) => abi.function_of_signature(name),
    }
}

/// The calldata of a function with the arguments of a query.
pub(super) fn calldata(function: &Function, query: &Query) -> Result<Bytes, InputError> {
    let argument = |index: usize| query.get(&format!("arg{index}")).map_or("", String::as_str);
    let texts: Vec<&str> = (0..function.inputs.len()).map(argument).collect();
    function.encode_form(&texts)
}

/// A function in words: name and types.
pub(super) fn title(function: &Function) -> Markup {
    let kinds: Vec<String> = function
        .inputs
        .iter()
        .map(|field| match field.name.as_str() {
            "" => field.kind.to_string(),
            name => format!("{} {}", field.kind, text::name(name)),
        })
        .collect();
    let (mut kinds, cut) = text::clean(&kinds.join(", "), TYPES_CHARS_MAX);
    if cut {
        kinds.push('…');
    }
    html! {
        strong { bdi { (text::name(&function.name)) } }
        span.quiet.mono { "(" bdi { (kinds) } ")" }
        @if function.mutability == Mutability::Payable { " " (pieces::kind("payable")) }
    }
}

/// The hidden fields that name a function.
pub(super) fn hidden(subject: &Subject, function: &Function, tab: &str, query: &Query) -> Markup {
    let (_, is_implementation) = subject.chosen(query);
    html! {
        input type="hidden" name="tab" value=(tab);
        input type="hidden" name="function" value=(function.selector());
        @if subject.has_choice() && !is_implementation { input type="hidden" name="as" value="proxy"; }
        @if let Some(from) = query.get("from").and_then(|from| from.parse::<usize>().ok()) {
            input type="hidden" name="from" value=(from);
        }
    }
}

/// A field for each argument; `values` is what was typed before.
pub(super) fn fields(function: &Function, id: &str, values: Option<&Query>) -> Markup {
    html! {
        @for (index, field) in function.inputs.iter().enumerate() {
            (argument(field, index, id, values))
        }
    }
}

fn argument(field: &Field, index: usize, id: &str, values: Option<&Query>) -> Markup {
    let name = format!("arg{index}");
    let value = values.and_then(|values| values.get(&name)).map_or("", String::as_str);
    let id = format!("{id}-{index}");
    let (kind, _) = text::clean(&field.kind.to_string(), TYPES_CHARS_MAX);
    html! {
        label for=(id) {
            @if field.name.is_empty() { "Argument " (index + 1) } @else { bdi { (text::name(&field.name)) } }
            " " span.quiet.mono { (kind) }
        }
        @match &field.kind {
            Kind::Bool => {
                select id=(id) name=(name) {
                    option value="false" { "false" }
                    option value="true" selected[matches!(value, "true" | "1")] { "true" }
                }
            },
            Kind::Array(_) | Kind::FixedArray(..) | Kind::Tuple(_) | Kind::String | Kind::Bytes => {
                textarea id=(id) name=(name) rows="2" spellcheck="false" placeholder=(example(&field.kind)) { (value) }
            },
            kind => {
                input id=(id) name=(name) value=(value) autocomplete="off" spellcheck="false" placeholder=(example(kind));
            },
        }
    }
}

/// How a value is written.
const fn example(kind: &Kind) -> &'static str {
    match kind {
        Kind::Address => "0x and 40 hexadecimal digits",
        Kind::Uint(_) => "a number: 42, 0x2a or 1e18",
        Kind::Int(_) => "a number: -42, 0x2a or 1e18",
        Kind::FixedBytes(_) | Kind::Function | Kind::Bytes => "0x and hexadecimal digits",
        Kind::Array(_) | Kind::FixedArray(..) => "[a, b]",
        Kind::Tuple(_) => "(a, b) or {\"name\": a}",
        Kind::Bool | Kind::String => "",
    }
}

/// Says whose ABI it is, and offers the other one.
pub(super) fn whose(subject: &Subject, query: &Query, tab: &str) -> Markup {
    let (code, is_implementation) = subject.chosen(query);
    let name = code.verified.as_deref().map(|verified| text::name(&verified.name));
    let base = path(subject.own.address, tab);
    html! {
        @if let Some(name) = name {
            p {
                @if is_implementation {
                    "As implementation: by the ABI of " strong { bdi { (name) } } ", called at this address."
                } @else {
                    "By the ABI of " strong { bdi { (name) } } "."
                }
                @if subject.has_choice() {
                    " "
                    @if is_implementation { a href={ (base) "&as=proxy" } { "By the proxy’s own ABI" } }
                    @else { a href=(base) { "As implementation" } }
                }
            }
        }
    }
}

/// Where the part is whose list goes on.
pub(super) fn base(subject: &Subject, query: &Query, tab: &str) -> String {
    let (_, is_implementation) = subject.chosen(query);
    let base = path(subject.own.address, tab);
    if subject.has_choice() && !is_implementation { format!("{base}&as=proxy") } else { base }
}

/// Says that there is no ABI.
pub(super) fn none(subject: &Subject) -> Markup {
    html! {
        p.note {
            "Nobody has verified this contract, so its functions have no names here. "
            a href=(path(subject.own.address, "")) { "How to verify it" }
        }
    }
}
