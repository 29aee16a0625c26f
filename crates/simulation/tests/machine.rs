//! What a simulated machine promises: which bytes survive, that nothing goes on after its end, and
//! what its clock shows.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a test ends so

use commonware_runtime::{
    Blob, BlobVersion, Clock, Error, ReadOptions, Runner as _, Spawner, Storage, Supervisor,
    WriteOptions,
    deterministic::{Config, Context, Runner},
};
use heddle_simulation::{Machine, NodeBlob, NodeContext};
use heddle_storage::{Database, Disk, Options, Table};
use std::{
    collections::BTreeSet,
    future::Future,
    pin::pin,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    task::{self, Waker},
    time::{Duration, SystemTime},
};

const SECOND: Duration = Duration::from_secs(1);
const SECTOR: usize = 512;
/// Not synced.
const PLAIN: WriteOptions = WriteOptions::SYNC.without(WriteOptions::SYNC);

/// Runs `main` on a runtime whose time is far enough from 1970 for a clock to be behind.
fn run<F, Fut>(seed: u64, main: F) -> Fut::Output
where
    F: FnOnce(Context) -> Fut,
    Fut: Future,
{
    let start = SystemTime::UNIX_EPOCH + 1_000_000 * SECOND;
    Runner::new(Config::new().with_seed(seed).with_start_time(start)).start(main)
}

fn node(context: &Context, machine: &Machine) -> NodeContext {
    NodeContext::new(context.child("node"), machine.clone())
}

async fn open(context: &Context, machine: &Machine) -> (NodeBlob, u64) {
    node(context, machine).open("partition", b"blob").await.unwrap()
}

/// All that the blob holds.
async fn read(context: &Context, machine: &Machine) -> Vec<u8> {
    let (blob, len) = open(context, machine).await;
    read_at(&blob, 0, len as usize).await
}

async fn read_at(blob: &NodeBlob, offset: u64, len: usize) -> Vec<u8> {
    let read = blob.read_at(offset, len, ReadOptions::default()).await.unwrap();
    read.coalesce().as_ref().to_vec()
}

#[test]
fn what_was_synced_survives_a_crash() {
    for seed in 0..50 {
        run(seed, |context| async move {
            let machine = Machine::new(seed);
            let (blob, len) = open(&context, &machine).await;
            assert_eq!(len, 0);
            blob.write_at(0, vec![1; 3000], PLAIN).await.unwrap();
            blob.resize(2500).await.unwrap();
            blob.sync().await.unwrap();
            blob.write_at(2500, vec![2; 3000], PLAIN).await.unwrap();
            let found = read(&context, &machine.crash(seed)).await;
            assert_eq!(found[..2500], [1; 2500], "seed {seed}");
        });
    }
}

#[test]
fn what_was_not_synced_is_lost_torn_or_whole_as_the_seed_has_it() {
    let outcome = |seed| {
        run(7, |context| async move {
            let machine = Machine::new(7);
            let (blob, _) = open(&context, &machine).await;
            blob.write_at(0, vec![1; 8 * SECTOR], WriteOptions::SYNC).await.unwrap();
            blob.write_at(0, vec![2; 8 * SECTOR], PLAIN).await.unwrap();
            read(&context, &machine.crash(seed)).await
        })
    };
    let sectors = |seed| outcome(seed).into_iter().filter(|byte| *byte == 2).count() / SECTOR;
    let found: BTreeSet<usize> = (0..100).map(sectors).collect();
    assert!(found.contains(&0) && found.contains(&8), "{found:?}");
    assert!(found.iter().any(|sectors| (1..8).contains(sectors)), "{found:?}");
    for seed in 0..100 {
        assert_eq!(outcome(seed), outcome(seed), "seed {seed}");
    }
}

#[test]
fn what_was_written_survives_a_kill() {
    run(1, |context| async move {
        let machine = Machine::new(1);
        let (blob, _) = open(&context, &machine).await;
        blob.write_at(0, vec![1; 3000], PLAIN).await.unwrap();
        let killed = machine.kill(2);
        assert!(machine.has_stopped() && !killed.has_stopped());
        assert_eq!(read(&context, &killed).await, [1; 3000]);
        assert_eq!(read(&context, &killed.crash(3)).await, [1; 3000]);
    });
}

