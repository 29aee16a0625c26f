//! Runs seeds, many of them or one, and says what did not hold: `cargo xtask sim`.

use clap::Parser;
use heddle_simulation::{Counts, Fault, Mutant, Outcome, Scenario, Size, run};
use serde::{Deserialize, Serialize};
use std::{
    collections::BTreeMap,
    env, fs,
    io::{self, BufRead as _, BufReader, Write as _},
    panic::{AssertUnwindSafe, catch_unwind},
    path::PathBuf,
    process::{Child, ChildStdout, Command, ExitCode, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU64, Ordering},
    },
    thread,
    time::{Duration, Instant},
};

/// A run is mostly small pieces of memory.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

/// Runs simulated networks of validators, each from one seed, until something does not hold.
#[derive(Debug, Parser)]
#[command(name = "heddle-simulation")]
struct Arguments {
    /// Run this seed alone, twice, and compare.
    #[arg(long, value_name = "N", conflicts_with_all = ["count", "time", "resume"])]
    seed: Option<u64>,
    /// The first seed of many.
    #[arg(long, value_name = "N", default_value_t = 1)]
    from: u64,
    /// How many seeds.
    #[arg(long, value_name = "N")]
    count: Option<u64>,
    /// How long, as 90s, 10m or 2h.
    #[arg(long = "for", value_name = "TIME", value_parser = parse_time)]
    time: Option<Duration>,
    /// Goes on where this file says that an earlier campaign ended, and writes it.
    #[arg(long, value_name = "FILE")]
    resume: Option<PathBuf>,
    /// Validators [default: 4 to 10, as the seed has it].
    #[arg(long, value_name = "N")]
    validators: Option<usize>,
    /// Final blocks, at least.
    #[arg(long, value_name = "N", default_value_t = 100)]
    blocks: u64,
    /// Transactions, at least.
    #[arg(long, value_name = "N", default_value_t = 500)]
    transactions: u64,
    /// Leaves out a rule, and expects that it is noticed: votes-unsynced, parent-unchecked,
    /// list-unchecked, quorum-short or accuse-without-proof.
    #[arg(long, value_name = "NAME", value_parser = parse_mutant)]
    mutant: Option<Mutant>,
    /// Seeds at a time, each in a process [default: as many as there are processors].
    #[arg(short = 'j', long, value_name = "N")]
    threads: Option<usize>,
    /// Runs the seeds that are written to the standard input.
    #[arg(long, hide = true)]
    worker: bool,
}

fn parse_time(text: &str) -> Result<Duration, String> {
    let wrong = || format!("{text:?} is no time; write it like 90s, 10m or 2h");
    let unit = text.chars().last().ok_or_else(wrong)?;
    let factor = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        _ => return Err(wrong()),
    };
    let number: u64 = text[..text.len() - 1].parse().map_err(|_| wrong())?;
    Ok(Duration::from_secs(number * factor))
}

fn parse_mutant(text: &str) -> Result<Mutant, String> {
    let found = Mutant::ALL.into_iter().find(|(name, _)| *name == text);
    let names: Vec<_> = Mutant::ALL.iter().map(|(name, _)| *name).collect();
    found.map(|(_, mutant)| mutant).ok_or_else(|| format!("use one of {}", names.join(", ")))
}

/// What a campaign has done until now.
#[derive(Debug, Default, Serialize, Deserialize)]
struct Tally {
    /// The next seed.
    next: u64,
    seeds: u64,
    blocks: u64,
    transactions: u64,
    simulated_seconds: u64,
    real_seconds: f64,
    starts: u64,
    accused: u64,
    lists: u64,
    messages: Counts,
    faults: BTreeMap<String, u64>,
}

impl Tally {
    fn add(&mut self, outcome: &Outcome) {
        self.seeds += 1;
        self.blocks += outcome.blocks;
        self.transactions += outcome.transactions;
        self.simulated_seconds += outcome.time.as_secs();
        self.starts += outcome.starts;
        self.accused += outcome.accused;
        self.lists += outcome.lists;
        self.messages += outcome.messages;
        for (fault, count) in &outcome.faults {
            *self.faults.entry(fault.to_string()).or_default() += count;
        }
    }

