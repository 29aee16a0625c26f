//! Suppliers who want their dollars back, and borrowers who repay because money became dear.

use crate::{accounts::Signed, file::Scenario, market::Market, random::Random};
use alloy_primitives::U256;
use heddle_venue::contracts::{faucet_token::FaucetToken, lending_pool::LendingPool};

/// Gas of a withdrawal or a repayment.
const GAS: u64 = 2_000_000;
/// Utilisation over which borrowers repay: that of the rate's kink.
const KINK: f64 = 0.9;

/// Who wants to leave, and who has repaid.
#[derive(Clone, Debug)]
pub(super) struct Flows {
    random: Random,
    /// Whether a supplier wants to leave, and in which block's transactions it tried last.
    wants: Vec<bool>,
    repaid: Vec<bool>,
    is_out: Vec<bool>,
}

impl Flows {
    pub(super) fn new(scenario: &Scenario, suppliers: usize, borrowers: usize) -> Self {
        let (wants, is_out) = (vec![false; suppliers], vec![false; suppliers]);
        let random = Random::new(scenario.seed, "flows");
        Self { random, wants, repaid: vec![false; borrowers], is_out }
    }

    /// Suppliers that wanted to leave, and that have left.
    pub(super) fn leaving(&self) -> (usize, usize) {
        let count = |all: &[bool]| all.iter().filter(|is_so| **is_so).count();
        (count(&self.wants), count(&self.is_out))
    }

    pub(super) fn send(
        &mut self,
        scenario: &Scenario,
        market: &mut Market,
        minute: f64,
        utilisation: f64,
        all: &mut Vec<Signed>,
    ) -> Result<(), alloy_signer::Error> {
        let Some(run) = &scenario.run else { return Ok(()) };
        let minutes = scenario.time.block_seconds as f64 / 60.0;
        let (lending, [_, dollar]) = (market.lending, market.tokens);
        if utilisation > KINK {
            let chance = run.repay_per_minute * minutes;
            for place in 0..market.borrowers.len() {
                if self.repaid[place] || self.random.unit() >= chance {
                    continue;
                }
                self.repaid[place] = true;
                let who = &mut market.borrowers[place];
                // Of dollars that it has elsewhere: a tenth more than it borrowed covers the interest.
                let amount = market.openings[place].debt * U256::from(11) / U256::from(10);
                let account = who.address();
                let mint = FaucetToken::mintCall { account, amount };
                let approve = FaucetToken::approveCall { spender: lending, value: U256::MAX };
                let repay = LendingPool::repayCall { asset: dollar, amount: U256::MAX, account };
                all.push(who.call(dollar, &mint, GAS)?);
                all.push(who.call(dollar, &approve, GAS)?);
                all.push(who.call(lending, &repay, GAS)?);
            }
        }
        if minute < run.minute {
            return Ok(());
        }
        for place in 0..market.suppliers.len() {
            let account = market.suppliers[place].address();
            let known = market.book.places.get(&account).copied();
            let is_in = known.is_some_and(|known| !market.book.accounts[known].supply[1].is_zero());
            self.is_out[place] = !is_in;
            if !is_in {
                continue;
            }
            let draws = self.random.unit() < run.leave_per_minute * minutes;
            self.wants[place] |= draws;
            if self.wants[place] {
                // Refused as long as too much is lent; it comes again in the next block.
                let withdraw =
                    LendingPool::withdrawCall { asset: dollar, amount: U256::MAX, to: account };
                all.push(market.suppliers[place].call(lending, &withdraw, GAS)?);
            }
        }
        Ok(())
    }
}
