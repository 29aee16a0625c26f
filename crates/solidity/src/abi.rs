//! Calls, return data, logs and errors as typed trees with names.
//!
//! In: the JSON of an ABI, or signatures as they stand in Solidity, and bytes of the chain. Out: a
//! [`Decoded`], or `None` where the bytes are not what a signature says: bytes of strangers are
//! never an error. Every step is bounded, however hostile the ABI or the bytes; a type of an ABI
//! that goes beyond the bounds of [`kind`] leaves out the item that has it.
//!
//! Module by module: [`kind`] (types), [`value`] (values), `codec` (the encoding), `human`
//! (signatures as text), [`form`] (values as a person types them), [`revert`] (why a call failed).

mod codec;
pub mod form;
mod human;
pub mod kind;
pub mod revert;
#[cfg(test)]
mod tests;
pub mod value;

use std::collections::{BTreeMap, HashMap};

use alloy_primitives::{B256, Bytes, Selector, keccak256};
use serde::Serialize;
use serde_json::Value as Json;

pub(crate) use codec::decode_word;
pub use form::InputError;
pub use human::SignatureError;
pub use kind::{Field, Kind};
pub use value::Value;

/// Items of one ABI. A contract of 24,576 bytes dispatches to some two thousand functions at most.
pub const ITEMS_MAX: usize = 4096;

/// Bytes of an ABI as text.
pub const TEXT_BYTES_MAX: usize = 4 << 20;

/// Topics of a log, by the opcodes LOG0 to LOG4.
const TOPICS_MAX: usize = 4;

/// An ABI that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum AbiError {
    /// The text is no JSON.
    #[error("the ABI is no JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// The JSON is no list.
    #[error("the ABI is no list of functions, events and errors")]
    NoList,
    /// Too long a text.
    #[error("the ABI has {0} bytes; {TEXT_BYTES_MAX} are allowed")]
    TooLong(usize),
    /// Too many items.
    #[error("the ABI has {0} items; {ITEMS_MAX} are allowed")]
    TooManyItems(usize),
}

/// A function, an error or a constructor.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Function {
    /// Its name; empty for a constructor.
    pub name: String,
    /// What it takes.
    pub inputs: Vec<Field>,
    /// What it returns; empty for an error.
    pub outputs: Vec<Field>,
    /// Whether a call of it can change the state.
    pub mutability: Mutability,
}

/// What a call of a function can do.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Mutability {
    /// Reads neither state nor environment.
    Pure,
    /// Changes no state.
    View,
    /// Changes state and takes no ether.
    NonPayable,
    /// Changes state and takes ether.
    Payable,
}

/// An event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Event {
    /// Its name.
    pub name: String,
    /// Its parameters.
    pub inputs: Vec<Field>,
    /// For each parameter, whether it is a topic.
    pub indexed: Vec<bool>,
    /// Whether its first topic is not the hash of its signature.
    pub is_anonymous: bool,
}

/// A call, a result, a log or an error, with names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Decoded {
    /// The name of the function, the event or the error.
    pub name: String,
    /// The signature that selector or topic are made of: `transfer(address,uint256)`.
    pub signature: String,
    /// The parameters, in order.
    pub parameters: Vec<Parameter>,
    /// Bytes behind the encoding, as some applications append to calls.
    pub trailing: Bytes,
}

/// A parameter with its value.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Parameter {
    /// Its name; empty where the ABI gives none.
    pub name: String,
    /// Its canonical type.
    pub kind: String,
    /// Whether it is a topic of a log.
    pub indexed: bool,
    /// Its value.
    pub value: Value,
}

/// Functions, events and errors by what identifies them on the chain.
#[derive(Clone, Debug, Default)]
pub struct Abi {
    constructor: Option<Function>,
    functions: BTreeMap<String, Function>,
    selectors: HashMap<Selector, String>,
    errors: HashMap<Selector, Function>,
    events: HashMap<B256, Vec<Event>>,
    anonymous: Vec<Event>,
}

impl Function {
    /// The signature that the selector is made of.
    pub fn signature(&self) -> String {
        format!("{}{}", self.name, kind::signature_of(&self.inputs))
    }

    /// The signature with the names of what it takes, as sources have it:
    /// `transfer(address to, uint256 value)`.
    pub fn declaration(&self) -> String {
        let input = |field: &Field| match field.name.as_str() {
            "" => field.kind.to_string(),
            name => format!("{} {name}", field.kind),
        };
        let inputs: Vec<String> = self.inputs.iter().map(input).collect();
        format!("{}({})", self.name, inputs.join(", "))
    }

    /// The first four bytes of calldata.
    pub fn selector(&self) -> Selector {
        selector_of(&self.signature())
    }

    /// The parameters of a call, its selector included.
    pub fn decode_call(&self, data: &[u8]) -> Option<Decoded> {
        let arguments = data.strip_prefix(self.selector().as_slice())?;
        self.decode_arguments(arguments)
    }

