//! What an operator sets, and every bound of the server with its reason.

use std::{net::SocketAddr, str::FromStr, time::Duration};

/// Settings of the server. [`Settings::default`] is what a public node would use.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Where it listens. Port 0: the system picks one.
    pub address: SocketAddr,
    /// Which sets of methods answer.
    pub namespaces: Vec<Namespace>,
    /// Names by which a browser may call the server, against DNS rebinding: the `Host` header must
    /// be one of these, or an address. `*`: any.
    pub hosts: Vec<String>,
    /// Origins whose pages may call the server (CORS, and WebSocket's `Origin`). `*`: any.
    pub origins: Vec<String>,
    /// What `web3_clientVersion` answers.
    pub client_version: String,
    /// The bounds.
    pub limits: Limits,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            address: SocketAddr::from(([127, 0, 0, 1], 8545)),
            namespaces: vec![
                Namespace::Eth,
                Namespace::Net,
                Namespace::Web3,
                Namespace::Txpool,
                Namespace::Rpc,
                Namespace::Heddle,
            ],
            hosts: vec!["localhost".to_owned()],
            origins: Vec::new(),
            client_version: concat!("heddle/v", env!("CARGO_PKG_VERSION")).to_owned(),
            limits: Limits::default(),
        }
    }
}

/// The bounds of the server. Most are those of reth and geth, which clients are written against.
#[derive(Clone, Debug)]
pub struct Limits {
    /// Largest request. A batch of raw transactions is the largest honest one.
    pub request_bytes_max: u32,
    /// Largest response. A trace of a full block is the largest honest one.
    pub response_bytes_max: u32,
    /// Calls in one batch.
    pub batch_max: u32,
    /// Connections at a time: each holds a socket and its buffers.
    pub connections_max: u32,
    /// Subscriptions of one connection.
    pub subscriptions_max: u32,
    /// Messages that wait for a slow WebSocket client before its subscriptions are closed.
    pub messages_waiting_max: u32,
    /// Events that a subscription may be behind the chain.
    pub events_waiting_max: usize,
    /// How long a subscription waits for a client that does not read.
    pub send_timeout: Duration,
    /// Calls, traces and log queries in work at a time; more wait their turn.
    pub blocking_max: usize,
    /// Calls, traces and log queries that wait their turn; more are refused.
    pub blocking_waiting_max: usize,
    /// Signed transactions that wait to be taken up; more are refused, and are to be sent again.
    pub transactions_waiting_max: usize,
    /// Gas that a call, an estimate or a simulation may use.
    pub gas_max: u64,
    /// How long one call, estimate or simulation may run.
    pub call_timeout: Duration,
    /// How long tracing a block or a transaction may run.
    pub trace_timeout: Duration,
    /// Blocks that one log query may span.
    pub log_blocks_max: u64,
    /// Logs that one query may give.
    pub logs_max: usize,
    /// Blocks of one `eth_feeHistory`.
    pub fee_history_blocks_max: u64,
    /// Slots that one `eth_getStorageValues` or `eth_getProof` may name.
    pub slots_max: usize,
    /// Blocks that one `eth_simulateV1` may make, counting those that fill gaps.
    pub simulate_blocks_max: u64,
    /// Blocks that one `trace_filter` may span.
    pub trace_filter_blocks_max: u64,
    /// Filters at a time.
    pub filters_max: usize,
    /// A filter that nobody asks for so long is dropped.
    pub filter_lifetime: Duration,
    /// Longest wait of `eth_sendRawTransactionSync`, and its wait when none is asked for.
    pub sync_timeout: Duration,
    /// Largest fee, in wei, that a transaction sent over RPC may offer; 0: any.
    pub fee_max: u128,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            request_bytes_max: 15 * 1024 * 1024,
            response_bytes_max: 160 * 1024 * 1024,
            batch_max: 1000,
            connections_max: 500,
            subscriptions_max: 1024,
            messages_waiting_max: 4096,
            events_waiting_max: 1024,
            send_timeout: Duration::from_secs(10),
            blocking_max: std::thread::available_parallelism().map_or(2, usize::from).max(2),
            blocking_waiting_max: 4096,
            transactions_waiting_max: 16_384,
            gas_max: 50_000_000,
            call_timeout: Duration::from_secs(5),
            trace_timeout: Duration::from_secs(30),
            log_blocks_max: 100_000,
            logs_max: 20_000,
            fee_history_blocks_max: 1024,
            slots_max: 1024,
            simulate_blocks_max: 256,
            trace_filter_blocks_max: 100,
            filters_max: 4096,
            filter_lifetime: Duration::from_secs(5 * 60),
            sync_timeout: Duration::from_secs(30),
            fee_max: 1_000_000_000_000_000_000,
        }
    }
}

