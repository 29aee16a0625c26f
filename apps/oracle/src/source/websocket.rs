//! Values that a server sends by itself over WebSocket, in JSON. A thread follows it, and connects
//! again when it is lost.

use super::{Said, SourceError};
use crate::{clock, pointer::find};
use parking_lot::Mutex;
use rustls::{ClientConfig, ClientConnection, RootCertStore, StreamOwned};
use serde::Deserialize;
use std::{
    io::{self, Read, Write},
    net::{TcpStream, ToSocketAddrs as _},
    sync::{Arc, Weak},
    thread,
    time::Duration,
};
use tungstenite::{
    HandshakeError, Message, WebSocket, client::client_with_config, http::Uri,
    protocol::WebSocketConfig,
};

/// Bytes of a message.
const MESSAGE_BYTES_MAX: usize = 1 << 18;
/// Time to connect, and within which one that is connected has to send anything at all.
const PATIENCE: Duration = Duration::from_secs(20);
/// Between two connections: at first, and at most.
const PAUSES: [Duration; 2] = [Duration::from_millis(200), Duration::from_secs(30)];

/// A stream, as it stands in the configuration.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Stream {
    url: String,
    /// What is sent first, such as what asks for a channel.
    subscribe: Option<String>,
    /// JSON pointer to the value; messages that have nothing there are of something else. A value is
    /// of when it arrives.
    pointer: String,
}

impl Stream {
    pub(crate) fn is_right(&self) -> bool {
        target(&self.url).is_ok() && crate::pointer::is_pointer(&self.pointer)
    }
}

