//! The chain that a development chain was forked from, over JSON-RPC, with a cache on disk.

use alloy_consensus::BlockBody;
use alloy_primitives::{Address, B256, Bytes, KECCAK256_EMPTY, U64, U256, keccak256, map::HashMap};
use heddle_chain::{Remote, RemoteError};
use heddle_types::{AccountState, Block, RecoveredBlock, Transaction};
use parking_lot::Mutex;
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use serde_json::{Value, json};
use std::{
    fs, io,
    path::{Path, PathBuf},
    thread,
    time::Duration,
};

/// How the other node is asked.
#[derive(Clone, Debug)]
pub(crate) struct RemoteOptions {
    /// Headers of each request, by name.
    pub(crate) headers: Vec<(String, String)>,
    /// How often a request is tried again before it fails.
    pub(crate) retries: u32,
    /// Time before the second try; it doubles with each.
    pub(crate) backoff: Duration,
    /// Time that one request may take.
    pub(crate) timeout: Duration,
}

/// Where a fork begins.
#[derive(Clone, Debug)]
pub(crate) struct Origin<'a> {
    pub(crate) url: &'a str,
    /// The block; counted back from the latest if it is negative, the latest if it is left out.
    pub(crate) block: Option<i64>,
    /// The chain's id, if it is not to be asked for.
    pub(crate) chain_id: Option<u64>,
    /// A folder for what was read.
    pub(crate) cache: Option<&'a Path>,
}

/// Most accounts and slots together that are remembered; each takes about a hundred bytes. What is
/// more is asked for each time.
const CACHED_MAX: usize = 4_000_000;

/// Why the other node cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ForkError {
    /// No answer at all.
    #[error("{url} does not answer; is it running, and its address right?")]
    Transport { url: String, source: Box<ureq::Error> },
    /// An answer that says no.
    #[error("{url} answers {method} with an error: {message}")]
    Refused { url: String, method: String, message: String },
    /// An answer that is none.
    #[error("{url} answers {method} with something that cannot be read")]
    Shape { url: String, method: String, source: serde_json::Error },
    /// The block to fork from is not there.
    #[error("{url} has no block {number}")]
    NoBlock { url: String, number: u64 },
    /// The block is of a kind that is not known here.
    #[error("the block that {url} gives is of no kind that is known here")]
    Unknown { url: String },
    /// The cache on disk.
    #[error("the cache {path} cannot be used; delete it, or allow reading and writing it")]
    Cache { path: PathBuf, source: io::Error },
}

/// A block of another chain, and the state after it.
#[derive(Debug)]
pub(crate) struct Fork {
    client: Client,
    number: u64,
    cache_file: Option<PathBuf>,
    cache: Mutex<Cache>,
}

/// The block that is forked from.
#[derive(Clone, Debug)]
pub(crate) struct ForkedBlock {
    pub(crate) chain_id: u64,
    pub(crate) recovered: RecoveredBlock,
}

#[derive(Debug, Default, Serialize, Deserialize)]
struct Cache {
    accounts: HashMap<Address, Option<CachedAccount>>,
    slots: HashMap<Address, HashMap<U256, U256>>,
    codes: HashMap<B256, Bytes>,
    hashes: HashMap<u64, B256>,
    #[serde(skip)]
    entries: usize,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct CachedAccount {
    balance: U256,
    nonce: u64,
    code_hash: B256,
}

impl Fork {
    /// Forks from another chain.
    pub(crate) fn new(
        origin: &Origin<'_>,
        options: RemoteOptions,
    ) -> Result<(Self, ForkedBlock), ForkError> {
        let Origin { url, block, chain_id, cache } = *origin;
        let client = Client::new(url, options);
        let chain_id: U64 = match chain_id {
            Some(id) => U64::from(id),
            None => client.call("eth_chainId", json!([]))?,
        };
        let number = match block {
            Some(back) if back < 0 => {
                let latest: U64 = client.call("eth_blockNumber", json!([]))?;
                Some(latest.to::<u64>().saturating_sub(back.unsigned_abs()))
            }
            block => block.map(i64::unsigned_abs),
        };
        let tag = number.map_or_else(|| "latest".to_owned(), |number| format!("{number:#x}"));
        let block: Option<alloy_rpc_types_eth::Block> =
            client.call("eth_getBlockByNumber", json!([tag, true]))?;
        let missing = || ForkError::NoBlock { url: url.to_owned(), number: number.unwrap_or(0) };
        let recovered = recovered(block.ok_or_else(missing)?)
            .ok_or_else(|| ForkError::Unknown { url: url.to_owned() })?;
        let (number, hash) = (recovered.block.header.number, recovered.hash);
        let chain_id = chain_id.to::<u64>();
        let cache_file = cache.map(|folder| folder.join(format!("{chain_id}-{hash}.json")));
        let cache = cache_file.as_deref().map_or_else(|| Ok(Cache::default()), Cache::load)?;
        let fork = Self { client, number, cache_file, cache: Mutex::new(cache) };
        Ok((fork, ForkedBlock { chain_id, recovered }))
    }

