//! What must be there before the clock starts: senders with ether and tokens, and contracts. All
//! by plain transactions, as any wallet would send them.

use super::{
    LoadError,
    account::{Account, Signed},
    client::Client,
    fees::{Circumstances, gas_of_sender},
    plan::{Contracts, Fees, LoadKind, Plan, Pool, Sender, VALUE},
    progress,
    venue::Venue,
};
use crate::bench::{
    random::{Random, Zipf},
    workload::{
        contracts::{COUNTER, POOL, TOKEN, call, creation, word},
        venue::tokens::TAIL,
    },
};
use alloy_consensus::TxEip1559;
use alloy_primitives::{Address, Bytes, TxKind, U256, hex, map::HashMap};
use serde::Deserialize;
use serde_json::{Value, json};
use std::{
    thread,
    time::{Duration, Instant},
};

/// Pools that senders choose from, and how unevenly they do.
const POOLS: usize = 64;
const ZIPF_EXPONENT: f64 = 1.2;

/// Tokens of each kind that a sender and a pool have at first, in their smallest unit.
const HOLDING: u128 = 1_000_000_000_000_000_000_000_000_000;
const RESERVE: u128 = 10_000_000_000_000_000_000_000_000;

// Gas limits: more than enough.
const DEPLOY_GAS: u64 = 2_000_000;
const CALL_GAS: u64 = 150_000;
const TRANSFER_GAS: u64 = 21_000;

/// Transactions that wait at a time: what every pool takes of one account.
const CHUNK: usize = 400;

/// How often receipts are asked for.
const POLL_INTERVAL: Duration = Duration::from_millis(20);

/// A tip that every node takes, in wei.
const TIP: u128 = 1_000_000_000;

/// What is asked for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Wanted<'a> {
    pub(super) kind: LoadKind,
    pub(super) transactions: u64,
    pub(super) batch: u64,
    pub(super) connections: u64,
    pub(super) senders: u64,
    pub(super) accounts: u64,
    pub(super) seed: u64,
    pub(super) funders: &'a [Account],
}

/// What the node says of itself.
#[derive(Clone, Debug)]
pub(super) struct NodeFacts {
    pub(super) version: String,
    pub(super) block_gas_limit: u64,
    pub(super) base_fee: u64,
    /// Blocks that the load fills, and full ones in a row that the fees are enough for.
    pub(super) blocks_filled: f64,
    pub(super) blocks_covered: f64,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Head {
    gas_limit: U256,
    base_fee_per_gas: Option<U256>,
}

/// Funds senders and deploys contracts; gives the plan of all that is to be sent.
pub(super) fn prepare(
    client: &mut Client,
    wanted: Wanted<'_>,
    timeout: Duration,
) -> Result<(Plan, NodeFacts), LoadError> {
    let chain_id: U256 = client.call("eth_chainId", json!([]))?;
    let version: String = client.call("web3_clientVersion", json!([]))?;
    let head: Head = client.call("eth_getBlockByNumber", json!(["latest", false]))?;
    let mut plan = draft(&wanted, chain_id.saturating_to());
    let mut desk = Desk::open(client, wanted.funders, plan.chain_id, timeout)?;
    let circumstances = Circumstances {
        kind: wanted.kind,
        transactions: wanted.transactions,
        sent_by_one_max: plan.sent_by_one_max(),
        senders: wanted.senders,
        base_fee: head.base_fee_per_gas.unwrap_or_default().saturating_to(),
        block_gas_limit: head.gas_limit.saturating_to(),
        owned: desk.owned(),
    };
    plan.fees = circumstances.fees()?;
    desk.fund(&plan)?;
    desk.deploy(&mut plan)?;
    let addresses: Vec<Address> = plan.senders.iter().map(|it| it.account.address).collect();
    let nonces = desk.client.nonces(&addresses)?;
    for (sender, nonce) in plan.senders.iter_mut().zip(nonces) {
        sender.nonce = nonce;
    }
    let facts = NodeFacts {
        version,
        block_gas_limit: circumstances.block_gas_limit,
        base_fee: circumstances.base_fee,
        blocks_filled: circumstances.blocks(),
        blocks_covered: circumstances.blocks_covered(plan.fees),
    };
    Ok((plan, facts))
}

/// The plan without what the chain says.
fn draft(wanted: &Wanted<'_>, chain_id: u64) -> Plan {
    let mut random = Random::new(wanted.seed);
    let recipients = (0..wanted.accounts).map(|_| random.address()).collect();
    let pools = if wanted.kind == LoadKind::Venue { TAIL } else { POOLS };
    let zipf = Zipf::new(pools, ZIPF_EXPONENT);
    let senders = (0..wanted.senders).map(|number| Sender {
        account: Account::of_seed(wanted.seed, number),
        nonce: 0,
        pool: zipf.draw(&mut random),
    });
    Plan {
        kind: wanted.kind,
        seed: wanted.seed,
        chain_id,
        transactions: wanted.transactions,
        batch: wanted.batch,
        connections: wanted.connections,
        fees: Fees { max: 0, tip: 0 },
        senders: senders.collect(),
        recipients,
        contracts: Contracts::default(),
    }
}

/// Where the transactions of the preparation are written and sent.
pub(super) struct Desk<'a> {
    pub(super) client: &'a mut Client,
    chain_id: u64,
    timeout: Duration,
    funders: Vec<Funder>,
    /// The next nonces of all who have sent here.
    nonces: HashMap<Address, u64>,
    waiting: Vec<Order>,
}

