//! Takes over the state of another node.

use super::{
    FLOOR_NOTE,
    border::{Border, check_certificate, noted},
    message::{After, BlockParts, CODES_MAX, Message, Offer, PAGE, Part, Request, Response},
};
use crate::{
    block::ProposalHead,
    ledger::{self, Ledger},
    runtime::{Runtime, blocking, unix_seconds},
    scheme::Votes,
    validator::StartError,
    validators,
};
use alloy_primitives::{Address, B256, Bytes, KECCAK256_EMPTY, U256, keccak256};
use commonware_codec::{Copying, DecodeExt as _, Encode as _};
use commonware_consensus::types::{Epoch, Epocher as _, FixedEpocher, Height};
use commonware_cryptography::ed25519::PublicKey;
use commonware_macros::select;
use commonware_p2p::{Blocker, Receiver, Recipients, Sender, block};
use commonware_utils::{Faults as _, N3f1, ordered::Set};
use heddle_chain::{ChainSnapshot, Error as ChainError, Note, decode_receipts};
use heddle_types::{AccountState, ChangeSet, decode_block};
use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
    time::Duration,
};

/// How often the others are asked for an offer.
const ASK_INTERVAL: Duration = Duration::from_millis(250);
/// How long somebody is waited for who offers anything.
const OFFER_TIME: Duration = Duration::from_secs(5);
/// How long an answer is waited for.
const ANSWER_TIME: Duration = Duration::from_secs(10);
/// What was not answered is asked again: messages are lost, and dropped by who sends more in a second
/// than the channel lets through.
const AGAIN_INTERVAL: Duration = Duration::from_millis(500);
/// Questions that are asked at a time.
const WINDOW: usize = 16;
/// Accounts and slots of a state, at most: what a liar makes up has no end, and the root is known to be
/// wrong only then.
const ITEMS_MAX: usize = 32 << 20;
/// How often it is logged how far this is.
const REPORT_INTERVAL: Duration = Duration::from_secs(2);
/// Shards of a state.
const SHARDS: usize = 256;

/// A node that may be far behind.
pub(crate) struct Joining<'a, E, S, R, B> {
    pub(crate) runtime: E,
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) epocher: FixedEpocher,
    pub(crate) namespace: Arc<[u8]>,
    /// The validators of the first two epochs.
    pub(crate) first: Set<PublicKey>,
    /// A state is taken over if it is that of a block so far ahead.
    pub(crate) behind_min: u64,
    pub(crate) channel: &'a mut (S, R),
    pub(crate) blocker: B,
    /// Number of the next question.
    pub(crate) next_id: u64,
}