#[test]
fn a_synced_write_makes_nothing_certain_but_itself() {
    let mut before = BTreeSet::new();
    for seed in 0..50 {
        let found = run(seed, |context| async move {
            let machine = Machine::new(seed);
            let (blob, _) = open(&context, &machine).await;
            blob.write_at(0, vec![1; 4 * SECTOR], PLAIN).await.unwrap();
            blob.resize(0).await.unwrap();
            blob.write_at(2 * SECTOR as u64, vec![2; SECTOR], WriteOptions::SYNC).await.unwrap();
            read(&context, &machine.crash(seed)).await
        });
        assert_eq!(found[2 * SECTOR..3 * SECTOR], [2; SECTOR], "seed {seed}");
        before.extend(&found[..SECTOR]);
    }
    assert_eq!(before, BTreeSet::from([0, 1]));
}

#[test]
fn a_failed_sync_takes_nothing_that_was_synced() {
    let mut after = BTreeSet::new();
    for seed in 0..50 {
        let found = run(seed, |context| async move {
            let machine = Machine::new(seed);
            let (blob, _) = open(&context, &machine).await;
            blob.write_at(0, vec![1; SECTOR], WriteOptions::SYNC).await.unwrap();
            blob.write_at(0, vec![2; 10], PLAIN).await.unwrap();
            machine.disk().fail_sync_in(1);
            assert!(!resolves(blob.sync()));
            read(&context, &machine.crash(seed)).await
        });
        assert_eq!(found[10..], [1; SECTOR - 10], "seed {seed}");
        after.insert(found[0]);
    }
    assert_eq!(after, BTreeSet::from([1, 2]));
}

#[test]
fn what_an_open_finds_survives_a_crash() {
    for seed in 0..50 {
        run(seed, |context| async move {
            let machine = Machine::new(seed);
            let (blob, _) = open(&context, &machine).await;
            blob.write_at(0, vec![1; 3000], PLAIN).await.unwrap();
            drop(blob);
            assert_eq!(read(&context, &machine).await, [1; 3000]);
            assert_eq!(read(&context, &machine.crash(seed)).await, [1; 3000], "seed {seed}");
        });
    }
}

#[test]
fn a_sync_that_was_started_is_certain_when_its_handle_says_so() {
    let survives = |seed, awaited| {
        run(seed, |context| async move {
            let machine = Machine::new(seed);
            let (blob, _) = open(&context, &machine).await;
            blob.write_at(0, vec![1; 3000], PLAIN).await.unwrap();
            let handle = blob.start_sync().await;
            // The handle alone does not keep the blob open.
            drop(blob);
            if awaited {
                handle.await.unwrap();
            }
            read(&context, &machine.crash(seed)).await == [1; 3000]
        })
    };
    assert!((0..50).all(|seed| survives(seed, true)));
    assert!((0..50).any(|seed| !survives(seed, false)));
}

#[test]
fn other_tasks_have_their_turn_before_a_sync_is_done() {
    run(1, |context| async move {
        let machine = Machine::new(1);
        let (blob, _) = open(&context, &machine).await;
        let syncs = machine.disk().syncs();
        let disk = machine.disk();
        let task = context.child("task").spawn(move |_| async move { disk.syncs() });
        blob.sync().await.unwrap();
        assert_eq!(machine.disk().syncs(), syncs + 1);
        assert_eq!(task.await.unwrap(), syncs);
    });
}

#[test]
fn names_outlive_the_process() {
    run(1, |context| async move {
        let machine = Machine::new(1);
        let process = node(&context, &machine);
        assert!(matches!(process.scan("p").await, Err(Error::PartitionMissing(_))));
        assert!(matches!(process.scan("p/q").await, Err(Error::PartitionNameInvalid(_))));
        let two = BlobVersion::new(2)..=BlobVersion::new(3);
        for name in [b"b", b"a", b"c"] {
            process.open_versioned("p", name, two.clone()).await.unwrap();
        }
        process.remove("p", Some(b"b")).await.unwrap();
        let missing = process.remove("p", Some(b"b")).await;
        assert!(matches!(missing, Err(Error::BlobMissing(..))), "{missing:?}");

        let machine = machine.crash(1);
        let process = node(&context, &machine);
        assert_eq!(process.scan("p").await.unwrap(), [b"a", b"c"]);
        let refused = process.open("p", b"a").await;
        assert!(matches!(refused, Err(Error::BlobVersionMismatch { .. })), "{refused:?}");
        let (_, len, version) = process.open_versioned("p", b"a", two).await.unwrap();
        assert_eq!((len, version), (0, BlobVersion::new(3)));
        process.remove("p", None).await.unwrap();
        assert!(matches!(process.scan("p").await, Err(Error::PartitionMissing(_))));
    });
}

