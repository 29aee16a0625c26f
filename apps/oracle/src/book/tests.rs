use super::*;
use crate::observation::Observation;
use alloy_primitives::{B256, aliases::I192};
use alloy_signer_local::PrivateKeySigner;
use proptest::prelude::*;

const ID: FeedId = FeedId { feed: Address::repeat_byte(5), chain_id: 31_337 };
const SECONDS: u32 = 10;
const NOW: u32 = 1000;
const ROUND: u32 = 7;

fn key(number: u8) -> PrivateKeySigner {
    PrivateKeySigner::from_bytes(&B256::repeat_byte(number + 1)).unwrap()
}

/// Seats in the order of keys: the contract's are sorted, which does not matter here.
fn committee(count: u8) -> Committee {
    let seats: Vec<Address> = (0..count).map(|number| key(number).address()).collect();
    let faulty = (usize::from(count) - 1) / 3;
    let active = u32::try_from((1_u64 << count) - 1).unwrap();
    Committee { seats, active, quorum: 2 * faulty + 1, is_whole: true }
}

fn book(count: u8) -> Book {
    Book::new(ID, committee(count), ROUND)
}

fn observation(attempt: u32, value: i128) -> Observation {
    let observed_at = u64::from(attempt) * u64::from(SECONDS) + 1;
    Observation { round: ROUND, attempt, value: I192::try_from(value).unwrap(), observed_at }
}

fn signed(number: u8, observation: Observation) -> Signed {
    ID.sign(&key(number), observation).unwrap()
}

/// A time at which all observations of now count.
fn late() -> u64 {
    u64::from(NOW + 1) * u64::from(SECONDS) - 1
}

#[test]
fn what_is_late_early_or_a_stranger_s_is_refused() {
    let mut book = book(4);
    for (attempt, is_present) in
        [(NOW - 17, false), (NOW - 16, true), (NOW + 1, true), (NOW + 2, false)]
    {
        let result = book.offer(signed(0, observation(attempt, 1)), NOW);
        assert_eq!(result.is_ok(), is_present, "{attempt}");
    }
    for (round, is_near) in
        [(ROUND - 2, false), (ROUND - 1, true), (ROUND + 1, true), (ROUND + 2, false)]
    {
        let other = Observation { round, ..observation(NOW, 1) };
        assert_eq!(book.offer(signed(0, other), NOW).is_ok(), is_near, "{round}");
    }
    let stranger = book.offer(signed(9, observation(NOW, 1)), NOW);
    assert!(matches!(stranger, Err(Refusal::Seat(_))));
    let mut forged = signed(1, observation(NOW, 1));
    forged.observation.value = I192::MAX;
    assert!(matches!(book.offer(forged, NOW), Err(Refusal::Seat(_) | Refusal::Wrong(_))));
    let vacated = Committee { active: 0b1101, ..committee(4) };
    book.turn(vacated, ROUND, NOW);
    assert!(matches!(book.offer(signed(1, observation(NOW, 1)), NOW), Err(Refusal::Seat(_))));
}

#[test]
fn two_observations_of_one_reporter_are_a_proof_and_a_third_is_not_kept() {
    let mut book = book(4);
    let (first, second) = (signed(2, observation(NOW, 5)), signed(2, observation(NOW, 6)));
    let reporter = key(2).address();
    assert_eq!(book.offer(first, NOW), Ok(News::New(reporter)));
    assert_eq!(book.offer(first, NOW), Ok(News::Known));
    let proof = Proof { id: ID, reporter, first, second };
    assert_eq!(book.offer(second, NOW), Ok(News::Conflict(Box::new(proof))));
    assert_eq!(book.offer(second, NOW), Ok(News::Known));
    assert_eq!(book.offer(signed(2, observation(NOW, 7)), NOW), Ok(News::Known));
    // Others learn of both.
    assert_eq!(book.shared(NOW), [first, second]);
    let other_time = Observation { observed_at: 3, ..observation(NOW, 5) };
    assert!(matches!(self::book(4).offer(signed(2, other_time), NOW), Ok(News::New(_))));
}

