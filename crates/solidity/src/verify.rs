//! Whether sources are those of a deployed contract.
//!
//! In: standard JSON, a version of solc, the deployed code, and the creation code if it is known.
//! Out: a [`Verified`], or how far the code agrees. All is compiled anew; nothing that a stranger
//! sends besides is believed.
//!
//! Sources are compiled twice, the second time with a comment more in each. Only the hashes of the
//! metadata differ then, the contract's own and those of contracts whose creation code it carries;
//! so it is known exactly which bytes may differ in a partial match. Immutables and addresses of
//! libraries are taken from the deployed code, each the same in all its places, and the compiler
//! says where those are.

mod build_info;
mod code;
mod compare;
mod input;

use std::collections::{BTreeMap, HashSet};

use alloy_primitives::{Address, B256, Bytes, keccak256};
use serde::{Deserialize, Serialize};
use serde_json::Value as Json;

use crate::compiler::{CompilerError, Compilers, Version};
pub use build_info::{BuildInfo, BuildInfoError};
use code::Code;
pub use compare::Mismatch;
use compare::{Fit, fit};

/// Contracts that are compared when no name is given.
const CANDIDATES_MAX: usize = 2048;

/// Errors of the compiler that are told.
const MESSAGES_MAX: usize = 10;

/// What is to be verified.
#[derive(Clone, Debug)]
pub struct Request {
    /// Standard JSON, as solc takes it. Its `outputSelection` does not count.
    pub input: Json,
    /// The compiler.
    pub version: Version,
    /// `path:Name`, or `Name`, or nothing: then the contract is searched for.
    pub contract: Option<String>,
}

/// How sources and code agree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Match {
    /// They give the code but for the hash of the metadata: a comment or a name may differ.
    Partial,
    /// They give the code with the hash of the metadata, so the sources are the same to the byte.
    Exact,
}

/// Sources that give the code of a contract.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Verified {
    /// How they agree.
    pub kind: Match,
    /// How the creation code agrees, where it was known and agrees.
    pub creation_kind: Option<Match>,
    /// The compiler, its commit included where the metadata tells.
    pub compiler: Version,
    /// `Solidity` or `Yul`.
    pub language: String,
    /// The compiler's settings.
    pub settings: Json,
    /// The sources by path.
    pub sources: BTreeMap<String, String>,
    /// The path of the contract's source.
    pub path: String,
    /// The contract's name.
    pub name: String,
    /// Its ABI.
    pub abi: Json,
    /// Documentation for users.
    pub userdoc: Json,
    /// Documentation for developers.
    pub devdoc: Json,
    /// solc's storage layout.
    pub storage_layout: Json,
    /// The metadata, the text that its hash is made of; empty for Yul.
    pub metadata: String,
    /// The hash of the deployed code.
    pub code_hash: B256,
    /// The immutables' values, by name where it is known.
    pub immutables: BTreeMap<String, Bytes>,
    /// The libraries' addresses, by `path:Name`.
    pub libraries: BTreeMap<String, Address>,
    /// The constructor's arguments, where the creation code was known and agrees.
    pub constructor_arguments: Option<Bytes>,
}

