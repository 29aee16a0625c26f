//! `heddle oracle` alone, for tests: the same arguments, the same output.

use clap::Parser;
use heddle_client::program;
use std::process::ExitCode;

#[derive(Debug, Parser)]
struct Arguments {
    #[command(flatten)]
    oracle: heddle_oracle::Oracle,
}

fn main() -> ExitCode {
    program::end(Arguments::parse().oracle.run().map_err(Into::into))
}