#[test]
fn a_blob_is_open_once() {
    run(1, |context| async move {
        let machine = Machine::new(1);
        let (blob, _) = open(&context, &machine).await;
        let process = node(&context, &machine);
        let again = process.open("partition", b"blob").await;
        assert!(matches!(again, Err(Error::BlobAlreadyOpen(..))), "{again:?}");
        drop(blob);
        let (blob, _) = open(&context, &machine).await;
        // A new process has nothing open.
        open(&context, &machine.kill(1)).await;
        drop(blob);
    });
}

#[test]
fn a_removed_blob_is_read_until_it_is_closed() {
    run(1, |context| async move {
        let machine = Machine::new(1);
        let process = node(&context, &machine);
        let (old, _) = open(&context, &machine).await;
        old.write_at(0, vec![1; 1000], PLAIN).await.unwrap();
        process.remove("partition", Some(b"blob")).await.unwrap();
        let (new, len) = open(&context, &machine).await;
        assert_eq!(len, 0);
        new.write_at(0, vec![2; 500], PLAIN).await.unwrap();
        assert_eq!(read_at(&old, 0, 1000).await, [1; 1000]);
        assert_eq!(machine.disk().total_len(), 1500);
        // Who closes the old one does not close the new one.
        drop(old);
        assert_eq!(machine.disk().total_len(), 500);
        assert!(matches!(
            process.open("partition", b"blob").await,
            Err(Error::BlobAlreadyOpen(..))
        ));
        process.remove("partition", None).await.unwrap();
        // It has no name any more, and no process has it open.
        assert_eq!(machine.kill(1).disk().total_len(), 0);
        drop(new);
    });
}

#[test]
fn a_read_of_too_much_is_an_error_and_no_end() {
    run(1, |context| async move {
        let machine = Machine::new(1);
        let (blob, _) = open(&context, &machine).await;
        blob.write_at(0, vec![1; 100], PLAIN).await.unwrap();
        for (offset, len) in [(0, 101), (100, 1), (101, 0)] {
            let read = blob.read_at(offset, len, ReadOptions::default()).await;
            assert!(matches!(read, Err(Error::BlobInsufficientLength)), "{read:?}");
        }
        let read = blob.read_at(u64::MAX, 1, ReadOptions::default()).await;
        assert!(matches!(read, Err(Error::OffsetOverflow)), "{read:?}");
        assert_eq!(read_at(&blob, 40, 60).await, [1; 60]);
        assert!(!machine.has_stopped());
    });
}

/// Writes, syncs and sleeps, and counts how often.
fn work(context: &Context, machine: &Machine) -> Arc<AtomicU64> {
    let count = Arc::new(AtomicU64::new(0));
    let counted = count.clone();
    node(context, machine).spawn(move |context| async move {
        // Work that touches no disk stops as well.
        context.child("idle").spawn({
            let counted = counted.clone();
            move |context| async move {
                loop {
                    context.sleep(SECOND / 50).await;
                    counted.fetch_add(1, Ordering::Relaxed);
                }
            }
        });
        let (blob, mut len) = context.open("partition", b"work").await.unwrap();
        loop {
            blob.write_at(len, vec![1; 1000], PLAIN).await.unwrap();
            blob.sync().await.unwrap();
            len += 1000;
            context.sleep(SECOND / 100).await;
            counted.fetch_add(1, Ordering::Relaxed);
        }
    });
    count
}

/// Whether a future resolves that only needs to be polled.
fn resolves(future: impl Future) -> bool {
    let mut future = pin!(future);
    let mut context = task::Context::from_waker(Waker::noop());
    (0..100).any(|_| future.as_mut().poll(&mut context).is_ready())
}