/// Why sources are not verified.
#[derive(Debug, thiserror::Error)]
pub enum VerifyError {
    /// The compiler is not there, or met a bound.
    #[error(transparent)]
    Compiler(#[from] CompilerError),
    /// The request is no standard JSON with sources.
    #[error("the standard JSON input is wrong: {0}")]
    Input(&'static str),
    /// There is no code at the address.
    #[error("there is no code to compare with")]
    NoCode,
    /// The sources do not compile.
    #[error("the sources do not compile: {}", .0.join("\n"))]
    Sources(Vec<String>),
    /// The sources have no such contract.
    #[error("the sources have no contract {name}; they have {}", .there.join(", "))]
    NoContract {
        /// The name that was asked for.
        name: String,
        /// The contracts that are there.
        there: Vec<String>,
    },
    /// The code is another one.
    #[error("{0}")]
    Mismatch(Box<Mismatch>),
}

/// Compiles the sources and compares what comes out with the deployed code.
pub fn verify(
    compilers: &Compilers,
    request: &Request,
    runtime: &[u8],
    creation: Option<&[u8]>,
) -> Result<Verified, VerifyError> {
    if runtime.is_empty() {
        return Err(VerifyError::NoCode);
    }
    let input = input::prepared(&request.input)?;
    let output = compile(compilers, &request.version, &input)?;
    let candidates = candidates(&output, request.contract.as_deref())?;
    let found = candidates.iter().find_map(Candidate::compiler);
    if let Some(found) = found.filter(|found| !found.agrees_with(&request.version)) {
        let version = request.version.clone();
        return Err(CompilerError::OtherCommit { version, found }.into());
    }
    let again = || compile(compilers, &request.version, &input::changed(&input));
    compare(request, &input, &output, candidates, runtime, creation, again)
}

/// Compares what was compiled with the deployed code. `again` compiles the changed sources.
fn compare(
    request: &Request,
    input: &Json,
    output: &Json,
    candidates: Vec<Candidate<'_>>,
    runtime: &[u8],
    creation: Option<&[u8]>,
    again: impl Fn() -> Result<Json, VerifyError>,
) -> Result<Verified, VerifyError> {
    let mut best: Option<(Candidate<'_>, Fit)> = None;
    let mut nearest: Option<Mismatch> = None;
    let mut changed: Option<Json> = None;
    for candidate in candidates {
        let Some(compiled) = candidate.code("deployedBytecode") else { continue };
        let mut result = fit(&compiled, runtime, &[]);
        if result.is_err() && compiled.bytes.len() == runtime.len() {
            if changed.is_none() {
                changed = Some(again()?);
            }
            let places = changed.as_ref().and_then(|output| hashes(&candidate, &compiled, output));
            result = fit(&compiled, runtime, &places.unwrap_or_default());
        }
        match result {
            Ok(fit) if best.as_ref().is_none_or(|(_, other)| fit.kind > other.kind) => {
                best = Some((candidate, fit));
            }
            Ok(_) => {}
            Err(mismatch) => {
                let mismatch = mismatch.of(candidate.path, candidate.name);
                if nearest.as_ref().is_none_or(|other| mismatch.is_nearer_than(other)) {
                    nearest = Some(mismatch);
                }
            }
        }
        if best.as_ref().is_some_and(|(_, fit)| fit.kind == Match::Exact) {
            break;
        }
    }
    let Some((candidate, fit)) = best else {
        let nearest = nearest.ok_or(VerifyError::Input("no contract in it has code"))?;
        return Err(VerifyError::Mismatch(Box::new(nearest)));
    };
    let creation = creation.and_then(|creation| {
        let compiled = candidate.code("bytecode")?;
        compare::creation(&compiled, creation, || {
            let changed = match &changed {
                Some(output) => output.clone(),
                None => again().ok()?,
            };
            let other =
                Candidate::find(&changed, candidate.path, candidate.name)?.code("bytecode")?;
            code::hash_places(&compiled.bytes, &other.bytes)
        })
    });
    Ok(verified(request, input, output, &candidate, fit, creation, runtime))
}

/// The places of hashes in a candidate's code, by the same sources with a comment more.
fn hashes(candidate: &Candidate<'_>, compiled: &Code, output: &Json) -> Option<Vec<code::Place>> {
    let other = Candidate::find(output, candidate.path, candidate.name)?;
    code::hash_places(&compiled.bytes, &other.code("deployedBytecode")?.bytes)
}

fn compile(compilers: &Compilers, version: &Version, input: &Json) -> Result<Json, VerifyError> {
    let output = compilers.compile(version, input)?;
    let errors = output.get("errors").and_then(Json::as_array).into_iter().flatten();
    let errors = errors.filter(|error| error.get("severity") == Some(&"error".into()));
    let message = |error: &Json| {
        let text = error.get("formattedMessage").or_else(|| error.get("message"))?.as_str()?;
        Some(text.trim().to_owned())
    };
    let messages: Vec<String> = errors.take(MESSAGES_MAX).filter_map(message).collect();
    if !messages.is_empty() {
        return Err(VerifyError::Sources(messages));
    }
    Ok(output)
}

/// A contract of the compiler's output.
#[derive(Clone, Copy)]
struct Candidate<'a> {
    path: &'a str,
    name: &'a str,
    output: &'a Json,
}

impl<'a> Candidate<'a> {
    fn find(output: &'a Json, path: &'a str, name: &'a str) -> Option<Self> {
        let output = output.get("contracts")?.get(path)?.get(name)?;
        Some(Self { path, name, output })
    }

    /// `bytecode` or `deployedBytecode`; nothing for interfaces and abstract contracts.
    fn code(&self, which: &str) -> Option<Code> {
        let code = Code::of_json(self.output.get("evm")?.get(which)?)?;
        (!code.bytes.is_empty()).then_some(code)
    }

    /// The compiler, as the metadata tells it.
    fn compiler(&self) -> Option<Version> {
        let metadata: Json = serde_json::from_str(self.output.get("metadata")?.as_str()?).ok()?;
        metadata.pointer("/compiler/version")?.as_str()?.parse().ok()
    }

    /// The paths of the sources that it was made of, as the metadata tells them.
    fn sources(&self) -> HashSet<String> {
        let metadata = self.output.get("metadata").and_then(Json::as_str).unwrap_or_default();
        let metadata: Json = serde_json::from_str(metadata).unwrap_or_default();
        let sources = metadata.get("sources").and_then(Json::as_object);
        sources.into_iter().flatten().map(|(path, _)| path.clone()).collect()
    }

    fn part(&self, name: &str) -> Json {
        self.output.get(name).cloned().unwrap_or(Json::Null)
    }
}

fn candidates<'a>(
    output: &'a Json,
    wanted: Option<&str>,
) -> Result<Vec<Candidate<'a>>, VerifyError> {
    let wanted = wanted.map(str::trim).filter(|wanted| !wanted.is_empty());
    let files = output.get("contracts").and_then(Json::as_object).into_iter().flatten();
    let all: Vec<_> = files
        .flat_map(|(path, names)| {
            let names = names.as_object().into_iter().flatten();
            names.map(move |(name, output)| Candidate { path, name, output })
        })
        .take(CANDIDATES_MAX)
        .collect();
    let is_wanted = |candidate: &Candidate<'_>| match wanted {
        None => true,
        Some(wanted) => match wanted.rsplit_once(':') {
            Some((path, name)) => candidate.path == path && candidate.name == name,
            None => candidate.name == wanted,
        },
    };
    let found: Vec<_> = all.iter().copied().filter(is_wanted).collect();
    if found.is_empty() {
        let name = wanted.unwrap_or("at all").to_owned();
        let there = all.iter().take(20).map(|c| format!("{}:{}", c.path, c.name)).collect();
        return Err(VerifyError::NoContract { name, there });
    }
    Ok(found)
}

