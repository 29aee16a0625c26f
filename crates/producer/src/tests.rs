//! A producer on a small chain.

use crate::{
    AccountAmendment, CONSOLE_ADDRESS, Console, Error, Mining, Producer, Settings, StateDump,
};
use alloy_consensus::{SignableTransaction, Signed, TxEip1559};
use alloy_primitives::{Address, B256, Bytes, TxKind, U256, hex, keccak256};
use alloy_signer::SignerSync;
use alloy_signer_local::PrivateKeySigner;
use heddle_chain::{Chain, add_system_contracts, config_with_forks};
use heddle_pool::{Candidate, Context, Origin, Pool, PooledTransaction, SenderState};
use heddle_storage::{Database, Options, SimulatedDisk};
use heddle_types::{Fork, Genesis, GenesisAccount, RecoveredTransaction, Transaction};
use parking_lot::Mutex;
use std::{
    collections::BTreeMap,
    sync::{
        Arc,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

const CHAIN_ID: u64 = 31_337;
const START: u64 = 1_000_000;

struct Bench {
    producer: Arc<Producer>,
    now: Arc<AtomicU64>,
    key: PrivateKeySigner,
}

fn genesis(rich: Address) -> Genesis {
    let account = GenesisAccount::default().with_balance(U256::from(u128::MAX));
    Genesis {
        config: config_with_forks(CHAIN_ID, Fork::Cancun),
        timestamp: START,
        gas_limit: 30_000_000,
        base_fee_per_gas: Some(1_000_000_000),
        alloc: [(rich, account)].into(),
        ..Genesis::default()
    }
}

fn bench(mining: Mining) -> Bench {
    bench_with(Settings { mining, ..Settings::default() })
}

fn bench_with(settings: Settings) -> Bench {
    let db = Database::ephemeral(&std::env::temp_dir(), Options::default()).unwrap();
    bench_on(db, settings)
}

fn key() -> PrivateKeySigner {
    PrivateKeySigner::from_bytes(&keccak256("key")).unwrap()
}

fn bench_on(db: Database, settings: Settings) -> Bench {
    bench_of(db, &genesis(key().address()), settings, 0)
}

/// With a clock that goes on by so many seconds whenever somebody looks at it.
fn bench_of(db: Database, genesis: &Genesis, settings: Settings, ticks: u64) -> Bench {
    let key = key();
    let watching = heddle_chain::Settings {
        watched_account: settings.console.is_some().then_some(CONSOLE_ADDRESS),
        parallel_gas_min: 0,
        ..heddle_chain::Settings::default()
    };
    let chain = Chain::open(db, genesis, watching).unwrap();
    let pool = Pool::new(heddle_pool::Settings::default(), Context::default());
    let now = Arc::new(AtomicU64::new(START + 10));
    let clock = now.clone();
    let producer = Producer::new(
        Arc::new(chain),
        Arc::new(Mutex::new(pool)),
        settings,
        Arc::new(move || clock.fetch_add(ticks, Ordering::Relaxed)),
    );
    Bench { producer: Arc::new(producer.unwrap()), now, key }
}

fn transfer(nonce: u64) -> TxEip1559 {
    TxEip1559 {
        nonce,
        to: TxKind::Call(Address::repeat_byte(9)),
        value: U256::ONE,
        gas_limit: 21_000,
        ..TxEip1559::default()
    }
}

impl Bench {
    fn transfer(&self, nonce: u64) -> Candidate {
        self.sign(transfer(nonce))
    }

    fn recovered(&self, nonce: u64) -> RecoveredTransaction {
        let transaction = Transaction::Eip1559(self.signed(transfer(nonce)));
        RecoveredTransaction { transaction, sender: self.key.address() }
    }

    fn sign(&self, tx: TxEip1559) -> Candidate {
        Candidate::new(PooledTransaction::Eip1559(self.signed(tx)), self.key.address())
    }

    fn signed(&self, tx: TxEip1559) -> Signed<TxEip1559> {
        let tx = TxEip1559 {
            chain_id: CHAIN_ID,
            max_fee_per_gas: 10_000_000_000,
            max_priority_fee_per_gas: 1,
            ..tx
        };
        let signature = self.key.sign_hash_sync(&tx.signature_hash()).unwrap();
        tx.into_signed(signature)
    }

    fn add(&self, nonce: u64) -> B256 {
        self.add_candidate(self.transfer(nonce))
    }

    fn add_candidate(&self, candidate: Candidate) -> B256 {
        let account = self.account(self.key.address());
        let mut pool = self.producer.pool().lock();
        let state = SenderState { nonce: account.1, balance: account.0, ..SenderState::default() };
        let added = pool.add(candidate, Origin::Local, self.now.load(Ordering::Relaxed), |_| {
            Ok::<_, std::convert::Infallible>(state)
        });
        added.unwrap().hash
    }

    fn send(&self, nonce: u64) -> B256 {
        let hash = self.add(nonce);
        self.producer.transaction_arrived().unwrap();
        hash
    }

    fn account(&self, address: Address) -> (U256, u64) {
        let account = self.producer.chain().reader().state().account(address).unwrap();
        account.map_or((U256::ZERO, 0), |account| (account.balance, account.nonce))
    }

    fn head(&self) -> u64 {
        self.producer.chain().reader().head().number
    }

    fn block_of(&self, hash: B256) -> Option<u64> {
        let place = self.producer.chain().reader().transaction_place(hash).unwrap();
        place.map(|place| place.block_number)
    }
}

#[test]
fn automatic_mining_leaves_nothing_waiting() {
    let bench = bench(Mining::AUTOMATIC);
    let first = bench.send(0);
    assert_eq!(bench.block_of(first), Some(1));
    // A gap in the nonces waits, and is mined with what closes it.
    let third = bench.send(2);
    assert_eq!(bench.block_of(third), None);
    let second = bench.send(1);
    assert_eq!((bench.block_of(second), bench.block_of(third)), (Some(2), Some(2)));
}

#[test]
fn a_burst_from_many_threads_is_mined_whole() {
    let bench = Arc::new(bench(Mining::AUTOMATIC));
    let threads: Vec<_> = (0..4)
        .map(|thread| {
            let bench = bench.clone();
            std::thread::spawn(move || {
                (0..100).map(|step| bench.send(step * 4 + thread)).collect::<Vec<_>>()
            })
        })
        .collect();
    let hashes: Vec<_> = threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect();
    assert!(hashes.iter().all(|hash| bench.block_of(*hash).is_some()));
    assert_eq!(bench.producer.pool().lock().status().pending, 0);
    assert_eq!(bench.account(bench.key.address()).1, 400);
}

#[test]
fn manual_mining_waits_for_an_order() {
    let bench = bench(Mining::MANUAL);
    let hash = bench.send(0);
    assert_eq!(bench.block_of(hash), None);
    assert_eq!(bench.producer.mine(3, Some(12)).unwrap().len(), 3);
    assert_eq!(bench.block_of(hash), Some(1));
    let times: Vec<u64> = (1..=3)
        .map(|n| bench.producer.chain().reader().header(n).unwrap().unwrap().timestamp)
        .collect();
    assert_eq!(times, [START + 10, START + 22, START + 34]);
    assert!(matches!(bench.producer.mine(u64::MAX, None), Err(Error::TooManyBlocks { .. })));
}

#[test]
fn a_block_of_given_transactions_is_of_a_given_time_and_leaves_the_clock() {
    let bench = bench(Mining::MANUAL);
    let waiting = bench.add(2);
    let recovered = |nonce| bench.recovered(nonce);
    let made = bench.producer.make_block_at(START + 2, vec![recovered(0), recovered(1)]).unwrap();
    assert_eq!(made.block.block.header.timestamp, START + 2);
    assert_eq!(made.receipts.len(), 2);
    // What cannot be in it is an error, and no block is made; nor is one of an earlier time.
    let wrong = bench.producer.make_block_at(START + 3, vec![recovered(2), recovered(9)]);
    assert!(matches!(wrong, Err(Error::Refused { index: 1, .. })));
    let early = bench.producer.make_block_at(START + 2, Vec::new());
    assert!(matches!(early, Err(Error::Time(_))));
    assert_eq!((bench.head(), bench.block_of(waiting)), (1, None));
    bench.producer.mine(1, None).unwrap();
    assert_eq!(bench.block_of(waiting), Some(2));
    let header = bench.producer.chain().reader().header(2).unwrap().unwrap();
    assert_eq!(header.timestamp, START + 10);
}

#[test]
fn going_back_undoes_blocks_and_amendments() {
    let bench = bench(Mining::AUTOMATIC);
    bench.send(0);
    let somebody = Address::repeat_byte(7);
    let set = |wei: u64| {
        let balance = Some(U256::from(wei));
        let amendment = AccountAmendment { balance, ..AccountAmendment::default() };
        bench.producer.amend(BTreeMap::from([(somebody, amendment)])).unwrap();
    };
    set(5);
    let snapshot = bench.producer.snapshot();
    set(6);
    bench.send(1);
    bench.send(2);
    assert_eq!(bench.account(somebody).0, U256::from(6));
    assert!(bench.producer.revert(snapshot).unwrap());
    assert_eq!((bench.head(), bench.account(somebody).0), (1, U256::from(5)));
    assert_eq!(bench.account(bench.key.address()).1, 1);
    // The snapshot is used up.
    assert!(!bench.producer.revert(snapshot).unwrap());
    // The chain goes on from there.
    let again = bench.send(1);
    assert_eq!(bench.block_of(again), Some(2));
}

#[test]
fn other_blocks_take_the_place_of_the_last_ones() {
    let bench = bench(Mining::AUTOMATIC);
    for nonce in 0..4 {
        bench.send(nonce);
    }
    let reader = bench.producer.chain().reader();
    let (second, fourth) = (reader.hash_of(2).unwrap(), reader.hash_of(4).unwrap());
    bench.producer.reorganise(2, BTreeMap::new()).unwrap();
    let reader = bench.producer.chain().reader();
    assert_eq!(reader.hash_of(2).unwrap(), second);
    assert_ne!(reader.hash_of(4).unwrap(), fourth);
    assert_eq!(bench.account(bench.key.address()).1, 2);
    assert!(matches!(bench.producer.rollback(5), Err(Error::TooDeep { asked: 5, there: 4 })));
}

#[test]
fn a_dump_makes_the_same_state_elsewhere() {
    let one = bench(Mining::AUTOMATIC);
    one.send(0);
    let amendment = AccountAmendment {
        nonce: Some(1),
        code: Some(vec![0x60, 0x00].into()),
        storage: [(U256::ONE, U256::MAX)].into(),
        ..AccountAmendment::default()
    };
    one.producer.amend([(Address::repeat_byte(5), amendment)].into()).unwrap();
    let dump = serde_json::to_string(&one.producer.dump(false).unwrap()).unwrap();
    let other = bench(Mining::AUTOMATIC);
    other.producer.load(serde_json::from_str(&dump).unwrap()).unwrap();
    let root = |bench: &Bench| bench.producer.chain().reader().state().root();
    assert_eq!(root(&one), root(&other));
}

#[test]
fn blocks_come_at_intervals_until_it_is_stopped() {
    let bench = bench(Mining::every(Duration::from_millis(1)));
    let events = bench.producer.chain().subscribe();
    let producer = bench.producer.clone();
    let thread = std::thread::spawn(move || producer.run());
    for _ in 0..3 {
        assert!(events.next().is_some());
    }
    bench.producer.stop();
    thread.join().unwrap().unwrap();
    assert!(bench.head() >= 3);
}

/// Blocks are due all the time, so each large one is made while the one before it is committed.
const ALWAYS: Mining = Mining::every(Duration::from_nanos(1));

#[test]
fn blocks_that_are_made_while_others_are_committed_are_those_of_a_chain() {
    let transactions_max = Some(300);
    let bench = bench_with(Settings { mining: ALWAYS, transactions_max, ..Settings::default() });
    let hashes: Vec<B256> = (0..2_200).map(|nonce| bench.add(nonce)).collect();
    let events = bench.producer.chain().subscribe();
    let producer = bench.producer.clone();
    let thread = std::thread::spawn(move || producer.run());
    let last = *hashes.last().unwrap();
    while bench.block_of(last).is_none() {
        assert!(events.next().is_some());
    }
    bench.producer.stop();
    thread.join().unwrap().unwrap();
    assert_eq!(bench.account(bench.key.address()).1, 2_200);
    assert_eq!(bench.producer.pool().lock().status().pending, 0);
    // In their order, as many as there is room for, each once.
    let places: Vec<u64> = hashes.iter().map(|hash| bench.block_of(*hash).unwrap()).collect();
    let blocks = places.chunk_by(PartialEq::eq).map(<[u64]>::len);
    assert_eq!(blocks.collect::<Vec<_>>(), [300, 300, 300, 300, 300, 300, 300, 100]);
    // Another chain takes them.
    let other = bench_with(Settings { mining: Mining::MANUAL, ..Settings::default() });
    let (ours, theirs) = (bench.producer.chain().reader(), other.producer.chain());
    for number in 1..=ours.head().number {
        theirs.import(ours.block(number).unwrap().unwrap().block).unwrap();
    }
    assert_eq!(theirs.reader().head().hash, ours.head().hash);
}

#[test]
fn a_fork_that_begins_while_a_block_is_made_ends_nothing() {
    // From Amsterdam on a block waits for the hash of its parent.
    for begins in START + 10..START + 40 {
        let mut genesis = genesis(key().address());
        genesis.config = config_with_forks(CHAIN_ID, Fork::Osaka);
        genesis.config.amsterdam_time = Some(begins);
        add_system_contracts(&mut genesis);
        let db = Database::ephemeral(&std::env::temp_dir(), Options::default()).unwrap();
        let transactions_max = Some(130);
        let settings = Settings { mining: ALWAYS, transactions_max, ..Settings::default() };
        let bench = bench_of(db, &genesis, settings, 1);
        for nonce in 0..600 {
            bench.add(nonce);
        }
        let events = bench.producer.chain().subscribe();
        let producer = bench.producer.clone();
        let thread = std::thread::spawn(move || producer.run());
        while bench.account(bench.key.address()).1 < 600 && !thread.is_finished() {
            let _ = events.next_timeout(Duration::from_millis(100));
        }
        bench.producer.stop();
        thread.join().unwrap().unwrap();
        assert_eq!(bench.account(bench.key.address()).1, 600);
    }
}

#[test]
fn orders_are_heeded_while_blocks_are_due_all_the_time() {
    let bench = bench(ALWAYS);
    let producer = bench.producer.clone();
    let thread = std::thread::spawn(move || producer.run());
    let other = Address::repeat_byte(0xbb);
    bench.producer.set_beneficiary(other);
    let events = bench.producer.chain().subscribe();
    for _ in 0..2 {
        assert!(events.next().is_some());
    }
    let head = bench.producer.chain().reader().head().header.clone();
    assert_eq!(head.beneficiary, other);
    bench.producer.stop();
    thread.join().unwrap().unwrap();
}

#[test]
fn a_disk_that_fails_while_a_block_is_made_leaves_the_pool_as_it_was() {
    for after in 1..6 {
        let disk = SimulatedDisk::new(after);
        let db = Database::simulated(&disk, Options::default()).unwrap();
        let transactions_max = Some(200);
        let settings = Settings { mining: ALWAYS, transactions_max, ..Settings::default() };
        let bench = bench_on(db, settings);
        for nonce in 0..2_000 {
            bench.add(nonce);
        }
        for sibling in 0..3 {
            disk.sibling(sibling).fail_sync_in(after);
        }
        bench.producer.run().unwrap_err();
        let mined = bench.account(bench.key.address()).1;
        assert_eq!(mined, 200 * bench.head());
        assert!(mined < 2_000);
        let status = bench.producer.pool().lock().status();
        assert_eq!((status.pending as u64, status.queued), (2_000 - mined, 0));
    }
}

#[test]
fn a_full_disk_ends_the_producer_whoever_found_it_full() {
    let disk = SimulatedDisk::new(1);
    let db = Database::simulated(&disk, Options::default()).unwrap();
    let bench = bench_on(db, Settings { mining: Mining::AUTOMATIC, ..Settings::default() });
    assert!(bench.producer.chain().failure().is_none());
    let producer = bench.producer.clone();
    let (tell, end) = std::sync::mpsc::channel();
    std::thread::spawn(move || tell.send(producer.run()));
    disk.set_capacity(0);
    let failed = (0..1_000).any(|nonce| {
        bench.add(nonce);
        bench.producer.transaction_arrived().is_err()
    });
    assert!(failed, "a disk that never grows is full at last");
    let end = end.recv_timeout(Duration::from_secs(30));
    let ended = end.expect("nobody has to ask it to end").unwrap_err();
    let is_full = |error: &Error| {
        let Error::Chain(heddle_chain::Error::Storage(error)) = error else { return false };
        matches!(error, heddle_storage::Error::Full { .. })
    };
    assert!(is_full(&ended), "{ended}");
}

/// Calls the console with its input.
const LOGS: [u8; 37] =
    hex!("3660006000376000600036600073000000000000000000636F6e736F6c652e6c6f675afa00");

/// `log(uint256)` of a number.
#[test]
fn a_block_that_cannot_be_committed_leaves_the_pool_as_it_was() {
    // Small blocks are committed before the pool is told, large ones meanwhile.
    for count in [3, 200] {
        let disk = SimulatedDisk::new(count);
        let db = Database::simulated(&disk, Options::default()).unwrap();
        let bench = bench_on(db, Settings { mining: Mining::MANUAL, ..Settings::default() });
        for nonce in 0..count {
            bench.add(nonce);
        }
        let waiting = || {
            let status = bench.producer.pool().lock().status();
            (status.pending as u64, status.queued)
        };
        assert_eq!(waiting(), (count, 0));
        for sibling in 0..3 {
            disk.sibling(sibling).fail_sync_in(1);
        }
        bench.producer.mine(1, None).unwrap_err();
        assert_eq!(bench.head(), 0);
        assert_eq!(waiting(), (count, 0));
    }
}

#[test]
fn a_large_block_is_followed_by_the_pool() {
    let bench = bench(Mining::MANUAL);
    for nonce in 0..300 {
        bench.add(nonce);
    }
    bench.producer.mine(1, None).unwrap();
    assert_eq!(bench.account(bench.key.address()).1, 300);
    let status = bench.producer.pool().lock().status();
    assert_eq!((status.pending, status.queued), (0, 0));
    bench.add(300);
    bench.producer.mine(1, None).unwrap();
    assert_eq!(bench.account(bench.key.address()).1, 301);
}

fn log_number(number: u64) -> Bytes {
    [&hex!("f82c50f1")[..], &U256::from(number).to_be_bytes::<32>()].concat().into()
}

#[test]
fn what_mined_contracts_log_is_printed_in_their_order() {
    let printed = Arc::new(Mutex::new(Vec::new()));
    let lines = printed.clone();
    let console = Console::new(move |new: &[String]| lines.lock().extend_from_slice(new));
    let console = Some(console);
    let bench = bench_with(Settings { mining: Mining::MANUAL, console, ..Settings::default() });
    let contract = Address::repeat_byte(0xc1);
    let code = Some(Bytes::from_static(&LOGS));
    let amendment = AccountAmendment { code, ..AccountAmendment::default() };
    bench.producer.amend([(contract, amendment)].into()).unwrap();
    let call = |nonce: u64, input: Bytes| {
        let (to, gas_limit) = (TxKind::Call(contract), 100_000);
        bench.sign(TxEip1559 { nonce, to, input, gas_limit, ..TxEip1559::default() })
    };
    for nonce in 0..20 {
        bench.add_candidate(call(nonce, log_number(nonce)));
    }
    let mine = || bench.producer.mine(1, None).unwrap();
    mine();
    assert_eq!(bench.account(bench.key.address()).1, 20);
    let expected: Vec<String> = (0..20).map(|number: u64| number.to_string()).collect();
    assert_eq!(*printed.lock(), expected);
    // What is not called prints nothing, and nothing is printed when it is switched off.
    bench.add(20);
    mine();
    bench.producer.set_logging(false);
    bench.add_candidate(call(21, log_number(7)));
    mine();
    assert_eq!(printed.lock().len(), 20);
    bench.producer.set_logging(true);
    bench.add_candidate(call(22, log_number(7)));
    mine();
    assert_eq!(printed.lock().len(), 21);
}

#[test]
fn the_pending_block_is_the_one_that_is_made_then() {
    let bench = bench(Mining::MANUAL);
    let receiver = Address::repeat_byte(9);
    let empty = bench.producer.pending().unwrap();
    assert!(empty.block.receipts.is_empty());
    assert!(Arc::ptr_eq(&empty, &bench.producer.pending().unwrap()));
    bench.send(0);
    bench.send(2);
    let pending = bench.producer.pending().unwrap();
    assert_eq!(pending.block.receipts.len(), 1);
    assert_eq!(pending.state.account(receiver).unwrap().unwrap().balance, U256::ONE);
    assert_eq!((bench.head(), bench.account(receiver).0), (0, U256::ZERO));
    assert!(Arc::ptr_eq(&pending, &bench.producer.pending().unwrap()));
    // What is ordered of the next block counts, and time goes on.
    bench.producer.set_beneficiary(Address::repeat_byte(3));
    let paid = bench.producer.pending().unwrap();
    assert_eq!(paid.block.block.block.header.beneficiary, Address::repeat_byte(3));
    bench.now.fetch_add(5, Ordering::Relaxed);
    let later = bench.producer.pending().unwrap();
    let time = |pending: &crate::Pending| pending.block.block.block.header.timestamp;
    assert_eq!(time(&later), time(&paid) + 5);
    assert_eq!(bench.producer.mine(1, None).unwrap(), [later.block.block.hash]);
    // It follows the head, and what is amended after it.
    assert_eq!(bench.producer.pending().unwrap().block.block.block.header.number, 2);
    let balance = Some(U256::from(50));
    let amendment = AccountAmendment { balance, ..AccountAmendment::default() };
    bench.producer.amend([(receiver, amendment)].into()).unwrap();
    let state = &bench.producer.pending().unwrap().state;
    assert_eq!(state.account(receiver).unwrap().unwrap().balance, U256::from(50));
}

#[test]
fn tells_of_transactions_that_an_amendment_made_pending() {
    let bench = bench(Mining::MANUAL);
    let told = Arc::new(Mutex::new(Vec::new()));
    let hashes = told.clone();
    bench.producer.on_promotion(Box::new(move |promoted| {
        hashes.lock().extend(promoted.iter().map(|transaction| transaction.hash()));
    }));
    let set = |nonce| {
        let amendment = AccountAmendment { nonce: Some(nonce), ..AccountAmendment::default() };
        bench.producer.amend([(bench.key.address(), amendment)].into()).unwrap();
    };
    let waits = bench.add(1);
    assert!(told.lock().is_empty());
    set(1);
    assert_eq!(*told.lock(), [waits]);
}

fn dumped(bench: &Bench, history: bool) -> StateDump {
    let text = serde_json::to_string(&bench.producer.dump(history).unwrap()).unwrap();
    serde_json::from_str(&text).unwrap()
}

#[test]
fn a_dump_brings_its_blocks_and_the_states_after_them() {
    let one = bench(Mining::AUTOMATIC);
    let (receiver, gone) = (Address::repeat_byte(9), Address::repeat_byte(8));
    let first = one.send(0);
    let amend = |balance: u64, storage: &[(U256, U256)]| {
        let amendment = AccountAmendment {
            balance: Some(U256::from(balance)),
            code: Some(Bytes::from_static(&[0x5b])),
            storage: storage.iter().copied().collect(),
            ..AccountAmendment::default()
        };
        one.producer.amend([(gone, amendment)].into()).unwrap();
    };
    amend(5, &[(U256::ONE, U256::from(3)), (U256::from(2), U256::from(4))]);
    one.send(1);
    amend(6, &[(U256::ONE, U256::ZERO)]);
    one.send(2);
    let root =
        |bench: &Bench, number| bench.producer.chain().reader().state_at(number).unwrap().root();
    let other = bench(Mining::AUTOMATIC);
    other.producer.load(dumped(&one, true)).unwrap();
    let (ours, theirs) = (one.producer.chain().reader(), other.producer.chain().reader());
    for number in 0..=3 {
        assert_eq!(ours.committed(number).unwrap(), theirs.committed(number).unwrap());
        assert_eq!(root(&one, number), root(&other, number), "{number}");
    }
    assert_eq!(other.block_of(first), Some(1));
    // It goes on, and back.
    let fourth = other.send(3);
    assert_eq!((other.block_of(fourth), other.account(receiver).0), (Some(4), U256::from(4)));
    other.producer.rollback(3).unwrap();
    assert_eq!((other.head(), other.account(receiver).0), (1, U256::ONE));

    // Without the states only the last one can be asked for.
    let last = bench(Mining::AUTOMATIC);
    last.producer.load(dumped(&one, false)).unwrap();
    let reader = last.producer.chain().reader();
    assert_eq!(root(&last, 3), root(&one, 3));
    assert!(reader.state_at(2).is_err() && reader.receipts(2).unwrap().is_some());
}

#[test]
fn where_there_are_blocks_only_the_accounts_of_a_dump_are_loaded() {
    let one = bench(Mining::AUTOMATIC);
    one.send(0);
    one.send(1);
    let other = bench(Mining::AUTOMATIC);
    other.producer.mine(1, None).unwrap();
    let head = other.producer.chain().reader().head().hash;
    other.producer.load(dumped(&one, true)).unwrap();
    assert_eq!(other.producer.chain().reader().head().hash, head);
    assert_eq!(other.account(Address::repeat_byte(9)).0, U256::from(2));
}

#[test]
fn a_chain_that_was_taken_over_is_found_again() {
    let one = bench(Mining::AUTOMATIC);
    one.send(0);
    let folder = tempfile::tempdir().unwrap();
    let later = Genesis { timestamp: START + 1_000, ..genesis(one.key.address()) };
    let open = || {
        let db = Database::open(&folder.path().join("db"), Options::default()).unwrap();
        Chain::open(db, &later, heddle_chain::Settings::default()).unwrap()
    };
    let pool =
        || Arc::new(Mutex::new(Pool::new(heddle_pool::Settings::default(), Context::default())));
    let producer =
        Producer::new(Arc::new(open()), pool(), Settings::default(), Arc::new(|| START)).unwrap();
    producer.load(dumped(&one, true)).unwrap();
    let hash = producer.chain().reader().head().hash;
    assert_eq!(hash, one.producer.chain().reader().head().hash);
    drop(producer);
    assert_eq!(open().reader().head().hash, hash);
}

#[test]
fn blocks_that_are_no_chain_are_not_taken_over() {
    let one = bench(Mining::AUTOMATIC);
    for nonce in 0..3 {
        one.send(nonce);
    }
    let other = bench(Mining::AUTOMATIC);
    let before = other.producer.chain().reader().head().hash;
    let mut dump = dumped(&one, true);
    dump.blocks.remove(1);
    other.producer.load(dump).unwrap();
    let reader = other.producer.chain().reader();
    assert_eq!(
        (reader.head().hash, other.account(Address::repeat_byte(9)).0),
        (before, U256::from(3))
    );
}
