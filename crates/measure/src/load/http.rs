//! HTTP/1.1 over connections that stay open, with no more than a load needs: whole requests go out,
//! whole responses come back, and several requests may be under way on one connection.
//!
//! Generator and node share the processors, so a client that does more would be measured too.

use super::LoadError;
use std::{
    fmt,
    io::{self, BufRead, BufReader, IoSlice, Read, Write},
    net::{Shutdown, TcpStream, ToSocketAddrs},
    time::Duration,
};

/// Largest response that is read, in bytes: the receipts of a block of 100,000 transactions, and
/// some more.
const RESPONSE_BYTES_MAX: usize = 1 << 30;

/// Longest line of a response's head, in bytes.
const LINE_BYTES_MAX: u64 = 16 << 10;

/// Most lines of a response's head.
const LINES_MAX: usize = 128;

/// Bytes that are read at a time.
const BUFFER_BYTES: usize = 256 << 10;

/// Where a node listens.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Endpoint {
    /// Name and port, as in the head `Host`.
    authority: String,
    path: String,
}

impl Endpoint {
    /// From `http://host:port/path`.
    pub(super) fn parse(url: &str) -> Result<Self, LoadError> {
        let wrong = || LoadError::Url(url.to_owned());
        let rest = url.strip_prefix("http://").ok_or_else(wrong)?;
        let (authority, path) = rest.split_once('/').unwrap_or((rest, ""));
        let is_odd = |c: char| c.is_whitespace() || c.is_control() || c == '@';
        if authority.is_empty() || rest.contains(is_odd) {
            return Err(wrong());
        }
        let has_port = authority
            .rsplit_once(':')
            .is_some_and(|(host, port)| !host.is_empty() && port.parse::<u16>().is_ok());
        let authority = if has_port { authority.to_owned() } else { format!("{authority}:80") };
        Ok(Self { authority, path: format!("/{path}") })
    }

    /// The port.
    pub(super) fn port(&self) -> Option<u16> {
        self.authority.rsplit_once(':')?.1.parse().ok()
    }

    /// Whether the node is on this machine.
    pub(super) fn is_local(&self) -> bool {
        self.authority
            .to_socket_addrs()
            .is_ok_and(|mut addresses| addresses.all(|address| address.ip().is_loopback()))
    }

    /// Opens a connection. A read or write that takes longer than `timeout` is an error.
    pub(super) fn connect(&self, timeout: Duration) -> Result<(Writer, Reader), LoadError> {
        let failed = |source| LoadError::Connect { address: self.to_string(), source };
        let stream = TcpStream::connect(&self.authority).map_err(failed)?;
        stream.set_nodelay(true).map_err(failed)?;
        stream.set_read_timeout(Some(timeout)).map_err(failed)?;
        stream.set_write_timeout(Some(timeout)).map_err(failed)?;
        let reading = stream.try_clone().map_err(failed)?;
        let head = format!(
            "POST {} HTTP/1.1\r\nHost: {}\r\nContent-Type: application/json\r\nContent-Length: ",
            self.path, self.authority
        );
        let writer = Writer { stream, head_start: head.len(), head: head.into_bytes() };
        Ok((writer, Reader { stream: BufReader::with_capacity(BUFFER_BYTES, reading) }))
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let path = if self.path == "/" { "" } else { &self.path };
        write!(f, "http://{}{path}", self.authority)
    }
}

/// The half of a connection that requests go out by.
#[derive(Debug)]
pub(super) struct Writer {
    stream: TcpStream,
    /// The head of a request, up to the length of the body and from there anew for each request.
    head: Vec<u8>,
    head_start: usize,
}

