//! Flags that anvil has and that change nothing here, or cannot: what was written for anvil starts,
//! or says why it does not. `docs/anvil-flags.md` tells of all.

use clap::Args;

/// Flags that anvil has and that change nothing here, or cannot.
#[derive(Debug, Args)]
#[command(next_help_heading = "Of anvil, without effect here")]
pub(super) struct AnvilFlags {
    /// Steps can always be traced.
    #[arg(long, visible_alias = "tracing")]
    steps_tracing: bool,
    /// The limit of EIP-7825 holds from Osaka on.
    #[arg(long, visible_alias = "tx-gas-limit")]
    enable_tx_gas_limit: bool,
    /// All blocks keep their transactions.
    #[arg(long, value_name = "NUM")]
    transaction_block_keeper: Option<u64>,
    /// All states are on the disk; --keep-states bounds them.
    #[arg(long, value_name = "NUM")]
    max_persisted_states: Option<u64>,
    /// A call may use 128 MiB; what a block may use, its gas bounds.
    #[arg(long, value_name = "BYTES")]
    memory_limit: Option<u64>,
    /// Requests are made one after the other, and again when they are refused.
    #[arg(long, value_name = "CUPS")]
    compute_units_per_second: Option<u64>,
    /// No rate is kept to.
    #[arg(long, visible_alias = "no-rpc-rate-limit")]
    no_rate_limit: bool,
    /// Logs are text, or JSON with --json.
    #[arg(long)]
    md: bool,
    /// Not there: see debug_traceTransaction, or `cast run`.
    #[arg(long, visible_alias = "enable-trace-printing")]
    print_traces: bool,
    /// Not there: a sender must have what it spends; see anvil_setBalance.
    #[arg(long)]
    disable_pool_balance_checks: bool,

    #[arg(long, visible_alias = "ipcpath", num_args = 0..=1, default_missing_value = "",
        value_parser = no_ipc, hide = true)]
    ipc: Option<String>,
    #[arg(long, num_args = 0..=1, default_missing_value = "", value_parser = no_network,
        hide = true)]
    celo: Option<String>,
    #[arg(long, num_args = 0..=1, default_missing_value = "", value_parser = no_network,
        hide = true)]
    optimism: Option<String>,
    #[arg(short, long, value_parser = network, hide = true)]
    network: Option<String>,
    #[arg(long, value_parser = no_fork_transaction, hide = true)]
    fork_transaction_hash: Option<String>,
}

impl AnvilFlags {
    /// What was asked for and is not done, in words.
    pub(super) fn warnings(&self) -> Vec<&'static str> {
        let asked = [
            (
                self.print_traces,
                "--print-traces prints nothing here; see debug_traceTransaction, or `cast run`",
            ),
            (
                self.disable_pool_balance_checks,
                "--disable-pool-balance-checks changes nothing here: a sender must have what it \
                 spends; see anvil_setBalance",
            ),
        ];
        asked.into_iter().filter(|(is_asked, _)| *is_asked).map(|(_, words)| words).collect()
    }
}

fn no_ipc(_: &str) -> Result<String, String> {
    Err("there is no IPC here; use HTTP or WebSocket on --port".to_owned())
}

fn no_network(_: &str) -> Result<String, String> {
    Err("the rules of other networks than Ethereum are not here; use anvil for them".to_owned())
}

fn network(name: &str) -> Result<String, String> {
    if name == "ethereum" { Ok(name.to_owned()) } else { no_network(name) }
}

fn no_fork_transaction(_: &str) -> Result<String, String> {
    Err("a fork begins after a whole block here; give the block with --fork-block-number"
        .to_owned())
}

#[cfg(test)]
mod tests {
    use crate::dev::Dev;
    use clap::Parser;

    #[derive(Debug, Parser)]
    struct Command {
        #[command(flatten)]
        dev: Dev,
    }

    const TABLE: &str = include_str!("../../../../docs/anvil-flags.md");

    /// Those of anvil 1.7.1, from its help.
    const FLAGS: &str = "accounts block-time balance config-out derivation-path dump-state \
        hardfork init ipc threads load-state mnemonic max-persisted-states max-transactions \
        mixed-mining mnemonic-random mnemonic-seed-unsafe no-mining number order port \
        preserve-historical-states prune-history state-interval slots-in-an-epoch state timestamp \
        transaction-block-keeper color json md quiet verbosity allow-origin cache-path host \
        no-cors no-request-size-limit compute-units-per-second fork-url fork-block-number \
        fork-chain-id fork-header fork-retry-backoff fork-transaction-hash no-rate-limit \
        no-storage-caching retries timeout block-base-fee-per-gas chain-id code-size-limit \
        disable-block-gas-limit disable-code-size-limit disable-min-priority-fee \
        enable-tx-gas-limit gas-limit gas-price auto-impersonate disable-console-log \
        disable-default-create2-deployer disable-pool-balance-checks memory-limit print-traces \
        steps-tracing celo network";

    /// The flags of the table, each with what is said of it.
    fn rows() -> Vec<(&'static str, &'static str)> {
        let rows = TABLE.lines().filter_map(|line| {
            let (flag, rest) = line.strip_prefix("| `")?.split_once("` |")?;
            Some((flag, rest.trim()))
        });
        rows.collect()
    }

    #[test]
    fn the_table_names_every_flag_of_anvil() {
        let rows = rows();
        for flag in FLAGS.split_whitespace() {
            let named = format!("--{flag}");
            let there = |row: &str| row.split(' ').any(|word| word == named);
            assert!(rows.iter().any(|(row, _)| there(row)), "{named} is not in the table");
        }
    }

    #[test]
    fn each_flag_of_the_table_is_taken_or_refused_as_it_says() {
        for (flag, what) in rows() {
            let line = format!("dev {flag}");
            let parsed = Command::try_parse_from(line.split(' '));
            match parsed {
                Ok(_) => assert!(!what.starts_with("refused"), "{flag} is taken"),
                Err(error) => {
                    let error = error.to_string();
                    assert!(what.starts_with("refused"), "{flag}: {error}");
                    assert!(error.contains("invalid value"), "{flag}: {error}");
                }
            }
        }
    }

    #[test]
    fn says_what_is_asked_for_and_not_done() {
        let dev = |line: &str| Command::try_parse_from(line.split(' ')).unwrap().dev;
        assert_eq!(dev("dev --print-traces").anvil.warnings().len(), 1);
        assert!(dev("dev --steps-tracing --md --no-rate-limit").anvil.warnings().is_empty());
    }
}
