//! `heddle dev --fork-url` against another `heddle dev`.

#![allow(clippy::unwrap_used, clippy::panic)] // in functions that tests share

mod support;

use serde_json::{Value, json};
use support::{ACCOUNT, Dev};

/// Makes a contract by CREATE2 of what follows 32 bytes of salt; every development chain has it.
const DEPLOYER: &str = "0x4e59b44847b379578588920ca78fbf26c0b4956c";

/// Two words: writes the second to the slot that the first names. One word: gives what is in that
/// slot. Nothing: destroys itself.
///
/// ```text
/// 00  CALLDATASIZE PUSH1 06 JUMPI CALLER SELFDESTRUCT
/// 06  JUMPDEST PUSH1 20 CALLDATASIZE GT PUSH1 17 JUMPI
/// 0e  PUSH0 CALLDATALOAD SLOAD PUSH0 MSTORE PUSH1 20 PUSH0 RETURN
/// 17  JUMPDEST PUSH1 20 CALLDATALOAD PUSH0 CALLDATALOAD SSTORE STOP
/// ```
const KEEPER: &str = "3660065733ff5b602036116017575f35545f5260205ff35b6020355f355500";

/// Copies the 31 bytes after these ten and returns them.
const INIT: &str = "601f600a5f39601f5ff3";

const RICH: &str = "0x1111111111111111111111111111111111111111";

fn word(number: u64) -> String {
    format!("{number:064x}")
}

fn deploy_input() -> String {
    format!("0x{}{INIT}{KEEPER}", word(0))
}

/// What is in a slot: as the state has it, and as the contract reads it.
fn slot(dev: &Dev, keeper: &str, key: u64) -> [Value; 2] {
    let stored = dev.call("eth_getStorageAt", &json!([keeper, format!("{key:#x}"), "latest"]));
    let call = json!([{"to": keeper, "data": format!("0x{}", word(key))}, "latest"]);
    [stored, dev.call("eth_call", &call)]
}

fn both(value: u64) -> [Value; 2] {
    [json!(format!("0x{}", word(value))), json!(format!("0x{}", word(value)))]
}

fn write(dev: &Dev, keeper: &str, key: u64, value: u64) {
    dev.send(json!({"to": keeper, "data": format!("0x{}{}", word(key), word(value))}));
}

/// A chain with the contract, whose slots 1 to 3 hold 11 to 13.
fn remote(home: &std::path::Path) -> (Dev, String) {
    let remote = Dev::start(home, &["--hardfork", "shanghai"]);
    let call = json!([{"to": DEPLOYER, "data": deploy_input()}, "latest"]);
    let keeper = remote.call("eth_call", &call).as_str().unwrap().to_owned();
    remote.send(json!({"to": DEPLOYER, "data": deploy_input()}));
    for key in 1..=3 {
        write(&remote, &keeper, key, 10 + key);
    }
    remote.send(json!({"to": RICH, "value": "0x7"}));
    (remote, keeper)
}

#[test]
fn goes_on_from_another_chain_without_changing_it() {
    let home = tempfile::tempdir().unwrap();
    let (remote, keeper) = remote(home.path());
    let number = remote.call("eth_blockNumber", &json!([]));
    let block = remote.call("eth_getBlockByNumber", &json!([number, true]));
    let before = remote.call("eth_getBlockByNumber", &json!(["0x4", false]));
    // What happens there afterwards is not seen here.
    write(&remote, &keeper, 1, 99);
    let from = number.as_str().unwrap().trim_start_matches("0x");
    let from = u64::from_str_radix(from, 16).unwrap().to_string();
    let arguments =
        ["--hardfork", "shanghai", "--fork-url", &remote.url, "--fork-block-number", &from];
    let fork = Dev::start(home.path(), &arguments);
    assert_eq!(fork.call("eth_blockNumber", &json!([])), number);
    assert_eq!(fork.call("eth_getBlockByNumber", &json!([number, true])), block);
    assert_eq!(fork.call("eth_getBalance", &json!([RICH, "latest"])), "0x7");
    let code = fork.call("eth_getCode", &json!([keeper, "latest"]));
    assert_eq!(code, format!("0x{KEEPER}"));
    assert_eq!(slot(&fork, &keeper, 1), both(11));
    // `PUSH1 4 BLOCKHASH PUSH0 MSTORE PUSH1 32 PUSH0 RETURN`, as the init code of a contract.
    let hash = fork.call("eth_call", &json!([{"data": "0x6004405f5260205ff3"}, "latest"]));
    assert_eq!(hash, before["hash"]);

    write(&fork, &keeper, 2, 5);
    fork.send(json!({"to": RICH, "value": "0x1"}));
    assert_eq!(slot(&fork, &keeper, 2), both(5));
    assert_eq!(slot(&fork, &keeper, 1), both(11));
    assert_eq!(fork.call("eth_getBalance", &json!([RICH, "latest"])), "0x8");
    assert_eq!(slot(&remote, &keeper, 2), both(12));
    // Undoing what was done here leads back to what is there.
    fork.call("anvil_rollback", &json!([2]));
    assert_eq!(slot(&fork, &keeper, 2), both(12));
    assert_eq!(fork.call("eth_getBalance", &json!([RICH, "latest"])), "0x7");
}