#[test]
fn a_report_has_one_observation_of_each_and_none_from_outside_its_attempt() {
    let mut book = book(4);
    for (number, value) in [(0, 30), (1, -10)] {
        book.offer(signed(number, observation(NOW, value)), NOW).unwrap();
    }
    let early =
        Observation { observed_at: observation(NOW, 0).observed_at - 2, ..observation(NOW, 20) };
    book.offer(signed(3, early), NOW).unwrap();
    assert_eq!(book.report(NOW, SECONDS, late()), None, "one of three is from outside");
    let soon = Observation { observed_at: late(), ..observation(NOW, 20) };
    book.offer(signed(2, soon), NOW).unwrap();
    assert_eq!(book.report(NOW, SECONDS, late() - 1), None, "one of three is in the future");
    let report = book.report(NOW, SECONDS, late()).unwrap();
    let seats: Vec<u8> = report.iter().map(|one| one.seat).collect();
    assert_eq!(seats, [1, 2, 0], "by value");
    // The second one of a liar counts if the first one does not.
    book.offer(signed(3, observation(NOW, 25)), NOW).unwrap();
    assert_eq!(book.report(NOW, SECONDS, late()).unwrap().len(), 4);
    book.turn(committee(4), ROUND + 1, NOW);
    assert_eq!(book.report(NOW, SECONDS, late()), None, "the round is over");
}

#[test]
fn what_is_kept_and_sent_is_bounded_whatever_liars_sign() {
    let mut book = book(31);
    for number in 0..31 {
        for round in [ROUND - 1, ROUND, ROUND + 1] {
            for value in 0..4 {
                for attempt in [NOW - 1, NOW] {
                    let one = Observation { round, ..observation(attempt, value) };
                    book.offer(signed(number, one), NOW).unwrap();
                }
            }
        }
    }
    assert_eq!(book.kept.len(), 31 * 3 * 2);
    assert_eq!(book.shared(NOW).len(), SENT_MAX);
    book.turn(committee(31), ROUND, NOW + 16);
    assert_eq!(book.kept.len(), 31 * 3, "the attempt before is over");
    book.turn(committee(4), ROUND, NOW + 16);
    assert!(book.kept.len() <= 4 * 3, "who has no seat any more is forgotten");
}

/// What reaches a book: whose, for which attempt, and which of few values.
fn offers() -> impl Strategy<Value = Vec<(u8, u32, i128)>> {
    prop::collection::vec((0..7_u8, NOW - 1..=NOW + 1, 0..3_i128), 0..40)
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn who_signs_once_for_each_attempt_is_never_accused(offers in offers(), liars in 0..7_u8) {
        let mut book = book(7);
        for (number, attempt, value) in offers {
            // The honest have one value for each attempt, however often it arrives.
            let value = if number < liars { value } else { i128::from(number) };
            match book.offer(signed(number, observation(attempt, value)), NOW).unwrap() {
                News::Conflict(proof) => {
                    prop_assert!((0..liars).any(|liar| key(liar).address() == proof.reporter));
                    prop_assert_ne!(proof.first.observation, proof.second.observation);
                    prop_assert_eq!(proof.first.observation.attempt, proof.second.observation.attempt);
                }
                News::New(_) | News::Known => {}
            }
        }
    }

    #[test]
    fn liars_do_not_move_the_median_of_a_report_out_of_the_honest_range(
        faulty in 1..3_u8,
        honest in prop::collection::vec(-1_000_000..1_000_000_i128, 7),
        lies in prop::collection::vec(any::<i128>(), 2),
        silent in 0..3_u8,
        order in Just((0..7_u8).collect::<Vec<u8>>()).prop_shuffle(),
    ) {
        let count = 3 * faulty + 1;
        let mut book = book(count);
        // Liars speak; as many of the honest may be silent as a quorum can do without.
        let silent = silent.min(faulty);
        for number in order.into_iter().filter(|number| *number < count) {
            let value = match number {
                liar if liar < faulty => lies[usize::from(liar)],
                other if other >= count - silent => continue,
                other => honest[usize::from(other)],
            };
            book.offer(signed(number, observation(NOW, value)), NOW).unwrap();
        }
        let report = book.report(NOW, SECONDS, late()).unwrap();
        prop_assert!(report.is_sorted_by_key(|one| one.value));
        let median = report[report.len() / 2].value;
        let heard = &honest[usize::from(faulty)..usize::from(count - silent)];
        prop_assert!(median >= I192::try_from(*heard.iter().min().unwrap()).unwrap());
        prop_assert!(median <= I192::try_from(*heard.iter().max().unwrap()).unwrap());
    }
}
