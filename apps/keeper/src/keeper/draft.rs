//! Decides what to send at a block.

use super::{Keeper, KeeperError, hold::Holding};
use crate::{
    config::{Accrue, Sale, amount},
    journal::{Entry, Purpose},
    math,
    plan::{Candidate, LIQUIDATION_GAS, View},
    reserve::{Market, PriceStatus},
    sale,
};
use alloy_primitives::{Address, Bytes, U64, U256};
use alloy_sol_types::SolCall;
use heddle_client::RpcError;
use heddle_venue::contracts::{
    faucet_token::FaucetToken,
    lending_pool::{LendingPool, Liquidator},
    router::Router,
};
use serde::Deserialize;
use serde_json::json;
use std::collections::BTreeMap;

/// More than is owed now that may be repaid, in basis points: interest goes on, and what is just too
/// little leaves dust, which the pool refuses.
const REPAY_SLACK: u64 = 100;
/// How often a liquidation or a sale that moves pools too much is tried with half.
const HALVES_MAX: u32 = 4;
/// Seconds that a sale may wait for a block.
const SALE_SECONDS: u64 = 600;

/// A transaction to be tried.
#[derive(Clone, Debug)]
pub(super) struct Draft {
    pub(super) purpose: Purpose,
    pub(super) to: Address,
    pub(super) input: Bytes,
    /// Value in WAD that is expected of it, if it is for profit.
    pub(super) profit: Option<U256>,
}

#[derive(Deserialize)]
struct Pending {
    timestamp: U64,
}

impl Keeper {
    /// Does what is to be done after the last block.
    pub(super) fn act(&mut self, clock: u64) -> Result<Vec<Entry>, KeeperError> {
        let room = self.config.open_max.saturating_sub(self.journal.entries().len());
        if room == 0 {
            return Ok(Vec::new());
        }
        let now = self.next_time()?;
        let answers = self.follower.answers()?;
        let markets = self.follower.markets(&answers, now)?;
        let prices = self.prices()?;
        let ether = self.reserve_of("gas_asset", self.config.gas_asset)?;
        let ether_price = markets[ether].price;
        let holdings = self.holdings()?;
        let capital = self.capital(&holdings)?;
        let sold = self.sold()?;
        let behind = if self.config.wall_clock { clock.saturating_sub(now) } else { 0 };
        let view = View {
            mirror: self.follower.mirror(),
            markets: &markets,
            now,
            behind,
            price_age_max: self.config.price_age_max,
            capital: &capital,
            sold: &sold,
            oracle_margin: self.config.oracle_margin,
            profit_min: amount("profit_min", &self.config.profit_min, 18)?,
            gas_price: U256::from(prices.each()).saturating_mul(ether_price),
        };
        let drafts = self.drafts(&view, &holdings, room, clock)?;
        self.send(drafts, prices, ether_price, clock)
    }

    fn drafts(
        &self,
        view: &View<'_>,
        holdings: &BTreeMap<Address, Holding>,
        room: usize,
        clock: u64,
    ) -> Result<Vec<Draft>, KeeperError> {
        let mut drafts = self.approvals(holdings, clock);
        let is_busy = |account: &Address| {
            let mut entries = self.journal.entries().iter();
            *account == self.account
                || entries.any(|entry| entry.purpose.account() == Some(*account))
                || !self.may_try(account, clock)
        };
        let plan = view.plan(is_busy);
        if self.should_accrue(view, plan.needs_sync, clock) {
            let input = LendingPool::accrueAllCall {}.abi_encode().into();
            let (purpose, to) = (Purpose::Accrue, self.config.pool);
            drafts.push(Draft { purpose, to, input, profit: None });
        }
        let left = room.saturating_sub(drafts.len());
        let liquidations = self.liquidations(view, &plan.liquidations, holdings, left)?;
        // What pays at the oracle's price, but not at a pool's, needs a larger discount.
        let is_drafted = |account| {
            liquidations.iter().any(|draft: &Draft| draft.purpose.account() == Some(account))
        };
        let dear = plan.liquidations.iter().filter(|one| !one.is_open && !is_drafted(one.account));
        let flags: Vec<Address> = dear.map(|one| one.account).chain(plan.flags).collect();
        tracing::debug!(liquidations = liquidations.len(), flags = flags.len(), "judged");
        drafts.extend(liquidations);
        for account in flags {
            let input = LendingPool::flagCall { account }.abi_encode().into();
            let (purpose, to) = (Purpose::Flag { account }, self.config.pool);
            if drafts.len() < room {
                drafts.push(Draft { purpose, to, input, profit: None });
            }
        }
        for sale in self.config.sale.iter().filter(|_| self.mode.sells) {
            if drafts.len() < room && self.may_try(&sale.asset, clock) {
                drafts.extend(self.sale(view, sale, holdings)?);
            }
        }
        drafts.truncate(room);
        Ok(drafts)
    }

