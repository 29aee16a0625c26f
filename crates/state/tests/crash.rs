//! Crashes while versions of the state are stored: the last one that was acknowledged is there
//! afterwards with its root, or a later one that was being stored; or the damage is named.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)] // a test ends so

#[path = "../../storage/tests/support/crashes.rs"]
mod crashes;
mod support;

use crashes::{Tally, arm};
use heddle_state::{Error, StateView, Version, forget, latest, settle, unwind, write_layer};
use heddle_storage::{Database, Error as StorageError, Options, SimulatedDisk};
use std::sync::Arc;
use support::{Model, Random, assert_reads_as, write_run};

/// So little memory that now and then a commit waits for room.
const OPTIONS: Options = Options { cache_bytes: 1 << 20, unsettled_bytes_max: 400_000 };
/// So many that the tries of accounts, and of some storage, have nodes that are stored.
const ACCOUNTS: u64 = 30;
const SLOTS: u64 = 40;

fn open(disk: &SimulatedDisk) -> Result<Database, StorageError> {
    Database::simulated(disk, OPTIONS)
}

/// Versions by their numbers.
type Models = Vec<Model>;

/// Stores versions in random ways until something fails: the models of what was acknowledged, and
/// of what may be there besides; and why it failed.
fn store_until_failure(
    database: &Database,
    mut sure: Models,
    random: &mut Random,
) -> ((Models, Models), StorageError) {
    let mut view: Option<StateView> = None;
    loop {
        let mut possible = sure.clone();
        let result = (|| -> Result<(), Error> {
            let reader = database.reader()?;
            let newest = Version((sure.len() as u64).saturating_sub(1));
            let base = match view.take() {
                Some(view) => view.stored(reader, newest),
                None => StateView::new(reader, newest)?,
            };
            if sure.len() > 2 && random.below(6) == 0 {
                let to = sure.len() as u64 - 1 - random.below(2);
                possible.truncate(to as usize);
                let mut writer = database.writer()?;
                match unwind(&mut writer, Version(to - 1)) {
                    // It was forgotten: nothing is taken back.
                    Err(Error::Pruned { .. }) => possible = sure.clone(),
                    other => other?,
                }
                return Ok(writer.commit()?);
            }
            // Some layers on each other, all stored at once.
            let mut on_top = base;
            let mut writer = database.writer()?;
            let (first, is_run) = (Version(possible.len() as u64), random.below(2) == 0);
            let mut layers = Vec::new();
            for _ in 0..=random.below(3) {
                let mut model = possible.last().cloned().unwrap_or_default();
                let changes = model.change(random, 8, ACCOUNTS, SLOTS);
                let layer = Arc::new(on_top.apply(&changes, 1)?);
                assert_eq!(layer.root(), model.root());
                if !is_run {
                    write_layer(&mut writer, Version(possible.len() as u64), &layer)?;
                }
                possible.push(model);
                layers.push(layer.clone());
                on_top = on_top.with(layer);
            }
            if is_run {
                write_run(&mut writer, first, &layers)?;
            }
            if random.below(4) == 0 {
                forget(&mut writer, Version((possible.len() as u64).saturating_sub(4)))?;
            }
            writer.commit()?;
            view = Some(on_top);
            // What was committed is sure by now.
            sure = possible.clone();
            if random.below(3) == 0 { settle(database) } else { Ok(()) }
        })();
        match result {
            Ok(()) => sure = possible,
            Err(Error::Storage(error)) => return ((sure, possible), error),
            Err(error) => panic!("{error}"),
        }
    }
}

/// Which of two histories the database has; reads of its newest version are compared.
fn find<'a>(database: &Database, sure: &'a Models, possible: &'a Models) -> &'a Models {
    let reader = database.reader().unwrap();
    let newest = latest(&reader).unwrap();
    let view = StateView::new(reader, newest).unwrap();
    let model = |models: &Models| match models.len() {
        0 => Some(Model::default()),
        count if count as u64 - 1 == newest.0 => models.last().cloned(),
        _ => None,
    };
    let is = |models: &Models| model(models).is_some_and(|model| model.root() == view.root());
    let found = if is(possible) { possible } else { sure };
    assert!(is(found), "version {} has neither root that it may have", newest.0);
    let model = found.last().cloned().unwrap_or_default();
    assert_reads_as(&view, &model, ACCOUNTS, SLOTS);
    found
}

/// Opens a copy of the disk, which has no faults, and verifies all of it.
fn verify(disk: &SimulatedDisk, (sure, possible): &(Models, Models)) {
    let database = open(&disk.copy(1)).unwrap();
    find(&database, sure, possible);
    database.verify(|_, _| {}).unwrap();
}

/// Crashes that follow each other, also in the midst of opening anew.
fn history(seed: u64, tally: &mut Tally) {
    let random = &mut Random(seed);
    let mut disk = SimulatedDisk::new(seed);
    let mut models = (Models::new(), Models::new());
    let mut database = Some(open(&disk).unwrap());
    for _ in 0..=random.below(3) {
        arm(&disk, random);
        let (error, is_opening) = match database.take().map_or_else(|| open(&disk), Ok) {
            Ok(database) => {
                let found = find(&database, &models.0, &models.1).clone();
                let (begun, error) = store_until_failure(&database, found, random);
                models = begun;
                (error, false)
            }
            Err(error) => (error, true),
        };
        disk = disk.crash();
        tally.count(&error, is_opening, disk.crash_effect());
        verify(&disk, &models);
        damage(&disk, &models, random, tally);
    }
}

/// One wrong bit on a copy of the disk, in a read or for good: what is read is right, or the
/// damage is named.
fn damage(
    disk: &SimulatedDisk,
    (sure, possible): &(Models, Models),
    random: &mut Random,
    tally: &mut Tally,
) {
    let disk = disk.copy(random.below(u64::MAX));
    let kind = crashes::damage(&disk, random);
    let read = || -> Result<(), Error> {
        let database = open(&disk)?;
        let reader = database.reader()?;
        let newest = latest(&reader)?;
        let view = StateView::new(reader, newest)?;
        let models = [sure, possible];
        let roots = models.map(|models| models.last().cloned().unwrap_or_default().root());
        let at = roots.iter().position(|root| *root == view.root()).expect("a root that may be");
        let model = models[at].last().cloned().unwrap_or_default();
        let accounts = view.accounts()?;
        assert!(accounts.keys().eq(model.accounts.keys()));
        for (address, account) in &model.accounts {
            assert_eq!(view.slots(*address)?, account.slots);
            view.proof(*address, &[])?;
        }
        Ok(())
    };
    let named = match read() {
        Ok(()) => false,
        Err(Error::Storage(StorageError::Damaged { offset: Some(_), .. })) => true,
        Err(error) => panic!("{error}"),
    };
    tally.count_wrong_bit(kind, named);
}

#[test]
fn the_last_acknowledged_version_survives_crashes() {
    crashes::run(1_000, history);
}
