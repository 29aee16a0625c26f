//! What a transaction does, step by step or call by call, in the shapes that geth's and
//! OpenEthereum's users know.
//!
//! [`Tracer`] is made from the options of `debug_traceTransaction` and runs one transaction on an
//! [`Overlay`]. [`parity`] makes the traces of the `trace_` methods, [`internal_operations`] those
//! of Otterscan.
//!
//! `events` turns revm's hooks into the events that geth's tracers hear; each tracer is a listener
//! to them in a file of its own.

mod activity;
mod call_frame;
pub(crate) mod events;
mod flat_call;
mod four_byte;
mod opcodes;
pub mod parity;
mod prestate;
pub(crate) mod state;
mod struct_log;
#[cfg(test)]
mod tests;

pub use activity::{Activity, FRAMES_MAX, Frame, SlotAccess, activity};
pub use parity::internal_operations;

use crate::{
    Overlay,
    call::{CallError, Environment, Interrupt, Outcome, call_inspected},
};
use alloy_primitives::B256;
use alloy_rpc_types_trace::geth::{
    CallConfig, FlatCallConfig, GethDebugBuiltInTracerType as BuiltIn, GethDebugTracerConfig,
    GethDebugTracerType, GethDebugTracingOptions, GethDefaultTracingOptions, PreStateConfig,
};
use core::time::Duration;
use events::{End, Enter, Events, Exit, Listener, Step};
use revm::{DatabaseRef, context::TxEnv};
use serde_json::value::RawValue;
use state::{Current, Settled};

/// Bytes that one trace may have, unless the [`Tracer`] says otherwise. A trace is held in memory
/// until it is sent.
pub const TRACE_BYTES_MAX: usize = 128 << 20;

/// One of geth's tracers, with its options.
#[derive(Clone, Debug)]
pub struct Tracer {
    kind: Kind,
    timeout: Option<Duration>,
    /// Bytes that the output may have.
    pub bytes_max: usize,
}

#[derive(Clone, Debug)]
enum Kind {
    StructLog(Box<GethDefaultTracingOptions>),
    Call(CallConfig),
    FlatCall(FlatCallConfig),
    Prestate { config: PreStateConfig, include_empty: bool },
    FourByte,
    Noop,
    Mux(Vec<(&'static str, Kind)>),
}

/// The options name no tracer that can be used.
#[derive(Debug, thiserror::Error)]
pub enum TracerError {
    /// No tracer has this name; tracers in JavaScript are not supported.
    #[error(
        "tracer {0:?} is not supported; use callTracer, prestateTracer, flatCallTracer, \
         4byteTracer, muxTracer, noopTracer, or none for struct logs"
    )]
    Unknown(String),
    /// The tracer's options are not what they should be.
    #[error("tracerConfig is not what {tracer} takes: {source}")]
    Config {
        /// Name of the tracer.
        tracer: &'static str,
        /// What is wrong.
        source: serde_json::Error,
    },
    /// Options exclude each other.
    #[error("cannot use diffMode with includeEmpty")]
    DiffOfEmpty,
    /// The time limit is no duration.
    #[error("timeout {0:?} is no duration such as \"5s\" or \"300ms\"")]
    Timeout(String),
}

/// Why a transaction could not be traced.
#[derive(Debug, thiserror::Error)]
pub enum TraceError<E: std::error::Error + 'static> {
    /// The transaction could not run.
    #[error("tracing failed: {0}")]
    Call(#[from] CallError<E>),
    /// The trace would be larger than it may be.
    #[error(
        "the trace is larger than {bytes_max} bytes; ask for less with disableStack, \
         disableStorage, a limit, or another tracer"
    )]
    TooLarge {
        /// The limit.
        bytes_max: usize,
    },
    /// The output could not be written as JSON.
    #[error("the trace cannot be written: {0}")]
    Json(#[from] serde_json::Error),
}

/// Where a transaction stands; what is not known stays out of the trace.
#[derive(Clone, Debug, Default)]
pub struct TransactionPlace {
    /// Hash of the block.
    pub block_hash: Option<B256>,
    /// Height of the block.
    pub block_number: Option<u64>,
    /// Hash of the transaction.
    pub transaction_hash: Option<B256>,
    /// Position in the block.
    pub index: Option<u64>,
    /// Logs in the block before it.
    pub first_log: u64,
}

/// A trace, and what the transaction did.
#[derive(Clone, Debug)]
pub struct Traced {
    /// The tracer's output.
    pub output: Box<RawValue>,
    /// What the transaction did, not yet committed.
    pub outcome: Outcome,
}

