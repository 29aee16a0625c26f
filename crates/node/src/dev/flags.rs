//! The flags of `heddle dev`. Those that anvil has are called and mean the same.

use super::{
    accounts::{ACCOUNTS_MAX, DEFAULT_MNEMONIC, DEFAULT_PATH},
    anvil_flags::AnvilFlags,
    genesis::fork_by_name,
    remote::RemoteOptions,
};
use crate::explorer::ExplorerFlags;
use alloy_primitives::{Address, U256};
use clap::{Args, ValueEnum};
use heddle_client::logging;
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
  heddle dev --venue                        with contracts of an exchange, of lending, and more
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
    /// Takes requests of any size.
    #[arg(long, help_heading = "Server")]
    pub(super) no_request_size_limit: bool,

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
    #[command(flatten)]
    pub(super) explorer: ExplorerFlags,
    /// Starts no explorer.
    #[arg(long, help_heading = "Explorer")]
    pub(super) no_explorer: bool,
    #[command(flatten)]
    pub(super) anvil: AnvilFlags,

    /// Prints nothing but errors.
    #[arg(short, long, visible_alias = "silent", help_heading = "Display")]
    pub(super) quiet: bool,
    /// Does not print what contracts log by console.log.
    #[arg(long, visible_alias = "no-console-log", help_heading = "Display")]
    pub(super) disable_console_log: bool,
    /// Logs one JSON object a line.
    #[arg(long, help_heading = "Display")]
    pub(super) json: bool,
    /// Whether logs are in color.
    #[arg(long, value_name = "WHEN", default_value = "auto", help_heading = "Display")]
    pub(super) color: logging::Color,
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
    /// Lets blocks hold as much gas as there is a number for.
    #[arg(long, conflicts_with = "gas_limit")]
    pub(super) disable_block_gas_limit: bool,
    /// Bytes that a contract's code may have (default: 24576, by EIP-170).
    #[arg(long, value_name = "BYTES", value_parser = code_size)]
    pub(super) code_size_limit: Option<usize>,
    /// Lets a contract's code be of any size.
    #[arg(long, conflicts_with = "code_size_limit")]
    pub(super) disable_code_size_limit: bool,
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
    /// Leaves out the CREATE2 deployer only.
    #[arg(long, visible_alias = "no-create2")]
    pub(super) disable_default_create2_deployer: bool,
    /// Puts a DeFi venue on the chain: tokens, exchange, oracle, lending, staking, governance,
    /// insurance; `heddle venue addresses` says where.
    #[arg(long, conflicts_with = "fork_url")]
    pub(super) venue: bool,
    /// Threads that execute; 0 for as many as there are processors.
    #[arg(short = 'j', long, visible_alias = "jobs", value_name = "NUM", default_value_t = 0)]
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
    #[arg(long, visible_alias = "prune-history", value_name = "NUM", num_args = 0..=1,
        default_missing_value = "0")]
    pub(super) keep_states: Option<u64>,
    /// Folder for the database of a chain that is not kept (default: that of temporary files).
    #[arg(long, value_name = "DIR")]
    pub(super) cache_path: Option<PathBuf>,
    /// Loads blocks and state from a file (anvil's format) before starting.
    #[arg(long, value_name = "FILE")]
    pub(super) load_state: Option<PathBuf>,
    /// Writes blocks and state to a file (anvil's format) when stopped.
    #[arg(long, value_name = "FILE")]
    pub(super) dump_state: Option<PathBuf>,
    /// Dumps have the states of all kept blocks, and not the last one's alone.
    #[arg(long)]
    pub(super) preserve_historical_states: bool,
    /// Both: loads from a file if it is there, and writes to it when stopped.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["load_state", "dump_state", "init"])]
    pub(super) state: Option<PathBuf>,
    /// Writes the state not only when stopped but every so many seconds.
    #[arg(short, long, value_name = "SECONDS", value_parser = clap::value_parser!(u64).range(1..))]
    pub(super) state_interval: Option<u64>,
}

