//! One chain that lives through many failures, and what must be there of it.

use crate::{
    check,
    client::Client,
    journal::Journal,
    load::{self, Work},
    world::{Account, Sent, World},
};
use alloy_primitives::B256;
use heddle_types::Genesis;
use rand::{Rng, SeedableRng, rngs::StdRng, seq::SliceRandom};
use std::{
    fs,
    path::{Path, PathBuf},
};

/// Connections that send at a time, and accounts of each.
const CONNECTIONS: u64 = 4;
const ACCOUNTS: u64 = 8;

/// Once in so many cycles the database is read and verified as a whole.
const FULL_CHECK_INTERVAL: u64 = 25;

/// Acknowledged transactions of earlier cycles that are asked for again in each.
const OLD_RECEIPTS: usize = 100;

/// A chain, and all that was acknowledged of it.
pub(crate) struct Trial {
    /// Holds the node's log, the genesis file and the journal.
    pub(crate) folder: PathBuf,
    /// The node's own folder.
    pub(crate) data: PathBuf,
    genesis: Genesis,
    pub(crate) random: StdRng,
    groups: Vec<Vec<Account>>,
    world: World,
    journal: Journal,
    /// Of the last load: what was not acknowledged, and may or may not be there.
    unsettled: Vec<Sent>,
    /// Where the journal stood before the last load.
    before_load: usize,
    /// The block up to which the database was verified.
    verified: u64,
    counts: Counts,
}

/// What was done, so that nobody takes it for more than it was.
#[derive(Debug, Default)]
struct Counts {
    cycles: u64,
    sent: usize,
    roots_proved: u64,
    databases_verified: u64,
    /// Were in a block although their sender never got to know.
    unacknowledged_found: usize,
}

impl Trial {
    /// A new chain in `data`; what belongs to the trial goes to `folder`.
    pub(crate) fn new(folder: &Path, data: &Path, seed: u64) -> Self {
        let numbers = |group| (0..ACCOUNTS).map(move |number| group * ACCOUNTS + number);
        let groups: Vec<Vec<Account>> =
            (0..CONNECTIONS).map(|group| numbers(group).map(Account::new).collect()).collect();
        let world = World::new(&groups.concat());
        let genesis = world.genesis();
        let text = serde_json::to_string(&genesis).unwrap();
        fs::write(folder.join("genesis.json"), text).unwrap();
        Self {
            folder: folder.to_owned(),
            data: data.to_owned(),
            genesis,
            random: StdRng::seed_from_u64(seed),
            groups,
            world,
            journal: Journal::new(&folder.join("acknowledged.txt")),
            unsettled: Vec::new(),
            before_load: 0,
            verified: 0,
            counts: Counts::default(),
        }
    }

    /// A way to run the node: as `heddle dev` or as `heddle node`, with blocks at once or at
    /// intervals, with all states or the last few.
    pub(crate) fn arguments(&mut self) -> Vec<String> {
        let (genesis, data) = (self.folder.join("genesis.json"), self.data.clone());
        let (genesis, data) = (genesis.display().to_string(), data.display().to_string());
        let interval = self.random.gen_range(2..30).to_string();
        let mut line = match self.random.gen_range(0..4) {
            0 => format!("node --http.port 0 --block-time-ms {interval} --genesis {genesis}"),
            1 => format!("dev --port 0 --accounts 0 --block-time {interval}ms --init {genesis}"),
            _ => format!("dev --port 0 --accounts 0 --init {genesis}"),
        };
        if self.random.r#gen() {
            line.push_str(" --keep-states 64");
        }
        // A folder may have a space in its name.
        let mut arguments: Vec<String> = line.split(' ').map(str::to_owned).collect();
        arguments.extend(["--datadir".to_owned(), data]);
        arguments
    }

    pub(crate) fn log(&self) -> PathBuf {
        self.folder.join("node.log")
    }

    /// Sends transactions until the node is gone, while `meanwhile` runs. Returns what it refused.
    pub(crate) fn load(
        &mut self,
        connect: impl Fn() -> Client + Sync,
        meanwhile: impl FnOnce(),
    ) -> Vec<String> {
        let seed = self.random.r#gen();
        self.before_load = self.journal.entries.len();
        let works = load::load(connect, &mut self.groups, seed, meanwhile);
        let mut refused = Vec::new();
        for Work { sent, receipts, refused: message } in works {
            refused.extend(message);
            self.counts.sent += sent.len();
            for sent in sent {
                match receipts.get(&sent.hash) {
                    Some((receipt, entry)) => {
                        self.world.apply(&sent, receipt);
                        self.journal.extend([*entry]);
                    }
                    None => self.unsettled.push(sent),
                }
            }
        }
        refused
    }

    /// Checks a node that was started again: all that was acknowledged is there, and what was not
    /// is there as a whole or not at all.
    pub(crate) fn check(&mut self, client: &Client) {
        let mut asked = self.journal.entries[self.before_load..].to_vec();
        let old = &self.journal.entries[..self.before_load];
        asked.extend(old.choose_multiple(&mut self.random, OLD_RECEIPTS));
        check::receipts(client, &asked).unwrap();
        let hashes: Vec<B256> = self.unsettled.iter().map(|sent| sent.hash).collect();
        let found = load::acknowledged(client, &hashes).unwrap();
        self.counts.unacknowledged_found += found.len();
        for sent in self.unsettled.drain(..) {
            if let Some((receipt, entry)) = found.get(&sent.hash) {
                self.world.apply(&sent, receipt);
                self.journal.extend([*entry]);
            }
        }
        check::state(client, &self.world, self.journal.last_block()).unwrap();
        self.counts.roots_proved += 1;
        for account in self.groups.iter_mut().flatten() {
            account.nonce = self.world.accounts[&account.address].nonce;
        }
    }

    /// Counts a cycle, and tells now and then how far it is.
    pub(crate) fn end_cycle(&mut self, of: u64) {
        self.counts.cycles += 1;
        let cycles = self.counts.cycles;
        if cycles == of || cycles.is_multiple_of(FULL_CHECK_INTERVAL) {
            println!("{cycles} of {of} cycles: {self}");
        }
    }

    /// Whether the database is to be verified in this cycle.
    pub(crate) fn is_full_check_due(&self, of: u64) -> bool {
        let cycle = self.counts.cycles + 1;
        cycle == of || cycle.is_multiple_of(FULL_CHECK_INTERVAL)
    }

    /// Verifies the database as a whole, when nothing is unsettled and the node does not run.
    pub(crate) fn verify_database(&mut self) {
        assert!(self.unsettled.is_empty(), "the model must be what is stored");
        let Self { data, genesis, world, journal, verified, .. } = self;
        *verified = check::database(data, genesis, world, journal, *verified);
        self.counts.databases_verified += 1;
    }
}

impl std::fmt::Display for Trial {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Counts { sent, roots_proved, databases_verified, unacknowledged_found, .. } =
            self.counts;
        let acknowledged = self.journal.entries.len() - unacknowledged_found;
        write!(
            f,
            "{sent} transactions sent, {acknowledged} acknowledged, none of them lost; \
             {unacknowledged_found} others were there, whole; {roots_proved} roots proved, \
             {databases_verified} databases verified up to block {}",
            self.verified
        )
    }
}
