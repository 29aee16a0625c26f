//! The contracts as Rust types, made of `contracts/artifacts` when this crate is compiled: calls,
//! events, errors, and the code to deploy (`BYTECODE`, to which the arguments of the constructor are
//! appended). A module for each, as their structures have equal names.

/// Makes a module of an artifact.
macro_rules! contracts {
    ($($module:ident: $name:ident, $path:literal;)*) => {$(
        #[doc = concat!("`", stringify!($name), "`.")]
        #[allow(missing_docs, clippy::all, clippy::pedantic)]
        pub mod $module {
            alloy_sol_types::sol!(
                #[derive(Debug, PartialEq, Eq)]
                $name,
                $path
            );
        }
    )*};
}

contracts! {
    backstop: Backstop, "../../contracts/artifacts/Backstop.json";
    concentrated_factory: ConcentratedFactory, "../../contracts/artifacts/ConcentratedFactory.json";
    concentrated_pool: ConcentratedPool, "../../contracts/artifacts/ConcentratedPool.json";
    concentrated_positions: ConcentratedPositions, "../../contracts/artifacts/ConcentratedPositions.json";
    concentrated_quoter: ConcentratedQuoter, "../../contracts/artifacts/ConcentratedQuoter.json";
    configurator: Configurator, "../../contracts/artifacts/Configurator.json";
    constant_product_factory: ConstantProductFactory, "../../contracts/artifacts/ConstantProductFactory.json";
    constant_product_pool: ConstantProductPool, "../../contracts/artifacts/ConstantProductPool.json";
    faucet_token: FaucetToken, "../../contracts/artifacts/FaucetToken.json";
    governance_deployment: GovernanceDeployment, "../../contracts/artifacts/GovernanceDeployment.json";
    insurance_fund: InsuranceFund, "../../contracts/artifacts/InsuranceFund.json";
    lending_pool: LendingPool, "../../contracts/artifacts/LendingPool.json";
    liquid_staking_vault: LiquidStakingVault, "../../contracts/artifacts/LiquidStakingVault.json";
    liquidator: Liquidator, "../../contracts/artifacts/Liquidator.json";
    locked_staking: LockedStaking, "../../contracts/artifacts/LockedStaking.json";
    naive_liquidator: NaiveLiquidator, "../../contracts/artifacts/NaiveLiquidator.json";
    pause_guardian: PauseGuardian, "../../contracts/artifacts/PauseGuardian.json";
    pool_shard: PoolShard, "../../contracts/artifacts/PoolShard.json";
    price_feed: PriceFeed, "../../contracts/artifacts/PriceFeed.json";
    rainfall_insurance: RainfallInsurance, "../../contracts/artifacts/RainfallInsurance.json";
    reporter_registry: ReporterRegistry, "../../contracts/artifacts/ReporterRegistry.json";
    reward_farm: RewardFarm, "../../contracts/artifacts/RewardFarm.json";
    router: Router, "../../contracts/artifacts/Router.json";
    security_council: SecurityCouncil, "../../contracts/artifacts/SecurityCouncil.json";
    sharded_pool: ShardedPool, "../../contracts/artifacts/ShardedPool.json";
    sharded_pool_factory: ShardedPoolFactory, "../../contracts/artifacts/ShardedPoolFactory.json";
    twap_oracle: TwapOracle, "../../contracts/artifacts/TwapOracle.json";
    validator_staking: ValidatorStaking, "../../contracts/artifacts/ValidatorStaking.json";
    validators: Validators, "../../contracts/artifacts/Validators.json";
    venue_governor: VenueGovernor, "../../contracts/artifacts/VenueGovernor.json";
    venue_token: VenueToken, "../../contracts/artifacts/VenueToken.json";
    weth: Weth, "../../contracts/artifacts/Weth.json";
}
