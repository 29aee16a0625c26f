//! The bundled list against alloy's own parser and well-known constants.

use alloy_dyn_abi::DynSolType;
use alloy_primitives::{Selector, b256, keccak256};

use super::*;

fn lines(keyword: &str) -> Vec<&'static str> {
    let lines = TEXT.lines().map(str::trim);
    lines.filter(|line| line.starts_with(&format!("{keyword} "))).collect()
}

/// The canonical signature, made by alloy's parser of types and by nothing of ours.
fn canonical(line: &str) -> String {
    let (_, rest) = line.split_once(' ').unwrap();
    let (name, rest) = rest.split_once('(').unwrap();
    let mut depth = 1;
    let end = rest.find(|sign| {
        depth += i32::from(sign == '(') - i32::from(sign == ')');
        depth == 0
    });
    // Names go away: what stands behind a type, up to a comma or the end of a list.
    let mut types = String::new();
    let mut skips = false;
    for sign in rest[..end.unwrap()].chars() {
        match sign {
            ' ' if types.ends_with(',') || types.is_empty() => {}
            ' ' => skips = true,
            ',' | ')' | '(' => {
                skips = false;
                types.push(sign);
            }
            _ if skips => {}
            _ => types.push(sign),
        }
    }
    let tuple = DynSolType::parse(&format!("({types})")).unwrap_or_else(|error| {
        panic!("{line}: {error}");
    });
    match tuple {
        DynSolType::Tuple(kinds) => {
            let kinds: Vec<_> = kinds.iter().map(|kind| kind.sol_type_name()).collect();
            format!("{name}({})", kinds.join(","))
        }
        other => panic!("{line}: {other:?}"),
    }
}

#[test]
fn every_line_is_found_by_the_selector_that_alloy_makes_of_it() {
    let abi = common();
    for line in lines("function") {
        let signature = canonical(line);
        let selector = Selector::from_slice(&keccak256(&signature)[..4]);
        let function = abi.function(selector).unwrap_or_else(|| panic!("{line}"));
        assert_eq!(function.signature(), signature, "{line} has the selector of another line");
    }
    for line in lines("error") {
        let signature = canonical(line);
        let selector = Selector::from_slice(&keccak256(&signature)[..4]);
        assert_eq!(abi.error(selector).unwrap().signature(), signature, "{line}");
    }
    for line in lines("event") {
        let signature = canonical(line);
        let topic = keccak256(&signature);
        assert!(abi.events().any(|event| event.topic() == topic), "{line}");
    }
}

#[test]
fn no_line_stands_twice() {
    let mut all: Vec<_> =
        TEXT.lines().filter(|line| !line.is_empty() && !line.starts_with('#')).collect();
    let count = all.len();
    all.sort_unstable();
    all.dedup();
    assert_eq!(all.len(), count);
    assert!(count >= 300, "{count} lines");
    let mut signatures: Vec<_> = lines("function").into_iter().map(canonical).collect();
    signatures.sort_unstable();
    let twice: Vec<_> = signatures.windows(2).filter(|pair| pair[0] == pair[1]).collect();
    assert!(twice.is_empty(), "{twice:?}");
}

#[test]
fn well_known_selectors_and_topics_are_there() {
    let functions = [
        ("a9059cbb", "transfer(address,uint256)"),
        ("095ea7b3", "approve(address,uint256)"),
        ("23b872dd", "transferFrom(address,address,uint256)"),
        ("70a08231", "balanceOf(address)"),
        ("d505accf", "permit(address,address,uint256,uint256,uint8,bytes32,bytes32)"),
        ("ac9650d8", "multicall(bytes[])"),
        ("82ad56cb", "aggregate3((address,bool,bytes)[])"),
        ("1f931c1c", "diamondCut((address,uint8,bytes4[])[],address,bytes)"),
        (
            "6a761202",
            "execTransaction(address,uint256,bytes,uint8,uint256,uint256,uint256,address,address,bytes)",
        ),
    ];
    for (selector, signature) in functions {
        let function = common().function(selector.parse().unwrap()).unwrap();
        assert_eq!(function.signature(), signature);
    }
    let swap = b256!("d78ad95fa46c994b6551d0da85fc275fe613ce37657fb8d5e3d130840159d822");
    assert!(common().events().any(|event| event.topic() == swap && event.name == "Swap"));
    assert_eq!(
        common().error("e450d38c".parse().unwrap()).unwrap().name,
        "ERC20InsufficientBalance"
    );
}
