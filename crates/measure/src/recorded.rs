//! Recorded blocks: what was executed on a real chain, with the part of the state it met.
//!
//! A folder of recorded blocks holds one folder for each block, named by its number, with
//! `block.json` (header and full transactions, as `eth_getBlockByNumber` gives them) and
//! `pre_state.json` (address to balance, nonce, storage and `code_hash`). Beside them are
//! `codes.json` (hash to code) and `block_hashes.json` (number to hash, for `BLOCKHASH`).
//!
//! Limits of such a recording: the state is the part that the block touches, so no state root can
//! be computed; uncle headers are absent, so the reward of an uncle's miner is not paid (no receipt
//! depends on it); an account that no transaction touches, such as the EIP-4788 contract, may be
//! absent, and the system call then meets an account without code.

mod json;

use crate::Error;
use alloy_eips::eip7840::BlobParams;
use alloy_primitives::{B256, Bloom, Bytes, KECCAK256_EMPTY, U256, keccak256, map::HashMap};
use heddle_executor::{
    Block, MemoryAccount, MemoryState,
    revm::{
        bytecode::Bytecode,
        context::{BlockEnv, TxEnv},
        context_interface::block::BlobExcessGasAndPrice,
    },
};
use heddle_types::{Fork, ForkSchedule, Withdrawal};
use json::{
    AccountJson, BlockHashesJson, BlockJson, CodesJson, Hex, PreStateJson, TransactionJson,
};
use serde::de::DeserializeOwned;
use std::{
    fs,
    path::{Path, PathBuf},
};

/// Ethereum mainnet's chain id.
const CHAIN_ID: u64 = 1;

/// How many blocks back `BLOCKHASH` sees.
const BLOCK_HASHES_VISIBLE: u64 = 256;

/// First second of the forks that changed mainnet's blob parameters alone (EIP-7892).
const BPO1_TIME: u64 = 1_765_290_071;
const BPO2_TIME: u64 = 1_767_747_671;

/// A recorded block of Ethereum mainnet.
#[derive(Clone, Debug)]
pub struct RecordedBlock {
    /// Height.
    pub number: u64,
    /// The rules active at its height and time.
    pub fork: Fork,
    /// What contracts see of the block.
    pub env: BlockEnv,
    /// Hash of the parent.
    pub parent_hash: B256,
    /// Beacon root for the EIP-4788 system call, from Cancun on.
    pub parent_beacon_block_root: Option<B256>,
    /// The transactions, in order.
    pub transactions: Vec<TxEnv>,
    /// Payments to validators, from Shanghai on.
    pub withdrawals: Vec<Withdrawal>,
    /// The state before the block, as far as the block touches it.
    pub state: MemoryState,
    /// What the header says of the outcome.
    pub outcome: RecordedOutcome,
    /// How many uncles the block has. Their headers, hence their rewards, are not recorded.
    pub uncles: usize,
}

/// What a block's header says of its execution.
#[derive(Clone, Debug)]
pub struct RecordedOutcome {
    /// Gas used by all transactions.
    pub gas_used: u64,
    /// Root of the receipts' trie. Before Byzantium it depends on intermediate state roots.
    pub receipts_root: B256,
    /// Bloom filter over all logs.
    pub logs_bloom: Bloom,
    /// Blob gas used by all transactions, from Cancun on.
    pub blob_gas_used: Option<u64>,
}

impl RecordedBlock {
    /// The block as the executor takes it: with all that the protocol does, and in error when a
    /// transaction is invalid.
    pub fn block(&self) -> Block<'_> {
        Block {
            parent_hash: Some(self.parent_hash),
            parent_beacon_block_root: self.parent_beacon_block_root,
            withdrawals: &self.withdrawals,
            protocol_operations: true,
            blob_gas_limit: blob_parameters(self.fork, self.env.timestamp.saturating_to())
                .max_blob_gas_per_block(),
            ..Block::new(self.fork, CHAIN_ID, self.env.clone(), &self.transactions)
        }
    }
}

