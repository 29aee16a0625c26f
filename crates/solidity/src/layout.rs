//! Names of storage slots.
//!
//! In: solc's `storageLayout`, a slot, and what hashes are made of. Out: which variables lie in the
//! slot, such as `orders[3].amount`. A slot within a mapping or a dynamic array is a hash; it has a
//! name only if the caller knows what was hashed, which a trace of the execution tells.
//!
//! Solidity's documentation, "Layout of State Variables in Storage", says where things lie.

use std::collections::BTreeMap;

use alloy_primitives::{B256, Bytes, U256, keccak256};
use serde::Serialize;
use serde_json::Value as Json;

use crate::abi::{Kind, Value};

/// Variables and members of one layout.
const VARIABLES_MAX: usize = 4096;
/// Types of one layout.
const TYPES_MAX: usize = 4096;
/// Hashes behind one slot: levels of mappings and dynamic arrays.
const LEVELS_MAX: usize = 16;
/// Levels of structs and arrays within a variable.
const DEPTH_MAX: usize = 32;
/// Names of one slot: it has 32 bytes.
const NAMES_MAX: usize = 32;
/// How far behind the hash of a dynamic array a slot counts as one of its elements.
const ELEMENT_SLOTS_MAX: u64 = 1 << 32;
/// Slots that a known hash may lie below: members of a struct, or elements of an array in a mapping.
const BEHIND_MAX: u64 = 64;
/// Elements of dynamic arrays that are looked for without a preimage being given.
const ARRAYS_MAX: usize = 256;
/// Bytes of a name: keys of mappings can be long strings.
const NAME_BYTES_MAX: usize = 512;

/// A variable, or a part of one, in a slot.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SlotName {
    /// The way to it: `balances[0x…]`, `pool.reserve0`, `orders.length`.
    pub name: String,
    /// Its type as Solidity writes it.
    pub kind: String,
    /// Where it begins in the slot, in bytes from the lowest.
    pub offset: u8,
    /// Its bytes.
    pub size: u8,
}

/// A layout of storage.
#[derive(Clone, Debug, Default)]
pub struct Layout {
    variables: Vec<Variable>,
    types: BTreeMap<String, Type>,
}

#[derive(Clone, Debug)]
struct Variable {
    name: String,
    slot: U256,
    offset: u8,
    kind: String,
}

#[derive(Clone, Debug)]
struct Type {
    label: String,
    bytes: U256,
    shape: Shape,
}

#[derive(Clone, Debug)]
enum Shape {
    Inplace,
    Bytes,
    Mapping { key: String, value: String },
    Array { base: String },
    FixedArray { base: String },
    Struct { members: Vec<Variable> },
}

/// Where a search goes on: a place of storage, with the name of what lies there.
struct Place<'a> {
    name: String,
    kind: &'a Type,
    /// Slots from the place's first to the one that is looked for.
    ahead: U256,
    offset: u8,
    depth: usize,
}

impl Layout {
    /// The layout of solc's JSON; what is malformed or beyond the bounds is left out.
    pub fn of_json(json: &Json) -> Self {
        let mut members_left = VARIABLES_MAX;
        let variables = json.get("storage").and_then(|list| variables_of(list, &mut members_left));
        let types = json.get("types").and_then(Json::as_object).into_iter().flatten();
        let types = types
            .take(TYPES_MAX)
            .filter_map(|(id, json)| Some((id.clone(), type_of(json, &mut members_left)?)));
        Self { variables: variables.unwrap_or_default(), types: types.collect() }
    }

    /// The name of a slot, or those of all that is packed into it, with commas between.
    pub fn name_of(&self, slot: U256, preimage: impl Fn(B256) -> Option<Bytes>) -> Option<String> {
        let names = self.names_of(slot, preimage);
        let names: Vec<_> = names.into_iter().map(|name| name.name).collect();
        (!names.is_empty()).then(|| names.join(", "))
    }

    /// All that lies in a slot. `preimage` gives what was hashed, where that is known: 64 bytes or
    /// more for a key of a mapping, 32 for a dynamic array or a long string.
    pub fn names_of(&self, slot: U256, preimage: impl Fn(B256) -> Option<Bytes>) -> Vec<SlotName> {
        let mut names = Vec::new();
        for place in self.places_at(slot, &preimage, 0) {
            self.collect(place, &mut names);
        }
        names.truncate(NAMES_MAX);
        names
    }

