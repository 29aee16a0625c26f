//! Control of a development chain: `anvil_`, `hardhat_`, `evm_` and `tenderly_`.

mod erc20;
mod info;
mod mining;
mod number;
mod state;
#[cfg(test)]
mod tests;

use crate::{
    Error, Namespace,
    args::Args,
    context::Node,
    eth::wallet,
    json::Json,
    methods::{Handler, Method},
};
use alloy_primitives::Address;
use heddle_producer::{Console, Pending, Producer};
use std::{
    sync::Arc,
    time::{SystemTime, UNIX_EPOCH},
};

/// The producer of a development chain, and what is asked of it.
#[derive(Clone, Debug)]
pub struct DevControl {
    producer: Arc<Producer>,
    /// Tells one run of the node from another.
    instance: u64,
    /// Blocks between `latest` and `safe`; `finalized` is twice as far.
    epoch: u64,
}

impl DevControl {
    /// Control of this producer.
    pub fn new(producer: Arc<Producer>) -> Self {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        let instance = since.map_or(0, |time| time.as_nanos() as u64);
        Self { producer, instance, epoch: 32 }
    }

    /// With so many blocks between `latest` and `safe`, and twice as many to `finalized`, as anvil
    /// has it. Nothing is final on a development chain: going back moves both.
    #[must_use]
    pub fn with_epoch(self, epoch: u64) -> Self {
        Self { epoch, ..self }
    }

    /// Blocks between `latest` and `safe`.
    pub(crate) fn epoch(&self) -> u64 {
        self.epoch
    }

    /// The block that would be made now.
    pub(crate) fn pending(&self) -> Result<Arc<Pending>, Error> {
        Ok(self.producer.pending()?)
    }

    /// Where what contracts log is printed.
    pub(crate) fn console(&self) -> Option<&Console> {
        self.producer.console()
    }

    /// Whether transactions of this account are taken without a signature.
    pub(crate) fn impersonates(&self, address: Address) -> bool {
        self.producer.impersonation().covers(address)
    }
}

/// The producer; these methods answer nowhere else than on a development chain.
fn producer(node: &Node) -> Result<&Arc<Producer>, Error> {
    Ok(&control(node)?.producer)
}

fn control(node: &Node) -> Result<&DevControl, Error> {
    let missing = || Error::Unsupported("this is no development chain; see heddle dev".to_owned());
    node.context.dev.as_ref().ok_or_else(missing)
}

impl From<heddle_producer::Error> for Error {
    fn from(error: heddle_producer::Error) -> Self {
        match error {
            heddle_producer::Error::Chain(error) => error.into(),
            heddle_producer::Error::State(error) => error.into(),
            heddle_producer::Error::Pool(error) => error.into(),
            error => Self::Parameters(error.to_string()),
        }
    }
}

type Run = fn(&Node, &Args<'_>) -> Result<Json, Error>;

const fn method(
    name: &'static str,
    aliases: &'static [&'static str],
    parameters: &'static str,
    doc: &'static str,
    run: Run,
) -> Method {
    // All may have to wait for a block that is being made.
    Method::new((name, Namespace::Dev), parameters, doc, Handler::Blocking(run))
        .with_aliases(aliases)
}