/// Why nothing was taken over from somebody.
enum Failure {
    /// It does not answer, or has no more what it offered.
    Silent,
    /// What it says is wrong.
    Lied(&'static str),
    /// This node cannot go on.
    Own(StartError),
}

impl From<StartError> for Failure {
    fn from(error: StartError) -> Self {
        Self::Own(error)
    }
}

/// The block to begin at, and what is known of it.
struct Target {
    head: ProposalHead,
    offer: Offer,
    /// What is to be written down with it.
    notes: Vec<Note>,
}

impl<E, S, R, B> Joining<'_, E, S, R, B>
where
    E: Runtime,
    S: Sender<PublicKey = PublicKey>,
    R: Receiver<PublicKey = PublicKey>,
    B: Blocker<PublicKey = PublicKey>,
{
    /// Takes over a state, if there is one far ahead, and puts it into the chain. Does nothing if
    /// nobody is far ahead: a third of the validators, and one more, say so, or nobody answers.
    pub(crate) async fn run(mut self) -> Result<(), StartError> {
        let mut silent = BTreeSet::new();
        loop {
            let Some((peer, offer)) = self.find(&silent).await? else { return Ok(()) };
            match self.take_over(&peer, offer).await {
                Ok(number) => {
                    tracing::info!(number, %peer, "began with the state after a block");
                    return Ok(());
                }
                Err(Failure::Silent) => {
                    tracing::warn!(%peer, "does not tell the state that it offered");
                    silent.insert(peer);
                }
                Err(Failure::Lied(what)) => {
                    block!(self.blocker, peer.clone(), %what, "what it says of a state is wrong");
                    silent.insert(peer);
                }
                Err(Failure::Own(error)) => return Err(error),
            }
        }
    }

    /// Somebody who is far ahead.
    async fn find(
        &mut self,
        silent: &BTreeSet<PublicKey>,
    ) -> Result<Option<(PublicKey, Offer)>, StartError> {
        let enough = N3f1::max_faults(self.first.len() as u32) as usize + 1;
        let end = self.runtime.current() + OFFER_TIME;
        let mut near = BTreeSet::new();
        let mut ask_at = self.runtime.current();
        loop {
            select! {
                _ = self.runtime.sleep_until(end) => return Ok(None),
                _ = self.runtime.sleep_until(ask_at) => {
                    ask_at = self.runtime.current() + ASK_INTERVAL;
                    let message = Message::Request(0, Request::Offer).encode();
                    self.channel.0.send(Recipients::All, message, false);
                },
                message = self.channel.1.recv() => {
                    let Ok((peer, message)) = message else { return Err(StartError::Network) };
                    match Message::decode(message.as_ref()) {
                        Some(Message::Request(id, _)) => self.decline(&peer, id),
                        Some(Message::Response(_, Response::Offer(offer))) => {
                            let number = offer.headers.first().map_or(0, |header| header.number);
                            if number <= self.behind_min {
                                near.insert(peer);
                            } else if !silent.contains(&peer) {
                                return Ok(Some((peer, offer)));
                            }
                        }
                        Some(Message::Response(_, Response::Nothing(number)))
                            if number <= self.behind_min =>
                        {
                            near.insert(peer);
                        }
                        _ => {}
                    }
                    let of_validators = near.iter().filter(|it| self.first.position(it).is_some());
                    if of_validators.count() >= enough {
                        return Ok(None);
                    }
                },
            }
        }
    }

    /// Says that this node has nothing to offer: it asks itself.
    fn decline(&mut self, peer: &PublicKey, id: u64) {
        let finalized = self.ledger.chain().reader().finalized().unwrap_or_default();
        let message = Message::Response(id, Response::Nothing(finalized)).encode();
        self.channel.0.send(Recipients::One(peer.clone()), message, false);
    }

    /// Asks somebody all of these at once, and gives the answers in their order.
    async fn ask(
        &mut self,
        peer: &PublicKey,
        requests: Vec<Request>,
    ) -> Result<Vec<Response>, Failure> {
        let first = self.next_id;
        self.next_id += requests.len() as u64;
        let mut missing: BTreeMap<u64, Vec<u8>> = (first..)
            .zip(requests)
            .map(|(id, request)| (id, Message::Request(id, request).encode()))
            .collect();
        let mut answers: BTreeMap<u64, Response> = BTreeMap::new();
        let mut ask_at = self.runtime.current();
        let mut end = ask_at + ANSWER_TIME;
        while !missing.is_empty() {
            let message = select! {
                _ = self.runtime.sleep_until(end) => return Err(Failure::Silent),
                _ = self.runtime.sleep_until(ask_at) => {
                    ask_at = self.runtime.current() + AGAIN_INTERVAL;
                    for message in missing.values() {
                        self.channel.0.send(Recipients::One(peer.clone()), message.clone(), false);
                    }
                    continue;
                },
                message = self.channel.1.recv() => message,
            };
            let Ok((from, message)) = message else { return Err(StartError::Network.into()) };
            match Message::decode(message.as_ref()) {
                Some(Message::Request(id, _)) => self.decline(&from, id),
                Some(Message::Response(id, response))
                    if from == *peer && missing.remove(&id).is_some() =>
                {
                    answers.insert(id, response);
                    end = self.runtime.current() + ANSWER_TIME;
                }
                // It came twice, was given up, or is of somebody who was not asked.
                _ => {}
            }
        }
        Ok(answers.into_values().collect())
    }

    /// Takes over the state before a block that somebody offers, and gives the number of the block
    /// that it is the state after.
    async fn take_over(&mut self, peer: &PublicKey, offer: Offer) -> Result<u64, Failure> {
        let target = self.check_offer(peer, offer).await?;
        let lied = Failure::Lied;
        let Some(number) = target.head.height.checked_sub(1) else {
            return Err(lied("it offers the genesis"));
        };
        let last = target.offer.headers.first().ok_or(lied("there are no headers"))?;
        if last.hash_slow() != target.head.hash || last.number != target.head.height {
            return Err(lied("the first header is not that of the block that was signed"));
        }
        let parent_hash = last.parent_hash;
        tracing::info!(number, %peer, "takes over the state after a block");
        let answer = self.ask(peer, vec![Request::Block(number)]).await?.into_iter().next();
        let Some(Response::Block(parts)) = answer else { return Err(Failure::Silent) };
        let BlockParts { block, receipts, access_list } = parts;
        let block = decode_block(&block).map_err(|_| lied("the block is none"))?;
        if block.header.hash_slow() != parent_hash {
            return Err(lied("the block is not the one before that which was signed"));
        }
        let block = self.ledger.chain().recover(block);
        let block = block.map_err(|_| lied("the block has a transaction of nobody"))?;
        let receipts = decode_receipts(&receipts).map_err(|_| lied("the receipts are none"))?;
        let list = Some(access_list).filter(|list| !list.is_empty());
        let access_list = list.map(alloy_rlp::decode_exact).transpose();
        let access_list = access_list.map_err(|_| lied("the access list is none"))?;
        let changes = self.state(peer, number).await?;
        let snapshot = ChainSnapshot {
            block,
            receipts,
            access_list,
            // The first is that of the block that was signed, and the second that of this one.
            ancestors: target.offer.headers.into_iter().skip(2).collect(),
            changes,
        };
        let (ledger, now) = (self.ledger.clone(), unix_seconds(&self.runtime));
        let notes = target.notes;
        let begun = blocking(&self.runtime, move || ledger.begin_at(&snapshot, &notes, now)).await;
        match begun {
            Ok(()) => Ok(number),
            Err(ledger::Error::Chain(ChainError::Snapshot(what))) => Err(lied(what)),
            Err(ledger::Error::Chain(ChainError::Block { .. })) => {
                Err(lied("the block breaks a rule"))
            }
            Err(error) => Err(StartError::from(error).into()),
        }
    }

    /// Follows the validators to the epoch of what is offered, and checks that they have signed it.
    async fn check_offer(&mut self, peer: &PublicKey, offer: Offer) -> Result<Target, Failure> {
        let lied = Failure::Lied;
        let head =
            ProposalHead::decode(Copying(&offer.head)).map_err(|_| lied("a head is none"))?;
        let info = self.epocher.containing(Height::new(head.height));
        let epoch = info.ok_or(lied("there is no such epoch"))?.epoch();
        let mut sets = BTreeMap::from([0, 1].map(|epoch| (epoch, self.first.clone())));
        let mut notes: Vec<Note> = Vec::new();
        let mut at = 0;
        while at < epoch.get() {
            let end = epoch.get().min(at + WINDOW as u64);
            let requests = (at..end).map(Request::Border).collect();
            for (at, answer) in (at..end).zip(self.ask(peer, requests).await?) {
                let Response::Border(border) = answer else { return Err(Failure::Silent) };
                let set = self.next_validators(&border, Epoch::new(at), &sets).map_err(lied)?;
                sets.insert(at + 2, set);
                notes.push(noted(Epoch::new(at), &border));
            }
            at = end;
        }
        let votes = self.votes(&sets, epoch).ok_or(lied("its validators are not known"))?;
        let (certificate, head) =
            check_certificate(&mut self.runtime, &votes, epoch, &offer.certificate, &offer.head)
                .map_err(lied)?;
        for (epoch, set) in sets {
            notes.push(validators::note(epoch, set));
        }
        let bytes = certificate.encode().to_vec();
        notes.push(Note { name: FLOOR_NOTE.to_owned(), bytes });
        Ok(Target { head, offer, notes })
    }

    fn votes(&self, sets: &BTreeMap<u64, Set<PublicKey>>, epoch: Epoch) -> Option<Votes> {
        let set = sets.get(&epoch.get())?.clone();
        Some(Votes::watching(&self.namespace, set))
    }

    /// Who validates in the epoch after the one after `epoch`.
    fn next_validators(
        &mut self,
        border: &Border,
        epoch: Epoch,
        sets: &BTreeMap<u64, Set<PublicKey>>,
    ) -> Result<Set<PublicKey>, &'static str> {
        let votes = self.votes(sets, epoch).ok_or("its validators are not known")?;
        let last = self.epocher.last(epoch).ok_or("there is no such epoch")?.get();
        let keys = border.check(&mut self.runtime, &votes, epoch, last)?;
        // Too few bear no fault: those before stay.
        let before = || sets.get(&(epoch.get() + 1)).cloned();
        validators::enough(keys).or_else(before).ok_or("its validators are not known")
    }

