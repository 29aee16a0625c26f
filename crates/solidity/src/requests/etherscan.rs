//! Etherscan's form of requests and answers, which Blockscout speaks, too.

use std::collections::BTreeMap;

use alloy_primitives::{Address, Bytes, hex};
use serde_json::{Map, Value as Json, json};

use super::{BODY_BYTES_MAX, RequestError, Submission, address_of, version_of, wrong};
use crate::verify::{Request, Verified};

/// Parameters of one form.
const PARAMETERS_MAX: usize = 256;
/// Bytes of a constructor's arguments, by EIP-3860.
const ARGUMENTS_BYTES_MAX: usize = 49_152;
/// Libraries that a form has room for.
const LIBRARIES_MAX: usize = 10;

/// How far a verification is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// It waits or runs.
    Pending,
    /// The sources are verified.
    Verified,
    /// They are not those of the contract, or do not compile.
    Failed,
    /// Nobody asked for it.
    Unknown,
}

/// The parameters of a query or of a form, percent-decoded. The last of one name counts.
pub fn parameters(text: &str) -> Result<BTreeMap<String, String>, RequestError> {
    if text.len() > 3 * BODY_BYTES_MAX {
        return Err(RequestError::TooLong(text.len()));
    }
    let pairs = text.split('&').filter(|pair| !pair.is_empty()).take(PARAMETERS_MAX);
    let decoded = pairs.map(|pair| {
        let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
        Ok((decoded(name)?, decoded(value)?))
    });
    decoded.collect()
}

fn decoded(text: &str) -> Result<String, RequestError> {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((first, behind)) = rest.split_first() {
        rest = behind;
        match first {
            b'+' => bytes.push(b' '),
            b'%' => {
                let digits = behind.first_chunk::<2>();
                let byte = digits.and_then(|d| hex::decode(d).ok()?.first().copied());
                bytes.push(byte.ok_or_else(|| wrong("form", "a % without two hex digits"))?);
                rest = behind.get(2..).unwrap_or_default();
            }
            byte => bytes.push(*byte),
        }
    }
    String::from_utf8(bytes).map_err(|_| wrong("form", "it is no UTF-8"))
}

/// What `verifysourcecode` asks for.
pub fn submission(parameters: &BTreeMap<String, String>) -> Result<Submission, RequestError> {
    let optional = |name: &str| parameters.get(name).map(String::as_str).filter(|v| !v.is_empty());
    let get = |name| optional(name).ok_or(RequestError::Missing(name));
    let source = get("sourceCode")?;
    let contract = optional("contractname").map(str::to_owned);
    let input = match optional("codeformat").unwrap_or("solidity-single-file") {
        "solidity-standard-json-input" => serde_json::from_str(unwrapped(source))?,
        "solidity-single-file" => single_file(source, contract.as_deref(), parameters)?,
        other => return Err(wrong("codeformat", format!("{other} is not supported"))),
    };
    // Etherscan's own spelling comes first.
    let arguments = optional("constructorArguements")
        .or_else(|| optional("constructorArguments"))
        .map(bytes_of);
    let chain = optional("chainid").map(|text| text.parse().map_err(|_| wrong("chainid", text)));
    Ok(Submission {
        address: address_of(get("contractaddress")?, "contractaddress")?,
        chain: chain.transpose()?,
        request: Request { input, version: version_of(get("compilerversion")?)?, contract },
        constructor_arguments: arguments.transpose()?,
        creation_transaction: None,
    })
}

/// Some tools put standard JSON into one more pair of braces, as Etherscan shows it.
fn unwrapped(source: &str) -> &str {
    let text = source.trim();
    let inner = text.strip_prefix('{').and_then(|text| text.strip_suffix('}'));
    inner.filter(|inner| inner.trim_start().starts_with('{')).unwrap_or(text)
}

fn bytes_of(text: &str) -> Result<Bytes, RequestError> {
    let error = |reason: &str| wrong("constructorArguements", reason);
    let digits = text.trim();
    let bytes = hex::decode(digits).map_err(|_| error("they are hex digits"))?;
    let is_in = bytes.len() <= ARGUMENTS_BYTES_MAX;
    is_in.then(|| bytes.into()).ok_or_else(|| error("they are too long"))
}