    /// Seconds since 1970 that the next block has at least, as the node sees it.
    fn next_time(&self) -> Result<u64, KeeperError> {
        let last = self.follower.mirror().head.timestamp;
        match self.node.request::<Pending>("eth_getBlockByNumber", json!(["pending", false])) {
            Ok(pending) => Ok(last.max(pending.timestamp.to())),
            // Not every node has such a block.
            Err(RpcError::Shape { .. } | RpcError::Refused { .. }) => Ok(last),
            Err(error) => Err(error.into()),
        }
    }

    /// What may be spent on debts now, by reserve.
    fn capital(
        &self,
        holdings: &BTreeMap<Address, Holding>,
    ) -> Result<BTreeMap<usize, U256>, KeeperError> {
        let mut capital = BTreeMap::new();
        for one in &self.config.capital {
            let id = self.reserve_of("capital", one.asset)?;
            let most = match &one.per_block {
                Some(text) => self.amount_of("per_block", text, id)?,
                None => U256::MAX,
            };
            let free = holdings.get(&one.asset).map_or(U256::ZERO, |held| held.free);
            capital.insert(id, free.min(most));
        }
        Ok(capital)
    }

    fn sold(&self) -> Result<Vec<usize>, KeeperError> {
        let id = |sale: &Sale| self.reserve_of("sale", sale.asset);
        self.config.sale.iter().map(id).collect()
    }

    fn approvals(&self, holdings: &BTreeMap<Address, Holding>, clock: u64) -> Vec<Draft> {
        let enough = U256::from(u128::MAX);
        let pool = self.config.capital.iter().map(|one| (one.asset, self.config.pool));
        let router = self.config.sale.iter().filter(|_| self.mode.sells);
        let router = router.filter_map(|one| Some((one.asset, self.config.router?)));
        let lacks = |(token, spender): &(Address, Address)| {
            let held = holdings.get(token).copied().unwrap_or_default();
            let allowed = if *spender == self.config.pool { held.pool } else { held.router };
            let purpose = Purpose::Approve { token: *token, spender: *spender };
            let is_under_way = self.journal.entries().iter().any(|entry| entry.purpose == purpose);
            // Nothing to take, nothing to allow.
            allowed < enough && !held.free.is_zero() && !is_under_way && self.may_try(token, clock)
        };
        let draft = |(token, spender): (Address, Address)| {
            let call = FaucetToken::approveCall { spender, value: U256::MAX };
            let purpose = Purpose::Approve { token, spender };
            Draft { purpose, to: token, input: call.abi_encode().into(), profit: None }
        };
        pool.chain(router).filter(lacks).map(draft).collect()
    }

    fn should_accrue(&self, view: &View<'_>, needs_sync: bool, clock: u64) -> bool {
        let is_under_way =
            self.journal.entries().iter().any(|entry| entry.purpose == Purpose::Accrue);
        if is_under_way || !self.may_try(&self.config.pool, clock) {
            return false;
        }
        let oldest = view.mirror.reserves.iter().map(|reserve| reserve.synced_at).min();
        let Some(oldest) = oldest else { return false };
        match self.config.accrue {
            Accrue::Never => false,
            Accrue::EveryBlock => oldest < view.mirror.head.timestamp,
            Accrue::WhenNeeded => {
                let gap = view.mirror.terms.sync_gap;
                let is_late = gap != 0
                    && view.now.saturating_sub(oldest) > gap / 2
                    && view.mirror.accounts.values().any(crate::mirror::Account::owes);
                needs_sync || is_late
            }
        }
    }

