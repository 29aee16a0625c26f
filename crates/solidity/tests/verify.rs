//! Sources and deployed code, compiled by the real solc.

#![allow(clippy::unwrap_used, clippy::panic)] // the helpers are tests, too

mod support;

use alloy_primitives::{Address, Bytes, hex, keccak256};
use heddle_solidity::{
    compiler::{Compilers, Version},
    layout::Layout,
    verify::{Match, Request, VerifyError, verify},
};
use serde_json::{Value as Json, json};
use support::{compilers, input, limits, version};

const TOKEN: &str = "
contract Base { uint256 public immutable rate; constructor(uint256 r) { rate = r; } }
contract Token is Base {
    address public immutable owner;
    mapping(address => uint256) public balances;
    constructor(uint256 r, address o) Base(r) { owner = o; }
    function f(uint256 x) public view returns (uint256) { return x * rate; }
}
contract Other { function g() public pure returns (uint256) { return 7; } }
";

struct Built {
    creation: Vec<u8>,
    runtime: Vec<u8>,
    evm: Json,
}

fn build(compilers: &Compilers, input: &Json, path: &str, name: &str) -> Built {
    let output = compilers.compile(&version(), input).unwrap();
    let evm = &output["contracts"][path][name]["evm"];
    // Places of libraries are zero until they are linked.
    let code = |which: &str| {
        let text = evm[which]["object"].as_str().unwrap_or_else(|| panic!("{output}"));
        let mut digits = text.to_owned();
        while let Some(at) = digits.find("__$") {
            digits.replace_range(at..at + 40, &"0".repeat(40));
        }
        hex::decode(digits).unwrap()
    };
    Built { creation: code("bytecode"), runtime: code("deployedBytecode"), evm: evm.clone() }
}

fn fill(built: &mut Built, which: &str, value: &[u8]) {
    let places = &built.evm["deployedBytecode"][which];
    let mut open = vec![places.clone()];
    while let Some(json) = open.pop() {
        match json {
            Json::Object(map) if map.contains_key("start") => {
                let start = map["start"].as_u64().unwrap() as usize;
                let length = map["length"].as_u64().unwrap() as usize;
                built.runtime[start..start + length].copy_from_slice(&value[..length]);
            }
            Json::Object(map) => open.extend(map.into_iter().map(|(_, json)| json)),
            Json::Array(list) => open.extend(list),
            _ => {}
        }
    }
}

fn request(input: &Json, contract: Option<&str>) -> Request {
    Request { input: input.clone(), version: version(), contract: contract.map(str::to_owned) }
}

#[test]
fn exact_with_immutables_and_constructor_arguments() {
    let Some(compilers) = compilers(limits()) else { return };
    for settings in [json!({}), json!({"viaIR": true, "optimizer": {"enabled": true, "runs": 200}})]
    {
        let input = input(&[("src/T.sol", TOKEN)], settings);
        let mut built = build(&compilers, &input, "src/T.sol", "Token");
        fill(&mut built, "immutableReferences", &[0x0a; 32]);
        let arguments = [1; 64];
        let creation = [built.creation.as_slice(), &arguments].concat();
        for name in [Some("src/T.sol:Token"), Some("Token"), None] {
            let verified =
                verify(&compilers, &request(&input, name), &built.runtime, Some(&creation))
                    .unwrap();
            assert_eq!(verified.kind, Match::Exact);
            assert_eq!(verified.creation_kind, Some(Match::Exact));
            assert_eq!((verified.path.as_str(), verified.name.as_str()), ("src/T.sol", "Token"));
            assert_eq!(verified.constructor_arguments, Some(Bytes::from(arguments.to_vec())));
            assert_eq!(verified.code_hash, keccak256(&built.runtime));
            assert_eq!(verified.immutables["rate"], Bytes::from(vec![0x0a; 32]));
            assert_eq!(verified.immutables["owner"], Bytes::from(vec![0x0a; 32]));
            assert_eq!(verified.compiler.to_string(), "v0.8.37+commit.f401782d");
            assert_eq!(verified.sources["src/T.sol"], TOKEN);
            assert!(verified.abi.to_string().contains("balances"));
            let layout = Layout::of_json(&verified.storage_layout);
            let name = layout.name_of(alloy_primitives::U256::ZERO, |_| None);
            assert_eq!(name.as_deref(), Some("balances"));
        }
    }
}

