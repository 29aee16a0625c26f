//! The pool: WETH as collateral, dollars as debt, no interest.

use super::Chain;
use alloy_consensus::{Transaction, TxEnvelope};
use alloy_primitives::{Address, B256, Bytes, I256, U64, U256, address};
use alloy_sol_types::{SolCall, SolError, SolEvent};
use heddle_client::Log;
use heddle_keeper::{
    auction::{self, Pair},
    health,
    math::{RAY, WAD},
    mirror::Mirror,
    patience::Chance,
    reserve::{Answer, Market},
};
use heddle_venue::contracts::{
    faucet_token::FaucetToken,
    lending_pool::{ILendingEvents, InterestRate, LendingPool},
    price_feed::PriceFeed,
};

/// The pool.
pub(crate) const POOL: Address = address!("0x00000000000000000000000000000000000000aa");
/// Reserve 0.
pub(crate) const WETH: Address = address!("0x00000000000000000000000000000000000000e0");
/// Reserve 1.
pub(crate) const USD: Address = address!("0x00000000000000000000000000000000000000e1");
/// Seconds that an answer is good for.
pub(crate) const HEARTBEAT: u64 = 3_600;
/// The account of the test's key.
pub(super) const KEEPER: Address = address!("0x70997970C51812dc3A010C7d01b50e0d17dc79C8");

const FEEDS: [Address; 2] = [
    address!("0x00000000000000000000000000000000000000f0"),
    address!("0x00000000000000000000000000000000000000f1"),
];
const AUCTION: u64 = 300;

fn log(event: &impl SolEvent) -> Log {
    let data = event.encode_log_data();
    Log {
        address: POOL,
        topics: data.topics().to_vec(),
        data: data.data.clone(),
        block_number: U64::ZERO,
        block_hash: B256::ZERO,
        block_timestamp: None,
        transaction_hash: B256::ZERO,
        log_index: U64::ZERO,
    }
}

/// Both reserves, and the terms.
pub(super) fn listed() -> Vec<Log> {
    let terms = LendingPool::TermsSet {
        targetHealth: WAD * U256::from(110) / U256::from(100),
        valueMin: WAD * U256::from(10),
        auctionDuration: U256::from(AUCTION),
        grace: U256::ZERO,
        syncGap: U256::ZERO,
        keptShare: U256::from(1_000),
        flashFee: U256::ZERO,
        backstopShare: U256::ZERO,
    };
    let mut logs = vec![log(&terms)];
    for (id, (asset, feed)) in [WETH, USD].into_iter().zip(FEEDS).enumerate() {
        let id = U256::from(id);
        logs.push(log(&LendingPool::ReserveAdded { asset, id, feed, isolated: false }));
    }
    logs
}

/// An account with 10 WETH that owes between 11,000 and 15,000 dollars.
pub(super) fn opened(number: u64, chance: &mut Chance) -> Vec<Log> {
    let account = Address::left_padding_from(&(0x1000 + number).to_be_bytes());
    let supplied = U256::from(10) * WAD;
    let owed = U256::from(11_000 + chance.below(4_000)) * U256::from(1_000_000);
    vec![
        log(&LendingPool::Supplied {
            asset: WETH,
            account,
            payer: account,
            amount: supplied,
            scaledSupply: supplied,
        }),
        log(&LendingPool::CollateralSet { asset: WETH, account, isCollateral: true }),
        log(&LendingPool::Borrowed {
            asset: USD,
            account,
            caller: account,
            to: account,
            amount: owed,
            scaledDebt: owed,
        }),
    ]
}

/// Whose auction a call begins.
pub(super) fn flagged(input: &Bytes) -> Option<Address> {
    Some(LendingPool::flagCall::abi_decode(input).ok()?.account)
}

/// Whom an event says to be liquidated.
pub(super) fn liquidated(log: &Log) -> Option<Address> {
    let event = LendingPool::Liquidated::decode_raw_log(&log.topics, &log.data).ok()?;
    Some(event.account)
}

fn config(id: usize) -> LendingPool::ReserveConfig {
    LendingPool::ReserveConfig {
        asset: [WETH, USD][id],
        decimals: [18, 6][id],
        ltv: 7_500,
        liquidationThreshold: 8_000,
        feed: FEEDS[id],
        feedDecimals: 8,
        heartbeat: HEARTBEAT as u32,
        jumpMax: 5_000,
        jumpWindow: 0,
        backstop: Address::ZERO,
        reserveFactor: 1_000,
        discountMin: 0,
        discountMax: 1_000,
        isolated: false,
        borrowable: true,
        frozen: false,
        supplyCap: 0,
        borrowCap: 0,
        model: InterestRate::Model { base: 0, slope1: 0, slope2: 0, optimal: 1 },
    }
}

impl Chain {
    /// As the follower reads it from `reserveAt`.
    pub(super) fn configure(&mut self) {
        for (id, reserve) in self.truth.reserves.iter_mut().enumerate() {
            let from = config(id);
            reserve.config = heddle_keeper::reserve::Config {
                asset: from.asset,
                decimals: from.decimals,
                ltv: from.ltv.into(),
                liquidation_threshold: from.liquidationThreshold.into(),
                feed: from.feed,
                feed_decimals: from.feedDecimals,
                heartbeat: from.heartbeat.into(),
                jump_max: from.jumpMax.into(),
                jump_window: from.jumpWindow.into(),
                reserve_factor: from.reserveFactor.into(),
                discount_min: from.discountMin.into(),
                discount_max: from.discountMax.into(),
            };
        }
    }

