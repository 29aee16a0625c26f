//! Compiled code, and what of it a deployment may change.
//!
//! In: `evm.bytecode` or `evm.deployedBytecode` of solc's output. Out: its bytes, with the places of
//! libraries and immutables.

use std::collections::BTreeMap;

use alloy_primitives::{Address, hex};
use serde_json::Value as Json;

/// Bytes of code in one compilation's contract; EIP-3860 allows a tenth of it.
const CODE_BYTES_MAX: usize = 1 << 20;

/// Places in one contract's code.
const PLACES_MAX: usize = 1 << 14;

/// A range of bytes of code.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Place {
    pub(crate) start: usize,
    pub(crate) length: usize,
}

/// Code as the compiler gave it.
#[derive(Clone, Debug)]
pub(crate) struct Code {
    /// Its bytes, zeros in the places of libraries.
    pub(crate) bytes: Vec<u8>,
    /// Where addresses of libraries go, by `path:Name`.
    pub(crate) libraries: BTreeMap<String, Vec<Place>>,
    /// Where values of immutables go, by the number of the declaration.
    pub(crate) immutables: BTreeMap<String, Vec<Place>>,
}

impl Code {
    pub(crate) fn of_json(json: &Json) -> Option<Self> {
        let text = json.get("object")?.as_str()?;
        let mut libraries = BTreeMap::new();
        let mut left = PLACES_MAX;
        for (path, names) in
            json.get("linkReferences").and_then(Json::as_object).into_iter().flatten()
        {
            for (name, places) in names.as_object()? {
                libraries.insert(format!("{path}:{name}"), places_of(places, &mut left)?);
            }
        }
        let mut immutables = BTreeMap::new();
        let references = json.get("immutableReferences").and_then(Json::as_object);
        for (id, places) in references.into_iter().flatten() {
            immutables.insert(id.clone(), places_of(places, &mut left)?);
        }
        // A placeholder is `__$…$__` in place of the forty digits of an address.
        let mut digits = text.as_bytes().to_vec();
        for place in libraries.values().flatten() {
            let range = place.start.checked_mul(2)?..(place.start + place.length).checked_mul(2)?;
            digits.get_mut(range)?.fill(b'0');
        }
        if digits.len() > 2 * CODE_BYTES_MAX {
            return None;
        }
        let bytes = hex::decode(digits).ok()?;
        let fits = |place: &Place| place.start + place.length <= bytes.len();
        let is_whole = immutables.values().flatten().all(fits);
        is_whole.then_some(Self { bytes, libraries, immutables })
    }

    /// Takes the libraries' addresses from deployed code, if each library has one address.
    pub(crate) fn link_as(&mut self, deployed: &[u8]) -> BTreeMap<String, Address> {
        let mut found = BTreeMap::new();
        for (name, places) in &self.libraries {
            let Some(first) = places.first() else { continue };
            let range = first.start..first.start + first.length;
            let Some(address) = deployed.get(range).and_then(|b| Address::try_from(b).ok()) else {
                continue;
            };
            for place in places {
                let range = place.start..place.start + place.length;
                if let Some(bytes) = self.bytes.get_mut(range).filter(|bytes| bytes.len() == 20) {
                    bytes.copy_from_slice(address.as_slice());
                }
            }
            found.insert(name.clone(), address);
        }
        found
    }
}

fn places_of(json: &Json, left: &mut usize) -> Option<Vec<Place>> {
    let places = json.as_array()?.iter().map(|place| {
        *left = left.checked_sub(1)?;
        let number = |name| place.get(name).and_then(Json::as_u64).filter(|n| *n <= 1 << 20);
        let (start, length) = (number("start")?, number("length")?);
        Some(Place { start: usize::try_from(start).ok()?, length: usize::try_from(length).ok()? })
    });
    places.collect()
}

/// The CBOR trailers in code that differ between two compilations of the same sources, one of which
/// has another metadata hash: whatever differs lies in a hash, that of the contract itself or one
/// that it carries within.
pub(crate) fn hash_places(one: &[u8], another: &[u8]) -> Option<Vec<Place>> {
    if one.len() != another.len() {
        return None;
    }
    let mut places: Vec<Place> = Vec::new();
    let differences = one.iter().zip(another).enumerate().filter(|(_, (a, b))| a != b);
    for (at, _) in differences {
        // Neighbouring bytes of two hashes can be alike; a hash has 32 bytes.
        match places.last_mut() {
            Some(last) if at < last.start + 32 => {
                last.length = (at - last.start + 1).max(last.length)
            }
            _ => places.push(Place { start: at, length: 1 }),
        }
    }
    Some(places.into_iter().filter_map(|place| whole_hash(one, place)).collect())
}

/// Widens a difference to the whole hash, which stands behind the name `ipfs`, `bzzr0` or `bzzr1`
/// and the two bytes of its CBOR header.
fn whole_hash(code: &[u8], place: Place) -> Option<Place> {
    // "ipfs" 58 22 12 20 HASH, "bzzr0" 58 20 HASH, "bzzr1" 58 20 HASH.
    const HEADS: [&[u8]; 3] = [b"dipfs\x58\x22\x12\x20", b"ebzzr0\x58\x20", b"ebzzr1\x58\x20"];
    let start = (place.start.saturating_sub(31)..=place.start).rev().find(|start| {
        let before = code.get(..*start).unwrap_or_default();
        HEADS.iter().any(|head| before.ends_with(head))
    })?;
    (place.start + place.length <= start + 32 && start + 32 <= code.len())
        .then_some(Place { start, length: 32 })
}

/// The CBOR trailer at the end of code, its two bytes of length included.
pub(crate) fn trailer(code: &[u8]) -> Option<Place> {
    let (_, length) = code.split_last_chunk::<2>()?;
    let length = usize::from(u16::from_be_bytes(*length)) + 2;
    let start = code.len().checked_sub(length)?;
    // It is a map of one to four entries.
    (length > 3 && matches!(code.get(start), Some(0xa1..=0xa4))).then_some(Place { start, length })
}
