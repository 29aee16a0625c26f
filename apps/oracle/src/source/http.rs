//! Values that a server answers with, in JSON.

use super::{Said, SourceError, TimeUnit};
use crate::pointer::{find, is_pointer};
use serde::Deserialize;
use std::time::Duration;

/// Bytes of an answer: whole lists of prices are below.
const ANSWER_BYTES_MAX: u64 = 1 << 20;
/// Servers that a request may be sent on to.
const REDIRECTS_MAX: u32 = 3;

/// A request, as it stands in the configuration.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Request {
    url: String,
    /// JSON pointer to the value, such as `/data/0/price`.
    pointer: String,
    /// JSON pointer to its time. Without it a value is of when it was asked for.
    time_pointer: Option<String>,
    #[serde(default)]
    time_unit: TimeUnit,
}

impl Request {
    pub(crate) fn is_right(&self) -> bool {
        let is_url = self.url.starts_with("http://") || self.url.starts_with("https://");
        is_url && is_pointer(&self.pointer) && self.time_pointer.as_deref().is_none_or(is_pointer)
    }
}

#[derive(Debug)]
pub(super) struct Client {
    request: Request,
    agent: ureq::Agent,
}

impl Client {
    pub(super) fn new(request: Request, patience: Duration) -> Self {
        let settings = ureq::Agent::config_builder()
            .timeout_global(Some(patience))
            .max_redirects(REDIRECTS_MAX)
            .build();
        Self { request, agent: settings.into() }
    }

    pub(super) fn read(&self, now: u64) -> Result<Said, SourceError> {
        let Request { url, pointer, time_pointer, time_unit } = &self.request;
        let failed = |error| SourceError::Http(Box::new(error));
        let mut response = self.agent.get(url).call().map_err(failed)?;
        let body = response.body_mut().with_config().limit(ANSWER_BYTES_MAX);
        let bytes = body.read_to_vec().map_err(failed)?;
        let json = std::str::from_utf8(&bytes).map_err(|_| SourceError::Text)?;
        let at = match time_pointer {
            Some(pointer) => time_unit.read(&find(json, pointer)?)?,
            None => now,
        };
        Ok(Said { text: find(json, pointer)?, at })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{
        io::{Read as _, Write as _},
        net::TcpListener,
        thread,
        time::Instant,
    };

    /// What is read of a server that answers with these bytes, and then waits.
    fn read(answer: Vec<u8>, wait: Duration) -> Result<Said, SourceError> {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/", listener.local_addr().unwrap());
        let server = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let _ = stream.read(&mut [0; 4096]);
            // A client hangs up in the midst of what is too long.
            let _ = stream.write_all(&answer);
            thread::sleep(wait);
        });
        let request = Request {
            url,
            pointer: "/price".to_owned(),
            time_pointer: Some("/time".to_owned()),
            time_unit: TimeUnit::Seconds,
        };
        let result = Client::new(request, Duration::from_millis(500)).read(100);
        server.join().unwrap();
        result
    }

    fn answer(body: &str) -> Vec<u8> {
        format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n{body}", body.len()).into_bytes()
    }

    #[test]
    fn a_value_and_its_time_are_found() {
        let said = read(answer(r#"{"price": "12.50", "time": 95.5}"#), Duration::ZERO).unwrap();
        assert_eq!(said, Said { text: "12.50".to_owned(), at: 95 });
    }

    #[test]
    fn what_is_wrong_long_or_slow_is_an_error() {
        let nothing = read(answer("{}"), Duration::ZERO);
        assert!(matches!(nothing, Err(SourceError::Pointer(_))));
        let refused =
            read(b"HTTP/1.1 500 No\r\ncontent-length: 0\r\n\r\n".to_vec(), Duration::ZERO);
        assert!(matches!(refused, Err(SourceError::Http(_))));
        let long = format!("{{\"price\": 1, \"time\": 95, \"x\": \"{}\"}}", "x".repeat(2 << 20));
        assert!(matches!(read(answer(&long), Duration::ZERO), Err(SourceError::Http(_))));
        let begin = Instant::now();
        let slow = b"HTTP/1.1 200 OK\r\ncontent-length: 9\r\n\r\n{".to_vec();
        assert!(matches!(read(slow, Duration::from_millis(900)), Err(SourceError::Http(_))));
        assert!(begin.elapsed() < Duration::from_secs(5));
    }
}
