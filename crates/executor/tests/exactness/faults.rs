//! Executing a block in every way when it may end in an error.

use crate::scene::{Scene, THREADS, executor};
use heddle_executor::{Block, BlockError, BlockOutput, Way, revm::DatabaseRef};
use heddle_types::AccessList;

/// The list that the optimistic way makes of a block that can be executed.
pub(crate) fn optimistic_list(scene: &Scene) -> AccessList {
    let output = executor(1).execute(&scene.block(), &scene.state, Way::Optimistic);
    let output = output.unwrap_or_else(|error| panic!("{error}"));
    output.access_list.expect("the optimistic way makes a list")
}

/// What each way gave, with its name.
pub(crate) type Results<E> = Vec<(String, Result<BlockOutput, BlockError<E>>)>;

/// Executes in every way on every number of threads, also along `list`, and names the ways.
pub(crate) fn every_way<DB: DatabaseRef<Error: 'static> + Sync>(
    block: &Block<'_>,
    state: &DB,
    list: Option<&AccessList>,
) -> Results<DB::Error> {
    let mut results = Vec::new();
    for threads in THREADS {
        let mut executor = executor(threads);
        let guided = list.map(|list| ("guided", Way::Guided(list)));
        let ways = [("sequential", Way::Sequential), ("optimistic", Way::Optimistic)];
        for (name, way) in ways.into_iter().chain(guided) {
            let result = executor.execute(block, state, way);
            results.push((format!("{name} on {threads} threads"), result));
        }
    }
    results
}