/// What of the storage resolves.
fn resolving(context: &Context, machine: &Machine, blob: &NodeBlob) -> Vec<&'static str> {
    let process = node(context, machine);
    let nothing: Vec<u8> = Vec::new();
    let asked = [
        ("open", resolves(process.open("partition", b"other"))),
        ("remove", resolves(process.remove("partition", Some(b"blob")))),
        ("remove all", resolves(process.remove("partition", None))),
        ("scan", resolves(process.scan("partition"))),
        ("read", resolves(blob.read_at(0, 1, ReadOptions::default()))),
        ("read into", resolves(blob.read_at_buf(0, 1, vec![0], ReadOptions::default()))),
        ("write", resolves(blob.write_at(0, vec![1], PLAIN))),
        ("write nothing", resolves(blob.write_at(0, nothing, PLAIN))),
        ("write synced", resolves(blob.write_at(0, vec![1], WriteOptions::SYNC))),
        ("resize", resolves(blob.resize(0))),
        ("sync", resolves(blob.sync())),
        ("start sync", resolves(blob.start_sync())),
    ];
    asked.into_iter().filter(|(_, resolves)| *resolves).map(|(name, _)| name).collect()
}

#[test]
fn nothing_goes_on_where_a_machine_has_stopped() {
    type Fault = (&'static str, fn(&Machine));
    let faults: [Fault; 8] = [
        ("stop", |machine| machine.disk().stop_in(5)),
        ("failed write", |machine| machine.disk().fail_write_in(3)),
        ("failed sync", |machine| machine.disk().fail_sync_in(3)),
        ("full disk", |machine| machine.disk().set_capacity(machine.disk().total_len() + 1500)),
        ("crash", |machine| drop(machine.crash(1))),
        ("kill", |machine| drop(machine.kill(1))),
        ("the database's write", |machine| {
            machine.disk().fail_write_in(1);
            machine.disk().write_at(0, b"database").unwrap_err();
        }),
        ("the database's sync", |machine| {
            machine.disk().sibling(2).fail_sync_in(1);
            machine.disk().sibling(2).sync().unwrap_err();
        }),
    ];
    for (name, fault) in faults {
        run(1, |context| async move {
            let (machine, other) = (Machine::new(1), Machine::new(2));
            let (blob, _) = open(&context, &machine).await;
            blob.write_at(0, vec![1; 100], WriteOptions::SYNC).await.unwrap();
            let handle = blob.start_sync().await;
            let (count, count_other) = (work(&context, &machine), work(&context, &other));
            context.sleep(SECOND).await;
            assert!(!machine.has_stopped(), "{name}");
            fault(&machine);
            let stopped = machine.clone();
            context.timeout(SECOND, async move { stopped.stopped().await }).await.expect(name);
            assert!(machine.has_stopped() && !other.has_stopped(), "{name}");

            let counted = [&count, &count_other].map(|count| count.load(Ordering::Relaxed));
            assert!(counted[0] > 80, "{name}: {counted:?}");
            context.sleep(SECOND).await;
            assert_eq!(count.load(Ordering::Relaxed), counted[0], "{name}");
            assert!(count_other.load(Ordering::Relaxed) > counted[1] + 80, "{name}");
            assert_eq!(resolving(&context, &machine, &blob), [""; 0], "{name}");
            assert!(!resolves(handle), "{name}");
            // Who comes late need not wait.
            assert!(resolves(machine.stopped()), "{name}");
        });
    }
}

#[test]
fn what_is_silent_on_a_stopped_machine_resolves_on_another() {
    run(1, |context| async move {
        let machine = Machine::new(1);
        let (blob, _) = open(&context, &machine).await;
        blob.write_at(0, vec![1], PLAIN).await.unwrap();
        assert_eq!(resolving(&context, &machine, &blob).len(), 12);
    });
}

#[test]
fn a_task_that_panics_as_its_machine_stops_leaves_the_others_alone() {
    run(1, |context| async move {
        let machine = Machine::new(1);
        let count = work(&context, &Machine::new(2));
        let task = node(&context, &machine).spawn(|context| async move {
            context.machine().disk().stop_in(1);
            context.machine().disk().write_at(0, b"database").expect("the commit succeeds");
        });
        assert!(matches!(context.timeout(SECOND, task).await, Err(Error::Timeout)));
        assert!(count.load(Ordering::Relaxed) > 80);
    });
}

#[test]
#[should_panic(expected = "a defect of the node")]
fn a_task_that_panics_otherwise_ends_the_run() {
    run(1, |context| async move {
        let machine = Machine::new(1);
        let task =
            node(&context, &machine).spawn(|_| async move { panic!("a defect of the node") });
        context.timeout(SECOND, task).await.unwrap().unwrap();
    });
}

#[test]
fn the_database_and_the_blobs_share_a_disk() {
    const OPTIONS: Options = Options { cache_bytes: 1 << 20, unsettled_bytes_max: 1 << 20 };
    for seed in 0..20 {
        run(seed, |context| async move {
            let machine = Machine::new(seed);
            let database = Database::simulated(&machine.disk(), OPTIONS).unwrap();
            let (blob, _) = open(&context, &machine).await;
            blob.write_at(0, vec![1; 3000], WriteOptions::SYNC).await.unwrap();
            let mut writer = database.writer().unwrap();
            writer.put(Table::ChainMeta, b"head", b"7").unwrap();
            writer.commit().unwrap();
            let changes = machine.disk().changes();
            blob.write_at(0, vec![2], PLAIN).await.unwrap();
            assert_eq!(machine.disk().changes(), changes + 1);

            let machine = machine.crash(seed);
            let database = Database::simulated(&machine.disk(), OPTIONS).unwrap();
            let head = database.reader().unwrap().get(Table::ChainMeta, b"head").unwrap();
            assert_eq!(head, Some(b"7".to_vec()));
            assert_eq!(read(&context, &machine).await[1..], [1; 2999]);
        });
    }
}

#[test]
fn the_clock_is_behind_and_gains() {
    run(1, |context| async move {
        let machine = Machine::new(1);
        let process = node(&context, &machine);
        assert_eq!(process.current(), context.current());
        machine.set_clock(-2_500, 500_000);
        let start = context.current();
        assert_eq!(process.current(), start - 5 * SECOND / 2);
        context.sleep_until(start + 10 * SECOND).await;
        assert_eq!(process.current(), start + 25 * SECOND / 2);
        // The clock of the machine, not of the process.
        let machine = machine.crash(1);
        let process = node(&context, &machine);
        assert_eq!(process.current(), start + 25 * SECOND / 2);
        machine.set_clock(3_000, 0);
        assert_eq!(process.current(), context.current() + 3 * SECOND);
    });
}

#[test]
fn sleeps_last_as_long_as_the_clock_says() {
    run(1, |context| async move {
        for (offset, rate, lasts) in [(0, 0, 3000), (-9_999, 500_000, 2000), (777, -250_000, 4000)]
        {
            let machine = Machine::new(1);
            machine.set_clock(offset, rate);
            let process = node(&context, &machine);
            let (start, local) = (context.current(), process.current());
            process.sleep(3 * SECOND).await;
            assert!(process.current() >= local + 3 * SECOND);
            let lasted = context.current().duration_since(start).unwrap().as_millis();
            assert!((lasts..=lasts + 2).contains(&lasted), "{lasted} {rate}");

            process.sleep_until(local + 6 * SECOND).await;
            let lasted = context.current().duration_since(start).unwrap().as_millis();
            assert!((2 * lasts..=2 * lasts + 2).contains(&lasted), "{lasted} {rate}");
            // In the past, and beyond all time.
            process.sleep_until(local).await;
            assert!(matches!(
                context.timeout(SECOND, process.sleep(Duration::MAX)).await,
                Err(Error::Timeout)
            ));
        }
    });
}

#[test]
fn no_sleep_ends_before_the_clock_says_so() {
    run(1, |context| async move {
        for rate in [1, -1, 33, -47, 999_983, -999_983] {
            let machine = Machine::new(1);
            machine.set_clock(1, rate);
            let process = node(&context, &machine);
            for nanoseconds in [1, 999, 1_000_003, 7_654_321] {
                let start = process.current();
                let duration = Duration::from_nanos(nanoseconds);
                process.sleep(duration).await;
                assert!(process.current() >= start + duration, "{rate} {nanoseconds}");
            }
        }
    });
}

#[test]
fn a_process_ends_orderly_by_itself() {
    run(1, |context| async move {
        let (machine, other) = (Machine::new(1), Machine::new(2));
        let (process, other) = (node(&context, &machine), node(&context, &other));
        let task = process.child("task").spawn(|context| async move { context.stopped().await });
        process.stop(3, Some(SECOND)).await.unwrap();
        assert_eq!(task.await.unwrap().unwrap(), 3);
        let stopped = other.stopped();
        assert!(context.timeout(SECOND, stopped).await.is_err());
        let stopped = context.stopped();
        assert!(context.timeout(SECOND, stopped).await.is_err());
        assert!(matches!(
            {
                let _waits = other.stopped();
                other.stop(1, Some(SECOND)).await
            },
            Err(Error::Timeout)
        ));
    });
}
