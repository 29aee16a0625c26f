//! Pools of all kinds, and swaps through the router.

use super::{
    Design,
    site::{Site, creation},
    tokens::{Token, Tokens, approve, mint},
    worth,
};
use alloy_primitives::{
    Address, B256, Bytes, U256, U512,
    aliases::{I24, U24, U160},
};
use alloy_sol_types::SolCall as _;
use heddle_venue::contracts::{
    concentrated_factory::ConcentratedFactory::{
        self, createAndInitializePoolCall, getPoolCall, tickSpacingOfCall,
    },
    concentrated_positions::ConcentratedPositions,
    constant_product_factory::ConstantProductFactory,
    router::Router,
    sharded_pool::ShardedPool::{createShardsCall, shardAtCall},
    sharded_pool_factory::ShardedPoolFactory,
    weth::Weth,
};

/// Dollars on each side of a pool; so many that a block hardly moves the price.
const DEPTH: u64 = 2_000_000_000;
/// Shards that are created by one transaction: some 1.5 million gas each.
const SHARDS_AT_ONCE: u64 = 8;
/// Fee tiers of pools of concentrated liquidity, in millionths.
const FEES: [u32; 2] = [500, 3_000];
/// The largest tick.
const TICK_MAX: i32 = 887_272;

/// How the router deals with a pool: `Router.Kind`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Kind {
    /// A constant-product pool.
    Pair = 0,
    /// A pool of several shards, of which the hash of the sender chooses one. So traders spread over
    /// all of them without asking which is the smallest, where all who ask at once get the same answer.
    Sharded = 1,
    /// A pool of concentrated liquidity.
    Concentrated = 2,
}

/// A pool of two tokens.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Pool {
    pub(crate) kind: Kind,
    pub(crate) address: Address,
    pub(crate) tokens: [Token; 2],
}

/// All pools.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Exchange {
    pub(crate) router: Address,
    /// Of dollars and ether: in shards, or one constant-product pool.
    pub(crate) main: Pool,
    /// Constant-product pools of dollars and each token of the tail.
    pub(crate) tail: Vec<Pool>,
    /// Of concentrated liquidity.
    pub(crate) concentrated: Vec<Pool>,
}

/// What creates pools and adds liquidity.
struct Makers {
    pairs: Address,
    sharded: Address,
    concentrated: Address,
    positions: Address,
    router: Address,
}

impl Exchange {
    /// Has pools created and filled.
    pub(crate) fn deploy<S: Site>(
        site: &mut S,
        tokens: &Tokens,
        design: Design,
    ) -> Result<Self, S::Error> {
        let makers = Makers::deploy(site);
        for token in tokens.priced.iter().chain(&tokens.tail) {
            site.administer(token.address, mint(site.deployer(), U256::from(1) << 120));
            site.administer(token.address, approve(makers.router));
            site.administer(token.address, approve(makers.positions));
        }
        site.settle()?;
        let [usdc, weth, wbtc] = tokens.priced;
        let main = match design {
            Design::Parallel => makers.sharded_pool(site, [usdc, weth], design.shards())?,
            Design::Plain => makers.pair(site, [usdc, weth])?,
        };
        let tail = tokens.tail.iter().map(|token| makers.pair(site, [usdc, *token]));
        let tail = tail.collect::<Result<_, _>>()?;
        let mut concentrated = Vec::new();
        for token in [weth, wbtc] {
            for fee in FEES {
                concentrated.push(makers.concentrated_pool(site, [usdc, token], fee)?);
            }
        }
        site.settle()?;
        Ok(Self { router: makers.router, main, tail, concentrated })
    }
}

impl Makers {
    fn deploy(site: &mut impl Site) -> Self {
        let pairs = site.create(ConstantProductFactory::BYTECODE.clone());
        let sharded = site.create(ShardedPoolFactory::BYTECODE.clone());
        let concentrated = site.create(ConcentratedFactory::BYTECODE.clone());
        let ether = site.create(Weth::BYTECODE.clone());
        let positions = site.create(creation(&ConcentratedPositions::BYTECODE, &(concentrated,)));
        let router = site.create(creation(&Router::BYTECODE, &(pairs, sharded, ether)));
        Self { pairs, sharded, concentrated, positions, router }
    }

    fn pair<S: Site>(&self, site: &mut S, tokens: [Token; 2]) -> Result<Pool, S::Error> {
        let [a, b] = tokens.map(|token| token.address);
        site.administer(self.router, add_liquidity(tokens, 0, 0, DEPTH, site.deployer()));
        site.settle()?;
        let asked = ConstantProductFactory::poolOfCall { tokenA: a, tokenB: b };
        let address = site.ask(self.pairs, &asked)?;
        Ok(Pool { kind: Kind::Pair, address, tokens })
    }

