//! The `heddle` binary: the command line, and nothing else.

mod agreement;
mod allocator;
mod config;
mod database;
mod dev;
mod explorer;
mod network;
mod node;
mod progress;
mod service;
mod transfer;
mod validator;
mod venue;

use clap::{Parser, Subcommand};
use heddle_client::program;
use heddle_measure::{
    BenchCompare, BenchExplorer, Load, Replay,
    bench::{BenchEcrecover, BenchExecutor, BenchKeccak, BenchPipeline, BenchStateRoot},
    conformance::{
        BlockchainConformance, RlpConformance, RpcConformance, StateConformance,
        TransactionConformance, TrieConformance,
    },
};
use std::{error::Error, process::ExitCode};

/// An EVM-compatible chain made for DeFi: it executes the transactions of a block in parallel, with
/// exactly the result of executing them one by one.
///
/// `heddle dev` starts a chain for development, in the place of anvil; `heddle node` one that stays,
/// alone or among validators.
#[derive(Debug, Parser)]
#[command(
    name = "heddle",
    version,
    arg_required_else_help = true,
    after_help = "\
Start with:
  heddle dev                          start a development chain on port 8545
  heddle testnet                      start four validators that agree on a chain
  heddle replay fixtures/mainnet      execute a few real Ethereum blocks in every way
  heddle bench executor               time every way on synthetic blocks
  heddle load                         put transactions on a node, and measure
  heddle wallet new                   make a mnemonic
  heddle scenario run cascade         replay a crash on a lending market

Exit status: 0 when all was as it should be, 1 when something differed, 2 when the command could \
not do its work."
)]
struct Arguments {
    #[command(subcommand)]
    command: Command,
}

// The form of a command: clap arguments with `run(self) -> Result<bool, impl Error>`, where `false`
// says that something differed and was printed.
#[derive(Debug, Subcommand)]
enum Command {
    Dev(Box<dev::Dev>),
    Node(Box<node::Node>),
    Init(Box<network::Init>),
    Testnet(Box<network::Testnet>),
    Import(transfer::Import),
    Export(transfer::Export),
    /// Looks after the database of a chain that no node runs on.
    #[command(subcommand)]
    Db(database::Db),
    /// Looks after the explorer's index of a chain that no node runs on.
    #[command(subcommand)]
    Explorer(explorer::ExplorerCommand),
    Replay(Replay),
    Load(Box<Load>),
    Wallet(Box<heddle_wallet::Wallet>),
    Keeper(heddle_keeper::KeeperCommand),
    Guard(heddle_guard::GuardCommand),
    /// Tells of the DeFi venue that `heddle dev --venue` has.
    #[command(subcommand)]
    Venue(venue::VenueCommand),
    Oracle(heddle_oracle::Oracle),
    Scenario(Box<heddle_scenario::Scenario>),
    /// Runs a public conformance suite.
    #[command(subcommand)]
    Conformance(Conformance),
    /// Times a part of Heddle, or all of it, on synthetic work.
    #[command(subcommand)]
    Bench(Bench),
}

#[derive(Debug, Subcommand)]
enum Bench {
    Executor(BenchExecutor),
    Ecrecover(BenchEcrecover),
    Keccak(BenchKeccak),
    StateRoot(BenchStateRoot),
    Pipeline(BenchPipeline),
    Compare(Box<BenchCompare>),
    Explorer(Box<BenchExplorer>),
}

#[derive(Debug, Subcommand)]
enum Conformance {
    State(StateConformance),
    Transaction(TransactionConformance),
    Rlp(RlpConformance),
    Rpc(RpcConformance),
    Blockchain(BlockchainConformance),
    Trie(TrieConformance),
}

impl Conformance {
    fn run(self) -> Result<bool, Box<dyn Error>> {
        match self {
            Self::State(state) => Ok(state.run()?),
            Self::Transaction(transaction) => Ok(transaction.run()?),
            Self::Rlp(rlp) => Ok(rlp.run()?),
            Self::Rpc(rpc) => Ok(rpc.run()?),
            Self::Blockchain(blockchain) => Ok(blockchain.run()?),
            Self::Trie(trie) => Ok(trie.run()?),
        }
    }
}

impl Command {
    fn run(self) -> Result<bool, Box<dyn Error>> {
        match self {
            Self::Dev(dev) => Ok(dev.run()?),
            Self::Node(node) => Ok(node.run()?),
            Self::Init(init) => Ok(init.run()?),
            Self::Testnet(testnet) => Ok(testnet.run()?),
            Self::Import(import) => Ok(import.run()?),
            Self::Export(export) => Ok(export.run()?),
            Self::Db(db) => Ok(db.run()?),
            Self::Explorer(explorer) => Ok(explorer.run()?),
            Self::Replay(replay) => Ok(replay.run()?),
            Self::Conformance(suite) => suite.run(),
            Self::Load(load) => Ok(load.run()?),
            Self::Wallet(wallet) => Ok(wallet.run()?),
            Self::Keeper(keeper) => Ok(keeper.run()?),
            Self::Guard(guard) => Ok(guard.run()?),
            Self::Venue(venue) => Ok(venue.run()?),
            Self::Oracle(oracle) => Ok(oracle.run()?),
            Self::Scenario(scenario) => Ok(scenario.run()?),
            Self::Bench(Bench::Executor(executor)) => Ok(executor.run()?),
            Self::Bench(Bench::Ecrecover(ecrecover)) => Ok(ecrecover.run()?),
            Self::Bench(Bench::Keccak(keccak)) => Ok(keccak.run()?),
            Self::Bench(Bench::StateRoot(root)) => Ok(root.run()?),
            Self::Bench(Bench::Pipeline(pipeline)) => Ok(pipeline.run()?),
            Self::Bench(Bench::Compare(compare)) => Ok(compare.run()?),
            Self::Bench(Bench::Explorer(explorer)) => Ok(explorer.run()?),
        }
    }
}

fn main() -> ExitCode {
    allocator::set_up();
    program::end(Arguments::parse().command.run())
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn no_two_options_of_a_command_are_the_same() {
        Arguments::command().debug_assert();
    }
}