impl Tracer {
    /// The tracer that `options` ask for.
    ///
    /// # Errors
    ///
    /// See [`TracerError`].
    pub fn new(options: GethDebugTracingOptions) -> Result<Self, TracerError> {
        let kind = match options.tracer.filter(|tracer| !tracer.as_str().is_empty()) {
            None => Kind::StructLog(Box::new(options.config)),
            Some(GethDebugTracerType::BuiltInTracer(tracer)) => {
                Kind::new(tracer, options.tracer_config)?
            }
            Some(other) => return Err(TracerError::Unknown(other.as_str().to_owned())),
        };
        let timeout = options.timeout.map(|text| parse_duration(&text)).transpose()?;
        Ok(Self { kind, timeout, bytes_max: TRACE_BYTES_MAX })
    }

    /// The time that the options grant.
    pub const fn timeout(&self) -> Option<Duration> {
        self.timeout
    }

    /// Runs `transaction` on `state` and traces it. The changes are not committed.
    ///
    /// # Errors
    ///
    /// See [`TraceError`].
    pub fn trace<DB: DatabaseRef<Error: 'static>>(
        &self,
        state: &mut Overlay<DB>,
        environment: &Environment,
        transaction: &TxEnv,
        place: &TransactionPlace,
        interrupt: &Interrupt,
    ) -> Result<Traced, TraceError<DB::Error>> {
        let mut before = Settled::before(state);
        let start = Start { environment, transaction, place };
        let mut listener = self.kind.listener(&start, &mut before);
        if let Some(error) = before.error {
            return Err(CallError::Database(error).into());
        }
        let mut events = Events::new(&mut *listener, place.first_log, self.bytes_max);
        let outcome = call_inspected(state, environment, transaction, interrupt, &mut events);
        let too_large = events.exceeded;
        drop(events);
        if too_large || listener.bytes() > self.bytes_max {
            return Err(TraceError::TooLarge { bytes_max: self.bytes_max });
        }
        let outcome = outcome?;
        let end = End {
            gas_used: outcome.result.tx_gas_used(),
            failed: !outcome.result.is_success(),
            output: outcome.result.output().cloned().unwrap_or_default(),
        };
        let mut after = Settled::after(state, &outcome.changes);
        let output = listener.finish(&end, &mut after)?;
        if let Some(error) = after.error {
            return Err(CallError::Database(error).into());
        }
        Ok(Traced { output: RawValue::from_string(output)?, outcome })
    }
}

struct Start<'s> {
    environment: &'s Environment,
    transaction: &'s TxEnv,
    place: &'s TransactionPlace,
}

impl Kind {
    fn new(tracer: BuiltIn, config: GethDebugTracerConfig) -> Result<Self, TracerError> {
        let wrong = |tracer| move |source| TracerError::Config { tracer, source };
        Ok(match tracer {
            BuiltIn::CallTracer => {
                Self::Call(config.into_call_config().map_err(wrong("callTracer"))?)
            }
            BuiltIn::FlatCallTracer => {
                Self::FlatCall(config.into_flat_call_config().map_err(wrong("flatCallTracer"))?)
            }
            BuiltIn::PreStateTracer => {
                let include_empty = config.0.get("includeEmpty").and_then(|value| value.as_bool());
                let include_empty = include_empty.unwrap_or_default();
                let config = config.into_pre_state_config().map_err(wrong("prestateTracer"))?;
                if include_empty && config.is_diff_mode() {
                    return Err(TracerError::DiffOfEmpty);
                }
                Self::Prestate { config, include_empty }
            }
            BuiltIn::FourByteTracer => Self::FourByte,
            BuiltIn::NoopTracer => Self::Noop,
            BuiltIn::MuxTracer => {
                let config = config.into_mux_config().map_err(wrong("muxTracer"))?;
                let mut kinds = Vec::new();
                for (tracer, config) in config.0 {
                    let GethDebugTracerType::BuiltInTracer(built_in) = tracer else {
                        return Err(TracerError::Unknown(tracer.as_str().to_owned()));
                    };
                    kinds.push((name(built_in), Self::new(built_in, config.unwrap_or_default())?));
                }
                kinds.sort_unstable_by_key(|(name, _)| *name);
                Self::Mux(kinds)
            }
            other => {
                let other = GethDebugTracerType::from(other);
                return Err(TracerError::Unknown(other.as_str().to_owned()));
            }
        })
    }

