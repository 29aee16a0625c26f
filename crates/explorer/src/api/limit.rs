//! Requests of one client.
//!
//! A bucket of tokens for each client, kept as the moment at which it will be full again: a request
//! moves that on by one interval, and is refused if the moment would be further away than a whole
//! bucket (the generic cell rate algorithm, ITU-T I.371). A client whose bucket is full need not be
//! remembered, so that the table stays small.

use super::{etherscan, rest};
use crate::server::Shared;
use axum::{
    extract::{ConnectInfo, Request, State},
    http::{HeaderValue, StatusCode, header},
    middleware::Next,
    response::{IntoResponse, Response},
};
use parking_lot::Mutex;
use std::{
    collections::HashMap,
    net::{IpAddr, Ipv6Addr, SocketAddr},
    time::{Duration, Instant},
};

/// Seconds' worth of requests that a client may send at once: a page loads what it shows.
const BURST: Duration = Duration::from_secs(5);
/// Clients that are remembered; more share one bucket. Some megabytes.
const CLIENTS_MAX: usize = 65_536;
/// The stream of events, which is one request for hours.
const STREAM_PATH: &str = "/events";

/// Whom requests are counted of: an address, or the 64 bits of IPv6 that one customer gets.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Client {
    Address(IpAddr),
    Network(u64),
    /// All for whom there is no room.
    Others,
}

impl Client {
    fn of(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V6(v6) if !v6.is_loopback() => Self::Network(network(v6)),
            address => Self::Address(address),
        }
    }
}

fn network(address: Ipv6Addr) -> u64 {
    // The first 64 of 128 bits.
    u64::try_from(address.to_bits() >> 64).unwrap_or_default()
}

/// Counts the requests of clients.
#[derive(Debug)]
pub(crate) struct Limiter {
    /// Nanoseconds between requests of a steady client.
    interval: u64,
    clients_max: usize,
    started: Instant,
    /// When buckets will be full, in nanoseconds since the start.
    full_at: Mutex<HashMap<Client, u64>>,
}

impl Limiter {
    /// For so many requests a second, at least one.
    pub(crate) fn new(requests_per_second: u32) -> Self {
        Self {
            interval: 1_000_000_000 / u64::from(requests_per_second.max(1)),
            clients_max: CLIENTS_MAX,
            started: Instant::now(),
            full_at: Mutex::default(),
        }
    }

    /// Takes a token, or says how long it takes until there is one.
    fn take(&self, client: IpAddr) -> Result<(), Duration> {
        self.take_at(client, nanoseconds(self.started.elapsed()))
    }

    fn take_at(&self, client: IpAddr, now: u64) -> Result<(), Duration> {
        let mut table = self.full_at.lock();
        let mut client = Client::of(client);
        if table.len() >= self.clients_max && !table.contains_key(&client) {
            table.retain(|_, full_at| *full_at > now);
            if table.len() >= self.clients_max {
                client = Client::Others;
            }
        }
        let full_at = table.entry(client).or_default();
        let next = (*full_at).max(now).saturating_add(self.interval);
        let too_far = next.saturating_sub(now).saturating_sub(nanoseconds(BURST));
        if too_far > 0 {
            return Err(Duration::from_nanos(too_far));
        }
        *full_at = next;
        Ok(())
    }
}

/// 64 bits hold five centuries.
fn nanoseconds(duration: Duration) -> u64 {
    u64::try_from(duration.as_nanos()).unwrap_or(u64::MAX)
}

/// Refuses requests of clients that send too many.
pub(crate) async fn limit(State(explorer): Shared, request: Request, next: Next) -> Response {
    let path = request.uri().path();
    let client = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|info| info.0.ip());
    // Without a connection there is nobody to count.
    let Some(client) = client.filter(|_| path != STREAM_PATH) else {
        return next.run(request).await;
    };
    let Err(wait) = explorer.bounds.limiter.take(client) else { return next.run(request).await };
    let mut response = match path {
        "/api" | "/v2/api" => etherscan::refused("Max rate limit reached"),
        path if path.starts_with("/api/") => rest::too_many(),
        _ => "too many requests\n".into_response(),
    };
    *response.status_mut() = StatusCode::TOO_MANY_REQUESTS;
    let seconds = wait.as_secs() + u64::from(wait.subsec_nanos() > 0);
    response.headers_mut().insert(header::RETRY_AFTER, HeaderValue::from(seconds));
    response
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const SECOND: u64 = 1_000_000_000;

    fn client(byte: u8) -> IpAddr {
        [10, 0, 0, byte].into()
    }

    proptest! {
        /// However requests arrive: in no stretch of time more than its rate and one burst.
        #[test]
        fn never_gives_more_than_the_rate_and_one_burst(
            rate in 1_u32..300,
            steps in proptest::collection::vec(0_u64..SECOND / 2, 1..600),
        ) {
            let limiter = Limiter::new(rate);
            let mut now = 0;
            let mut given = Vec::new();
            for step in steps {
                now += step;
                match limiter.take_at(client(1), now) {
                    Ok(()) => given.push(now),
                    Err(wait) => {
                        // When it says that there is one, there is, and not before.
                        let wait = nanoseconds(wait);
                        prop_assert!(limiter.take_at(client(1), now + wait - 1).is_err());
                        now += wait;
                        prop_assert!(limiter.take_at(client(1), now).is_ok());
                        given.push(now);
                    }
                }
            }
            for (first, from) in given.iter().enumerate() {
                for (last, to) in given.iter().enumerate().skip(first) {
                    let stretch = u128::from(to - from) + BURST.as_nanos();
                    let interval = u128::from(limiter.interval);
                    prop_assert!((last - first + 1) as u128 <= stretch / interval);
                }
            }
        }

        /// Others do not matter, as long as there is room.
        #[test]
        fn a_steady_client_is_never_refused(
            rate in 1_u32..300,
            noise in proptest::collection::vec(2_u8..9, 0..300),
        ) {
            let limiter = Limiter::new(rate);
            for step in 0..300_u64 {
                let now = step * limiter.interval;
                for other in &noise {
                    let _ = limiter.take_at(client(*other), now);
                }
                prop_assert_eq!(limiter.take_at(client(1), now), Ok(()));
            }
        }
    }

    #[test]
    fn the_table_of_clients_is_bounded() {
        let limiter = Limiter { clients_max: 100, ..Limiter::new(1) };
        for number in 0..10_000_u32 {
            let _ = limiter.take_at(IpAddr::from(number.to_be_bytes()), 0);
            assert!(limiter.full_at.lock().len() <= 101);
        }
        // Those for whom there is no room have one bucket together.
        assert!(limiter.take_at([200, 0, 0, 1].into(), 0).is_err());
        // Later all buckets are full, and nobody need be remembered.
        assert_eq!(limiter.take_at([200, 0, 0, 1].into(), 100 * SECOND), Ok(()));
        assert_eq!(limiter.full_at.lock().len(), 1);
    }

    #[test]
    fn a_network_of_ipv6_is_one_client_and_mapped_addresses_are_those_of_ipv4() {
        let of = |text: &str| Client::of(text.parse().unwrap());
        assert_eq!(of("2001:db8:1:2::1"), of("2001:db8:1:2:ffff::9"));
        assert_ne!(of("2001:db8:1:2::1"), of("2001:db8:1:3::1"));
        assert_eq!(of("::ffff:10.0.0.1"), of("10.0.0.1"));
    }
}