    fn print(&self) {
        let hours = self.simulated_seconds as f64 / 3_600.0;
        let speed = self.seeds as f64 * 3_600.0 / self.real_seconds.max(1e-9);
        println!(
            "{} seeds without a violation: {} final blocks, {} transactions, {hours:.1} simulated \
             hours in {:.0} s ({speed:.0} seeds an hour)",
            self.seeds, self.blocks, self.transactions, self.real_seconds
        );
        println!(
            "{} processes started, {} access lists compared, {} validators proved to have voted twice",
            self.starts, self.lists, self.accused
        );
        let Counts { delivered, lost, cut, duplicated, overtaken, withheld } = self.messages;
        println!(
            "{delivered} messages arrived, {lost} were lost, {cut} met a cut link, {duplicated} came \
             twice, {overtaken} could be overtaken, {withheld} were withheld"
        );
        for fault in Fault::ALL {
            if let Some(count) = self.faults.get(&fault.to_string()) {
                println!("  {count:>9} {fault}");
            }
        }
    }
}

/// What came of a seed: what a worker says, as a line of JSON.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
enum Answer {
    /// Nothing that does not hold.
    Passed(Outcome),
    /// What does not hold.
    Failed(String),
}

/// Runs a seed. A panic is a violation as well.
fn attempt(seed: u64, size: Size, mutant: Option<Mutant>) -> Answer {
    let result = catch_unwind(AssertUnwindSafe(|| run(seed, size, mutant)));
    match result {
        Ok(outcome) => match &outcome.violation {
            None => Answer::Passed(outcome),
            Some(violation) => Answer::Failed(violation.to_string()),
        },
        Err(panic) => {
            let text = panic.downcast_ref::<String>().cloned();
            let text = text.or_else(|| panic.downcast_ref::<&str>().map(|it| (*it).to_owned()));
            Answer::Failed(format!("panic: {}", text.unwrap_or_default()))
        }
    }
}

/// Seeds that one process runs: what the network of a seed leaves behind in memory goes with it.
const SEEDS_OF_A_PROCESS: u64 = 32;

/// A process of this program that runs seeds one after the other.
struct Worker {
    process: Child,
    answers: BufReader<ChildStdout>,
    served: u64,
}

impl Worker {
    fn start() -> io::Result<Self> {
        let mut arguments: Vec<_> = env::args_os().skip(1).collect();
        arguments.push("--worker".into());
        let mut command = Command::new(env::current_exe()?);
        command.args(arguments).stdin(Stdio::piped()).stdout(Stdio::piped());
        // What one network needs the next one needs as well.
        command.env("MIMALLOC_PURGE_DELAY", "60000");
        let mut process = command.spawn()?;
        let answers = process.stdout.take().ok_or(io::ErrorKind::BrokenPipe)?;
        Ok(Self { process, answers: BufReader::new(answers), served: 0 })
    }

    /// An answer that does not come is a violation as well: the process ended over the seed.
    fn run(&mut self, seed: u64) -> Answer {
        self.served += 1;
        let ask = |worker: &mut Self| -> io::Result<Answer> {
            let questions = worker.process.stdin.as_mut().ok_or(io::ErrorKind::BrokenPipe)?;
            writeln!(questions, "{seed}")?;
            let mut line = String::new();
            worker.answers.read_line(&mut line)?;
            Ok(serde_json::from_str(&line)?)
        };
        match ask(self) {
            Ok(answer) => answer,
            Err(error) => {
                let status = self.process.wait();
                let status = status.map_or_else(|it| it.to_string(), |it| it.to_string());
                Answer::Failed(format!("its process ended: {status} ({error})"))
            }
        }
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.process.kill();
        let _ = self.process.wait();
    }
}