impl Writer {
    /// Sends a request with this body.
    pub(super) fn send(&mut self, body: &[u8]) -> Result<(), LoadError> {
        self.head.truncate(self.head_start);
        // Writing into memory cannot fail.
        let _ = write!(self.head, "{}\r\n\r\n", body.len());
        let mut slices = &mut [IoSlice::new(&self.head), IoSlice::new(body)][..];
        while !slices.is_empty() {
            match self.stream.write_vectored(slices) {
                Ok(0) => return Err(LoadError::Broken(io::ErrorKind::WriteZero.into())),
                Ok(count) => IoSlice::advance_slices(&mut slices, count),
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => return Err(LoadError::Broken(error)),
            }
        }
        Ok(())
    }

    /// Ends the connection, for the other half too.
    pub(super) fn shut(&self) {
        // It may have ended already.
        let _ = self.stream.shutdown(Shutdown::Both);
    }
}

/// The half of a connection that responses come by.
#[derive(Debug)]
pub(super) struct Reader {
    stream: BufReader<TcpStream>,
}

impl Reader {
    /// Reads the next response: its status, and its body into `body`.
    pub(super) fn receive(&mut self, body: &mut Vec<u8>) -> Result<u16, LoadError> {
        receive(&mut self.stream, body)
    }

    /// Ends the connection, for the other half too.
    pub(super) fn shut(&self) {
        // It may have ended already.
        let _ = self.stream.get_ref().shutdown(Shutdown::Both);
    }
}

/// How the end of a body is known.
enum Length {
    Bytes(usize),
    Chunks,
}

fn receive(stream: &mut impl BufRead, body: &mut Vec<u8>) -> Result<u16, LoadError> {
    body.clear();
    let mut line = Vec::new();
    read_line(stream, &mut line)?;
    let status = status(&line)?;
    let mut length = None;
    for _ in 0..LINES_MAX {
        read_line(stream, &mut line)?;
        if line.is_empty() {
            return read_body(stream, length, body).map(|()| status);
        }
        let Some((name, value)) = header(&line) else {
            return Err(LoadError::Http(format!("the line {}", text(&line))));
        };
        if name.eq_ignore_ascii_case("content-length") {
            let bytes = value.parse().ok().filter(|bytes| *bytes <= RESPONSE_BYTES_MAX);
            let bytes = bytes.ok_or_else(|| LoadError::Http(format!("a body of {value} bytes")))?;
            length = Some(Length::Bytes(bytes));
        } else if name.eq_ignore_ascii_case("transfer-encoding") {
            if !value.eq_ignore_ascii_case("chunked") {
                return Err(LoadError::Http(format!("the encoding {value}")));
            }
            length = Some(Length::Chunks);
        }
    }
    Err(LoadError::Http("a head of too many lines".to_owned()))
}

fn read_body(
    stream: &mut impl BufRead,
    length: Option<Length>,
    body: &mut Vec<u8>,
) -> Result<(), LoadError> {
    match length {
        None => Err(LoadError::Http("a body of unknown length".to_owned())),
        Some(Length::Bytes(bytes)) => read_exactly(stream, bytes, body),
        Some(Length::Chunks) => {
            let mut line = Vec::new();
            loop {
                read_line(stream, &mut line)?;
                let digits = text(&line);
                let digits = digits.split(';').next().unwrap_or_default().trim();
                let bytes = usize::from_str_radix(digits, 16)
                    .ok()
                    .filter(|bytes| body.len().saturating_add(*bytes) <= RESPONSE_BYTES_MAX)
                    .ok_or_else(|| LoadError::Http(format!("a chunk of {digits:?} bytes")))?;
                if bytes > 0 {
                    read_exactly(stream, bytes, body)?;
                }
                read_line(stream, &mut line)?;
                if bytes == 0 {
                    return Ok(());
                }
            }
        }
    }
}

fn read_exactly(
    stream: &mut impl BufRead,
    bytes: usize,
    body: &mut Vec<u8>,
) -> Result<(), LoadError> {
    let read = stream.take(bytes as u64).read_to_end(body).map_err(LoadError::Broken)?;
    if read < bytes {
        return Err(LoadError::Broken(io::ErrorKind::UnexpectedEof.into()));
    }
    Ok(())
}

