//! The recorded requests and responses, and asking a node over HTTP.

use serde_json::Value;
use std::{
    io::{self, Read, Write},
    net::{SocketAddr, TcpStream},
    time::Duration,
};

/// How long a node may take for one answer.
const TIMEOUT: Duration = Duration::from_secs(60);

/// One file of recorded requests.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Recording {
    /// Only the shape of the responses is binding.
    pub(super) shape_only: bool,
    pub(super) exchanges: Vec<Exchange>,
}

/// A request, and the response that is expected.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Exchange {
    pub(super) request: String,
    pub(super) response: Value,
}

impl Recording {
    /// Reads the text of an `.io` file: comments after `//`, requests after `>>`, responses after
    /// `<<`.
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let mut recording = Self { shape_only: false, exchanges: Vec::new() };
        let mut request = None;
        for (number, line) in (1..).zip(text.lines()) {
            if let Some(comment) = line.strip_prefix("//") {
                recording.shape_only |= comment.trim_start().starts_with("speconly");
            } else if let Some(text) = line.strip_prefix(">>") {
                request = Some(text.trim().to_owned());
            } else if let Some(text) = line.strip_prefix("<<") {
                let request =
                    request.take().ok_or(format!("line {number}: a response to nothing"))?;
                let response = serde_json::from_str(text.trim())
                    .map_err(|error| format!("line {number}: {error}"))?;
                recording.exchanges.push(Exchange { request, response });
            } else if !line.trim().is_empty() {
                return Err(format!("line {number}: neither comment, request nor response"));
            }
        }
        if recording.exchanges.is_empty() || request.is_some() {
            return Err("a request without a response".to_owned());
        }
        Ok(recording)
    }
}

/// Sends one request and gives the body of the answer.
pub(super) fn post(address: SocketAddr, body: &str) -> io::Result<String> {
    let mut stream = TcpStream::connect(address)?;
    stream.set_read_timeout(Some(TIMEOUT))?;
    stream.set_write_timeout(Some(TIMEOUT))?;
    let length = body.len();
    write!(
        stream,
        "POST / HTTP/1.1\r\nHost: {address}\r\nContent-Type: application/json\r\n\
         Content-Length: {length}\r\nConnection: close\r\n\r\n{body}"
    )?;
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer)?;
    let wrong = |what: &str| io::Error::new(io::ErrorKind::InvalidData, what.to_owned());
    let text = String::from_utf8(answer).map_err(|_| wrong("the answer is not UTF-8"))?;
    let (head, body) = text.split_once("\r\n\r\n").ok_or_else(|| wrong("no HTTP answer"))?;
    let status = head.lines().next().unwrap_or_default();
    if !status.contains(" 200") {
        return Err(wrong(status));
    }
    if head.to_ascii_lowercase().contains("transfer-encoding: chunked") {
        return unchunk(body).ok_or_else(|| wrong("broken chunks"));
    }
    Ok(body.to_owned())
}

/// A body that came in chunks (RFC 9112, section 7.1).
fn unchunk(mut body: &str) -> Option<String> {
    let mut whole = String::new();
    loop {
        let (length, rest) = body.split_once("\r\n")?;
        let length = usize::from_str_radix(length.split(';').next()?.trim(), 16).ok()?;
        if length == 0 {
            return Some(whole);
        }
        whole.push_str(rest.get(..length)?);
        body = rest.get(length..)?.strip_prefix("\r\n")?;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_a_recording() {
        let text = "// about\n// speconly: only the shape\n>> {\"id\":1}\n<< {\"result\":null}\n";
        let recording = Recording::parse(text).unwrap();
        assert!(recording.shape_only);
        assert_eq!(recording.exchanges.len(), 1);
        assert_eq!(recording.exchanges[0].request, "{\"id\":1}");
        for wrong in ["", ">> {}\n", "<< {}\n", ">> {}\n<< {\n", "hello\n"] {
            assert!(Recording::parse(wrong).is_err(), "{wrong:?}");
        }
    }

    #[test]
    fn joins_chunks() {
        assert_eq!(unchunk("3\r\nabc\r\n2;x\r\nde\r\n0\r\n\r\n").as_deref(), Some("abcde"));
        assert_eq!(unchunk("9\r\nabc\r\n0\r\n\r\n"), None);
    }
}
