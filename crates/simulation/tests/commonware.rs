//! Commonware's own structures on a simulated machine: what they hold after crashes.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a test ends so

use commonware_runtime::{
    Runner as _, Spawner, Supervisor,
    buffer::paged::CacheRef,
    deterministic::{Context, Runner},
};
use commonware_storage::{
    journal::contiguous::{
        Contiguous,
        variable::{Config as JournalConfig, Journal},
    },
    metadata::{Config as MetadataConfig, Metadata},
};
use commonware_utils::{NZU16, NZU64, NZUsize, sequence::U64};
use heddle_simulation::{Machine, NodeContext};
use parking_lot::Mutex;
use rand_core::Rng;
use std::sync::Arc;

type Items = Journal<NodeContext, Vec<u8>>;
type Numbers = Metadata<NodeContext, U64, Vec<u8>>;

/// The keys of the metadata, which are always set to the same value.
const KEYS: u64 = 9;

/// What was done, as whoever did it knows.
#[derive(Debug, Default, PartialEq, Eq)]
struct Model {
    items: Vec<Vec<u8>>,
    /// So many of the items are certain to survive.
    items_synced: usize,
    /// Items before this one may have been pruned.
    pruned: u64,
    number: u64,
    number_synced: u64,
    /// How often all was opened and found right.
    opened: u64,
    /// How many items crashes took.
    lost: usize,
}

fn below(random: &mut impl Rng, end: u64) -> u64 {
    random.next_u64() % end
}

/// Bytes that no other call returns.
fn item(random: &mut impl Rng) -> Vec<u8> {
    let mut bytes = vec![0; 8 + below(random, 900) as usize];
    random.fill_bytes(&mut bytes);
    bytes
}

/// A value of the metadata, whose length changes now and then.
fn value(number: u64) -> Vec<u8> {
    let mut bytes = number.to_be_bytes().to_vec();
    bytes.resize(8 + 150 * (number as usize / 4 % 5), number as u8);
    bytes
}

/// Opens the journal and compares it with what must be there.
async fn open_items(context: &NodeContext, model: &Mutex<Model>) -> Items {
    let config = JournalConfig {
        partition: "items".to_owned(),
        items_per_section: NZU64!(7),
        compression: None,
        codec_config: ((..).into(), ()),
        page_cache: CacheRef::new(NZU16!(256), NZUsize!(8)),
        write_buffer: NZUsize!(700),
        replay_buffer: NZUsize!(1024),
    };
    let journal = Items::init(context.child("items"), config).await.unwrap();
    let bounds = journal.bounds();
    let mut items = Vec::new();
    for position in bounds.clone() {
        items.push(journal.read(position).await.unwrap());
    }
    let mut model = model.lock();
    assert!(bounds.start <= model.pruned, "{bounds:?}");
    let end = bounds.end as usize;
    assert!((model.items_synced..=model.items.len()).contains(&end), "{bounds:?}");
    assert!(items == model.items[bounds.start as usize..end], "{bounds:?}");
    model.lost += model.items.len() - end;
    model.items.truncate(end);
    model.items_synced = end;
    journal
}

/// Opens the metadata and compares it with what must be there.
async fn open_numbers(context: &NodeContext, model: &Mutex<Model>) -> Numbers {
    let config =
        MetadataConfig { partition: "numbers".to_owned(), codec_config: ((..).into(), ()) };
    let metadata = Numbers::init(context.child("numbers"), config).await.unwrap();
    let mut model = model.lock();
    let number = |value: &Vec<u8>| u64::from_be_bytes(value[..8].try_into().unwrap());
    let found = metadata.get(&U64::new(0)).map_or(0, number);
    assert!((model.number_synced..=model.number).contains(&found), "{found}");
    for key in (0..KEYS).filter(|_| found > 0) {
        assert_eq!(metadata.get(&U64::new(key)), Some(&value(found)), "{key}");
    }
    (model.number, model.number_synced) = (found, found);
    metadata
}

