//! `heddle keeper` alone, for tests: the same arguments, the same output.

use clap::Parser;
use std::{error::Error, iter::successors, process::ExitCode};

#[derive(Debug, Parser)]
struct Arguments {
    #[command(flatten)]
    keeper: heddle_keeper::KeeperCommand,
}

fn main() -> ExitCode {
    match Arguments::parse().keeper.run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => 1.into(),
        Err(error) => {
            let error: &dyn Error = &error;
            for error in successors(Some(error), |&error| error.source()) {
                eprintln!("{error}");
            }
            2.into()
        }
    }
}
