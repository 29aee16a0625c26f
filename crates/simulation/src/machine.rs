//! What one validator runs on: its disk and its clock, and the runtime that makes its process of
//! them.

mod blob;
mod clock;
mod context;
mod names;

pub use blob::NodeBlob;
pub use context::NodeContext;

use clock::WallClock;
use commonware_runtime::{BlobVersion, Error, reschedule};
use heddle_storage::{Disk, SimulatedDisk};
use names::Names;
use parking_lot::Mutex;
use std::{
    future::pending,
    io,
    ops::RangeInclusive,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    task::{Wake, Waker},
    time::SystemTime,
};
use tokio::sync::Notify;

/// The disk and the clock of one validator, until its process ends. Clones are the same machine.
///
/// Places 0 to 15 of the disk are for the chain's database ([`Machine::disk`]), and each blob of
/// commonware has a place of its own from 16 on. Faults are counted over all of them.
///
/// The table of names is no part of the disk: a blob that was created or removed is so for good at
/// once, as if each were followed by a sync of the folder. The machine may stop in it all the same:
/// to create, to open and to remove a blob counts as a change and a sync.
///
/// The first operation of the disk that fails ends the process, be it that the disk is full. From
/// then on no operation of a blob resolves, and no task goes on that a [`NodeContext`] spawned: a
/// process that is gone does nothing.
#[derive(Clone, Debug)]
pub struct Machine(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    disk: SimulatedDisk,
    names: Mutex<Names>,
    clock: Mutex<WallClock>,
    end: Arc<End>,
}

/// Whether the process has ended, and who waits for it.
#[derive(Debug, Default)]
struct End {
    has_come: AtomicBool,
    waiting: Notify,
}

impl Wake for End {
    fn wake(self: Arc<Self>) {
        self.has_come.store(true, Ordering::Release);
        self.waiting.notify_waiters();
    }
}

impl Machine {
    /// A machine with an empty disk and a clock that is right.
    pub fn new(seed: u64) -> Self {
        Self::started(SimulatedDisk::new(seed), Names::default(), WallClock::default())
    }

    fn started(disk: SimulatedDisk, names: Names, clock: WallClock) -> Self {
        let end = Arc::new(End::default());
        disk.stop_on_failure();
        disk.wake_when_stopped(Waker::from(end.clone()));
        Self(Arc::new(Inner { disk, names: Mutex::new(names), clock: Mutex::new(clock), end }))
    }

    /// Place 0 of the disk, on which faults of the whole machine are set, and which
    /// `Database::simulated` opens.
    pub fn disk(&self) -> SimulatedDisk {
        self.0.disk.clone()
    }

    /// The same machine after the power failed in this moment. Of what was not synced any part may
    /// be there, as the seed has it. This one has stopped, and faults that were set on it are not
    /// set on the new one.
    pub fn crash(&self, seed: u64) -> Self {
        self.0.disk.reseed(seed);
        self.restarted(self.0.disk.crash())
    }

    /// The same machine after its process was killed in this moment: everything written is there.
    /// Otherwise as [`Machine::crash`].
    pub fn kill(&self, seed: u64) -> Self {
        self.0.disk.stop();
        self.restarted(self.0.disk.copy(seed))
    }

    /// Another machine with a copy of all that was written to this one, which goes on.
    pub fn copy(&self, seed: u64) -> Self {
        self.restarted(self.0.disk.copy(seed))
    }

    fn restarted(&self, disk: SimulatedDisk) -> Self {
        let (names, unnamed) = self.0.names.lock().restarted();
        for place in unnamed {
            disk.sibling(place).discard();
        }
        Self::started(disk, names, *self.0.clock.lock())
    }

    /// Whether the process has ended: by a fault of the disk, a crash or a kill.
    pub fn has_stopped(&self) -> bool {
        self.0.end.has_come.load(Ordering::Acquire)
    }

