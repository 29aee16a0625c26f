//! The price feeds and the committee that signs for them.

use super::{
    super::builder::Builder,
    Prices,
    site::creation,
    tokens::{Tokens, approve},
};
use crate::{Error, bench::workload::CHAIN_ID, load::account::Account};
use alloy_primitives::{
    Address, Bytes, U256,
    aliases::{I192, U48},
};
use alloy_sol_types::SolCall as _;
use heddle_venue::{
    contracts::{
        price_feed::PriceFeed::{self, SignedObservation},
        reporter_registry::ReporterRegistry,
    },
    observation::{Observation, signed, signing_hash},
};

/// Reporters of each feed, the same for all, and how many of them a report needs: 2f + 1 for f = 6.
const REPORTERS: usize = 21;
const QUORUM: usize = 13;

/// What each pledges for each feed.
const BOND: u128 = 1_000 * 10_u128.pow(18);

/// How long before an appointment it is announced, in seconds.
const APPOINTMENT_DELAY: u32 = 86_400;

/// How old an observation may be, in seconds: it may wait for its block for a while.
const OBSERVATION_AGE_MAX: u16 = 3_600;

/// The feeds of the priced tokens.
pub(super) struct Oracle {
    registry: Address,
    feeds: [Address; 3],
    /// In ascending order, which is that of their seats.
    reporters: Vec<Account>,
    /// Of all feeds: the last one reported.
    round: u32,
}

impl Oracle {
    /// Has registry and feeds created.
    pub(super) fn deploy(builder: &mut Builder, tokens: &Tokens) -> Self {
        let config = ReporterRegistry::Config {
            admin: builder.deployer(),
            token: tokens.venue,
            bondMin: BOND,
            fund: builder.deployer(),
            rewardShare: 1_000,
            appointmentDelay: APPOINTMENT_DELAY,
            unbondingDelay: 14 * 86_400,
        };
        let registry = builder.deploy(creation(&ReporterRegistry::BYTECODE, &(config,)));
        let feeds = ["USDC / USD", "WETH / USD", "WBTC / USD"].map(|description| {
            let config = PriceFeed::Config {
                registry,
                description: description.to_owned(),
                decimals: 8,
                heartbeat: 3_600,
                staleAfter: 4_200,
                deviationThreshold: 50,
                observationAgeMax: OBSERVATION_AGE_MAX,
                futureTolerance: 5,
                minAnswer: 1,
                maxAnswer: i128::from(i64::MAX),
            };
            builder.deploy(creation(&PriceFeed::BYTECODE, &(config,)))
        });
        let mut reporters: Vec<Account> = (0..REPORTERS).map(|_| builder.signer()).collect();
        reporters.sort_unstable_by_key(|reporter| reporter.address);
        builder.administer(tokens.venue, approve(registry));
        Self { registry, feeds, reporters, round: 0 }
    }

    /// Has the reporters appointed for all feeds, which takes a day.
    pub(super) fn appoint(&self, builder: &mut Builder) -> Result<(), Error> {
        let role = builder.ask(self.registry, &ReporterRegistry::APPOINTER_ROLECall {})?;
        let grant = ReporterRegistry::grantRoleCall { role, account: builder.deployer() };
        builder.administer(self.registry, grant.abi_encode().into());
        let accounts: Vec<Address> = self.reporters.iter().map(|it| it.address).collect();
        for feed in self.feeds {
            for account in accounts.iter().copied() {
                let join = ReporterRegistry::joinCall { feed, owner: account };
                builder.prepare(account, self.registry, join.abi_encode().into());
                let amount = U256::from(BOND);
                let bond = ReporterRegistry::addBondCall { feed, account, amount };
                builder.administer(self.registry, bond.abi_encode().into());
            }
            let accounts = accounts.clone();
            let announce = ReporterRegistry::announceCall { feed, accounts };
            builder.administer(self.registry, announce.abi_encode().into());
        }
        builder.pass(APPOINTMENT_DELAY.into())?;
        for feed in self.feeds {
            let accounts = accounts.clone();
            let appoint = ReporterRegistry::appointCall { feed, accounts };
            builder.administer(self.registry, appoint.abi_encode().into());
        }
        Ok(())
    }

    pub(super) const fn feeds(&self) -> [Address; 3] {
        self.feeds
    }

    /// Has prices reported before the block.
    pub(super) fn prepare_reports(&mut self, builder: &mut Builder, prices: Prices) {
        for (from, feed, data) in self.reports(prices, builder.now()) {
            builder.prepare(from, feed, data);
        }
    }

    /// The next round of each feed: who sends it, to which feed, and what. The reporters take turns.
    pub(super) fn reports(&mut self, prices: Prices, time: u64) -> Vec<(Address, Address, Bytes)> {
        self.round += 1;
        let submitter =
            |number: usize| self.reporters[(self.round as usize + number) % REPORTERS].address;
        let reports = self.feeds.into_iter().zip(prices).enumerate();
        let reports = reports.map(|(number, (feed, price))| {
            (submitter(number), feed, self.report(feed, price, time))
        });
        reports.collect()
    }

    /// A report whose median is `price`. Observations differ by a hundred-thousandth from one to the
    /// next.
    fn report(&self, feed: Address, price: u64, time: u64) -> Bytes {
        let observations = (0..QUORUM).map(|place| {
            let seat = (self.round as usize + place) % REPORTERS;
            let away = (place as i64 - QUORUM as i64 / 2) * (price / 100_000).max(1) as i64;
            self.observe(feed, seat, price as i64 + away, time - place as u64 % 3)
        });
        let observations = observations.collect();
        PriceFeed::submitCall { round: self.round, attempt: 0, observations }.abi_encode().into()
    }

    fn observe(&self, feed: Address, seat: usize, value: i64, time: u64) -> SignedObservation {
        let value = I192::try_from(value).expect("64 bits are fewer than 192");
        let round = self.round;
        let observation = Observation { round, attempt: 0, value, observedAt: U48::from(time) };
        let hash = signing_hash(&observation, feed, CHAIN_ID);
        signed(seat as u8, &observation, self.reporters[seat].sign_hash(hash))
    }
}
