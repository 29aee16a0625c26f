//! Sources that are known before anybody sends them.

use std::collections::{HashMap, HashSet};

use serde::Deserialize;
use serde_json::Value as Json;

use super::{Candidate, Request, Verified, candidates, compare};
use crate::compiler::Version;

/// What a compiler took and gave, as forge and Hardhat keep it: the contracts in it need no compiler
/// to be verified. It is believed, unlike what strangers send, so it has to come with the program.
#[derive(Clone, Debug)]
pub struct BuildInfo {
    version: Version,
    input: Json,
    output: Json,
    /// Contracts by the length of their code, which immutables leave as it is: `path:Name`.
    by_length: HashMap<usize, Vec<String>>,
}

/// Why a file is no build info.
#[derive(Debug, thiserror::Error)]
pub enum BuildInfoError {
    /// It is no JSON of that shape.
    #[error("it is no build info of a Solidity compiler")]
    Shape(#[from] serde_json::Error),
    /// Nothing in it could be found.
    #[error(
        "no contract in it has code; its `output` needs abi, metadata and evm.deployedBytecode"
    )]
    NoCode,
}

/// The file.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Text {
    solc_long_version: Version,
    input: Json,
    output: Json,
}

impl BuildInfo {
    /// Reads the JSON text of a file.
    ///
    /// # Errors
    ///
    /// It may be something else, or have nothing that can be found.
    pub fn of_json(text: &[u8]) -> Result<Self, BuildInfoError> {
        let Text { solc_long_version: version, input, output } = serde_json::from_slice(text)?;
        let mut by_length: HashMap<usize, Vec<String>> = HashMap::new();
        for contract in candidates(&output, None).unwrap_or_default() {
            if let Some(code) = contract.code("deployedBytecode") {
                let names = by_length.entry(code.bytes.len()).or_default();
                names.push(format!("{}:{}", contract.path, contract.name));
            }
        }
        if by_length.is_empty() {
            return Err(BuildInfoError::NoCode);
        }
        Ok(Self { version, input, output, by_length })
    }

    /// The contract that deployed code is of, with the sources that it needs and no others.
    pub fn find(&self, runtime: &[u8]) -> Option<Verified> {
        let names = self.by_length.get(&runtime.len())?;
        names.iter().find_map(|name| {
            let found = candidates(&self.output, Some(name)).ok()?;
            let needed = found.first().map(Candidate::sources)?;
            let input = self.narrowed(&needed);
            let version = self.version.clone();
            let request = Request { input, version, contract: None };
            // Where hashes of metadata are is not known, so another hash is another contract.
            let again = || Ok(Json::Null);
            compare(&request, &request.input, &self.output, found, runtime, None, again).ok()
        })
    }

    /// The input with these sources.
    fn narrowed(&self, needed: &HashSet<String>) -> Json {
        let mut members = serde_json::Map::new();
        for (name, value) in self.input.as_object().into_iter().flatten() {
            let value = match value.as_object().filter(|_| name == "sources") {
                None => value.clone(),
                Some(sources) => {
                    let needed = sources.iter().filter(|(path, _)| needed.contains(*path));
                    Json::Object(needed.map(|(path, text)| (path.clone(), text.clone())).collect())
                }
            };
            members.insert(name.clone(), value);
        }
        Json::Object(members)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_primitives::keccak256;
    use serde_json::json;

    use crate::{store::Contracts, verify::Match};

    /// Two contracts whose codes are of the same length, one with an immutable.
    fn text() -> Json {
        let metadata = |path: &str| json!({"sources": {path: {}}}).to_string();
        let code = |object: &str, places: Json| {
            let deployed = json!({"object": object, "immutableReferences": places});
            json!({"deployedBytecode": deployed})
        };
        let places = json!({"7": [{"start": 1, "length": 2}]});
        json!({
            "solcLongVersion": "0.8.37+commit.f401782d.Emscripten.clang",
            "input": {
                "language": "Solidity",
                "settings": {"viaIR": false},
                "sources": {"A.sol": {"content": "contract A"}, "B.sol": {"content": "contract B"}},
            },
            "output": {
                "contracts": {
                    "A.sol": {"A": {"abi": [], "metadata": metadata("A.sol"), "evm": code("6000000000", places)}},
                    "B.sol": {"B": {"abi": [], "metadata": metadata("B.sol"), "evm": code("6000000001", json!({}))}},
                },
                // Each its own, though they have one name.
                "sources": {
                    "A.sol": {"ast": {"nodes": [{"id": 7, "name": "fee", "mutability": "immutable"}]}},
                    "B.sol": {"ast": {"nodes": [{"id": 9, "name": "fee", "mutability": "immutable"}]}},
                },
            },
        })
    }

    fn read(text: &Json) -> Result<BuildInfo, BuildInfoError> {
        BuildInfo::of_json(text.to_string().as_bytes())
    }

    #[test]
    fn code_is_found_whatever_its_immutables_are() {
        let info = read(&text()).unwrap();
        let found = info.find(&[0x60, 0xab, 0xcd, 0, 0]).unwrap();
        assert_eq!((found.name.as_str(), found.kind), ("A", Match::Partial));
        assert_eq!(found.immutables["fee"], [0xab, 0xcd][..]);
        assert_eq!(found.sources.keys().collect::<Vec<_>>(), ["A.sol"]);
        assert_eq!(info.find(&[0x60, 0, 0, 0, 1]).unwrap().name, "B");
        assert!(info.find(&[0x60, 0, 0, 0, 2]).is_none() && info.find(&[0x60]).is_none());
    }

    #[test]
    fn what_is_no_build_info_is_refused() {
        assert!(matches!(BuildInfo::of_json(b"{}"), Err(BuildInfoError::Shape(_))));
        let mut text = text();
        text["output"] = json!({});
        let error = read(&text).unwrap_err().to_string();
        assert!(error.contains("no contract in it has code"), "{error}");
    }

    #[test]
    fn what_somebody_verified_stays_when_many_more_are_found() {
        let contracts = Contracts::in_memory().with_shipped(read(&text()).unwrap());
        let find = |code: &[u8]| contracts.of_code(&keccak256(code), code).unwrap();
        let code = [0x60, 0xff, 0xff, 0, 0];
        let mut verified = find(&code).unwrap().as_ref().clone();
        verified.name = "Verified".into();
        assert!(contracts.insert(verified).unwrap());
        for byte in 0..200 {
            assert_eq!(find(&[0x60, byte, 0, 0, 0]).unwrap().name, "A");
        }
        assert_eq!(find(&code).unwrap().name, "Verified");
        // Only that one is kept.
        assert_eq!(contracts.len(), 1);
    }
}
