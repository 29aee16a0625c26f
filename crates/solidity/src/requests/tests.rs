//! Requests as forge 1.7.1 sent them, and what hardhat-verify compares answers with.

use alloy_primitives::keccak256;
use serde_json::{Value as Json, json};

use super::*;

/// The form of forge, as it came; the settings are shortened.
const FORM: &str = "module=contract&action=verifysourcecode&contractaddress=0x5fbdb2315678afecb367f032d93f642f64180aa3&sourceCode=%7B%22language%22%3A%22Solidity%22%2C%22sources%22%3A%7B%22src%2FA.sol%22%3A%7B%22content%22%3A%22%2F%2F+SPDX-License-Identifier%3A+MIT%5Cnpragma+solidity+%5E0.8.0%3B%5Cncontract+A+%7B+uint256+public+immutable+x%3B+constructor%28uint256+y%29+%7B+x+%3D+y%3B+%7D+%7D%5Cn%22%7D%7D%2C%22settings%22%3A%7B%22optimizer%22%3A%7B%22enabled%22%3Afalse%2C%22runs%22%3A200%7D%2C%22evmVersion%22%3A%22osaka%22%2C%22viaIR%22%3Afalse%2C%22libraries%22%3A%7B%7D%7D%7D&codeformat=solidity-standard-json-input&contractname=src%2FA.sol%3AA&compilerversion=v0.8.37%2Bcommit.f401782d&constructorArguements=0000000000000000000000000000000000000000000000000000000000000005&constructorArguments=0000000000000000000000000000000000000000000000000000000000000005";

const ADDRESS: &str = "0x5FbDB2315678afecb367f032d93F642f64180aa3";

#[test]
fn takes_the_form_that_forge_sends() {
    let submission = etherscan::submission(&etherscan::parameters(FORM).unwrap()).unwrap();
    assert_eq!(submission.address.to_string(), ADDRESS);
    assert_eq!(submission.request.version.to_string(), "v0.8.37+commit.f401782d");
    assert_eq!(submission.request.contract.as_deref(), Some("src/A.sol:A"));
    assert_eq!(submission.constructor_arguments.unwrap().last(), Some(&5));
    let content = submission.request.input.pointer("/sources/src~1A.sol/content").unwrap();
    assert!(content.as_str().unwrap().contains("pragma solidity ^0.8.0;\ncontract A {"));
}

#[test]
fn takes_one_file_with_the_settings_of_the_form() {
    let form = "contractaddress=0x5fbdb2315678afecb367f032d93f642f64180aa3&sourceCode=contract+A%7B%7D&codeformat=solidity-single-file&contractname=A&compilerversion=0.8.37&optimizationUsed=1&runs=999&evmversion=Paris&libraryname1=L&libraryaddress1=0x5fbdb2315678afecb367f032d93f642f64180aa3";
    let submission = etherscan::submission(&etherscan::parameters(form).unwrap()).unwrap();
    assert_eq!(
        submission.request.input,
        json!({
            "language": "Solidity",
            "sources": {"contract.sol": {"content": "contract A{}"}},
            "settings": {
                "optimizer": {"enabled": true, "runs": 999},
                "evmVersion": "paris",
                "libraries": {"contract.sol": {"L": ADDRESS}},
            },
        })
    );
    let json = form
        .replace("contract+A%7B%7D", "%7B%7B%22sources%22%3A1%7D%7D")
        .replace("solidity-single-file", "solidity-standard-json-input");
    let submission = etherscan::submission(&etherscan::parameters(&json).unwrap()).unwrap();
    assert_eq!(submission.request.input, json!({"sources": 1}));
}

