//! What is sent: every transaction follows from the plan and its number alone, so any thread can
//! sign any part, and two nodes can be given the same bytes.

use super::{
    account::{Account, Signed},
    venue::{self, Venue},
};
use crate::bench::{
    random::Random,
    workload::contracts::{COUNTER, call, word},
};
use alloy_consensus::TxEip1559;
use alloy_primitives::{Address, B256, Bytes, TxKind, U256, hex};
use std::io::Write as _;

/// Which transactions there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum LoadKind {
    /// Plain transfers.
    Transfers,
    /// Transfers of one ERC-20 token.
    Erc20,
    /// Swaps in 64 constant-product pools; senders choose theirs by a Zipf distribution of exponent
    /// 1.2.
    Amm,
    /// 45 % plain transfers, 15 % transfers of one token, 30 % swaps as in `amm`, 4 % contract
    /// creations, 3 % token approvals, 3 % calls of one counter.
    Mixed,
    /// The venue (contracts/src), at prices that do not change: 22 % transfers of 2 tokens, 12 % swaps
    /// in 16 constant-product pools, of which senders choose theirs by a Zipf distribution of exponent
    /// 1.2, 12 % in one pool of 16 shards, 8 % in 4 pools of concentrated liquidity; 8 % supplies, 6 %
    /// withdrawals, 7 % loans, 7 % repayments in a lending pool of 16 shards; 5 % stakes, 3 %
    /// unstakes, 4 % claims in 4 farms; 6 % plain transfers.
    Venue,
}

impl LoadKind {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Transfers, Self::Erc20, Self::Amm, Self::Mixed, Self::Venue];

    /// Its name on the command line and in the report.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Transfers => "transfers",
            Self::Erc20 => "erc20",
            Self::Amm => "amm",
            Self::Mixed => "mixed",
            Self::Venue => "venue",
        }
    }

    /// The most gas that one of its transactions may use.
    pub(super) const fn gas_max(self) -> u64 {
        match self {
            Self::Transfers => TRANSFER_GAS,
            Self::Erc20 => TOKEN_TRANSFER_GAS,
            Self::Amm => SWAP_GAS,
            Self::Mixed => CREATE_GAS,
            Self::Venue => venue::GAS_MAX,
        }
    }

    /// The gas that its transactions may use on average, as their limits say.
    pub(super) const fn gas_mean(self) -> u64 {
        match self {
            Self::Mixed => {
                (45 * TRANSFER_GAS
                    + 15 * TOKEN_TRANSFER_GAS
                    + 30 * SWAP_GAS
                    + 4 * CREATE_GAS
                    + 3 * APPROVE_GAS
                    + 3 * COUNT_GAS)
                    / 100
            }
            Self::Venue => venue::GAS_MEAN,
            alone => alone.gas_max(),
        }
    }

    /// Gas that a sender may use to get ready.
    pub(super) const fn gas_of_preparation(self) -> u64 {
        match self {
            Self::Venue => venue::PREPARATION_GAS,
            _ => APPROVALS_GAS,
        }
    }

    /// Whether there is a token of its own.
    pub(super) const fn has_token(self) -> bool {
        matches!(self, Self::Erc20 | Self::Mixed)
    }

    /// Whether there are pools.
    pub(super) const fn has_pools(self) -> bool {
        matches!(self, Self::Amm | Self::Mixed)
    }
}

/// Wei that each plain transfer carries: always as many, so that what the recipients have got says
/// how many arrived.
pub(super) const VALUE: u64 = 1_000_000_000;

/// What each transfer of tokens carries, for the same reason.
pub(super) const TOKEN_VALUE: u64 = 1_000_000_000_000;

/// What a swap puts in.
const SWAP_MIN: u64 = 1_000_000_000_000_000;
const SWAP_MAX: u64 = 1_000_000_000_000_000_000;

// Gas limits: what a call uses at most, when the recipient is new, and a fifth more.
pub(super) const TRANSFER_GAS: u64 = 21_000;
const TOKEN_TRANSFER_GAS: u64 = 65_000;
const SWAP_GAS: u64 = 110_000;
const CREATE_GAS: u64 = 200_000;
const APPROVE_GAS: u64 = 60_000;
const COUNT_GAS: u64 = 80_000;

