//! `heddle oracle` alone, for tests: the same arguments, the same output.

use clap::Parser;
use std::{error::Error, iter::successors, process::ExitCode};

#[derive(Debug, Parser)]
struct Arguments {
    #[command(flatten)]
    oracle: heddle_oracle::Oracle,
}

fn main() -> ExitCode {
    match Arguments::parse().oracle.run() {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => 1.into(),
        Err(error) => {
            let error: &dyn Error = &error;
            let text: Vec<String> =
                successors(Some(error), |&error| error.source()).map(ToString::to_string).collect();
            eprintln!("error: {}", text.join("\n  because: "));
            2.into()
        }
    }
}
