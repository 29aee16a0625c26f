//! `heddle scenario` alone, for tests: the same arguments, the same output.

use clap::Parser;
use std::{error::Error, iter::successors, process::ExitCode};

#[derive(Debug, Parser)]
struct Arguments {
    #[command(flatten)]
    scenario: heddle_scenario::Scenario,
}

fn main() -> ExitCode {
    match Arguments::parse().scenario.run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => 1.into(),
        Err(error) => {
            let error: &dyn Error = &error;
            for error in successors(Some(error), |&error| error.source()) {
                eprintln!("{error}\n{error:?}");
            }
            2.into()
        }
    }
}
