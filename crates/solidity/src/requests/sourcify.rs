//! Sourcify's requests and answers, of version 2 and version 1.
//!
//! Its documentation: <https://docs.sourcify.dev/docs/api/>.

use std::collections::BTreeMap;

use alloy_primitives::{Address, B256, keccak256};
use serde::Deserialize;
use serde_json::{Map, Value as Json, json};

use super::{BODY_BYTES_MAX, RequestError, Submission, address_of, version_of, wrong};
use crate::verify::{Match, Request, Verified};

/// Files of one request.
const FILES_MAX: usize = 4096;

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Standard {
    std_json_input: Json,
    compiler_version: String,
    contract_identifier: String,
    creation_transaction_hash: Option<B256>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct ByMetadata {
    sources: BTreeMap<String, String>,
    metadata: Json,
    creation_transaction_hash: Option<B256>,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Version1 {
    address: String,
    chain: Json,
    files: BTreeMap<String, Json>,
    creator_tx_hash: Option<B256>,
}

/// `POST v2/verify/CHAIN/ADDRESS`.
pub fn submission(chain: u64, address: Address, body: &[u8]) -> Result<Submission, RequestError> {
    let body: Standard = parsed(body)?;
    Ok(Submission {
        address,
        chain: Some(chain),
        request: Request {
            input: body.std_json_input,
            version: version_of(&body.compiler_version)?,
            contract: Some(body.contract_identifier),
        },
        constructor_arguments: None,
        creation_transaction: body.creation_transaction_hash,
    })
}

/// `POST v2/verify/metadata/CHAIN/ADDRESS`.
pub fn submission_by_metadata(
    chain: u64,
    address: Address,
    body: &[u8],
) -> Result<Submission, RequestError> {
    let body: ByMetadata = parsed(body)?;
    let sources = body.sources.into_iter().take(FILES_MAX).collect();
    Ok(Submission {
        address,
        chain: Some(chain),
        request: request_of(&body.metadata, &sources)?,
        constructor_arguments: None,
        creation_transaction: body.creation_transaction_hash,
    })
}

/// `POST verify`, or to the root, of version 1.
pub fn submission_v1(body: &[u8]) -> Result<Submission, RequestError> {
    let body: Version1 = parsed(body)?;
    let mut metadata = None;
    let mut sources = BTreeMap::new();
    for (name, content) in body.files.into_iter().take(FILES_MAX) {
        let text = match content {
            Json::String(text) => text,
            object => object.to_string(),
        };
        let json = name.ends_with(".json").then(|| serde_json::from_str::<Json>(&text).ok());
        match json.flatten().filter(|json| json.pointer("/settings/compilationTarget").is_some()) {
            Some(json) => metadata = Some(json),
            None => _ = sources.insert(name, text),
        }
    }
    let metadata = metadata.ok_or(RequestError::Missing("metadata.json"))?;
    let chain = match &body.chain {
        Json::String(text) => text.parse().ok(),
        other => other.as_u64(),
    };
    Ok(Submission {
        address: address_of(&body.address, "address")?,
        chain: Some(chain.ok_or_else(|| wrong("chain", "it is a number"))?),
        request: request_of(&metadata, &sources)?,
        constructor_arguments: None,
        creation_transaction: body.creator_tx_hash,
    })
}

fn parsed<T: for<'de> Deserialize<'de>>(body: &[u8]) -> Result<T, RequestError> {
    if body.len() > BODY_BYTES_MAX {
        return Err(RequestError::TooLong(body.len()));
    }
    Ok(serde_json::from_slice(body)?)
}

/// Standard JSON from metadata: its sources are found by their hash, so under whatever name they
/// were sent.
fn request_of(
    metadata: &Json,
    sources: &BTreeMap<String, String>,
) -> Result<Request, RequestError> {
    let by_hash: BTreeMap<B256, &String> =
        sources.values().map(|content| (keccak256(content), content)).collect();
    let mut found = Map::new();
    let wanted = metadata.get("sources").and_then(Json::as_object);
    for (path, source) in wanted.ok_or(RequestError::Missing("metadata.sources"))? {
        let hash = source.get("keccak256").and_then(Json::as_str);
        let hash: Option<B256> = hash.and_then(|hash| hash.parse().ok());
        let content = match source.get("content").and_then(Json::as_str) {
            Some(content) => Some(content.to_owned()),
            None => {
                let by_hash = hash.and_then(|hash| by_hash.get(&hash).copied());
                by_hash.or_else(|| sources.get(path)).cloned()
            }
        };
        let content = content.ok_or_else(|| wrong("files", format!("{path} is missing")))?;
        found.insert(path.clone(), json!({"content": content}));
    }
    let mut settings = metadata.get("settings").cloned().unwrap_or_else(|| json!({}));
    let object = settings.as_object_mut().ok_or_else(|| wrong("metadata", "settings"))?;
    let target = object.remove("compilationTarget");
    let target = target.as_ref().and_then(Json::as_object).and_then(|target| target.iter().next());
    let contract = target.and_then(|(path, name)| Some(format!("{path}:{}", name.as_str()?)));
    // Metadata names libraries `path:Name`, and the input by path and then by name.
    if let Some(libraries) = object.get("libraries").and_then(Json::as_object) {
        let mut nested: BTreeMap<String, BTreeMap<String, Json>> = BTreeMap::new();
        for (name, address) in libraries {
            let (path, name) = name.rsplit_once(':').unwrap_or(("", name));
            nested.entry(path.into()).or_default().insert(name.into(), address.clone());
        }
        object.insert("libraries".into(), json!(nested));
    }
    let version = metadata.pointer("/compiler/version").and_then(Json::as_str);
    Ok(Request {
        input: json!({
            "language": metadata.get("language").cloned().unwrap_or_else(|| "Solidity".into()),
            "sources": found,
            "settings": settings,
        }),
        version: version_of(version.ok_or(RequestError::Missing("metadata.compiler.version"))?)?,
        contract,
    })
}

fn word(kind: Option<Match>) -> Json {
    match kind {
        Some(Match::Exact) => "exact_match".into(),
        Some(Match::Partial) => "match".into(),
        None => Json::Null,
    }
}

/// The contract of a job or of a look-up, in brief.
fn brief(chain: u64, address: Address, verified: Option<&Verified>) -> Json {
    json!({
        "match": word(verified.map(|verified| verified.kind)),
        "creationMatch": word(verified.and_then(|verified| verified.creation_kind)),
        "runtimeMatch": word(verified.map(|verified| verified.kind)),
        "chainId": chain.to_string(),
        "address": address.to_string(),
    })
}

/// To `POST v2/verify/…`, with status 202.
pub fn accepted(id: &str) -> Json {
    json!({"verificationId": id})
}

/// An error of version 2, with a status of 400 or more. Sourcify's codes: `invalid_parameter`,
/// `unsupported_chain`, `already_verified` (409), `job_not_found` (404), `no_match`,
/// `contract_not_deployed`, `compiler_error`.
pub fn error(code: &str, message: &str, id: &str) -> Json {
    json!({"customCode": code, "message": message, "errorId": id})
}

/// How far a job is.
#[derive(Clone, Debug)]
pub enum Job<'a> {
    /// It waits or runs.
    Pending,
    /// The sources are verified.
    Verified(&'a Verified),
    /// They are not; the words of [`error`].
    Failed(Json),
}

/// To `GET v2/verify/ID`. Times are RFC 3339; `finished` belongs to a job that is not pending.
pub fn job(
    id: &str,
    chain: u64,
    address: Address,
    started: &str,
    finished: Option<&str>,
    job: &Job<'_>,
) -> Json {
    let verified = match job {
        Job::Verified(verified) => Some(*verified),
        Job::Pending | Job::Failed(_) => None,
    };
    let mut answer = json!({
        "isJobCompleted": !matches!(job, Job::Pending),
        "verificationId": id,
        "jobStartTime": started,
        "contract": brief(chain, address, verified),
    });
    if let Some(finished) = finished {
        answer["jobFinishTime"] = finished.into();
    }
    if let Job::Failed(error) = job {
        answer["error"] = error.clone();
    }
    answer
}

/// To `GET v2/contract/CHAIN/ADDRESS`, with status 404 where there is none. `fields` is that
/// parameter of the query, names with commas between, or `all`.
pub fn contract(
    chain: u64,
    address: Address,
    verified: Option<&Verified>,
    fields: Option<&str>,
) -> Json {
    let mut answer = brief(chain, address, verified);
    let (Some(verified), Some(fields)) = (verified, fields) else { return answer };
    let is_wanted = |name: &str| {
        let mut wanted = fields.split(',').map(str::trim);
        wanted.any(|field| field == "all" || field.split('.').next() == Some(name))
    };
    let sources = verified.sources.iter();
    let sources: Map<_, _> =
        sources.map(|(path, text)| (path.clone(), json!({"content": text}))).collect();
    let all = [
        ("abi", verified.abi.clone()),
        ("userdoc", verified.userdoc.clone()),
        ("devdoc", verified.devdoc.clone()),
        ("storageLayout", verified.storage_layout.clone()),
        ("metadata", serde_json::from_str(&verified.metadata).unwrap_or(Json::Null)),
        ("sources", sources.clone().into()),
        (
            "stdJsonInput",
            json!({
                "language": verified.language, "sources": sources, "settings": verified.settings,
            }),
        ),
        (
            "compilation",
            json!({
                "language": verified.language,
                "compiler": "solc",
                "compilerVersion": verified.compiler.to_string().trim_start_matches('v'),
                "compilerSettings": verified.settings,
                "name": verified.name,
                "fullyQualifiedName": format!("{}:{}", verified.path, verified.name),
            }),
        ),
    ];
    for (name, value) in all.into_iter().filter(|(name, _)| is_wanted(name)) {
        answer[name] = value;
    }
    answer
}

fn word_v1(kind: Match) -> &'static str {
    match kind {
        Match::Exact => "perfect",
        Match::Partial => "partial",
    }
}

/// To `GET check-all-by-addresses`, one element for each address.
pub fn checked(chain: u64, address: Address, verified: Option<&Verified>) -> Json {
    match verified {
        Some(verified) => json!({
            "address": address.to_string(),
            "chainIds": [{"chainId": chain.to_string(), "status": word_v1(verified.kind)}],
        }),
        None => json!({"address": address.to_string(), "status": "false"}),
    }
}

/// To `POST verify` of version 1, when it succeeds.
pub fn checked_v1(chain: u64, address: Address, verified: &Verified) -> Json {
    json!({"result": [{
        "address": address.to_string(),
        "chainId": chain.to_string(),
        "status": word_v1(verified.kind),
        "libraryMap": verified.libraries,
    }]})
}

/// To `POST verify` of version 1, when it fails.
pub fn refused_v1(reason: &str) -> Json {
    json!({"error": reason})
}
