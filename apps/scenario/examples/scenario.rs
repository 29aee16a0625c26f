//! `heddle scenario` alone, for tests: the same arguments, the same output.

use clap::Parser;
use heddle_client::program;
use std::process::ExitCode;

#[derive(Debug, Parser)]
struct Arguments {
    #[command(flatten)]
    scenario: heddle_scenario::Scenario,
}

fn main() -> ExitCode {
    program::end(Arguments::parse().scenario.run().map_err(Into::into))
}
