//! Logs by address and topics.

use super::{Failure, Outcome, hex, invalid, list::list};
use crate::{
    LogFilter, Page, Place,
    api::{lookup::FoundLog, work::Ask},
};
use alloy_primitives::{Address, B256};
use serde_json::{Value, json};

const NO_RECORDS: &str = "No records found";
/// Logs of an answer.
const LOGS_MAX: u64 = 1000;
/// Entries by which two lists are compared: the shorter one is read.
const COMPARED: usize = if cfg!(test) { 2 } else { 2000 };

/// What is asked of a log: `topics` with how each joins those before it.
#[derive(Clone, Debug, Default)]
struct Wanted {
    address: Option<Address>,
    topics: [Option<B256>; 4],
    /// For each pair of positions, whether one of both is enough.
    either: [[bool; 4]; 4],
}

impl Wanted {
    fn of(ask: &Ask) -> Result<Self, Failure> {
        let mut wanted = Self { address: ask.address_in("address")?, ..Self::default() };
        for (position, topic) in wanted.topics.iter_mut().enumerate() {
            *topic = ask
                .params
                .parse(&format!("topic{position}"))
                .or_else(|_| invalid("Error! Invalid topic format"))?;
        }
        for (first, row) in wanted.either.iter_mut().enumerate() {
            for (second, either) in row.iter_mut().enumerate().skip(first + 1) {
                let name = format!("topic{first}_{second}_opr");
                *either = match ask.params.text(&name).map(str::to_ascii_lowercase).as_deref() {
                    None | Some("and") => false,
                    Some("or") => true,
                    Some(_) => return invalid("Error! Invalid topic operator"),
                };
            }
        }
        Ok(wanted)
    }

    /// Groups of topics of which each must have one that fits: those that `or` joins are a group.
    fn groups(&self) -> Vec<Vec<(u8, B256)>> {
        let mut groups: Vec<Vec<(u8, B256)>> = Vec::new();
        for (position, topic) in self.topics.iter().enumerate() {
            let Some(topic) = topic else { continue };
            let joins = |group: &Vec<(u8, B256)>| {
                group.iter().any(|(other, _)| {
                    self.either.get(usize::from(*other)).and_then(|row| row.get(position))
                        == Some(&true)
                })
            };
            let entry = (u8::try_from(position).unwrap_or(u8::MAX), *topic);
            match groups.iter_mut().find(|group| joins(group)) {
                Some(group) => group.push(entry),
                None => groups.push(vec![entry]),
            }
        }
        groups
    }

    fn fits(&self, found: &FoundLog) -> bool {
        let topics = found.log.topics();
        self.address.is_none_or(|address| address == found.log.address)
            && self.groups().iter().all(|group| {
                group
                    .iter()
                    .any(|(position, topic)| topics.get(usize::from(*position)) == Some(topic))
            })
    }

    /// Lists that together have all that fits; the shortest of those that do.
    fn lists(&self, ask: &Ask, range: Page) -> Result<Vec<LogFilter>, Failure> {
        let mut ways: Vec<Vec<LogFilter>> = Vec::new();
        if self.address.is_some() {
            ways.push(vec![LogFilter { address: self.address, topic: None }]);
        }
        for group in self.groups() {
            // Without the address: a list that is filtered by one may go on for long between two.
            let list = |topic| LogFilter { address: None, topic: Some(topic) };
            ways.push(group.into_iter().map(list).collect());
        }
        if ways.len() > 1 {
            let mut sized = Vec::with_capacity(ways.len());
            for way in ways {
                let mut length = 0;
                for filter in &way {
                    let page = Page { limit: COMPARED, ..range };
                    length += ask.index.logs(filter, page)?.len();
                }
                sized.push((length, way));
            }
            sized.sort_by_key(|(length, _)| *length);
            return Ok(sized.into_iter().next().map(|(_, way)| way).unwrap_or_default());
        }
        Ok(ways.pop().unwrap_or_default())
    }
}

pub(super) fn logs(ask: &Ask) -> Outcome {
    let wanted = Wanted::of(ask)?;
    let (size, mut skip) = ask.size(LOGS_MAX)?;
    let size = size.min(usize::try_from(LOGS_MAX).unwrap_or(usize::MAX));
    let from = ask.block_number("fromBlock")?.unwrap_or(0);
    let to = ask.block_number("toBlock")?.unwrap_or(u64::MAX);
    let mut range = Page {
        from: Place { block: from, ..Place::FIRST },
        to: Place { block: to, ..Place::LAST },
        ascending: true,
        limit: COMPARED,
    };
    let lists = wanted.lists(ask, range)?;
    if lists.is_empty() {
        return invalid("Error! Missing address and topics: one of them is needed");
    }
    let mut entries = Vec::new();
    loop {
        let (places, more) = merged(ask, &lists, range)?;
        for place in &places {
            ask.check_time()?;
            let Some(found) = ask.lookup.log(*place)?.filter(|log| wanted.fits(log)) else {
                continue;
            };
            if skip > 0 {
                skip -= 1;
                continue;
            }
            entries.push(log_json(&found));
            if entries.len() >= size {
                return list(entries, NO_RECORDS);
            }
        }
        let next = places.last().and_then(|last| last.next_index()).filter(|_| more);
        let Some(next) = next else { return list(entries, NO_RECORDS) };
        range.from = next;
    }
}

/// The next places of several lists, in order and once each, as far as all lists are known.
fn merged(ask: &Ask, lists: &[LogFilter], range: Page) -> Result<(Vec<Place>, bool), Failure> {
    let mut all = Vec::new();
    let mut known_to = Place::LAST;
    let mut more = false;
    for filter in lists {
        let places = ask.index.logs(filter, range)?;
        if places.len() >= range.limit {
            more = true;
            known_to = places.last().map_or(known_to, |last| known_to.min(*last));
        }
        all.extend(places);
    }
    all.retain(|place| *place <= known_to);
    all.sort_unstable();
    all.dedup();
    Ok((all, more))
}

fn log_json(found: &FoundLog) -> Value {
    let FoundLog { index, log, mined } = found;
    let quantity = |number: u128| format!("{number:#x}");
    json!({
        "address": hex(log.address),
        "topics": log.topics(),
        "data": log.data.data,
        "blockNumber": quantity(mined.header().number.into()),
        "blockHash": mined.block.block.hash,
        "timeStamp": quantity(mined.header().timestamp.into()),
        "gasPrice": quantity(mined.gas_price()),
        "gasUsed": quantity(mined.receipt.gas_used.into()),
        "logIndex": quantity((*index).into()),
        "transactionHash": mined.hash(),
        "transactionIndex": quantity(mined.index as u128),
    })
}
