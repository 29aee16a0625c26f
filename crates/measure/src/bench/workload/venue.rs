//! The venue's own contracts (contracts/src), on an ordinary day and in a crash.
//!
//! Everything is deployed and set up by transactions before the block, as anybody would: a committee
//! of reporters is appointed, reserves are listed, pools are filled, accounts supply and borrow, and
//! before the crash the first fall of the price is reported and accounts are flagged. Module by module:
//! `site` (who carries out what is deployed), `tokens`, `exchange`, `lending`, `farms` (the contracts, and
//! how to call them), `oracle`, `governance` (those that take time), `orders` (what users do, and what they
//! did before), `mix` (how many do what).

pub(crate) mod exchange;
pub(crate) mod farms;
mod governance;
pub(crate) mod lending;
mod mix;
mod oracle;
mod orders;
pub(crate) mod site;
pub(crate) mod tokens;

use super::builder::Builder;
use crate::Error;
use alloy_primitives::{Address, Bytes, U256};
use alloy_sol_types::SolCall;
use exchange::Exchange;
use governance::Governance;
use lending::Lending;
use mix::{Crash, Usual};
use oracle::Oracle;
use orders::Order;
use site::Site;
use tokens::{Token, Tokens};

/// Which contracts serve the pair and the market that most of a crash is about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Design {
    /// A pool and a lending pool in 16 shards each; a keeper accrues interest first.
    Parallel,
    /// One constant-product pool, a lending pool of one shard; whoever comes first accrues.
    Plain,
}

impl Design {
    /// Shards of either pool.
    pub(crate) const fn shards(self) -> u64 {
        match self {
            Self::Parallel => 16,
            Self::Plain => 1,
        }
    }
}

/// As prices have 8 decimals.
const DOLLAR: u64 = 100_000_000;

/// A price for each of the priced tokens, in the order of [`Tokens`].
type Prices = [u64; 3];
/// Those of the set-up.
const PRICES: Prices = [DOLLAR, 2_000 * DOLLAR, 50_000 * DOLLAR];
/// Those of an ordinary block: a little more away than feeds ask for, which is a half percent.
const PRICES_LATER: Prices = [DOLLAR * 1_006 / 1_000, 2_015 * DOLLAR, 50_400 * DOLLAR];
/// Those when accounts are flagged, and those of the block of a crash.
const PRICES_FALLEN: Prices = [DOLLAR * 994 / 1_000, 1_700 * DOLLAR, 44_000 * DOLLAR];
const PRICES_IN_BLOCK: Prices = [DOLLAR * 988 / 1_000, 1_650 * DOLLAR, 43_000 * DOLLAR];

/// Seconds until votes can be cast, and a minute.
const VOTING_DELAY: u64 = 3_660;

/// A venue in the state before the block.
struct Venue {
    design: Design,
    tokens: Tokens,
    exchange: Exchange,
    lending: Lending,
    farms: Vec<Address>,
    oracle: Oracle,
    governance: Governance,
}

impl Venue {
    fn deploy(builder: &mut Builder, design: Design) -> Result<Self, Error> {
        let tokens = Tokens::deploy(builder);
        let mut oracle = Oracle::deploy(builder, &tokens);
        builder.settle()?;
        oracle.appoint(builder)?;
        oracle.prepare_reports(builder, PRICES);
        let exchange = Exchange::deploy(builder, &tokens, design)?;
        let lending = Lending::deploy(builder, &tokens, design, oracle.feeds())?;
        let farms = farms::deploy(builder, &tokens)?;
        let governance = Governance::deploy(builder, &tokens)?;
        builder.pass(60)?;
        Ok(Self { design, tokens, exchange, lending, farms, oracle, governance })
    }

    /// Has everybody do what they did before, and gets the voting under way.
    fn set_up(&self, builder: &mut Builder, orders: &[Order]) -> Result<(), Error> {
        for order in orders {
            order.prepare(builder, self);
        }
        self.governance.propose(builder);
        builder.pass(VOTING_DELAY)
    }

    /// Whether a keeper accrues interest at the start of each block.
    fn has_keeper(&self) -> bool {
        self.design == Design::Parallel
    }

    /// How many transactions come before the orders.
    fn openings(&self) -> usize {
        self.tokens.priced.len() + usize::from(self.has_keeper())
    }

    /// Fills the block with so many transactions: reports, interest, then the orders.
    fn fill(
        &mut self,
        builder: &mut Builder,
        prices: Prices,
        orders: &[Order],
        transactions: usize,
    ) {
        let mut openings = self.oracle.reports(prices, builder.block_time());
        if self.has_keeper() {
            openings.push((builder.rich_account(), self.lending.pool, lending::accrue_all()));
        }
        for (from, to, data) in openings.into_iter().take(transactions) {
            builder.call_estimated(from, to, data);
        }
        orders.iter().for_each(|order| order.send(builder, self));
    }
}

/// Draws a block of an ordinary day.
pub(super) fn usual(builder: &mut Builder, transactions: usize) -> Result<(), Error> {
    let mut venue = Venue::deploy(builder, Design::Parallel)?;
    let mix = Usual::new(&venue.exchange);
    let orders = venue.openings()..transactions;
    let orders: Vec<Order> = orders.map(|_| mix.draw(builder, &venue)).collect();
    venue.set_up(builder, &orders)?;
    venue.fill(builder, PRICES_LATER, &orders, transactions);
    Ok(())
}

/// Draws a block of a crash.
pub(super) fn crash(
    builder: &mut Builder,
    design: Design,
    transactions: usize,
) -> Result<(), Error> {
    let mut venue = Venue::deploy(builder, design)?;
    let mix = Crash::new(&venue.exchange);
    let orders = venue.openings()..transactions;
    let orders: Vec<Order> = orders.map(|_| mix.draw(builder, &venue)).collect();
    venue.set_up(builder, &orders)?;
    venue.oracle.prepare_reports(builder, PRICES_FALLEN);
    builder.administer(venue.lending.pool, lending::accrue_all());
    builder.settle()?;
    orders.iter().for_each(|order| order.flag(builder, &venue));
    builder.settle()?;
    venue.fill(builder, PRICES_IN_BLOCK, &orders, transactions);
    Ok(())
}

impl Site for Builder {
    type Error = Error;

    fn deployer(&self) -> Address {
        Self::deployer(self)
    }

    fn create(&mut self, code: Bytes) -> Address {
        self.deploy(code)
    }

    fn administer(&mut self, to: Address, data: Bytes) {
        Self::administer(self, to, data);
    }

    fn settle(&mut self) -> Result<(), Error> {
        self.pass(0)
    }

    fn ask<C: SolCall>(&mut self, to: Address, call: &C) -> Result<C::Return, Error> {
        Self::ask(self, to, call)
    }
}

/// A part of an amount, in thousandths, rounded down.
pub(crate) fn thousandths(amount: U256, parts: u64) -> U256 {
    amount * U256::from(parts) / U256::from(1_000)
}

/// What an amount of dollars buys of a token at the price of the set-up, in its units, rounded down.
pub(crate) fn worth(dollars: u64, token: &Token) -> U256 {
    U256::from(dollars) * U256::from(DOLLAR) * token.unit() / U256::from(token.price)
}
