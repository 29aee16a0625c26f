//! The observations of a feed that reporters have signed: what is kept of what comes, who has signed
//! two of them, and the report that they make.

use crate::observation::{FeedId, Signed, WrongObservation};
use alloy_primitives::Address;
use heddle_venue::contracts::price_feed::PriceFeed::SignedObservation;
use std::collections::BTreeMap;

/// Most reporters of a feed (`Observations.REPORTERS_MAX`).
pub const REPORTERS_MAX: usize = 31;
/// Attempts before the present one of which observations are kept, so that one who signs a second one
/// later is found out. Together with the bounds below some thousand observations at most.
const ATTEMPTS_KEPT: u32 = 16;
/// Clocks of reporters may be ahead by so many attempts.
const ATTEMPTS_AHEAD: u32 = 1;
/// What is sent to another reporter at once: of the present and the last attempt at most two
/// observations of each of 31 reporters for a round.
pub(crate) const SENT_MAX: usize = 128;

/// Who reports for a feed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Committee {
    /// By seat.
    pub seats: Vec<Address>,
    /// Bit i says that seat i is taken.
    pub active: u32,
    /// How many observations a report needs.
    pub quorum: usize,
    /// Whether the feed accepts reports.
    pub is_whole: bool,
}

impl Committee {
    /// The seat that an account has now.
    pub fn seat_of(&self, account: Address) -> Option<u8> {
        let seat = self.seats.iter().position(|holder| *holder == account)?;
        let seat = u8::try_from(seat).ok()?;
        self.is_active(seat).then_some(seat)
    }

    /// Seats that are taken, in their order.
    pub fn active_seats(&self) -> Vec<u8> {
        (0..self.seats.len())
            .filter_map(|seat| u8::try_from(seat).ok())
            .filter(|seat| self.is_active(*seat))
            .collect()
    }

    fn is_active(&self, seat: u8) -> bool {
        1_u32.checked_shl(seat.into()).is_some_and(|bit| self.active & bit != 0)
    }
}

/// Two observations that a reporter has signed for the same round and attempt of a feed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Proof {
    /// Of which feed.
    pub id: FeedId,
    /// Who.
    pub reporter: Address,
    /// What.
    pub first: Signed,
    /// What besides.
    pub second: Signed,
}

/// What came of an observation.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum News {
    /// It is new.
    New(Address),
    /// It was known.
    Known,
    /// It is the second of its reporter.
    Conflict(Box<Proof>),
}

/// Why an observation is not kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refusal {
    /// Its time is over, or has not come.
    #[error(
        "attempt {attempt} is not of now ({now}); are the clocks right, and `attempt_seconds` the same?"
    )]
    Attempt {
        /// Its attempt.
        attempt: u32,
        /// The present one.
        now: u32,
    },
    /// It is for another round.
    #[error("round {round} is not the one that comes next ({next})")]
    Round {
        /// Its round.
        round: u32,
        /// The one that comes next.
        next: u32,
    },
    /// Its signer has no seat.
    #[error("{0} has no seat at this feed")]
    Seat(Address),
    /// It has no signer.
    #[error(transparent)]
    Wrong(#[from] WrongObservation),
}

impl Refusal {
    /// Whether one who means well may send this: one of us is late.
    pub const fn is_innocent(&self) -> bool {
        matches!(self, Self::Attempt { .. } | Self::Round { .. })
    }
}

#[derive(Clone, Copy, Debug)]
struct Kept {
    first: Signed,
    second: Option<Signed>,
}

/// What is known of a feed.
#[derive(Debug)]
pub struct Book {
    id: FeedId,
    committee: Committee,
    next_round: u32,
    /// By attempt, round and reporter.
    kept: BTreeMap<(u32, u32, Address), Kept>,
    version: u64,
}

impl Book {
    /// An empty book.
    pub const fn new(id: FeedId, committee: Committee, next_round: u32) -> Self {
        Self { id, committee, next_round, kept: BTreeMap::new(), version: 0 }
    }

    /// Of which feed this is.
    pub const fn id(&self) -> FeedId {
        self.id
    }

    /// Takes in what the chain says, and forgets what is over.
    pub fn turn(&mut self, committee: Committee, next_round: u32, now: u32) {
        (self.committee, self.next_round) = (committee, next_round);
        let committee = &self.committee;
        self.kept.retain(|(attempt, _, reporter), _| {
            is_present(*attempt, now) && committee.seat_of(*reporter).is_some()
        });
    }