/// A funded account, and what it has left.
struct Funder {
    account: Account,
    balance: U256,
}

/// A transaction to send.
struct Order {
    from: Account,
    nonce: u64,
    to: TxKind,
    value: U256,
    input: Bytes,
    gas_limit: u64,
}

#[derive(Deserialize)]
struct Receipt {
    status: Option<U256>,
}

impl<'a> Desk<'a> {
    fn open(
        client: &'a mut Client,
        funders: &[Account],
        chain_id: u64,
        timeout: Duration,
    ) -> Result<Self, LoadError> {
        let addresses: Vec<Address> = funders.iter().map(|account| account.address).collect();
        let balances = client.balances(&addresses)?;
        let nonces = client.nonces(&addresses)?;
        let rich: Vec<Funder> = funders
            .iter()
            .zip(balances)
            .filter(|(_, balance)| !balance.is_zero())
            .map(|(account, balance)| Funder { account: *account, balance })
            .collect();
        if rich.is_empty() {
            return Err(LoadError::NoFunds { accounts: funders.len() });
        }
        let nonces = addresses.into_iter().zip(nonces).collect();
        Ok(Self { client, chain_id, timeout, funders: rich, nonces, waiting: Vec::new() })
    }

    fn owned(&self) -> U256 {
        self.funders.iter().map(|funder| funder.balance).sum()
    }

    /// Who deploys: the first who has something.
    pub(super) fn deployer(&self) -> Account {
        self.funders[0].account
    }

    pub(super) fn order(
        &mut self,
        from: Account,
        to: TxKind,
        value: U256,
        input: Bytes,
        gas_limit: u64,
    ) -> u64 {
        let next = self.nonces.entry(from.address).or_default();
        let nonce = *next;
        *next += 1;
        self.waiting.push(Order { from, nonce, to, value, input, gas_limit });
        nonce
    }

    fn call(&mut self, from: Account, to: Address, input: Bytes) {
        self.order(from, to.into(), U256::ZERO, input, CALL_GAS);
    }

    fn create(&mut self, code: Bytes) -> Address {
        let from = self.deployer();
        let nonce = self.order(from, TxKind::Create, U256::ZERO, code, DEPLOY_GAS);
        from.address.create(nonce)
    }

    /// Gives each sender what it lacks.
    fn fund(&mut self, plan: &Plan) -> Result<(), LoadError> {
        let addresses: Vec<Address> = plan.senders.iter().map(|it| it.account.address).collect();
        let balances = self.client.balances(&addresses)?;
        let nonces = self.client.nonces(&addresses)?;
        self.nonces.extend(addresses.iter().copied().zip(nonces));
        for (number, (to, balance)) in addresses.into_iter().zip(balances).enumerate() {
            let sent = plan.sent_by(number);
            // Getting ready comes on top of what is measured.
            let gas = gas_of_sender(plan.kind, sent) + plan.kind.gas_of_preparation();
            let need = U256::from(gas) * U256::from(plan.fees.max) + U256::from(sent * VALUE);
            let lack = need.saturating_sub(balance);
            if lack.is_zero() {
                continue;
            }
            let richest = self.funders.iter_mut().max_by_key(|funder| funder.balance);
            let richest = richest.filter(|funder| funder.balance > lack);
            let Some(Funder { account, balance }) = richest else {
                let ether = |wei: U256| f64::from(wei) / 1e18;
                let needed = need * U256::from(plan.senders.len());
                return Err(LoadError::TooPoor {
                    owned: ether(self.owned()),
                    needed: ether(needed),
                });
            };
            *balance -= lack;
            let from = *account;
            self.order(from, to.into(), lack, Bytes::new(), TRANSFER_GAS);
        }
        self.flush("funding senders")
    }

