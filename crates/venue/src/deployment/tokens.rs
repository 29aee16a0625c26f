//! The tokens, and who has them at first.

use super::{DeploymentError, Script, script::ETHER};
use crate::{
    addresses::{BTC, TIMELOCK, USD, USDB, VENUE, WETH},
    contracts::{faucet_token::FaucetToken, venue_token::VenueToken, weth::Weth},
};
use alloy_primitives::{Address, U256, uint};

/// Of one dollar.
pub(super) const DOLLAR: U256 = uint!(1_000_000_U256);

/// Of one bitcoin.
pub(super) const BITCOIN: U256 = uint!(100_000_000_U256);

/// Price of ether, in dollars: of the feeds and of the pools.
pub(super) const ETHER_PRICE: u64 = 2_000;

/// Price of bitcoin, in dollars.
pub(super) const BITCOIN_PRICE: u64 = 60_000;

/// Ether that is wrapped for accounts, pools and markets, in wei.
pub(super) const WRAPPED: U256 = uint!(50_000_000_000_000_000_000_000_U256);

/// Governance tokens that there are.
const SUPPLY: U256 = uint!(100_000_000_000_000_000_000_000_000_U256);

/// Governance tokens for votes, bonds, stakes and rewards, whole ones.
const SET_UP: u64 = 44_350_000;

/// Governance tokens of each account, whole ones.
const OF_USER: u64 = 1_000_000;

/// `count` whole ones of what has 18 decimals.
pub(super) fn whole(count: u64) -> U256 {
    U256::from(count) * ETHER
}

/// `count` dollars, in units of either dollar.
pub(super) fn dollars(count: u64) -> U256 {
    U256::from(count) * DOLLAR
}

/// `count` bitcoins, in units.
pub(super) fn bitcoins(count: u64) -> U256 {
    U256::from(count) * BITCOIN
}

pub(super) fn create(script: &mut Script) -> Result<(), DeploymentError> {
    script.create_of("WETH", Weth::BYTECODE.to_vec())?;
    let faucets =
        [("Venue Dollar", "vUSD", 6), ("Venue Dollar B", "vUSDB", 6), ("Venue Bitcoin", "vBTC", 8)];
    for (name, symbol, decimals) in faucets {
        let arguments = FaucetToken::constructorCall {
            name_: name.to_owned(),
            symbol_: symbol.to_owned(),
            decimals_: decimals,
        };
        script.create(symbol, &FaucetToken::BYTECODE, &arguments)?;
    }
    let arguments = VenueToken::constructorCall {
        name_: "Venue Token".to_owned(),
        symbol_: "VENUE".to_owned(),
        supply: SUPPLY,
        holder: script.keys.installer.address(),
    };
    script.create("VENUE", &VenueToken::BYTECODE, &arguments)
}

/// Gives each of the accounts some of all tokens, the treasury its part, and the installer what it
/// sets things up with.
pub(super) fn distribute(script: &mut Script, users: &[Address]) -> Result<(), DeploymentError> {
    let installer = script.keys.installer.address();
    script.pay(WETH, &Weth::depositCall {}, WRAPPED)?;
    let mut minted = vec![
        (USD, installer, dollars(1_000_000_000)),
        (USDB, installer, dollars(1_000_000_000)),
        (BTC, installer, bitcoins(10_000)),
    ];
    for user in users {
        minted.push((USD, *user, dollars(5_000_000)));
        minted.push((USDB, *user, dollars(5_000_000)));
        minted.push((BTC, *user, bitcoins(50)));
        transfer(script, WETH, *user, whole(1_000))?;
        transfer(script, VENUE, *user, whole(OF_USER))?;
    }
    for (token, account, amount) in minted {
        script.call(token, &FaucetToken::mintCall { account, amount })?;
    }
    let spent = SET_UP + OF_USER * users.len() as u64;
    transfer(script, VENUE, TIMELOCK, SUPPLY - whole(spent))
}

/// The installer gives tokens of its own.
pub(super) fn transfer(
    script: &mut Script,
    token: Address,
    to: Address,
    value: U256,
) -> Result<(), DeploymentError> {
    script.call(token, &FaucetToken::transferCall { to, value })
}

/// The installer lets a contract take as many of its tokens as it likes.
pub(super) fn approve(
    script: &mut Script,
    token: Address,
    spender: Address,
) -> Result<(), DeploymentError> {
    script.call(token, &FaucetToken::approveCall { spender, value: U256::MAX })
}
