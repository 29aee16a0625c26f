//! Tokens, pools and who trades: what is deployed before the block, and calls of it.

use super::{
    builder::Builder,
    contracts::{COUNTER, POOL, TOKEN, call, creation, word},
};
use alloy_primitives::{Address, Bytes, TxKind, U256};

/// One token of the usual 18 decimals.
const TOKEN_UNIT: u64 = 1_000_000_000_000_000_000;

/// Tokens that a holder has at first; more than it spends in a block.
const HOLDING: u64 = 1_000;

/// Tokens of each kind in a pool; so many that a block hardly moves the price.
const RESERVE: u64 = 10_000_000;

/// What a swap puts in.
const SWAP_MIN: u64 = TOKEN_UNIT / 1_000;
const SWAP_MAX: u64 = 10 * TOKEN_UNIT;

/// A swap is content with this part, in thousandths, of what it puts in: 1 % less than the pool
/// gives, whose two reserves are equal and whose fee is 0.3 %.
const SWAP_OUT_MIN: u64 = 987;

// Gas limits: what a call uses, and about a quarter more, as wallets add to their estimate.
const TOKEN_TRANSFER_GAS: u64 = 43_000;
const APPROVE_GAS: u64 = 58_000;
const SWAP_GAS: u64 = 92_000;
const COUNT_GAS: u64 = 63_000;
const CREATE_COUNTER_GAS: u64 = 157_000;

/// A pool that is in the state before the block.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pool {
    address: Address,
    tokens: [Address; 2],
}

impl Builder {
    /// Deploys an ERC-20 token.
    pub(super) fn token(&mut self) -> Address {
        let supply = U256::from(1) << 128;
        self.deploy(creation(&TOKEN, &[supply]))
    }

    /// A new account that owns ether and the token.
    pub(super) fn holder(&mut self, token: Address) -> Address {
        let holder = self.account();
        self.give(token, holder);
        holder
    }

    /// Deploys a counter that has counted before.
    pub(super) fn counter(&mut self) -> Address {
        let counter = self.deploy(COUNTER.clone());
        self.prepare(self.deployer(), counter, call("increment()", &[]));
        counter
    }

    /// Deploys a pool and its two tokens, and funds it.
    pub(super) fn pool(&mut self) -> Pool {
        let tokens = [self.token(), self.token()];
        let address = self.deploy(creation(&POOL, &tokens.map(word)));
        for token in tokens {
            self.prepare(self.deployer(), token, approve(address, U256::MAX));
        }
        let funds = [tokens_amount(RESERVE); 2];
        self.prepare(self.deployer(), address, call("fund(uint256,uint256)", &funds));
        Pool { address, tokens }
    }

    fn give(&mut self, token: Address, to: Address) {
        self.prepare(self.deployer(), token, transfer(to, tokens_amount(HOLDING)));
    }

    /// A transfer of at most a token.
    pub(super) fn transfer_token(&mut self, token: Address, from: Address, to: Address) {
        let amount = U256::from(self.random.between(1, TOKEN_UNIT));
        self.call(from, TxKind::Call(token), transfer(to, amount), TOKEN_TRANSFER_GAS);
    }

    /// A swap by an account of its own, which owns both tokens and has given the pool an allowance
    /// without end, as most traders do.
    pub(super) fn swap(&mut self, pool: Pool) {
        let trader = self.account();
        for token in pool.tokens {
            self.give(token, trader);
        }
        let token_in = pool.tokens[usize::from(self.random.below(2) == 1)];
        self.prepare(trader, token_in, approve(pool.address, U256::MAX));
        let amount = U256::from(self.random.between(SWAP_MIN, SWAP_MAX));
        let out_min = amount * U256::from(SWAP_OUT_MIN) / U256::from(1_000);
        let arguments = [word(token_in), amount, out_min, word(trader)];
        let data = call("swap(address,uint256,uint256,address)", &arguments);
        self.call(trader, TxKind::Call(pool.address), data, SWAP_GAS);
    }

    /// Another account's first approval of somebody.
    pub(super) fn approve_token(&mut self, token: Address) {
        let (owner, spender) = (self.holder(token), self.account());
        let amount = U256::from(self.random.between(1, TOKEN_UNIT));
        self.call(owner, TxKind::Call(token), approve(spender, amount), APPROVE_GAS);
    }

    /// Another account's first call of the counter.
    pub(super) fn count(&mut self, counter: Address) {
        let caller = self.account();
        self.call(caller, TxKind::Call(counter), call("increment()", &[]), COUNT_GAS);
    }

    /// The creation of a counter.
    pub(super) fn create_counter(&mut self) {
        let creator = self.account();
        self.call(creator, TxKind::Create, COUNTER.clone(), CREATE_COUNTER_GAS);
    }
}

fn transfer(to: Address, amount: U256) -> Bytes {
    call("transfer(address,uint256)", &[word(to), amount])
}

fn approve(spender: Address, amount: U256) -> Bytes {
    call("approve(address,uint256)", &[word(spender), amount])
}

fn tokens_amount(tokens: u64) -> U256 {
    U256::from(tokens) * U256::from(TOKEN_UNIT)
}