/// Runs the seeds that are asked for on the standard input.
fn work(size: Size, mutant: Option<Mutant>) -> io::Result<()> {
    for line in io::stdin().lines() {
        let seed = line?.parse().map_err(io::Error::other)?;
        let answer = serde_json::to_string(&attempt(seed, size, mutant))?;
        let mut out = io::stdout().lock();
        writeln!(out, "{answer}")?;
        out.flush()?;
    }
    Ok(())
}

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let Arguments { validators, blocks, transactions, mutant, .. } = arguments;
    let size = Size { validators, blocks, transactions };
    if arguments.worker {
        return match work(size, mutant) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => {
                eprintln!("{error}");
                ExitCode::FAILURE
            }
        };
    }
    if let Some(seed) = arguments.seed {
        // Errors alone, unless RUST_LOG asks for more.
        let filter = tracing_subscriber::EnvFilter::from_default_env();
        tracing_subscriber::fmt().with_env_filter(filter).with_writer(io::stderr).init();
        return one(seed, size, mutant);
    }
    let mut tally = Tally { next: arguments.from, ..Tally::default() };
    if let Some(path) = arguments.resume.as_ref().filter(|path| path.is_file()) {
        match fs::read_to_string(path).map(|text| serde_json::from_str(&text)) {
            Ok(Ok(read)) => tally = read,
            _ => {
                eprintln!("{} cannot be read; delete it to begin anew", path.display());
                return ExitCode::from(2);
            }
        }
    }
    let threads = arguments
        .threads
        .unwrap_or_else(|| thread::available_parallelism().map_or(1, |threads| threads.get()));
    let end = arguments.count.map_or(u64::MAX, |count| tally.next.saturating_add(count));
    let end =
        if arguments.count.is_none() && arguments.time.is_none() { tally.next + 20 } else { end };
    let start = Instant::now();
    let until = arguments.time.map(|time| start + time);
    let before = tally.real_seconds;
    let (next, tally) = (AtomicU64::new(tally.next), Mutex::new(tally));
    let found: Arc<Mutex<Option<(u64, String)>>> = Arc::default();
    thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                let mut worker: Option<Worker> = None;
                loop {
                    let is_over = until.is_some_and(|until| Instant::now() >= until);
                    if is_over || lock(&found).is_some() {
                        return;
                    }
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= end {
                        return;
                    }
                    let fresh = worker.take().filter(|it| it.served < SEEDS_OF_A_PROCESS);
                    let answer = match fresh.map_or_else(Worker::start, Ok) {
                        Ok(mut it) => {
                            let answer = it.run(seed);
                            worker = Some(it);
                            answer
                        }
                        Err(error) => Answer::Failed(format!("no process for it: {error}")),
                    };
                    match answer {
                        Answer::Passed(outcome) => {
                            let mut tally = lock(&tally);
                            tally.add(&outcome);
                            tally.next = tally.next.max(seed + 1);
                            tally.real_seconds = before + start.elapsed().as_secs_f64();
                            if let Some(path) = &arguments.resume {
                                let text = serde_json::to_string_pretty(&*tally);
                                if let Ok(text) = text {
                                    // The next seed writes it again.
                                    let _ = fs::write(path, text);
                                }
                            }
                        }
                        Answer::Failed(what) => {
                            // The lowest of those that fail at the same time.
                            let mut found = lock(&found);
                            if found.as_ref().is_none_or(|(other, _)| seed < *other) {
                                *found = Some((seed, what));
                            }
                        }
                    }
                }
            });
        }
    });
    let tally = lock(&tally);
    tally.print();
    let found = lock(&found).take();
    match (found, mutant) {
        (None, None) => ExitCode::SUCCESS,
        (None, Some(_)) => {
            println!("the rule that was left out was not missed");
            ExitCode::FAILURE
        }
        (Some((seed, what)), None) => {
            println!("seed {seed}: {what}");
            println!("again: cargo xtask sim --seed {seed}{}", flags(size));
            ExitCode::FAILURE
        }
        (Some((seed, what)), Some(_)) => {
            println!("the rule that was left out was missed by seed {seed}: {what}");
            ExitCode::SUCCESS
        }
    }
}

fn flags(size: Size) -> String {
    let mut flags = String::new();
    if let Some(validators) = size.validators {
        flags += &format!(" --validators {validators}");
    }
    let usual = Size::default();
    if size.blocks != usual.blocks {
        flags += &format!(" --blocks {}", size.blocks);
    }
    if size.transactions != usual.transactions {
        flags += &format!(" --transactions {}", size.transactions);
    }
    flags
}

fn lock<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    // Each value is whole at any time, whoever panicked.
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// Runs one seed twice: both have to be the same, byte for byte.
fn one(seed: u64, size: Size, mutant: Option<Mutant>) -> ExitCode {
    let scenario = Scenario::new(seed, size);
    let faults: Vec<String> = scenario.faults.iter().map(ToString::to_string).collect();
    println!(
        "seed {seed}: {} validators, {} of them faulty, epochs of {} blocks; {}",
        scenario.validators,
        scenario.byzantine,
        scenario.epoch_length,
        faults.join(", ")
    );
    let start = Instant::now();
    let first = attempt(seed, size, mutant);
    match &first {
        Answer::Passed(outcome) => {
            println!(
                "{} final blocks, {} transactions, {:.1} simulated seconds in {:.2} s",
                outcome.blocks,
                outcome.transactions,
                outcome.time.as_secs_f64(),
                start.elapsed().as_secs_f64()
            );
            for (fault, count) in &outcome.faults {
                println!("  {count:>5} {fault}");
            }
            println!("{} processes started; {}", outcome.starts, outcome.fingerprint);
        }
        Answer::Failed(what) => println!("{what}"),
    }
    if attempt(seed, size, mutant) != first {
        println!("the second run was another one");
        return ExitCode::FAILURE;
    }
    println!("the second run was the same");
    if matches!(first, Answer::Passed(_)) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}
