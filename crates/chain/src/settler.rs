//! The thread that brings what was committed from the log into the tables.

use crate::Error;
use heddle_storage::Database;
use parking_lot::{Condvar, Mutex};
use std::{
    sync::Arc,
    thread::{self, JoinHandle},
};

/// Settles a store in the background whenever enough has been committed. It ends when dropped; what
/// is not settled then is in the log.
#[derive(Debug)]
pub(crate) struct Settler {
    shared: Arc<Shared>,
    thread: Option<JoinHandle<()>>,
}

#[derive(Debug)]
struct Shared {
    db: Database,
    wish: Mutex<Wish>,
    bell: Condvar,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Wish {
    Wait,
    Settle,
    Stop,
}

impl Settler {
    pub(crate) fn start(db: Database) -> Result<Self, Error> {
        let wish = Mutex::new(Wish::Wait);
        let shared = Arc::new(Shared { db, wish, bell: Condvar::new() });
        let work = shared.clone();
        let thread = thread::Builder::new().name("heddle-settler".to_owned());
        let thread = thread.spawn(move || work.run()).map_err(Error::Thread)?;
        Ok(Self { shared, thread: Some(thread) })
    }

    /// Has what was committed until now settled, soon.
    pub(crate) fn wake(&self) {
        let mut wish = self.shared.wish.lock();
        if *wish == Wish::Wait {
            *wish = Wish::Settle;
            self.shared.bell.notify_all();
        }
    }
}

impl Drop for Settler {
    fn drop(&mut self) {
        *self.shared.wish.lock() = Wish::Stop;
        self.shared.bell.notify_all();
        if let Some(thread) = self.thread.take() {
            // It does not panic; if it did, nothing of it is needed any more.
            let _ = thread.join();
        }
    }
}

impl Shared {
    fn run(&self) {
        loop {
            {
                let mut wish = self.wish.lock();
                while *wish == Wish::Wait {
                    self.bell.wait(&mut wish);
                }
                if *wish == Wish::Stop {
                    return;
                }
                *wish = Wish::Wait;
            }
            // A failure ends the use of the store: whoever commits next is told.
            let _ = heddle_state::settle(&self.db);
        }
    }
}
