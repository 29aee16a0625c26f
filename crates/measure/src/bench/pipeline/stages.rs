//! Processor time, by stage.

use heddle_chain::Stage;
use parking_lot::Mutex;
use rustix::time::{ClockId, clock_gettime};
use std::{sync::Arc, time::Instant};

/// The stages that are told apart, in order.
pub(super) const NAMES: [&str; 13] = [
    "decode",
    "recover",
    "pool",
    "select",
    "admit",
    "execute",
    "state_root",
    "header",
    "encode",
    "log",
    "publish",
    "follow",
    "settle",
];

/// What the stages took.
#[derive(Clone, Debug, Default)]
pub(super) struct Stages {
    /// Seconds of processor time, of all threads.
    pub(super) processor: [f64; NAMES.len()],
    /// Seconds of real time.
    pub(super) real: [f64; NAMES.len()],
    pub(super) transactions: usize,
}

impl Stages {
    /// Microseconds of processor time for each transaction.
    pub(super) fn microseconds(&self, stage: usize) -> f64 {
        self.processor[stage] * 1e6 / self.transactions.max(1) as f64
    }

    /// Microseconds of real time for each transaction.
    pub(super) fn real_microseconds(&self, stage: usize) -> f64 {
        self.real[stage] * 1e6 / self.transactions.max(1) as f64
    }
}

/// Tells what was used since it was asked last.
#[derive(Clone, Debug)]
pub(super) struct Meter(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    stages: Stages,
    processor: f64,
    real: Instant,
}

impl Meter {
    pub(super) fn new() -> Self {
        let stages = Stages::default();
        Self(Arc::new(Mutex::new(State { stages, processor: processor(), real: Instant::now() })))
    }

    /// Forgets what was used since it was asked last.
    pub(super) fn skip(&self) {
        let mut state = self.0.lock();
        (state.processor, state.real) = (processor(), Instant::now());
    }

    /// What was used since it was asked last was used by this stage.
    pub(super) fn ended(&self, name: &str) {
        let state = &mut *self.0.lock();
        let (processor, real) = (processor(), Instant::now());
        if let Some(stage) = NAMES.iter().position(|stage| *stage == name) {
            state.stages.processor[stage] += processor - state.processor;
            state.stages.real[stage] += (real - state.real).as_secs_f64();
        }
        (state.processor, state.real) = (processor, real);
    }

    /// The same for a stage of the chain.
    pub(super) fn ended_in_chain(&self, stage: Stage) {
        self.ended(match stage {
            Stage::Begin => "select",
            Stage::Admit => "admit",
            Stage::Execute => "execute",
            Stage::StateRoot => "state_root",
            Stage::Header => "header",
            Stage::Encode => "encode",
            Stage::Log => "log",
            Stage::Publish => "publish",
        });
    }

    pub(super) fn stages(&self, transactions: usize) -> Stages {
        Stages { transactions, ..self.0.lock().stages.clone() }
    }
}

/// Processor time of this process until now, in seconds.
fn processor() -> f64 {
    let time = clock_gettime(ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}
