//! Why a command could not do its work.

use alloy_primitives::{Address, B256};
use std::{io, path::PathBuf};

/// Why a command could not do its work. Each message says what to do.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The executor cannot start.
    #[error(transparent)]
    Threads(#[from] heddle_executor::ThreadsError),
    /// The chain of a benchmark fails.
    #[error("the chain of the benchmark fails")]
    Chain(#[from] heddle_chain::Error),
    /// Blocks cannot be made.
    #[error("the benchmark's blocks cannot be made")]
    Producer(#[from] heddle_producer::Error),
    /// The pool refuses a transaction of a benchmark.
    #[error("the pool refuses a transaction of the benchmark")]
    Refused(#[source] heddle_pool::PoolError),
    /// A transaction of a benchmark cannot be decoded.
    #[error("a transaction of the benchmark cannot be decoded")]
    Decode(#[source] alloy_eips::eip2718::Eip2718Error),
    /// There is no room for temporary files.
    #[error("a folder for the benchmark's files cannot be used; name another one with --folder")]
    Temporary(#[source] io::Error),
    /// A folder cannot be opened.
    #[error(
        "cannot open the folder {}; give a folder of recorded blocks, such as fixtures/mainnet",
        path.display()
    )]
    Folder {
        /// Which folder.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// A folder holds no recorded block.
    #[error(
        "no recorded blocks in {}; each block is a folder named by its number that holds block.json \
         and pre_state.json",
        path.display()
    )]
    NoBlocks {
        /// Which folder.
        path: PathBuf,
    },
    /// A file cannot be read.
    #[error("cannot read {}; a folder of recorded blocks must hold it", path.display())]
    Read {
        /// Which file.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// A file is not JSON of the expected form.
    #[error("{} is not of the expected form; correct the file or record it anew", path.display())]
    Json {
        /// Which file.
        path: PathBuf,
        /// Where and how.
        source: serde_json::Error,
    },
    /// A block lacks something that its fork or the type of a transaction demands.
    #[error("{}: {what}; record the block anew", path.display())]
    Incomplete {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        what: String,
    },
    /// A code is filed under a hash that is not its own.
    #[error("{}: the code under {named} has the hash {actual}; correct the file", path.display())]
    CodeHash {
        /// Which file.
        path: PathBuf,
        /// The hash that the file gives.
        named: B256,
        /// Keccak-256 of the code.
        actual: B256,
    },
    /// A code cannot be executed as it is.
    #[error("{}: the code {hash} is malformed: {reason}; correct the file", path.display())]
    Code {
        /// Which file.
        path: PathBuf,
        /// The code's hash.
        hash: B256,
        /// revm's message.
        reason: String,
    },
    /// An account refers to a code that is not there.
    #[error(
        "{}: account {address} has the code {hash}, which codes.json lacks; add the code to it",
        path.display()
    )]
    MissingCode {
        /// Which file.
        path: PathBuf,
        /// Whose code.
        address: Address,
        /// The code's hash.
        hash: B256,
    },
    /// A path that should lead to state tests cannot be read.
    #[error("cannot read {}; give a state test file or a folder of such files", path.display())]
    TestPath {
        /// Which path.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// A file holds something else than state tests.
    #[error("{} is not a state test; give a file of GeneralStateTests", path.display())]
    StateTest {
        /// Which file.
        path: PathBuf,
        /// Where and how.
        source: serde_json::Error,
    },
    /// A file holds something else than tests of the suite.
    #[error("{} is not of the suite {suite}; give a file of ethereum/tests/{suite}", path.display())]
    SuiteFile {
        /// Which file.
        path: PathBuf,
        /// The suite's name.
        suite: &'static str,
        /// Where and how.
        source: serde_json::Error,
    },
    /// A folder holds no test.
    #[error("no .json file in {}; give the folder of the suite or a part of it", path.display())]
    NoTests {
        /// Which folder.
        path: PathBuf,
    },
    /// A path that should lead to recorded JSON-RPC exchanges cannot be read.
    #[error(
        "cannot read {}; give a folder with genesis.json, chain.rlp and folders of .io files",
        path.display()
    )]
    RpcPath {
        /// Which path.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// A recording, or the chain that belongs to it, is not of the expected form.
    #[error("{} is not of the expected form: {reason}", path.display())]
    Recording {
        /// Which file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// No node can be started with a recorded chain.
    #[error("no node starts with the chain in {}", path.display())]
    Node {
        /// Which folder.
        path: PathBuf,
        /// Why.
        source: Box<dyn std::error::Error + Send + Sync>,
    },
    /// No fork has the name that was given.
    #[error("there is no fork {name:?}; the tests know {known}")]
    UnknownFork {
        /// The name given.
        name: String,
        /// All names that there are.
        known: String,
    },
    /// The fork and the filter leave no case over.
    #[error("no case matches; run again without --fork and --filter to see all")]
    NoCases,
    /// A workload of the benchmark does not run as it should.
    #[error("the workload {name} is broken: {what}; report it, and leave it out with --workload")]
    Workload {
        /// Its name.
        name: &'static str,
        /// What went wrong.
        what: String,
    },
    /// The memory of an execution cannot be measured.
    #[error("cannot measure the memory that the workload {name} takes: {what}")]
    Memory {
        /// Its name.
        name: &'static str,
        /// What went wrong.
        what: String,
    },
    /// The processor lacks the lanes to measure.
    #[error("{0}; choose others with --lanes, or leave it out")]
    Lanes(#[from] heddle_ecrecover::LanesError),
    /// The state of the benchmark cannot be made or changed.
    #[error(
        "cannot make or change the state of the benchmark; see that there is room in the folder for temporary files"
    )]
    State(#[from] heddle_state::Error),
    /// The store of the benchmark's state cannot be made.
    #[error("cannot make a store; see that there is room in the folder for temporary files")]
    Storage(#[from] heddle_storage::Error),
    /// The results cannot be written.
    #[error("cannot write the results")]
    Output(#[from] io::Error),
}
