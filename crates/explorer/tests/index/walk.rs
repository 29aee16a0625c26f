//! What a chain holds, found by asking its JSON-RPC block after block.

use crate::chain::TestChain;
use alloy_primitives::{Address, B256, Bytes, U256, keccak256};
use heddle_explorer::{AddressFigures, Class, Creation, HourFigures, Place};
use serde::de::DeserializeOwned;
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};

/// A call within a transaction, as callTracer tells it.
#[derive(Debug, PartialEq, Eq)]
pub(crate) struct Call {
    pub(crate) kind: String,
    pub(crate) from: Address,
    pub(crate) to: Address,
    pub(crate) value: U256,
    pub(crate) gas: u64,
    pub(crate) gas_used: u64,
    pub(crate) selector: Bytes,
    pub(crate) reverted: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Moved {
    pub(crate) place: Place,
    pub(crate) transaction: u64,
    pub(crate) token: Address,
    pub(crate) class: Class,
    pub(crate) from: Address,
    pub(crate) to: Address,
    pub(crate) id: U256,
    pub(crate) amount: U256,
}

#[derive(Debug, Default)]
pub(crate) struct BlockFacts {
    pub(crate) hash: B256,
    pub(crate) transactions: u64,
    pub(crate) failed: u64,
    pub(crate) logs: u64,
    pub(crate) internal: u64,
    pub(crate) transfers: u64,
    pub(crate) contracts: u64,
    pub(crate) burned: U256,
    pub(crate) tips: U256,
    pub(crate) critical_gas: u64,
    pub(crate) waiting: u64,
    /// Transactions that waited for a slot, and their gas.
    pub(crate) waits: BTreeMap<(Address, U256), (u64, u64)>,
}

#[derive(Debug, Default)]
pub(crate) struct Walk {
    pub(crate) roles: BTreeMap<Address, BTreeMap<Place, u8>>,
    pub(crate) internal: BTreeMap<Address, BTreeSet<Place>>,
    pub(crate) calls: BTreeMap<Place, Call>,
    pub(crate) logs: BTreeMap<Address, Vec<Place>>,
    pub(crate) topics: BTreeMap<B256, Vec<(Place, usize, Address)>>,
    pub(crate) moved: Vec<Moved>,
    pub(crate) created: BTreeMap<Place, Address>,
    pub(crate) creations: BTreeMap<Address, Creation>,
    pub(crate) figures: BTreeMap<Address, AddressFigures>,
    pub(crate) blocks: BTreeMap<u64, BlockFacts>,
    pub(crate) hours: BTreeMap<u64, HourFigures>,
    /// Contracts that ended somewhere.
    pub(crate) ended: BTreeSet<Address>,
}

/// Asks a node.
pub(crate) struct Node<'c> {
    chain: &'c TestChain,
    runtime: tokio::runtime::Runtime,
}

impl<'c> Node<'c> {
    pub(crate) fn new(chain: &'c TestChain) -> Self {
        let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).build();
        Self { chain, runtime: runtime.unwrap() }
    }

    pub(crate) fn try_ask<T: DeserializeOwned>(
        &self,
        method: &str,
        arguments: Value,
    ) -> Result<T, String> {
        let answer = self.runtime.block_on(self.chain.rpc.call(method, arguments));
        let answer = answer.map_err(|error| format!("{method}: {error}"))?;
        serde_json::from_str(answer.get()).map_err(|error| error.to_string())
    }

    pub(crate) fn ask<T: DeserializeOwned>(&self, method: &str, arguments: Value) -> T {
        self.try_ask(method, arguments).unwrap()
    }

    /// A view function that returns one word, after a block.
    pub(crate) fn word(
        &self,
        contract: Address,
        function: &str,
        arguments: &[B256],
        block: &str,
    ) -> Option<U256> {
        let mut input = keccak256(function)[..4].to_vec();
        arguments.iter().for_each(|argument| input.extend_from_slice(argument.as_slice()));
        let call = json!([{ "to": contract, "data": Bytes::from(input) }, block]);
        let output: Bytes = self.try_ask("eth_call", call).ok()?;
        (output.len() == 32).then(|| U256::from_be_slice(&output))
    }
}