#[test]
fn another_comment_is_a_partial_match_also_within_embedded_code() {
    let Some(compilers) = compilers(limits()) else { return };
    let source = |comment: &str| {
        format!("{comment}
            contract Child {{ function h() public pure returns (uint256) {{ return 3; }} }}
            contract Factory {{ function make() public returns (Child) {{ return new Child(); }} }}")
    };
    let deployed = input(&[("f.sol", &source("// one"))], json!({}));
    let built = build(&compilers, &deployed, "f.sol", "Factory");
    let sent = input(&[("f.sol", &source("// another"))], json!({}));
    let request = request(&sent, Some("f.sol:Factory"));
    let verified = verify(&compilers, &request, &built.runtime, Some(&built.creation)).unwrap();
    assert_eq!(verified.kind, Match::Partial);
    assert_eq!(verified.creation_kind, Some(Match::Partial));
    // One byte of the code itself is no comment.
    let mut wrong = built.runtime.clone();
    wrong[40] ^= 1;
    let error = verify(&compilers, &request, &wrong, None).unwrap_err();
    let VerifyError::Mismatch(mismatch) = error else { panic!("{error}") };
    assert_eq!(mismatch.first_difference, 40);
    assert_eq!(mismatch.differing_bytes, 1);
}

#[test]
fn another_source_is_a_mismatch_that_tells_lengths() {
    let Some(compilers) = compilers(limits()) else { return };
    let input_of = |source: &str| input(&[("a.sol", source)], json!({}));
    let deployed =
        input_of("contract A { function f() public pure returns (uint256) { return 5; } }");
    let built = build(&compilers, &deployed, "a.sol", "A");
    let sent = input_of("contract A { uint256 public x; function g(uint256 y) public { x = y; } }");
    let error = verify(&compilers, &request(&sent, None), &built.runtime, None).unwrap_err();
    let VerifyError::Mismatch(mismatch) = &error else { panic!("{error}") };
    assert_eq!(mismatch.deployed_length, built.runtime.len());
    assert_ne!(mismatch.compiled_length, mismatch.deployed_length);
    assert!(error.to_string().contains("a.sol:A"), "{error}");
}

#[test]
fn code_without_metadata_is_a_partial_match() {
    let Some(compilers) = compilers(limits()) else { return };
    let settings = json!({"metadata": {"appendCBOR": false, "bytecodeHash": "none"}});
    let input = input(&[("t.sol", TOKEN)], settings);
    let built = build(&compilers, &input, "t.sol", "Other");
    let verified = verify(&compilers, &request(&input, None), &built.runtime, None).unwrap();
    assert_eq!((verified.name.as_str(), verified.kind), ("Other", Match::Partial));
}

#[test]
fn libraries_are_found_and_protected_ones_verified() {
    let Some(compilers) = compilers(limits()) else { return };
    let source = "
        library Sums { function sum(uint256[] calldata a) external pure returns (uint256 s) {
            for (uint256 i; i < a.length; i++) s += a[i]; } }
        contract User { function f(uint256[] calldata a) external pure returns (uint256) {
            return Sums.sum(a); } }";
    let input = input(&[("l.sol", source)], json!({}));
    let mut user = build(&compilers, &input, "l.sol", "User");
    fill(&mut user, "linkReferences", &[0x77; 20]);
    let verified = verify(&compilers, &request(&input, Some("User")), &user.runtime, None).unwrap();
    assert_eq!(verified.kind, Match::Exact);
    assert_eq!(verified.libraries["l.sol:Sums"], Address::repeat_byte(0x77));
    let mut library = build(&compilers, &input, "l.sol", "Sums");
    assert_eq!(library.runtime[..21], [vec![0x73], vec![0; 20]].concat());
    library.runtime[1..21].fill(0x99);
    let verified = verify(&compilers, &request(&input, None), &library.runtime, None).unwrap();
    assert_eq!((verified.name.as_str(), verified.kind), ("Sums", Match::Exact));
}

#[test]
fn what_does_not_compile_or_is_not_there_says_so() {
    let Some(compilers) = compilers(limits()) else { return };
    let good = input(&[("a.sol", "contract A { function f() public {} }")], json!({}));
    let wrong = input(&[("a.sol", "contract A { <script> }")], json!({}));
    let error = verify(&compilers, &request(&wrong, None), &[1], None).unwrap_err();
    assert!(matches!(&error, VerifyError::Sources(m) if m[0].contains("<script>")), "{error}");
    let error = verify(&compilers, &request(&good, Some("a.sol:B")), &[1], None).unwrap_err();
    assert!(matches!(error, VerifyError::NoContract { .. }), "{error}");
    let error = verify(&compilers, &request(&good, None), &[], None).unwrap_err();
    assert!(matches!(error, VerifyError::NoCode), "{error}");
    let missing: Version = "0.8.1".parse().unwrap();
    let other = Request { version: missing, ..request(&good, None) };
    let error = verify(&compilers, &other, &[1], None).unwrap_err();
    assert!(error.to_string().contains("solc add 0.8.1"), "{error}");
    let forged: Version = "v0.8.37+commit.deadbeef".parse().unwrap();
    let other = Request { version: forged, ..request(&good, None) };
    let error = verify(&compilers, &other, &[1], None).unwrap_err();
    assert!(error.to_string().contains("f401782d is what is there"), "{error}");
    let urls = json!({"sources": {"a.sol": {"urls": ["/etc/passwd"]}}});
    let error = verify(&compilers, &request(&urls, None), &[1], None).unwrap_err();
    assert!(matches!(error, VerifyError::Input(_)), "{error}");
}
