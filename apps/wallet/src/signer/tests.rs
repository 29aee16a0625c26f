//! A signer and clients in one process, and what policies refuse.

use super::*;
use crate::{key::PrivateKey, token::Transfer, transaction::Fields, work::Work};
use alloy_eips::eip7702::Authorization;
use alloy_primitives::{U64, U128, U256};
use std::{
    io::Write,
    os::unix::{fs::PermissionsExt, net::UnixStream},
    path::Path,
    thread::JoinHandle,
};

const FRIEND: Address = Address::repeat_byte(0xaa);
const TOKEN: Address = Address::repeat_byte(0xbb);
const STRANGER: Address = Address::repeat_byte(0xcc);

fn key() -> PrivateKey {
    PrivateKey::from_bytes(&[7; 32]).unwrap()
}

fn policy() -> Policy {
    let [ten, thousand] = [10_u64, 100_000].map(U256::from);
    let mut policy = Policy::new(1, ten, U256::from(30_000), thousand);
    policy.to = vec![FRIEND];
    policy.tokens = vec![TOKEN];
    policy
}

fn payment(to: Address, value: u64) -> Fields {
    Fields {
        chain_id: Some(U64::from(1)),
        nonce: Some(U64::ZERO),
        gas: Some(U64::from(21_000)),
        max_fee_per_gas: Some(U128::from(1)),
        max_priority_fee_per_gas: Some(U128::from(1)),
        to: Some(to),
        value: Some(U256::from(value)),
        ..Fields::default()
    }
}

fn work(fields: Fields) -> Work {
    Work::Transaction(Box::new(fields))
}

fn start(path: &Path, clients: usize) -> JoinHandle<Vec<String>> {
    let decide = Decide::Policy(Box::new(policy()));
    let mut server = Server::bind(path, vec![key()], decide).unwrap();
    std::thread::spawn(move || {
        let mut reports = Vec::new();
        for _ in 0..clients {
            server.serve_one(|text| reports.push(text.to_owned())).unwrap();
        }
        reports
    })
}

#[test]
fn signs_what_is_allowed_and_refuses_the_rest() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("own/signer.sock");
    let server = start(&path, 4);
    let mode = |path: &Path| std::fs::metadata(path).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(&path), mode(path.parent().unwrap())), (0o600, 0o700));
    let client = Client::new(&path);
    let address = client.account(None).unwrap();
    assert_eq!(address, key().address());
    let allowed = work(payment(FRIEND, 10));
    let signature = client.sign(address, &allowed).unwrap();
    assert_eq!(signature, allowed.sign(&key()).unwrap());
    let refused = client.sign(address, &work(payment(STRANGER, 1)));
    assert!(matches!(refused, Err(SignerError::Refused(_))));
    assert!(matches!(client.sign(STRANGER, &allowed), Err(SignerError::Refused(_))));
    let reports = server.join().unwrap();
    assert_eq!(reports.len(), 3);
    assert!(!path.exists());
}

#[test]
fn strangers_bytes_do_not_end_it() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("own/signer.sock");
    let server = start(&path, 5);
    for bytes in
        [&b"nonsense\n"[..], b"{\"method\":\"sign\"}\n", b"", &[b'a'; REQUEST_BYTES_MAX + 2]]
    {
        let mut stream = UnixStream::connect(&path).unwrap();
        // The signer may hang up before all is written.
        let _ = stream.write_all(bytes);
        let _ = stream.shutdown(std::net::Shutdown::Write);
    }
    assert_eq!(Client::new(&path).accounts().unwrap(), [key().address()]);
    server.join().unwrap();
}

