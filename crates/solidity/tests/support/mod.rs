//! solc of npm, where node and npm are there.

use std::{path::PathBuf, sync::LazyLock, time::Duration};

use heddle_solidity::compiler::{Cage, Compilers, Limits, Version};
use serde_json::{Value as Json, json};

pub(crate) fn version() -> Version {
    "0.8.37".parse().unwrap()
}

pub(crate) fn limits() -> Limits {
    Limits { wall: Duration::from_secs(120), concurrent: 2, waiting: 64, ..Limits::default() }
}

pub(crate) fn cage() -> Cage {
    let test = std::env::current_exe().unwrap();
    let program = test.parent().unwrap().parent().unwrap().join("examples/cage");
    assert!(
        program.is_file(),
        "{}: `cargo build -p heddle-solidity --example cage`",
        program.display()
    );
    Cage { program, arguments: Vec::new() }
}

/// Where a program of the PATH is.
pub(crate) fn find(name: &str) -> Option<String> {
    let paths = std::env::var_os("PATH")?;
    let mut paths = std::env::split_paths(&paths).map(|folder| folder.join(name));
    paths.find(|path| path.is_file()).map(|path| path.display().to_string())
}

static FOLDER: LazyLock<Option<PathBuf>> = LazyLock::new(|| {
    find("node")?;
    let folder = PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join("solc");
    let compilers = Compilers::open(&folder, cage(), limits()).unwrap();
    compilers.add(&version()).ok().map(|()| folder)
});

/// The compilers, or a line that says that the test is skipped.
pub(crate) fn compilers(limits: Limits) -> Option<Compilers> {
    let Some(folder) = FOLDER.as_ref() else {
        println!("skipped: node, npm or the network is not there, so there is no solc");
        return None;
    };
    Some(Compilers::open(folder, cage(), limits).unwrap())
}

pub(crate) fn input(sources: &[(&str, &str)], settings: Json) -> Json {
    let sources: serde_json::Map<_, _> = sources
        .iter()
        .map(|(path, content)| ((*path).to_owned(), json!({"content": content})))
        .collect();
    let mut settings = settings;
    settings["outputSelection"] = json!({"*": {"*": [
        "evm.bytecode.object", "evm.deployedBytecode.object",
        "evm.deployedBytecode.immutableReferences", "evm.deployedBytecode.linkReferences",
        "storageLayout",
    ]}});
    json!({"language": "Solidity", "sources": sources, "settings": settings})
}