fn address(value: &Value) -> Address {
    value.as_str().unwrap().parse().unwrap()
}

fn quantity(value: &Value) -> U256 {
    value.as_str().map_or(U256::ZERO, |text| text.parse().unwrap())
}

fn long(value: &Value) -> u64 {
    quantity(value).to()
}

pub(crate) fn walk(chain: &TestChain) -> Walk {
    let node = Node::new(chain);
    let mut walk = Walk::default();
    let head = long(&node.ask("eth_blockNumber", json!([])));
    for number in 0..=head {
        walk.block(&node, number);
    }
    for contract in walk.ended.clone() {
        // What is gone by the end of the chain, was destroyed: nobody creates it again unseen.
        let code: Bytes = node.ask("eth_getCode", json!([contract, "latest"]));
        if let Some(creation) = walk.creations.get_mut(&contract) {
            creation.destroyed = code.is_empty();
        }
    }
    walk
}

impl Walk {
    fn block(&mut self, node: &Node<'_>, number: u64) {
        let tag = format!("{number:#x}");
        let block: Value = node.ask("eth_getBlockByNumber", json!([tag, true]));
        let receipts: Vec<Value> = node.ask("eth_getBlockReceipts", json!([tag]));
        let mut facts = BlockFacts {
            hash: block["hash"].as_str().unwrap().parse().unwrap(),
            transactions: receipts.len() as u64,
            ..BlockFacts::default()
        };
        let base_fee = quantity(&block["baseFeePerGas"]);
        for (index, (transaction, receipt)) in
            block["transactions"].as_array().unwrap().iter().zip(&receipts).enumerate()
        {
            let place = Place { block: number, index: index as u32, item: 0 };
            self.transaction(place, transaction, receipt, &mut facts);
            let gas = quantity(&receipt["gasUsed"]);
            facts.burned += base_fee * gas;
            facts.tips += (quantity(&receipt["effectiveGasPrice"]) - base_fee) * gas;
            for log in receipt["logs"].as_array().unwrap() {
                self.log(number, index as u64, log, &mut facts);
            }
        }
        if number > 0 {
            let traced = json!([tag, { "tracer": "callTracer" }]);
            let traces: Vec<Value> = node.ask("debug_traceBlockByNumber", traced);
            for (index, trace) in traces.iter().enumerate() {
                let place = Place { block: number, index: index as u32, item: 0 };
                let sender = address(&receipts[index]["from"]);
                let failed = trace["result"]["error"].is_string();
                let mut next = 0;
                self.calls(&trace["result"], place, &mut next, failed, sender, &mut facts);
            }
            waiting(node, &tag, &receipts, &mut facts);
        }
        let hour = self.hours.entry(long(&block["timestamp"]) / 3600).or_default();
        hour.blocks += 1;
        hour.transactions += facts.transactions;
        hour.failed += facts.failed;
        hour.gas_used += long(&block["gasUsed"]);
        hour.burned += facts.burned;
        hour.tips += facts.tips;
        hour.base_fees += base_fee;
        hour.transfers += facts.transfers;
        hour.contracts += facts.contracts;
        self.blocks.insert(number, facts);
    }

    fn transaction(
        &mut self,
        place: Place,
        transaction: &Value,
        receipt: &Value,
        facts: &mut BlockFacts,
    ) {
        let sender = address(&transaction["from"]);
        let success = long(&receipt["status"]) == 1;
        facts.failed += u64::from(!success);
        let (other, role) = match transaction["to"].as_str() {
            Some(to) => (to.parse().unwrap(), 2),
            None => (address(&receipt["contractAddress"]), 4),
        };
        *self.roles.entry(sender).or_default().entry(place).or_default() |= 1;
        *self.roles.entry(other).or_default().entry(place).or_default() |= role;
        let gas = long(&receipt["gasUsed"]);
        let figures = self.figures.entry(sender).or_default();
        figures.sent += 1;
        figures.fees += quantity(&receipt["effectiveGasPrice"]) * U256::from(gas);
        self.figures.entry(other).or_default().gas += gas;
        if role == 4 && success {
            self.create(other, sender, sender, place, facts);
        }
    }

