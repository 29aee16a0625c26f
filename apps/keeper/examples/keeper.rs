//! `heddle keeper` alone, for tests: the same arguments, the same output.

use clap::Parser;
use heddle_client::program;
use std::process::ExitCode;

#[derive(Debug, Parser)]
struct Arguments {
    #[command(flatten)]
    keeper: heddle_keeper::KeeperCommand,
}

fn main() -> ExitCode {
    program::end(Arguments::parse().keeper.run().map_err(Into::into))
}
