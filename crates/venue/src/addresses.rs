//! Where the venue is: the same on every chain that it was deployed on by the transactions of this
//! crate, as each address follows from the keys and the order of creation. A test compares them.

use alloy_primitives::{Address, address};

/// One contract of the venue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// The part of the venue that it belongs to, such as `exchange`.
    pub system: &'static str,
    /// Its name in lists, such as `router`.
    pub name: &'static str,
    /// The name of its source.
    pub contract: &'static str,
    /// Where it is.
    pub address: Address,
    /// What it is, in a sentence.
    pub about: &'static str,
}

/// Makes a constant of each place, and the list of all.
macro_rules! places {
    ($($system:literal { $($constant:ident $name:literal $contract:ident $address:literal $about:literal)* })*) => {
        $($(
            #[doc = $about]
            pub const $constant: Address = address!($address);
        )*)*

        /// All contracts, by system.
        pub const ALL: &[Place] = &[$($(
            Place {
                system: $system,
                name: $name,
                contract: stringify!($contract),
                address: $constant,
                about: $about,
            },
        )*)*];
    };
}

/// The account that creates the contracts; it keeps no right.
pub const DEPLOYER: Address = address!("0x8C8d35429F74ec245F8Ef2f4Fd1e551cFF97d650");
/// The account that sets the contracts up; it keeps no right.
pub const INSTALLER: Address = address!("0x40FBBE484b8Ee6139Af08446950B088e10b2306A");