    /// Writes what was read to the folder of the cache.
    pub(crate) fn save(&self) -> Result<(), ForkError> {
        let Some(path) = &self.cache_file else { return Ok(()) };
        self.cache.lock().store(path)
    }

    fn tag(&self) -> String {
        format!("{:#x}", self.number)
    }

    fn fetch_account(&self, address: Address) -> Result<Option<CachedAccount>, ForkError> {
        let at = |method: &str| json!({"method": method, "params": [address, self.tag()]});
        let [balance, nonce, code] = self.client.batch([
            at("eth_getBalance"),
            at("eth_getTransactionCount"),
            at("eth_getCode"),
        ])?;
        let shape = |method: &str| {
            let (url, method) = (self.client.url.clone(), method.to_owned());
            move |source| ForkError::Shape { url, method, source }
        };
        let balance: U256 = serde_json::from_value(balance).map_err(shape("eth_getBalance"))?;
        let nonce: U64 = serde_json::from_value(nonce).map_err(shape("eth_getTransactionCount"))?;
        let code: Bytes = serde_json::from_value(code).map_err(shape("eth_getCode"))?;
        if balance.is_zero() && nonce.is_zero() && code.is_empty() {
            return Ok(None);
        }
        let code_hash = if code.is_empty() { KECCAK256_EMPTY } else { keccak256(&code) };
        self.cache.lock().codes.insert(code_hash, code);
        Ok(Some(CachedAccount { balance, nonce: nonce.to(), code_hash }))
    }
}

/// The block that a node has told of. `None` if it holds what this program does not know.
fn recovered(block: alloy_rpc_types_eth::Block) -> Option<RecoveredBlock> {
    let hash = block.header.hash;
    let transactions = block.transactions.into_transactions();
    let (transactions, senders) = transactions
        .map(|transaction| {
            let (transaction, sender) = transaction.inner.into_parts();
            (Transaction::from(transaction), sender)
        })
        .unzip();
    let body = BlockBody { transactions, ommers: Vec::new(), withdrawals: block.withdrawals };
    let header = block.header.inner;
    // A header with fields of a fork to come, or of another kind of chain, has another hash.
    (header.hash_slow() == hash).then(|| RecoveredBlock {
        block: Block::new(header, body),
        hash,
        senders,
    })
}

impl Remote for Fork {
    fn account(&self, address: Address) -> Result<Option<AccountState>, RemoteError> {
        let known = self.cache.lock().accounts.get(&address).copied();
        let account = match known {
            Some(account) => account,
            None => {
                let account = self.fetch_account(address)?;
                let mut cache = self.cache.lock();
                if cache.has_room() {
                    cache.accounts.insert(address, account);
                }
                account
            }
        };
        Ok(account.map(|account| AccountState {
            balance: account.balance,
            nonce: account.nonce,
            code_hash: account.code_hash,
        }))
    }

    fn slot(&self, address: Address, key: U256) -> Result<U256, RemoteError> {
        let known =
            self.cache.lock().slots.get(&address).and_then(|slots| slots.get(&key)).copied();
        if let Some(value) = known {
            return Ok(value);
        }
        let params = json!([address, B256::from(key), self.tag()]);
        let value: B256 = self.client.call("eth_getStorageAt", params)?;
        let mut cache = self.cache.lock();
        if cache.has_room() {
            cache.slots.entry(address).or_default().insert(key, value.into());
        }
        Ok(value.into())
    }

    fn code(&self, code_hash: B256) -> Result<Bytes, RemoteError> {
        let code = self.cache.lock().codes.get(&code_hash).cloned();
        code.ok_or_else(|| format!("the code {code_hash} was asked for before its account").into())
    }

    fn block_hash(&self, number: u64) -> Result<B256, RemoteError> {
        if number > self.number {
            return Ok(B256::ZERO);
        }
        let known = self.cache.lock().hashes.get(&number).copied();
        if let Some(hash) = known {
            return Ok(hash);
        }
        #[derive(Deserialize)]
        struct Hashed {
            hash: B256,
        }
        let params = json!([format!("{number:#x}"), false]);
        let block: Option<Hashed> = self.client.call("eth_getBlockByNumber", params)?;
        let hash = block.map_or(B256::ZERO, |block| block.hash);
        self.cache.lock().hashes.insert(number, hash);
        Ok(hash)
    }
}

impl Cache {
    fn load(path: &Path) -> Result<Self, ForkError> {
        let failed = |source| ForkError::Cache { path: path.to_owned(), source };
        match fs::read(path) {
            Ok(bytes) => {
                let mut cache: Self =
                    serde_json::from_slice(&bytes).map_err(|error| failed(error.into()))?;
                cache.entries =
                    cache.accounts.len() + cache.slots.values().map(HashMap::len).sum::<usize>();
                Ok(cache)
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Self::default()),
            Err(error) => Err(failed(error)),
        }
    }