/// Standard JSON from one file and the settings of the form.
fn single_file(
    source: &str,
    contract: Option<&str>,
    parameters: &BTreeMap<String, String>,
) -> Result<Json, RequestError> {
    let get = |name: &str| parameters.get(name).map(|text| text.trim()).filter(|t| !t.is_empty());
    let path = contract.and_then(|name| Some(name.rsplit_once(':')?.0)).unwrap_or("contract.sol");
    let mut optimizer = Map::new();
    optimizer.insert("enabled".into(), (get("optimizationUsed") == Some("1")).into());
    if let Some(runs) = get("runs") {
        let runs: u64 = runs.parse().map_err(|_| wrong("runs", "it is a number"))?;
        optimizer.insert("runs".into(), runs.into());
    }
    let mut settings = Map::new();
    settings.insert("optimizer".into(), optimizer.into());
    // Flattened sources go without `default`, which solc does not know.
    if let Some(version) =
        get("evmversion").filter(|version| !version.eq_ignore_ascii_case("default"))
    {
        settings.insert("evmVersion".into(), version.to_ascii_lowercase().into());
    }
    if let Some(via_ir) = get("viaIR").or_else(|| get("via-ir")) {
        settings.insert("viaIR".into(), matches!(via_ir, "1" | "true").into());
    }
    let mut libraries = Map::new();
    for index in 1..=LIBRARIES_MAX {
        let name = get(&format!("libraryname{index}"));
        if let Some((name, address)) = name.zip(get(&format!("libraryaddress{index}"))) {
            let address = address_of(address, "libraryaddress")?;
            libraries.insert(name.to_owned(), address.to_string().into());
        }
    }
    if !libraries.is_empty() {
        settings.insert("libraries".into(), json!({path: libraries}));
    }
    Ok(json!({
        "language": "Solidity", "sources": {path: {"content": source}}, "settings": settings,
    }))
}

fn answer(is_ok: bool, result: Json) -> Json {
    let (status, message) = if is_ok { ("1", "OK") } else { ("0", "NOTOK") };
    json!({"status": status, "message": message, "result": result})
}

/// To `verifysourcecode`: it will be checked; `guid` names the job.
pub fn submitted(guid: &str) -> Json {
    answer(true, guid.into())
}

/// To `verifysourcecode`, or any request: it is not taken.
pub fn refused(reason: &str) -> Json {
    answer(false, reason.into())
}

/// To `verifysourcecode`: there is no code. Both plugins know the words.
pub fn no_code(address: Address) -> Json {
    answer(false, format!("Unable to locate ContractCode at {address}").into())
}

/// To `verifysourcecode`: it is verified already. Both plugins know the words.
pub fn already_verified() -> Json {
    answer(false, "Contract source code already verified".into())
}

/// To `checkverifystatus`. The words are those that both plugins compare with.
pub fn status(status: Status) -> Json {
    match status {
        Status::Pending => answer(false, "Pending in queue".into()),
        Status::Verified => answer(true, "Pass - Verified".into()),
        Status::Failed => answer(false, "Fail - Unable to verify".into()),
        Status::Unknown => answer(false, "Unknown UID".into()),
    }
}

/// To `getabi`.
pub fn abi(verified: Option<&Verified>) -> Json {
    match verified {
        Some(verified) => answer(true, verified.abi.to_string().into()),
        None => answer(false, "Contract source code not verified".into()),
    }
}

/// To `getsourcecode`. Several sources are standard JSON in one more pair of braces, as Etherscan
/// has it.
pub fn source_code(verified: Option<&Verified>) -> Json {
    let Some(verified) = verified else {
        let empty = json!([{
            "SourceCode": "", "ABI": "Contract source code not verified", "ContractName": "",
            "CompilerVersion": "", "OptimizationUsed": "", "Runs": "", "ConstructorArguments": "",
            "EVMVersion": "Default", "Library": "", "LicenseType": "Unknown", "Proxy": "0",
            "Implementation": "", "SwarmSource": "",
        }]);
        return answer(true, empty);
    };
    let input = json!({
        "language": verified.language,
        "sources": verified.sources.iter().map(|(path, content)| {
            (path.clone(), json!({"content": content}))
        }).collect::<Map<_, _>>(),
        "settings": verified.settings,
    });
    let setting = |path: &str| verified.settings.pointer(path).cloned().unwrap_or(Json::Null);
    let is_optimized = setting("/optimizer/enabled") == Json::Bool(true);
    let libraries: Vec<_> =
        verified.libraries.iter().map(|(name, address)| format!("{name}:{address}")).collect();
    let arguments = verified.constructor_arguments.as_ref().map(hex::encode);
    answer(
        true,
        json!([{
            "SourceCode": format!("{{{input}}}"),
            "ABI": verified.abi.to_string(),
            "ContractName": verified.name,
            "ContractFileName": verified.path,
            "CompilerVersion": verified.compiler.to_string(),
            "CompilerType": "solc-j",
            "OptimizationUsed": if is_optimized { "1" } else { "0" },
            "Runs": setting("/optimizer/runs").as_u64().unwrap_or(200).to_string(),
            "ConstructorArguments": arguments.unwrap_or_default(),
            "EVMVersion": setting("/evmVersion").as_str().unwrap_or("Default"),
            "Library": libraries.join(";"),
            "LicenseType": "",
            "Proxy": "0",
            "Implementation": "",
            "SwarmSource": "",
        }]),
    )
}
