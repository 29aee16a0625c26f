//! Signatures as they stand in Solidity.
//!
//! In: one line, `function NAME(TYPE NAME, …) view returns (…)`, `event NAME(TYPE indexed NAME, …)
//! anonymous` or `error NAME(…)`; a struct is written as its components, `(address to, uint256
//! amount) NAME`. Out: the item.

use super::{
    Event, Function, Mutability,
    kind::{DEPTH_MAX, Field, KINDS_MAX, Kind, NAME_BYTES_MAX},
};

/// A line that is no signature.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{line}` is no signature: {reason}")]
pub struct SignatureError {
    /// The line.
    pub line: String,
    /// What is wrong with it.
    pub reason: &'static str,
}

pub(crate) enum Item {
    Function(Function),
    Error(Function),
    Event(Event),
}

struct Declared {
    field: Field,
    is_indexed: bool,
}

pub(crate) fn parse(line: &str) -> Result<Item, SignatureError> {
    let error = |reason| SignatureError { line: line.to_owned(), reason };
    Parser { rest: line, left: KINDS_MAX }.item().map_err(error)
}

struct Parser<'a> {
    rest: &'a str,
    /// Types that may still come.
    left: usize,
}

impl<'a> Parser<'a> {
    fn item(&mut self) -> Result<Item, &'static str> {
        let keyword = self.word();
        let name = self.word().to_owned();
        if name.is_empty() || name.len() > NAME_BYTES_MAX {
            return Err("it begins with function, event or error, and a name");
        }
        let inputs = self.list(0)?;
        let item = match keyword {
            "function" => {
                let mutability = self.mutability();
                let outputs =
                    if self.keyword("returns") { fields(self.list(0)?) } else { Vec::new() };
                Item::Function(Function { name, inputs: fields(inputs), outputs, mutability })
            }
            "error" => {
                let (outputs, mutability) = (Vec::new(), Mutability::NonPayable);
                Item::Error(Function { name, inputs: fields(inputs), outputs, mutability })
            }
            "event" => {
                let indexed = inputs.iter().map(|input| input.is_indexed).collect();
                let is_anonymous = self.keyword("anonymous");
                Item::Event(Event { name, inputs: fields(inputs), indexed, is_anonymous })
            }
            _ => return Err("it begins with function, event or error"),
        };
        self.rest.trim().is_empty().then_some(item).ok_or("something stands behind its end")
    }

    fn mutability(&mut self) -> Mutability {
        let mut mutability = Mutability::NonPayable;
        loop {
            if self.keyword("view") {
                mutability = Mutability::View;
            } else if self.keyword("pure") {
                mutability = Mutability::Pure;
            } else if self.keyword("payable") {
                mutability = Mutability::Payable;
            } else if !self.keyword("external") && !self.keyword("public") {
                return mutability;
            }
        }
    }

    fn list(&mut self, depth: usize) -> Result<Vec<Declared>, &'static str> {
        if depth > DEPTH_MAX {
            return Err("its types nest too deep");
        }
        if !self.sign('(') {
            return Err("a list of types is in parentheses");
        }
        let mut list = Vec::new();
        if self.sign(')') {
            return Ok(list);
        }
        loop {
            list.push(self.declared(depth)?);
            if self.sign(')') {
                return Ok(list);
            }
            if !self.sign(',') {
                return Err("types are separated by commas");
            }
        }
    }

    fn declared(&mut self, depth: usize) -> Result<Declared, &'static str> {
        self.left = self.left.checked_sub(1).ok_or("it has too many types")?;
        let is_tuple = self.rest.trim_start().starts_with('(');
        let kind = if is_tuple {
            let components = fields(self.list(depth + 1)?);
            (!components.is_empty()).then_some(Kind::Tuple(components)).ok_or("a tuple is empty")?
        } else {
            Kind::elementary(self.word()).ok_or("a type is unknown")?
        };
        let end = self.rest.find(|sign: char| !matches!(sign, '[' | ']' | '0'..='9'));
        let (suffixes, rest) = self.rest.split_at(end.unwrap_or(self.rest.len()));
        self.rest = rest;
        let kind = kind.with_arrays(suffixes).ok_or("the length of an array is wrong")?;
        if kind.depth() > DEPTH_MAX {
            return Err("its types nest too deep");
        }
        let is_indexed = self.keyword("indexed");
        let name = self.word().to_owned();
        Ok(Declared { field: Field { name, kind }, is_indexed })
    }

    fn word(&mut self) -> &'a str {
        let text = self.rest.trim_start();
        let is_sign = |sign: char| !(sign.is_ascii_alphanumeric() || sign == '_' || sign == '$');
        let (word, rest) = text.split_at(text.find(is_sign).unwrap_or(text.len()));
        self.rest = rest;
        word
    }

    fn keyword(&mut self, keyword: &str) -> bool {
        let before = self.rest;
        if self.word() == keyword {
            return true;
        }
        self.rest = before;
        false
    }

    fn sign(&mut self, sign: char) -> bool {
        match self.rest.trim_start().strip_prefix(sign) {
            Some(rest) => {
                self.rest = rest;
                true
            }
            None => false,
        }
    }
}

fn fields(list: Vec<Declared>) -> Vec<Field> {
    list.into_iter().map(|declared| declared.field).collect()
}
