//! `heddle scenario`.

use crate::{
    figures::{Figures, Summary},
    file::{FileError, Scenario as File},
    path::{self, PathError},
    report,
    run::{Place, RunError, run},
    takeover::Takeover,
};
use clap::{Args, Subcommand};
use indicatif::{ProgressBar, ProgressStyle};
use std::{
    env, fs,
    io::{self, IsTerminal, Write},
    path::PathBuf,
};

/// Replays scenarios of a DeFi venue on fresh chains: crashes, bad prices, runs.
#[derive(Debug, Args)]
pub struct Scenario {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Names the scenarios that are built in.
    List,
    /// Prints the prices of a scenario as CSV.
    Prices(Prices),
    Run(Run),
}

#[derive(Debug, Args)]
struct Prices {
    /// A file, or the name of a scenario that is built in.
    file: PathBuf,
    /// Draws from this seed, in place of that of the file.
    #[arg(long, value_name = "NUM")]
    seed: Option<u64>,
}

/// Replays a scenario on a fresh chain, in the scenario's time.
///
/// Exit status: 0 when all held that must hold, 1 when not, 2 when the work cannot be done.
#[derive(Debug, Args)]
struct Run {
    /// A file, or the name of a scenario that is built in.
    file: PathBuf,
    /// Prints figures as one JSON object on one line.
    #[arg(long)]
    json: bool,
    /// Writes a page with charts, for browsers.
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    /// Draws from this seed, in place of that of the file.
    #[arg(long, value_name = "NUM")]
    seed: Option<u64>,
    /// Opens so many positions, in place of those of the file.
    #[arg(long, value_name = "NUM")]
    positions: Option<usize>,
    /// The port of the chain; 0 takes a free one.
    #[arg(long, value_name = "NUM", default_value_t = 0)]
    port: u16,
    /// Writes where the contracts are, as JSON, before the replay begins.
    #[arg(long, value_name = "FILE")]
    addresses: Option<PathBuf>,
    /// Starts no explorer: faster, but who waited for whom is not known.
    #[arg(long)]
    no_explorer: bool,
    /// The binary whose `dev` is started [default: this one]
    #[arg(long, value_name = "FILE")]
    node_binary: Option<PathBuf>,
}

