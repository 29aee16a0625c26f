//! The workload `venue`: the venue's contracts on a node, and what senders do in them.
//!
//! Prices come from feeds that always answer the same, as a committee of reporters would have to be
//! announced a day before. So nobody is liquidated, and whatever is sent succeeds at any time.

use super::{LoadError, check::Check, client::Client, plan::Sender, prepare::Desk};
use crate::bench::{
    random::Random,
    workload::{
        contracts::FEED,
        venue::{
            Design,
            exchange::{Exchange, Pool, swap},
            farms,
            lending::{self, Lending},
            site::{Site, creation},
            tokens::{Token, Tokens, approve, mint, transfer},
            worth,
        },
    },
};
use alloy_primitives::{Address, Bytes, TxKind, U256, hex};
use alloy_sol_types::SolCall;
use heddle_venue::contracts::{
    constant_product_pool::ConstantProductPool::getReservesCall,
    faucet_token::FaucetToken::balanceOfCall, lending_pool::LendingPool::reserveStateCall,
};
use serde_json::json;

/// Which contracts are deployed.
const DESIGN: Design = Design::Parallel;

/// What a sender has of each token at first, what it has supplied, pledged and borrowed, in dollars:
/// thousands of times what a transaction moves.
const HOLDING: u64 = 100_000_000;
const SUPPLIED: u64 = 10_000_000;
const PLEDGED: u64 = 10_000_000;
const BORROWED: u64 = 1_000_000;

/// The same of the governance token, in its smallest unit; a million senders may have as much.
const VENUE_HOLDING: u128 = 500 * 10_u128.pow(18);
const STAKED: u128 = 100 * 10_u128.pow(18);
const STAKE_MAX: u64 = 1_000_000_000_000_000;

// Gas limits of what is measured: what a call uses at most as the first of a second, and more.
const TOKEN_GAS: u64 = 65_000;
const SWAP_GAS: u64 = 250_000;
const LENDING_GAS: u64 = 500_000;
const FARM_GAS: u64 = 200_000;

/// The most gas that a transaction may use, and what they may use on average.
pub(super) const GAS_MAX: u64 = LENDING_GAS;
pub(super) const GAS_MEAN: u64 =
    (22 * TOKEN_GAS + 32 * SWAP_GAS + 28 * LENDING_GAS + 12 * FARM_GAS + 6 * 21_000) / 100;

// Gas limits of the preparation: more than enough.
const DEPLOY_GAS: u64 = 16_000_000;
const READY_GAS: u64 = 700_000;
/// Gas that getting ready takes a sender, in nineteen transactions.
pub(super) const PREPARATION_GAS: u64 = 4_000_000;

/// A venue on a node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Venue {
    tokens: Tokens,
    exchange: Exchange,
    lending: Lending,
    farms: Vec<Address>,
    /// Pools with tokens of their own: all but the pool that consists of shards, and the shards.
    parts: Vec<Pool>,
}

impl Venue {
    /// Has everything deployed, and senders get ready.
    pub(super) fn deploy(desk: &mut Desk<'_>, senders: &[Sender]) -> Result<Self, LoadError> {
        let tokens = Tokens::deploy(desk);
        let feeds =
            tokens.priced.map(|token| desk.create(creation(&FEED, &(U256::from(token.price),))));
        Site::settle(desk)?;
        let exchange = Exchange::deploy(desk, &tokens, DESIGN)?;
        let lending = Lending::deploy(desk, &tokens, DESIGN, feeds)?;
        let farms = farms::deploy(desk, &tokens)?;
        let mut parts = exchange.tail.clone();
        for address in exchange.main.parts(desk, DESIGN.shards())? {
            parts.push(Pool { address, ..exchange.main });
        }
        let venue = Self { tokens, exchange, lending, farms, parts };
        let deployer = desk.deployer();
        for sender in senders {
            let gift = transfer(sender.account.address, U256::from(VENUE_HOLDING));
            let token = venue.tokens.venue;
            desk.order(deployer, token.into(), U256::ZERO, gift, READY_GAS);
        }
        desk.flush("handing out tokens")?;
        for sender in senders {
            venue.get_ready(desk, sender);
        }
        desk.flush("opening positions")?;
        Ok(venue)
    }

