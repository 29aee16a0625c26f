//! Somebody who reads pages and looks how far the index is, while a load is on.

use crate::load::LoadError;
use serde::Deserialize;
use std::{
    collections::VecDeque,
    io::{BufRead, BufReader, Read, Write},
    net::TcpStream,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, Ordering},
    },
    thread::{self, JoinHandle},
    time::{Duration, Instant},
};

/// How often the index is asked how far it is.
const GLANCE: Duration = Duration::from_millis(20);
/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(30);

/// What was seen.
#[derive(Debug, Default)]
pub(super) struct Probed {
    /// How long each page took, sorted.
    pub(super) pages_ms: Vec<f64>,
    /// How long after each block the index had it, sorted.
    lags_ms: Vec<f64>,
    /// Blocks that it was behind at most.
    pub(super) behind_max: u64,
    /// How long after the load it had all.
    pub(super) catch_up: Duration,
}

impl Probed {
    pub(super) fn page_ms(&self, part: f64) -> f64 {
        quantile(&self.pages_ms, part)
    }

    pub(super) fn lag_ms(&self, part: f64) -> f64 {
        quantile(&self.lags_ms, part)
    }
}

/// The value below or at which `part` of the sorted values are.
fn quantile(sorted: &[f64], part: f64) -> f64 {
    let rank = (part * sorted.len() as f64).ceil() as usize;
    sorted.get(rank.saturating_sub(1)).copied().unwrap_or_default()
}

/// Probes at work.
pub(super) struct Probe {
    ended: Arc<AtomicBool>,
    pages: JoinHandle<Result<Vec<f64>, LoadError>>,
    lags: JoinHandle<Result<Probed, LoadError>>,
}

/// What `/api/v1/status` says.
#[derive(Debug, Deserialize)]
struct Status {
    chain_head: u64,
    index_head: Option<u64>,
}

impl Probe {
    /// Reads a page each `interval`, `pages` at most.
    pub(super) fn start(address: String, interval: Duration, pages: u32) -> Self {
        let ended = Arc::new(AtomicBool::new(false));
        let head = Arc::new(AtomicU64::new(0));
        let (stop, newest, place) = (ended.clone(), head.clone(), address.clone());
        let pages = thread::spawn(move || read_pages(&place, interval, pages, &newest, &stop));
        let stop = ended.clone();
        let lags = thread::spawn(move || watch(&address, &head, &stop));
        Self { ended, pages, lags }
    }

    /// The load is over: what was seen, once the index has all.
    pub(super) fn end(self, patience: Duration) -> Result<Probed, LoadError> {
        let start = Instant::now();
        self.ended.store(true, Ordering::Relaxed);
        let gone = |_| LoadError::Explorer("a probe panicked".to_owned());
        let mut pages_ms = self.pages.join().map_err(gone)??;
        let probed = self.lags.join().map_err(gone)??;
        if start.elapsed() > patience {
            return Err(LoadError::Explorer("the index does not catch up".to_owned()));
        }
        pages_ms.sort_unstable_by(f64::total_cmp);
        Ok(Probed { pages_ms, ..probed })
    }
}

fn read_pages(
    address: &str,
    interval: Duration,
    count: u32,
    head: &AtomicU64,
    ended: &AtomicBool,
) -> Result<Vec<f64>, LoadError> {
    let mut reader = Browser::default();
    let mut times = Vec::new();
    let start = Instant::now();
    for number in 0..count {
        let due = start + interval * number;
        thread::sleep(due.saturating_duration_since(Instant::now()));
        if ended.load(Ordering::Relaxed) {
            break;
        }
        let page = reader.get(address, &format!("/block/{}", head.load(Ordering::Relaxed)))?;
        if !page.contains("</html>") {
            return Err(LoadError::Explorer("a block's page is not whole".to_owned()));
        }
        // Of a page that is asked for late the time counts from when it was due: it waited for the
        // one before.
        times.push(due.elapsed().as_secs_f64() * 1e3);
    }
    Ok(times)
}

fn watch(address: &str, head: &AtomicU64, ended: &AtomicBool) -> Result<Probed, LoadError> {
    let mut reader = Browser::default();
    let mut probed = Probed::default();
    let mut waiting: VecDeque<(u64, Instant)> = VecDeque::new();
    let mut seen = None;
    let mut end = None;
    loop {
        let text = reader.get(address, "/api/v1/status")?;
        let now = Instant::now();
        let status: Status = serde_json::from_str(&text)
            .map_err(|error| LoadError::Explorer(format!("its status cannot be read: {error}")))?;
        head.store(status.chain_head, Ordering::Relaxed);
        let first = seen.map_or(status.chain_head, |seen| seen + 1);
        waiting.extend((first..=status.chain_head).map(|number| (number, now)));
        seen = Some(status.chain_head);
        let index = status.index_head.unwrap_or_default();
        while let Some((_, since)) = waiting.pop_front_if(|(number, _)| *number <= index) {
            probed.lags_ms.push((now - since).as_secs_f64() * 1e3);
        }
        probed.behind_max = probed.behind_max.max(status.chain_head.saturating_sub(index));
        if ended.load(Ordering::Relaxed) {
            let since = *end.get_or_insert(now);
            probed.catch_up = now - since;
            if index >= status.chain_head || probed.catch_up > PATIENCE * 10 {
                probed.lags_ms.sort_unstable_by(f64::total_cmp);
                return Ok(probed);
            }
        }
        thread::sleep(GLANCE);
    }
}

/// A connection that is kept.
#[derive(Debug, Default)]
struct Browser(Option<BufReader<TcpStream>>);

impl Browser {
    fn get(&mut self, address: &str, path: &str) -> Result<String, LoadError> {
        let mut connection = match self.0.take() {
            Some(connection) => connection,
            None => {
                let stream = TcpStream::connect(address)?;
                stream.set_read_timeout(Some(PATIENCE))?;
                stream.set_nodelay(true)?;
                BufReader::new(stream)
            }
        };
        write!(connection.get_mut(), "GET {path} HTTP/1.1\r\nHost: {address}\r\n\r\n")?;
        let wrong = |what: &str| LoadError::Explorer(format!("{path}: {what}"));
        let mut line = String::new();
        connection.read_line(&mut line)?;
        let status = line.split(' ').nth(1).unwrap_or_default().to_owned();
        let mut length = None;
        loop {
            line.clear();
            connection.read_line(&mut line)?;
            if line.trim().is_empty() {
                break;
            }
            if let Some((name, value)) = line.split_once(':')
                && name.eq_ignore_ascii_case("content-length")
            {
                length = value.trim().parse::<usize>().ok();
            }
        }
        let length = length.ok_or_else(|| wrong("an answer without a length"))?;
        let mut body = vec![0; length];
        connection.read_exact(&mut body)?;
        if status != "200" {
            return Err(wrong(&format!("status {status}")));
        }
        self.0 = Some(connection);
        String::from_utf8(body).map_err(|_| wrong("not UTF-8"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_quantile_is_one_of_the_values() {
        let values: Vec<f64> = (1..=100).map(f64::from).collect();
        assert_eq!(quantile(&values, 0.5), 50.0);
        assert_eq!(quantile(&values, 0.99), 99.0);
        assert_eq!(quantile(&values, 1.0), 100.0);
        assert_eq!(quantile(&[], 0.5), 0.0);
    }
}
