//! One connection: a thread that sends when it is time, and one that reads the answers.

use super::{Shared, ticks};
use crate::load::{
    LoadError, answers,
    http::{Reader, Writer},
    ledger::{Fate, Ticks, prefix},
    plan::Batch,
};
use std::{
    iter::Peekable,
    sync::{
        Arc,
        atomic::Ordering,
        mpsc::{Receiver, Sender, channel},
    },
    thread,
    time::Duration,
};

/// How often a connection is opened again before the node is taken to be gone.
const RECONNECTS_MAX: u32 = 3;

/// How long it waits before that.
const RECONNECT_PAUSE: Duration = Duration::from_millis(200);

/// How often it is looked whether there is room for more, and whether all has been stopped.
const GLANCE: Duration = Duration::from_micros(500);

/// The longest sleep before it is looked whether all has been stopped.
const NAP_MAX: Duration = Duration::from_millis(100);

/// Requests that a connection is ahead of others at most, when all send as fast as they can. If
/// some were done long before the others, the end would be another load.
const REQUESTS_AHEAD_MAX: u64 = 16;

/// Sends all batches of a connection, and opens it again when it breaks.
pub(super) fn run(
    shared: &Shared<'_>,
    number: usize,
    connection: (Writer, Reader),
    batches: impl Iterator<Item = Arc<Batch>>,
) {
    send_all(shared, number, connection, batches);
    // Nobody waits for it any more.
    shared.next[number].store(u64::MAX, Ordering::Relaxed);
}

fn send_all(
    shared: &Shared<'_>,
    number: usize,
    connection: (Writer, Reader),
    batches: impl Iterator<Item = Arc<Batch>>,
) {
    let mut batches = batches.peekable();
    let mut connection = Some(connection);
    for _ in 0..=RECONNECTS_MAX {
        let opened = match connection.take() {
            Some(connection) => Ok(connection),
            None => {
                thread::sleep(RECONNECT_PAUSE);
                shared.endpoint.connect(shared.manner.timeout)
            }
        };
        match opened
            .and_then(|(writer, reader)| exchange(shared, number, writer, reader, &mut batches))
        {
            Ok(()) => return,
            Err(error) => shared.trouble(&error),
        }
    }
}

/// Sends and reads until all is sent and answered, or the connection breaks.
fn exchange(
    shared: &Shared<'_>,
    number: usize,
    mut writer: Writer,
    reader: Reader,
    batches: &mut Peekable<impl Iterator<Item = Arc<Batch>>>,
) -> Result<(), LoadError> {
    let (freed, slots) = channel();
    for _ in 0..shared.manner.pipeline {
        // The other end is right here.
        let _ = freed.send(());
    }
    let (sent, waiting) = channel();
    thread::scope(|scope| {
        let reading = scope.spawn(move || read(shared, reader, waiting, freed));
        let written = write(shared, number, &mut writer, batches, &slots, &sent);
        if written.is_err() {
            writer.shut();
        }
        drop(sent);
        reading.join().expect("it does not panic").and(written)
    })
}

fn write(
    shared: &Shared<'_>,
    number: usize,
    writer: &mut Writer,
    batches: &mut Peekable<impl Iterator<Item = Arc<Batch>>>,
    slots: &Receiver<()>,
    sent: &Sender<Arc<Batch>>,
) -> Result<(), LoadError> {
    loop {
        let Some(batch) = batches.peek() else { return Ok(()) };
        let last = batch.first + batch.hashes.len() as u64 - 1;
        shared.next[number].store(batch.first, Ordering::Relaxed);
        // Without anybody who frees slots the connection is broken, and the reader tells why.
        if slots.recv().is_err() || !wait(shared, batch.hashes.len() as u64, last) {
            return Ok(());
        }
        let Some(batch) = batches.next() else { return Ok(()) };
        write_down(shared, &batch, last);
        // It may be gone; then the transactions must be known to it as unanswered, not here.
        if let Err(unsent) = sent.send(batch.clone()) {
            lose(shared, &unsent.0);
            return Ok(());
        }
        writer.send(&batch.body)?;
    }
}