/// Continuing from another chain.
#[derive(Debug, Args)]
#[command(next_help_heading = "Fork")]
pub(super) struct Forking {
    /// Takes what is not changed here from another node; with @NUM after it, as of that block.
    #[arg(short, long, visible_alias = "rpc-url", value_name = "URL")]
    pub(super) fork_url: Option<String>,
    /// As of this block of the other chain (default: its latest); -NUM counts from its latest.
    #[arg(long, value_name = "NUM", requires = "fork_url", allow_negative_numbers = true)]
    pub(super) fork_block_number: Option<i64>,
    /// Chain id, instead of asking the other node for its own.
    #[arg(long, value_name = "ID", requires = "fork_url")]
    pub(super) fork_chain_id: Option<u64>,
    /// A header of each request, as "Authorization: Bearer TOKEN"; may be given more than once.
    #[arg(long = "fork-header", value_name = "HEADER", requires = "fork_url", value_parser = header)]
    pub(super) fork_headers: Vec<(String, String)>,
    /// Milliseconds before a request is tried again; it doubles with each try.
    #[arg(long, value_name = "MS", default_value_t = 250)]
    pub(super) fork_retry_backoff: u64,
    /// How often a request is tried again.
    #[arg(long, value_name = "NUM", default_value_t = 5)]
    pub(super) retries: u32,
    /// Milliseconds that a request may take.
    #[arg(long, value_name = "MS", default_value_t = 45_000)]
    pub(super) timeout: u64,
    /// Keeps nothing of the other chain for the next start.
    #[arg(long)]
    pub(super) no_storage_caching: bool,
}

impl Forking {
    /// The node to fork from, and the block if one is named.
    pub(super) fn origin(&self) -> Option<(&str, Option<i64>)> {
        let url = self.fork_url.as_deref()?;
        let named = url.rsplit_once('@').and_then(|(url, block)| Some((url, block.parse().ok()?)));
        let (url, block) = named.map_or((url, None), |(url, block)| (url, Some(block)));
        Some((url, self.fork_block_number.or(block)))
    }

    /// How the other node is asked.
    pub(super) fn options(&self) -> RemoteOptions {
        RemoteOptions {
            headers: self.fork_headers.clone(),
            retries: self.retries,
            backoff: Duration::from_millis(self.fork_retry_backoff),
            timeout: Duration::from_millis(self.timeout),
        }
    }
}

impl Environment {
    /// Gas that a block may hold, if it is not the default. The most is geth's: what fits a signed
    /// number of 64 bits.
    pub(super) fn block_gas_limit(&self) -> Option<u64> {
        if self.disable_block_gas_limit { Some(i64::MAX.unsigned_abs()) } else { self.gas_limit }
    }

    /// Bytes that a contract's code may have, if it is not the fork's rule.
    pub(super) fn code_size_max(&self) -> Option<usize> {
        if self.disable_code_size_limit { Some(CODE_SIZE_MAX) } else { self.code_size_limit }
    }
}

/// More than the largest transaction can carry.
const CODE_SIZE_MAX: usize = 1 << 30;

fn code_size(text: &str) -> Result<usize, String> {
    let size = match text.strip_prefix("0x") {
        Some(digits) => usize::from_str_radix(digits, 16),
        None => text.parse(),
    };
    size.ok().filter(|size| *size <= CODE_SIZE_MAX).ok_or_else(|| {
        format!("give a number of bytes, as 49152 or 0xc000, of at most {CODE_SIZE_MAX}")
    })
}

fn header(text: &str) -> Result<(String, String), String> {
    let (name, value) = text.split_once(':').ok_or("give a name, a colon and a value")?;
    Ok((name.trim().to_owned(), value.trim().to_owned()))
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
    fn the_venue_is_not_put_on_another_chain_s_state() {
        assert!(parse("anvil --venue --no-mining").unwrap().environment.venue);
        assert!(parse("anvil --venue --fork-url http://x").unwrap_err().contains("--fork-url"));
    }

    #[test]
    fn an_unknown_flag_names_the_nearest() {
        assert!(parse("anvil --chain-di 1").unwrap_err().contains("--chain-id"));
    }
}