    /// Returns when the process has ended.
    pub async fn stopped(&self) {
        // Waits before it looks, lest the end come in between.
        let end = self.0.end.waiting.notified();
        if !self.has_stopped() {
            end.await;
        }
    }

    /// Sets the wall clock, from the next look at it on: it is ahead of the time of the runtime by
    /// the offset, or behind it, and gains so many millionths from then on, or loses them. The clock
    /// survives crashes. Who sleeps already is woken as if nothing had been set.
    ///
    /// A clock must not be behind 1970, so a runtime whose clocks are set back must start later.
    ///
    /// # Panics
    ///
    /// When the clock would stand still or run backwards.
    pub fn set_clock(&self, offset_milliseconds: i64, rate_ppm: i64) {
        *self.0.clock.lock() = WallClock::new(offset_milliseconds, rate_ppm);
    }

    /// The time that the clock shows.
    fn local_time(&self, now: SystemTime) -> SystemTime {
        self.0.clock.lock().local_time(now)
    }

    /// When the clock will show a time.
    fn true_time(&self, now: SystemTime, local: SystemTime) -> SystemTime {
        self.0.clock.lock().true_time(now, local)
    }

    /// Opens a blob or creates it.
    async fn open(
        &self,
        partition: &str,
        name: &[u8],
        versions: RangeInclusive<BlobVersion>,
    ) -> Result<(NodeBlob, u64, BlobVersion), Error> {
        reschedule().await;
        let opened = self.open_now(partition, name, &versions)?;
        Ok(resolve(opened).await)
    }

    fn open_now(
        &self,
        partition: &str,
        name: &[u8],
        versions: &RangeInclusive<BlobVersion>,
    ) -> Result<io::Result<(NodeBlob, u64, BlobVersion)>, Error> {
        let mut names = self.0.names.lock();
        let (place, version) = names.find(partition, name, versions)?;
        let disk = self.0.disk.sibling(place);
        // What is read after an open is certain to survive.
        let len = match disk.sync().and_then(|()| disk.len()) {
            Ok(len) => len,
            Err(error) => return Ok(Err(error)),
        };
        names.open(partition, name, place, version);
        Ok(Ok((NodeBlob::new(self.clone(), place), len, version)))
    }

    /// Removes a blob or all of a partition. What is open can be read until it is closed.
    async fn remove(&self, partition: &str, name: Option<&[u8]>) -> Result<(), Error> {
        reschedule().await;
        let removed = self.remove_now(partition, name)?;
        resolve(removed).await;
        Ok(())
    }

    fn remove_now(&self, partition: &str, name: Option<&[u8]>) -> Result<io::Result<()>, Error> {
        let mut names = self.0.names.lock();
        for (name, place) in names.matching(partition, name)? {
            let disk = self.0.disk.sibling(place);
            // One by one: a machine may stop when a part of a folder is removed.
            if let Err(error) = disk.sync() {
                return Ok(Err(error));
            }
            if names.remove(partition, &name, place) {
                disk.discard();
            }
        }
        if name.is_none() {
            names.remove_partition(partition);
        }
        Ok(Ok(()))
    }

    /// The names in a partition, sorted.
    async fn scan(&self, partition: &str) -> Result<Vec<Vec<u8>>, Error> {
        self.running().await;
        let blobs = self.0.names.lock().matching(partition, None)?;
        Ok(blobs.into_iter().map(|(name, _)| name).collect())
    }

    /// Closes the blob that is open in a place.
    fn close(&self, place: usize) {
        if self.0.names.lock().close(place) {
            self.0.disk.sibling(place).discard();
        }
    }

    /// Returns if the process goes on, else never.
    async fn running(&self) {
        if self.has_stopped() {
            pending().await
        }
    }
}

/// What an operation of the disk returned. It never resolves when it failed: the process has ended.
async fn resolve<T>(result: io::Result<T>) -> T {
    match result {
        Ok(value) => value,
        Err(_) => pending().await,
    }
}
