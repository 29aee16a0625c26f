//! `heddle guard` alone, for tests: the same arguments, the same output.

use clap::Parser;
use heddle_client::program;
use std::process::ExitCode;

#[derive(Debug, Parser)]
struct Arguments {
    #[command(flatten)]
    guard: heddle_guard::GuardCommand,
}

fn main() -> ExitCode {
    program::end(Arguments::parse().guard.run().map_err(Into::into))
}