/// A set of methods that is switched on or off as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Namespace {
    /// Blocks, state, transactions, logs, subscriptions.
    Eth,
    /// The network.
    Net,
    /// The client.
    Web3,
    /// What the pool holds.
    Txpool,
    /// Raw data, and geth's tracers.
    Debug,
    /// Parity's tracers.
    Trace,
    /// What the explorer Otterscan asks for.
    Ots,
    /// What Otterscan asks of Erigon.
    Erigon,
    /// Which namespaces answer.
    Rpc,
    /// What validators agree on, and what proves it.
    Heddle,
    /// Control of a development chain: `anvil_`, `hardhat_`, `evm_` and `tenderly_`.
    Dev,
    /// Building blocks out of turn, for conformance tests.
    Testing,
}

impl Namespace {
    /// All, in the order of the documentation.
    pub const ALL: [Self; 12] = [
        Self::Eth,
        Self::Net,
        Self::Web3,
        Self::Txpool,
        Self::Debug,
        Self::Trace,
        Self::Ots,
        Self::Erigon,
        Self::Rpc,
        Self::Heddle,
        Self::Dev,
        Self::Testing,
    ];

    /// What stands before the underscore of its methods.
    pub fn name(self) -> &'static str {
        match self {
            Self::Eth => "eth",
            Self::Net => "net",
            Self::Web3 => "web3",
            Self::Txpool => "txpool",
            Self::Debug => "debug",
            Self::Trace => "trace",
            Self::Ots => "ots",
            Self::Erigon => "erigon",
            Self::Rpc => "rpc",
            Self::Heddle => "heddle",
            Self::Dev => "anvil",
            Self::Testing => "testing",
        }
    }

    /// What it is for.
    pub fn doc(self) -> &'static str {
        match self {
            Self::Eth => "Blocks, state, transactions, logs, subscriptions.",
            Self::Net => "The network.",
            Self::Web3 => "The client.",
            Self::Txpool => "What the pool holds.",
            Self::Debug => "Raw data, and geth's tracers.",
            Self::Trace => "Parity's tracers.",
            Self::Ots => "What the explorer Otterscan asks for.",
            Self::Erigon => "What Otterscan asks of Erigon.",
            Self::Rpc => "Which namespaces answer.",
            Self::Heddle => {
                "What validators agree on, and what proves it; on networks of validators."
            }
            Self::Dev => "Control of a development chain. Never on a chain that others rely on.",
            Self::Testing => "Building blocks out of turn, for conformance tests.",
        }
    }
}

/// A name that is no namespace.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no namespace; use some of eth, net, web3, txpool, debug, trace, ots, erigon, rpc, heddle, anvil, testing"
)]
pub struct UnknownNamespace(String);

impl FromStr for Namespace {
    type Err = UnknownNamespace;

    fn from_str(name: &str) -> Result<Self, Self::Err> {
        match name {
            "hardhat" | "evm" | "tenderly" | "dev" => Ok(Self::Dev),
            _ => Self::ALL
                .into_iter()
                .find(|namespace| namespace.name() == name)
                .ok_or_else(|| UnknownNamespace(name.to_owned())),
        }
    }
}