    /// Writes a new file and puts it in the old one's place: nobody finds half a file.
    fn store(&self, path: &Path) -> Result<(), ForkError> {
        let failed = |source| ForkError::Cache { path: path.to_owned(), source };
        if let Some(folder) = path.parent() {
            fs::create_dir_all(folder).map_err(failed)?;
        }
        let text = serde_json::to_vec(self).map_err(|error| failed(error.into()))?;
        let new = path.with_extension(format!("{}.new", std::process::id()));
        fs::write(&new, text).map_err(failed)?;
        fs::rename(&new, path).map_err(failed)
    }

    /// Counts one entry more, if there is room for it.
    fn has_room(&mut self) -> bool {
        let room = self.entries < CACHED_MAX;
        self.entries += usize::from(room);
        room
    }
}

/// Calls methods of another node.
#[derive(Debug)]
struct Client {
    url: String,
    agent: ureq::Agent,
    options: RemoteOptions,
}

#[derive(Deserialize)]
struct Answer {
    #[serde(default)]
    id: u64,
    result: Option<Value>,
    error: Option<Value>,
}

impl Client {
    fn new(url: &str, options: RemoteOptions) -> Self {
        let settings = ureq::Agent::config_builder()
            .timeout_global(Some(options.timeout))
            .http_status_as_error(true)
            .build();
        Self { url: url.to_owned(), agent: settings.into(), options }
    }

    fn call<T: DeserializeOwned>(&self, method: &str, params: Value) -> Result<T, ForkError> {
        let [value] = self.batch([json!({"method": method, "params": params})])?;
        serde_json::from_value(value).map_err(|source| ForkError::Shape {
            url: self.url.clone(),
            method: method.to_owned(),
            source,
        })
    }

    /// Several calls in one request, so that they cost one round trip.
    fn batch<const N: usize>(&self, mut calls: [Value; N]) -> Result<[Value; N], ForkError> {
        for (id, call) in calls.iter_mut().enumerate() {
            call["jsonrpc"] = json!("2.0");
            call["id"] = json!(id);
        }
        let body = match &calls[..] {
            [one] => one.clone(),
            many => Value::from(many.to_vec()),
        };
        let text = self.post(&body)?;
        let name = |id: usize| calls[id]["method"].as_str().unwrap_or_default().to_owned();
        let shape = |source| ForkError::Shape { url: self.url.clone(), method: name(0), source };
        let answers: Vec<Answer> = if N == 1 {
            vec![serde_json::from_str(&text).map_err(shape)?]
        } else {
            serde_json::from_str(&text).map_err(shape)?
        };
        let mut values = [const { Value::Null }; N];
        for answer in answers {
            let Some(id) = usize::try_from(answer.id).ok().filter(|id| *id < N) else { continue };
            if let Some(error) = answer.error {
                let message =
                    error["message"].as_str().map_or_else(|| error.to_string(), Into::into);
                let (url, method) = (self.url.clone(), name(id));
                return Err(ForkError::Refused { url, method, message });
            }
            values[id] = answer.result.unwrap_or_default();
        }
        Ok(values)
    }

    fn post(&self, body: &Value) -> Result<String, ForkError> {
        let mut wait = self.options.backoff;
        let mut tried = 0;
        loop {
            let mut request = self.agent.post(&self.url);
            for (name, value) in &self.options.headers {
                request = request.header(name, value);
            }
            let answer =
                request.send_json(body).and_then(|mut answer| answer.body_mut().read_to_string());
            match answer {
                Ok(text) => return Ok(text),
                Err(error) if tried >= self.options.retries => {
                    let (url, source) = (self.url.clone(), Box::new(error));
                    return Err(ForkError::Transport { url, source });
                }
                Err(_) => thread::sleep(wait),
            }
            tried += 1;
            wait = wait.saturating_mul(2);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_cache_is_as_it_was_after_storing_and_loading() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a/b.json");
        assert!(Cache::load(&path).unwrap().accounts.is_empty());
        let mut cache = Cache::default();
        let address = Address::repeat_byte(7);
        cache.accounts.insert(address, None);
        cache.slots.entry(address).or_default().insert(U256::ONE, U256::MAX);
        cache.codes.insert(B256::ZERO, Bytes::from_static(&[1, 2]));
        cache.hashes.insert(9, B256::repeat_byte(3));
        cache.store(&path).unwrap();
        let loaded = Cache::load(&path).unwrap();
        assert_eq!(loaded.slots, cache.slots);
        assert_eq!(loaded.codes, cache.codes);
        assert_eq!(loaded.hashes, cache.hashes);
        assert_eq!(loaded.entries, 2);
        fs::write(&path, "{").unwrap();
        assert!(matches!(Cache::load(&path), Err(ForkError::Cache { .. })));
    }
}