    /// What the slot is a part of: a variable, an entry of a mapping, an element of an array.
    fn places_at(
        &self,
        slot: U256,
        preimage: &impl Fn(B256) -> Option<Bytes>,
        level: usize,
    ) -> Vec<Place<'_>> {
        if level > LEVELS_MAX {
            return Vec::new();
        }
        let direct = self.direct(slot);
        if !direct.is_empty() {
            return direct;
        }
        // An entry of a mapping may be a struct, and an element of an array lies behind its hash:
        // the nearest hash below the slot that is known.
        for behind in 0..BEHIND_MAX {
            let base = slot.wrapping_sub(U256::from(behind));
            let Some(bytes) = preimage(base.into()) else { continue };
            if keccak256(&bytes) != B256::from(base) {
                continue;
            }
            let found = self.hashed(&bytes, U256::from(behind), preimage, level);
            if !found.is_empty() {
                return found;
            }
        }
        self.in_arrays(slot)
    }

    fn direct(&self, slot: U256) -> Vec<Place<'_>> {
        let mut places = Vec::new();
        for variable in &self.variables {
            let Some(kind) = self.types.get(&variable.kind) else { continue };
            let Some(ahead) = slot.checked_sub(variable.slot) else { continue };
            if ahead < slots_of(kind.bytes) {
                let name = variable.name.clone();
                places.push(Place { name, kind, ahead, offset: variable.offset, depth: 0 });
            }
        }
        places
    }

    /// What lies so many slots behind the hash of these bytes.
    fn hashed(
        &self,
        bytes: &Bytes,
        ahead: U256,
        preimage: &impl Fn(B256) -> Option<Bytes>,
        level: usize,
    ) -> Vec<Place<'_>> {
        let Some((key, owner)) = bytes.split_last_chunk::<32>() else { return Vec::new() };
        let owners = self.places_at(U256::from_be_bytes(*owner), preimage, level + 1);
        let mut places = Vec::new();
        for owner in owners {
            let Some((name, kind)) = self.leaf(owner) else { continue };
            match &kind.shape {
                Shape::Mapping { key: key_kind, value } => {
                    let Some(value) = self.types.get(value) else { continue };
                    let Some(key) = self.key(key_kind, key) else { continue };
                    if ahead < slots_of(value.bytes) {
                        let name = bounded(format!("{name}[{key}]"));
                        places.push(Place { name, kind: value, ahead, offset: 0, depth: 0 });
                    }
                }
                Shape::Array { base } if key.is_empty() => {
                    places.extend(self.element(&name, base, ahead, 0));
                }
                Shape::Bytes if key.is_empty() => places.push(Place {
                    name: format!("{name}[{}:]", ahead.saturating_mul(U256::from(32))),
                    kind: &BYTES_PART,
                    ahead: U256::ZERO,
                    offset: 0,
                    depth: 0,
                }),
                _ => {}
            }
        }
        places
    }

    /// Elements of dynamic arrays and long strings among the variables themselves: their hashes are
    /// known without being told.
    fn in_arrays(&self, slot: U256) -> Vec<Place<'_>> {
        for variable in self.variables.iter().take(ARRAYS_MAX) {
            let Some(kind) = self.types.get(&variable.kind) else { continue };
            if !matches!(kind.shape, Shape::Array { .. } | Shape::Bytes) {
                continue;
            }
            let first = U256::from_be_bytes(keccak256(variable.slot.to_be_bytes::<32>()).0);
            let ahead = slot.wrapping_sub(first);
            if ahead < U256::from(ELEMENT_SLOTS_MAX) {
                let bytes = Bytes::from(variable.slot.to_be_bytes::<32>().to_vec());
                return self.hashed(&bytes, ahead, &|_| None, LEVELS_MAX - 1);
            }
        }
        Vec::new()
    }

    /// The element of an array so many slots behind its beginning; the first one of a slot.
    fn element(&self, name: &str, base: &str, ahead: U256, depth: usize) -> Vec<Place<'_>> {
        let Some(kind) = self.types.get(base) else { return Vec::new() };
        if depth > DEPTH_MAX || kind.bytes.is_zero() {
            return Vec::new();
        }
        let width = U256::from(32);
        let place = |index: U256, ahead, offset| Place {
            name: bounded(format!("{name}[{index}]")),
            kind,
            ahead,
            offset,
            depth: depth + 1,
        };
        if kind.bytes > U256::from(16) {
            let slots = slots_of(kind.bytes);
            return vec![place(ahead / slots, ahead % slots, 0)];
        }
        let bytes = kind.bytes.to::<u8>();
        let in_slot = (width / kind.bytes).to::<u8>();
        let index = |n: u8| ahead.saturating_mul(U256::from(in_slot)).saturating_add(U256::from(n));
        (0..in_slot).map(|n| place(index(n), U256::ZERO, n * bytes)).collect()
    }

    /// Follows a place through structs and fixed arrays to what lies in the slot.
    fn inner<'a>(&'a self, place: Place<'a>) -> Result<Vec<Place<'a>>, Place<'a>> {
        if place.depth > DEPTH_MAX {
            return Ok(Vec::new());
        }
        match &place.kind.shape {
            Shape::Struct { members } => {
                let mut places = Vec::new();
                for member in members {
                    let Some(kind) = self.types.get(&member.kind) else { continue };
                    let Some(ahead) = place.ahead.checked_sub(member.slot) else { continue };
                    if ahead < slots_of(kind.bytes) {
                        let name = bounded(format!("{}.{}", place.name, member.name));
                        let (offset, depth) = (member.offset, place.depth + 1);
                        places.push(Place { name, kind, ahead, offset, depth });
                    }
                }
                Ok(places)
            }
            Shape::FixedArray { base } => {
                Ok(self.element(&place.name, base, place.ahead, place.depth))
            }
            _ => Err(place),
        }
    }

    /// The mapping, array or string that begins in the place's slot.
    fn leaf<'a>(&'a self, place: Place<'a>) -> Option<(String, &'a Type)> {
        let mut open = vec![place];
        let mut left = VARIABLES_MAX;
        while let Some(place) = open.pop() {
            left = left.checked_sub(1)?;
            match self.inner(place) {
                Ok(places) => open.extend(places),
                Err(place) if place.ahead.is_zero() => {
                    if !matches!(place.kind.shape, Shape::Inplace) {
                        return Some((place.name, place.kind));
                    }
                }
                Err(_) => {}
            }
        }
        None
    }

    fn collect(&self, place: Place<'_>, names: &mut Vec<SlotName>) {
        let mut open = vec![place];
        let mut left = VARIABLES_MAX;
        while let (Some(place), Some(rest)) = (open.pop(), left.checked_sub(1)) {
            left = rest;
            if names.len() >= NAMES_MAX {
                return;
            }
            match self.inner(place) {
                Ok(places) => open.extend(places.into_iter().rev()),
                Err(place) => {
                    let is_length = matches!(place.kind.shape, Shape::Array { .. });
                    let suffix = if is_length { ".length" } else { "" };
                    let size = u8::try_from(place.kind.bytes).unwrap_or(32).min(32);
                    names.push(SlotName {
                        name: format!("{}{suffix}", place.name),
                        kind: if is_length { "uint256".into() } else { place.kind.label.clone() },
                        offset: place.offset,
                        size,
                    });
                }
            }
        }
    }

    /// A key of a mapping as it stands in brackets.
    fn key(&self, kind: &str, bytes: &[u8]) -> Option<String> {
        let kind = self.types.get(kind)?;
        if let Shape::Bytes = kind.shape {
            return Some(match std::str::from_utf8(bytes) {
                Ok(text) if kind.label == "string" => Value::String(text.to_owned()).to_string(),
                _ => Value::Bytes(Bytes::copy_from_slice(bytes)).to_string(),
            });
        }
        let word: &[u8; 32] = bytes.try_into().ok()?;
        let label = kind.label.trim_end_matches(" payable");
        let elementary = match label.split_once(' ') {
            Some(("contract", _)) => Kind::Address,
            Some(("enum", _)) => Kind::Uint(256),
            // Of a value type of one's own only the size is told.
            _ => Kind::elementary(label).unwrap_or(Kind::FixedBytes(32)),
        };
        crate::abi::decode_word(&elementary, word).map(|value| value.to_string())
    }
}

