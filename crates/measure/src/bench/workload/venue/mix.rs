//! How many do what.

use super::{
    super::builder::Builder,
    Venue,
    exchange::{Exchange, Pool},
    orders::{Action, Order, Position},
    thousandths,
    tokens::Token,
    worth,
};
use crate::bench::random::{Random, Zipf};
use alloy_primitives::{Address, U256};

/// How unevenly traders choose pools of the tail.
const ZIPF_EXPONENT: f64 = 1.2;

/// A swap is content with this part, in thousandths, of what it would get at the price of the set-up
/// without a fee. In a crash all sell, and each gets less than the one before.
const OUT_MIN: u64 = 800;

/// An ordinary day: see `WorkloadKind::Venue`.
pub(super) struct Usual(Zipf);

/// A crash: see `WorkloadKind::VenueCrash`.
pub(super) struct Crash(Zipf);

impl Usual {
    pub(super) fn new(exchange: &Exchange) -> Self {
        Self(Zipf::new(exchange.tail.len(), ZIPF_EXPONENT))
    }

    /// A transaction by somebody new.
    pub(super) fn draw(&self, builder: &mut Builder, venue: &Venue) -> Order {
        let sender = builder.account();
        let action = match builder.random.below(100) {
            0..20 => transfer(builder, venue),
            20..32 => self.swap_in_tail(&mut builder.random, venue),
            32..44 => swap(&mut builder.random, venue.exchange.main),
            44..52 => {
                let pools = &venue.exchange.concentrated;
                let pool = pools[builder.random.below(pools.len() as u64) as usize];
                swap(&mut builder.random, pool)
            }
            52..60 => supply(&mut builder.random, venue),
            60..66 => withdraw(&mut builder.random, venue),
            66..73 => borrow(&mut builder.random, venue),
            73..80 => repay(&mut builder.random, venue),
            80..85 => stake(&mut builder.random, venue),
            85..88 => Action::Unstake {
                farm: farm(&mut builder.random, venue),
                amount: venue_amount(&mut builder.random),
            },
            88..92 => Action::Claim { farm: farm(&mut builder.random, venue) },
            92..94 => vote(&mut builder.random),
            _ => Action::Pay { to: builder.account() },
        };
        Order { sender, action }
    }

    /// A third goes on to ether.
    fn swap_in_tail(&self, random: &mut Random, venue: &Venue) -> Action {
        let pool = venue.exchange.tail[self.0.draw(random)];
        if random.below(3) > 0 {
            return swap(random, pool);
        }
        let token_in = pool.other(venue.tokens.usdc().address);
        swap_along(random, token_in, vec![pool, venue.exchange.main])
    }
}

impl Crash {
    pub(super) fn new(exchange: &Exchange) -> Self {
        Self(Zipf::new(exchange.tail.len(), ZIPF_EXPONENT))
    }

    /// A transaction by somebody new.
    pub(super) fn draw(&self, builder: &mut Builder, venue: &Venue) -> Order {
        let sender = builder.account();
        let action = match builder.random.below(100) {
            0..25 => {
                let (weth, main) = (venue.tokens.weth(), venue.exchange.main);
                swap_along(&mut builder.random, weth, vec![main])
            }
            25..45 => {
                let dollars = builder.random.between(4_000, 100_000);
                // Up to the loan-to-value of 75 %; health is under 1 when the first fall is reported.
                let debt = builder.random.between(690, 745);
                let position = Position::of(venue, dollars, debt);
                Action::Liquidate { borrower: builder.account(), position }
            }
            45..53 => repay(&mut builder.random, venue),
            53..60 => withdraw(&mut builder.random, venue),
            60..76 => {
                let pool = venue.exchange.tail[self.0.draw(&mut builder.random)];
                swap(&mut builder.random, pool)
            }
            76..88 => transfer(builder, venue),
            88..92 => stake(&mut builder.random, venue),
            92..94 => vote(&mut builder.random),
            _ => Action::Pay { to: builder.account() },
        };
        Order { sender, action }
    }
}

fn transfer(builder: &mut Builder, venue: &Venue) -> Action {
    let token = venue.tokens.priced[builder.random.below(2) as usize];
    let amount = worth(builder.random.between(1, 1_000), &token);
    Action::Transfer { token, to: builder.account(), amount }
}

/// A swap in one pool, in either direction.
fn swap(random: &mut Random, pool: Pool) -> Action {
    let token_in = pool.tokens[random.below(2) as usize];
    swap_along(random, token_in, vec![pool])
}

fn swap_along(random: &mut Random, token_in: Token, path: Vec<Pool>) -> Action {
    let dollars = random.between(100, 10_000);
    let out = path.iter().fold(token_in, |token, pool| pool.other(token.address));
    let out_min = thousandths(worth(dollars, &out), OUT_MIN);
    Action::Swap { token_in, amount: worth(dollars, &token_in), path, out_min }
}

fn supply(random: &mut Random, venue: &Venue) -> Action {
    let asset = venue.tokens.priced[random.below(3) as usize];
    Action::Supply { asset, amount: worth(random.between(100, 10_000), &asset) }
}

fn withdraw(random: &mut Random, venue: &Venue) -> Action {
    let asset = venue.tokens.usdc();
    let supplied = worth(random.between(1_000, 100_000), &asset);
    Action::Withdraw { asset, supplied, amount: thousandths(supplied, random.between(100, 900)) }
}

fn borrow(random: &mut Random, venue: &Venue) -> Action {
    let position = healthy(random, venue);
    Action::Borrow { position, amount: thousandths(position.debt, random.between(10, 100)) }
}

fn repay(random: &mut Random, venue: &Venue) -> Action {
    let position = healthy(random, venue);
    Action::Repay { position, amount: thousandths(position.debt, random.between(100, 500)) }
}

/// A position whose health stays above 1 in the crash.
fn healthy(random: &mut Random, venue: &Venue) -> Position {
    let dollars = random.between(4_000, 100_000);
    Position::of(venue, dollars, random.between(500, 620))
}

fn stake(random: &mut Random, venue: &Venue) -> Action {
    Action::Stake { farm: farm(random, venue), amount: venue_amount(random) }
}

fn farm(random: &mut Random, venue: &Venue) -> Address {
    venue.farms[random.below(venue.farms.len() as u64) as usize]
}

/// Of the governance token: less than was staked before.
fn venue_amount(random: &mut Random) -> U256 {
    U256::from(random.between(1, 50)) * U256::from(10_u128.pow(18))
}

fn vote(random: &mut Random) -> Action {
    Action::Vote { support: random.below(3) as u8 }
}