    /// Liquidations that pay at what selling brings now, as many as capital and room allow.
    fn liquidations(
        &self,
        view: &View<'_>,
        candidates: &[Candidate],
        holdings: &BTreeMap<Address, Holding>,
        room: usize,
    ) -> Result<Vec<Draft>, KeeperError> {
        let mut capital = view.capital.clone();
        let mut planned: BTreeMap<usize, U256> = BTreeMap::new();
        let mut drafts = Vec::new();
        // Of those that pay at best, not all pay at a pool: each costs questions to the node.
        for candidate in candidates.iter().take(room.saturating_mul(2)) {
            if drafts.len() >= room {
                break;
            }
            let left = capital.get(&candidate.debt).copied().unwrap_or_default();
            let asset = view.mirror.reserves[candidate.debt].config.asset;
            let allowed = holdings.get(&asset).map_or(U256::ZERO, |held| held.pool);
            let Some((candidate, profit)) =
                self.paying(view, candidate, left.min(allowed), &planned)?
            else {
                continue;
            };
            let slack = math::part(candidate.size.repaid, REPAY_SLACK).unwrap_or_default();
            let repay_max = if candidate.size.is_limited {
                candidate.size.repaid
            } else {
                candidate.size.repaid.saturating_add(slack).min(left)
            };
            capital.insert(candidate.debt, left.saturating_sub(repay_max));
            let sold = planned.entry(candidate.collateral).or_default();
            *sold = sold.saturating_add(candidate.size.received());
            drafts.push(self.liquidation(view, &candidate, repay_max, profit));
        }
        Ok(drafts)
    }

    /// A candidate, or a part of it, that pays at what selling brings, and its profit in WAD.
    fn paying(
        &self,
        view: &View<'_>,
        candidate: &Candidate,
        capital: U256,
        planned: &BTreeMap<usize, U256>,
    ) -> Result<Option<(Candidate, U256)>, KeeperError> {
        let gas = view.gas_value(LIQUIDATION_GAS).unwrap_or(U256::MAX);
        let mut capital = capital;
        for _ in 0..=HALVES_MAX {
            let Some(candidate) = view.resize(candidate, capital) else { return Ok(None) };
            let before = planned.get(&candidate.collateral).copied().unwrap_or_default();
            let proceeds = self.proceeds(view, &candidate, before)?;
            let costs = candidate.cost.saturating_add(gas);
            if let Some(profit) = proceeds.and_then(|proceeds| proceeds.checked_sub(costs))
                && profit >= view.profit_min
            {
                return Ok(Some((candidate, profit)));
            }
            capital = candidate.size.repaid / U256::from(2);
        }
        Ok(None)
    }

    /// Value in WAD of what a candidate's collateral brings, after `before` of it is sold already.
    fn proceeds(
        &self,
        view: &View<'_>,
        candidate: &Candidate,
        before: U256,
    ) -> Result<Option<U256>, KeeperError> {
        let asset = view.mirror.reserves[candidate.collateral].config.asset;
        let received = candidate.size.received();
        let Some(sale) = self.config.sale.iter().find(|sale| sale.asset == asset) else {
            let market = &view.markets[candidate.collateral];
            let value = math::value_down(received, market.price, market.unit);
            let kept = math::BPS - self.config.oracle_margin;
            return Ok(value.and_then(|value| math::part(value, kept)));
        };
        let Some((_, all)) = self.sale_value(view, sale, before.saturating_add(received))? else {
            return Ok(None);
        };
        if before.is_zero() {
            return Ok(Some(all));
        }
        let first = self.sale_value(view, sale, before)?;
        Ok(first.and_then(|(_, first)| all.checked_sub(first)))
    }

