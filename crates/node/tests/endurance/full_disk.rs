//! The disk of a node under load fills up, over and over.

use crate::{
    client::Client,
    node::{Ended, Node},
    setting,
    trial::Trial,
};
use rand::Rng;
use std::{
    fs,
    os::unix::fs::MetadataExt as _,
    path::{Path, PathBuf},
    process::Command,
};

/// The status with which the node says that it could not do its work.
const STATUS_ERROR: i32 = 2;

/// Bytes of room when the node is to go on.
const ROOM: u64 = 256 << 20;

/// Bytes that fill up under load, at most.
const LITTLE_ROOM_MAX: u64 = 256 << 10;

/// A file system in memory, which is full at a size that can be changed.
struct SmallDisk(PathBuf);

impl SmallDisk {
    /// Mounts it, or says why that cannot be done.
    fn mount(at: &Path) -> Result<Self, String> {
        fs::create_dir_all(at).unwrap();
        let mut command = Command::new("mount");
        let output =
            command.args(["-t", "tmpfs", "-o", &size(ROOM), "heddle-test"]).arg(at).output();
        match output {
            Ok(output) if output.status.success() => Ok(Self(at.to_owned())),
            Ok(output) => Err(String::from_utf8_lossy(&output.stderr).trim().to_owned()),
            Err(error) => Err(error.to_string()),
        }
    }

    /// Leaves so many bytes besides those that are used.
    fn leave(&self, room: u64) {
        let option = format!("remount,{}", size(used(&self.0) + room));
        let status = Command::new("mount").args(["-o", &option]).arg(&self.0).status();
        assert!(status.unwrap().success(), "what could be mounted can be mounted anew");
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        // When the test fails, what is on it is of use, and it stays.
        if !std::thread::panicking() {
            let status = Command::new("umount").arg(&self.0).status();
            assert!(status.unwrap().success(), "{} is still in use", self.0.display());
        }
    }
}

fn size(bytes: u64) -> String {
    format!("size={bytes}")
}

/// Bytes of the files below a folder. A file may be longer, with holes.
fn used(folder: &Path) -> u64 {
    const UNIT: u64 = 512;
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let bytes = |path: PathBuf| {
        if path.is_dir() { used(&path) } else { fs::metadata(path).unwrap().blocks() * UNIT }
    };
    entries.map(bytes).sum()
}

#[test]
fn nothing_acknowledged_is_lost() {
    let (seed, cycles) = (setting("HEDDLE_SEED", 1), setting("HEDDLE_FULL_DISK_CYCLES", 5));
    let folder = tempfile::tempdir().unwrap().keep();
    println!("HEDDLE_SEED={seed}, in {}", folder.display());
    let disk = match SmallDisk::mount(&folder.join("disk")) {
        Ok(disk) => disk,
        Err(reason) => {
            println!("nothing was tested: a small file system needs root, {reason}");
            return fs::remove_dir_all(folder).unwrap();
        }
    };
    let mut trial = Trial::new(&folder, &disk.0.join("data"), seed);
    let mut while_starting = 0;
    for _ in 0..cycles {
        disk.leave(ROOM);
        let (node, client) = crate::node::start(&trial.arguments(), &trial.log());
        trial.check(&client);
        node.kill();
        if trial.is_full_check_due(cycles) {
            trial.verify_database();
        }
        disk.leave(trial.random.gen_range(0..LITTLE_ROOM_MAX));
        let mut node = Node::spawn(&trial.arguments(), &trial.log());
        let ended = match node.serving() {
            // What the node answers until it has stopped may be a refusal.
            Ok(url) => {
                let mut ended = None;
                trial.load(|| Client::new(&url), || ended = Some(node.ended()));
                ended.expect("it was waited for")
            }
            Err(ended) => {
                while_starting += 1;
                ended
            }
        };
        assert_says_full(&ended);
        trial.end_cycle(cycles);
    }
    disk.leave(ROOM);
    let (node, client) = crate::node::start(&trial.arguments(), &trial.log());
    trial.check(&client);
    node.kill();
    trial.verify_database();
    println!("{trial}; the disk was full {while_starting} times when the node started");
    drop(disk);
    fs::remove_dir_all(folder).unwrap();
}

fn assert_says_full(Ended { status, output }: &Ended) {
    let said = output.contains("error:") && output.contains("the disk is full");
    assert!(status.code() == Some(STATUS_ERROR) && said, "{status}: {output}");
}
