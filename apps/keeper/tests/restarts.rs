//! A keeper that is ended at any request, and started again: it sends nothing twice, and forgets nothing.

#![allow(clippy::unwrap_used, clippy::panic)] // in functions that tests share

mod chain;

use alloy_primitives::Address;
use chain::{Chain, Fault, Server, USD, WETH};
use heddle_keeper::{
    config::Config,
    health,
    keeper::{Keeper, Mode},
    patience::Chance,
};
use std::{fs, os::unix::fs::PermissionsExt, path::Path};

/// A key that everybody knows.
const KEY: &str = "0x59c6995e998f97a5a0044966f0945389dc9e86dae88c7a8412f4603b6b78690d";

fn config(folder: &Path, url: &str) -> Config {
    fs::write(folder.join("key"), KEY).unwrap();
    fs::set_permissions(folder.join("key"), fs::Permissions::from_mode(0o600)).unwrap();
    let text = format!(
        r#"
            rpc_url = "{url}"
            pool = "{pool}"
            state = "state"
            key = "key"
            gas_asset = "{WETH}"
            profit_min = "0.1"
            open_max = 8
            wall_clock = false
            [[capital]]
            asset = "{USD}"
        "#,
        pool = chain::POOL
    );
    let path = folder.join("keeper.toml");
    fs::write(&path, text).unwrap();
    Config::read(&path).unwrap()
}

fn open(folder: &Path, url: &str, seed: u64) -> Option<Keeper> {
    let mode = Mode { is_dry: false, sells: false, seed };
    match Keeper::open(config(folder, url), mode) {
        Ok(keeper) => Some(keeper),
        Err(error) => {
            assert!(error.is_passing(), "{error:?}");
            None
        }
    }
}

/// What a run has to end in. Gives how often the keeper was ended.
fn run(seed: u64, accounts: u64, reorganises: bool) -> u64 {
    let folder = tempfile::tempdir().unwrap();
    let mut chance = Chance::new(seed);
    let server = Server::start(Chain::new(accounts, &mut chance));
    let mut keeper = None;
    let mut ends = 0;
    let mut quiet = 0;
    for round in 0..2_000 {
        // The price falls by steps; some accounts fall under 1 with each.
        if round % 20 == 10 && round < 100 {
            server.chain().price -= 120;
        }
        if chance.below(3) == 0 {
            let fault = if chance.below(2) == 0 { Fault::Lost } else { Fault::Unanswered };
            server.chain().fault = Some((chance.below(40), fault));
        }
        if keeper.is_none() {
            keeper = open(folder.path(), server.url(), seed);
        }
        let now = server.chain().now();
        if let Some(one) = &mut keeper {
            match one.step(now) {
                Ok(_) => {}
                Err(error) => {
                    assert!(error.is_passing(), "seed {seed}: {error:?}");
                    // As if it had been killed there.
                    keeper = None;
                    ends += 1;
                }
            }
        }
        if chance.below(12) == 0 {
            keeper = None;
            ends += 1;
        }
        let mut chain = server.chain();
        chain.fault = None;
        if chance.below(2) == 0 {
            let some = chance.below(9);
            chain.mine(some, 12);
        }
        if reorganises && chance.below(25) == 0 {
            let undone = chance.below(4);
            chain.undo(undone);
        }
        let is_done = round > 120 && chain.under_one().is_empty() && chain.mempool_is_empty();
        quiet = if is_done { quiet + 1 } else { 0 };
        if quiet > 20 {
            break;
        }
    }
    let chain = server.chain();
    assert_eq!(chain.under_one(), Vec::<Address>::new(), "seed {seed}: left under 1");
    assert!(!chain.liquidated().is_empty(), "seed {seed}: nothing was liquidated");
    if !reorganises {
        assert_eq!(chain.reverted(), 0, "seed {seed}: something was sent twice");
        assert_eq!(chain.vain_flags(), 0, "seed {seed}: an auction was begun twice");
    }
    ends
}

/// How many seeds each test goes through.
fn runs() -> u64 {
    std::env::var("HEDDLE_KEEPER_RUNS").ok().and_then(|text| text.parse().ok()).unwrap_or(4)
}

#[test]
fn whatever_request_it_ends_at_nothing_is_sent_twice_and_nothing_is_lost() {
    let runs = runs();
    let ends: u64 = (0..runs).map(|seed| run(seed, 30, false)).sum();
    assert!(ends > 8 * runs, "only {ends} ends");
}

#[test]
fn reorganisations_are_followed() {
    for seed in 1_000_000..1_000_000 + runs() {
        run(seed, 20, true);
    }
}

#[test]
fn nothing_is_done_on_an_old_price() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(Chain::new(10, &mut Chance::new(7)));
    let mut keeper = open(folder.path(), server.url(), 7).unwrap();
    server.chain().price -= 600;
    let quiet = server.chain().freeze_feed(true);
    server.chain().mine(0, chain::HEARTBEAT + 1);
    for _ in 0..5 {
        assert_eq!(keeper.step(quiet).unwrap().sent, []);
        server.chain().mine(9, 12);
    }
    server.chain().freeze_feed(false);
    server.chain().mine(9, 12);
    assert!(!keeper.step(quiet).unwrap().sent.is_empty());
}

#[test]
fn nothing_is_done_on_a_price_that_is_old_by_the_clock_of_the_machine() {
    let folder = tempfile::tempdir().unwrap();
    let server = Server::start(Chain::new(10, &mut Chance::new(8)));
    let mut config = config(folder.path(), server.url());
    config.wall_clock = true;
    let mode = Mode { is_dry: false, sells: false, seed: 8 };
    let mut keeper = Keeper::open(config, mode).unwrap();
    server.chain().price -= 600;
    server.chain().mine(0, 12);
    let now = server.chain().now();
    // A node that stands still for an hour gives prices that are good by its own last block.
    assert_eq!(keeper.step(now + chain::HEARTBEAT + 1).unwrap().sent, []);
    server.chain().mine(0, 12);
    assert!(!keeper.step(now + 12).unwrap().sent.is_empty());
}

#[test]
fn a_mirror_is_that_of_the_chain_after_each_restart() {
    let folder = tempfile::tempdir().unwrap();
    let mut chance = Chance::new(3);
    let server = Server::start(Chain::new(50, &mut chance));
    for _ in 0..30 {
        server.chain().mine(9, 12);
        if chance.below(3) == 0 {
            let undone = chance.below(6);
            server.chain().undo(undone);
        }
        let node = heddle_client::Node::new(server.url());
        let config = config(folder.path(), server.url());
        let mut follower =
            heddle_keeper::keeper::open_follower(&node, &config, 1337, false).unwrap();
        follower.advance().unwrap();
        let answers = follower.answers().unwrap();
        let chain = server.chain();
        assert_eq!(follower.mirror().accounts, chain.truth.accounts);
        let markets = follower.markets(&answers, chain.now()).unwrap();
        let under: Vec<Address> = health::under_one(follower.mirror(), &markets)
            .into_iter()
            .map(|(one, _)| one)
            .collect();
        assert_eq!(under, chain.under_one());
    }
}