    /// What selling an amount brings, and its value in WAD.
    fn sale_value(
        &self,
        view: &View<'_>,
        sale: &Sale,
        amount: U256,
    ) -> Result<Option<(sale::Quote, U256)>, KeeperError> {
        let Some(last) = sale.path.last() else { return Ok(None) };
        let out: &Market = &view.markets[self.reserve_of("path", last.token_out)?];
        let quote = sale::quote(&self.node, self.config.quoter, (sale.asset, amount), &sale.path)?;
        Ok(quote.and_then(|quote| {
            let value = math::value_down(quote.amount_out, out.price, out.unit)?;
            Some((quote, value))
        }))
    }

    fn liquidation(
        &self,
        view: &View<'_>,
        candidate: &Candidate,
        repay_max: U256,
        profit: U256,
    ) -> Draft {
        let asset = |id: usize| view.mirror.reserves[id].config.asset;
        let (debt, collateral) = (asset(candidate.debt), asset(candidate.collateral));
        // Just so much that nothing is lost: what the debt and the gas cost, of all that it brings.
        let gas = view.gas_value(LIQUIDATION_GAS).unwrap_or(U256::MAX);
        let costs = candidate.cost.saturating_add(gas);
        let received = candidate.size.received();
        let even = math::mul_div_up(received, costs, costs.saturating_add(profit));
        let order = Liquidator::Order {
            account: candidate.account,
            debtAsset: debt,
            collateralAsset: collateral,
            repayMax: repay_max,
            collateralMin: even.unwrap_or(received).min(received),
            asSupply: false,
        };
        let purpose =
            Purpose::Liquidate { account: candidate.account, debt, collateral, repay_max };
        let input = LendingPool::liquidateCall { order }.abi_encode().into();
        Draft { purpose, to: self.config.pool, input, profit: Some(profit) }
    }

    /// The sale of what there is of a collateral, or of as much as the pools take well.
    fn sale(
        &self,
        view: &View<'_>,
        sale: &Sale,
        holdings: &BTreeMap<Address, Holding>,
    ) -> Result<Option<Draft>, KeeperError> {
        let id = self.reserve_of("sale", sale.asset)?;
        let (market, held) = (&view.markets[id], holdings.get(&sale.asset));
        let held = held.copied().unwrap_or_default();
        let keep = self.amount_of("keep", &sale.keep, id)?;
        let least = self.amount_of("sale_min", &sale.sale_min, id)?.max(U256::ONE);
        let is_under_way =
            self.journal.entries().iter().any(|entry| entry.purpose.sells(sale.asset));
        let mut rest = held.free.saturating_sub(keep);
        let Some(router) = self.config.router else { return Ok(None) };
        if is_under_way || held.router < rest || market.status != PriceStatus::Usable {
            return Ok(None);
        }
        for _ in 0..=HALVES_MAX {
            if rest < least {
                return Ok(None);
            }
            let fair = math::value_down(rest, market.price, market.unit);
            let floor = fair.and_then(|fair| math::part(fair, math::BPS - sale.loss_max));
            let found = self.sale_value(view, sale, rest)?;
            let gas = view.gas_value(LIQUIDATION_GAS / 2).unwrap_or(U256::MAX);
            if let (Some((quote, value)), Some(floor)) = (found, floor)
                && value >= floor
                && value > gas
            {
                return Ok(Some(self.order(view.now, sale, router, rest, quote)));
            }
            rest /= U256::from(2);
        }
        Ok(None)
    }

    fn order(
        &self,
        now: u64,
        sale: &Sale,
        router: Address,
        amount: U256,
        quote: sale::Quote,
    ) -> Draft {
        let least = math::part(quote.amount_out, math::BPS - sale.slippage);
        let order = Router::ExactIn {
            tokenIn: sale.asset,
            path: quote.path,
            amountIn: amount,
            amountOutMin: least.unwrap_or(quote.amount_out),
            recipient: self.account,
            deadline: U256::from(now.saturating_add(SALE_SECONDS)),
            isUnwrapped: false,
        };
        let purpose = Purpose::Sell { token: sale.asset, amount };
        let input = Router::swapExactInCall { order }.abi_encode().into();
        Draft { purpose, to: router, input, profit: None }
    }
}