fn verified(
    request: &Request,
    input: &Json,
    output: &Json,
    candidate: &Candidate<'_>,
    fit: Fit,
    creation: Option<compare::Creation>,
    runtime: &[u8],
) -> Verified {
    let metadata = candidate.part("metadata").as_str().unwrap_or_default().to_owned();
    let names = input::declarations(output, &fit.immutables);
    let immutables = fit.immutables.into_iter();
    let named = immutables.map(|(id, value)| (names.get(&id).cloned().unwrap_or(id), value));
    let mut settings = request.input.get("settings").cloned().unwrap_or(Json::Null);
    if let Some(settings) = settings.as_object_mut() {
        settings.remove("outputSelection");
    }
    Verified {
        kind: fit.kind,
        creation_kind: creation.as_ref().map(|creation| creation.kind),
        compiler: candidate.compiler().unwrap_or_else(|| request.version.clone()),
        language: input.get("language").and_then(Json::as_str).unwrap_or_default().to_owned(),
        settings,
        sources: input::sources(input),
        path: candidate.path.to_owned(),
        name: candidate.name.to_owned(),
        abi: candidate.part("abi"),
        userdoc: candidate.part("userdoc"),
        devdoc: candidate.part("devdoc"),
        storage_layout: candidate.part("storageLayout"),
        metadata,
        code_hash: keccak256(runtime),
        immutables: named.collect(),
        libraries: fit.libraries,
        constructor_arguments: creation.map(|creation| creation.arguments),
    }
}
