//! A chain on which random things happen.

use alloy_consensus::{SignableTransaction, TxEip1559};
use alloy_primitives::{Address, B256, Bytes, TxKind, U256, hex, keccak256};
use alloy_signer::SignerSync;
use alloy_signer_local::PrivateKeySigner;
use heddle_chain::{Chain, add_system_contracts, config_with_forks};
use heddle_pool::{Candidate, Context, Origin, Pool, PooledTransaction};
use heddle_producer::{Mining, Producer, Settings, sender_state};
use heddle_rpc::{Caller, Namespace, Signers};
use heddle_storage::{Database, Options};
use heddle_types::{Fork, Genesis, GenesisAccount};
use parking_lot::Mutex;
use rand::{Rng, rngs::StdRng, seq::SliceRandom};
use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
};

const CHAIN_ID: u64 = 31_337;
const START: u64 = 1_700_000_000;
const SENDERS: u64 = 12;
/// Accounts that tokens go to: few, so that things meet.
const PEOPLE: u8 = 10;
const GAS: u64 = 3_000_000;

/// Init code of a contract that takes wei, and ends itself in favour of the address that it is
/// called with: `ExplorerFixture.create` has the same.
const CHILD: [u8; 17] = hex!("6836600557005b5f35ff5f5260096017f3");

/// Creates a child (CREATE2) with the wei and the salt that it is called with. The compiled
/// contracts need opcodes of Cancun.
const FACTORY: [u8; 29] =
    hex!("706836600557005b5f35ff5f5260096017f3" "5f52" "5f35" "6011" "600f" "34" "f5" "00");

pub(crate) struct TestChain {
    fork: Fork,
    pub(crate) chain: Arc<Chain>,
    pub(crate) producer: Producer,
    pub(crate) rpc: Caller,
    keys: Vec<PrivateKeySigner>,
    now: Arc<AtomicU64>,
    snapshots: Vec<u64>,
    fixture: Address,
    weth: Address,
    salts: u64,
}

fn artifact(name: &str) -> Bytes {
    let path = format!("{}/../../contracts/artifacts/{name}.json", env!("CARGO_MANIFEST_DIR"));
    let artifact: serde_json::Value =
        serde_json::from_slice(&std::fs::read(path).unwrap()).unwrap();
    hex::decode(artifact["bytecode"].as_str().unwrap()).unwrap().into()
}

fn genesis(keys: &[PrivateKeySigner], fork: Fork) -> Genesis {
    let rich = GenesisAccount::default().with_balance(U256::from(u128::MAX));
    let mut genesis = Genesis {
        config: config_with_forks(CHAIN_ID, fork),
        timestamp: START,
        gas_limit: 300_000_000,
        base_fee_per_gas: Some(1_000_000_000),
        alloc: keys.iter().map(|key| (key.address(), rich.clone())).collect(),
        ..Genesis::default()
    };
    add_system_contracts(&mut genesis);
    genesis
}

fn word(value: impl TryInto<U256>) -> Vec<u8> {
    let value: U256 = value.try_into().unwrap_or_default();
    value.to_be_bytes::<32>().to_vec()
}

fn call(function: &str, arguments: &[Vec<u8>]) -> Vec<u8> {
    let mut input = keccak256(function)[..4].to_vec();
    arguments.iter().for_each(|argument| input.extend_from_slice(argument));
    input
}

/// `f(bytes)` with the bytes, or `f(address,bytes)`.
fn call_with_bytes(function: &str, before: &[Vec<u8>], bytes: &[u8]) -> Vec<u8> {
    let mut arguments = before.to_vec();
    arguments.push(word(32 * (before.len() as u64 + 1)));
    arguments.push(word(bytes.len() as u64));
    let mut padded = bytes.to_vec();
    padded.resize(bytes.len().next_multiple_of(32), 0);
    arguments.push(padded);
    call(function, &arguments)
}

fn who(address: Address) -> Vec<u8> {
    address.into_word().to_vec()
}

pub(crate) fn person(random: &mut StdRng) -> Address {
    Address::with_last_byte(0xa0 + random.gen_range(0..PEOPLE))
}