    fn sharded_pool<S: Site>(
        &self,
        site: &mut S,
        tokens: [Token; 2],
        shards: u64,
    ) -> Result<Pool, S::Error> {
        let [a, b] = tokens.map(|token| token.address);
        let count = U256::from(shards);
        let create = ShardedPoolFactory::createPoolCall { tokenA: a, tokenB: b, shardCount: count };
        site.administer(self.sharded, create.abi_encode().into());
        site.settle()?;
        let asked = ShardedPoolFactory::poolOfCall { tokenA: a, tokenB: b, shardCount: count };
        let address = site.ask(self.sharded, &asked)?;
        for _ in 0..shards.div_ceil(SHARDS_AT_ONCE) {
            let create = createShardsCall { most: U256::from(SHARDS_AT_ONCE) };
            site.administer(address, create.abi_encode().into());
        }
        for shard in 0..shards {
            let depth = DEPTH / shards;
            let add = add_liquidity(tokens, shards, shard, depth, site.deployer());
            site.administer(self.router, add);
        }
        Ok(Pool { kind: Kind::Sharded, address, tokens })
    }

    /// With liquidity at all prices.
    fn concentrated_pool<S: Site>(
        &self,
        site: &mut S,
        mut tokens: [Token; 2],
        fee: u32,
    ) -> Result<Pool, S::Error> {
        tokens.sort_unstable_by_key(|token| token.address);
        let [token0, token1] = tokens.map(|token| token.address);
        let amounts = tokens.map(|token| worth(DEPTH, &token));
        let fee = U24::from(fee);
        let create = createAndInitializePoolCall {
            tokenA: token0,
            tokenB: token1,
            fee,
            sqrtPriceX96: square_root_of_price(amounts),
        };
        site.administer(self.concentrated, create.abi_encode().into());
        let spacing = site.ask(self.concentrated, &tickSpacingOfCall { fee })?.as_i32();
        let tick =
            I24::try_from(TICK_MAX / spacing * spacing).expect("the largest tick has 21 bits");
        let params = ConcentratedPositions::MintParams {
            token0,
            token1,
            fee,
            tickLower: -tick,
            tickUpper: tick,
            amount0Desired: amounts[0],
            amount1Desired: amounts[1],
            amount0Min: U256::ZERO,
            amount1Min: U256::ZERO,
            recipient: site.deployer(),
            deadline: U256::MAX,
            salt: B256::ZERO,
        };
        let mint = ConcentratedPositions::mintCall { params };
        site.administer(self.positions, mint.abi_encode().into());
        site.settle()?;
        let asked = getPoolCall { tokenA: token0, tokenB: token1, fee };
        let address = site.ask(self.concentrated, &asked)?;
        Ok(Pool { kind: Kind::Concentrated, address, tokens })
    }
}

/// The square root of the second amount by the first, with 96 binary digits after the point, rounded
/// down.
fn square_root_of_price(amounts: [U256; 2]) -> U160 {
    let [first, second] = amounts.map(U512::from);
    let square: U512 = (second << 192) / first;
    U160::from(square.root(2))
}

fn add_liquidity(
    [a, b]: [Token; 2],
    shard_count: u64,
    shard: u64,
    depth: u64,
    recipient: Address,
) -> Bytes {
    let key = Router::PoolKey {
        tokenA: a.address,
        tokenB: b.address,
        shardCount: U256::from(shard_count),
        shard: U256::from(shard),
    };
    let order = Router::AddLiquidity {
        key,
        amountADesired: worth(depth, &a),
        amountBDesired: worth(depth, &b),
        amountAMin: U256::ZERO,
        amountBMin: U256::ZERO,
        recipient,
        deadline: U256::MAX,
    };
    Router::addLiquidityCall { order }.abi_encode().into()
}

/// A swap of all of `amount` of a token along pools, for the sender itself.
pub(crate) fn swap(
    sender: Address,
    token_in: Address,
    path: &[Pool],
    amount: U256,
    out_min: U256,
) -> Bytes {
    let mut token = token_in;
    let path = path.iter().map(|pool| {
        token = pool.other(token).address;
        Router::Hop { kind: pool.kind as u8, pool: pool.address, tokenOut: token }
    });
    let order = Router::ExactIn {
        tokenIn: token_in,
        path: path.collect(),
        amountIn: amount,
        amountOutMin: out_min,
        recipient: sender,
        deadline: U256::MAX,
        isUnwrapped: false,
    };
    Router::swapExactInCall { order }.abi_encode().into()
}

impl Pool {
    /// The token that is not this one.
    pub(crate) fn other(&self, token: Address) -> Token {
        self.tokens[usize::from(self.tokens[0].address == token)]
    }

    /// The pools that hold its tokens: itself, or its shards.
    pub(crate) fn parts<S: Site>(
        &self,
        site: &mut S,
        shards: u64,
    ) -> Result<Vec<Address>, S::Error> {
        if self.kind != Kind::Sharded {
            return Ok(vec![self.address]);
        }
        let ask = |index| site.ask(self.address, &shardAtCall { index: U256::from(index) });
        (0..shards).map(ask).collect()
    }
}
