//! Price feeds, who reports for them, and an insurance on one.

use super::{
    Actor, DAY, DeploymentError, HOUR, Script,
    governance::{grant, hand_over as hand_over_roles},
    tokens::{BITCOIN_PRICE, ETHER_PRICE, approve, dollars, whole},
};
use crate::{
    addresses::{
        BTC_USD, ETH_USD, RAINFALL, RAINFALL_INSURANCE, REGISTRY, TIMELOCK, USD, USD_USD, USDB_USD,
        VENUE,
    },
    contracts::{
        price_feed::PriceFeed, rainfall_insurance::RainfallInsurance,
        reporter_registry::ReporterRegistry,
    },
    observation::{self, Observation},
};
use alloy_primitives::{
    Address, B256, U256,
    aliases::{I192, U40, U48},
    keccak256,
};

/// Bond of each reporter of each feed, in governance tokens.
const BOND: u64 = 10_000;

/// Seconds after which a price is reported though little has changed.
const HEARTBEAT: u32 = HOUR as u32;

/// Seconds after which an answer is stale. Where money of value is lent this is little more than the
/// heartbeat; here prices hold for a day, so that a chain without reporters can be used for as long.
pub(super) const STALE_AFTER: u32 = DAY as u32;

/// Seconds that an observation may be old.
const OBSERVATION_AGE_MAX: u16 = 600;

/// Seconds until readings of the gauge must be there.
const LAG_MAX: u64 = 27 * HOUR;

/// A feed, and what it answers first.
struct Feed {
    address: Address,
    description: &'static str,
    decimals: u8,
    heartbeat: u32,
    stale_after: u32,
    /// In 1e-4.
    deviation: u16,
    /// Least and greatest answer.
    bounds: [i128; 2],
    answer: i128,
}

impl Feed {
    /// A price with 8 decimals; bounds in dollars.
    fn price(address: Address, description: &'static str, price: u64, bounds: [u64; 2]) -> Self {
        let scaled = |dollars: u64| i128::from(dollars) * 100_000_000;
        Self {
            address,
            description,
            decimals: 8,
            heartbeat: HEARTBEAT,
            stale_after: STALE_AFTER,
            deviation: 50,
            bounds: bounds.map(scaled),
            answer: scaled(price),
        }
    }

    /// A price near one dollar, of which a quarter of a percent is news.
    fn stable(address: Address, description: &'static str) -> Self {
        // A tenth of a dollar: what is worth less is broken.
        let bounds = [10_000_000, 1_000_000_000];
        Self { deviation: 25, bounds, ..Self::price(address, description, 1, [0, 0]) }
    }
}

fn feeds() -> [Feed; 5] {
    [
        Feed::price(ETH_USD, "ETH / USD", ETHER_PRICE, [10, 1_000_000]),
        Feed::price(BTC_USD, "BTC / USD", BITCOIN_PRICE, [100, 100_000_000]),
        Feed::stable(USD_USD, "vUSD / USD"),
        Feed::stable(USDB_USD, "vUSDB / USD"),
        Feed {
            address: RAINFALL,
            description: "Rain at the station since 2020, in 0.01 mm",
            decimals: 2,
            heartbeat: DAY as u32,
            stale_after: 26 * HOUR as u32,
            // No report before its time: what is news for an insurance is none for the gauge.
            deviation: u16::MAX,
            bounds: [0, 1_000_000_000],
            answer: 480_000,
        },
    ]
}

pub(super) fn create(script: &mut Script) -> Result<(), DeploymentError> {
    let installer = script.keys.installer.address();
    let config = ReporterRegistry::Config {
        admin: installer,
        token: VENUE,
        bondMin: whole(BOND).to::<u128>(),
        fund: TIMELOCK,
        rewardShare: 2_500,
        appointmentDelay: DAY as u32,
        unbondingDelay: 7 * DAY as u32,
    };
    let arguments = ReporterRegistry::constructorCall { config };
    script.create("ReporterRegistry", &ReporterRegistry::BYTECODE, &arguments)?;
    for feed in feeds() {
        let config = PriceFeed::Config {
            registry: REGISTRY,
            description: feed.description.to_owned(),
            decimals: feed.decimals,
            heartbeat: feed.heartbeat,
            staleAfter: feed.stale_after,
            deviationThreshold: feed.deviation,
            observationAgeMax: OBSERVATION_AGE_MAX,
            futureTolerance: 30,
            minAnswer: feed.bounds[0],
            maxAnswer: feed.bounds[1],
        };
        let arguments = PriceFeed::constructorCall { config };
        script.create(feed.description, &PriceFeed::BYTECODE, &arguments)?;
    }
    let arguments = RainfallInsurance::constructorCall {
        feed_: RAINFALL,
        token_: USD,
        admin: installer,
        lagMax_: U256::from(LAG_MAX),
        settlementTime_: U256::from(10 * DAY),
    };
    script.create("RainfallInsurance", &RainfallInsurance::BYTECODE, &arguments)
}