    /// Has a sender make tokens for itself, approve, supply, borrow and stake.
    fn get_ready(&self, desk: &mut Desk<'_>, sender: &Sender) {
        let account = sender.account;
        let own = account.address;
        let [usdc, weth] = [self.tokens.usdc(), self.tokens.weth()];
        let mut call = |to: Address, data: Bytes| {
            desk.order(account, TxKind::Call(to), U256::ZERO, data, READY_GAS);
        };
        let tail = self.exchange.tail[sender.pool].other(usdc.address);
        for token in self.tokens.priced.iter().chain([&tail]) {
            call(token.address, mint(own, worth(HOLDING, token)));
            call(token.address, approve(self.exchange.router));
        }
        let pool = self.lending.pool;
        for token in [usdc, weth] {
            call(token.address, approve(pool));
        }
        call(pool, lending::supply(usdc.address, worth(SUPPLIED, &usdc), own));
        call(pool, lending::supply(weth.address, worth(PLEDGED, &weth), own));
        call(pool, lending::pledge(weth.address));
        call(pool, lending::borrow(usdc.address, worth(BORROWED, &usdc), own));
        let farm = self.farm_of(sender);
        call(self.tokens.venue, approve(farm));
        call(farm, farms::stake(U256::from(STAKED)));
    }

    fn farm_of(&self, sender: &Sender) -> Address {
        self.farms[sender.pool % self.farms.len()]
    }

    /// What is called, with what, and how much gas it may use; `None` for a plain transfer.
    pub(super) fn call(
        &self,
        sender: &Sender,
        recipient: Address,
        random: &mut Random,
    ) -> Option<(Address, Bytes, u64)> {
        let own = sender.account.address;
        let usdc = self.tokens.usdc();
        let pool = self.lending.pool;
        let part = random.below(100);
        let mut dollars = |most: u64| worth(random.between(1, most), &usdc);
        Some(match part {
            0..22 => {
                let token = self.tokens.priced[random.below(2) as usize];
                (token.address, transfer(recipient, worth(1, &token)), TOKEN_GAS)
            }
            22..34 => self.swap(own, self.exchange.tail[sender.pool], random),
            34..46 => self.swap(own, self.exchange.main, random),
            46..54 => {
                let pools = &self.exchange.concentrated;
                let pool = pools[random.below(pools.len() as u64) as usize];
                self.swap(own, pool, random)
            }
            54..62 => (pool, lending::supply(usdc.address, dollars(100), own), LENDING_GAS),
            62..68 => (pool, lending::withdraw(usdc.address, dollars(50), own), LENDING_GAS),
            68..75 => (pool, lending::borrow(usdc.address, dollars(10), own), LENDING_GAS),
            75..82 => (pool, lending::repay(usdc.address, dollars(10), own), LENDING_GAS),
            82..87 => {
                let amount = U256::from(random.between(1, STAKE_MAX));
                (self.farm_of(sender), farms::stake(amount), FARM_GAS)
            }
            87..90 => {
                let amount = U256::from(random.between(1, STAKE_MAX));
                (self.farm_of(sender), farms::unstake(amount), FARM_GAS)
            }
            90..94 => (self.farm_of(sender), farms::claim(), FARM_GAS),
            _ => return None,
        })
    }

    /// A swap in either direction. It is content with whatever it gets: prices drift in a long run.
    fn swap(&self, sender: Address, pool: Pool, random: &mut Random) -> (Address, Bytes, u64) {
        let token = pool.tokens[random.below(2) as usize];
        let amount = worth(random.between(1, 1_000), &token);
        let data = swap(sender, token.address, &[pool], amount, U256::from(1));
        (self.exchange.router, data, SWAP_GAS)
    }