impl TestChain {
    pub(crate) fn new(seed: u64, fork: Fork) -> Self {
        let key = |n: u64| PrivateKeySigner::from_bytes(&keccak256(format!("{seed} {n}"))).unwrap();
        let keys: Vec<PrivateKeySigner> = (0..SENDERS).map(key).collect();
        let options = Options { cache_bytes: 16 << 20, ..Options::default() };
        let database = Database::ephemeral(&std::env::temp_dir(), options).unwrap();
        let settings = heddle_chain::Settings { threads: 2, ..heddle_chain::Settings::default() };
        let chain = Arc::new(Chain::open(database, &genesis(&keys, fork), settings).unwrap());
        let pool = Pool::new(heddle_pool::Settings::default(), Context::default());
        let pool = Arc::new(Mutex::new(pool));
        let now = Arc::new(AtomicU64::new(START + 10));
        let clock = now.clone();
        let settings = Settings {
            mining: Mining::MANUAL,
            beneficiary: Address::repeat_byte(0xfe),
            ..Settings::default()
        };
        let clock = Arc::new(move || clock.load(Ordering::Relaxed));
        let producer = Producer::new(chain.clone(), pool.clone(), settings, clock).unwrap();
        let context = heddle_rpc::Context {
            chain: chain.clone(),
            pool,
            signers: Signers::default(),
            readiness: Arc::new(|| Ok(())),
            wake: Arc::new(|_| ()),
            dev: None,
            agreement: None,
        };
        let rpc = heddle_rpc::Settings {
            namespaces: Namespace::ALL.to_vec(),
            ..heddle_rpc::Settings::default()
        };
        let mut chain = Self {
            fork,
            chain,
            producer,
            rpc: Caller::new(context, rpc).unwrap(),
            keys,
            now,
            snapshots: Vec::new(),
            fixture: Address::ZERO,
            weth: Address::ZERO,
            salts: 0,
        };
        let sender = chain.keys[0].address();
        (chain.fixture, chain.weth) = (sender.create(0), sender.create(1));
        if chain.has_tokens() {
            chain.send(0, 0, TxKind::Create, 0, artifact("ExplorerFixture").to_vec(), 12_000_000);
            chain.send(0, 1, TxKind::Create, 0, artifact("Weth").to_vec(), GAS);
        } else {
            // PUSH1 29 DUP1 PUSH1 9 PUSH0 CODECOPY PUSH0 RETURN
            let code = [&hex!("601d8060095f395ff3")[..], &FACTORY].concat();
            chain.send(0, 0, TxKind::Create, 0, code, GAS);
        }
        chain.mine();
        chain
    }

    /// Whether the compiled contracts run there. If not, there is a factory whose children end in
    /// any transaction: from Cancun on they end in the one that created them only (EIP-6780).
    pub(crate) fn has_tokens(&self) -> bool {
        self.fork >= Fork::Cancun
    }

    pub(crate) fn senders(&self) -> impl Iterator<Item = Address> {
        self.keys.iter().map(PrivateKeySigner::address)
    }

    /// Transactions in the chain.
    pub(crate) fn transactions(&self) -> u64 {
        let reader = self.chain.reader();
        let count = |number| reader.block(number).unwrap().unwrap().senders.len() as u64;
        (0..=reader.head().number).map(count).sum()
    }

    fn mine(&mut self) {
        self.now.fetch_add(12, Ordering::Relaxed);
        self.producer.mine(1, None).unwrap();
    }

    /// Makes a block of random transactions.
    pub(crate) fn block(&mut self, random: &mut StdRng) {
        self.empty_pool();
        let mut nonces: BTreeMap<usize, u64> = BTreeMap::new();
        let state = self.chain.reader();
        for _ in 0..random.gen_range(0..40) {
            let sender = random.gen_range(0..self.keys.len());
            let address = self.keys[sender].address();
            let nonce = nonces.entry(sender).or_insert_with(|| {
                state.state().account(address).unwrap().map_or(0, |account| account.nonce)
            });
            let (to, value, input, gas) = self.random_transaction(random);
            let at = *nonce;
            *nonce += 1;
            self.send(sender, at, to, value, input, gas);
        }
        self.mine();
    }