#[test]
fn a_contract_that_is_made_again_has_none_of_the_other_chains_slots() {
    let home = tempfile::tempdir().unwrap();
    let (remote, keeper) = remote(home.path());
    let arguments = ["--hardfork", "shanghai", "--fork-url", &remote.url, "--keep-states", "1"];
    let fork = Dev::start(home.path(), &arguments);
    assert_eq!(slot(&fork, &keeper, 1), both(11));
    fork.send(json!({"to": keeper}));
    assert_eq!(fork.call("eth_getCode", &json!([keeper, "latest"])), "0x");
    let key = json!([keeper, "0x1", "latest"]);
    assert_eq!(fork.call("eth_getStorageAt", &key), both(0)[0]);
    fork.send(json!({"to": DEPLOYER, "data": deploy_input()}));
    for key in 1..=3 {
        assert_eq!(slot(&fork, &keeper, key), both(0), "slot {key}");
    }
    write(&fork, &keeper, 2, 5);
    // Old states are forgotten meanwhile.
    fork.call("anvil_mine", &json!(["0x5"]));
    assert_eq!(slot(&fork, &keeper, 2), both(5));
    assert_eq!(slot(&fork, &keeper, 3), both(0));

    // Destroyed and made again in one block.
    fork.call("evm_setAutomine", &json!([false]));
    let send = |transaction: Value| fork.call("eth_sendTransaction", &json!([transaction]));
    send(json!({"from": ACCOUNT, "to": keeper, "gas": "0x30d40"}));
    let gas = "0x30d40";
    let again = json!({"from": ACCOUNT, "to": DEPLOYER, "data": deploy_input(), "gas": gas});
    let hash = send(again);
    fork.call("evm_mine", &json!([]));
    let receipt = fork.call("eth_getTransactionReceipt", &json!([hash]));
    assert_eq!(receipt["status"], "0x1", "{receipt}");
    for key in 1..=3 {
        assert_eq!(slot(&fork, &keeper, key), both(0), "slot {key}");
    }
}

#[test]
fn what_was_read_is_remembered_on_the_disk() {
    let home = tempfile::tempdir().unwrap();
    let (remote, keeper) = remote(home.path());
    let url = remote.url.clone();
    let fork = Dev::start(home.path(), &["--hardfork", "shanghai", "--fork-url", &url]);
    assert_eq!(slot(&fork, &keeper, 1), both(11));
    fork.stop();
    let folder = home.path().join("heddle/fork");
    let files: Vec<_> = std::fs::read_dir(folder).unwrap().map(Result::unwrap).collect();
    assert_eq!(files.len(), 1, "one file for the chain and the block");
    let text = std::fs::read_to_string(files[0].path()).unwrap();
    assert!(text.contains(keeper.trim_start_matches("0x")), "{text}");
    // What is in the file is not asked for again: another value there is what is read.
    let changed = text.replace("\"0xb\"", "\"0x63\"");
    assert_ne!(text, changed);
    std::fs::write(files[0].path(), changed).unwrap();
    let fork = Dev::start(home.path(), &["--hardfork", "shanghai", "--fork-url", &url]);
    // With the other chain gone what was read is there, and what was not is an error that says so.
    drop(remote);
    assert_eq!(slot(&fork, &keeper, 1), both(99));
    let answer = fork.ask("eth_getStorageAt", &json!([keeper, "0x9", "latest"]));
    let message = answer["error"]["message"].as_str().unwrap();
    assert!(message.contains("does not answer"), "{answer}");
}
