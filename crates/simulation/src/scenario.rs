//! What happens in one run: all of it follows from the seed.

use serde::{Deserialize, Serialize};
use std::{fmt, time::Duration};

/// A source of numbers that is the same for the same seed (SplitMix64).
#[derive(Clone, Debug)]
pub struct Chance(u64);

impl Chance {
    /// From a seed.
    pub fn new(seed: u64) -> Self {
        Self(seed)
    }

    /// Any number.
    pub fn any(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below a bound, which is not zero.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.any() % bound
    }

    /// A number from a range, its end included.
    pub fn between(&mut self, from: u64, to: u64) -> u64 {
        from + self.below(to - from + 1)
    }

    /// Whether something happens that does in so many of a hundred cases.
    pub fn percent(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }
}

/// A kind of fault.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Fault {
    /// Messages are lost.
    Loss,
    /// Messages take long, and not all as long.
    Delay,
    /// Messages come twice, and late.
    Duplication,
    /// Messages overtake each other.
    Reordering,
    /// One validator hears the others, and is not heard.
    OneWay,
    /// The validators are in two groups that do not hear each other.
    Partition,
    /// The power of one fails as it writes, and what is not synced is lost or torn.
    PowerLoss,
    /// A process is killed.
    Kill,
    /// A sync fails.
    FailedSync,
    /// A write fails.
    FailedWrite,
    /// A disk is full.
    FullDisk,
    /// The power of all fails at once.
    Blackout,
    /// A clock is wrong, and runs too fast or slow.
    Clock,
    /// A disk is brought back from a backup.
    Restore,
    /// A node that follows starts late or loses its disk, and takes over the state of another one.
    LostDisk,
    /// A validator runs twice with one key, and tells one group this and the other that.
    Twins,
    /// A validator proposes what is no valid block.
    Tamper,
    /// A validator sends no pieces of its blocks to some.
    Withholding,
    /// A validator sends noise.
    Noise,
    /// Validators join, leave, and take other keys.
    Membership,
}

impl Fault {
    /// All kinds.
    pub const ALL: [Self; 20] = [
        Self::Loss,
        Self::Delay,
        Self::Duplication,
        Self::Reordering,
        Self::OneWay,
        Self::Partition,
        Self::PowerLoss,
        Self::Kill,
        Self::FailedSync,
        Self::FailedWrite,
        Self::FullDisk,
        Self::Blackout,
        Self::Clock,
        Self::Restore,
        Self::LostDisk,
        Self::Twins,
        Self::Tamper,
        Self::Withholding,
        Self::Noise,
        Self::Membership,
    ];

    /// Whether it takes a validator that does not follow the rules.
    pub fn is_byzantine(self) -> bool {
        matches!(self, Self::Twins | Self::Tamper | Self::Withholding | Self::Noise)
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = match self {
            Self::Loss => "loss",
            Self::Delay => "delay",
            Self::Duplication => "duplication",
            Self::Reordering => "reordering",
            Self::OneWay => "one-way partition",
            Self::Partition => "partition",
            Self::PowerLoss => "power loss",
            Self::Kill => "kill",
            Self::FailedSync => "failed sync",
            Self::FailedWrite => "failed write",
            Self::FullDisk => "full disk",
            Self::Blackout => "blackout",
            Self::Clock => "wrong clock",
            Self::Restore => "restored backup",
            Self::LostDisk => "lost disk",
            Self::Twins => "twins",
            Self::Tamper => "invalid blocks",
            Self::Withholding => "withheld blocks",
            Self::Noise => "noise",
            Self::Membership => "membership",
        };
        f.write_str(name)
    }
}

/// A rule that is left out, to see that the simulator notices.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mutant {
    /// Votes are sent before they are written.
    VotesUnsynced,
    /// The parent of a block is not verified.
    ParentUnchecked,
    /// The access list of a block is not checked.
    ListUnchecked,
    /// With 2f votes a block counts as final.
    QuorumShort,
    /// A validator is accused without a double vote.
    AccuseWithoutProof,
}

impl Mutant {
    /// All of them, each with its name.
    pub const ALL: [(&'static str, Self); 5] = [
        ("votes-unsynced", Self::VotesUnsynced),
        ("parent-unchecked", Self::ParentUnchecked),
        ("list-unchecked", Self::ListUnchecked),
        ("quorum-short", Self::QuorumShort),
        ("accuse-without-proof", Self::AccuseWithoutProof),
    ];
}

/// How large a run is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// Validators; `None` for 4 to 10, as the seed has it.
    pub validators: Option<usize>,
    /// Final blocks, at least.
    pub blocks: u64,
    /// Transactions that clients send, at least.
    pub transactions: u64,
}

impl Default for Size {
    fn default() -> Self {
        Self { validators: None, blocks: 100, transactions: 500 }
    }
}

/// Kinds of faults in one run.
const FAULTS: u64 = 3;

/// What happens in one run.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// Where all comes from.
    pub seed: u64,
    /// How many validators there are.
    pub validators: usize,
    /// Those that do not follow the rules: these are the last ones.
    pub byzantine: usize,
    /// The kinds of faults, each once.
    pub faults: Vec<Fault>,
    /// How large it is.
    pub size: Size,
    /// Blocks of an epoch.
    pub epoch_length: u64,
    /// Of a link when nothing is wrong.
    pub latency: Duration,
}

impl Scenario {
    /// The scenario of a seed.
    pub fn new(seed: u64, size: Size) -> Self {
        let mut chance = Chance::new(seed);
        let validators = size.validators.unwrap_or_else(|| chance.between(4, 10) as usize);
        let tolerated = (validators - 1) / 3;
        let mut faults = Vec::new();
        while (faults.len() as u64) < FAULTS {
            let fault = Fault::ALL[chance.below(Fault::ALL.len() as u64) as usize];
            if !faults.contains(&fault) {
                faults.push(fault);
            }
        }
        faults.sort_unstable();
        let is_byzantine = faults.iter().any(|fault| fault.is_byzantine());
        let most = tolerated as u64;
        let byzantine = if is_byzantine { chance.between(1, most) as usize } else { 0 };
        let epoch_length = chance.between(20, 60);
        let latency = Duration::from_millis(chance.between(1, 30));
        Self { seed, validators, byzantine, faults, size, epoch_length, latency }
    }

    /// Whether a kind of fault occurs.
    pub fn has(&self, fault: Fault) -> bool {
        self.faults.contains(&fault)
    }

    /// How many may be faulty at a time, in whatever way, without harm.
    pub fn tolerated(&self) -> usize {
        (self.validators - 1) / 3
    }
}
