//! Who liquidates. They own dollars, repay with them, and sell what they take at once, in a pool of
//! limited depth: so they act only if what the pool will pay, after slippage and its fee, is more
//! than what they repay. That is so for either way of liquidating: the same liquidators, the same
//! rule, the same pool.
//!
//! Of all accounts the one that would bring most comes first, and is taken as far as one more dollar
//! would bring less than a dollar. Where it is all or nothing, it is taken if it pays as a whole.

use crate::{
    book::{Book, Engine, Outcome},
    file::Liquidators,
    swap::{Reserves, float},
};
use alloy_primitives::U256;
use std::collections::BTreeMap;

/// What liquidators do in a block, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Action {
    /// Begin the auction of an account.
    Flag {
        /// Place in the book.
        account: usize,
    },
    /// Liquidate an account.
    Liquidate {
        /// Who.
        liquidator: usize,
        /// Place in the book.
        account: usize,
        /// The most to pay.
        repay_max: U256,
        /// What it will do.
        outcome: Outcome,
    },
    /// Sell all that was taken.
    Sell {
        /// Who.
        liquidator: usize,
        /// Of the collateral.
        amount: U256,
        /// What is expected for it.
        expected: U256,
    },
}

/// What a liquidator would do with an account.
struct Offer {
    account: usize,
    repay_max: U256,
    outcome: Outcome,
    profit: f64,
}

/// What a block has for liquidators.
#[derive(Debug)]
pub struct Turn<'a> {
    /// Who they are.
    pub settings: &'a Liquidators,
    /// UNIX seconds of the block.
    pub now: u64,
    /// Dollars that each has.
    pub capital: &'a mut [U256],
    /// Units of a dollar.
    pub dollar: f64,
}

/// What they do. Book and pool are as if it were done already.
pub fn act(turn: &mut Turn<'_>, book: &mut Book, pool: &mut Reserves) -> Vec<Action> {
    if !book.is_open(turn.now) {
        return vec![];
    }
    let under: Vec<usize> = (0..book.accounts.len())
        .filter(|place| {
            let account = &book.accounts[*place];
            !account.debt[1].is_zero() && book.health(account).is_under()
        })
        .collect();
    let mut offers: Vec<Offer> =
        under.iter().filter_map(|place| best(turn, book, pool, *place, U256::MAX)).collect();
    // Ties are broken by the order of accounts, so that a replay is the same every time.
    offers.sort_by(|a, b| b.profit.total_cmp(&a.profit).then(a.account.cmp(&b.account)));
    let mut actions = vec![];
    let mut taken: BTreeMap<usize, (U256, U256)> = BTreeMap::new();
    for offer in offers {
        let richest =
            (0..turn.capital.len()).max_by_key(|who| (turn.capital[*who], usize::MAX - who));
        let Some(liquidator) = richest else { break };
        let Some(offer) = best(turn, book, pool, offer.account, turn.capital[liquidator]) else {
            continue;
        };
        book.liquidate(offer.account, turn.now, &offer.outcome);
        let received = offer.outcome.received();
        let sold = taken.entry(liquidator).or_default();
        sold.0 += received;
        sold.1 += pool.sell(received);
        turn.capital[liquidator] -= offer.outcome.repaid;
        let Offer { account, repay_max, outcome, .. } = offer;
        actions.push(Action::Liquidate { liquidator, account, repay_max, outcome });
    }
    if book.engine == Engine::Waterfall {
        flag(turn, book, &under, &mut actions);
    }
    actions.extend(taken.into_iter().map(|(liquidator, (amount, expected))| Action::Sell {
        liquidator,
        amount,
        expected,
    }));
    actions
}

/// Begins the auctions of those that nobody took yet, the largest first.
fn flag(turn: &Turn<'_>, book: &mut Book, under: &[usize], actions: &mut Vec<Action>) {
    let mut waiting: Vec<usize> = under
        .iter()
        .copied()
        .filter(|place| {
            book.auction_age(*place, turn.now).is_none()
                && book.health(&book.accounts[*place]).is_under()
        })
        .collect();
    waiting.sort_by_key(|place| (std::cmp::Reverse(book.accounts[*place].debt[1]), *place));
    waiting.truncate(turn.settings.flags_max);
    for account in waiting {
        book.accounts[account].flagged_at = turn.now;
        actions.push(Action::Flag { account });
    }
}

/// The most profitable that can be done with an account.
fn best(
    turn: &Turn<'_>,
    book: &Book,
    pool: &Reserves,
    account: usize,
    capital: U256,
) -> Option<Offer> {
    let whole = book.size(account, turn.now, U256::MAX)?;
    let mut limit = capital;
    if book.engine == Engine::Waterfall {
        limit = limit.min(worthwhile(turn, pool, &whole));
    }
    let (repay_max, outcome) = if whole.repaid <= limit {
        (whole.repaid, whole)
    } else {
        (limit, book.size(account, turn.now, limit)?)
    };
    let paid = float(outcome.repaid);
    let profit = float(pool.quote_sale(outcome.received())) - paid;
    let margin = paid * f64::from(turn.settings.margin) / 1e4;
    let least = margin.max(turn.settings.profit_min * turn.dollar);
    (profit >= least).then_some(Offer { account, repay_max, outcome, profit })
}

/// Dollars up to which one more brings more than a dollar and the margin: with x collateral and y
/// dollars in the pool, and a counted collateral for each dollar repaid, x y a / (x + a r)^2 = m.
fn worthwhile(turn: &Turn<'_>, pool: &Reserves, whole: &Outcome) -> U256 {
    let each = float(whole.received()) * 0.997 / float(whole.repaid);
    let (x, y) = (float(pool.collateral), float(pool.dollars));
    let margin = 1.0 + f64::from(turn.settings.margin) / 1e4;
    let most = ((x * y * each / margin).sqrt() - x) / each;
    U256::from(most.max(0.0) as u128)
}
