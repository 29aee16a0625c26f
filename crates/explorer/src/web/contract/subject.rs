//! What stands at an address: its own code, and that which runs in its place.

use super::Query;
use crate::{
    Explorer,
    facts::contracts::{self, Code, Proxy},
    web::{PageError, blocking},
};
use alloy_primitives::{Address, Bytes, hex};
use heddle_solidity::{abi::Abi, verify::Verified};
use serde_json::json;
use std::sync::Arc;

/// `implementation()`, which beacons answer (EIP-1967).
const IMPLEMENTATION: [u8; 4] = hex!("5c60da1b");
/// Gas for that question.
const GAS: &str = "0x186a0";

/// What stands at an address.
#[derive(Clone, Debug)]
pub(super) struct Subject {
    pub(super) own: Code,
    /// The code that runs in place of its own.
    pub(super) proxy: Option<(Proxy, Code)>,
}

impl Subject {
    /// Reads it, at the end of the chain.
    pub(super) async fn read(
        explorer: &Arc<Explorer>,
        address: Address,
    ) -> Result<Self, PageError> {
        let (own, proxy) = blocking(explorer, move |explorer| {
            let reader = explorer.parts.chain.reader();
            let state = reader.execution_state_at(reader.head().number)?;
            let own = Code::read(explorer, &state, address)?;
            let proxy = contracts::proxy(&state, &own)?;
            Ok((own, proxy))
        })
        .await?;
        let Some((kind, mut target)) = proxy else { return Ok(Self { own, proxy: None }) };
        if let Proxy::Beacon(beacon) = kind {
            match implementation(explorer, beacon).await {
                Some(found) => target = found,
                // What stands in the slot is no beacon.
                None => return Ok(Self { own, proxy: None }),
            }
        }
        let target = blocking(explorer, move |explorer| {
            let reader = explorer.parts.chain.reader();
            let state = reader.execution_state_at(reader.head().number)?;
            Ok(Code::read(explorer, &state, target)?)
        })
        .await?;
        Ok(Self { own, proxy: Some((kind, target)) })
    }

    /// The code whose functions are shown, and whether it is that of the implementation: this is so
    /// where its sources are known, unless the query wants the proxy's own.
    pub(super) fn chosen(&self, query: &Query) -> (&Code, bool) {
        let wants_own = query.get("as").is_some_and(|wanted| wanted == "proxy");
        match &self.proxy {
            Some((_, target)) if target.verified.is_some() => {
                if wants_own && self.own.verified.is_some() {
                    (&self.own, false)
                } else {
                    (target, true)
                }
            }
            _ => (&self.own, false),
        }
    }

    /// Whether there are two ABIs to choose between.
    pub(super) fn has_choice(&self) -> bool {
        let target = self.proxy.as_ref().map(|(_, target)| target);
        self.own.verified.is_some() && target.is_some_and(|target| target.verified.is_some())
    }

    /// All ABIs that are known here, for errors.
    pub(super) fn abis(&self) -> Vec<Abi> {
        let target = self.proxy.as_ref().map(|(_, target)| target);
        let codes = [Some(&self.own), target].into_iter().flatten();
        codes.filter_map(|code| code.verified.as_deref()).map(abi).collect()
    }
}

/// The ABI of sources; empty if it cannot be used.
pub(super) fn abi(verified: &Verified) -> Abi {
    Abi::of_json(&verified.abi).unwrap_or_default()
}

/// What a beacon says.
async fn implementation(explorer: &Explorer, beacon: Address) -> Option<Address> {
    let call = json!({ "to": beacon, "input": Bytes::from(IMPLEMENTATION.to_vec()), "gas": GAS });
    let answer: Bytes = explorer.call("eth_call", json!([call, "latest"])).await.ok()?;
    let (above, address) = answer.first_chunk::<32>()?.split_last_chunk::<20>()?;
    let target = Address::from(*address);
    (above.iter().all(|byte| *byte == 0) && !target.is_zero()).then_some(target)
}
