//! The node is killed under load, over and over.

use crate::{
    client::Client,
    node::{self, Node},
    setting,
    trial::Trial,
};
use rand::Rng;
use std::{fs, thread, time::Duration};

/// Milliseconds of load before the node is killed, at most.
const LOAD_MS_MAX: u64 = 500;

/// Microseconds after which a node that starts is killed, at most.
const START_US_MAX: u64 = 30_000;

#[test]
fn nothing_acknowledged_is_lost() {
    let (seed, cycles) = (setting("HEDDLE_SEED", 1), setting("HEDDLE_KILL_CYCLES", 10));
    // Stays when this fails, for whoever has to find out why.
    let folder = tempfile::tempdir().unwrap().keep();
    println!("HEDDLE_SEED={seed}, in {}", folder.display());
    let mut trial = Trial::new(&folder, &folder.join("data"), seed);
    for _ in 0..cycles {
        // Also in the midst of starting, of creating the database at first.
        if trial.random.gen_range(0..4) == 0 {
            let node = Node::spawn(&trial.arguments(), &trial.log());
            thread::sleep(Duration::from_micros(trial.random.gen_range(0..START_US_MAX)));
            node.kill();
        }
        let (node, client) = node::start(&trial.arguments(), &trial.log());
        trial.check(&client);
        if trial.is_full_check_due(cycles) {
            node.kill();
            trial.verify_database();
        } else {
            let wait = Duration::from_millis(trial.random.gen_range(1..LOAD_MS_MAX));
            let connect = || Client::new(client.url());
            let refused = trial.load(connect, || {
                thread::sleep(wait);
                node.kill();
            });
            assert!(refused.is_empty(), "the node refused: {refused:?}");
        }
        trial.end_cycle(cycles);
    }
    fs::remove_dir_all(folder).unwrap();
}