#[test]
fn wrong_forms_name_the_parameter() {
    let error = |form: &str| {
        let parameters = etherscan::parameters(form)?;
        etherscan::submission(&parameters).map(|_| ())
    };
    let text = |form: &str| error(form).unwrap_err().to_string();
    assert_eq!(text(""), "the parameter sourceCode is missing");
    assert!(text("sourceCode=a%2").contains("form"));
    let vyper = FORM.replace("solidity-standard-json-input", "vyper-json");
    assert_eq!(text(&vyper), "the parameter codeformat is wrong: vyper-json is not supported");
    assert!(text(&FORM.replace("v0.8.37%2B", "v0.8%2B")).contains("no version of solc"));
    assert!(text(&FORM.replace("0x5fbdb", "0x5fb")).contains("contractaddress"));
}

#[test]
fn takes_the_json_that_forge_sends_to_sourcify() {
    let body = json!({
        "stdJsonInput": {"language": "Solidity", "sources": {"src/A.sol": {"content": "contract A {}"}}},
        "compilerVersion": "0.8.37+commit.f401782d",
        "contractIdentifier": "src/A.sol:A",
    });
    let address = ADDRESS.parse().unwrap();
    let submission = sourcify::submission(31_337, address, body.to_string().as_bytes()).unwrap();
    assert_eq!(submission.chain, Some(31_337));
    assert_eq!(submission.request.contract.as_deref(), Some("src/A.sol:A"));
    assert_eq!(submission.request.version.to_string(), "v0.8.37+commit.f401782d");
    assert!(sourcify::submission(1, address, b"{}").is_err());
}

#[test]
fn makes_the_input_of_metadata_and_files() {
    let source = "contract A {}";
    let metadata = json!({
        "compiler": {"version": "0.8.37+commit.f401782d"},
        "language": "Solidity",
        "settings": {
            "compilationTarget": {"a.sol": "A"},
            "libraries": {"l.sol:L": ADDRESS},
            "optimizer": {"enabled": true, "runs": 200},
        },
        "sources": {"a.sol": {"keccak256": keccak256(source), "urls": []}},
    });
    let body = json!({
        "address": ADDRESS,
        "chain": "31337",
        "files": {"metadata.json": metadata.to_string(), "other name": source},
    });
    let v1 = sourcify::submission_v1(body.to_string().as_bytes()).unwrap();
    assert_eq!(v1.request.contract.as_deref(), Some("a.sol:A"));
    assert_eq!(
        v1.request.input,
        json!({
            "language": "Solidity",
            "sources": {"a.sol": {"content": source}},
            "settings": {
                "libraries": {"l.sol": {"L": ADDRESS}}, "optimizer": {"enabled": true, "runs": 200},
            },
        })
    );
    let body = json!({"sources": {"x": source}, "metadata": metadata});
    let address = ADDRESS.parse().unwrap();
    let v2 = sourcify::submission_by_metadata(1, address, body.to_string().as_bytes()).unwrap();
    assert_eq!(v2.request.input, v1.request.input);
    let body = json!({"sources": {"x": "other"}, "metadata": metadata});
    let error = sourcify::submission_by_metadata(1, address, body.to_string().as_bytes());
    assert!(error.unwrap_err().to_string().contains("a.sol is missing"));
}

#[test]
fn answers_have_the_words_that_plugins_compare_with() {
    let result = |json: Json| json["result"].as_str().unwrap().to_owned();
    assert_eq!(result(etherscan::status(etherscan::Status::Pending)), "Pending in queue");
    assert_eq!(result(etherscan::status(etherscan::Status::Failed)), "Fail - Unable to verify");
    assert_eq!(etherscan::status(etherscan::Status::Verified)["status"], "1");
    assert_eq!(result(etherscan::abi(None)), "Contract source code not verified");
    assert_eq!(etherscan::source_code(None)["result"][0]["SourceCode"], "");
    let address = ADDRESS.parse().unwrap();
    assert!(result(etherscan::no_code(address)).starts_with("Unable to locate ContractCode at"));
    let job = sourcify::job("id", 1, address, "t", None, &sourcify::Job::Pending);
    assert_eq!(job["isJobCompleted"], false);
    assert_eq!(sourcify::contract(1, address, None, Some("all"))["match"], Json::Null);
    assert_eq!(sourcify::checked(1, address, None)["status"], "false");
}