    fn create(
        &mut self,
        contract: Address,
        sender: Address,
        creator: Address,
        place: Place,
        facts: &mut BlockFacts,
    ) {
        facts.contracts += 1;
        self.created.insert(place, contract);
        let creation = Creation {
            sender,
            creator,
            block: place.block,
            transaction: place.index.into(),
            frame: place.item.into(),
            destroyed: false,
        };
        self.creations.insert(contract, creation);
    }

    fn log(&mut self, block: u64, transaction: u64, log: &Value, facts: &mut BlockFacts) {
        facts.logs += 1;
        let of = address(&log["address"]);
        let place = Place { block, index: long(&log["logIndex"]) as u32, item: 0 };
        self.logs.entry(of).or_default().push(place);
        self.figures.entry(of).or_default().logs += 1;
        let topics: Vec<B256> = serde_json::from_value(log["topics"].clone()).unwrap();
        for (position, topic) in topics.iter().enumerate() {
            if !topics[..position].contains(topic) {
                self.topics.entry(*topic).or_default().push((place, position, of));
            }
        }
        let data: Bytes = serde_json::from_value(log["data"].clone()).unwrap();
        let words: Vec<U256> = data.chunks(32).map(U256::from_be_slice).collect();
        let event = topics.first().copied().unwrap_or_default();
        let account = |at: usize| Address::from_word(topics[at]);
        let is = |signature: &str| event == keccak256(signature);
        let one = U256::ONE;
        let zero = U256::ZERO;
        let found: Vec<(Class, Address, Address, U256, U256)> =
            if is("Transfer(address,address,uint256)") {
                match topics.len() {
                    3 => vec![(Class::Erc20, account(1), account(2), zero, words[0])],
                    _ => vec![(Class::Erc721, account(1), account(2), topics[3].into(), one)],
                }
            } else if is("Deposit(address,uint256)") {
                vec![(Class::Erc20, Address::ZERO, account(1), zero, words[0])]
            } else if is("Withdrawal(address,uint256)") {
                vec![(Class::Erc20, account(1), Address::ZERO, zero, words[0])]
            } else if is("TransferSingle(address,address,address,uint256,uint256)") {
                vec![(Class::Erc1155, account(2), account(3), words[0], words[1])]
            } else if is("TransferBatch(address,address,address,uint256[],uint256[])") {
                let count: usize = words[2].to();
                let item = |at: usize| (words[3 + at], words[4 + count + at]);
                let items = (0..count).map(item);
                items.map(|(id, n)| (Class::Erc1155, account(2), account(3), id, n)).collect()
            } else {
                Vec::new()
            };
        for (item, (class, from, to, id, amount)) in found.into_iter().enumerate() {
            facts.transfers += 1;
            let place = Place { item: item as u32, ..place };
            let token = of;
            self.moved.push(Moved { place, transaction, token, class, from, to, id, amount });
            for who in BTreeSet::from([from, to]) {
                if who.is_zero() {
                    continue;
                }
                let figures = self.figures.entry(who).or_default();
                match class {
                    Class::Erc20 => figures.erc20 += 1,
                    Class::Erc721 => figures.erc721 += 1,
                    Class::Erc1155 => figures.erc1155 += 1,
                }
            }
        }
    }

