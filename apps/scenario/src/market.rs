//! The scenario's own market: tokens, feeds with reporters, a lending pool with all that stands
//! behind it, a pool to sell in; then everybody who has a part in the scenario.

mod setup;

use crate::{
    accounts::{GAS_MAX, Sender, Signed},
    book::{Answer, Book, COLLATERAL, DOLLAR, EventError},
    chain::{Chain, ChainError},
    file::Scenario,
    population::{self, Opening},
};
use alloy_primitives::{Address, B256, U256, keccak256};
use alloy_sol_types::{SolCall, SolConstructor};
use heddle_client::RpcError;
use heddle_venue::contracts::{
    backstop::Backstop, configurator::Configurator,
    constant_product_factory::ConstantProductFactory, constant_product_pool::ConstantProductPool,
    faucet_token::FaucetToken, insurance_fund::InsuranceFund, lending_pool::LendingPool,
    liquidator::Liquidator, naive_liquidator::NaiveLiquidator, price_feed::PriceFeed,
    reporter_registry::ReporterRegistry, router::Router, sharded_pool_factory::ShardedPoolFactory,
};

pub use setup::{DEVIATION, FEED_HEARTBEAT};

/// UNIX seconds of the first block.
pub const GENESIS: u64 = 1_800_000_000;
/// Units of a whole token of collateral and of a dollar.
pub const UNITS: (f64, f64) = (1e18, 1e6);
/// Who reports: the least of whom one may lie.
const REPORTERS: usize = 4;
/// Shards of the lending pool.
const SHARDS: u64 = 16;
/// Accounts that begin auctions.
const WATCHERS: usize = 32;
/// Suppliers, where the scenario does not say.
const SUPPLIERS: usize = 16;
/// Why there is no market.
#[derive(Debug, thiserror::Error)]
pub enum MarketError {
    /// The chain.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// The chain.
    #[error(transparent)]
    Rpc(#[from] RpcError),
    /// A key.
    #[error("a transaction of the scenario cannot be signed")]
    Sign(#[from] alloy_signer::Error),
    /// An event.
    #[error(transparent)]
    Event(#[from] EventError),
    /// A transaction failed.
    #[error("step {0} of the deployment has failed: are the contracts those of this version?")]
    Failed(&'static str),
    /// Some positions are not there.
    #[error("{there} of {asked} positions were opened; are loan-to-values under the market's?")]
    Positions {
        /// How many are there.
        there: usize,
        /// How many should be.
        asked: usize,
    },
}

/// Where all is, and who takes part.
#[derive(Clone, Debug)]
pub struct Market {
    /// Everything that one account does.
    pub deployer: Sender,
    /// By seat.
    pub reporters: Vec<Sender>,
    /// Who owes.
    pub borrowers: Vec<Sender>,
    /// Whose dollars are lent.
    pub suppliers: Vec<Sender>,
    /// As the scenario names their capital.
    pub liquidators: Vec<Sender>,
    /// Begin auctions: several, so that they need not wait for each other's nonces.
    pub watchers: Vec<Sender>,
    /// Pulls the pool's price to that outside.
    pub arbitrageur: Sender,
    /// Trades for no reason.
    pub trader: Sender,
    /// Collateral, then dollar.
    pub tokens: [Address; 2],
    /// Of both.
    pub feeds: [Address; 2],
    /// Who says who reports.
    pub registry: Address,
    /// The lending pool.
    pub lending: Address,
    /// Its module.
    pub liquidator: Address,
    /// The same, naive.
    pub naive: Address,
    /// What pays first.
    pub fund: Address,
    /// What pays then.
    pub backstop: Address,
    /// The pool to sell in.
    pub pool: Address,
    /// By which it is traded.
    pub router: Address,
    /// Rounds that the collateral's feed has had.
    pub round: u32,
    /// What the collateral's feed says.
    pub answer: Answer,
    /// The lending pool's positions.
    pub book: Book,
    /// What positions were opened with.
    pub openings: Vec<Opening>,
    /// UNIX seconds of the last block.
    pub now: u64,
}

/// Where the contracts are.
#[derive(Clone, Copy, Debug, serde::Serialize)]
pub struct Addresses {
    /// A token that anybody may mint; so the next.
    pub collateral: Address,
    /// A dollar.
    pub dollar: Address,
    /// Its price.
    pub collateral_feed: Address,
    /// Its price.
    pub dollar_feed: Address,
    /// Who says who reports.
    pub registry: Address,
    /// Where is lent and liquidated.
    pub lending_pool: Address,
    /// What pays first.
    pub insurance_fund: Address,
    /// What pays then.
    pub backstop: Address,
    /// Where collateral is sold.
    pub exchange_pool: Address,
    /// By which.
    pub router: Address,
}

/// What is sent in a block, with a name for each step.
type Steps = Vec<(&'static str, Signed)>;

impl Market {
    /// Makes all of it, and leaves a block in which everything is ready.
    ///
    /// # Errors
    ///
    /// [`MarketError`].
    pub fn create(
        chain: &Chain,
        scenario: &Scenario,
        progress: impl Fn(usize, usize),
    ) -> Result<Self, MarketError> {
        let mut market = Self::people(scenario)?;
        market.deploy(chain)?;
        market.appoint(chain, scenario)?;
        market.list(chain, scenario)?;
        market.fill(chain, scenario)?;
        market.open(chain, progress)?;
        Ok(market)
    }

    fn people(scenario: &Scenario) -> Result<Self, alloy_signer::Error> {
        let seed = scenario.seed;
        let suppliers = scenario.run.as_ref().map_or(SUPPLIERS, |run| run.suppliers);
        let mut reporters = Sender::many(seed, "reporter", REPORTERS)?;
        // A seat is the place in ascending order.
        reporters.sort_by_key(Sender::address);
        let price = scenario.price.start;
        let zero = Address::ZERO;
        Ok(Self {
            deployer: Sender::new(seed, "deployer", 0)?,
            reporters,
            borrowers: Sender::many(seed, "borrower", scenario.positions.count)?,
            suppliers: Sender::many(seed, "supplier", suppliers)?,
            liquidators: Sender::many(seed, "liquidator", scenario.liquidators.capital.len())?,
            watchers: Sender::many(seed, "watcher", WATCHERS)?,
            arbitrageur: Sender::new(seed, "arbitrageur", 0)?,
            trader: Sender::new(seed, "trader", 0)?,
            tokens: [zero; 2],
            feeds: [zero; 2],
            registry: zero,
            lending: zero,
            liquidator: zero,
            naive: zero,
            fund: zero,
            backstop: zero,
            pool: zero,
            router: zero,
            round: 0,
            answer: Answer { price: U256::ZERO, updated_at: 0 },
            book: setup::book(scenario, [zero; 2]),
            openings: population::draw(&scenario.positions, price, UNITS, seed),
            now: GENESIS,
        })
    }

    /// Makes a block a while later, in which all steps succeed.
    fn step(&mut self, chain: &Chain, later: u64, steps: Steps) -> Result<u64, MarketError> {
        let (names, signed): (Vec<_>, Vec<_>) = steps.into_iter().unzip();
        chain.send(&signed)?;
        self.now += later;
        let (block, _) = chain.mine(self.now)?;
        let hashes: Vec<B256> = signed.iter().map(|signed| signed.hash).collect();
        match chain.failures(&hashes)?.first() {
            Some(failed) => Err(MarketError::Failed(names[*failed])),
            None => Ok(block.number),
        }
    }

    /// Has the lending pool believe every price of the collateral, however it jumps.
    ///
    /// # Errors
    ///
    /// [`MarketError`].
    pub fn remove_breaker(&mut self, chain: &Chain) -> Result<(), MarketError> {
        let reserve = &mut self.book.reserves[COLLATERAL];
        reserve.jump_window = 0;
        let (asset, jump_max) = (reserve.asset, reserve.jump_max as u16);
        let call = Configurator::setBreakerCall { asset, jumpMax: jump_max, jumpWindow: 0 };
        let mut steps = vec![];
        let lending = self.lending;
        self.order(&mut steps, "breaker", lending, &call)?;
        self.step(chain, 1, steps).map(drop)
    }

    /// Where all is, for programs that take part from outside.
    pub fn addresses(&self) -> Addresses {
        let [collateral, dollar] = self.tokens;
        let [collateral_feed, dollar_feed] = self.feeds;
        Addresses {
            collateral,
            dollar,
            collateral_feed,
            dollar_feed,
            registry: self.registry,
            lending_pool: self.lending,
            insurance_fund: self.fund,
            backstop: self.backstop,
            exchange_pool: self.pool,
            router: self.router,
        }
    }

    fn create_contract(
        &mut self,
        steps: &mut Steps,
        name: &'static str,
        code: &[u8],
        arguments: &[u8],
    ) -> Result<Address, MarketError> {
        let address = self.deployer.next_contract();
        steps.push((name, self.deployer.create([code, arguments].concat())?));
        Ok(address)
    }

    fn deploy(&mut self, chain: &Chain) -> Result<(), MarketError> {
        let mut steps = vec![];
        for (id, (name, symbol, decimals)) in
            [("Scenario Ether", "sETH", 18), ("Scenario Dollar", "sUSD", 6)].into_iter().enumerate()
        {
            let (name_, symbol_) = (name.to_owned(), symbol.to_owned());
            let arguments = FaucetToken::constructorCall { name_, symbol_, decimals_: decimals };
            self.tokens[id] = self.create_contract(
                &mut steps,
                name,
                &FaucetToken::BYTECODE,
                &arguments.abi_encode(),
            )?;
        }
        let registry = self.registry(&mut steps)?;
        self.registry = registry;
        for (id, description) in ["sETH / USD", "sUSD / USD"].into_iter().enumerate() {
            let config = setup::feed_config(registry, description, id);
            let arguments = PriceFeed::constructorCall { config }.abi_encode();
            self.feeds[id] =
                self.create_contract(&mut steps, description, &PriceFeed::BYTECODE, &arguments)?;
        }
        self.lending_contracts(&mut steps)?;
        self.exchange_contracts(&mut steps)?;
        let role = keccak256("APPOINTER_ROLE");
        let account = self.deployer.address();
        self.order(
            &mut steps,
            "grant",
            registry,
            &ReporterRegistry::grantRoleCall { role, account },
        )?;
        self.announce(&mut steps, registry)?;
        self.step(chain, 10, steps).map(drop)
    }

    fn registry(&mut self, steps: &mut Steps) -> Result<Address, MarketError> {
        let admin = self.deployer.address();
        let config = ReporterRegistry::Config {
            admin,
            token: self.tokens[DOLLAR],
            bondMin: 1,
            fund: admin,
            rewardShare: 0,
            appointmentDelay: 24 * 3600,
            unbondingDelay: 7 * 24 * 3600,
        };
        let arguments = ReporterRegistry::constructorCall { config }.abi_encode();
        self.create_contract(steps, "registry", &ReporterRegistry::BYTECODE, &arguments)
    }

    fn lending_contracts(&mut self, steps: &mut Steps) -> Result<(), MarketError> {
        let shards = U256::from(SHARDS);
        let count = shards.to_be_bytes::<32>();
        self.liquidator =
            self.create_contract(steps, "liquidator", &Liquidator::BYTECODE, &count)?;
        self.naive =
            self.create_contract(steps, "naive liquidator", &NaiveLiquidator::BYTECODE, &count)?;
        let configurator =
            self.create_contract(steps, "configurator", &Configurator::BYTECODE, &count)?;
        let arguments = LendingPool::constructorCall {
            shardCount: shards,
            liquidator: self.liquidator,
            configurator,
            admin: self.deployer.address(),
        };
        self.lending = self.create_contract(
            steps,
            "lending pool",
            &LendingPool::BYTECODE,
            &arguments.abi_encode(),
        )?;
        let arguments = InsuranceFund::constructorCall { pool: self.lending }.abi_encode();
        self.fund =
            self.create_contract(steps, "insurance fund", &InsuranceFund::BYTECODE, &arguments)?;
        let day = 24 * 3600;
        let arguments = Backstop::constructorCall {
            asset_: self.tokens[DOLLAR],
            name_: "Backstop of sUSD".to_owned(),
            symbol_: "bsUSD".to_owned(),
            pool: self.lending,
            exitDelay: U256::from(10 * day),
            exitWindow: U256::from(2 * day),
            coverMax: self.book.backstop_cover,
        };
        self.backstop =
            self.create_contract(steps, "backstop", &Backstop::BYTECODE, &arguments.abi_encode())?;
        Ok(())
    }

    fn exchange_contracts(&mut self, steps: &mut Steps) -> Result<(), MarketError> {
        let factory =
            self.create_contract(steps, "factory", &ConstantProductFactory::BYTECODE, &[])?;
        let sharded =
            self.create_contract(steps, "sharded factory", &ShardedPoolFactory::BYTECODE, &[])?;
        let arguments = Router::constructorCall {
            factory_: factory,
            shardedFactory_: sharded,
            // Nobody trades ether here.
            wrappedEther_: Address::ZERO,
        };
        self.router =
            self.create_contract(steps, "router", &Router::BYTECODE, &arguments.abi_encode())?;
        let [token_a, token_b] = self.tokens;
        let create = ConstantProductFactory::createPoolCall { tokenA: token_a, tokenB: token_b };
        self.order(steps, "pool", factory, &create)?;
        let (token0, token1) = (token_a.min(token_b), token_a.max(token_b));
        let arguments = ConstantProductPool::constructorCall { token0_: token0, token1_: token1 };
        let code = [ConstantProductPool::BYTECODE.as_ref(), &arguments.abi_encode()].concat();
        self.pool = factory.create2(B256::ZERO, keccak256(code));
        Ok(())
    }

    /// A call by the deployer.
    fn order(
        &mut self,
        steps: &mut Steps,
        name: &'static str,
        to: Address,
        call: &impl SolCall,
    ) -> Result<(), MarketError> {
        steps.push((name, self.deployer.call(to, call, GAS_MAX)?));
        Ok(())
    }

    fn announce(&mut self, steps: &mut Steps, registry: Address) -> Result<(), MarketError> {
        let (owner, dollar) = (self.deployer.address(), self.tokens[DOLLAR]);
        let mint = FaucetToken::mintCall { account: owner, amount: U256::from(u128::MAX >> 16) };
        self.order(steps, "mint", dollar, &mint)?;
        let collateral = self.tokens[COLLATERAL];
        self.order(steps, "mint", collateral, &mint)?;
        let value = U256::MAX;
        self.order(
            steps,
            "approve",
            dollar,
            &FaucetToken::approveCall { spender: registry, value },
        )?;
        let accounts: Vec<Address> = self.reporters.iter().map(Sender::address).collect();
        for feed in self.feeds {
            for reporter in &mut self.reporters {
                let join = ReporterRegistry::joinCall { feed, owner };
                steps.push(("join", reporter.call(registry, &join, 1_000_000)?));
            }
            for account in accounts.clone() {
                let bond = ReporterRegistry::addBondCall { feed, account, amount: U256::ONE };
                self.order(steps, "bond", registry, &bond)?;
            }
            let announce = ReporterRegistry::announceCall { feed, accounts: accounts.clone() };
            self.order(steps, "announce", registry, &announce)?;
        }
        Ok(())
    }
}