    fn listener(&self, start: &Start<'_>, state: &mut dyn Current) -> Box<dyn Listener> {
        let Start { environment, transaction, place } = start;
        let precompiles = environment.precompiles.addresses();
        let gas_limit = transaction.gas_limit;
        match self {
            Self::StructLog(options) => Box::new(struct_log::StructLogger::new(options)),
            Self::Call(config) => Box::new(call_frame::CallTracer::new(config, gas_limit)),
            Self::FlatCall(config) => {
                let tracer = flat_call::FlatCallTracer::new(config, gas_limit, precompiles, place);
                Box::new(tracer)
            }
            Self::Prestate { config, include_empty } => {
                let options = prestate::Options::new(config, *include_empty, environment);
                Box::new(prestate::PrestateTracer::new(options, transaction, state))
            }
            Self::FourByte => Box::new(four_byte::FourByteTracer::new(precompiles)),
            Self::Noop => Box::new(Noop),
            Self::Mux(kinds) => Box::new(Mux(kinds
                .iter()
                .map(|(name, kind)| (*name, kind.listener(start, state)))
                .collect())),
        }
    }
}

const fn name(tracer: BuiltIn) -> &'static str {
    match tracer {
        BuiltIn::FourByteTracer => "4byteTracer",
        BuiltIn::CallTracer => "callTracer",
        BuiltIn::FlatCallTracer => "flatCallTracer",
        BuiltIn::PreStateTracer => "prestateTracer",
        BuiltIn::StateGasTracer => "stateGasTracer",
        BuiltIn::NoopTracer => "noopTracer",
        BuiltIn::MuxTracer => "muxTracer",
        BuiltIn::Erc7562Tracer => "erc7562Tracer",
    }
}

/// A tracer that hears nothing.
struct Noop;

impl Listener for Noop {
    fn bytes(&self) -> usize {
        0
    }

    fn finish(&mut self, _: &End, _: &mut dyn Current) -> Result<String, serde_json::Error> {
        Ok("{}".to_owned())
    }
}

/// Several tracers at once.
struct Mux(Vec<(&'static str, Box<dyn Listener>)>);

impl Listener for Mux {
    fn wants_steps(&self) -> bool {
        self.0.iter().any(|(_, listener)| listener.wants_steps())
    }

    fn enter(&mut self, enter: &Enter) {
        self.0.iter_mut().for_each(|(_, listener)| listener.enter(enter));
    }

    fn exit(&mut self, exit: &Exit) {
        self.0.iter_mut().for_each(|(_, listener)| listener.exit(exit));
    }

    fn step(&mut self, step: &Step<'_>, state: &mut dyn Current) {
        for (_, listener) in &mut self.0 {
            if listener.wants_steps() {
                listener.step(step, state);
            }
        }
    }

    fn step_done(&mut self, cost: u64, error: Option<&str>) {
        for (_, listener) in &mut self.0 {
            if listener.wants_steps() {
                listener.step_done(cost, error);
            }
        }
    }

    fn log(&mut self, log: &alloy_primitives::Log, index: u64) {
        self.0.iter_mut().for_each(|(_, listener)| listener.log(log, index));
    }

    fn bytes(&self) -> usize {
        self.0.iter().map(|(_, listener)| listener.bytes()).sum()
    }

    fn finish(&mut self, end: &End, state: &mut dyn Current) -> Result<String, serde_json::Error> {
        let mut parts = Vec::with_capacity(self.0.len());
        for (name, listener) in &mut self.0 {
            parts.push(format!("\"{name}\":{}", listener.finish(end, state)?));
        }
        Ok(format!("{{{}}}", parts.join(",")))
    }
}

/// A duration as Go writes it: numbers with units, one after the other.
fn parse_duration(text: &str) -> Result<Duration, TracerError> {
    let wrong = || TracerError::Timeout(text.to_owned());
    let mut rest = text;
    let mut total = Duration::ZERO;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit() && c != '.').ok_or_else(wrong)?;
        let (number, after) = rest.split_at(digits);
        let unit_end = after.find(|c: char| c.is_ascii_digit() || c == '.').unwrap_or(after.len());
        let (unit, after) = after.split_at(unit_end);
        let seconds = match unit {
            "ns" => 1e-9,
            "us" | "µs" => 1e-6,
            "ms" => 1e-3,
            "s" => 1.0,
            "m" => 60.0,
            "h" => 3600.0,
            _ => return Err(wrong()),
        };
        let number: f64 = number.parse().map_err(|_| wrong())?;
        let part = Duration::try_from_secs_f64(number * seconds).map_err(|_| wrong())?;
        total = total.checked_add(part).ok_or_else(wrong)?;
        rest = after;
    }
    if text.is_empty() { Err(wrong()) } else { Ok(total) }
}
