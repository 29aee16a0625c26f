//! Who wants to know what was committed.

use crate::CommittedBlock;
use parking_lot::{Condvar, Mutex};
use std::{
    collections::VecDeque,
    sync::{Arc, Weak},
    time::Duration,
};

/// Events that wait for a subscriber: at one block in a few milliseconds, about a second. One that
/// is further behind has to read the chain anyway.
const WAITING_MAX: usize = 256;

/// The canonical chain has changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChainEvent {
    /// Blocks that are not in it any more, the lowest first.
    pub reverted: Vec<Arc<CommittedBlock>>,
    /// Blocks that are new in it, the lowest first.
    pub committed: Vec<Arc<CommittedBlock>>,
}

/// What a subscriber gets.
#[derive(Clone, Debug)]
pub enum Notice {
    /// The canonical chain has changed.
    Event(Arc<ChainEvent>),
    /// The subscriber was too slow: so many events were dropped since the last notice.
    Lagged(u64),
}

/// Receives each change of the chain, in order. It never holds the chain up: when too many changes
/// wait here, the oldest are dropped, and the next notice says so.
#[derive(Debug)]
pub struct Subscription(Arc<Queue>);

#[derive(Debug, Default)]
struct Queue {
    waiting: Mutex<Waiting>,
    arrived: Condvar,
}

#[derive(Debug, Default)]
struct Waiting {
    events: VecDeque<Arc<ChainEvent>>,
    dropped: u64,
    closed: bool,
}

impl Subscription {
    /// The next notice, if one waits.
    pub fn try_next(&self) -> Option<Notice> {
        self.0.waiting.lock().take()
    }

    /// Waits for the next notice, but not longer than `timeout`. `None` when none came.
    pub fn next_timeout(&self, timeout: Duration) -> Option<Notice> {
        let mut waiting = self.0.waiting.lock();
        if waiting.is_idle() {
            self.0.arrived.wait_for(&mut waiting, timeout);
        }
        waiting.take()
    }

    /// Waits for the next notice. `None` when the chain is gone.
    pub fn next(&self) -> Option<Notice> {
        let mut waiting = self.0.waiting.lock();
        while waiting.is_idle() {
            self.0.arrived.wait(&mut waiting);
        }
        waiting.take()
    }

    /// Whether no more notices will come because the chain is gone.
    pub fn is_closed(&self) -> bool {
        let waiting = self.0.waiting.lock();
        waiting.closed && waiting.events.is_empty() && waiting.dropped == 0
    }
}

impl Waiting {
    fn take(&mut self) -> Option<Notice> {
        if self.dropped > 0 {
            return Some(Notice::Lagged(std::mem::take(&mut self.dropped)));
        }
        self.events.pop_front().map(Notice::Event)
    }

    fn is_idle(&self) -> bool {
        self.events.is_empty() && self.dropped == 0 && !self.closed
    }
}

/// All subscribers of a chain.
#[derive(Debug, Default)]
pub(crate) struct Subscribers(Mutex<Vec<Weak<Queue>>>);

impl Subscribers {
    pub(crate) fn subscribe(&self) -> Subscription {
        let queue = Arc::new(Queue::default());
        let mut queues = self.0.lock();
        queues.retain(|queue| queue.strong_count() > 0);
        queues.push(Arc::downgrade(&queue));
        Subscription(queue)
    }

    /// Whether anybody listens.
    pub(crate) fn is_empty(&self) -> bool {
        self.0.lock().iter().all(|queue| queue.strong_count() == 0)
    }

    pub(crate) fn publish(&self, event: ChainEvent) {
        let event = Arc::new(event);
        for queue in self.0.lock().iter().filter_map(Weak::upgrade) {
            let mut waiting = queue.waiting.lock();
            if waiting.events.len() >= WAITING_MAX {
                waiting.events.pop_front();
                waiting.dropped += 1;
            }
            waiting.events.push_back(event.clone());
            queue.arrived.notify_all();
        }
    }
}

impl Drop for Subscribers {
    fn drop(&mut self) {
        for queue in self.0.get_mut().iter().filter_map(Weak::upgrade) {
            queue.waiting.lock().closed = true;
            queue.arrived.notify_all();
        }
    }
}
