//! Sends, follows and writes down: the part of a load that is timed.
//!
//! Each connection has a thread that sends and one that reads answers; a further one follows the
//! blocks. What they learn goes into the ledger, under one lock that is taken once for each
//! request or block.

mod book;
mod follow;
mod lane;

pub(super) use book::{Book, Resources, Second};
pub(super) use follow::{BlockSeen, parse_prefix};

use super::{
    LoadError,
    client::Client,
    http::Endpoint,
    ledger::{Counts, Ledger, TICK_MICROSECONDS, Ticks},
    plan::{Batch, Plan},
    progress,
    sample::{Process, folder_bytes},
    schedule::Rate,
    sign,
};
use parking_lot::Mutex;
use std::{
    path::PathBuf,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

/// How often it is looked whether all is done.
const GLANCE: Duration = Duration::from_millis(20);

/// How long transactions may still turn up whose answers were lost.
const GRACE: Duration = Duration::from_secs(5);

/// How the plan is carried out.
#[derive(Clone, Debug)]
pub(super) struct Manner {
    pub(super) rate: Rate,
    /// Requests of one connection that are under way at a time.
    pub(super) pipeline: usize,
    /// Transactions that may be sent and not mined at a time.
    pub(super) in_flight_max: u64,
    /// How long nothing may happen before it is over.
    pub(super) timeout: Duration,
    /// How often the next block is asked for.
    pub(super) poll: Duration,
    /// Whether only final blocks count.
    pub(super) finalized: bool,
    /// Whose memory and processor time are watched.
    pub(super) process: Option<Process>,
    /// Whose size on the disk is watched.
    pub(super) folder: Option<PathBuf>,
}

/// What came of it.
#[derive(Debug)]
pub(super) struct Outcome {
    pub(super) ledger: Ledger,
    pub(super) book: Book,
    pub(super) blocks: Vec<BlockSeen>,
    pub(super) resources: Resources,
}

impl Outcome {
    pub(super) const fn counts(&self) -> Counts {
        self.ledger.counts()
    }
}

/// What all threads share.
#[derive(Debug)]
struct Shared<'a> {
    plan: &'a Plan,
    manner: &'a Manner,
    endpoint: &'a Endpoint,
    start: Instant,
    ledger: Mutex<Ledger>,
    book: Mutex<Book>,
    /// For each connection the number of the first transaction that it has yet to send.
    next: Vec<AtomicU64>,
    /// Nothing more is to be sent.
    is_stopped: AtomicBool,
    /// All that is awaited has happened, or is awaited no more.
    is_over: AtomicBool,
}

impl Shared<'_> {
    fn now(&self) -> Ticks {
        ticks(self.start.elapsed())
    }

    fn is_stopped(&self) -> bool {
        self.is_stopped.load(Ordering::Relaxed)
    }

    fn trouble(&self, error: &LoadError) {
        self.book.lock().trouble(error);
    }
}

/// Time in the unit of the ledger. Five days are enough for everybody.
fn ticks(time: Duration) -> Ticks {
    Ticks::try_from(time.as_micros() / u128::from(TICK_MICROSECONDS)).unwrap_or(Ticks::MAX)
}

/// Sends everything, and waits until it is mined or nothing happens any more. `stock` is what was
/// signed before; without it signing goes on meanwhile.
pub(super) fn drive(
    plan: &Plan,
    manner: &Manner,
    endpoint: &Endpoint,
    client: &mut Client,
    stock: Option<&[Arc<Batch>]>,
) -> Result<Outcome, LoadError> {
    let connect = |_| endpoint.connect(manner.timeout);
    let connections = (0..plan.connections).map(connect).collect::<Result<Vec<_>, _>>()?;
    let next_block = follow::head(client)? + 1;
    let ledger = Ledger::new(plan.transactions);
    let processes = [Some(Process::own()), manner.process.clone()];
    let before = processes.each_ref().map(|it| it.as_ref()?.processor_time());
    let shared = Shared {
        plan,
        manner,
        endpoint,
        start: Instant::now(),
        ledger: Mutex::new(ledger),
        book: Mutex::new(Book::default()),
        next: connections.iter().map(|_| AtomicU64::new(0)).collect(),
        is_stopped: AtomicBool::new(false),
        is_over: AtomicBool::new(false),
    };
    let blocks = thread::scope(|scope| {
        let shared = &shared;
        let follower = scope.spawn(move || follow::follow(shared, client, next_block));
        let mut lanes = Vec::new();
        if let Some(stock) = stock {
            for (number, connection) in connections.into_iter().enumerate() {
                let own = stock.iter().skip(number).step_by(plan.connections as usize).cloned();
                lanes.push(scope.spawn(move || lane::run(shared, number, connection, own)));
            }
        } else {
            let (senders, receivers) = sign::queues(plan);
            scope.spawn(move || sign::ahead(plan, &senders));
            for (number, (connection, queue)) in connections.into_iter().zip(receivers).enumerate()
            {
                let own = queue.into_iter();
                lanes.push(scope.spawn(move || lane::run(shared, number, connection, own)));
            }
        }
        watch(shared, &|| lanes.iter().all(thread::ScopedJoinHandle::is_finished));
        shared.is_stopped.store(true, Ordering::Relaxed);
        shared.is_over.store(true, Ordering::Relaxed);
        follower.join().expect("it does not panic")
    });
    let spent = |place: usize| {
        let after = processes[place].as_ref()?.processor_time()?;
        Some(after.saturating_sub(before[place]?))
    };
    let resources = Resources { own: spent(0), node: spent(1) };
    let Shared { ledger, book, .. } = shared;
    Ok(Outcome { ledger: ledger.into_inner(), book: book.into_inner(), blocks, resources })
}

/// Waits until all is sent and mined, or nothing has happened for too long; shows how far it is.
fn watch(shared: &Shared<'_>, is_all_sent: &dyn Fn() -> bool) {
    let bar = progress::bar("mined", shared.plan.transactions);
    let mut last = (shared.ledger.lock().counts(), Instant::now());
    let mut next_sample = Duration::ZERO;
    loop {
        // Before the counts are read: what is sent in between is in them then.
        let is_sent = is_all_sent();
        let counts = shared.ledger.lock().counts();
        if counts != last.0 {
            last = (counts, Instant::now());
            bar.set_position(counts.mined);
            bar.set_message(format!("({} rejected)", counts.rejected));
        }
        let quiet = last.1.elapsed();
        let is_settled = counts.waiting() == 0 && (counts.unanswered == 0 || quiet > GRACE);
        // With nothing to wait for, a slow schedule is no silence of the node's.
        let is_too_long = counts.waiting() > 0 && quiet > shared.manner.timeout;
        if is_sent && (is_settled || is_too_long) {
            break;
        }
        if is_too_long {
            shared.is_stopped.store(true, Ordering::Relaxed);
        }
        if shared.start.elapsed() >= next_sample {
            sample(shared);
            next_sample += Duration::from_secs(1);
        }
        thread::sleep(GLANCE);
    }
    sample(shared);
    bar.finish_and_clear();
}

fn sample(shared: &Shared<'_>) {
    let resident = shared.manner.process.as_ref().and_then(Process::resident_bytes);
    let disk = shared.manner.folder.as_deref().map(folder_bytes);
    shared.book.lock().sample(shared.now(), resident, disk);
}
