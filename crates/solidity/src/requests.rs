//! What verification plugins send, and what they want to hear.
//!
//! In: forms and JSON of the plugins. Out: a [`Submission`], and JSON to answer with. Nothing here
//! listens: whoever mounts these on routes finds below what each client sends, in order. Parameters
//! stand in the query of a GET and in the form (`application/x-www-form-urlencoded`) of a POST; a
//! server takes both, at one path.
//!
//! # forge 1.7.1, `--verifier blockscout` or `custom`, `--verifier-url URL/api`
//!
//! As captured. A slash at the end of the URL is dropped. (`--verifier etherscan` refuses a chain
//! that Etherscan does not have before it sends anything.)
//!
//! 1. `GET /api?module=contract&action=getabi&address=0x…` ([`etherscan::abi`]). The result
//!    "Contract source code not verified" goes on; an ABI ends it with "already verified".
//! 2. `POST /api`, a form: `module=contract`, `action=verifysourcecode`, `contractaddress`,
//!    `sourceCode` (standard JSON as text, or one file with `--flatten`), `codeformat`
//!    (`solidity-standard-json-input` or `solidity-single-file`), `contractname` (`path:Name`),
//!    `compilerversion` (`v0.8.37+commit.f401782d`), `constructorArguements` and
//!    `constructorArguments` (hex, both the same); for one file also `optimizationUsed`, `runs`,
//!    `evmversion`. Wanted: [`etherscan::submitted`], whose result is the GUID.
//! 3. With `--watch`, `POST /api`, a form: `module=contract`, `action=checkverifystatus`, `guid`;
//!    again while the result is "Pending in queue" ([`etherscan::status`]).
//!
//! # forge 1.7.1, `--verifier sourcify`, `--verifier-url URL/`
//!
//! As captured. The URL needs its slash: forge puts `v2/…` right behind it.
//!
//! 1. `GET v2/contract/CHAIN/ADDRESS` ([`sourcify::contract`]): 404 goes on.
//! 2. `POST v2/verify/CHAIN/ADDRESS`, JSON: `stdJsonInput`, `compilerVersion`
//!    (`0.8.37+commit.f401782d`, without v), `contractIdentifier` (`path:Name`) and perhaps
//!    `creationTransactionHash`. Wanted: status 202 and [`sourcify::accepted`].
//! 3. With `--watch`, `GET v2/verify/ID` ([`sourcify::job`]) until `isJobCompleted`.
//!
//! # hardhat-verify 2.1.3, tasks for Etherscan and Blockscout
//!
//! By its source. `apiURL` is used as it is.
//!
//! 1. `GET ?apikey&module=contract&action=getsourcecode&address[&chainid]`
//!    ([`etherscan::source_code`]): verified if `message` is "OK" and `SourceCode` is not empty.
//! 2. `POST`, a form: `apikey`, `module`, `action=verifysourcecode`, `contractaddress`,
//!    `sourceCode`, `codeformat=solidity-standard-json-input`, `contractname`, `compilerversion`,
//!    `constructorArguements`; `chainid` is in the query. First with the sources that are needed,
//!    and if that fails with all. `status` must be "1".
//! 3. After 0.7 s `GET ?…&action=checkverifystatus&guid=…`: "Pending in queue" (again after 3 s),
//!    "Pass - Verified", or "Fail - Unable to verify", which must be exactly these words.
//!
//! # hardhat-verify 2.1.3, task for Sourcify
//!
//! By its source.
//!
//! 1. `GET check-all-by-addresses?addresses=0x…&chainIds=N` ([`sourcify::checked`]).
//! 2. `POST` to `apiUrl` itself, JSON: `address`, `chain` (text), `files` (`metadata.json` and the
//!    sources by path) and perhaps `chosenContract`. Wanted at once: [`sourcify::checked_v1`].

pub mod etherscan;
pub mod sourcify;
#[cfg(test)]
mod tests;

use alloy_primitives::{Address, B256, Bytes};

use crate::{
    compiler::{Version, VersionError},
    verify::Request,
};

/// Bytes of one request.
pub const BODY_BYTES_MAX: usize = 8 << 20;

/// A contract that is to be verified, as a plugin sent it.
#[derive(Clone, Debug)]
pub struct Submission {
    /// Where it is.
    pub address: Address,
    /// On which chain, where the plugin says.
    pub chain: Option<u64>,
    /// Sources, settings and compiler.
    pub request: Request,
    /// The constructor's arguments that the plugin believes in.
    pub constructor_arguments: Option<Bytes>,
    /// The transaction that created the contract.
    pub creation_transaction: Option<B256>,
}

/// A request of a plugin that cannot be taken.
#[derive(Debug, thiserror::Error)]
pub enum RequestError {
    /// It is too long.
    #[error("the request has {0} bytes; {BODY_BYTES_MAX} are allowed")]
    TooLong(usize),
    /// A parameter is missing.
    #[error("the parameter {0} is missing")]
    Missing(&'static str),
    /// A parameter is wrong.
    #[error("the parameter {name} is wrong: {reason}")]
    Wrong {
        /// Its name.
        name: &'static str,
        /// Why.
        reason: String,
    },
    /// It is no JSON.
    #[error("the request is no JSON: {0}")]
    Json(#[from] serde_json::Error),
    /// The compiler's version.
    #[error(transparent)]
    Version(#[from] VersionError),
}

fn wrong(name: &'static str, reason: impl ToString) -> RequestError {
    RequestError::Wrong { name, reason: reason.to_string() }
}

fn address_of(text: &str, name: &'static str) -> Result<Address, RequestError> {
    text.trim().parse().map_err(|_| wrong(name, "an address is 0x and 40 hex digits"))
}

fn version_of(text: &str) -> Result<Version, RequestError> {
    Ok(text.parse()?)
}