async fn append(items: Items, context: &mut NodeContext, model: &Mutex<Model>) -> Items {
    let item = item(context);
    model.lock().items.push(item.clone());
    items.append(&item).await.unwrap().0
}

fn put_all(numbers: &mut Numbers, model: &Mutex<Model>) -> u64 {
    let mut model = model.lock();
    model.number += 1;
    for key in 0..KEYS {
        numbers.put(U64::new(key), value(model.number));
    }
    model.number
}

/// Opens everything, and then goes on without end.
async fn work(mut context: NodeContext, model: Arc<Mutex<Model>>) {
    let mut items = open_items(&context, &model).await;
    let mut numbers = open_numbers(&context, &model).await;
    model.lock().opened += 1;
    loop {
        let count = model.lock().items.len();
        match below(&mut context, 12) {
            0..=5 => items = append(items, &mut context, &model).await,
            6 => {
                items = items.sync().await.unwrap();
                model.lock().items_synced = count;
            }
            7 => {
                items = items.commit().await.unwrap();
                model.lock().items_synced = count;
            }
            8 => {
                let (started, handle) = items.start_sync().await.unwrap();
                items = append(started, &mut context, &model).await;
                handle.await.unwrap();
                model.lock().items_synced = count;
            }
            9 => {
                let synced = model.lock().items_synced as u64;
                let position = below(&mut context, synced + 1);
                let pruned = model.lock().pruned;
                model.lock().pruned = pruned.max(position);
                items = items.prune(position).await.unwrap().0;
            }
            10 => {
                let number = put_all(&mut numbers, &model);
                numbers = numbers.sync().await.unwrap();
                model.lock().number_synced = number;
            }
            _ => {
                let number = put_all(&mut numbers, &model);
                let (started, first) = numbers.start_sync().await.unwrap();
                numbers = started;
                let next = put_all(&mut numbers, &model);
                let (started, second) = numbers.start_sync().await.unwrap();
                numbers = started;
                first.await.unwrap();
                model.lock().number_synced = number;
                second.await.unwrap();
                model.lock().number_synced = next;
            }
        }
    }
}

/// Runs processes one after the other on a machine, each of which stops in a change that chance
/// picks, and returns what was found with a digest of the run.
fn crash_often(seed: u64, crashes: u64) -> (Model, String) {
    Runner::seeded(seed).start(|mut context: Context| async move {
        let model = Arc::new(Mutex::new(Model::default()));
        let mut machine = Machine::new(seed);
        for _ in 0..crashes {
            machine.disk().stop_in(1 + below(&mut context, 120));
            let (process, known) = (context.child("process"), model.clone());
            let process = NodeContext::new(process, machine.clone());
            let task = process.spawn(|context| work(context, known));
            machine.stopped().await;
            let seed = context.next_u64();
            machine = if seed.is_multiple_of(8) { machine.kill(seed) } else { machine.crash(seed) };
            task.abort();
        }
        let process = NodeContext::new(context.child("process"), machine);
        drop(open_items(&process, &model).await);
        drop(open_numbers(&process, &model).await);
        let model = std::mem::take(&mut *model.lock());
        (model, context.auditor().state())
    })
}

#[test]
fn a_journal_and_metadata_survive_crashes() {
    let (mut opened, mut lost, mut numbers) = (0, 0, 0);
    for seed in 0..20 {
        let (model, _) = crash_often(seed, 10);
        opened += model.opened;
        lost += model.lost;
        numbers += model.number;
    }
    println!("{opened} processes got beyond opening; {lost} items lost; {numbers} numbers");
    assert!(opened > 100 && lost > 100 && numbers > 100, "{opened} {lost} {numbers}");
}

#[test]
fn the_same_seed_has_the_same_crashes() {
    let runs = [1, 1, 2].map(|seed| crash_often(seed, 10));
    assert_eq!(runs[0], runs[1]);
    assert_ne!(runs[0], runs[2]);
}