/// A part of a string that is longer than its slot.
static BYTES_PART: std::sync::LazyLock<Type> = std::sync::LazyLock::new(|| Type {
    label: "bytes".into(),
    bytes: U256::from(32),
    shape: Shape::Inplace,
});

fn slots_of(bytes: U256) -> U256 {
    bytes.saturating_add(U256::from(31)) / U256::from(32)
}

fn bounded(mut name: String) -> String {
    if name.len() > NAME_BYTES_MAX {
        let end = (0..=NAME_BYTES_MAX).rev().find(|at| name.is_char_boundary(*at)).unwrap_or(0);
        name.truncate(end);
        name.push('…');
    }
    name
}

fn variables_of(json: &Json, left: &mut usize) -> Option<Vec<Variable>> {
    let mut variables = Vec::new();
    for json in json.as_array()? {
        *left = left.checked_sub(1)?;
        let text = |name| json.get(name).and_then(Json::as_str);
        let (Some(name), Some(slot), Some(kind)) = (text("label"), text("slot"), text("type"))
        else {
            continue;
        };
        let offset = json.get("offset").and_then(Json::as_u64).unwrap_or(0);
        let (Ok(slot), Ok(offset)) = (U256::from_str_radix(slot, 10), u8::try_from(offset)) else {
            continue;
        };
        let (name, kind) = (bounded(name.to_owned()), kind.to_owned());
        variables.push(Variable { name, slot, offset, kind });
    }
    Some(variables)
}

fn type_of(json: &Json, left: &mut usize) -> Option<Type> {
    let text = |name| json.get(name).and_then(Json::as_str);
    let bytes = U256::from_str_radix(text("numberOfBytes")?, 10).ok()?;
    let base = text("base").map(str::to_owned);
    let shape = match text("encoding")? {
        "mapping" => Shape::Mapping { key: text("key")?.into(), value: text("value")?.into() },
        "dynamic_array" => Shape::Array { base: base? },
        "bytes" => Shape::Bytes,
        _ => match (json.get("members"), base) {
            (Some(members), _) => Shape::Struct { members: variables_of(members, left)? },
            (None, Some(base)) => Shape::FixedArray { base },
            (None, None) => Shape::Inplace,
        },
    };
    Some(Type { label: bounded(text("label")?.to_owned()), bytes, shape })
}

#[cfg(test)]
mod tests;