/// Reads a line and cuts its end off.
fn read_line(stream: &mut impl BufRead, line: &mut Vec<u8>) -> Result<(), LoadError> {
    line.clear();
    stream.take(LINE_BYTES_MAX).read_until(b'\n', line).map_err(LoadError::Broken)?;
    if line.pop() != Some(b'\n') {
        return Err(LoadError::Broken(io::ErrorKind::UnexpectedEof.into()));
    }
    if line.last() == Some(&b'\r') {
        line.pop();
    }
    Ok(())
}

fn status(line: &[u8]) -> Result<u16, LoadError> {
    let wrong = || LoadError::Http(format!("the line {}", text(line)));
    let text = text(line);
    let rest = text.strip_prefix("HTTP/1.").ok_or_else(wrong)?;
    rest.split(' ').nth(1).and_then(|status| status.parse().ok()).ok_or_else(wrong)
}

fn header(line: &[u8]) -> Option<(&str, &str)> {
    let (name, value) = str::from_utf8(line).ok()?.split_once(':')?;
    Some((name, value.trim()))
}

fn text(line: &[u8]) -> String {
    String::from_utf8_lossy(line).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn read(response: &[u8]) -> Result<(u16, Vec<u8>), LoadError> {
        let mut body = Vec::new();
        receive(&mut &*response, &mut body).map(|status| (status, body))
    }

    #[test]
    fn reads_bodies_of_known_length_and_in_chunks() {
        let plain = b"HTTP/1.1 200 OK\r\ncontent-length: 3\r\nx: y\r\n\r\nabcHTTP/1.1";
        assert_eq!(read(plain).unwrap(), (200, b"abc".to_vec()));
        let chunks = b"HTTP/1.1 413 Too Large\r\nTransfer-Encoding: chunked\r\n\r\n2;x\r\nab\r\nA\r\n0123456789\r\n0\r\n\r\n";
        assert_eq!(read(chunks).unwrap(), (413, b"ab0123456789".to_vec()));
    }

    #[test]
    fn several_responses_follow_each_other() {
        let mut stream = &b"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\naHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nbc"[..];
        let mut body = Vec::new();
        receive(&mut stream, &mut body).unwrap();
        assert_eq!(body, b"a");
        receive(&mut stream, &mut body).unwrap();
        assert_eq!(body, b"bc");
        assert!(receive(&mut stream, &mut body).is_err());
    }

    #[test]
    fn refuses_what_ends_early_or_has_no_end() {
        for wrong in [
            &b""[..],
            b"HTTP/1.1 200 OK\r\n",
            b"HTTP/1.1 200 OK\r\n\r\n",
            b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nabc",
            b"HTTP/1.1 200 OK\r\nContent-Length: 99999999999999\r\n\r\nabc",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\n",
            b"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\n",
            b"SSH-2.0\r\n\r\n",
        ] {
            assert!(read(wrong).is_err(), "{}", text(wrong));
        }
    }

    #[test]
    fn addresses_have_a_name_and_perhaps_a_port() {
        let shown = |url: &str| Endpoint::parse(url).map(|endpoint| endpoint.to_string()).ok();
        assert_eq!(shown("http://127.0.0.1:8545").unwrap(), "http://127.0.0.1:8545");
        assert_eq!(shown("http://node.example/key/1").unwrap(), "http://node.example:80/key/1");
        for wrong in
            ["", "127.0.0.1:8545", "ws://127.0.0.1:8545", "http://", "http://a b", "https://a"]
        {
            assert_eq!(shown(wrong), None, "{wrong}");
        }
    }

    proptest! {
        #[test]
        fn no_bytes_make_it_panic(bytes: Vec<u8>, head in "HTTP/1.1 200 O\r\n([a-z-]{1,17}: ?[0-9a-z]{1,9}\r\n){0,3}") {
            let _ = read(&bytes);
            let _ = read(&[head.as_bytes(), &bytes].concat());
        }
    }
}