    /// Grows with each observation that is new.
    pub const fn version(&self) -> u64 {
        self.version
    }

    /// Who reports.
    pub const fn committee(&self) -> &Committee {
        &self.committee
    }

    /// Whether a reporter has signed for an attempt, as far as is known.
    pub fn has_signed(&self, reporter: Address, attempt: u32) -> bool {
        let attempts = self.kept.range((attempt, 0, Address::ZERO)..);
        attempts
            .take_while(|((found, ..), _)| *found == attempt)
            .any(|((_, _, one), _)| *one == reporter)
    }

    /// Takes an observation of anybody in attempt `now`.
    ///
    /// # Errors
    ///
    /// See [`Refusal`].
    pub fn offer(&mut self, signed: Signed, now: u32) -> Result<News, Refusal> {
        let (attempt, round) = (signed.observation.attempt, signed.observation.round);
        if !is_present(attempt, now) {
            return Err(Refusal::Attempt { attempt, now });
        }
        // The head of one of us may be a round behind.
        if round.abs_diff(self.next_round) > 1 {
            return Err(Refusal::Round { round, next: self.next_round });
        }
        if self.is_known(&signed) {
            return Ok(News::Known);
        }
        // What costs most comes last.
        let reporter = self.id.signer(&signed)?;
        if self.committee.seat_of(reporter).is_none() {
            return Err(Refusal::Seat(reporter));
        }
        Ok(self.keep(reporter, signed))
    }

    /// Whether exactly this is there: another signature of the same content is checked anew.
    fn is_known(&self, signed: &Signed) -> bool {
        let (attempt, round) = (signed.observation.attempt, signed.observation.round);
        let entries = self
            .kept
            .range((attempt, round, Address::ZERO)..=(attempt, round, Address::repeat_byte(0xff)));
        entries.into_iter().any(|(_, kept)| kept.first == *signed || kept.second == Some(*signed))
    }

    fn keep(&mut self, reporter: Address, signed: Signed) -> News {
        let key = (signed.observation.attempt, signed.observation.round, reporter);
        let Some(kept) = self.kept.get_mut(&key) else {
            self.kept.insert(key, Kept { first: signed, second: None });
            self.version += 1;
            return News::New(reporter);
        };
        if kept.first.observation == signed.observation || kept.second.is_some() {
            return News::Known;
        }
        kept.second = Some(signed);
        self.version += 1;
        News::Conflict(Box::new(Proof { id: self.id, reporter, first: kept.first, second: signed }))
    }

    /// What other reporters should know: the present attempt and the one before, the latest first.
    pub fn shared(&self, now: u32) -> Vec<Signed> {
        let recent = self.kept.range((now.saturating_sub(1), 0, Address::ZERO)..).rev();
        recent
            .flat_map(|(_, kept)| [Some(kept.first), kept.second])
            .flatten()
            .take(SENT_MAX)
            .collect()
    }

    /// The report for the next round of an attempt, by ascending value, if there are enough
    /// observations that the contract takes at `time`, in seconds since 1970. `seconds` is the length of
    /// an attempt.
    pub fn report(&self, attempt: u32, seconds: u32, time: u64) -> Option<Vec<SignedObservation>> {
        let round = self.next_round;
        // One from outside its attempt may be too old or too new when the report arrives, which then
        // would be refused as a whole.
        let is_usable = |signed: &Signed| {
            let at = signed.observation.observed_at;
            at / u64::from(seconds) == u64::from(attempt) && at <= time
        };
        let entries = self
            .kept
            .range((attempt, round, Address::ZERO)..=(attempt, round, Address::repeat_byte(0xff)));
        let mut report: Vec<(Signed, u8)> = entries
            .filter_map(|((_, _, reporter), kept)| {
                let seat = self.committee.seat_of(*reporter)?;
                let usable =
                    [Some(kept.first), kept.second].into_iter().flatten().find(is_usable)?;
                Some((usable, seat))
            })
            .collect();
        if report.len() < self.committee.quorum || self.committee.quorum == 0 {
            return None;
        }
        report.sort_by_key(|(signed, seat)| (signed.observation.value, *seat));
        Some(report.iter().map(|(signed, seat)| signed.to_contract(*seat)).collect())
    }
}

const fn is_present(attempt: u32, now: u32) -> bool {
    attempt <= now.saturating_add(ATTEMPTS_AHEAD) && attempt >= now.saturating_sub(ATTEMPTS_KEPT)
}

#[cfg(test)]
mod tests;