    fn answer(&self, feed: Address, time: u64) -> Option<Answer> {
        let price = [self.price, 1][FEEDS.iter().position(|one| *one == feed)?];
        let updated_at = self.frozen_at.unwrap_or(time);
        Some(Answer {
            value: I256::try_from(price * 100_000_000).ok()?,
            updated_at: U256::from(updated_at),
            is_complete: true,
        })
    }

    pub(super) fn markets(&self, state: &Mirror, time: u64) -> Vec<Market> {
        let market = |reserve: &heddle_keeper::reserve::Reserve| {
            reserve.market(self.answer(reserve.config.feed, time).as_ref(), 0, time).unwrap()
        };
        state.reserves.iter().map(market).collect()
    }

    /// What a call of a contract gives.
    pub(super) fn called(&self, to: Address, input: &Bytes) -> Bytes {
        if let Ok(call) = LendingPool::reserveAtCall::abi_decode(input) {
            let config = config(call.id.to::<usize>());
            return LendingPool::reserveAtCall::abi_encode_returns(&config).into();
        }
        if PriceFeed::latestRoundDataCall::abi_decode(input).is_ok() {
            let answer = self.answer(to, self.now()).unwrap();
            let round = alloy_primitives::aliases::U80::from(1);
            let (value, at) = (answer.value, answer.updated_at);
            let answer = PriceFeed::latestRoundDataReturn {
                _0: round,
                _1: value,
                _2: at,
                _3: at,
                _4: round,
            };
            return PriceFeed::latestRoundDataCall::abi_encode_returns(&answer).into();
        }
        // Enough of all, and all allowed.
        assert!(
            FaucetToken::balanceOfCall::abi_decode(input).is_ok()
                || FaucetToken::allowanceCall::abi_decode(input).is_ok(),
            "{input}"
        );
        Bytes::from(U256::from(u128::MAX).to_be_bytes::<32>())
    }

    /// The events of a transaction, or what it reverts with.
    pub(super) fn executed(
        &self,
        state: &Mirror,
        transaction: &TxEnvelope,
        time: u64,
    ) -> Result<Vec<Log>, Vec<u8>> {
        self.run(state, transaction.input(), time)
    }

    pub(super) fn run(
        &self,
        state: &Mirror,
        input: &Bytes,
        time: u64,
    ) -> Result<Vec<Log>, Vec<u8>> {
        let markets = self.markets(state, time);
        if let Some(account) = flagged(input) {
            let position = state.accounts.get(&account).cloned().unwrap_or_default();
            let health = health::health(&position, &markets).unwrap();
            let is_open = auction::age(&position, &state.terms, time).is_some();
            if !health.is_under() || is_open {
                return Ok(Vec::new());
            }
            let (by, factor) = (KEEPER, health.factor());
            return Ok(vec![log(&LendingPool::Flagged { account, by, health: factor })]);
        }
        let order = LendingPool::liquidateCall::abi_decode(input).unwrap().order;
        let account = state.accounts.get(&order.account).cloned().unwrap_or_default();
        let health = health::health(&account, &markets).unwrap();
        if !health.is_under() {
            let error = LendingPool::Healthy { account: order.account, health: health.factor() };
            return Err(error.abi_encode());
        }
        let age = auction::age(&account, &state.terms, time);
        let pair = Pair::new(state, &markets, (&account, &health), (1, 0)).unwrap();
        let size = pair.size(pair.discount(age.unwrap_or(0)).unwrap(), order.repayMax);
        let size = size.ok_or_else(|| {
            let (repaid, repayable) = (order.repayMax, order.repayMax);
            LendingPool::DustLeft { repaid, repayable }.abi_encode()
        })?;
        if size.received() < order.collateralMin {
            let (received, least) = (size.received(), order.collateralMin);
            return Err(
                LendingPool::TooLittleCollateral { received, collateralMin: least }.abi_encode()
            );
        }
        let left = |all: u128, taken: U256| U256::from(all) - taken;
        let liquidation = ILendingEvents::Liquidation {
            repaid: size.repaid,
            seized: size.seized,
            kept: size.kept,
            discount: U256::ZERO,
            healthBefore: health.factor(),
            healthAfter: RAY,
            scaledDebt: left(account.position(1).debt, size.repaid),
            scaledSupply: left(account.position(0).supply, size.seized),
            asSupply: false,
            reason: 0,
        };
        let mut logs = Vec::new();
        if age.is_none() {
            let factor = health.factor();
            logs.push(log(&LendingPool::Flagged {
                account: order.account,
                by: KEEPER,
                health: factor,
            }));
        }
        logs.push(log(&LendingPool::Liquidated {
            account: order.account,
            debtAsset: USD,
            collateralAsset: WETH,
            liquidator: KEEPER,
            liquidation,
        }));
        logs.push(log(&LendingPool::Unflagged { account: order.account, health: WAD }));
        Ok(logs)
    }
}
