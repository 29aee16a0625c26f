//! The flags of `heddle dev`. Those that anvil has are called and mean the same.

use super::{
    accounts::{ACCOUNTS_MAX, DEFAULT_MNEMONIC, DEFAULT_PATH},
    genesis::fork_by_name,
};
use alloy_primitives::{Address, U256};
use clap::{Args, ValueEnum};
use heddle_types::Fork;
use std::{net::IpAddr, path::PathBuf, time::Duration};

/// Starts a development chain: anvil's accounts, chain id and port, on an embedded database.
///
/// Without --datadir the chain is gone when the command ends.
#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  heddle dev                                mine each transaction as it comes
  heddle dev -b 1                           a block a second (also 0.25, or 250ms)
  heddle dev --datadir chain                keep the chain
  heddle dev --fork-url http://127.0.0.1:8545   continue from another chain's state")]
pub(crate) struct Dev {
    /// Port to listen on, for HTTP and WebSocket; 0 takes a free one.
    #[arg(short, long, value_name = "NUM", default_value_t = 8545, help_heading = "Server")]
    pub(super) port: u16,
    /// Address to listen on.
    #[arg(long, value_name = "IP", default_value = "127.0.0.1", help_heading = "Server")]
    pub(super) host: IpAddr,
    /// Origins that pages in a browser may call from: * for all, or a list with commas.
    #[arg(long, value_name = "ORIGIN", default_value = "*", help_heading = "Server")]
    pub(super) allow_origin: String,
    /// Answers no page of another origin.
    #[arg(long, help_heading = "Server")]
    pub(super) no_cors: bool,

    #[command(flatten)]
    pub(super) wallet: Wallet,
    #[command(flatten)]
    pub(super) mining: Mining,
    #[command(flatten)]
    pub(super) environment: Environment,
    #[command(flatten)]
    pub(super) keeping: Keeping,
    #[command(flatten)]
    pub(super) forking: Forking,

    /// Prints nothing but errors.
    #[arg(short, long, visible_alias = "silent", help_heading = "Display")]
    pub(super) quiet: bool,
    /// Does not print what contracts log by console.log.
    #[arg(long, visible_alias = "no-console-log", help_heading = "Display")]
    pub(super) disable_console_log: bool,
    /// Logs one JSON object a line.
    #[arg(long, help_heading = "Display")]
    pub(super) json: bool,
    /// Says more; twice for even more.
    #[arg(short, long, action = clap::ArgAction::Count, help_heading = "Display")]
    pub(super) verbosity: u8,
    /// Writes accounts, keys and settings to a file, as JSON.
    #[arg(long, value_name = "FILE", help_heading = "Display")]
    pub(super) config_out: Option<PathBuf>,
}

/// Who has money.
#[derive(Debug, Args)]
#[command(next_help_heading = "Accounts")]
pub(super) struct Wallet {
    /// Number of accounts.
    #[arg(short, long, value_name = "NUM", default_value_t = 10,
        value_parser = clap::value_parser!(u32).range(0..=i64::from(ACCOUNTS_MAX)))]
    pub(super) accounts: u32,
    /// Balance of each, in ether.
    #[arg(long, value_name = "NUM", default_value_t = 10_000)]
    pub(super) balance: u64,
    /// Phrase (BIP-39) that the accounts come from.
    #[arg(short, long, value_name = "WORDS", default_value = DEFAULT_MNEMONIC, hide_default_value = true)]
    pub(super) mnemonic: String,
    /// Makes a new phrase, of 12 words or as many as given.
    #[arg(long, value_name = "WORDS", num_args = 0..=1, default_missing_value = "12",
        conflicts_with = "mnemonic")]
    pub(super) mnemonic_random: Option<usize>,
    /// Makes the phrase from a number. Anybody can make it: for tests only.
    #[arg(long = "mnemonic-seed-unsafe", value_name = "SEED",
        conflicts_with_all = ["mnemonic", "mnemonic_random"])]
    pub(super) mnemonic_seed: Option<u64>,
    /// Path of the keys (BIP-44), to which the account's number is added.
    #[arg(long, value_name = "PATH", default_value = DEFAULT_PATH)]
    pub(super) derivation_path: String,
    /// Takes transactions from every sender without a signature.
    #[arg(long, visible_alias = "auto-unlock")]
    pub(super) auto_impersonate: bool,
}

