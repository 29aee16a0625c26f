//! What a replay came to, in figures.

use crate::{
    file::Scenario,
    market::UNITS,
    replay::{Outcome, Record},
    swap::float,
};
use alloy_primitives::U256;
use serde::Serialize;

/// What one engine came to. Money is in dollars.
#[derive(Clone, Debug, Serialize)]
pub struct Figures {
    /// How liquidations were done.
    pub engine: &'static str,
    /// Blocks.
    pub blocks: usize,
    /// Accounts that owed.
    pub positions: usize,
    /// What all owed.
    pub debt: f64,
    /// Liquidations.
    pub liquidations: usize,
    /// Accounts that were liquidated, each once.
    pub accounts_liquidated: usize,
    /// Auctions begun.
    pub flags: u64,
    /// Repaid by liquidators.
    pub repaid: f64,
    /// What they got beyond that, at the oracle's price.
    pub discount_paid: f64,
    /// The same in basis points of what was repaid.
    pub discount_mean_bps: f64,
    /// Of the discount, what the insurance fund will get.
    pub discount_kept: f64,
    /// What collateral did not pay for, whoever paid then: written off, and over its collateral now.
    pub bad_debt_before_funds: f64,
    /// Paid by the insurance fund.
    pub paid_by_insurance_fund: f64,
    /// Paid by the backstop.
    pub paid_by_backstop: f64,
    /// Lost to suppliers.
    pub deficit: f64,
    /// Debts over their collateral at the end.
    pub shortfall: f64,
    /// Deficit and shortfall: what nobody has paid for.
    pub bad_debt: f64,
    /// Whether in every block what the pool has, is owed and has recorded as lost covered all claims.
    pub solvent_every_block: bool,
    /// Liquidations of accounts whose health was never under 1.
    pub flat_accounts_touched: usize,
    /// Accounts that owed at the beginning, and whose health was never under 1.
    pub flat_accounts: usize,
    /// Liquidations that were sent and did not happen.
    pub liquidations_missed: usize,
    /// Accounts that a block left otherwise than the book's arithmetic had foreseen.
    pub mispredicted: usize,
    /// The largest part of the supplied dollars that was lent.
    pub utilisation_max: f64,
    /// Suppliers who wanted to leave.
    pub suppliers_leaving: usize,
    /// Of them, who could.
    pub suppliers_left: usize,
    /// Withdrawn by suppliers.
    pub withdrawn: f64,
    /// Transactions of the replay.
    pub transactions: usize,
    /// Their gas.
    pub gas: u64,
    /// Gas that the chain did in a second, in millions, while it made blocks.
    pub megagas_per_second: f64,
    /// The mean of all gas over that of the longest chain of transactions that wait, by gas.
    pub parallel_speedup: Option<f64>,
    /// After the last block.
    pub state_root: alloy_primitives::B256,
}

impl Figures {
    /// Of a replay.
    pub fn of(scenario: &Scenario, debt: U256, outcome: &Outcome) -> Self {
        let (totals, records) = (&outcome.totals, &outcome.records);
        let usd = |amount: U256| float(amount) / UNITS.1;
        let value = |amount: U256| float(amount) / 1e18;
        let last = records.last().cloned().unwrap_or_default();
        let mut liquidated = totals.liquidated.clone();
        liquidated.sort_unstable();
        liquidated.dedup();
        let gas: u64 = records.iter().map(|record| record.gas).sum();
        let seconds = records.iter().map(|record| record.milliseconds).sum::<f64>() / 1e3;
        Self {
            engine: outcome.engine.name(),
            blocks: records.len(),
            positions: scenario.positions.count,
            debt: usd(debt),
            liquidations: totals.liquidated.len(),
            accounts_liquidated: liquidated.len(),
            flags: totals.flags,
            repaid: usd(totals.repaid),
            discount_paid: value(totals.discount),
            discount_mean_bps: value(totals.discount) / usd(totals.repaid).max(1e-9) * 1e4,
            discount_kept: value(totals.kept),
            bad_debt_before_funds: usd(totals.exhausted) + last.shortfall,
            paid_by_insurance_fund: usd(totals.by_fund),
            paid_by_backstop: usd(totals.by_backstop),
            deficit: last.deficit,
            shortfall: last.shortfall,
            bad_debt: last.deficit + last.shortfall,
            solvent_every_block: records.iter().all(|record| record.is_solvent),
            flat_accounts_touched: outcome.flat_accounts_touched,
            flat_accounts: outcome.flat_accounts,
            liquidations_missed: outcome.missed,
            mispredicted: outcome.mispredicted,
            utilisation_max: records.iter().map(|record| record.utilisation).fold(0.0, f64::max),
            suppliers_leaving: outcome.leaving.0,
            suppliers_left: outcome.leaving.1,
            withdrawn: usd(totals.withdrawn),
            transactions: records.iter().map(|record| record.transactions).sum(),
            gas,
            megagas_per_second: gas as f64 / 1e6 / seconds.max(1e-9),
            parallel_speedup: mean_speedup(records),
            state_root: outcome.state_root,
        }
    }
}

/// By gas: a block of much counts more.
fn mean_speedup(records: &[Record]) -> Option<f64> {
    let known = records.iter().filter_map(|record| Some((record.gas as f64, record.speedup?)));
    let (gas, critical) = known
        .fold((0.0, 0.0), |(gas, critical), (of, speedup)| (gas + of, critical + of / speedup));
    (critical > 0.0).then(|| gas / critical)
}

/// The figures of all engines of a scenario.
#[derive(Clone, Debug, Serialize)]
pub struct Summary {
    /// Its name.
    pub scenario: String,
    /// What was drawn follows from it.
    pub seed: u64,
    /// Each engine.
    pub engines: Vec<Figures>,
    /// The waterfall's bad debt over the naive way's, where both were replayed and that has any.
    pub bad_debt_ratio: Option<f64>,
    /// What a takeover came to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub takeover: Option<crate::takeover::Takeover>,
    /// Whether all was as it should be.
    pub is_well: bool,
}
