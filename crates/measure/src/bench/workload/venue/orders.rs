//! What users do in the block, and what they did before to be able to.

use super::{
    super::builder::Builder,
    Venue,
    exchange::{Pool, swap},
    farms, governance, lending, thousandths,
    tokens::{Token, approve, mint, transfer},
    worth,
};
use alloy_primitives::{Address, U256};

/// What a holder has of a token at first, in dollars; more than it spends in a block.
const HOLDING: u64 = 1_000_000;

/// Of the governance token, what somebody has and what is staked before.
const VENUE_HOLDING: u128 = 1_000 * 10_u128.pow(18);
const STAKE: u128 = 100 * 10_u128.pow(18);

/// One transaction of the block, by a sender that sends no other.
pub(super) struct Order {
    pub(super) sender: Address,
    pub(super) action: Action,
}

/// What it does.
pub(super) enum Action {
    /// A plain transfer.
    Pay { to: Address },
    /// A transfer of tokens.
    Transfer { token: Token, to: Address, amount: U256 },
    /// A swap along pools.
    Swap { token_in: Token, path: Vec<Pool>, amount: U256, out_min: U256 },
    /// Supplies more to a reserve.
    Supply { asset: Token, amount: U256 },
    /// Takes a part of what was supplied back.
    Withdraw { asset: Token, supplied: U256, amount: U256 },
    /// Borrows more dollars.
    Borrow { position: Position, amount: U256 },
    /// Repays a part.
    Repay { position: Position, amount: U256 },
    /// Liquidates somebody, who was flagged before.
    Liquidate { borrower: Address, position: Position },
    /// Stakes more of the governance token.
    Stake { farm: Address, amount: U256 },
    /// Takes back a part of what was staked.
    Unstake { farm: Address, amount: U256 },
    /// Claims what was earned.
    Claim { farm: Address },
    /// Votes.
    Vote { support: u8 },
}

/// Ether that is pledged, and dollars that are owed for it.
#[derive(Clone, Copy)]
pub(super) struct Position {
    pub(super) collateral: U256,
    pub(super) debt: U256,
}

impl Position {
    /// Ether worth `dollars` at first, and a debt of so many thousandths of that.
    pub(super) fn of(venue: &Venue, dollars: u64, debt: u64) -> Self {
        let [usdc, weth] = [venue.tokens.usdc(), venue.tokens.weth()];
        Self { collateral: worth(dollars, &weth), debt: thousandths(worth(dollars, &usdc), debt) }
    }

    fn open(self, builder: &mut Builder, venue: &Venue, owner: Address) {
        let [usdc, weth] = [venue.tokens.usdc().address, venue.tokens.weth().address];
        let pool = venue.lending.pool;
        builder.prepare(owner, weth, mint(owner, self.collateral));
        builder.prepare(owner, weth, approve(pool));
        builder.prepare(owner, pool, lending::supply(weth, self.collateral, owner));
        builder.prepare(owner, pool, lending::pledge(weth));
        builder.prepare(owner, pool, lending::borrow(usdc, self.debt, owner));
    }
}

impl Order {
    /// Does what must have been done before.
    pub(super) fn prepare(&self, builder: &mut Builder, venue: &Venue) {
        let sender = self.sender;
        let pool = venue.lending.pool;
        match &self.action {
            Action::Pay { .. } => {}
            Action::Transfer { token, to, .. } => {
                hold(builder, sender, token);
                hold(builder, *to, token);
            }
            Action::Swap { token_in, path, .. } => {
                let out = path.iter().fold(*token_in, |token, pool| pool.other(token.address));
                hold(builder, sender, token_in);
                hold(builder, sender, &out);
                builder.prepare(sender, token_in.address, approve(venue.exchange.router));
            }
            Action::Supply { asset, amount: supplied }
            | Action::Withdraw { asset, supplied, .. } => {
                hold(builder, sender, asset);
                builder.prepare(sender, asset.address, approve(pool));
                builder.prepare(sender, pool, lending::supply(asset.address, *supplied, sender));
            }
            Action::Borrow { position, .. } => position.open(builder, venue, sender),
            Action::Repay { position, .. } => {
                position.open(builder, venue, sender);
                builder.prepare(sender, venue.tokens.usdc().address, approve(pool));
            }
            Action::Liquidate { borrower, position } => {
                position.open(builder, venue, *borrower);
                hold(builder, sender, &venue.tokens.usdc());
                hold(builder, sender, &venue.tokens.weth());
                builder.prepare(sender, venue.tokens.usdc().address, approve(pool));
            }
            Action::Stake { farm, .. } | Action::Unstake { farm, .. } | Action::Claim { farm } => {
                give(builder, venue, sender);
                builder.prepare(sender, venue.tokens.venue, approve(*farm));
                builder.prepare(sender, *farm, farms::stake(U256::from(STAKE)));
            }
            Action::Vote { .. } => {
                give(builder, venue, sender);
                builder.prepare(sender, venue.tokens.venue, governance::delegate(sender));
            }
        }
    }

    /// Who liquidates in the block flags before, once the price has fallen.
    pub(super) fn flag(&self, builder: &mut Builder, venue: &Venue) {
        if let Action::Liquidate { borrower, .. } = self.action {
            builder.prepare(self.sender, venue.lending.pool, lending::flag(borrower));
        }
    }

    /// Sends the transaction.
    pub(super) fn send(&self, builder: &mut Builder, venue: &Venue) {
        let sender = self.sender;
        let [usdc, weth] = [venue.tokens.usdc().address, venue.tokens.weth().address];
        let pool = venue.lending.pool;
        let (to, data) = match &self.action {
            Action::Pay { to } => return builder.transfer(sender, *to),
            Action::Transfer { token, to, amount } => (token.address, transfer(*to, *amount)),
            Action::Swap { token_in, path, amount, out_min } => {
                (venue.exchange.router, swap(sender, token_in.address, path, *amount, *out_min))
            }
            Action::Supply { asset, amount } => {
                (pool, lending::supply(asset.address, *amount, sender))
            }
            Action::Withdraw { asset, amount, .. } => {
                (pool, lending::withdraw(asset.address, *amount, sender))
            }
            Action::Borrow { amount, .. } => (pool, lending::borrow(usdc, *amount, sender)),
            Action::Repay { amount, .. } => (pool, lending::repay(usdc, *amount, sender)),
            Action::Liquidate { borrower, .. } => (pool, lending::liquidate(*borrower, usdc, weth)),
            Action::Stake { farm, amount } => (*farm, farms::stake(*amount)),
            Action::Unstake { farm, amount } => (*farm, farms::unstake(*amount)),
            Action::Claim { farm } => (*farm, farms::claim()),
            Action::Vote { support } => {
                (venue.governance.governor, venue.governance.vote(*support))
            }
        };
        builder.call_estimated(sender, to, data);
    }
}

/// Has somebody make tokens for themselves.
fn hold(builder: &mut Builder, holder: Address, token: &Token) {
    builder.prepare(holder, token.address, mint(holder, worth(HOLDING, token)));
}

/// Gives somebody of the governance token.
fn give(builder: &mut Builder, venue: &Venue, to: Address) {
    builder.administer(venue.tokens.venue, transfer(to, U256::from(VENUE_HOLDING)));
}