/// Reporters join and post bonds, and are announced for all feeds. Their bonds go back to the treasury.
pub(super) fn announce(script: &mut Script) -> Result<(), DeploymentError> {
    let reporters = script.keys.reporter_addresses();
    grant(script, REGISTRY, appointer(), script.keys.installer.address())?;
    approve(script, VENUE, REGISTRY)?;
    for Feed { address: feed, .. } in feeds() {
        for (seat, account) in reporters.iter().enumerate() {
            let join = ReporterRegistry::joinCall { feed, owner: TIMELOCK };
            script.call_by(Actor::Reporter(seat), REGISTRY, &join, 150_000)?;
            let amount = whole(BOND);
            let bond = ReporterRegistry::addBondCall { feed, account: *account, amount };
            script.call(REGISTRY, &bond)?;
        }
        let accounts = reporters.clone();
        script.call(REGISTRY, &ReporterRegistry::announceCall { feed, accounts })?;
    }
    Ok(())
}

/// Puts the announced reporters in place.
pub(super) fn appoint(script: &mut Script) -> Result<(), DeploymentError> {
    let accounts = script.keys.reporter_addresses();
    for Feed { address: feed, .. } in feeds() {
        let accounts = accounts.clone();
        script.call(REGISTRY, &ReporterRegistry::appointCall { feed, accounts })?;
    }
    Ok(())
}

/// All feeds answer for the first time, by the observations of all reporters.
pub(super) fn report(script: &mut Script) -> Result<(), DeploymentError> {
    let now = script.now();
    for feed in feeds() {
        let observation = Observation {
            round: 1,
            attempt: 0,
            value: I192::unchecked_from(feed.answer),
            observedAt: U48::from(now),
        };
        let mut observations = Vec::new();
        for (seat, key) in (0_u8..).zip(&script.keys.reporters) {
            let signed = observation::sign(key, seat, &observation, feed.address, script.chain_id)?;
            observations.push(signed);
        }
        let submit = PriceFeed::submitCall { round: 1, attempt: 0, observations };
        script.call_by(Actor::Reporter(0), feed.address, &submit, 500_000)?;
    }
    Ok(())
}

/// Opens a series whose period begins in a week, with capital of the treasury.
pub(super) fn insure(script: &mut Script, end: u64) -> Result<(), DeploymentError> {
    let installer = script.keys.installer.address();
    grant(script, RAINFALL_INSURANCE, opener(), installer)?;
    let terms = RainfallInsurance::Terms {
        payout: dollars(100).to::<u128>(),
        premium: dollars(7).to::<u128>(),
        salesEnd: U40::from(end + 7 * DAY),
        start: U40::from(end + 7 * DAY),
        end: U40::from(end + 14 * DAY),
        threshold: 1_000,
    };
    script.call(RAINFALL_INSURANCE, &RainfallInsurance::openCall { terms_: terms })?;
    approve(script, USD, RAINFALL_INSURANCE)?;
    let deposit = RainfallInsurance::depositCall {
        series: U256::ZERO,
        amount: dollars(100_000),
        provider: TIMELOCK,
    };
    script.call(RAINFALL_INSURANCE, &deposit)
}

pub(super) fn hand_over(script: &mut Script) -> Result<(), DeploymentError> {
    let (appointer, canceller) = (appointer(), keccak256("CANCELLER_ROLE"));
    hand_over_roles(script, REGISTRY, &[appointer], &[appointer], &[canceller])?;
    hand_over_roles(script, RAINFALL_INSURANCE, &[opener()], &[], &[opener()])
}

fn appointer() -> B256 {
    keccak256("APPOINTER_ROLE")
}

fn opener() -> B256 {
    keccak256("OPENER_ROLE")
}
