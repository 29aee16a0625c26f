//! `heddle db verify`, as a process.

#![allow(clippy::unwrap_used, clippy::panic)] // in functions that tests share

mod support;

use serde_json::json;
use std::{fs::OpenOptions, os::unix::fs::FileExt, path::Path, process::Output};
use support::{Dev, argument, output};

fn verify(folder: &Path) -> Output {
    output(&["db", "verify", "--datadir", argument(folder)])
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[test]
fn tells_a_good_database_from_one_in_use_one_that_is_damaged_and_none() {
    let home = tempfile::tempdir().unwrap();
    let folder = home.path().join("chain");
    let none = verify(&folder);
    assert_eq!(none.status.code(), Some(2));
    assert!(text(&none.stderr).contains("holds no database"), "{none:?}");
    assert!(!folder.exists(), "a check makes nothing");

    let dev = Dev::start(home.path(), &["--datadir", argument(&folder)]);
    for value in 1..4 {
        dev.send(json!({"to": format!("0x{}", "11".repeat(20)), "value": format!("{value:#x}")}));
    }
    let used = verify(&folder);
    assert_eq!(used.status.code(), Some(2));
    assert!(text(&used.stderr).contains("in use by another process"), "{used:?}");
    dev.stop();

    let good = verify(&folder);
    assert_eq!(good.status.code(), Some(0), "{good:?}");
    let lines = text(&good.stdout);
    assert!(lines.contains("blocks 0 to 3 with 3 transactions fit together"), "{lines}");
    assert!(lines.ends_with("all is whole\n"), "{lines}");

    let path = folder.join("chain.redb");
    let file = OpenOptions::new().read(true).write(true).open(path).unwrap();
    let mut byte = [0];
    // Each block has its checksum before it; this is within the second one.
    file.read_exact_at(&mut byte, 4096 + 4104 + 100).unwrap();
    file.write_all_at(&[byte[0] ^ 1], 4096 + 4104 + 100).unwrap();
    let damaged = verify(&folder);
    assert_eq!(damaged.status.code(), Some(1), "{damaged:?}");
    let lines = text(&damaged.stdout);
    assert!(lines.contains("block 1 does not match its checksum"), "{lines}");
    assert!(lines.contains("restore it from a copy"), "{lines}");
}
