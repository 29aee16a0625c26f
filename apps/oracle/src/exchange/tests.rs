use super::{client::Peer, *};
use crate::{
    book::Committee,
    observation::{FeedId, Observation},
};
use alloy_primitives::{B256, aliases::I192};
use alloy_signer_local::PrivateKeySigner;
use std::{
    io::{Read as _, Write as _},
    net::{SocketAddr, TcpListener, TcpStream},
    thread,
    time::Instant,
};

const FEED: FeedId = FeedId { feed: Address::repeat_byte(5), chain_id: 31_337 };
/// So long that a test is within one.
const SCHEDULE: Schedule = Schedule::new(3600);

fn key(number: u8) -> PrivateKeySigner {
    PrivateKeySigner::from_bytes(&B256::repeat_byte(number + 1)).unwrap()
}

fn talks() -> Talks {
    let seats = (0..4).map(|number| key(number).address()).collect();
    let committee = Committee { seats, active: 0b1111, quorum: 3, is_whole: true };
    let talk = Talk::new(Book::new(FEED, committee, 1), SCHEDULE);
    Arc::new(BTreeMap::from([(FEED.feed, Arc::new(talk))]))
}

fn talk(talks: &Talks) -> &Talk {
    &talks[&FEED.feed]
}

fn signed(number: u8, value: i64) -> Signed {
    let attempt = SCHEDULE.attempt(clock::since_1970());
    let value = I192::try_from(value).unwrap();
    FEED.sign(&key(number), Observation { round: 1, attempt, value, observed_at: 1 }).unwrap()
}

fn say(talks: &Talks, number: u8, value: i64) {
    talk(talks).offer(signed(number, value), clock::since_1970()).unwrap();
}

fn known(talks: &Talks) -> usize {
    talk(talks).book.lock().shared(SCHEDULE.attempt(clock::since_1970())).len()
}

fn listen(talks: &Talks) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    let talks = talks.clone();
    thread::spawn(move || server::serve(listener, talks));
    address
}

/// The first line of the answer to a request; empty if there is none.
fn status(address: SocketAddr, head: &str, body: &[u8]) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    // The server hangs up in the midst of what is too long.
    let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(body));
    let mut answer = Vec::new();
    let _ = stream.read_to_end(&mut answer);
    String::from_utf8_lossy(&answer).lines().next().unwrap_or_default().to_owned()
}

fn post(address: SocketAddr, body: &[u8]) -> String {
    let head = format!(
        "POST /exchange HTTP/1.1\r\nhost: x\r\ncontent-type: application/json\r\ncontent-length: {}\r\n\r\n",
        body.len()
    );
    status(address, &head, body)
}

fn body(feed: Address, observations: Vec<Wire>) -> Vec<u8> {
    serde_json::to_vec(&Message { feed, observations }).unwrap()
}

#[test]
fn both_know_all_after_one_exchange_and_it_is_not_repeated() {
    let (ours, theirs) = (talks(), talks());
    say(&ours, 0, 10);
    say(&theirs, 1, 11);
    say(&theirs, 2, 12);
    let mut peer = Peer::new(&format!("http://{}/", listen(&theirs)), SCHEDULE);
    peer.round(&ours);
    assert_eq!((known(&ours), known(&theirs)), (3, 3));
    say(&theirs, 3, 13);
    peer.round(&ours);
    peer.round(&ours);
    assert_eq!(known(&ours), 4, "what came in the answer made the version grow");
    say(&theirs, 3, 14);
    peer.round(&ours);
    peer.round(&ours);
    assert_eq!(known(&ours), 4, "with nothing new of our own, they are to tell");
}

#[test]
fn who_tells_two_reporters_different_things_is_found_out_by_both() {
    let (ours, theirs) = (talks(), talks());
    say(&ours, 3, 10);
    say(&theirs, 3, 11);
    Peer::new(&format!("http://{}", listen(&theirs)), SCHEDULE).round(&ours);
    for talks in [&ours, &theirs] {
        let proofs = talk(talks).proofs.lock();
        assert_eq!(proofs.keys().copied().collect::<Vec<_>>(), [key(3).address()]);
    }
}

#[test]
fn strangers_get_an_error_and_leave_nothing() {
    let talks = talks();
    let address = listen(&talks);
    let good = Wire::from(&signed(0, 10));
    let forged = Wire::from(&Signed { signature: [1; 64], ..signed(1, 1) });
    let stranger = Wire::from(&signed(9, 1));
    for (what, body, expected) in [
        ("no JSON", b"{".to_vec(), "400"),
        ("another form", b"[]".to_vec(), "422"),
        ("another feed", body(Address::ZERO, vec![good.clone()]), "404"),
        ("a stranger's", body(FEED.feed, vec![stranger, good.clone()]), "400"),
        ("forged", body(FEED.feed, vec![forged, good.clone()]), "400"),
        ("too many", body(FEED.feed, vec![good.clone(); SENT_MAX + 1]), "400"),
        ("too long", vec![b' '; MESSAGE_BYTES_MAX + 1], "413"),
    ] {
        let line = post(address, &body);
        assert!(
            line.contains(expected) || (expected == "413" && line.is_empty()),
            "{what}: {line}"
        );
        assert_eq!(known(&talks), 0, "{what}");
    }
    assert!(status(address, "GET /exchange HTTP/1.1\r\nhost: x\r\n\r\n", b"").contains("405"));
    assert!(status(address, "GET / HTTP/1.1\r\nhost: x\r\n\r\n", b"").contains("404"));
    let long = format!("GET /{} HTTP/1.1\r\nhost: x\r\n\r\n", "x".repeat(20_000));
    let line = status(address, &long, b"");
    assert!(line.is_empty() || line.contains("414") || line.contains("431"), "{line}");
    assert!(post(address, &body(FEED.feed, vec![good])).contains("200"));
    assert_eq!(known(&talks), 1);
}

#[test]
fn connections_that_say_nothing_end() {
    let talks = talks();
    let address = listen(&talks);
    let silent: Vec<TcpStream> = (0..100).map(|_| TcpStream::connect(address).unwrap()).collect();
    let begin = Instant::now();
    let line = post(address, &body(FEED.feed, vec![Wire::from(&signed(0, 10))]));
    // More than are served at a time: it waits until the first ones have ended.
    assert!(line.contains("200"), "{line} after {:?}", begin.elapsed());
    drop(silent);
}

#[test]
fn an_answer_of_a_liar_is_refused_and_one_that_is_down_is_left() {
    let ours = talks();
    say(&ours, 0, 10);
    let version = talk(&ours).book.lock().version();
    for answer in [
        String::from_utf8(body(Address::ZERO, Vec::new())).unwrap(),
        String::from_utf8(body(FEED.feed, vec![Wire::from(&signed(9, 1))])).unwrap(),
        " ".repeat(MESSAGE_BYTES_MAX + 1),
        "{}".to_owned(),
    ] {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let server = thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut buffer = [0; 65_536];
            let _ = stream.read(&mut buffer);
            let head = format!("HTTP/1.1 200 OK\r\ncontent-length: {}\r\n\r\n", answer.len());
            let _ = stream
                .write_all(head.as_bytes())
                .and_then(|()| stream.write_all(answer.as_bytes()));
        });
        Peer::new(&url, SCHEDULE).round(&ours);
        server.join().unwrap();
        assert_eq!(talk(&ours).book.lock().version(), version);
    }
    Peer::new("http://127.0.0.1:1", SCHEDULE).round(&ours);
}
