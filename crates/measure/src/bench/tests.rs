//! Every workload in every way, and what the command prints.

use super::*;
use crate::{differences, replay::list_to_send};
use alloy_primitives::keccak256;
use alloy_sol_types::SolCall as _;
use clap::{Args, FromArgMatches, ValueEnum};
use heddle_executor::{BlockOutput, Executor, Way, revm::context::TxEnv};
use heddle_venue::contracts::{
    faucet_token::FaucetToken::transferCall, lending_pool::LendingPool, reward_farm::RewardFarm,
    router::Router::swapExactInCall, venue_governor::VenueGovernor::castVoteCall,
};
use std::collections::BTreeMap;

/// Small enough for a build without optimization, large enough for conflicts.
const TRANSACTIONS: usize = 150;

fn executor(threads: usize) -> Executor {
    let settings = Settings {
        threads,
        parallel_gas_min: 0,
        sequential_access_list: true,
        ..Settings::default()
    };
    Executor::new(settings).unwrap()
}

fn execute(threads: usize, workload: &Workload, way: Way<'_>) -> BlockOutput {
    executor(threads).execute(&workload.block(), &workload.state, way).unwrap()
}

#[test]
fn all_workloads_are_equal_in_every_way() {
    for kind in WorkloadKind::ALL {
        let workload = workload(kind, TRANSACTIONS).unwrap();
        let reference = execute(1, &workload, Way::Sequential);
        for threads in [1, 2, 4] {
            let optimistic = execute(threads, &workload, Way::Optimistic);
            let told = differences(&reference, &optimistic);
            assert!(told.is_empty(), "{kind:?} on {threads} threads: {told:#?}");
            let list = list_to_send(optimistic.access_list.unwrap(), FORK).unwrap();
            let guided = execute(threads, &workload, Way::Guided(&list));
            let told = differences(&reference, &guided);
            assert!(told.is_empty(), "{kind:?} guided on {threads} threads: {told:#?}");
            assert_eq!(guided.statistics.reexecutions, 0, "{kind:?} guided speculated");
            if [WorkloadKind::Transfers, WorkloadKind::Erc20, WorkloadKind::Amm].contains(&kind) {
                let retries = optimistic.statistics.reexecutions;
                assert_eq!(retries, 0, "{kind:?} has nothing to collide with");
            }
        }
    }
}

#[test]
fn every_transaction_succeeds_and_pays_a_tip() {
    for kind in WorkloadKind::ALL {
        let workload = workload(kind, TRANSACTIONS).unwrap();
        assert_eq!(workload.transactions.len(), TRANSACTIONS, "{kind:?}");
        let output = execute(1, &workload, Way::Sequential);
        assert_eq!(output.receipts.len(), TRANSACTIONS, "{kind:?}");
        assert!(output.receipts.iter().all(|receipt| receipt.success), "{kind:?}");
        let list = output.access_list.unwrap();
        let paid = list.accounts.iter().find(|account| account.address == workload.env.beneficiary);
        assert_eq!(paid.unwrap().balance_changes.len(), TRANSACTIONS, "{kind:?}");
    }
}

#[test]
fn gas_limits_are_a_little_above_what_is_used() {
    for kind in WorkloadKind::ALL {
        let workload = workload(kind, TRANSACTIONS).unwrap();
        let output = execute(1, &workload, Way::Sequential);
        for (transaction, receipt) in workload.transactions.iter().zip(&output.receipts) {
            let (limit, used) = (transaction.gas_limit, receipt.gas_used);
            assert!(limit <= used * 13 / 10, "{kind:?}: limit {limit}, used {used}");
        }
    }
}

#[test]
fn a_workload_is_always_the_same() {
    for kind in WorkloadKind::ALL {
        let [first, second] = [(); 2].map(|()| workload(kind, TRANSACTIONS).unwrap());
        assert_eq!(first.transactions, second.transactions, "{kind:?}");
        assert_eq!(first.state.accounts, second.state.accounts, "{kind:?}");
    }
}

#[test]
fn recipients_of_transfers_exist() {
    for kind in [WorkloadKind::Transfers, WorkloadKind::HotRecipient, WorkloadKind::NonceChain] {
        let workload = workload(kind, TRANSACTIONS).unwrap();
        let recipients = workload.transactions.iter().filter_map(|tx| tx.kind.into_to());
        let mut recipients: Vec<_> = recipients.collect();
        assert!(recipients.iter().all(|to| workload.state.accounts.contains_key(to)), "{kind:?}");
        recipients.sort_unstable();
        recipients.dedup();
        let expected = if kind == WorkloadKind::HotRecipient { 1 } else { TRANSACTIONS };
        assert_eq!(recipients.len(), expected, "{kind:?}");
    }
}