    /// The parameters of a call without selector: a constructor's arguments.
    pub fn decode_arguments(&self, data: &[u8]) -> Option<Decoded> {
        decoded(&self.name, self.signature(), &self.inputs, data)
    }

    /// What a call of it returned.
    pub fn decode_return(&self, data: &[u8]) -> Option<Decoded> {
        decoded(&self.name, self.signature(), &self.outputs, data)
    }

    /// Calldata with these values; `None` where they are not of the types of the parameters.
    pub fn encode_call(&self, values: &[Value]) -> Option<Bytes> {
        let mut data = self.selector().to_vec();
        data.append(&mut codec::encode(&self.inputs, values)?);
        Some(data.into())
    }

    /// The arguments alone: what follows a constructor's code.
    pub fn encode_arguments(&self, values: &[Value]) -> Option<Bytes> {
        codec::encode(&self.inputs, values).map(Bytes::from)
    }
}

impl Event {
    /// The signature that the first topic is made of.
    pub fn signature(&self) -> String {
        format!("{}{}", self.name, kind::signature_of(&self.inputs))
    }

    /// The first topic.
    pub fn topic(&self) -> B256 {
        keccak256(self.signature())
    }

    /// Topics of a log of it.
    pub fn topic_count(&self) -> usize {
        let indexed = self.indexed.iter().filter(|indexed| **indexed).count();
        indexed + usize::from(!self.is_anonymous)
    }

    /// The parameters of a log of it.
    pub fn decode(&self, topics: &[B256], data: &[u8]) -> Option<Decoded> {
        if topics.len() > TOPICS_MAX || topics.len() != self.topic_count() {
            return None;
        }
        let mut topics = topics.iter();
        if !self.is_anonymous && *topics.next()? != self.topic() {
            return None;
        }
        let pairs = self.inputs.iter().zip(&self.indexed);
        let in_data: Vec<Field> = pairs
            .clone()
            .filter(|(_, indexed)| !**indexed)
            .map(|(field, _)| field.clone())
            .collect();
        let (values, reach) = codec::decode(&in_data, data)?;
        let mut values = values.into_iter();
        let mut parameters = Vec::new();
        for (field, indexed) in pairs {
            let value = match indexed {
                true => codec::decode_word(&field.kind, topics.next()?)?,
                false => values.next()?,
            };
            parameters.push(parameter(field, *indexed, value));
        }
        let trailing = Bytes::copy_from_slice(data.get(reach..).unwrap_or_default());
        Some(Decoded { name: self.name.clone(), signature: self.signature(), parameters, trailing })
    }
}

impl Abi {
    /// The ABI of a JSON text.
    pub fn parse(text: &str) -> Result<Self, AbiError> {
        if text.len() > TEXT_BYTES_MAX {
            return Err(AbiError::TooLong(text.len()));
        }
        Self::of_json(&serde_json::from_str(text)?)
    }

    /// The ABI of parsed JSON. Items that are malformed or beyond the bounds are left out.
    pub fn of_json(json: &Json) -> Result<Self, AbiError> {
        let items = json.as_array().ok_or(AbiError::NoList)?;
        if items.len() > ITEMS_MAX {
            return Err(AbiError::TooManyItems(items.len()));
        }
        let mut abi = Self::default();
        for item in items {
            abi.add_json(item);
        }
        Ok(abi)
    }

    /// The ABI of lines such as `event Transfer(address indexed from, address indexed to, uint256
    /// value)`. Empty lines and those with `#` in front are skipped.
    pub fn of_signatures(text: &str) -> Result<Self, SignatureError> {
        let mut abi = Self::default();
        let lines = text.lines().map(str::trim);
        for line in lines.filter(|line| !line.is_empty() && !line.starts_with('#')) {
            match human::parse(line)? {
                human::Item::Function(function) => abi.add_function(function),
                human::Item::Error(error) => abi.add_error(error),
                human::Item::Event(event) => abi.add_event(event),
            }
        }
        Ok(abi)
    }