    fn calls(
        &mut self,
        frame: &Value,
        at: Place,
        next: &mut u32,
        failed: bool,
        sender: Address,
        facts: &mut BlockFacts,
    ) {
        let place = Place { item: *next, ..at };
        *next += 1;
        let kind = frame["type"].as_str().unwrap();
        let own_error = frame["error"].is_string();
        let reverted = failed || own_error;
        let to = frame["to"].as_str().map(|to| to.parse::<Address>().unwrap());
        let from = address(&frame["from"]);
        if place.item > 0 && kind != "STATICCALL" {
            facts.internal += 1;
            for who in [Some(from), to].into_iter().flatten().collect::<BTreeSet<_>>() {
                self.internal.entry(who).or_default().insert(place);
                self.figures.entry(who).or_default().internal += 1;
            }
            let input: Bytes = serde_json::from_value(frame["input"].clone()).unwrap();
            let is_creation = kind.starts_with("CREATE");
            let selector = match input.get(..4) {
                Some(selector) if !is_creation => Bytes::copy_from_slice(selector),
                _ => Bytes::new(),
            };
            let call = Call {
                kind: kind.to_owned(),
                from,
                to: to.unwrap_or_default(),
                value: quantity(&frame["value"]),
                gas: long(&frame["gas"]),
                gas_used: long(&frame["gasUsed"]),
                selector,
                reverted,
            };
            self.calls.insert(place, call);
            if is_creation && !reverted {
                self.create(to.unwrap(), sender, from, place, facts);
            }
        }
        if kind == "SELFDESTRUCT" && !reverted {
            self.ended.insert(from);
        }
        for inner in frame["calls"].as_array().into_iter().flatten() {
            self.calls(inner, at, next, reverted, sender, facts);
        }
    }

    pub(crate) fn print(&self) {
        println!(
            "{} addresses, {} internal calls ({} without effect), {} logs, {} transfers, {} \
             creations, {} ended; {} waited",
            self.figures.len(),
            self.calls.len(),
            self.calls.values().filter(|call| call.reverted).count(),
            self.logs.values().map(Vec::len).sum::<usize>(),
            self.moved.len(),
            self.created.len(),
            self.ended.len(),
            self.blocks.values().map(|block| block.waiting).sum::<u64>(),
        );
    }
}

/// Who waited for whom, by the slots that prestateTracer saw.
fn waiting(node: &Node<'_>, tag: &str, receipts: &[Value], facts: &mut BlockFacts) {
    let trace = |diff: bool| -> Vec<Value> {
        let options = json!({ "tracer": "prestateTracer", "tracerConfig": {
            "diffMode": diff, "disableCode": true } });
        node.ask("debug_traceBlockByNumber", json!([tag, options]))
    };
    let slots = |state: &Value| -> BTreeSet<(Address, U256)> {
        let accounts = state.as_object().unwrap();
        let of = |(account, entry): (&String, &Value)| {
            let account: Address = account.parse().unwrap();
            let keys: Vec<String> = entry["storage"]
                .as_object()
                .map(|slots| slots.keys().cloned().collect())
                .unwrap_or_default();
            keys.into_iter().map(move |key| (account, key.parse().unwrap()))
        };
        accounts.iter().flat_map(of).collect()
    };
    let (looked, changed) = (trace(false), trace(true));
    let (mut sets, mut ends) = (Vec::new(), Vec::new());
    for (index, receipt) in receipts.iter().enumerate() {
        let reads = slots(&looked[index]["result"]);
        let diff = &changed[index]["result"];
        let writes: BTreeSet<_> =
            slots(&diff["pre"]).union(&slots(&diff["post"])).copied().collect();
        let sender = address(&receipt["from"]);
        let gas = long(&receipt["gasUsed"]);
        let (mut start, mut waited) = (0, false);
        let mut seen = BTreeSet::new();
        let mut same_sender = true;
        for (before, (writes, of)) in sets.iter().enumerate().rev() {
            let writes: &BTreeSet<(Address, U256)> = writes;
            for slot in reads.intersection(writes) {
                // The last one that wrote it counts.
                if seen.insert(*slot) {
                    let wait = facts.waits.entry(*slot).or_default();
                    *wait = (wait.0 + 1, wait.1 + gas);
                    start = start.max(ends[before]);
                    waited = true;
                }
            }
            if *of == sender && same_sender {
                same_sender = false;
                start = start.max(ends[before]);
            }
        }
        facts.waiting += u64::from(waited);
        ends.push(start + gas);
        sets.push((writes, sender));
    }
    facts.critical_gas = ends.into_iter().max().unwrap_or_default();
}