places! {
    "tokens" {
        WETH "weth" Weth "0xc6d0629b4BaBb1FE5646a729BBdD2Cf3677970bb"
            "Wrapped ether of the venue, 18 decimals."
        USD "usd" FaucetToken "0xE2a08E0947C2974423F62417d8B8c7440EF2B497"
            "Venue Dollar (vUSD), 6 decimals. Anybody makes as much of it as they like."
        USDB "usdb" FaucetToken "0x65FcA18d36E29F0BCed7db2b128F7fECb035B0dA"
            "Venue Dollar B (vUSDB), 6 decimals. Anybody makes as much of it as they like."
        BTC "btc" FaucetToken "0x0b5291cC0ea41B1B32159F063eF2e66C0dB12117"
            "Venue Bitcoin (vBTC), 8 decimals. Anybody makes as much of it as they like."
        VENUE "venue" VenueToken "0x4E183feC5e098Bef97387E6E02A85e6dEb99180c"
            "The governance token (VENUE), 18 decimals, 100 million for ever."
    }
    "governance" {
        GOVERNANCE_DEPLOYMENT "governanceDeployment" GovernanceDeployment "0xDFd256fE0aaD7088b9c68FF5439C8198A01f67AD"
            "What created the four below; it can do nothing."
        TIMELOCK "timelock" TimelockController "0xA345802cf1812eE31765964c405e12f11C625715"
            "Does what the governor decided, a day later; it has the highest role everywhere, and the treasury."
        COUNCIL "council" SecurityCouncil "0x9418dBEF6469a9355F8b8ac2b6E4A5b8D4682A32"
            "Three of the first five accounts act at once: cancel, pause, slash, open series of insurances."
        PAUSE_GUARDIAN "pauseGuardian" PauseGuardian "0x37976ACA83D18bbf4CEEeA9a1a48DBAD7Bae6a03"
            "Pauses of three days, for the council."
        GOVERNOR "governor" VenueGovernor "0x4b18af638B0AefaA39554F2334f6359e46F123AB"
            "Proposals and votes."
    }
    "oracle" {
        REGISTRY "registry" ReporterRegistry "0xbBeF39E655e184BF32210a1805c1c8a1b3632c8E"
            "Who reports for which feed, and with what bond."
        ETH_USD "ethUsd" PriceFeed "0x8d482D88D87600107BECA1E5843882a68d9c38D2"
            "Price of ether in dollars, 8 decimals."
        BTC_USD "btcUsd" PriceFeed "0x4f3a88120d47fe53645d56F1011548AF4BCE5cD2"
            "Price of bitcoin in dollars, 8 decimals."
        USD_USD "usdUsd" PriceFeed "0x0A6F5ED3a71eb8199784A4B8F5590394BA3E18c5"
            "Price of Venue Dollar in dollars, 8 decimals."
        USDB_USD "usdbUsd" PriceFeed "0x3D190fc6fCc4abE0AC13fA5255556C107a6605f5"
            "Price of Venue Dollar B in dollars, 8 decimals."
        RAINFALL "rainfall" PriceFeed "0x475b8B1084e77670a1cD0fAcE56474817C8193a8"
            "Rain at the station since 2020, in hundredths of a millimetre."
    }
    "insurance" {
        RAINFALL_INSURANCE "rainfallInsurance" RainfallInsurance "0x4488F95f8853fe5FE6C7C04E5fC83eb42B18ceFC"
            "Policies that pay vUSD if too little rain falls; series 0 is on sale for a week."
    }
    "exchange" {
        PAIR_FACTORY "pairFactory" ConstantProductFactory "0x76a96d5E1791A500bdB6d45e9ce140bAFeBe3804"
            "Creates constant-product pools."
        SHARDED_FACTORY "shardedFactory" ShardedPoolFactory "0x8c26D4eA573762853b8B2b617D31C9D938F53253"
            "Creates pools of several shards."
        CONCENTRATED_FACTORY "concentratedFactory" ConcentratedFactory "0x77c78fCB3CC1077471A0CAa147e29B0CEAdc6Be2"
            "Creates pools with liquidity in ranges."
        ROUTER "router" Router "0x87F32C0cfF84b08f453a3D70E38A91137Ff1F4ec"
            "Swaps through any of the pools; adds and removes liquidity."
        TWAP "twap" TwapOracle "0xe1dd364c524Db4a5FCa42f53A43fadb884a949c0"
            "Mean prices of constant-product pools over half an hour."
        POSITIONS "positions" ConcentratedPositions "0xc80b80cF2C2835a65755dc4952a65E066614fed9"
            "Positions of concentrated liquidity, as ERC-721."
        QUOTER "quoter" ConcentratedQuoter "0x5e390b35eAF59C4b57Be00C2D86D817E969534f3"
            "What a swap in a concentrated pool would give."
        WETH_USD_PAIR "wethUsdPair" ConstantProductPool "0x5b19D2e5f824853dD385C8D4C71307619d823e59"
            "WETH and vUSD, 0.3 %."
        BTC_USD_PAIR "btcUsdPair" ConstantProductPool "0x659693264C566E4D730fc4E164ED758EC2309571"
            "vBTC and vUSD, 0.3 %."
        USDB_USD_PAIR "usdbUsdPair" ConstantProductPool "0x86C316C5249C6261F624F0A1Ed81c586F8ECeF52"
            "vUSDB and vUSD, 0.3 %."
        WETH_USD_SHARDED "wethUsdSharded" ShardedPool "0x952Fe983abb27DcfbB6AddBae87ceb10c3ac20D5"
            "WETH and vUSD in eight shards."
        BTC_USD_SHARDED "btcUsdSharded" ShardedPool "0x3a0A235088AE871A07463612C56f6c8BaF08140a"
            "vBTC and vUSD in eight shards."
        WETH_USD_CONCENTRATED "wethUsdConcentrated" ConcentratedPool "0xB1E29cD721c4805be25Fdc3fbF0557F408c137dA"
            "WETH and vUSD in ranges, 0.3 %."
        BTC_USD_CONCENTRATED "btcUsdConcentrated" ConcentratedPool "0xd8887493b168d8E3b9533A17924Ce12A5b0A608a"
            "vBTC and vUSD in ranges, 0.3 %."
        USDB_USD_CONCENTRATED "usdbUsdConcentrated" ConcentratedPool "0xe0c7F4d7F791516bB595EB070ce2fDf27Efb573f"
            "vUSDB and vUSD in ranges, 0.01 %."
    }
    "lending" {
        LIQUIDATOR "liquidator" Liquidator "0x2B42604761b37cAdd52E3Bec7d05Fafc4C0D7565"
            "Code of liquidations; call it at the pool."
        CONFIGURATOR "configurator" Configurator "0xfED174d6ce2FbcA061D2c4AcD3556D2614b2c98e"
            "Code by which roles configure the pool; call it there."
        LENDING_POOL "lendingPool" LendingPool "0x3e0f2809CB319016B0D5A97A9a246E3e3ead36bc"
            "Loans against collateral in sixteen shards: WETH, vBTC, vUSD, vUSDB."
        INSURANCE_FUND "insuranceFund" InsuranceFund "0x46ff03A4474d127567a745Aad3B57521271346ea"
            "Pays first for bad debt."
        WETH_BACKSTOP "wethBackstop" Backstop "0xFf98697Ca9523c301894DbCaf0da3713915b95e0"
            "Stakers who stand behind the reserve of WETH."
        BTC_BACKSTOP "btcBackstop" Backstop "0x81322B10aE38a8074a571c0d097F85a6Aad27771"
            "Stakers who stand behind the reserve of vBTC."
        USD_BACKSTOP "usdBackstop" Backstop "0xaC85b5276A7B04a54deAcB29D9b3204bDEAe1945"
            "Stakers who stand behind the reserve of vUSD."
        USDB_BACKSTOP "usdbBackstop" Backstop "0x7A6DfdAC45cc11484F9D46F395718d1D613B59c0"
            "Stakers who stand behind the reserve of vUSDB."
    }
    "staking" {
        FARM "farm" RewardFarm "0xdC149a21e51D05ab622F5F221Ec0f2DE3d108BC3"
            "Shares of the constant-product pool of WETH and vUSD earn VENUE."
        LOCKED_STAKING "lockedStaking" LockedStaking "0xd40c78f8E49A0a19b420117Fd1F0D40e30A159C2"
            "VENUE locked for 4 to 104 weeks earns more VENUE."
        LIQUID_STAKING "liquidStaking" LiquidStakingVault "0x6B9f6DdE751232bc9068d2De489c0d8167f26851"
            "A vault (ERC-4626) of staked VENUE."
        VALIDATORS "validators" Validators "0xaB69ef933c6abf604ec5caa641eF2DefB03bf4Ba"
            "A list of validators that no node reads, elected by the contract below."
        VALIDATOR_STAKING "validatorStaking" ValidatorStaking "0x902E2689B00b67a39665B7585E0F802ED09d9Fe6"
            "Stake delegated to candidates, which elects the list above."
    }
}