/// How often each account or contract is called, the most frequent first.
fn called(workload: &Workload) -> Vec<usize> {
    let mut counts = BTreeMap::<_, usize>::new();
    for to in workload.transactions.iter().filter_map(|transaction| transaction.kind.into_to()) {
        *counts.entry(to).or_default() += 1;
    }
    let mut counts: Vec<usize> = counts.into_values().collect();
    counts.sort_unstable_by(|a, b| b.cmp(a));
    counts
}

#[test]
fn swaps_go_to_as_many_pools_as_said() {
    let called = |kind| called(&workload(kind, TRANSACTIONS).unwrap());
    assert_eq!(called(WorkloadKind::Amm), [1; TRANSACTIONS]);
    assert_eq!(called(WorkloadKind::AmmHot), [TRANSACTIONS]);
    let zipf = called(WorkloadKind::Zipf);
    assert!(
        zipf.len() <= 64 && zipf[0] > TRANSACTIONS / 5 && zipf[0] < TRANSACTIONS / 2,
        "{zipf:?}"
    );
}

#[test]
fn a_mixed_block_holds_the_shares_that_it_says() {
    const NUMBER: usize = 2_000;
    let workload = workload(WorkloadKind::Mixed, NUMBER).unwrap();
    let share = |is_counted: &dyn Fn(&TxEnv) -> bool| {
        let count = workload.transactions.iter().filter(|transaction| is_counted(transaction));
        100.0 * count.count() as f64 / NUMBER as f64
    };
    let calls = |signature: &str| {
        let selector = keccak256(signature);
        share(&|transaction| {
            transaction.kind.is_call() && transaction.data.starts_with(&selector[..4])
        })
    };
    let shares = [
        (share(&|transaction| transaction.data.is_empty()), 45.0),
        (calls("transfer(address,uint256)"), 15.0),
        (calls("swap(address,uint256,uint256,address)"), 30.0),
        (share(&|transaction| transaction.kind.is_create()), 4.0),
        (calls("approve(address,uint256)"), 3.0),
        (calls("increment()"), 3.0),
    ];
    for (drawn, expected) in shares {
        assert!((drawn - expected).abs() < 3.0, "{shares:?}");
    }
    assert!((shares.map(|(drawn, _)| drawn).iter().sum::<f64>() - 100.0).abs() < 1e-9);
}

/// Shares of a block in percent, by the first four bytes of its calls; plain transfers are `None`.
fn shares(kind: WorkloadKind, number: usize) -> BTreeMap<Option<[u8; 4]>, f64> {
    let mut shares = BTreeMap::new();
    for transaction in workload(kind, number).unwrap().transactions {
        let selector = transaction.data.first_chunk().copied();
        *shares.entry(selector).or_default() += 100.0 / number as f64;
    }
    shares
}

#[test]
fn venue_blocks_hold_the_shares_that_they_say() {
    let usual = [
        (Some(transferCall::SELECTOR), 20.0),
        (Some(swapExactInCall::SELECTOR), 32.0),
        (Some(LendingPool::supplyCall::SELECTOR), 8.0),
        (Some(LendingPool::withdrawCall::SELECTOR), 6.0),
        (Some(LendingPool::borrowCall::SELECTOR), 7.0),
        (Some(LendingPool::repayCall::SELECTOR), 7.0),
        (Some(RewardFarm::stakeCall::SELECTOR), 5.0),
        (Some(RewardFarm::withdrawCall::SELECTOR), 3.0),
        (Some(RewardFarm::claimCall::SELECTOR), 4.0),
        (Some(castVoteCall::SELECTOR), 2.0),
        (None, 6.0),
    ];
    let crash = [
        (Some(swapExactInCall::SELECTOR), 41.0),
        (Some(LendingPool::liquidateCall::SELECTOR), 20.0),
        (Some(LendingPool::repayCall::SELECTOR), 8.0),
        (Some(LendingPool::withdrawCall::SELECTOR), 7.0),
        (Some(transferCall::SELECTOR), 12.0),
        (Some(RewardFarm::stakeCall::SELECTOR), 4.0),
        (Some(castVoteCall::SELECTOR), 2.0),
        (None, 6.0),
    ];
    let kinds = [
        (WorkloadKind::Venue, &usual[..], 4),
        (WorkloadKind::VenueCrash, &crash[..], 4),
        (WorkloadKind::VenueCrashPlain, &crash[..], 3),
    ];
    for (kind, expected, openings) in kinds {
        let drawn = shares(kind, 600);
        for (selector, expected) in expected {
            let share = drawn.get(selector).copied().unwrap_or_default();
            assert!((share - expected).abs() < 5.0, "{kind:?}: {drawn:?}");
        }
        let all: f64 = expected.iter().filter_map(|(selector, _)| drawn.get(selector)).sum();
        let rest = (100.0 - all) * 6.0;
        assert!((rest - f64::from(openings)).abs() < 1e-6, "{kind:?}: {drawn:?}");
    }
}