/// Loads all blocks of a folder, by ascending number.
///
/// # Errors
///
/// Names the folder, file, account or transaction that is missing or malformed.
pub fn load_folder(folder: impl AsRef<Path>) -> Result<Vec<RecordedBlock>, Error> {
    let folder = folder.as_ref();
    let numbers = block_numbers(folder)?;
    let mut codes = Codes::load(folder.join("codes.json"))?;
    let hashes: BlockHashesJson = read_json(&folder.join("block_hashes.json"))?;
    let load = |number: u64| {
        let folder = folder.join(number.to_string());
        let mut block = load_block(&folder.join("block.json"))?;
        block.state = load_state(&folder.join("pre_state.json"), &mut codes)?;
        let visible = number.saturating_sub(BLOCK_HASHES_VISIBLE)..number;
        block.state.block_hashes = visible
            .filter_map(|earlier| hashes.get(&earlier).map(|hash| (earlier, hash.0)))
            .collect();
        Ok(block)
    };
    numbers.into_iter().map(load).collect()
}

/// The numbers of the blocks in `folder`, ascending; at least one.
fn block_numbers(folder: &Path) -> Result<Vec<u64>, Error> {
    let cannot_open = |source| Error::Folder { path: folder.to_owned(), source };
    let mut numbers = Vec::new();
    for entry in fs::read_dir(folder).map_err(cannot_open)? {
        let entry = entry.map_err(cannot_open)?;
        let number = entry.file_name().to_str().and_then(|name| name.parse().ok());
        if let Some(number) = number.filter(|_| entry.path().is_dir()) {
            numbers.push(number);
        }
    }
    if numbers.is_empty() {
        return Err(Error::NoBlocks { path: folder.to_owned() });
    }
    numbers.sort_unstable();
    Ok(numbers)
}

fn read_json<T: DeserializeOwned>(path: &Path) -> Result<T, Error> {
    let text = fs::read(path).map_err(|source| Error::Read { path: path.to_owned(), source })?;
    serde_json::from_slice(&text).map_err(|source| Error::Json { path: path.to_owned(), source })
}

/// Loads `block.json`, without the state.
fn load_block(path: &Path) -> Result<RecordedBlock, Error> {
    let json: BlockJson = read_json(path)?;
    let incomplete = |what: String| Error::Incomplete { path: path.to_owned(), what };
    let number = json.number.0.to();
    let fork = ForkSchedule::mainnet().fork_at(number, json.timestamp.0.to());
    let env = block_env(&json, fork).map_err(|what| incomplete(what.to_owned()))?;
    let transaction = |(index, json): (usize, TransactionJson)| {
        json.into_tx_env().map_err(|what| incomplete(format!("transaction {index} {what}")))
    };
    Ok(RecordedBlock {
        number,
        fork,
        env,
        parent_hash: json.parent_hash.0,
        parent_beacon_block_root: json.parent_beacon_block_root.map(|root| root.0),
        withdrawals: json
            .withdrawals
            .unwrap_or_default()
            .into_iter()
            .map(|withdrawal| withdrawal.into_withdrawal())
            .collect(),
        state: MemoryState::default(),
        outcome: RecordedOutcome {
            gas_used: json.gas_used.0.to(),
            receipts_root: json.receipts_root.0,
            logs_bloom: json.logs_bloom.0,
            blob_gas_used: json.blob_gas_used.map(|gas| gas.0.to()),
        },
        uncles: json.uncles.len(),
        transactions: json
            .transactions
            .into_iter()
            .enumerate()
            .map(transaction)
            .collect::<Result<_, _>>()?,
    })
}

