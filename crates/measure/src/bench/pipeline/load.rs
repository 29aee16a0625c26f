//! Signed transactions, and the genesis in which they can be executed.

use crate::{
    Error,
    bench::{
        random::Random,
        workload::{CHAIN_ID, Signable, WorkloadKind, signable_workload},
    },
    load::account::Account,
};
use alloy_consensus::TxEip1559;
use alloy_primitives::{Address, B256, Bytes, TxKind, U256, map::AddressMap};
use heddle_chain::{add_system_contracts, config_with_forks};
use heddle_executor::{MemoryAccount, MemoryState, revm::context::TxEnv};
use heddle_types::{Fork, Genesis, GenesisAccount};
use std::{collections::BTreeMap, thread};

/// Accounts that send plain transfers, at most; each sends several then.
const SENDERS_MAX: usize = 100_000;
/// What a unit of gas may cost: so much that a base fee which rises under full blocks for a
/// hundred blocks strands nothing.
const FEE_MAX: u128 = 1_000_000_000_000_000;
const TIP: u128 = 1_000_000_000;
/// Wei of each account: enough for thousands of transactions at that price.
const BALANCE: U256 = U256::from_limbs([0, 1 << 32, 0, 0]);
const SEED: u64 = 0x7069_7065;
/// When plain transfers are sent, in seconds of Unix time: any time would do.
const TIME: u64 = 1_766_000_000;

/// What is sent, and to which chain.
pub(super) struct Load {
    pub(super) genesis: Genesis,
    /// In the order in which they are sent.
    pub(super) transactions: Vec<Bytes>,
    /// When they are sent, in seconds of Unix time.
    pub(super) time: u64,
}

/// Makes `count` transactions of a workload, and `accounts` accounts.
pub(super) fn signed_transactions(
    kind: WorkloadKind,
    count: usize,
    accounts: usize,
    gas_limit: u64,
) -> Result<Load, Error> {
    let random = &mut Random::new(SEED);
    let Drawn { state, transactions, keys, time } = if kind == WorkloadKind::Transfers {
        transfers(count, accounts, random)
    } else {
        let Signable { workload, keys } = signable_workload(kind, count)?;
        let mut state = workload.state;
        for account in state.accounts.values_mut() {
            if account.code_hash == MemoryAccount::default().code_hash {
                account.balance = BALANCE;
            }
        }
        add_accounts(&mut state, accounts, random);
        let time = workload.env.timestamp.saturating_to();
        Drawn { state, transactions: workload.transactions, keys, time }
    };
    let transactions = sign_all(&transactions, &keys);
    Ok(Load { genesis: genesis(state, gas_limit), transactions, time })
}

/// Transactions that are not signed yet, and the state before them.
struct Drawn {
    state: MemoryState,
    transactions: Vec<TxEnv>,
    keys: AddressMap<Account>,
    time: u64,
}

/// Plain transfers from many accounts to any.
fn transfers(count: usize, accounts: usize, random: &mut Random) -> Drawn {
    let mut state = MemoryState::default();
    let senders = count.min(SENDERS_MAX).min(accounts.div_ceil(2)).max(1);
    let numbers: Vec<u64> = (0..senders as u64).collect();
    let keys = in_parts(&numbers, |number| Account::of_seed(SEED, *number));
    let account = MemoryAccount { balance: BALANCE, ..MemoryAccount::default() };
    state.accounts.extend(keys.iter().map(|sender| (sender.address, account.clone())));
    add_accounts(&mut state, accounts, random);
    // In an order that does not hang on the map's.
    let mut everyone: Vec<Address> = state.accounts.keys().copied().collect();
    everyone.sort_unstable();
    let transactions = (0..count).map(|place| TxEnv {
        caller: keys[place % senders].address,
        nonce: (place / senders) as u64,
        kind: TxKind::Call(everyone[random.below(everyone.len() as u64) as usize]),
        value: U256::from(random.between(1, 1_000_000)),
        gas_limit: 21_000,
        ..TxEnv::default()
    });
    let transactions = transactions.collect();
    let keys = keys.into_iter().map(|sender| (sender.address, sender)).collect();
    Drawn { state, transactions, keys, time: TIME }
}

/// Adds accounts until there are so many.
fn add_accounts(state: &mut MemoryState, count: usize, random: &mut Random) {
    while state.accounts.len() < count {
        let balance = U256::from(random.between(1, u64::MAX - 1));
        let account = MemoryAccount { balance, ..MemoryAccount::default() };
        state.accounts.insert(random.address(), account);
    }
}

fn sign_all(transactions: &[TxEnv], keys: &AddressMap<Account>) -> Vec<Bytes> {
    in_parts(transactions, |transaction| sign(transaction, &keys[&transaction.caller]))
}

fn sign(transaction: &TxEnv, sender: &Account) -> Bytes {
    let unsigned = TxEip1559 {
        chain_id: CHAIN_ID,
        nonce: transaction.nonce,
        gas_limit: transaction.gas_limit,
        max_fee_per_gas: FEE_MAX,
        max_priority_fee_per_gas: TIP,
        to: transaction.kind,
        value: transaction.value,
        input: transaction.data.clone(),
        ..TxEip1559::default()
    };
    sender.sign(&unsigned).bytes.into()
}

/// Does something with each, on all processors.
fn in_parts<T: Sync, R: Send>(all: &[T], make: impl Fn(&T) -> R + Sync) -> Vec<R> {
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let part = all.len().div_ceil(threads).max(1);
    thread::scope(|scope| {
        let parts: Vec<_> = all
            .chunks(part)
            .map(|part| scope.spawn(|| part.iter().map(&make).collect::<Vec<R>>()))
            .collect();
        let joined = parts
            .into_iter()
            .map(|part| part.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic)));
        joined.flatten().collect()
    })
}

/// A chain on which all forks up to Osaka are active.
fn genesis(state: MemoryState, gas_limit: u64) -> Genesis {
    let mut alloc: BTreeMap<Address, GenesisAccount> = BTreeMap::new();
    for (address, account) in state.accounts {
        let code = state.codes.get(&account.code_hash).map(|code| code.original_bytes());
        let word = |number: U256| B256::from(number);
        let storage: BTreeMap<B256, B256> =
            account.storage.into_iter().map(|(key, value)| (word(key), word(value))).collect();
        alloc.insert(
            address,
            GenesisAccount {
                nonce: Some(account.nonce),
                balance: account.balance,
                code,
                storage: (!storage.is_empty()).then_some(storage),
                private_key: None,
            },
        );
    }
    let mut genesis = Genesis {
        config: config_with_forks(CHAIN_ID, Fork::Osaka),
        gas_limit,
        base_fee_per_gas: Some(1_000_000_000),
        alloc,
        ..Genesis::default()
    };
    add_system_contracts(&mut genesis);
    genesis
}
