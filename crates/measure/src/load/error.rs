//! Why a load cannot be put on a node.

use std::{io, path::PathBuf};

/// Why a load cannot be put on a node, or not be judged. Each message says what to do.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// The address of the node is not of the form that is understood.
    #[error("{0:?} is no address of a node; write it like http://127.0.0.1:8545")]
    Url(String),
    /// The node cannot be reached.
    #[error("cannot reach {address}; is a node running there?")]
    Connect {
        /// Where it should be.
        address: String,
        /// The system's reason.
        source: io::Error,
    },
    /// The connection broke.
    #[error("the connection to the node broke")]
    Broken(#[source] io::Error),
    /// The node answers something else than HTTP with a body of known length.
    #[error("the node answers what is not understood: {0}")]
    Http(String),
    /// The node answers with an error where it must not.
    #[error("the node refuses {method}: {message}")]
    Refused {
        /// What was called.
        method: &'static str,
        /// The node's words.
        message: String,
    },
    /// An answer has another form than Ethereum's JSON-RPC says.
    #[error("the answer to {method} is not of the form that Ethereum's JSON-RPC has: {answer}")]
    Form {
        /// What was called.
        method: &'static str,
        /// The answer, or its beginning.
        answer: String,
    },
    /// A secret key is none.
    #[error("{0:?} is no secret key; give 32 bytes in hexadecimal")]
    Key(String),
    /// A phrase gives no accounts.
    #[error("the phrase gives no accounts")]
    Mnemonic(#[from] alloy_signer_local::LocalSignerError),
    /// Nobody can pay.
    #[error(
        "none of the {accounts} funded accounts owns anything on this chain; give another --key or \
         --mnemonic"
    )]
    NoFunds {
        /// How many there are.
        accounts: usize,
    },
    /// The funded accounts own less than the transactions may cost.
    #[error(
        "the funded accounts own {owned:.3} ether, and the transactions may cost {needed:.3}; send \
         fewer --transactions, or fund the accounts"
    )]
    TooPoor {
        /// What they own, in ether.
        owned: f64,
        /// What they need, in ether.
        needed: f64,
    },
    /// Something that must be there before the clock starts does not succeed.
    #[error("the preparation fails: {0}")]
    Preparation(String),
    /// What was signed for one chain does not fit another.
    #[error("what was signed before does not fit this chain: {0}")]
    OtherChain(&'static str),
    /// The explorer does not answer as it should.
    #[error("the explorer does not answer as it should: {0}")]
    Explorer(String),
    /// No program for a development chain of Foundry's is there.
    #[error(
        "there is no anvil: neither on the PATH nor in e2e/node_modules; get it by \
         `npm ci --ignore-scripts` in the folder e2e, by `npm install @foundry-rs/anvil@1.7.1` or \
         from https://getfoundry.sh, or name it with --anvil PATH"
    )]
    NoAnvil,
    /// A node that is to be compared does not start.
    #[error("{program} does not start: {reason}")]
    Start {
        /// Which program.
        program: String,
        /// Why.
        reason: String,
    },
    /// The page cannot be written.
    #[error("cannot write {}", path.display())]
    Page {
        /// Where to.
        path: PathBuf,
        /// The system's reason.
        source: io::Error,
    },
    /// A thread cannot be started, or the results not be written.
    #[error("cannot write the results")]
    Output(#[from] io::Error),
}