/// The methods.
#[rustfmt::skip]
pub(crate) const METHODS: &[Method] = &[
    // The state.
    method("anvil_setBalance", &["hardhat_setBalance", "tenderly_setBalance"], "address or addresses, wei", "Sets a balance.", state::set_balance),
    method("anvil_addBalance", &["hardhat_addBalance", "tenderly_addBalance"], "address or addresses, wei", "Adds to a balance.", state::add_balance),
    method("anvil_setCode", &["hardhat_setCode"], "address, code", "Sets a code.", state::set_code),
    method("anvil_setNonce", &["hardhat_setNonce", "evm_setAccountNonce"], "address, nonce", "Sets a nonce.", state::set_nonce),
    method("anvil_setStorageAt", &["hardhat_setStorageAt"], "address, slot, value", "Sets a slot.", state::set_storage),
    method("anvil_dealERC20", &["hardhat_dealERC20", "anvil_setERC20Balance", "tenderly_setErc20Balance"], "account, token, amount", "Sets a balance of an ERC-20 token.", erc20::deal),
    method("anvil_setERC20Allowance", &["hardhat_setERC20Allowance"], "owner, spender, token, amount", "Sets an allowance of an ERC-20 token.", erc20::allow),
    method("anvil_dumpState", &["hardhat_dumpState"], "[earlier states, too]", "The chain and the state after the last block: anvil's JSON, compressed.", state::dump),
    method("anvil_loadState", &["hardhat_loadState"], "dump", "Goes on from a dump; where there are blocks already, only adds its accounts to the state.", state::load),
    // Senders.
    method("anvil_impersonateAccount", &["hardhat_impersonateAccount"], "address", "Takes transactions of an account without a signature.", state::impersonate),
    method("anvil_stopImpersonatingAccount", &["hardhat_stopImpersonatingAccount"], "address", "Takes them no more.", state::stop_impersonating),
    method("anvil_autoImpersonateAccount", &["hardhat_autoImpersonateAccount"], "yes or no", "Takes transactions of all accounts without a signature.", state::auto_impersonate),
    // Mining.
    method("evm_mine", &[], "[time, or {timestamp, blocks}]", "Makes a block.", mining::evm_mine),
    method("anvil_mine", &["hardhat_mine"], "[blocks], [seconds between them]", "Makes blocks.", mining::mine),
    method("anvil_mine_detailed", &["evm_mine_detailed"], "[time, or {timestamp, blocks}]", "Makes blocks, and gives them.", mining::mine_detailed),
    method("anvil_getAutomine", &["hardhat_getAutomine"], "", "Whether each transaction gets a block.", mining::automine),
    method("anvil_setAutomine", &["evm_setAutomine"], "yes or no", "Has each transaction get a block, or not.", mining::set_automine),
    method("anvil_getIntervalMining", &[], "", "Seconds between blocks, or null.", mining::interval),
    method("anvil_setIntervalMining", &[], "seconds", "Makes a block every so often; 0: no more.", mining::set_interval),
    method("evm_setIntervalMining", &[], "milliseconds", "Makes a block every so often; 0: no more.", mining::set_interval_ms),
    method("anvil_dropTransaction", &["hardhat_dropTransaction"], "hash", "Takes a transaction out of the pool.", mining::drop_transaction),
    method("anvil_dropAllTransactions", &["hardhat_dropAllTransactions"], "", "Empties the pool.", mining::drop_all),
    method("anvil_removePoolTransactions", &[], "address", "Takes an account's transactions out of the pool.", mining::drop_sender),
    // The next blocks.
    method("evm_increaseTime", &["anvil_increaseTime"], "seconds", "Moves the clock, and gives by how much it is ahead.", mining::increase_time),
    method("evm_setTime", &["anvil_setTime"], "time", "Sets the clock, in seconds.", mining::set_time),
    method("evm_setNextBlockTimestamp", &["anvil_setNextBlockTimestamp"], "time", "Sets the time of the next block, in seconds.", mining::set_next_timestamp),
    method("anvil_setBlockTimestampInterval", &[], "seconds", "Sets the time from each block to the next.", mining::set_timestamp_interval),
    method("anvil_removeBlockTimestampInterval", &[], "", "Has blocks follow the clock again.", mining::remove_timestamp_interval),
    method("evm_setBlockGasLimit", &["anvil_setBlockGasLimit"], "gas", "Sets the gas limit of blocks.", mining::set_gas_limit),
    method("anvil_setNextBlockBaseFeePerGas", &["hardhat_setNextBlockBaseFeePerGas"], "wei", "Sets the base fee of the next block.", mining::set_base_fee),
    method("hardhat_setPrevRandao", &["anvil_setNextBlockPrevRandao"], "32 bytes", "Sets the randomness of the next block.", mining::set_prevrandao),
    method("anvil_setCoinbase", &["hardhat_setCoinbase"], "address", "Sets who gets the fees.", mining::set_coinbase),
    // Going back.
    method("evm_snapshot", &["anvil_snapshot"], "", "Remembers the chain as it is.", mining::snapshot),
    method("evm_revert", &["anvil_revert"], "snapshot", "Goes back to a snapshot.", mining::revert),
    method("anvil_rollback", &[], "[blocks]", "Undoes blocks: one, if nothing is said.", mining::rollback),
    method("anvil_reorg", &[], "blocks, transactions with the block of each", "Puts other blocks in the place of the last ones.", mining::reorganise),
    method("anvil_reset", &["hardhat_reset"], "", "Goes back to the first block.", mining::reset),
    // Keys.
    method("personal_sign", &[], "message, address", "Signs a message with a key of the node: `eth_sign` with its arguments the other way round.", wallet::personal_sign),
    // What this is.
    method("anvil_nodeInfo", &[], "", "The settings of the chain.", info::node_info),
    method("anvil_metadata", &["hardhat_metadata"], "", "The client and the chain.", info::metadata),
    method("anvil_getGenesisTime", &[], "", "The time of the first block, in seconds.", info::genesis_time),
    method("anvil_getBlobByHash", &[], "versioned hash", "A blob of a transaction that was sent to this node.", info::blob),
    method("hardhat_setLoggingEnabled", &["anvil_setLoggingEnabled"], "yes or no", "Has what contracts log printed, or not.", info::set_logging),
];