    /// What must hold of the contracts afterwards.
    pub(super) fn checks(&self, client: &mut Client) -> Result<Vec<Check>, LoadError> {
        let mut whole = 0;
        for pool in &self.parts {
            whole += usize::from(has_its_reserves(client, pool)?);
        }
        let mut solvent = 0;
        for Token { address: asset, .. } in self.tokens.priced {
            let state = ask(client, self.lending.pool, &reserveStateCall { asset })?;
            // What debtors owe is rounded down and what suppliers may claim is rounded up, by less than 2.
            let has = state.cash + state.debt + state.deficit + U256::from(2);
            solvent += usize::from(has >= state.supply);
        }
        Ok(vec![
            Check {
                name: "pools have the reserves that they say",
                holds: whole == self.parts.len(),
                detail: format!("{whole} of {} pools", self.parts.len()),
            },
            Check {
                name: "the lending pool has what its suppliers may claim",
                holds: solvent == self.tokens.priced.len(),
                detail: format!("{solvent} of {} reserves", self.tokens.priced.len()),
            },
        ])
    }
}

fn has_its_reserves(client: &mut Client, pool: &Pool) -> Result<bool, LoadError> {
    let reserves = ask(client, pool.address, &getReservesCall {})?;
    let mut tokens = pool.tokens.map(|token| token.address);
    tokens.sort_unstable();
    for (token, reserve) in tokens.into_iter().zip([reserves._0, reserves._1]) {
        let balance = ask(client, token, &balanceOfCall { account: pool.address })?;
        if balance != U256::from(reserve) {
            return Ok(false);
        }
    }
    Ok(true)
}

/// What a function that changes nothing returns.
fn ask<C: SolCall>(client: &mut Client, to: Address, call: &C) -> Result<C::Return, LoadError> {
    let method = "eth_call";
    let data = hex::encode_prefixed(call.abi_encode());
    let answer: Bytes = client.call(method, json!([{"to": to, "data": data}, "latest"]))?;
    C::abi_decode_returns(&answer)
        .map_err(|_| LoadError::Form { method, answer: answer.to_string() })
}

impl Site for Desk<'_> {
    type Error = LoadError;

    fn deployer(&self) -> Address {
        Desk::deployer(self).address
    }

    fn create(&mut self, code: Bytes) -> Address {
        let from = Desk::deployer(self);
        let nonce = self.order(from, TxKind::Create, U256::ZERO, code, DEPLOY_GAS);
        from.address.create(nonce)
    }

    fn administer(&mut self, to: Address, data: Bytes) {
        let from = Desk::deployer(self);
        self.order(from, TxKind::Call(to), U256::ZERO, data, DEPLOY_GAS);
    }

    fn settle(&mut self) -> Result<(), LoadError> {
        self.flush("deploying the venue")
    }

    fn ask<C: SolCall>(&mut self, to: Address, call: &C) -> Result<C::Return, LoadError> {
        ask(self.client, to, call)
    }
}

#[cfg(test)]
pub(super) mod tests {
    use super::*;
    use crate::bench::workload::venue::exchange::Kind;

    /// A venue that is nowhere, to draw calls of.
    pub(crate) fn anywhere() -> Venue {
        let token = |number: u8| Token {
            address: Address::repeat_byte(number),
            decimals: 18,
            price: 100_000_000,
        };
        let tokens =
            Tokens { priced: [1, 2, 3].map(token), tail: vec![token(4)], venue: token(5).address };
        let pool = |kind, number| Pool {
            kind,
            address: Address::repeat_byte(number),
            tokens: [tokens.priced[0], tokens.tail[0]],
        };
        let exchange = Exchange {
            router: Address::repeat_byte(6),
            main: pool(Kind::Sharded, 7),
            tail: vec![pool(Kind::Pair, 8)],
            concentrated: vec![pool(Kind::Concentrated, 9)],
        };
        let lending = Lending { pool: Address::repeat_byte(10) };
        Venue {
            farms: vec![Address::repeat_byte(11)],
            parts: Vec::new(),
            tokens,
            exchange,
            lending,
        }
    }
}