/// Waits until there is room and the last transaction of the request is due; `false` when all has
/// been stopped meanwhile.
fn wait(shared: &Shared<'_>, count: u64, last: u64) -> bool {
    let due = shared.manner.rate.due(last).map(|due| shared.start + due);
    loop {
        if shared.is_stopped() {
            return false;
        }
        if let Some(rest) =
            due.and_then(|due| due.checked_duration_since(std::time::Instant::now()))
            && !rest.is_zero()
        {
            thread::sleep(rest.min(NAP_MAX));
            continue;
        }
        if due.is_none() && is_ahead(shared, last) {
            thread::sleep(GLANCE);
            continue;
        }
        let waiting = shared.ledger.lock().counts().waiting();
        // A request that is larger than all the room is sent alone.
        if waiting == 0 || waiting + count <= shared.manner.in_flight_max {
            return true;
        }
        thread::sleep(GLANCE);
    }
}

/// Whether another connection has yet to send much that comes before a transaction.
fn is_ahead(shared: &Shared<'_>, last: u64) -> bool {
    let turn = shared.plan.connections * shared.plan.batch;
    let least = shared.next.iter().map(|next| next.load(Ordering::Relaxed)).min();
    least.is_some_and(|least| last > least.saturating_add(turn * REQUESTS_AHEAD_MAX))
}

/// Before the request is sent: its transactions may be in a block before it has gone out whole.
fn write_down(shared: &Shared<'_>, batch: &Batch, last: u64) {
    let (rate, now) = (shared.manner.rate, shared.now());
    let late = rate.due(last).map(|due| now.saturating_sub(ticks(due)));
    shared.book.lock().sent(now, batch.hashes.len() as u64, late);
    let mut ledger = shared.ledger.lock();
    for (number, hash) in (batch.first..).zip(&batch.hashes) {
        ledger.send(prefix(hash), rate.due(number).map_or(now, ticks));
    }
}

fn read(
    shared: &Shared<'_>,
    mut reader: Reader,
    waiting: Receiver<Arc<Batch>>,
    freed: Sender<()>,
) -> Result<(), LoadError> {
    let mut body = Vec::new();
    while let Ok(batch) = waiting.recv() {
        match reader.receive(&mut body) {
            Ok(status) => settle(shared, &batch, status, &body),
            Err(error) => {
                // The writer must neither wait for a slot nor for the node to read.
                drop(freed);
                reader.shut();
                lose(shared, &batch);
                waiting.iter().for_each(|batch| lose(shared, &batch));
                return Err(error);
            }
        }
        // The writer may be done.
        let _ = freed.send(());
    }
    Ok(())
}

/// Takes down what the node says of each transaction of a request.
fn settle(shared: &Shared<'_>, batch: &Batch, status: u16, body: &[u8]) {
    let mut fates = vec![Fate::Accepted; batch.hashes.len()];
    let mut reasons = Vec::new();
    answers::read(status, body, &batch.hashes, |place, reason| {
        if let Some(reason) = reason {
            fates[place] = Fate::Rejected;
            reasons.push(reason.to_owned());
        }
    });
    answer(shared, batch, &fates);
    let now: Ticks = shared.now();
    shared.book.lock().answered(now, (fates.len() - reasons.len()) as u64, &reasons);
}

fn lose(shared: &Shared<'_>, batch: &Batch) {
    answer(shared, batch, &vec![Fate::Unanswered; batch.hashes.len()]);
}

fn answer(shared: &Shared<'_>, batch: &Batch, fates: &[Fate]) {
    let mut ledger = shared.ledger.lock();
    for (hash, fate) in batch.hashes.iter().zip(fates) {
        ledger.answer(prefix(hash), *fate);
    }
}