    /// What changes the state of the genesis into the one after a block.
    async fn state(&mut self, peer: &PublicKey, number: u64) -> Result<ChangeSet, Failure> {
        let mut changes = ChangeSet::default();
        let mut codes = BTreeSet::new();
        let (mut accounts, mut slots) = (0_usize, 0_usize);
        let mut report_at = self.runtime.current() + REPORT_INTERVAL;
        for first in (0..SHARDS).step_by(WINDOW) {
            let shards: Vec<u8> = (first..first + WINDOW).map(|shard| shard as u8).collect();
            let group = self.shards(peer, number, shards).await?;
            for shard in &group {
                accounts += shard.accounts.len();
                slots += shard.slots.len();
            }
            if accounts + slots > ITEMS_MAX {
                return Err(TOO_MUCH);
            }
            let ledger = self.ledger.clone();
            let changed = blocking(&self.runtime, move || {
                let reader = ledger.chain().reader();
                let (mut changed, mut missing) = (Vec::new(), BTreeSet::new());
                for Shard { number, accounts, slots } in group {
                    for (_, account) in &accounts {
                        let hash = account.code_hash;
                        if hash != KECCAK256_EMPTY && reader.state().code(hash)?.is_none() {
                            missing.insert(hash);
                        }
                    }
                    changed.extend(reader.state().shard_changes(number, accounts, slots)?);
                }
                Ok::<_, ChainError>((changed, missing))
            });
            let (changed, missing) = changed.await.map_err(StartError::from)?;
            changes.accounts.extend(changed);
            codes.extend(missing);
            if self.runtime.current() >= report_at {
                report_at = self.runtime.current() + REPORT_INTERVAL;
                let percent = 100 * (first + WINDOW) / SHARDS;
                tracing::info!(percent, accounts, slots, "takes over a state");
            }
        }
        changes.accounts.sort_unstable_by_key(|change| change.address);
        changes.codes = self.codes(peer, codes).await?;
        Ok(changes)
    }

