//! The lending pool: its reserves, and what accounts do in it.

use super::{
    Design,
    site::{Site, creation},
    tokens::{Token, Tokens, approve, mint},
    worth,
};
use alloy_primitives::{Address, Bytes, U256, aliases::U96};
use alloy_sol_types::SolCall as _;
use heddle_venue::contracts::{
    configurator::{Configurator, InterestRate, LendingStorage},
    insurance_fund::InsuranceFund,
    lending_pool::{LendingPool, Liquidator as Liquidation},
    liquidator::Liquidator,
};

/// Dollars that are there to be lent, of each reserve.
const DEPTH: u64 = 10_000_000_000;

/// How old a price may be, in seconds.
const HEARTBEAT: u32 = 86_400;

/// A lending pool in which all priced tokens are reserves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Lending {
    pub(crate) pool: Address,
}

impl Lending {
    /// Has it created, configured and filled. The feeds, one for each priced token, have answers.
    pub(crate) fn deploy<S: Site>(
        site: &mut S,
        tokens: &Tokens,
        design: Design,
        feeds: [Address; 3],
    ) -> Result<Self, S::Error> {
        let shards = U256::from(design.shards());
        let liquidator = site.create(creation(&Liquidator::BYTECODE, &(shards,)));
        let configurator = site.create(creation(&Configurator::BYTECODE, &(shards,)));
        let arguments = (shards, liquidator, configurator, site.deployer());
        let pool = site.create(creation(&LendingPool::BYTECODE, &arguments));
        site.settle()?;
        let role = site.ask(pool, &Configurator::RISK_ROLECall {})?;
        let grant = LendingPool::grantRoleCall { role, account: site.deployer() };
        site.administer(pool, grant.abi_encode().into());
        for (token, feed) in tokens.priced.iter().zip(feeds) {
            site.administer(pool, add_reserve(token, feed));
        }
        let terms = Configurator::setTermsCall { terms: terms() };
        site.administer(pool, terms.abi_encode().into());
        let fund = site.create(creation(&InsuranceFund::BYTECODE, &(pool,)));
        let fund = Configurator::setInsuranceFundCall { fund };
        site.administer(pool, fund.abi_encode().into());
        site.administer(pool, Configurator::launchCall {}.abi_encode().into());
        for token in &tokens.priced {
            fill(site, pool, token);
        }
        site.settle()?;
        Ok(Self { pool })
    }
}

/// Lifts the caps, supplies, and spreads what was supplied over the shards.
fn fill(site: &mut impl Site, pool: Address, token: &Token) {
    let asset = token.address;
    let caps = Configurator::setCapsCall { asset, supplyCap: u128::MAX, borrowCap: u128::MAX };
    site.administer(pool, caps.abi_encode().into());
    let amount = worth(DEPTH, token);
    site.administer(asset, mint(site.deployer(), amount));
    site.administer(asset, approve(pool));
    site.administer(pool, supply(asset, amount, site.deployer()));
    site.administer(pool, Configurator::rebalanceCall { asset }.abi_encode().into());
}

fn add_reserve(token: &Token, feed: Address) -> Bytes {
    let wad = |hundredths: u64| hundredths * 10_u64.pow(16);
    let listing = Configurator::Listing {
        asset: token.address,
        feed,
        heartbeat: HEARTBEAT,
        ltv: 7_500,
        liquidationThreshold: 8_000,
        discountMin: 100,
        discountMax: 1_000,
        reserveFactor: 1_000,
        // A fifth in half an hour.
        jumpMax: 2_000,
        jumpWindow: 1_800,
        isolated: false,
        borrowable: true,
        model: InterestRate::Model {
            base: wad(2),
            slope1: wad(4),
            slope2: wad(60),
            optimal: wad(80),
        },
    };
    Configurator::addReserveCall { listing }.abi_encode().into()
}

fn terms() -> LendingStorage::Terms {
    LendingStorage::Terms {
        targetHealth: 1_050_000_000_000_000_000,
        valueMin: U96::from(100 * 10_u128.pow(18)),
        auctionDuration: 1_800,
        grace: 600,
        keptShare: 1_000,
        flashFee: 5,
        insuranceFund: Address::ZERO,
        backstopShare: 5_000,
        syncGap: 0,
        paused: false,
        launched: false,
    }
}

/// Supplies tokens of the sender for an account.
pub(crate) fn supply(asset: Address, amount: U256, account: Address) -> Bytes {
    LendingPool::supplyCall { asset, amount, account }.abi_encode().into()
}

/// Takes back what the sender supplied.
pub(crate) fn withdraw(asset: Address, amount: U256, to: Address) -> Bytes {
    LendingPool::withdrawCall { asset, amount, to }.abi_encode().into()
}

/// Lends to the sender.
pub(crate) fn borrow(asset: Address, amount: U256, account: Address) -> Bytes {
    LendingPool::borrowCall { asset, amount, account, to: account }.abi_encode().into()
}

/// Repays debt of an account.
pub(crate) fn repay(asset: Address, amount: U256, account: Address) -> Bytes {
    LendingPool::repayCall { asset, amount, account }.abi_encode().into()
}

/// Makes what the sender supplied collateral.
pub(crate) fn pledge(asset: Address) -> Bytes {
    LendingPool::setCollateralCall { asset, isCollateral: true }.abi_encode().into()
}

/// Brings all reserves up to this second.
pub(crate) fn accrue_all() -> Bytes {
    LendingPool::accrueAllCall {}.abi_encode().into()
}

/// Begins the auction of an account whose health is under 1.
pub(crate) fn flag(account: Address) -> Bytes {
    LendingPool::flagCall { account }.abi_encode().into()
}

/// Repays as much as may be for an account, at whatever discount there is.
pub(crate) fn liquidate(account: Address, debt: Address, collateral: Address) -> Bytes {
    let order = Liquidation::Order {
        account,
        debtAsset: debt,
        collateralAsset: collateral,
        repayMax: U256::MAX,
        collateralMin: U256::ZERO,
        asSupply: false,
    };
    LendingPool::liquidateCall { order }.abi_encode().into()
}
