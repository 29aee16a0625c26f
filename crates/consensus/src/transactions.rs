//! Transactions on their way to whoever proposes next: what one validator takes up it tells all others.

use crate::{
    ledger::Ledger,
    runtime::{Runtime, blocking, unix_seconds},
};
use alloy_eips::eip2718::{Decodable2718 as _, Encodable2718 as _};
use alloy_primitives::Bytes;
use alloy_rlp::{Decodable as _, Encodable as _};
use bytes::BytesMut;
use commonware_cryptography::ed25519::PublicKey;
use commonware_macros::select;
use commonware_p2p::{Receiver, Recipients, Sender};
use heddle_pool::{Candidate, Origin, PoolTransaction, PooledTransaction};
use heddle_producer::sender_state;
use std::{sync::Arc, time::Duration};
use tokio::sync::{Notify, mpsc};

/// Bytes of transactions in one message. One transaction with blobs may be longer than that alone.
pub(crate) const MESSAGE_BYTES: usize = 256 << 10;
/// The most that a message may hold: a transaction with as many blobs as one can carry.
pub(crate) const MESSAGE_BYTES_MAX: usize = 2 << 20;
/// Transactions that wait to be told to the others. What is beyond stays in this node's pool, for
/// when it proposes itself.
const WAITING_MAX: usize = 65_536;
/// Transactions are told in groups: this is how long the first of one waits for more.
const GATHER_TIME: Duration = Duration::from_millis(5);

/// Tells the other validators of transactions that this node took up.
#[derive(Clone, Debug)]
pub struct Announcer {
    waiting: mpsc::Sender<Bytes>,
    arrived: Arc<Notify>,
}

impl Announcer {
    pub(crate) fn new(arrived: Arc<Notify>) -> (Self, mpsc::Receiver<Bytes>) {
        let (waiting, receiver) = mpsc::channel(WAITING_MAX);
        (Self { waiting, arrived }, receiver)
    }

    /// Tells of transactions that became ready for a block.
    pub fn announce<'a>(&self, transactions: impl IntoIterator<Item = &'a Arc<PoolTransaction>>) {
        for transaction in transactions {
            let Some(pooled) = transaction.to_pooled() else { continue };
            let bytes = pooled.encoded_2718();
            // A queue that is full: others will not know of it before this node proposes it.
            if bytes.len() <= MESSAGE_BYTES_MAX && self.waiting.try_send(bytes.into()).is_err() {
                break;
            }
        }
        self.arrived.notify_waiters();
    }
}

/// Sends what is announced, and takes up what others send, until the network is gone.
pub(crate) async fn run<E, S, R>(
    runtime: E,
    ledger: Arc<Ledger>,
    arrived: Arc<Notify>,
    mut announced: mpsc::Receiver<Bytes>,
    mut sender: S,
    mut receiver: R,
) where
    E: Runtime,
    S: Sender<PublicKey = PublicKey>,
    R: Receiver<PublicKey = PublicKey>,
{
    loop {
        select! {
            first = announced.recv() => {
                let Some(first) = first else { return };
                runtime.sleep(GATHER_TIME).await;
                for message in messages(first, &mut announced) {
                    sender.send(Recipients::All, message, false);
                }
            },
            message = receiver.recv() => {
                let Ok((_, message)) = message else { return };
                let bytes = Bytes::from(message.as_ref().to_vec());
                let (ledger, now) = (ledger.clone(), unix_seconds(&runtime));
                let taken = blocking(&runtime, move || take_up(&ledger, &bytes, now)).await;
                if taken > 0 {
                    arrived.notify_waiters();
                }
            },
        }
    }
}

/// All that waits, in messages that are not too long.
fn messages(first: Bytes, announced: &mut mpsc::Receiver<Bytes>) -> Vec<bytes::Bytes> {
    let mut messages = Vec::new();
    let mut group = vec![first];
    let mut size = group[0].len();
    while let Ok(next) = announced.try_recv() {
        if size + next.len() > MESSAGE_BYTES {
            messages.push(encode(&std::mem::take(&mut group)));
            size = 0;
        }
        size += next.len();
        group.push(next);
    }
    messages.push(encode(&group));
    messages
}

fn encode(group: &Vec<Bytes>) -> bytes::Bytes {
    let mut out = BytesMut::new();
    group.encode(&mut out);
    out.freeze()
}

/// Adds what somebody sent to the pool, so far as it is valid: how many became ready.
fn take_up(ledger: &Ledger, message: &Bytes, now: u64) -> usize {
    // The network takes longer messages, for blocks.
    if message.len() > 2 * MESSAGE_BYTES_MAX {
        return 0;
    }
    let Ok(group) = Vec::<Bytes>::decode(&mut message.as_ref()) else { return 0 };
    let decoded = group.iter().filter_map(|bytes| PooledTransaction::decode_2718_exact(bytes).ok());
    let (fork, transactions) = {
        let pool = ledger.pool().lock();
        // What is here already came from somebody else.
        let new = decoded.filter(|transaction| pool.get(transaction.tx_hash()).is_none());
        (pool.context().fork, new.collect())
    };
    let candidates = Candidate::recover_each(transactions, fork);
    let mut promoted = Vec::new();
    let mut pool = ledger.pool().lock();
    // Taken while the pool is locked, it is not older than what the pool was told.
    let reader = ledger.chain().reader();
    let Ok(state) = reader.execution_state_at(reader.head().number) else { return 0 };
    for candidate in candidates.into_iter().flatten() {
        let account = |address| sender_state(&state, address);
        // What this pool refuses another one may keep.
        if let Ok(added) = pool.add(candidate, Origin::Peer, now, account) {
            promoted.extend(added.promoted);
        }
    }
    drop(pool);
    ledger.tell_promoted(&promoted);
    promoted.len()
}
