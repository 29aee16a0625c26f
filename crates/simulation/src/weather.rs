//! What the network does to messages beyond losing and delaying them.

use crate::scenario::Chance;
use commonware_cryptography::ed25519::PublicKey;
use commonware_p2p::{Message, Receiver};
use commonware_utils::NZUsize;
use parking_lot::Mutex;
use std::{collections::VecDeque, num::NonZeroUsize, sync::Arc};

/// Messages that may come again.
const RECENT: usize = 8;
/// Messages that wait for a process between two moments, at most.
const CAPACITY_MAX: NonZeroUsize = NZUsize!(1_024);

/// What happens to the messages of one validator now.
#[derive(Debug)]
pub(crate) struct Weather {
    chance: Chance,
    /// Of a hundred messages, so many come twice.
    pub(crate) duplicated: u64,
    /// Of a hundred messages, so many are overtaken by the next.
    pub(crate) overtaken: u64,
    /// Whose pieces of blocks do not come.
    pub(crate) withheld: Vec<PublicKey>,
    /// How many messages came twice, were overtaken, did not come.
    pub(crate) counts: [u64; 3],
}

impl Weather {
    pub(crate) fn new(seed: u64) -> Arc<Mutex<Self>> {
        Arc::new(Mutex::new(Self {
            chance: Chance::new(seed),
            duplicated: 0,
            overtaken: 0,
            withheld: Vec::new(),
            counts: [0; 3],
        }))
    }
}

/// Receives what another one receives, as the weather has it.
#[derive(Debug)]
pub(crate) struct Weathered<R> {
    inner: R,
    weather: Arc<Mutex<Weather>>,
    carries_pieces: bool,
    recent: VecDeque<Message<PublicKey>>,
    held: Option<Message<PublicKey>>,
}

impl<R> Weathered<R> {
    pub(crate) fn new(inner: R, weather: Arc<Mutex<Weather>>, carries_pieces: bool) -> Self {
        Self { inner, weather, carries_pieces, recent: VecDeque::new(), held: None }
    }
}

impl<R: Receiver<PublicKey = PublicKey>> Receiver for Weathered<R> {
    type Error = R::Error;
    type PublicKey = PublicKey;

    async fn recv(&mut self) -> Result<Message<PublicKey>, R::Error> {
        loop {
            if let Some(again) = self.again() {
                return Ok(again);
            }
            // What was taken from the network is kept in here before anything else is waited for.
            let message = self.inner.recv().await?;
            let mut weather = self.weather.lock();
            if self.carries_pieces && weather.withheld.contains(&message.0) {
                weather.counts[2] += 1;
                continue;
            }
            self.recent.push_back(message.clone());
            if self.recent.len() > RECENT {
                self.recent.pop_front();
            }
            let percent = weather.overtaken;
            if self.held.is_none() && percent > 0 && weather.chance.percent(percent) {
                weather.counts[1] += 1;
                self.held = Some(message);
                continue;
            }
            return Ok(message);
        }
    }

    fn capacity(&self) -> NonZeroUsize {
        // Each process makes places for so many, and time stands still until they are taken out.
        self.inner.capacity().min(CAPACITY_MAX)
    }
}

impl<R> Weathered<R> {
    /// A message that came before: one that was held back until another had come, or a second time.
    fn again(&mut self) -> Option<Message<PublicKey>> {
        let mut weather = self.weather.lock();
        if self.held.is_some() && weather.chance.percent(50) {
            return self.held.take();
        }
        let percent = weather.duplicated;
        if percent > 0 && !self.recent.is_empty() && weather.chance.percent(percent) {
            weather.counts[0] += 1;
            let at = weather.chance.below(self.recent.len() as u64) as usize;
            return self.recent.get(at).cloned();
        }
        None
    }
}