#[test]
fn a_block_of_the_venue_may_be_shorter_than_what_opens_it() {
    for kind in [WorkloadKind::Venue, WorkloadKind::VenueCrash, WorkloadKind::VenueCrashPlain] {
        for number in 1..6 {
            assert_eq!(workload(kind, number).unwrap().transactions.len(), number, "{kind:?}");
        }
    }
}

#[test]
fn names_are_those_of_the_command_line() {
    for kind in WorkloadKind::ALL {
        assert_eq!(kind.to_possible_value().unwrap().get_name(), kind.name());
    }
    assert_eq!(WorkloadKind::ALL, WorkloadKind::value_variants());
}

/// The command with these arguments.
fn parsed(arguments: &[&str]) -> Result<BenchExecutor, clap::Error> {
    let command = BenchExecutor::augment_args(clap::Command::new("executor"));
    let words = ["executor"].iter().chain(arguments);
    let mut matches = command.try_get_matches_from(words)?;
    BenchExecutor::from_arg_matches_mut(&mut matches)
}

/// What the command prints, and whether all was equal.
fn printed(arguments: &[&str]) -> (String, bool) {
    let mut out = Vec::new();
    let is_equal = parsed(arguments).unwrap().run_to(&mut out, None).unwrap();
    (String::from_utf8(out).unwrap(), is_equal)
}

#[test]
fn prints_one_object_for_each_workload() {
    let arguments = ["--workload", "hot-recipient", "nonce-chain", "--transactions", "50"];
    let arguments = [&arguments[..], &["--threads", "2", "--runs", "3", "--json"]].concat();
    let (text, is_equal) = printed(&arguments);
    assert!(is_equal);
    let lines: Vec<serde_json::Value> =
        text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 2);
    let line = &lines[1];
    assert_eq!(line["workload"], "nonce-chain");
    assert_eq!(
        (&line["transactions"], &line["threads"], &line["runs"]),
        (&50.into(), &2.into(), &3.into())
    );
    for key in ["sequential_s", "optimistic_s", "guided_s", "one_thread_s", "optimistic_speedup"] {
        assert!(line[key].as_f64().unwrap() > 0.0, "{key}");
    }
    assert!(line["retries"].is_u64());
    assert!(line["peak_bytes"].is_null());
    assert_eq!(line["gas"], 50 * 21_000);
}

#[test]
fn prints_a_table() {
    let arguments = ["--workload", "transfers", "--transactions", "50", "--runs", "2"];
    let (text, is_equal) = printed(&[&arguments[..], &["--threads", "1", "--memory"]].concat());
    assert!(is_equal);
    let lines: Vec<&str> = text.lines().collect();
    assert!(lines[0].starts_with("1 thread, 2 rounds;"), "{text}");
    assert!(lines[1].starts_with("workload"), "{text}");
    assert!(lines[2].starts_with("transfers               50 "), "{text}");
    assert_eq!(lines[3], "    peak memory: not known");
}

#[test]
fn says_that_something_differed() {
    let workload = workload(WorkloadKind::Transfers, 3).unwrap();
    let mut measured = Rounds::new(Settings::default()).unwrap().measure(&workload, 1).unwrap();
    measured.differences.push("guided: gas used: 1 != 2".to_owned());
    for json in [false, true] {
        let mut out = Vec::new();
        let mut report = Report::new(&mut out, json, false);
        report.workload(&measured).unwrap();
        assert!(!report.end().unwrap());
        let text = String::from_utf8(out).unwrap();
        assert!(text.contains("guided: gas used: 1 != 2"), "{text}");
    }
}

#[test]
fn tells_the_workloads_when_one_is_unknown() {
    let error = parsed(&["--workload", "transferts"]).unwrap_err().to_string();
    for kind in WorkloadKind::ALL {
        assert!(error.contains(kind.name()), "{error}");
    }
}

#[test]
fn tells_a_transaction_that_does_not_succeed() {
    let mut workload = workload(WorkloadKind::Transfers, 3).unwrap();
    // The first byte is no instruction.
    let code = heddle_executor::revm::bytecode::Bytecode::new_raw(vec![0xfe].into());
    let hash = workload.state.add_code(code);
    let to = workload.transactions[1].kind.into_to().unwrap();
    workload.state.accounts.get_mut(&to).unwrap().code_hash = hash;
    let error = Rounds::new(Settings::default()).unwrap().measure(&workload, 1).unwrap_err();
    assert!(error.to_string().contains("transaction 1 does not succeed"), "{error}");
}

#[test]
fn memory_of_one_execution_is_told() {
    let workload = workload(WorkloadKind::Transfers, 50).unwrap();
    let mut out = Vec::new();
    memory::execute_once(&workload, Settings::default(), MemoryOf::Optimistic, &mut out).unwrap();
    let peak: Option<memory::Peak> = serde_json::from_slice(&out).unwrap();
    let is_known = Path::new("/proc/self/clear_refs").exists();
    assert_eq!(peak.is_some(), is_known);
    assert!(peak.is_none_or(|peak| peak.whole > peak.added));
}
