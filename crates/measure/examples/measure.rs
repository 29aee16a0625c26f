//! The commands of this crate alone: quicker to build than the node, when only they have changed.
//!
//! `cargo run --profile sim --package heddle-measure --example measure -- bench executor`

use clap::{Parser, Subcommand};
use heddle_measure::{
    Load,
    bench::{BenchExecutor, BenchPipeline},
};
use mimalloc::MiMalloc;
use std::{error::Error, process::ExitCode};

/// The allocator of the node.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

#[derive(Parser)]
enum Command {
    /// Times parts of Heddle.
    #[command(subcommand)]
    Bench(Bench),
    /// Puts transactions on a node.
    Load(Box<Load>),
}

#[derive(Subcommand)]
enum Bench {
    Executor(BenchExecutor),
    Pipeline(BenchPipeline),
}

fn main() -> Result<ExitCode, Box<dyn Error>> {
    let is_well = match Command::parse() {
        Command::Bench(Bench::Executor(bench)) => bench.run()?,
        Command::Bench(Bench::Pipeline(bench)) => bench.run()?,
        Command::Load(load) => load.run()?,
    };
    Ok(if is_well { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}