    /// Deploys what the workload needs, and hands out tokens.
    fn deploy(&mut self, plan: &mut Plan) -> Result<(), LoadError> {
        let deployer = self.deployer();
        plan.contracts.deployer = deployer.address;
        if plan.kind == LoadKind::Venue {
            plan.contracts.venue = Some(Venue::deploy(self, &plan.senders)?);
            return Ok(());
        }
        let supply = token_supply();
        if plan.kind.has_token() {
            plan.contracts.token = self.create(creation(&TOKEN, &[supply]));
        }
        if plan.kind == LoadKind::Mixed {
            plan.contracts.counter = self.create(COUNTER.clone());
        }
        if plan.kind.has_pools() {
            for _ in 0..POOLS {
                let tokens = [(); 2].map(|()| self.create(creation(&TOKEN, &[supply])));
                let address = self.create(creation(&POOL, &tokens.map(word)));
                plan.contracts.pools.push(Pool { address, tokens });
            }
        }
        self.flush("deploying contracts")?;
        for Pool { address, tokens } in &plan.contracts.pools {
            for token in tokens {
                self.call(deployer, *token, approve(*address));
            }
            let funds = [U256::from(RESERVE); 2];
            self.call(deployer, *address, call("fund(uint256,uint256)", &funds));
        }
        for sender in &plan.senders {
            let give = call(
                "transfer(address,uint256)",
                &[word(sender.account.address), U256::from(HOLDING)],
            );
            if plan.kind.has_token() {
                self.call(deployer, plan.contracts.token, give.clone());
            }
            if let Some(Pool { tokens, .. }) = plan.contracts.pools.get(sender.pool) {
                tokens.iter().for_each(|token| self.call(deployer, *token, give.clone()));
            }
        }
        self.flush("handing out tokens")?;
        for sender in &plan.senders {
            if let Some(Pool { address, tokens }) = plan.contracts.pools.get(sender.pool) {
                let approval = approve(*address);
                tokens.iter().for_each(|token| self.call(sender.account, *token, approval.clone()));
            }
        }
        self.flush("approving pools")
    }

    /// Sends all that was ordered, and waits until it is done.
    pub(super) fn flush(&mut self, what: &'static str) -> Result<(), LoadError> {
        let orders = std::mem::take(&mut self.waiting);
        if orders.is_empty() {
            return Ok(());
        }
        let bar = progress::bar(what, orders.len() as u64);
        for chunk in orders.chunks(CHUNK) {
            let head: Head = self.client.call("eth_getBlockByNumber", json!(["latest", false]))?;
            let base_fee: u128 = head.base_fee_per_gas.unwrap_or_default().saturating_to();
            let signed: Vec<Signed> = chunk
                .iter()
                .map(|order| {
                    order.from.sign(&TxEip1559 {
                        chain_id: self.chain_id,
                        nonce: order.nonce,
                        gas_limit: order.gas_limit,
                        max_fee_per_gas: base_fee * 8 + TIP,
                        max_priority_fee_per_gas: TIP,
                        to: order.to,
                        value: order.value,
                        input: order.input.clone(),
                        ..TxEip1559::default()
                    })
                })
                .collect();
            self.send(what, &signed)?;
            bar.inc(chunk.len() as u64);
        }
        bar.finish_and_clear();
        Ok(())
    }

    fn send(&mut self, what: &'static str, signed: &[Signed]) -> Result<(), LoadError> {
        let failed = |reason: String| LoadError::Preparation(format!("{what}: {reason}"));
        let raw: Vec<Value> =
            signed.iter().map(|signed| json!([hex::encode_prefixed(&signed.bytes)])).collect();
        for answer in self.client.batch("eth_sendRawTransaction", &raw)? {
            answer.map_err(failed)?;
        }
        let mut waiting: Vec<Value> = signed.iter().map(|signed| json!([signed.hash])).collect();
        let mut progress = Instant::now();
        while !waiting.is_empty() {
            thread::sleep(POLL_INTERVAL);
            // The last one is enough to see that nothing has happened yet.
            let last = waiting.len() - 1;
            let method = "eth_getTransactionReceipt";
            let receipt: Option<Receipt> = self.client.call(method, waiting[last].clone())?;
            if receipt.is_none() && progress.elapsed() < self.timeout {
                continue;
            }
            let receipts: Vec<Option<Receipt>> = self.client.all(method, &waiting)?;
            let before = waiting.len();
            if receipts.iter().flatten().any(|receipt| receipt.status == Some(U256::ZERO)) {
                return Err(failed("a transaction was mined and failed".to_owned()));
            }
            let mut is_open = receipts.iter().map(Option::is_none);
            waiting.retain(|_| is_open.next().unwrap_or(true));
            if waiting.len() < before {
                progress = Instant::now();
            } else if progress.elapsed() >= self.timeout {
                let seconds = self.timeout.as_secs();
                let count = waiting.len();
                return Err(failed(format!("{count} transactions not mined in {seconds} s")));
            }
        }
        Ok(())
    }
}

/// Of each token, in its smallest unit.
pub(super) fn token_supply() -> U256 {
    U256::from(1) << 128
}

fn approve(spender: Address) -> Bytes {
    call("approve(address,uint256)", &[word(spender), U256::MAX])
}