/// What contracts see of the block, or what the header lacks for its fork.
fn block_env(json: &BlockJson, fork: Fork) -> Result<BlockEnv, &'static str> {
    let basefee = match json.base_fee_per_gas {
        Some(fee) => fee.0.to(),
        None if fork >= Fork::London => return Err("the block lacks baseFeePerGas"),
        None => 0,
    };
    let timestamp: u64 = json.timestamp.0.to();
    let blob_excess_gas_and_price = if fork >= Fork::Cancun {
        let excess = json.excess_blob_gas.ok_or("the block lacks excessBlobGas")?;
        let fraction = blob_update_fraction(fork, timestamp);
        Some(BlobExcessGasAndPrice::new(excess.0.to(), fraction))
    } else {
        None
    };
    Ok(BlockEnv {
        number: U256::from(json.number.0.to::<u64>()),
        beneficiary: json.miner.0,
        timestamp: U256::from(timestamp),
        gas_limit: json.gas_limit.0.to(),
        basefee,
        difficulty: json.difficulty.0,
        // The field of the header means the beacon's randomness from the merge on (EIP-4399).
        prevrandao: (fork >= Fork::Merge).then_some(json.mix_hash.0),
        blob_excess_gas_and_price,
        slot_num: 0,
    })
}

/// How slowly the price of blobs follows their use (EIP-4844).
fn blob_update_fraction(fork: Fork, timestamp: u64) -> u64 {
    let fraction = blob_parameters(fork, timestamp).update_fraction;
    u64::try_from(fraction).expect("a constant of about 2^23")
}

/// The blob parameters of mainnet at a time.
fn blob_parameters(fork: Fork, timestamp: u64) -> BlobParams {
    match fork {
        _ if timestamp >= BPO2_TIME => BlobParams::bpo2(),
        _ if timestamp >= BPO1_TIME => BlobParams::bpo1(),
        Fork::Prague | Fork::Osaka | Fork::Amsterdam => BlobParams::prague(),
        _ => BlobParams::cancun(),
    }
}

/// Loads `pre_state.json`, without block hashes.
fn load_state(path: &Path, codes: &mut Codes) -> Result<MemoryState, Error> {
    let json: PreStateJson = read_json(path)?;
    let mut state = MemoryState::default();
    for (Hex(address), account) in json {
        let account = memory_account(account);
        if account.code_hash != KECCAK256_EMPTY {
            let missing =
                || Error::MissingCode { path: path.to_owned(), address, hash: account.code_hash };
            let code = codes.analysed(account.code_hash)?.ok_or_else(missing)?;
            state.codes.insert(account.code_hash, code);
        }
        state.accounts.insert(address, account);
    }
    Ok(state)
}

fn memory_account(json: AccountJson) -> MemoryAccount {
    MemoryAccount {
        balance: json.balance.0,
        nonce: json.nonce.0.to(),
        code_hash: json.code_hash.map_or(KECCAK256_EMPTY, |hash| hash.0),
        // Recordings also name slots that the block read as zero.
        storage: json
            .storage
            .into_iter()
            .filter(|(_, value)| !value.0.is_zero())
            .map(|(key, value)| (key.0, value.0))
            .collect(),
    }
}

/// `codes.json`. Codes are analysed when a block needs them, and once.
struct Codes {
    path: PathBuf,
    raw: HashMap<B256, Bytes>,
    analysed: HashMap<B256, Bytecode>,
}

impl Codes {
    /// Loads the file and checks every code against its hash.
    fn load(path: PathBuf) -> Result<Self, Error> {
        let json: CodesJson = read_json(&path)?;
        let mut raw = HashMap::default();
        for (Hex(named), Hex(code)) in json {
            let actual = keccak256(&code);
            if actual != named {
                return Err(Error::CodeHash { path, named, actual });
            }
            raw.insert(named, code);
        }
        Ok(Self { path, raw, analysed: HashMap::default() })
    }

    /// The code ready to run; `None` when the file lacks it.
    fn analysed(&mut self, hash: B256) -> Result<Option<Bytecode>, Error> {
        if let Some(code) = self.analysed.get(&hash) {
            return Ok(Some(code.clone()));
        }
        let Some(raw) = self.raw.get(&hash) else { return Ok(None) };
        let code = Bytecode::new_raw_checked(raw.clone()).map_err(|error| Error::Code {
            path: self.path.clone(),
            hash,
            reason: error.to_string(),
        })?;
        self.analysed.insert(hash, code.clone());
        Ok(Some(code))
    }
}

#[cfg(test)]
mod tests;
