//! What recording the schedule of a block costs.
//!
//! `cargo run --release --package heddle-measure --example schedule_cost -- [ROUNDS] [THREADS]`
//!
//! Each synthetic block of `heddle bench executor` is executed in every way, in turn by an executor
//! that records and by one that does not; which goes first changes from round to round. The figures
//! are medians over the rounds of the quotient, recording divided by not recording, with quartiles;
//! and of one schedule, what it shows.

use heddle_executor::{Executor, Schedule, Settings, ThreadsError, Way};
use heddle_measure::bench::{Workload, WorkloadKind, workload};
use std::time::Instant;

fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut numbers = std::env::args().skip(1).filter_map(|number| number.parse::<usize>().ok());
    let rounds = numbers.next().unwrap_or(41).max(1);
    let threads = numbers.next().unwrap_or(Settings::default().threads).max(1);
    println!("{rounds} rounds, {threads} threads; time with recording / without");
    for kind in WorkloadKind::ALL {
        let workload = workload(kind, kind.transactions_default())?;
        measure(&workload, rounds, threads)?;
    }
    Ok(())
}

fn measure(
    workload: &Workload,
    rounds: usize,
    threads: usize,
) -> Result<(), Box<dyn std::error::Error>> {
    let list = executor(threads, false)?
        .execute(&workload.block(), &workload.state, Way::Optimistic)?
        .access_list;
    let list = list.ok_or("the optimistic way makes an access list")?;
    let ways = [
        ("sequential", Way::Sequential, 1),
        ("one thread", Way::Optimistic, 1),
        ("optimistic", Way::Optimistic, threads),
        ("guided", Way::Guided(&list), threads),
    ];
    println!("{} ({} transactions)", workload.kind.name(), workload.transactions.len());
    for (name, way, threads) in ways {
        let mut executors = [executor(threads, false)?, executor(threads, true)?];
        let mut quotients = Vec::with_capacity(rounds);
        let mut last = Schedule::default();
        // A round that is not counted comes first.
        for round in 0..=rounds {
            let mut times = [0.0; 2];
            for turn in 0..2 {
                let which = (round + turn) % 2;
                let start = Instant::now();
                let output = executors[which].execute(&workload.block(), &workload.state, way)?;
                times[which] = start.elapsed().as_secs_f64();
                last = output.schedule.unwrap_or(last);
            }
            if round > 0 {
                quotients.push(times[1] / times[0]);
            }
        }
        quotients.sort_unstable_by(f64::total_cmp);
        let [first, median, third] = [1, 2, 3].map(|part| quotients[part * (rounds - 1) / 4]);
        println!(
            "  {name:<10} {median:.4} ({first:.4}-{third:.4})   {} spans, {} retries, speed-up {:.2}",
            last.spans.len() as u64 + last.spans_left_out,
            last.retries(),
            last.speedup()
        );
    }
    Ok(())
}

fn executor(threads: usize, record_schedule: bool) -> Result<Executor, ThreadsError> {
    let settings = Settings { threads, record_schedule, ..Settings::default() };
    Executor::new(settings)
}
