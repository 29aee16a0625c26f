//! A scenario from its file to its figures.

use crate::{
    book::Engine,
    chain::{Chain, ChainError},
    figures::{Figures, Summary},
    file::Scenario,
    market::{Addresses, GENESIS, Market, MarketError},
    path::{self, PathError},
    population,
    replay::{Outcome, ReplayError, replay},
    takeover::{self, Takeover, TakeoverError},
};
use std::{io, path::Path};

/// Why a scenario has no figures.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The prices.
    #[error(transparent)]
    Path(#[from] PathError),
    /// The chain.
    #[error(transparent)]
    Chain(#[from] ChainError),
    /// The market.
    #[error(transparent)]
    Market(#[from] MarketError),
    /// The replay.
    #[error(transparent)]
    Replay(#[from] ReplayError),
    /// The takeover.
    #[error(transparent)]
    Takeover(#[from] TakeoverError),
    /// The addresses.
    #[error("the addresses of the contracts cannot be written")]
    Ready(#[source] io::Error),
}

/// What a run tells while it goes on: what is done, how far, of how much.
pub type Progress<'a> = &'a dyn Fn(&str, usize, usize);

/// Where a run happens.
#[derive(Clone, Copy, Debug)]
pub struct Place<'a> {
    /// The binary `heddle`.
    pub program: &'a Path,
    /// The port of the chain; 0 takes a free one.
    pub port: u16,
    /// Whether the explorer runs beside it, which knows who waited for whom.
    pub has_explorer: bool,
}

/// Replays a scenario on a fresh chain, with each engine from the same state. `ready` is told where
/// the contracts are before the replay begins.
///
/// # Errors
///
/// [`RunError`].
pub fn run(
    scenario: &Scenario,
    place: &Place<'_>,
    progress: Progress<'_>,
    ready: impl FnOnce(&Addresses) -> io::Result<()>,
) -> Result<(Summary, Vec<Outcome>), RunError> {
    let path = path::prices(&scenario.price, &scenario.time, scenario.seed)?;
    let chain = Chain::start(place.program, GENESIS, place.port, place.has_explorer)?;
    let market =
        Market::create(&chain, scenario, |done, of| progress("opening positions", done, of))?;
    ready(&market.addresses()).map_err(RunError::Ready)?;
    let mut outcomes = vec![];
    let engines: &[Engine] =
        if scenario.compare { &[Engine::Waterfall, Engine::Naive] } else { &[Engine::Waterfall] };
    for engine in engines {
        let snapshot = chain.snapshot()?;
        let mut market = market.clone();
        if *engine == Engine::Naive {
            chain.copy_code(market.naive, market.liquidator)?;
            if scenario.market.naive_without_breaker {
                market.remove_breaker(&chain)?;
            }
        }
        let blocks = path.len() - 1;
        let tell = |done| progress(engine.name(), done, blocks);
        outcomes.push(replay(&chain, scenario, market, *engine, &path, tell)?);
        chain.revert(snapshot)?;
    }
    let takeover = match &scenario.takeover {
        Some(wanted) => {
            Some(takeover::attempt(&chain, &market, scenario.seed, wanted.votes_percent)?)
        }
        None => None,
    };
    let debt = population::total_debt(&market.openings);
    let figures: Vec<Figures> =
        outcomes.iter().map(|outcome| Figures::of(scenario, debt, outcome)).collect();
    Ok((summary(scenario, figures, takeover), outcomes))
}

fn summary(scenario: &Scenario, engines: Vec<Figures>, takeover: Option<Takeover>) -> Summary {
    let bad_debt_ratio = match engines.as_slice() {
        [waterfall, naive] if naive.bad_debt > 0.0 => Some(waterfall.bad_debt / naive.bad_debt),
        _ => None,
    };
    let is_right = |figures: &Figures| {
        figures.solvent_every_block
            && figures.flat_accounts_touched == 0
            && figures.mispredicted == 0
    };
    let is_well = engines.iter().all(is_right) && takeover.as_ref().is_none_or(Takeover::is_well);
    let (scenario, seed) = (scenario.name.clone(), scenario.seed);
    Summary { scenario, seed, engines, bad_debt_ratio, takeover, is_well }
}