/// When blocks are made.
#[derive(Debug, Args)]
#[command(next_help_heading = "Mining")]
pub(super) struct Mining {
    /// A block every so often, instead of one for each transaction: seconds, or with a unit, as
    /// 250ms.
    #[arg(short, long, visible_alias = "blockTime", value_name = "TIME", value_parser = duration)]
    pub(super) block_time: Option<Duration>,
    /// No blocks but by evm_mine.
    #[arg(long, visible_alias = "no-mine", conflicts_with = "block_time")]
    pub(super) no_mining: bool,
    /// A block for each transaction, and one every --block-time besides.
    #[arg(long, requires = "block_time")]
    pub(super) mixed_mining: bool,
    /// Which of the waiting transactions come first.
    #[arg(long, value_name = "ORDER", default_value = "fees")]
    pub(super) order: Order,
    /// Most transactions in a block.
    #[arg(long, value_name = "NUM")]
    pub(super) max_transactions: Option<usize>,
    /// Blocks between `latest` and `safe`; `finalized` is twice as far.
    #[arg(long, value_name = "NUM", default_value_t = 32)]
    pub(super) slots_in_an_epoch: u64,
}

/// Which of the waiting transactions come first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum Order {
    /// Those that pay the most.
    Fees,
    /// Those that came first.
    Fifo,
}

/// What the chain is like.
#[derive(Debug, Args)]
#[command(next_help_heading = "Chain")]
pub(super) struct Environment {
    /// EIP-155 chain id.
    #[arg(long, value_name = "ID")]
    pub(super) chain_id: Option<u64>,
    /// Rules: frontier to osaka, or amsterdam.
    #[arg(long, value_name = "NAME", default_value = "osaka", value_parser = fork_by_name)]
    pub(super) hardfork: Fork,
    /// Gas that a block may hold.
    #[arg(long, value_name = "GAS")]
    pub(super) gas_limit: Option<u64>,
    /// Base fee of the first block, in wei.
    #[arg(long, visible_alias = "base-fee", value_name = "WEI")]
    pub(super) block_base_fee_per_gas: Option<u64>,
    /// Gas price that is suggested, in wei.
    #[arg(long, value_name = "WEI")]
    pub(super) gas_price: Option<u128>,
    /// Suggests no priority fee.
    #[arg(long, visible_alias = "no-priority-fee")]
    pub(super) disable_min_priority_fee: bool,
    /// Who gets the fees.
    #[arg(long, value_name = "ADDRESS")]
    pub(super) coinbase: Option<Address>,
    /// UNIX time of the first block.
    #[arg(long, value_name = "SECONDS")]
    pub(super) timestamp: Option<u64>,
    /// Number of the first block.
    #[arg(long, value_name = "NUM", default_value_t = 0)]
    pub(super) number: u64,
    /// First block from a file in geth's format.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["number", "timestamp"])]
    pub(super) init: Option<PathBuf>,
    /// Leaves out the CREATE2 deployer, Multicall3 and WETH.
    #[arg(long)]
    pub(super) no_predeploys: bool,
    /// Threads that execute; 0 for as many as there are processors.
    #[arg(short = 'j', long, value_name = "NUM", default_value_t = 0)]
    pub(super) threads: usize,
}

