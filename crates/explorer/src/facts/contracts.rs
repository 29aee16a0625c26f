//! Codes of addresses: their sources, and whose code they run in its place.

use super::View;
use crate::Explorer;
use alloy_primitives::{Address, B256, Bytes, KECCAK256_EMPTY, U256, b256, hex};
use heddle_chain::{ExecutionState, StateError};
use heddle_solidity::verify::Verified;
use std::sync::Arc;

/// Where a proxy keeps the address of its implementation: `keccak256("eip1967.proxy.implementation")`
/// less one (EIP-1967).
const IMPLEMENTATION_SLOT: B256 =
    b256!("360894a13ba1a3210667c828492db98dca3e2076cc3735a920a3ca505d382bbc");
/// Where it keeps that of its beacon: `keccak256("eip1967.proxy.beacon")` less one (EIP-1967).
const BEACON_SLOT: B256 = b256!("a3f0ad74e5423aebfd80d3ef4346578335a9a72aeaee59ff6cb3582b35133d50");
/// Codes that do nothing but delegate, before and behind the address: EIP-1167, and the same with
/// PUSH0 (EIP-3855).
const MINIMAL: [(&[u8], &[u8]); 2] = [
    (&hex!("363d3d373d3d3d363d73"), &hex!("5af43d82803e903d91602b57fd5bf3")),
    (&hex!("365f5f375f5f365f73"), &hex!("5af43d5f5f3e5f3d91602a57fd5bf3")),
];
/// What an account that uses the code of another has for code (EIP-7702).
const DELEGATION: [u8; 3] = hex!("ef0100");

/// The code of an address.
#[derive(Clone, Debug)]
pub(crate) struct Code {
    pub(crate) address: Address,
    pub(crate) bytes: Bytes,
    /// Its sources, if they are known.
    pub(crate) verified: Option<Arc<Verified>>,
}

/// How one address runs the code of another as its own.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Proxy {
    /// The address stands in a slot of EIP-1967.
    Slot,
    /// A beacon, which stands in another slot of EIP-1967, says it.
    Beacon(Address),
    /// The address stands in the code (EIP-1167).
    Minimal,
    /// The account delegates to it (EIP-7702).
    Delegation,
}

impl Code {
    /// Reads it, at the end of the chain.
    ///
    /// # Errors
    ///
    /// The state may not be readable.
    pub(crate) fn read(
        explorer: &Explorer,
        state: &ExecutionState,
        address: Address,
    ) -> Result<Self, StateError> {
        let hash = state.account(address)?.map_or(KECCAK256_EMPTY, |account| account.code_hash);
        if hash == KECCAK256_EMPTY || hash.is_zero() {
            return Ok(Self { address, bytes: Bytes::new(), verified: None });
        }
        let bytes = state.code(hash)?;
        let verified = verified(explorer, &hash, &bytes);
        Ok(Self { address, bytes, verified })
    }
}

/// The sources of a code. A file of them that is damaged counts as none: they can be verified again.
fn verified(explorer: &Explorer, code_hash: &B256, code: &[u8]) -> Option<Arc<Verified>> {
    explorer.parts.contracts.of_code(code_hash, code).unwrap_or_else(|error| {
        tracing::error!(%error, "a verified contract cannot be read");
        None
    })
}

/// Whose code an address runs in place of its own. For a beacon that is the beacon itself: only
/// calling it tells more.
///
/// # Errors
///
/// The state may not be readable.
pub(crate) fn proxy(
    state: &ExecutionState,
    code: &Code,
) -> Result<Option<(Proxy, Address)>, StateError> {
    if code.bytes.is_empty() {
        return Ok(None);
    }
    if let Some(found) = by_code(&code.bytes) {
        return Ok(Some(found));
    }
    if let Some(target) = implementation(state, code.address)? {
        return Ok(Some((Proxy::Slot, target)));
    }
    let beacon = address_in(state.slot(code.address, BEACON_SLOT.into())?);
    Ok(beacon.map(|beacon| (Proxy::Beacon(beacon), beacon)))
}

/// The implementation that stands in a proxy's slot (EIP-1967).
///
/// # Errors
///
/// The state may not be readable.
pub(crate) fn implementation(
    state: &ExecutionState,
    proxy: Address,
) -> Result<Option<Address>, StateError> {
    Ok(address_in(state.slot(proxy, IMPLEMENTATION_SLOT.into())?))
}

/// What the code alone tells.
fn by_code(code: &[u8]) -> Option<(Proxy, Address)> {
    if let Some(target) = code.strip_prefix(&DELEGATION) {
        return Some((Proxy::Delegation, Address::try_from(target).ok()?));
    }
    MINIMAL.into_iter().find_map(|(before, behind)| {
        let (target, rest) = code.strip_prefix(before)?.split_first_chunk::<20>()?;
        // Arguments may stand behind it that the implementation reads.
        rest.starts_with(behind).then_some((Proxy::Minimal, Address::from(*target)))
    })
}

/// The address that a slot holds, if it can be one.
fn address_in(value: U256) -> Option<Address> {
    let word = value.to_be_bytes::<32>();
    let (above, address) = word.split_last_chunk::<20>()?;
    let is_address = above.iter().all(|byte| *byte == 0) && address.iter().any(|byte| *byte != 0);
    is_address.then(|| Address::from(*address))
}

/// The code that runs at an address, as far as the state alone tells.
///
/// # Errors
///
/// The state may not be readable.
pub(crate) fn running(
    view: &View<'_>,
    state: &ExecutionState,
    address: Address,
) -> Result<Code, StateError> {
    let own = Code::read(view.explorer, state, address)?;
    match behind(state, &own)? {
        None => Ok(own),
        Some(target) => Code::read(view.explorer, state, target),
    }
}

/// Whose code runs in place of a code, as far as the state alone tells.
///
/// # Errors
///
/// The state may not be readable.
pub(crate) fn behind(state: &ExecutionState, code: &Code) -> Result<Option<Address>, StateError> {
    Ok(match proxy(state, code)? {
        Some((Proxy::Beacon(_), _)) | None => None,
        Some((_, target)) => Some(target),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn proxies_are_known_by_their_code() {
        let target = Address::repeat_byte(0xab);
        for (before, behind) in MINIMAL {
            let code = [before, target.as_slice(), behind, b"arguments"].concat();
            assert_eq!(by_code(&code), Some((Proxy::Minimal, target)));
            // Every cut of it is no proxy, and no panic.
            for end in 0..before.len() + 20 + behind.len() {
                assert_eq!(by_code(&code[..end]), None);
            }
        }
        let delegation = [&DELEGATION, target.as_slice()].concat();
        assert_eq!(by_code(&delegation), Some((Proxy::Delegation, target)));
        assert_eq!(by_code(&delegation[..22]), None);
    }

    #[test]
    fn slots_of_eip_1967_are_the_hashes_less_one() {
        for (slot, name) in [
            (IMPLEMENTATION_SLOT, "eip1967.proxy.implementation"),
            (BEACON_SLOT, "eip1967.proxy.beacon"),
        ] {
            let hash = U256::from_be_bytes(alloy_primitives::keccak256(name).0);
            assert_eq!(U256::from_be_bytes(slot.0) + U256::ONE, hash);
        }
    }

    #[test]
    fn a_slot_with_more_than_an_address_is_none() {
        assert_eq!(address_in(U256::ZERO), None);
        assert_eq!(address_in(U256::MAX), None);
        let address = Address::repeat_byte(7);
        assert_eq!(address_in(address.into_word().into()), Some(address));
    }
}