    /// All that some shards have.
    async fn shards(
        &mut self,
        peer: &PublicKey,
        number: u64,
        shards: Vec<u8>,
    ) -> Result<Vec<Shard>, Failure> {
        let part = |shard, after: Option<After>| Part {
            number,
            shard,
            after: after.into_iter().collect(),
        };
        let mut found: BTreeMap<u8, Shard> = BTreeMap::new();
        let mut next: Vec<Request> = Vec::new();
        for shard in shards {
            found.insert(shard, Shard { number: shard, ..Shard::default() });
            next.push(Request::Accounts(part(shard, None)));
            next.push(Request::Slots(part(shard, None)));
        }
        let mut items = 0;
        while !next.is_empty() {
            let asked = std::mem::take(&mut next);
            let answers = self.ask(peer, asked.clone()).await?;
            for (request, answer) in asked.into_iter().zip(answers) {
                let length = match &answer {
                    Response::Accounts(page) => page.items.len(),
                    Response::Slots(page) => page.items.len(),
                    _ => 0,
                };
                items += length;
                if length > PAGE || items > ITEMS_MAX {
                    return Err(TOO_MUCH);
                }
                match (request, answer) {
                    (Request::Accounts(it), Response::Accounts(page)) => {
                        let Some(shard) = found.get_mut(&it.shard) else { continue };
                        let items = page.items.iter().map(|item| (item.address, item.state()));
                        let last = page.items.last().map(|last| last.address);
                        shard.accounts.extend(items);
                        if page.has_more {
                            let address = last.ok_or(NO_END)?;
                            let after = After { address, key: U256::ZERO };
                            next.push(Request::Accounts(part(it.shard, Some(after))));
                        }
                    }
                    (Request::Slots(it), Response::Slots(page)) => {
                        let Some(shard) = found.get_mut(&it.shard) else { continue };
                        let items =
                            page.items.iter().map(|item| (item.address, item.key, item.value));
                        shard.slots.extend(items);
                        let last = page.items.last();
                        if page.has_more {
                            let last = last.ok_or(NO_END)?;
                            let after = After { address: last.address, key: last.key };
                            next.push(Request::Slots(part(it.shard, Some(after))));
                        }
                    }
                    _ => return Err(Failure::Silent),
                }
            }
        }
        Ok(found.into_values().collect())
    }

    async fn codes(
        &mut self,
        peer: &PublicKey,
        hashes: BTreeSet<B256>,
    ) -> Result<Vec<(B256, Bytes)>, Failure> {
        let hashes: Vec<B256> = hashes.into_iter().collect();
        let mut found = Vec::with_capacity(hashes.len());
        let groups: Vec<&[B256]> = hashes.chunks(CODES_MAX).collect();
        for groups in groups.chunks(WINDOW) {
            let requests = groups.iter().map(|group| Request::Codes(group.to_vec())).collect();
            for (group, answer) in groups.iter().zip(self.ask(peer, requests).await?) {
                let Response::Codes(codes) = answer else { return Err(Failure::Silent) };
                if codes.len() != group.len() {
                    return Err(Failure::Lied("there are more or fewer codes than hashes"));
                }
                for (hash, code) in group.iter().zip(codes) {
                    if keccak256(&code) != *hash {
                        return Err(Failure::Lied("a code is not what its hash says"));
                    }
                    found.push((*hash, code));
                }
            }
        }
        Ok(found)
    }
}

const NO_END: Failure = Failure::Lied("there is more after nothing");
const TOO_MUCH: Failure = Failure::Lied("it tells more than there can be");

/// What a shard has.
#[derive(Default)]
struct Shard {
    number: u8,
    accounts: Vec<(Address, AccountState)>,
    slots: Vec<(Address, U256, U256)>,
}
