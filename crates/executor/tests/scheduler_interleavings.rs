//! The scheduler's interleavings, explored by shuttle.
//!
//! Shuttle runs the threads of a model one at a time and chooses at every use of a primitive which
//! goes on. The scheduler's source is taken in as it is: it finds its primitives in `crate::sync`,
//! and here these are shuttle's. So no setting of the compiler tells a checked scheduler from a
//! shipped one. Shuttle takes every memory ordering for sequentially consistent;
//! `scheduler_memory_orderings.rs` looks at those.
//!
//! `HEDDLE_SCHEDULES` is the number of schedules for each model and way of choosing, `HEDDLE_SEED`
//! the seed of the choices.

mod scheduler_model;

/// What the scheduler is made of.
mod sync {
    pub(crate) use shuttle::sync::{
        Mutex,
        atomic::{AtomicU8, AtomicU32, AtomicUsize, Ordering},
    };
}

#[path = "../src/scheduler.rs"]
mod scheduler;

use scheduler_model::{Model, Stop};
use shuttle::{
    Config, MaxSteps, Runner,
    rand::{Rng, thread_rng},
    scheduler::{PctScheduler, RandomScheduler},
};
use std::{env, fmt::Debug, str::FromStr};

/// A run of a model takes some hundred steps; one that takes more than this does not end.
const STEPS_MAX: usize = 50_000;
/// How many times PCT takes the processor from the most urgent thread: more than any known fault
/// of a scheduler needs.
const PCT_DEPTH: usize = 4;

/// A number from the environment.
fn setting<T: FromStr<Err: Debug>>(name: &str, default: T) -> T {
    env::var(name).map_or(default, |text| text.parse().expect(name))
}

/// Runs what `model` gives under many schedules.
fn explore(model: impl Fn() -> Model + Copy + Send + Sync + 'static) {
    let schedules = setting("HEDDLE_SCHEDULES", 5_000);
    let seed = setting("HEDDLE_SEED", 0);
    let mut config = Config::new();
    config.max_steps = MaxSteps::FailAfter(STEPS_MAX);
    config.silence_warnings = true;
    let run = move || scheduler_model::run(model());
    let random = RandomScheduler::new_from_seed(seed, schedules);
    Runner::new(random, config.clone()).run(run);
    Runner::new(PctScheduler::new_from_seed(seed, PCT_DEPTH, schedules), config).run(run);
}

#[test]
fn makes_transactions_without_dependencies_final_in_order() {
    explore(|| Model::new(4, 3));
}

#[test]
fn follows_a_chain_of_waiting_transactions() {
    explore(|| Model { waits: vec![vec![], vec![0], vec![1], vec![2]], ..Model::new(4, 3) });
}

#[test]
fn releases_all_that_wait_for_one() {
    explore(|| Model {
        waits: vec![vec![], vec![0], vec![0], vec![0], vec![0]],
        ..Model::new(5, 3)
    });
}

#[test]
fn waits_for_two_one_after_the_other() {
    explore(|| Model { waits: vec![vec![], vec![], vec![0, 1], vec![2, 0]], ..Model::new(4, 3) });
}

#[test]
fn executes_again_what_read_too_early() {
    let reads = || vec![vec![], vec![0], vec![0, 1], vec![2]];
    explore(move || Model { reads: reads(), ..Model::new(4, 3) });
}

#[test]
fn stays_within_a_window_smaller_than_the_block() {
    for threads in [2, 3] {
        explore(move || Model {
            window: 2,
            waits: vec![vec![], vec![0], vec![], vec![1], vec![3], vec![4]],
            ..Model::new(6, threads)
        });
    }
}

#[test]
fn goes_on_one_by_one_with_a_window_of_one() {
    explore(|| Model { window: 1, ..Model::new(3, 2) });
}

#[test]
fn claims_runs_around_early_transactions() {
    explore(|| Model {
        early: vec![3, 1],
        run: 4,
        waits: vec![vec![], vec![0], vec![], vec![1], vec![3], vec![]],
        ..Model::new(6, 3)
    });
}

#[test]
fn goes_on_after_what_was_left_to_the_leader() {
    explore(|| Model {
        deferred: vec![1, 3],
        waits: vec![vec![], vec![0], vec![1], vec![2], vec![3], vec![1]],
        ..Model::new(6, 3)
    });
}

#[test]
fn passes_over_what_is_done_already() {
    for done in [&[0, 1, 3][..], &[2, 4, 5], &[0, 1, 2, 3, 4, 5]] {
        explore(move || Model {
            window: 3,
            done: done.to_vec(),
            run: 2,
            waits: vec![vec![], vec![0], vec![1], vec![2], vec![3], vec![0, 4]],
            ..Model::new(6, 3)
        });
    }
}

#[test]
fn all_threads_leave_after_an_error() {
    for failing in [0, 2, 4] {
        explore(move || Model {
            stop: Some(Stop::WhenFinal(failing)),
            waits: vec![vec![], vec![0], vec![1], vec![], vec![3]],
            ..Model::new(5, 3)
        });
    }
}

#[test]
fn all_threads_leave_when_one_gives_up() {
    for failing in [0, 2] {
        explore(move || Model {
            stop: Some(Stop::WhenClaimed(failing)),
            waits: vec![vec![], vec![0], vec![], vec![2], vec![2]],
            ..Model::new(5, 3)
        });
    }
}

/// Shuttle draws the block too, so that a schedule's number stands for both.
#[test]
fn does_any_small_block() {
    explore(|| {
        let mut random = thread_rng();
        let len = random.gen_range(1..=6_usize);
        let mut earlier = |index: usize, among: usize| -> Vec<usize> {
            (0..index).filter(|_| random.gen_range(0..among) == 0).collect()
        };
        let waits = (0..len).map(|index| earlier(index, 3)).collect();
        let reads = (0..len).map(|index| earlier(index, 3)).collect();
        let window = random.gen_range(1..=len);
        let mut early: Vec<u32> =
            (0..).take(window).filter(|_| random.gen_range(0..3) == 0).collect();
        if random.gen_range(0..2) == 0 {
            early.reverse();
        }
        let stop = match random.gen_range(0..8) {
            0 => Some(Stop::WhenFinal(random.gen_range(0..len))),
            1 => Some(Stop::WhenClaimed(random.gen_range(0..len))),
            _ => None,
        };
        let threads = random.gen_range(2..=3);
        Model {
            window,
            early,
            run: random.gen_range(1..=3),
            waits,
            reads,
            stop,
            ..Model::new(len, threads)
        }
    });
}