/// What stays.
#[derive(Debug, Args)]
#[command(next_help_heading = "Keeping")]
pub(super) struct Keeping {
    /// Keeps the chain in a folder, and goes on with it if it is there.
    #[arg(long, value_name = "DIR")]
    pub(super) datadir: Option<PathBuf>,
    /// Keeps the states of the last so many blocks only (default: of all).
    #[arg(long, visible_alias = "prune-history", value_name = "NUM")]
    pub(super) keep_states: Option<u64>,
    /// Loads a state from a file (anvil's format) before starting.
    #[arg(long, value_name = "FILE")]
    pub(super) load_state: Option<PathBuf>,
    /// Writes the state to a file (anvil's format) when stopped.
    #[arg(long, value_name = "FILE")]
    pub(super) dump_state: Option<PathBuf>,
    /// Both: loads from a file if it is there, and writes to it when stopped.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["load_state", "dump_state", "init"])]
    pub(super) state: Option<PathBuf>,
}

/// Continuing from another chain.
#[derive(Debug, Args)]
#[command(next_help_heading = "Fork")]
pub(super) struct Forking {
    /// Takes what is not changed here from another node.
    #[arg(short, long, visible_alias = "rpc-url", value_name = "URL")]
    pub(super) fork_url: Option<String>,
    /// As of this block of the other chain (default: its latest).
    #[arg(long, value_name = "NUM", requires = "fork_url")]
    pub(super) fork_block_number: Option<u64>,
}

/// Wei in one ether.
const ETHER: u64 = 1_000_000_000_000_000_000;

impl Wallet {
    /// Balance of each account, in wei.
    pub(super) fn balance_wei(&self) -> U256 {
        U256::from(self.balance) * U256::from(ETHER)
    }
}

/// Longest time between blocks: a year.
const BLOCK_TIME_MAX: Duration = Duration::from_secs(366 * 24 * 60 * 60);

fn duration(text: &str) -> Result<Duration, String> {
    let (digits, unit) = match text.strip_suffix("ms") {
        Some(digits) => (digits, 0.001),
        None => (text.strip_suffix('s').unwrap_or(text), 1.0),
    };
    let help = "give seconds, as 2 or 0.25, or a unit besides, as 250ms; from 1ms to a year";
    let number: f64 = digits.parse().map_err(|_| help.to_owned())?;
    let time = Duration::try_from_secs_f64(number * unit).map_err(|_| help.to_owned())?;
    if time < Duration::from_millis(1) || time > BLOCK_TIME_MAX {
        return Err(help.to_owned());
    }
    Ok(time)
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::Parser;

    #[derive(Debug, Parser)]
    struct Command {
        #[command(flatten)]
        dev: Dev,
    }

    fn parse(line: &str) -> Result<Dev, String> {
        Command::try_parse_from(line.split(' '))
            .map(|command| command.dev)
            .map_err(|error| error.to_string())
    }

    #[test]
    fn takes_the_flags_of_anvil() {
        let dev = parse(
            "anvil -b 2 -a 3 -p 0 --balance 5 --chain-id 1 --hardfork cancun --gas-limit 1000000 \
             --order fifo --auto-impersonate --host 0.0.0.0 --silent --state s --base-fee 0",
        )
        .unwrap();
        assert_eq!(dev.mining.block_time, Some(Duration::from_secs(2)));
        assert_eq!(dev.environment.hardfork, Fork::Cancun);
        assert_eq!(dev.mining.order, Order::Fifo);
        assert!(dev.quiet && dev.wallet.auto_impersonate);
        assert!(parse("anvil --no-mining --no-cors --mnemonic-random").is_ok());
    }

    #[test]
    fn block_times_may_be_parts_of_a_second() {
        assert_eq!(duration("0.25"), Ok(Duration::from_millis(250)));
        assert_eq!(duration("250ms"), Ok(Duration::from_millis(250)));
        assert_eq!(duration("3s"), Ok(Duration::from_secs(3)));
        for wrong in ["", "0", "-1", "x", "0.0001", "1e300", "NaN"] {
            assert!(duration(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn an_unknown_flag_names_the_nearest() {
        assert!(parse("anvil --chain-di 1").unwrap_err().contains("--chain-id"));
    }
}