/// Why a command has not done its work.
#[derive(Debug, thiserror::Error)]
pub enum ScenarioError {
    /// The file.
    #[error(transparent)]
    File(#[from] FileError),
    /// The prices.
    #[error(transparent)]
    Path(#[from] PathError),
    /// The run.
    #[error(transparent)]
    Run(#[from] RunError),
    /// The output.
    #[error("the output cannot be written")]
    Output(#[from] io::Error),
    /// The report.
    #[error("the report {path} cannot be written")]
    Report {
        /// Where.
        path: PathBuf,
        /// Why.
        source: io::Error,
    },
    /// The figures.
    #[error("the figures cannot be written as JSON")]
    Json(#[from] serde_json::Error),
}

impl Scenario {
    /// Does it: `false` says that something did not hold.
    ///
    /// # Errors
    ///
    /// [`ScenarioError`].
    pub fn run(self) -> Result<bool, ScenarioError> {
        match self.command {
            Command::List => list(),
            Command::Prices(prices) => prices.print(),
            Command::Run(run) => run.run(),
        }
    }
}

fn list() -> Result<bool, ScenarioError> {
    let mut out = io::stdout().lock();
    for scenario in File::shipped()? {
        writeln!(out, "{:20} {}", scenario.name, scenario.about)?;
    }
    Ok(true)
}

impl Prices {
    fn print(self) -> Result<bool, ScenarioError> {
        let scenario = File::find(&self.file)?;
        let seed = self.seed.unwrap_or(scenario.seed);
        let prices = path::prices(&scenario.price, &scenario.time, seed)?;
        write!(io::stdout().lock(), "{}", path::to_csv(&prices, &scenario.time))?;
        Ok(true)
    }
}

impl Run {
    fn run(self) -> Result<bool, ScenarioError> {
        let mut scenario = File::find(&self.file)?;
        scenario.seed = self.seed.unwrap_or(scenario.seed);
        scenario.positions.count = self.positions.unwrap_or(scenario.positions.count).max(1);
        let program = match self.node_binary {
            Some(program) => program,
            None => env::current_exe()?,
        };
        let place = Place { program: &program, port: self.port, has_explorer: !self.no_explorer };
        let bar = bar();
        let tell = |what: &str, done: usize, of: usize| {
            bar.set_length(of as u64);
            bar.set_position(done as u64);
            bar.set_message(what.to_owned());
        };
        let (summary, outcomes) =
            run(&scenario, &place, &tell, |addresses| match &self.addresses {
                Some(path) => fs::write(path, serde_json::to_string_pretty(addresses)?),
                None => Ok(()),
            })?;
        bar.finish_and_clear();
        if let Some(path) = self.report {
            let page = report::page(&scenario, &summary, &outcomes);
            fs::write(&path, page).map_err(|source| ScenarioError::Report { path, source })?;
        }
        let mut out = io::stdout().lock();
        if self.json {
            writeln!(out, "{}", serde_json::to_string(&summary)?)?;
        } else {
            print(&mut out, &summary)?;
        }
        Ok(summary.is_well)
    }
}

fn bar() -> ProgressBar {
    if !io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template("{msg:20} {bar:40} {pos}/{len} {eta}");
    ProgressBar::new(0).with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

fn print(out: &mut impl Write, summary: &Summary) -> io::Result<()> {
    writeln!(out, "{}, seed {}\n", summary.scenario, summary.seed)?;
    write!(out, "{:34}", "")?;
    for figures in &summary.engines {
        write!(out, "{:>20}", figures.engine)?;
    }
    writeln!(out)?;
    for (name, value) in rows() {
        write!(out, "{name:34}")?;
        for figures in &summary.engines {
            write!(out, "{:>20}", value(figures))?;
        }
        writeln!(out)?;
    }
    if let Some(ratio) = summary.bad_debt_ratio {
        writeln!(out, "\nbad debt, of the naive way's: {ratio:.3}")?;
    }
    for line in summary.takeover.iter().flat_map(takeover) {
        writeln!(out, "{line}")?;
    }
    Ok(())
}

/// A takeover in sentences.
pub(crate) fn takeover(takeover: &Takeover) -> Vec<String> {
    let refused = |is_refused| if is_refused { "refused" } else { "NOT REFUSED" };
    let attempts = takeover.attempts.iter();
    let mut lines: Vec<String> = attempts
        .map(|attempt| format!("the attacker {}: {}", attempt.what, refused(attempt.is_refused)))
        .collect();
    lines.push(format!("the attacker wins the vote: {}", yes(takeover.is_vote_won)));
    lines.push(format!("the council cancels the proposal: {}", yes(takeover.is_cancelled)));
    lines.push(format!("the attacker has the role in the end: {}", yes(takeover.has_role)));
    lines
}

/// A figure for people.
pub(crate) type Row = (&'static str, fn(&Figures) -> String);

/// What is told, in order.
pub(crate) fn rows() -> [Row; 22] {
    [
        ("blocks", |f| whole(f.blocks as f64)),
        ("positions", |f| whole(f.positions as f64)),
        ("debt at the beginning", |f| usd(f.debt)),
        ("liquidations", |f| whole(f.liquidations as f64)),
        ("accounts liquidated", |f| whole(f.accounts_liquidated as f64)),
        ("repaid by liquidators", |f| usd(f.repaid)),
        ("discount paid", |f| usd(f.discount_paid)),
        ("mean discount", |f| format!("{:.1} bps", f.discount_mean_bps)),
        ("bad debt before funds", |f| usd(f.bad_debt_before_funds)),
        ("paid by the insurance fund", |f| usd(f.paid_by_insurance_fund)),
        ("paid by the backstop", |f| usd(f.paid_by_backstop)),
        ("deficit", |f| usd(f.deficit)),
        ("debts over their collateral", |f| usd(f.shortfall)),
        ("bad debt that nobody paid for", |f| usd(f.bad_debt)),
        ("solvent in every block", |f| yes(f.solvent_every_block)),
        ("flat accounts", |f| whole(f.flat_accounts as f64)),
        ("flat accounts touched", |f| whole(f.flat_accounts_touched as f64)),
        ("most of the dollars lent", |f| format!("{:.1} %", f.utilisation_max * 100.0)),
        ("suppliers that left, of", |f| format!("{} / {}", f.suppliers_left, f.suppliers_leaving)),
        ("transactions", |f| whole(f.transactions as f64)),
        ("million gas a second", |f| format!("{:.0}", f.megagas_per_second)),
        ("state root", |f| format!("{}…", &f.state_root.to_string()[..18])),
    ]
}

fn yes(is_so: bool) -> String {
    if is_so { "yes" } else { "no" }.to_owned()
}

fn usd(dollars: f64) -> String {
    format!("${}", whole(dollars))
}

/// A number with its thousands apart.
pub(crate) fn whole(number: f64) -> String {
    let digits = format!("{number:.0}");
    let (sign, digits) = digits.strip_prefix('-').map_or(("", digits.as_str()), |rest| ("-", rest));
    let mut text = String::new();
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place) % 3 == 0 {
            text.push(',');
        }
        text.push(digit);
    }
    format!("{sign}{text}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn thousands_are_apart() {
        assert_eq!(
            ["0", "12", "999", "1,000", "-1,234,567"],
            [0.0, 12.0, 999.4, 1000.0, -1_234_567.0].map(whole)[..]
        );
    }
}