    fn add_json(&mut self, item: &Json) -> Option<()> {
        let kind = item.get("type").and_then(Json::as_str).unwrap_or("function");
        let name = kind::name_of(item)?;
        if kind == "event" {
            let list = item.get("inputs")?.as_array()?;
            let indexed = list.iter().map(|input| input.get("indexed") == Some(&Json::Bool(true)));
            let indexed = indexed.collect();
            let is_anonymous = item.get("anonymous") == Some(&Json::Bool(true));
            self.add_event(Event {
                name,
                inputs: fields_of(item, "inputs")?,
                indexed,
                is_anonymous,
            });
            return Some(());
        }
        let mutability = match item.get("stateMutability").and_then(Json::as_str) {
            Some("pure") => Mutability::Pure,
            Some("view") => Mutability::View,
            Some("payable") => Mutability::Payable,
            Some(_) => Mutability::NonPayable,
            None if item.get("constant") == Some(&Json::Bool(true)) => Mutability::View,
            None if item.get("payable") == Some(&Json::Bool(true)) => Mutability::Payable,
            None => Mutability::NonPayable,
        };
        let inputs = fields_of(item, "inputs")?;
        match kind {
            "function" => {
                let outputs = fields_of(item, "outputs")?;
                self.add_function(Function { name, inputs, outputs, mutability });
            }
            "error" => self.add_error(Function { name, inputs, outputs: Vec::new(), mutability }),
            "constructor" => {
                let name = String::new();
                self.constructor = Some(Function { name, inputs, outputs: Vec::new(), mutability });
            }
            _ => {}
        }
        Some(())
    }

    fn add_function(&mut self, function: Function) {
        let signature = function.signature();
        self.selectors.insert(selector_of(&signature), signature.clone());
        self.functions.insert(signature, function);
    }

    fn add_error(&mut self, error: Function) {
        self.errors.insert(error.selector(), error);
    }

    fn add_event(&mut self, event: Event) {
        if event.is_anonymous {
            self.anonymous.push(event);
            return;
        }
        let events = self.events.entry(event.topic()).or_default();
        if !events.iter().any(|other| other.indexed == event.indexed) {
            events.push(event);
        }
    }

    /// The constructor, where the ABI has one.
    pub fn constructor(&self) -> Option<&Function> {
        self.constructor.as_ref()
    }

    /// The functions, sorted by signature.
    pub fn functions(&self) -> impl Iterator<Item = &Function> {
        self.functions.values()
    }

    /// The events, in no order.
    pub fn events(&self) -> impl Iterator<Item = &Event> {
        self.events.values().flatten().chain(&self.anonymous)
    }

    /// The errors, in no order.
    pub fn errors(&self) -> impl Iterator<Item = &Function> {
        self.errors.values()
    }

    /// A function by its selector.
    pub fn function(&self, selector: Selector) -> Option<&Function> {
        self.functions.get(self.selectors.get(&selector)?)
    }

    /// A function by its signature, `transfer(address,uint256)`.
    pub fn function_of_signature(&self, signature: &str) -> Option<&Function> {
        self.functions.get(signature)
    }

    /// A custom error by its selector.
    pub fn error(&self, selector: Selector) -> Option<&Function> {
        self.errors.get(&selector)
    }

    /// Calldata.
    pub fn decode_call(&self, data: &[u8]) -> Option<Decoded> {
        self.function(selector_at(data)?)?.decode_call(data)
    }

    /// What a call returned: `calldata` says which function it was.
    pub fn decode_return(&self, calldata: &[u8], data: &[u8]) -> Option<Decoded> {
        self.function(selector_at(calldata)?)?.decode_return(data)
    }

    /// A log. Where events differ only in what is indexed, the number of topics decides.
    pub fn decode_log(&self, topics: &[B256], data: &[u8]) -> Option<Decoded> {
        let named = topics.first().and_then(|topic| self.events.get(topic));
        let mut events = named.into_iter().flatten().chain(&self.anonymous);
        events.find_map(|event| event.decode(topics, data))
    }

    /// A custom error. [`revert::reason`] knows the built-in ones, too.
    pub fn decode_error(&self, data: &[u8]) -> Option<Decoded> {
        self.error(selector_at(data)?)?.decode_call(data)
    }
}

fn fields_of(item: &Json, list: &str) -> Option<Vec<Field>> {
    let Some(list) = item.get(list) else { return Some(Vec::new()) };
    let list = list.as_array().filter(|list| list.len() <= kind::KINDS_MAX)?;
    let field = |input| Some(Field { name: kind::name_of(input)?, kind: Kind::of_json(input)? });
    list.iter().map(field).collect()
}

fn decoded(name: &str, signature: String, fields: &[Field], data: &[u8]) -> Option<Decoded> {
    let (values, reach) = codec::decode(fields, data)?;
    let pairs = fields.iter().zip(values);
    let parameters = pairs.map(|(field, value)| parameter(field, false, value)).collect();
    let trailing = Bytes::copy_from_slice(data.get(reach..).unwrap_or_default());
    Some(Decoded { name: name.to_owned(), signature, parameters, trailing })
}

fn parameter(field: &Field, indexed: bool, value: Value) -> Parameter {
    Parameter { name: field.name.clone(), kind: field.kind.to_string(), indexed, value }
}

fn selector_of(signature: &str) -> Selector {
    let [a, b, c, d, ..] = keccak256(signature).0;
    Selector::new([a, b, c, d])
}

fn selector_at(data: &[u8]) -> Option<Selector> {
    data.first_chunk::<4>().map(|selector| Selector::new(*selector))
}