    fn random_transaction(&mut self, random: &mut StdRng) -> (TxKind, u64, Vec<u8>, u64) {
        if !self.has_tokens() {
            return self.creation_or_end(random);
        }
        let value = random.gen_range(0..5);
        let fixture = TxKind::Call(self.fixture);
        let contract = |address: Address| TxKind::Call(address);
        let (token, items, kinds) =
            (self.fixture.create(1), self.fixture.create(2), self.fixture.create(3));
        let people = |random: &mut StdRng| [who(person(random)), who(person(random))];
        let amount = word(random.gen_range(0..100_u64));
        let id = word(random.gen_range(0..30_u64));
        match random.gen_range(0..30) {
            0..=3 => (contract(person(random)), value, Vec::new(), 21_000),
            4 => (TxKind::Create, 0, artifact("Weth").to_vec(), GAS),
            // It fails: the code begins with an invalid instruction.
            5 => (TxKind::Create, 0, vec![0xfe], 100_000),
            6 => (contract(self.weth), value, call("deposit()", &[]), GAS),
            7 => (contract(self.weth), 0, call("withdraw(uint256)", &[word(value)]), GAS),
            8..=10 => {
                let [to, _] = people(random);
                (contract(token), 0, call("mint(address,uint256)", &[to, amount]), GAS)
            }
            11 => {
                let [to, _] = people(random);
                (contract(token), 0, call("give(address,uint256)", &[to, amount]), GAS)
            }
            12..=13 => {
                let [from, to] = people(random);
                let input = call("move(address,address,uint256)", &[from, to, amount]);
                (contract(token), 0, input, GAS)
            }
            14 => {
                let [from, _] = people(random);
                (contract(token), 0, call("burn(address,uint256)", &[from, amount]), GAS)
            }
            15..=16 => {
                let [to, _] = people(random);
                (contract(items), 0, call("mint(address,uint256)", &[to, id]), GAS)
            }
            17 => {
                let [from, to] = people(random);
                let input = call("move(address,address,uint256)", &[from, to, id]);
                (contract(items), 0, input, GAS)
            }
            18 => (contract(items), 0, call("burn(uint256)", &[id]), GAS),
            19..=20 => {
                let [to, _] = people(random);
                let second = word(random.gen_range(0..30_u64));
                let arguments = [
                    to,
                    word(96_u64),
                    word(192_u64),
                    word(2_u64),
                    id,
                    second,
                    word(2_u64),
                    amount,
                    word(3_u64),
                ];
                let input = call("mint(address,uint256[],uint256[])", &arguments);
                (contract(kinds), 0, input, GAS)
            }
            21 => {
                let [from, to] = people(random);
                let input = call("move(address,address,uint256,uint256)", &[from, to, id, amount]);
                (contract(kinds), 0, input, GAS)
            }
            22 => {
                let [from, _] = people(random);
                let input = call("burn(address,uint256,uint256)", &[from, id, amount]);
                (contract(kinds), 0, input, GAS)
            }
            23 => (fixture, 0, self.within(random), GAS),
            24..=26 => {
                let inner = self.within(random);
                (fixture, value, call_with_bytes("attempt(bytes)", &[], &inner), GAS)
            }
            27 => {
                let inner = self.within(random);
                let code = *[self.fixture, token, self.child(random)].choose(random).unwrap();
                let input = call_with_bytes("delegate(address,bytes)", &[who(code)], &inner);
                (fixture, 0, input, GAS)
            }
            28 => {
                let [to, _] = people(random);
                (fixture, value, call("pay(address)", &[to]), GAS)
            }
            _ => (contract(self.child(random)), value, Vec::new(), 50_000),
        }
    }

    /// Contracts that are created, end, and are created again where they were.
    fn creation_or_end(&mut self, random: &mut StdRng) -> (TxKind, u64, Vec<u8>, u64) {
        const PLACES: u64 = 20;
        let value = random.gen_range(0..5);
        self.salts = PLACES;
        let child = TxKind::Call(self.child(random));
        match random.gen_range(0..8) {
            0 => (TxKind::Call(person(random)), value, Vec::new(), 21_000),
            1 => (TxKind::Create, 0, CHILD.to_vec(), 100_000),
            2..=4 => {
                let salt = word(random.gen_range(0..=PLACES));
                (TxKind::Call(self.fixture), value, salt, 200_000)
            }
            5..=6 => (child, value, who(person(random)), 100_000),
            _ => (child, value, Vec::new(), 50_000),
        }
    }