/// What approving the two tokens of a pool takes at most.
const APPROVALS_GAS: u64 = 300_000;

/// A pool and its tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Pool {
    pub(super) address: Address,
    pub(super) tokens: [Address; 2],
}

/// What was deployed before.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Contracts {
    /// Who deployed them, and has what tokens were not handed out.
    pub(super) deployer: Address,
    pub(super) token: Address,
    pub(super) counter: Address,
    pub(super) pools: Vec<Pool>,
    pub(super) venue: Option<Venue>,
}

/// Who sends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Sender {
    pub(super) account: Account,
    /// Of its first transaction.
    pub(super) nonce: u64,
    /// Which pool it trades in; in the venue, which of the tail.
    pub(super) pool: usize,
}

/// What a unit of gas may cost, in wei.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Fees {
    pub(super) max: u128,
    pub(super) tip: u128,
}

/// All that the transactions follow from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Plan {
    pub(super) kind: LoadKind,
    pub(super) seed: u64,
    pub(super) chain_id: u64,
    pub(super) transactions: u64,
    /// Transactions of one request.
    pub(super) batch: u64,
    pub(super) connections: u64,
    pub(super) fees: Fees,
    pub(super) senders: Vec<Sender>,
    pub(super) recipients: Vec<Address>,
    pub(super) contracts: Contracts,
}

/// A request, made before the clock starts.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Batch {
    /// Number of its first transaction.
    pub(super) first: u64,
    /// The JSON that is sent.
    pub(super) body: Vec<u8>,
    pub(super) hashes: Vec<B256>,
}

impl Plan {
    /// How many requests there are. They go round the connections in turn.
    pub(super) const fn batches(&self) -> u64 {
        self.transactions.div_ceil(self.batch)
    }

    /// How many transactions a request has.
    const fn batch_size(&self, batch: u64) -> u64 {
        let after = self.transactions.saturating_sub(batch * self.batch);
        if after < self.batch { after } else { self.batch }
    }

    /// The senders of a connection. A sender keeps to one, so that its nonces arrive in order.
    const fn senders_of(&self, connection: u64) -> u64 {
        (self.senders.len() as u64 + self.connections - 1 - connection) / self.connections
    }

    /// How many transactions a connection sends.
    const fn sent_over(&self, connection: u64) -> u64 {
        let whole = self.transactions / self.batch;
        let turns = (whole + self.connections - 1 - connection) / self.connections;
        let rest =
            if whole % self.connections == connection { self.transactions % self.batch } else { 0 };
        turns * self.batch + rest
    }

    /// How many transactions a sender sends.
    pub(super) const fn sent_by(&self, sender: usize) -> u64 {
        let connection = sender as u64 % self.connections;
        let (place, of) = (sender as u64 / self.connections, self.senders_of(connection));
        (self.sent_over(connection) + of - 1 - place) / of
    }

    /// The most transactions that one sender sends.
    pub(super) fn sent_by_one_max(&self) -> u64 {
        (0..self.senders.len()).map(|sender| self.sent_by(sender)).max().unwrap_or_default()
    }

    /// Signs the transactions of a request and makes its body.
    pub(super) fn sign(&self, batch: u64) -> Batch {
        let size = self.batch_size(batch);
        let (connection, turn) = (batch % self.connections, batch / self.connections);
        let of = self.senders_of(connection);
        let mut random = Random::new(self.seed ^ batch.wrapping_mul(0xd134_2543_de82_ef95));
        let mut body = Vec::with_capacity(size as usize * 360);
        let mut hashes = Vec::with_capacity(size as usize);
        let is_array = self.batch > 1;
        body.extend_from_slice(if is_array { b"[" } else { b"" });
        for place in 0..size {
            let number = turn * self.batch + place;
            let sender = (number % of) * self.connections + connection;
            let sender = &self.senders[sender as usize];
            let transaction = self.transaction(sender, number / of, &mut random);
            let signed = sender.account.sign(&transaction);
            if place > 0 {
                body.push(b',');
            }
            write_call(&mut body, place, &signed);
            hashes.push(signed.hash);
        }
        body.extend_from_slice(if is_array { b"]" } else { b"" });
        Batch { first: batch * self.batch, body, hashes }
    }

