//! Comparing compiled with deployed code.

use std::{collections::BTreeMap, fmt};

use alloy_primitives::{Address, Bytes};

use super::{
    Match,
    code::{Code, Place, trailer},
};

/// The code of a library begins with PUSH20 of its own address, zero as compiled.
const PUSH20: u8 = 0x73;

/// How far sources and code agree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mismatch {
    /// The contract that comes nearest, `path:Name`.
    pub contract: String,
    /// Bytes of the compiled code.
    pub compiled_length: usize,
    /// Bytes of the deployed code.
    pub deployed_length: usize,
    /// The first byte that may not differ and does; the shorter length where one is the other's
    /// beginning.
    pub first_difference: usize,
    /// Bytes that differ within both.
    pub differing_bytes: usize,
}

impl Mismatch {
    pub(super) fn of(mut self, path: &str, name: &str) -> Self {
        self.contract = format!("{path}:{name}");
        self
    }

    /// Whether fewer bytes are wrong, those that one code has more counted in.
    pub(super) fn is_nearer_than(&self, other: &Self) -> bool {
        let wrong = |m: &Self| m.differing_bytes + m.compiled_length.abs_diff(m.deployed_length);
        wrong(self) < wrong(other)
    }
}

impl fmt::Display for Mismatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} compiles to {} bytes, {} are deployed; the first difference is at byte {}, {} bytes \
             differ",
            self.contract,
            self.compiled_length,
            self.deployed_length,
            self.first_difference,
            self.differing_bytes
        )?;
        if self.compiled_length != self.deployed_length {
            f.write_str("; see whether version, optimizer, evmVersion and viaIR are those of the deployment")?;
        }
        Ok(())
    }
}

/// Code that agrees.
#[derive(Debug)]
pub(super) struct Fit {
    pub(super) kind: Match,
    pub(super) immutables: BTreeMap<String, Bytes>,
    pub(super) libraries: BTreeMap<String, Address>,
}

/// Compares, and takes immutables and libraries from the deployed code. With `hashes`, bytes there
/// may differ, and the match is partial then.
pub(super) fn fit(compiled: &Code, deployed: &[u8], hashes: &[Place]) -> Result<Fit, Mismatch> {
    let mut expected = compiled.clone();
    let libraries = expected.link_as(deployed);
    protect(&mut expected.bytes, deployed);
    let immutables = fill(&mut expected, deployed);
    let mut kind = Match::Exact;
    for place in hashes {
        let range = place.start..place.start + place.length;
        if let (Some(ours), Some(theirs)) =
            (expected.bytes.get_mut(range.clone()), deployed.get(range))
            && ours != theirs
        {
            ours.copy_from_slice(theirs);
            kind = Match::Partial;
        }
    }
    if expected.bytes != deployed {
        return Err(difference(&expected.bytes, deployed));
    }
    if trailer(&expected.bytes).is_none() || !has_hash(&expected.bytes) {
        // Without the hash of the metadata nothing says that names and comments are the same.
        kind = Match::Partial;
    }
    Ok(Fit { kind, immutables, libraries })
}

/// Whether the trailer holds a hash of the metadata.
fn has_hash(code: &[u8]) -> bool {
    let trailer = trailer(code).and_then(|place| code.get(place.start..));
    let names: [&[u8]; 3] = [b"dipfs", b"ebzzr0", b"ebzzr1"];
    trailer.is_some_and(|trailer| {
        names.iter().any(|name| trailer.windows(name.len()).any(|window| window == *name))
    })
}

/// A library's own address, by which it refuses to be called without DELEGATECALL.
fn protect(expected: &mut [u8], deployed: &[u8]) {
    let (Some(ours), Some(theirs)) = (expected.get_mut(..21), deployed.get(..21)) else { return };
    let is_protected = ours.first() == Some(&PUSH20) && ours.iter().skip(1).all(|byte| *byte == 0);
    if is_protected && theirs.first() == Some(&PUSH20) {
        ours.copy_from_slice(theirs);
    }
}

/// Values of immutables, each the same in all its places.
fn fill(expected: &mut Code, deployed: &[u8]) -> BTreeMap<String, Bytes> {
    let mut values = BTreeMap::new();
    for (id, places) in &expected.immutables {
        let Some(first) = places.first() else { continue };
        let Some(value) = deployed.get(first.start..first.start + first.length) else { continue };
        for place in places.iter().filter(|place| place.length == value.len()) {
            if let Some(bytes) = expected.bytes.get_mut(place.start..place.start + place.length) {
                bytes.copy_from_slice(value);
            }
        }
        values.insert(id.clone(), Bytes::copy_from_slice(value));
    }
    values
}

fn difference(expected: &[u8], deployed: &[u8]) -> Mismatch {
    let mut wrong = expected.iter().zip(deployed).enumerate().filter(|(_, (a, b))| a != b);
    let first = wrong.next().map(|(at, _)| at);
    Mismatch {
        contract: String::new(),
        compiled_length: expected.len(),
        deployed_length: deployed.len(),
        first_difference: first.unwrap_or_else(|| expected.len().min(deployed.len())),
        differing_bytes: wrong.count() + usize::from(first.is_some()),
    }
}

/// Creation code that agrees.
pub(super) struct Creation {
    pub(super) kind: Match,
    pub(super) arguments: Bytes,
}

/// Compares creation code; what follows the compiled code are the constructor's arguments.
pub(super) fn creation(
    compiled: &Code,
    creation: &[u8],
    hashes: impl FnOnce() -> Option<Vec<Place>>,
) -> Option<Creation> {
    let (own, arguments) = creation.split_at_checked(compiled.bytes.len())?;
    let arguments = Bytes::copy_from_slice(arguments);
    let mut expected = compiled.clone();
    expected.link_as(own);
    if expected.bytes == own {
        let kind = if has_hash(own) { Match::Exact } else { Match::Partial };
        return Some(Creation { kind, arguments });
    }
    for place in hashes()? {
        let range = place.start..place.start + place.length;
        expected.bytes.get_mut(range.clone())?.copy_from_slice(own.get(range)?);
    }
    (expected.bytes == own).then_some(Creation { kind: Match::Partial, arguments })
}