    /// The input of a function of the fixture.
    fn within(&mut self, random: &mut StdRng) -> Vec<u8> {
        let heir = who(person(random));
        self.salts += 1;
        // Some salts come again, and then the creation fails.
        let salt = word(if random.gen_ratio(1, 8) { self.salts / 2 } else { self.salts });
        match random.gen_range(0..7) {
            0 => call("count()", &[]),
            1 => call("refuse()", &[]),
            2 => call("create(bytes32)", &[salt]),
            3 => call("createAndEnd(bytes32,address)", &[salt, heir]),
            4 => call("createAndRefuse(bytes32)", &[salt]),
            5 => call("end(address,address)", &[who(self.child(random)), heir]),
            _ => call_with_bytes("attempt(bytes)", &[], &call("refuse()", &[])),
        }
    }

    /// Where a child is, or could be.
    fn child(&self, random: &mut StdRng) -> Address {
        let salt = U256::from(random.gen_range(0..=self.salts));
        self.fixture.create2_from_code(B256::from(salt), CHILD)
    }

    fn send(
        &self,
        sender: usize,
        nonce: u64,
        to: TxKind,
        value: u64,
        input: Vec<u8>,
        gas_limit: u64,
    ) {
        let key = &self.keys[sender];
        let transaction = TxEip1559 {
            chain_id: CHAIN_ID,
            nonce,
            gas_limit,
            max_fee_per_gas: 1_000_000_000_000,
            max_priority_fee_per_gas: u128::from(nonce % 7) * 1_000_000,
            to,
            value: U256::from(value),
            input: input.into(),
            ..TxEip1559::default()
        };
        let signature = key.sign_hash_sync(&transaction.signature_hash()).unwrap();
        let signed = PooledTransaction::Eip1559(transaction.into_signed(signature));
        let candidate = Candidate::new(signed, key.address());
        let reader = self.chain.reader();
        let state = reader.execution_state_at(reader.head().number).unwrap();
        let mut pool = self.producer.pool().lock();
        let now = self.now.load(Ordering::Relaxed);
        pool.add(candidate, Origin::Local, now, |sender| sender_state(&state, sender)).unwrap();
    }

    pub(crate) fn snapshot(&mut self) {
        self.snapshots.push(self.producer.snapshot());
    }

    pub(crate) fn revert(&mut self, random: &mut StdRng) -> bool {
        // Not always the last one: but not so far that nothing is ever finished.
        if self.snapshots.len() > 2 {
            self.snapshots.drain(..self.snapshots.len() - 2);
        }
        let Some(at) = self.snapshots.choose(random).copied() else { return false };
        self.snapshots.retain(|snapshot| *snapshot < at);
        self.empty_pool();
        self.producer.revert(at).unwrap()
    }

    pub(crate) fn rollback(&mut self, depth: u64) -> bool {
        // The contracts stay.
        let depth = depth.min(self.chain.reader().head().number.saturating_sub(1));
        self.empty_pool();
        self.producer.rollback(depth).unwrap();
        self.snapshots.clear();
        depth > 0
    }

    /// Other blocks in the place of the last ones, with what was in them in another order.
    pub(crate) fn reorganise(&mut self, depth: u64) -> bool {
        let reader = self.chain.reader();
        let head = reader.head().number;
        let depth = depth.min(head.saturating_sub(1));
        if depth == 0 {
            return false;
        }
        let mut all = Vec::new();
        for number in head + 1 - depth..=head {
            let block = reader.block(number).unwrap().unwrap();
            for (transaction, sender) in
                block.block.body.transactions.into_iter().zip(block.senders)
            {
                all.push(heddle_types::RecoveredTransaction { transaction, sender });
            }
        }
        drop(reader);
        self.empty_pool();
        self.now.fetch_add(1, Ordering::Relaxed);
        all.reverse();
        // By nonce, so that they can be mined.
        all.sort_by_key(|sent| alloy_consensus::Transaction::nonce(&sent.transaction));
        self.producer.reorganise(depth, [(0, all)].into()).unwrap();
        self.snapshots.clear();
        true
    }

    fn empty_pool(&self) {
        self.producer.pool().lock().clear(self.now.load(Ordering::Relaxed));
    }
}
