//! The tokens that are dealt in.

use super::{
    PRICES,
    site::{Site, creation},
};
use alloy_primitives::{Address, Bytes, U256};
use alloy_sol_types::SolCall as _;
use heddle_venue::contracts::{
    faucet_token::FaucetToken::{self, approveCall, mintCall, transferCall},
    venue_token::VenueToken,
};

/// Tokens without a price feed, each with a pool of its own against dollars.
pub(crate) const TAIL: usize = 16;

/// Of the governance token, with 18 decimals: what farms give, votes weigh and reporters pledge.
const VENUE_SUPPLY: u128 = 1_000_000_000 * 10_u128.pow(18);

/// A token that anybody makes as much of as they like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Token {
    pub(crate) address: Address,
    pub(crate) decimals: u8,
    /// In 1e-8 dollars, at first.
    pub(crate) price: u64,
}

impl Token {
    /// A whole one.
    pub(crate) fn unit(&self) -> U256 {
        U256::from(10).pow(U256::from(self.decimals))
    }
}

/// All tokens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Tokens {
    /// Those with a feed and a reserve: dollars, ether, bitcoin.
    pub(crate) priced: [Token; 3],
    pub(crate) tail: Vec<Token>,
    /// The governance token; the deployer has all of it.
    pub(crate) venue: Address,
}

impl Tokens {
    /// Has them created.
    pub(crate) fn deploy(site: &mut impl Site) -> Self {
        let mut token = |name: &str, decimals, price| {
            let arguments = (name.to_owned(), name.to_owned(), U256::from(decimals));
            let address = site.create(creation(&FaucetToken::BYTECODE, &arguments));
            Token { address, decimals, price }
        };
        let priced = [
            token("USDC", 6, PRICES[0]),
            token("WETH", 18, PRICES[1]),
            token("WBTC", 8, PRICES[2]),
        ];
        let tail = (0..TAIL).map(|number| token(&format!("T{number}"), 18, PRICES[0])).collect();
        let name = "Venue".to_owned();
        let arguments = (name.clone(), name, U256::from(VENUE_SUPPLY), site.deployer());
        let venue = site.create(creation(&VenueToken::BYTECODE, &arguments));
        Self { priced, tail, venue }
    }

    /// What debts and prices are in.
    pub(crate) const fn usdc(&self) -> Token {
        self.priced[0]
    }

    /// What falls in a crash.
    pub(crate) const fn weth(&self) -> Token {
        self.priced[1]
    }
}

/// Makes tokens, for anybody.
pub(crate) fn mint(to: Address, amount: U256) -> Bytes {
    mintCall { account: to, amount }.abi_encode().into()
}

/// Lets somebody spend as much as they like.
pub(crate) fn approve(spender: Address) -> Bytes {
    approveCall { spender, value: U256::MAX }.abi_encode().into()
}

/// Moves tokens.
pub(crate) fn transfer(to: Address, amount: U256) -> Bytes {
    transferCall { to, value: amount }.abi_encode().into()
}