    /// The sender's transaction with this number, counted from zero.
    fn transaction(&self, sender: &Sender, number: u64, random: &mut Random) -> TxEip1559 {
        let recipient = self.recipients[random.below(self.recipients.len() as u64) as usize];
        let (to, value, input, gas_limit) = match self.kind {
            LoadKind::Transfers => transfer(recipient),
            LoadKind::Erc20 => self.transfer_token(recipient),
            LoadKind::Amm => self.swap(sender, random),
            LoadKind::Mixed => match random.below(100) {
                0..45 => transfer(recipient),
                45..60 => self.transfer_token(recipient),
                60..90 => self.swap(sender, random),
                90..94 => (TxKind::Create, 0, COUNTER.clone(), CREATE_GAS),
                94..97 => {
                    let data = call("approve(address,uint256)", &[word(recipient), U256::from(1)]);
                    (self.contracts.token.into(), 0, data, APPROVE_GAS)
                }
                _ => (self.contracts.counter.into(), 0, call("increment()", &[]), COUNT_GAS),
            },
            LoadKind::Venue => self.in_venue(sender, recipient, random),
        };
        TxEip1559 {
            chain_id: self.chain_id,
            nonce: sender.nonce + number,
            gas_limit,
            max_fee_per_gas: self.fees.max,
            max_priority_fee_per_gas: self.fees.tip,
            to,
            value: U256::from(value),
            input,
            ..TxEip1559::default()
        }
    }

    fn in_venue(
        &self,
        sender: &Sender,
        recipient: Address,
        random: &mut Random,
    ) -> (TxKind, u64, Bytes, u64) {
        let venue = self.contracts.venue.as_ref().expect("the venue is deployed before");
        match venue.call(sender, recipient, random) {
            Some((to, data, gas_limit)) => (to.into(), 0, data, gas_limit),
            None => transfer(recipient),
        }
    }

    fn transfer_token(&self, to: Address) -> (TxKind, u64, Bytes, u64) {
        let data = call("transfer(address,uint256)", &[word(to), U256::from(TOKEN_VALUE)]);
        (self.contracts.token.into(), 0, data, TOKEN_TRANSFER_GAS)
    }

    /// A swap in the sender's pool. It is content with whatever it gets: prices drift in a long
    /// run, and a swap that fails for that would say nothing of the node.
    fn swap(&self, sender: &Sender, random: &mut Random) -> (TxKind, u64, Bytes, u64) {
        let pool = &self.contracts.pools[sender.pool];
        let token_in = pool.tokens[usize::from(random.below(2) == 1)];
        let amount = U256::from(random.between(SWAP_MIN, SWAP_MAX));
        let arguments = [word(token_in), amount, U256::from(1), word(sender.account.address)];
        let data = call("swap(address,uint256,uint256,address)", &arguments);
        (pool.address.into(), 0, data, SWAP_GAS)
    }
}

fn transfer(to: Address) -> (TxKind, u64, Bytes, u64) {
    (to.into(), VALUE, Bytes::new(), TRANSFER_GAS)
}

