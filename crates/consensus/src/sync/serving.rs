//! Gives other nodes what they need to begin where this one is.

use super::{
    border::{self, Border},
    message::{
        AccountItem, Accounts, BlockParts, CODES_MAX, Message, Offer, PAGE, Part, Request,
        Response, SlotItem, Slots,
    },
};
use crate::{
    ledger::Ledger,
    runtime::{Runtime, blocking},
    validator::{Marshal, certified},
};
use alloy_primitives::{B256, Bytes};
use commonware_codec::Encode as _;
use commonware_consensus::types::{Epoch, Epocher as _, FixedEpocher};
use commonware_cryptography::ed25519::PublicKey;
use commonware_macros::select;
use commonware_p2p::{Receiver, Recipients, Sender};
use heddle_chain::{ANCESTORS, ChainReader, Error, encode_receipts};
use std::{
    sync::Arc,
    time::{Duration, SystemTime},
};

/// How long a state is held on to that nobody asks for any more.
const HELD: Duration = Duration::from_secs(60);

/// After so long without a question a newer state may be offered.
const QUIET: Duration = Duration::from_secs(10);

/// Answers nodes that take over a state.
pub(crate) struct Serving {
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) marshal: Marshal,
    pub(crate) epocher: FixedEpocher,
}

/// The state after a block, which may be forgotten by the chain meanwhile.
struct Held {
    /// Number of the block.
    number: u64,
    reader: ChainReader,
    offer: Offer,
    /// When it was asked for last.
    asked: SystemTime,
}

impl Serving {
    /// Answers until the network is gone.
    pub(crate) async fn run<E, S, R>(self, runtime: E, (mut sender, mut receiver): (S, R))
    where
        E: Runtime,
        S: Sender<PublicKey = PublicKey>,
        R: Receiver<PublicKey = PublicKey>,
    {
        let mut held: Option<Held> = None;
        loop {
            let until = held.as_ref().map(|held| held.asked + HELD);
            let until = until.unwrap_or_else(|| runtime.current() + Duration::from_secs(3_600));
            select! {
                _ = runtime.sleep_until(until) => held = None,
                message = receiver.recv() => {
                    let Ok((peer, message)) = message else { return };
                    let Some(Message::Request(id, request)) = Message::decode(message.as_ref())
                    else {
                        continue;
                    };
                    let response = match self.answer(&runtime, &mut held, request).await {
                        Ok(Some(response)) => response,
                        Ok(None) => Response::Nothing(self.finalized()),
                        Err(error) => {
                            tracing::warn!(%error, "another node cannot be told what it asked for");
                            Response::Nothing(self.finalized())
                        }
                    };
                    let message = Message::Response(id, response).encode();
                    sender.send(Recipients::One(peer), message, false);
                },
            }
        }
    }

    fn finalized(&self) -> u64 {
        self.ledger.chain().reader().finalized().unwrap_or_default()
    }

    async fn answer<E: Runtime>(
        &self,
        runtime: &E,
        held: &mut Option<Held>,
        request: Request,
    ) -> Result<Option<Response>, Error> {
        let now = runtime.current();
        match &request {
            Request::Offer => {
                let is_in_use = |held: &Held| now < held.asked + QUIET;
                if !held.as_ref().is_some_and(is_in_use) {
                    *held = self.hold(now).await?;
                }
                return Ok(held.as_ref().map(|held| Response::Offer(held.offer.clone())));
            }
            Request::Border(epoch) => {
                let border = self.border(Epoch::new(*epoch)).await?;
                return Ok(border.map(Box::new).map(Response::Border));
            }
            Request::Block(_) | Request::Accounts(_) | Request::Slots(_) | Request::Codes(_) => {}
        }
        let Some(held) = held else { return Ok(None) };
        held.asked = now;
        let (reader, number) = (held.reader.clone(), held.number);
        blocking(runtime, move || read(&reader, number, request)).await
    }

    /// Holds on to the state before the last final block that has a certificate of its own.
    async fn hold(&self, now: SystemTime) -> Result<Option<Held>, Error> {
        let reader = self.ledger.chain().reader();
        let last = reader.finalized().unwrap_or_default();
        for at in (1..=last).rev().take(ANCESTORS as usize) {
            let Some((certificate, head)) = certified(&self.marshal, at).await else { continue };
            let number = at - 1;
            // A node that began late itself may not have all that belongs to it.
            let mut headers = Vec::new();
            for number in (number.saturating_sub(ANCESTORS)..=at).rev() {
                let Some(header) = reader.header(number)? else { return Ok(None) };
                headers.push(header);
            }
            if number == 0 || number < reader.oldest_state() {
                return Ok(None);
            }
            let offer = Offer {
                certificate: certificate.encode().to_vec().into(),
                head: head.encode().to_vec().into(),
                headers,
            };
            return Ok(Some(Held { number, reader, offer, asked: now }));
        }
        Ok(None)
    }

    async fn border(&self, epoch: Epoch) -> Result<Option<Border>, Error> {
        let Some(mut border) = border::stored(&self.ledger.chain().reader(), epoch)? else {
            return Ok(None);
        };
        if border.certificate.is_empty() {
            let Some(last) = self.epocher.last(epoch) else { return Ok(None) };
            let Some((certificate, head)) = certified(&self.marshal, last.get()).await else {
                return Ok(None);
            };
            border.certificate = certificate.encode().to_vec().into();
            border.head = head.encode().to_vec().into();
        }
        Ok(Some(border))
    }
}

/// What of the state after the block `number` is asked for.
fn read(reader: &ChainReader, number: u64, request: Request) -> Result<Option<Response>, Error> {
    let state = |part: &Part| -> Result<_, Error> {
        Ok(if part.number == number { Some(reader.state_at(number)?) } else { None })
    };
    Ok(match request {
        Request::Block(asked) if asked == number => {
            let (Some(committed), list) = (reader.committed(number)?, reader.access_list(number)?)
            else {
                return Ok(None);
            };
            Some(Response::Block(BlockParts {
                block: alloy_rlp::encode(&committed.block.block).into(),
                receipts: encode_receipts(&committed.receipts).into(),
                access_list: list.unwrap_or_default(),
            }))
        }
        Request::Accounts(part) => {
            let Some(state) = state(&part)? else { return Ok(None) };
            let after = part.after.first().map(|after| after.address);
            let page = state.shard_accounts(part.shard, after, PAGE)?;
            let items = page.items.into_iter().map(|(address, account)| AccountItem {
                address,
                balance: account.balance,
                nonce: account.nonce,
                code_hash: account.code_hash,
            });
            let items = items.collect();
            Some(Response::Accounts(Accounts { items, has_more: page.has_more }))
        }
        Request::Slots(part) => {
            let Some(state) = state(&part)? else { return Ok(None) };
            let after = part.after.first().map(|after| (after.address, after.key));
            let page = state.shard_slots(part.shard, after, PAGE)?;
            let item = |(address, key, value)| SlotItem { address, key, value };
            let items = page.items.into_iter().map(item).collect();
            Some(Response::Slots(Slots { items, has_more: page.has_more }))
        }
        Request::Codes(hashes) => {
            let code = |hash: &B256| Ok(reader.state().code(*hash)?.unwrap_or_default());
            let codes = hashes.iter().take(CODES_MAX).map(code);
            Some(Response::Codes(codes.collect::<Result<Vec<Bytes>, Error>>()?))
        }
        _ => None,
    })
}