#[test]
fn an_open_folder_and_a_taken_socket_are_refused() {
    let folder = tempfile::tempdir().unwrap();
    let open = folder.path().join("open");
    std::fs::create_dir(&open).unwrap();
    std::fs::set_permissions(&open, std::fs::Permissions::from_mode(0o755)).unwrap();
    let bind = |path: &Path| Server::bind(path, vec![key()], Decide::Person);
    assert!(matches!(bind(&open.join("s")), Err(SignerError::Folder(_))));
    let path = folder.path().join("own/s");
    let first = bind(&path).unwrap();
    assert!(matches!(bind(&path), Err(SignerError::Taken(_))));
    assert!(path.exists());
    drop(first);
    // What a signer that was killed leaves behind.
    drop(std::os::unix::net::UnixListener::bind(&path).unwrap());
    assert!(bind(&path).is_ok());
    std::fs::write(&path, "a file").unwrap();
    assert!(matches!(bind(&path), Err(SignerError::Taken(_))));
}

#[test]
fn a_client_finds_a_wrong_signature_out() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("s");
    let listener = std::os::unix::net::UnixListener::bind(&path).unwrap();
    let thief = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        protocol::read_line(&mut stream, REQUEST_BYTES_MAX).unwrap();
        // Another payment than was asked for.
        let signature = work(payment(STRANGER, 10)).sign(&key()).unwrap();
        let answer = Answer::Signature(signature.as_bytes().into());
        stream
            .write_all(format!("{}\n", serde_json::to_string(&answer).unwrap()).as_bytes())
            .unwrap();
    });
    let found = Client::new(&path).sign(key().address(), &work(payment(FRIEND, 1)));
    assert!(matches!(found, Err(SignerError::Signature(_))));
    thief.join().unwrap();
}

#[test]
fn a_policy_refuses_what_it_does_not_name() {
    let refusal = |work: Work| policy().allow(&work).unwrap_err();
    let change = |change: fn(&mut Fields)| {
        let mut fields = payment(FRIEND, 1);
        change(&mut fields);
        work(fields)
    };
    assert_eq!(refusal(work(payment(STRANGER, 1))), Refusal::To(STRANGER));
    assert!(matches!(refusal(work(payment(FRIEND, 11))), Refusal::Amount("value", _)));
    assert!(matches!(
        refusal(change(|one| one.gas = Some(U64::from(30_001)))),
        Refusal::Amount("fee", _)
    ));
    assert_eq!(refusal(change(|one| one.chain_id = Some(U64::from(2)))), Refusal::Chain(1));
    assert_eq!(refusal(change(|one| one.input = Some(vec![1].into()))), Refusal::Data);
    assert_eq!(
        refusal(change(|one| (one.to, one.input) = (None, Some(vec![1].into())))),
        Refusal::Creation
    );
    assert_eq!(
        refusal(change(|one| {
            (one.max_fee_per_gas, one.max_priority_fee_per_gas) = (None, None);
            (one.gas_price, one.chain_id) = (Some(U128::from(1)), None);
        })),
        Refusal::Chain(1)
    );
    assert_eq!(refusal(Work::Message(b"hello".into())), Refusal::Message);
    let authorization = |chain_id: u64| {
        Work::Authorization(Authorization {
            chain_id: U256::from(chain_id),
            address: STRANGER,
            nonce: 0,
        })
    };
    assert_eq!(refusal(authorization(1)), Refusal::Delegate(STRANGER));
    assert_eq!(refusal(authorization(0)), Refusal::Chain(1));
}

#[test]
fn a_policy_judges_transfers_of_tokens_by_their_receiver() {
    let transfer = |token: Address, to: Address| {
        let mut fields = payment(token, 0);
        fields.input = Some(Transfer { to, amount: U256::from(1_000_000) }.encode());
        policy().allow(&work(fields))
    };
    assert_eq!(transfer(TOKEN, FRIEND), Ok(()));
    assert_eq!(transfer(TOKEN, STRANGER), Err(Refusal::To(STRANGER)));
    assert_eq!(transfer(STRANGER, FRIEND), Err(Refusal::To(STRANGER)));
}

#[test]
fn a_policy_counts_what_was_spent() {
    let mut policy = policy();
    for _ in 0..4 {
        policy.allow(&work(payment(FRIEND, 10))).unwrap();
    }
    let refused = policy.allow(&work(payment(FRIEND, 10)));
    assert!(matches!(refused, Err(Refusal::Amount("total", _))));
}