/// Appends a call of `eth_sendRawTransaction` whose number is its place in the batch.
fn write_call(body: &mut Vec<u8>, place: u64, signed: &Signed) {
    // Writing into memory cannot fail.
    let _ = write!(
        body,
        r#"{{"jsonrpc":"2.0","id":{place},"method":"eth_sendRawTransaction","params":["0x"#
    );
    let start = body.len();
    body.resize(start + 2 * signed.bytes.len(), 0);
    hex::encode_to_slice(&signed.bytes, &mut body[start..]).expect("it has twice the length");
    body.extend_from_slice(br#""]}"#);
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use alloy_consensus::{Transaction as _, TxEnvelope, transaction::SignerRecoverable};
    use alloy_eips::eip2718::Decodable2718;
    use proptest::prelude::*;
    use serde_json::Value;
    use std::collections::BTreeMap;

    pub(crate) fn plan(
        kind: LoadKind,
        transactions: u64,
        batch: u64,
        connections: u64,
        senders: u64,
    ) -> Plan {
        let pool = Pool {
            address: Address::repeat_byte(3),
            tokens: [Address::repeat_byte(4), Address::repeat_byte(5)],
        };
        Plan {
            kind,
            seed: 7,
            chain_id: 31_337,
            transactions,
            batch,
            connections,
            fees: Fees { max: 10, tip: 1 },
            senders: (0..senders)
                .map(|number| Sender { account: Account::of_seed(7, number), nonce: 3, pool: 0 })
                .collect(),
            recipients: vec![Address::repeat_byte(1), Address::repeat_byte(2)],
            contracts: Contracts {
                pools: vec![pool],
                venue: Some(venue::tests::anywhere()),
                ..Contracts::default()
            },
        }
    }

    /// The transactions of a body.
    pub(crate) fn decode(body: &[u8]) -> Vec<TxEnvelope> {
        let value: Value = serde_json::from_slice(body).unwrap();
        let calls = if value.is_array() { value.as_array().unwrap().clone() } else { vec![value] };
        calls
            .iter()
            .enumerate()
            .map(|(place, call)| {
                assert_eq!(call["id"], place);
                assert_eq!(call["method"], "eth_sendRawTransaction");
                let bytes = hex::decode(call["params"][0].as_str().unwrap()).unwrap();
                TxEnvelope::decode_2718_exact(&bytes).unwrap()
            })
            .collect()
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(24))]

        /// Each sender's nonces follow each other without a gap, on one connection, and as many as
        /// the plan says; all transactions are there.
        #[test]
        fn every_sender_sends_its_nonces_in_order_on_one_connection(
            transactions in 1_u64..80, batch in 1_u64..9, connections in 1_u64..4, more in 0_u64..6,
        ) {
            let plan = plan(LoadKind::Transfers, transactions, batch, connections, connections + more);
            let mut sent: BTreeMap<Address, (u64, u64)> = BTreeMap::new();
            let mut total = 0;
            for number in 0..plan.batches() {
                let signed = plan.sign(number);
                prop_assert_eq!(signed.first, total);
                for (transaction, hash) in decode(&signed.body).iter().zip(&signed.hashes) {
                    prop_assert_eq!(transaction.tx_hash(), hash);
                    let from = transaction.recover_signer().unwrap();
                    let entry = sent.entry(from).or_insert((3, number % connections));
                    prop_assert_eq!(*entry, (transaction.nonce(), number % connections));
                    entry.0 += 1;
                    total += 1;
                }
            }
            prop_assert_eq!(total, transactions);
            for (number, sender) in plan.senders.iter().enumerate() {
                let next = sent.get(&sender.account.address).map_or(3, |(next, _)| *next);
                prop_assert_eq!(next - 3, plan.sent_by(number));
            }
        }
    }

    #[test]
    fn the_same_plan_gives_the_same_bytes_and_another_seed_others() {
        for kind in LoadKind::ALL {
            let one = plan(kind, 40, 20, 2, 4);
            assert_eq!(one.sign(1), one.sign(1));
            let other = Plan { seed: 8, ..one.clone() };
            assert_ne!(other.sign(1).body, one.sign(1).body, "{kind:?}");
        }
    }

    #[test]
    fn gas_limits_are_within_what_is_reckoned_with() {
        for kind in LoadKind::ALL {
            let plan = plan(kind, 400, 400, 1, 4);
            let limits: Vec<u64> =
                decode(&plan.sign(0).body).iter().map(|tx| tx.gas_limit()).collect();
            assert!(limits.iter().all(|limit| *limit <= kind.gas_max()), "{kind:?}");
            let mean = limits.iter().sum::<u64>() as f64 / limits.len() as f64;
            let off = mean / kind.gas_mean() as f64 - 1.0;
            assert!(off.abs() < 0.15, "{kind:?}: {mean} instead of {}", kind.gas_mean());
        }
    }
}