/// Why a connection ended.
#[derive(Debug, thiserror::Error)]
enum StreamError {
    #[error("the address has to be ws://HOST[:PORT]/PATH or wss://")]
    Address,
    #[error("cannot connect: {0}")]
    Connect(#[from] io::Error),
    #[error("the secure connection cannot be set up: {0}")]
    Secure(#[from] rustls::Error),
    #[error("the server does not speak WebSocket: {0}")]
    Handshake(String),
    #[error("the connection is lost: {0}")]
    Lost(#[from] tungstenite::Error),
}

#[derive(Debug, Default)]
struct Last {
    said: Option<Said>,
    problem: String,
}

/// Follows a stream for as long as it is kept.
#[derive(Debug)]
pub(super) struct Follower {
    last: Arc<Mutex<Last>>,
}

impl Follower {
    pub(super) fn start(stream: Stream) -> Self {
        let problem = "the connection is being made".to_owned();
        let last = Arc::new(Mutex::new(Last { said: None, problem }));
        let weak = Arc::downgrade(&last);
        // It ends after the follower, with the next message or loss.
        thread::spawn(move || keep(&stream, &weak));
        Self { last }
    }

    /// The last value, though the connection may be lost since: it has an age.
    pub(super) fn last(&self) -> Result<Said, SourceError> {
        let last = self.last.lock();
        last.said.clone().ok_or_else(|| SourceError::Waiting(last.problem.clone()))
    }
}

/// Follows a stream until nobody wants to know.
fn keep(stream: &Stream, last: &Weak<Mutex<Last>>) {
    let [mut pause, longest] = PAUSES;
    while last.strong_count() > 0 {
        let before = last.upgrade().and_then(|last| last.lock().said.clone());
        if let Err(error) = follow(stream, last) {
            tracing::warn!(url = host(&stream.url), %error, "a source is lost");
            if let Some(last) = last.upgrade() {
                last.lock().problem = error.to_string();
            }
        }
        let after = last.upgrade().and_then(|last| last.lock().said.clone());
        // One that sent something was no failure.
        pause = if before == after { (pause * 2).min(longest) } else { PAUSES[0] };
        thread::sleep(pause);
    }
}

/// Follows one connection until it ends, or nobody wants to know.
fn follow(stream: &Stream, last: &Weak<Mutex<Last>>) -> Result<(), StreamError> {
    let mut socket = connect(&stream.url)?;
    if let Some(text) = &stream.subscribe {
        socket.send(Message::text(text.clone()))?;
    }
    while last.strong_count() > 0 {
        // Answers pings besides.
        let Message::Text(text) = socket.read()? else { continue };
        let Ok(text) = find(&text, &stream.pointer) else { continue };
        let Some(last) = last.upgrade() else { break };
        last.lock().said = Some(Said { text, at: clock::seconds() });
    }
    Ok(())
}

trait Transport: Read + Write + Send {}
impl<T: Read + Write + Send> Transport for T {}

fn connect(url: &str) -> Result<WebSocket<Box<dyn Transport>>, StreamError> {
    let (host, port, is_secure) = target(url)?;
    let addresses = (host.as_str(), port).to_socket_addrs()?;
    let mut tried = Err(io::Error::other("the name has no address"));
    for address in addresses {
        tried = TcpStream::connect_timeout(&address, PATIENCE);
        if tried.is_ok() {
            break;
        }
    }
    let plain = tried?;
    plain.set_read_timeout(Some(PATIENCE))?;
    plain.set_write_timeout(Some(PATIENCE))?;
    let transport: Box<dyn Transport> =
        if is_secure { Box::new(secure(&host, plain, roots())?) } else { Box::new(plain) };
    let settings = WebSocketConfig::default()
        .max_message_size(Some(MESSAGE_BYTES_MAX))
        .max_frame_size(Some(MESSAGE_BYTES_MAX));
    match client_with_config(url, transport, Some(settings)) {
        Ok((socket, _)) => Ok(socket),
        Err(HandshakeError::Failure(error)) => Err(StreamError::Handshake(error.to_string())),
        Err(HandshakeError::Interrupted(_)) => {
            Err(StreamError::Handshake("it does not answer".to_owned()))
        }
    }
}

/// The authorities that browsers trust.
fn roots() -> RootCertStore {
    webpki_roots::TLS_SERVER_ROOTS.iter().cloned().collect()
}

fn secure(
    host: &str,
    plain: TcpStream,
    roots: RootCertStore,
) -> Result<StreamOwned<ClientConnection, TcpStream>, StreamError> {
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let name = rustls::pki_types::ServerName::try_from(host.to_owned());
    let name = name.map_err(|_| StreamError::Address)?;
    Ok(StreamOwned::new(ClientConnection::new(Arc::new(config), name)?, plain))
}

/// Host, port, and whether the connection is to be secure.
fn target(url: &str) -> Result<(String, u16, bool), StreamError> {
    let uri: Uri = url.parse().map_err(|_| StreamError::Address)?;
    let is_secure = match uri.scheme_str() {
        Some("ws") => false,
        Some("wss") => true,
        _ => return Err(StreamError::Address),
    };
    let host = uri.host().ok_or(StreamError::Address)?;
    // Names of sockets have no brackets around IPv6.
    let host = host.trim_start_matches('[').trim_end_matches(']').to_owned();
    Ok((host, uri.port_u16().unwrap_or(if is_secure { 443 } else { 80 }), is_secure))
}

/// What may be logged of an address: what follows the host is often a key.
fn host(url: &str) -> String {
    target(url).map_or_else(|_| String::new(), |(host, port, _)| format!("{host}:{port}"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::{net::TcpListener, time::Instant};

    fn eventually(follower: &Follower, text: &str) {
        let begin = Instant::now();
        while follower.last().map_or_else(|_| String::new(), |said| said.text) != text {
            assert!(begin.elapsed() < Duration::from_secs(20), "{:?}", follower.last());
            thread::sleep(Duration::from_millis(5));
        }
    }

    #[test]
    fn values_are_followed_over_losses() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("ws://{}/prices", listener.local_addr().unwrap());
        let stream =
            Stream { url, subscribe: Some("give".to_owned()), pointer: "/price".to_owned() };
        let follower = Follower::start(stream);
        assert!(matches!(follower.last(), Err(SourceError::Waiting(_))));
        for round in 0..3 {
            let (plain, _) = listener.accept().unwrap();
            let mut socket = tungstenite::accept(plain).unwrap();
            assert_eq!(socket.read().unwrap(), Message::text("give"));
            for text in
                ["no JSON".to_owned(), "{}".to_owned(), format!(r#"{{"price": {round}.50}}"#)]
            {
                socket.send(Message::text(text)).unwrap();
            }
            eventually(&follower, &format!("{round}.50"));
        }
        // What is too long ends the connection, and what came before stays.
        let (plain, _) = listener.accept().unwrap();
        let mut socket = tungstenite::accept(plain).unwrap();
        socket.read().unwrap();
        let long = format!(r#"{{"price": 9, "x": "{}"}}"#, "x".repeat(MESSAGE_BYTES_MAX));
        let _ = socket.send(Message::text(long));
        let (_again, _) = listener.accept().unwrap();
        assert_eq!(follower.last().unwrap().text, "2.50");
    }

    /// A server with a certificate of its own (tests/tls, with a key that everybody knows).
    fn serve_securely(listener: TcpListener) {
        use rustls::pki_types::{CertificateDer, PrivateKeyDer, pem::PemObject as _};
        let certificate = CertificateDer::from_pem_slice(CERTIFICATE).unwrap();
        let key = include_bytes!("../../tests/tls/key.pem");
        let provider = Arc::new(rustls::crypto::ring::default_provider());
        let config = rustls::ServerConfig::builder_with_provider(provider)
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate], PrivateKeyDer::from_pem_slice(key).unwrap());
        let config = Arc::new(config.unwrap());
        for plain in listener.incoming() {
            let connection = rustls::ServerConnection::new(config.clone()).unwrap();
            // A client that does not trust it hangs up.
            let stream = StreamOwned::new(connection, plain.unwrap());
            if let Ok(mut socket) = tungstenite::accept(stream) {
                socket.send(Message::text(r#"{"price": 7}"#)).unwrap();
            }
        }
    }

    const CERTIFICATE: &[u8] = include_bytes!("../../tests/tls/certificate.pem");

    #[test]
    fn a_server_is_believed_for_a_certificate_alone() {
        use rustls::pki_types::{CertificateDer, pem::PemObject as _};
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        thread::spawn(move || serve_securely(listener));
        let mut own = RootCertStore::empty();
        own.add(CertificateDer::from_pem_slice(CERTIFICATE).unwrap()).unwrap();
        let ask = |roots| {
            let plain = TcpStream::connect(address).unwrap();
            let transport: Box<dyn Transport> =
                Box::new(secure("localhost", plain, roots).unwrap());
            let url = format!("wss://localhost:{}/", address.port());
            let mut socket = client_with_config(url, transport, None).ok()?.0;
            socket.read().ok()
        };
        assert_eq!(ask(own), Some(Message::text(r#"{"price": 7}"#)));
        assert_eq!(ask(roots()), None, "nobody that browsers trust has signed it");
    }

    #[test]
    fn addresses_are_of_websocket() {
        assert_eq!(target("wss://a.org/x?key=1").unwrap(), ("a.org".to_owned(), 443, true));
        assert_eq!(target("ws://[::1]:9/").unwrap(), ("::1".to_owned(), 9, false));
        assert_eq!(host("wss://a.org/x?key=1"), "a.org:443");
        for wrong in ["http://a.org", "a.org", "", "ws:///x"] {
            assert!(target(wrong).is_err(), "{wrong}");
        }
    }
}
