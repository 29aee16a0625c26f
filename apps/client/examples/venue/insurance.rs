//! Insuring against a dry week, and being paid for it.

use crate::{Outcome, approve, ask, balance, oracle::report, pass, send, user};
use alloy_primitives::U256;
use heddle_client::{At, Node};
use heddle_venue::{
    addresses::{RAINFALL, RAINFALL_INSURANCE, USD},
    contracts::rainfall_insurance::RainfallInsurance,
};

const SERIES: U256 = U256::ZERO;

pub(crate) fn run(node: &Node) -> Outcome {
    let farmer = user(node, 3)?;
    let me = farmer.address();
    let terms = ask(node, RAINFALL_INSURANCE, &RainfallInsurance::termsCall { series: SERIES })?;
    approve(&farmer, USD, RAINFALL_INSURANCE)?;
    let before = balance(node, USD, me)?;
    let buy = RainfallInsurance::buyCall { series: SERIES, count: U256::from(3), holder: me };
    send(&farmer, RAINFALL_INSURANCE, &buy)?;
    // The gauge is read when the period begins and when it ends; 1 mm falls.
    for (time, reading) in [(terms.start, 480_000), (terms.end, 480_100)] {
        let time = time.to::<u64>();
        pass(node, time - node.block(At::Latest)?.timestamp)?;
        let round = report(node, RAINFALL, [reading; 4])?;
        let record = RainfallInsurance::recordCall { time: U256::from(time), round };
        send(&farmer, RAINFALL_INSURANCE, &record)?;
    }
    let claim = RainfallInsurance::claimCall { series: SERIES, holder: me };
    send(&farmer, RAINFALL_INSURANCE, &claim)?;
    let gained = balance(node, USD, me)? - before;
    assert_eq!(gained, U256::from(3 * (terms.payout - terms.premium)));
    Ok(())
}
