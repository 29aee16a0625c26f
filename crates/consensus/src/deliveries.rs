//! What was agreed on, on its way into the chain.

use crate::{
    block::Proposal,
    ledger::Ledger,
    runtime::{Failures, Runtime, blocking, unix_seconds},
    scheme::{Epochs, Signing},
    validator::Marshal,
    validators,
};
use commonware_actor::Feedback;
use commonware_consensus::{
    Heightable as _, Reporter,
    marshal::Update,
    types::{Epoch, Epocher as _, FixedEpocher, Height},
};
use commonware_cryptography::Digested;
use commonware_runtime::Handle;
use commonware_utils::{Acknowledgement as _, acknowledgement::Exact};
use std::sync::Arc;
use tokio::sync::{Notify, mpsc};

/// Blocks that are made final in one commit, at most.
const TOGETHER_MAX: usize = 64;

/// Makes final blocks final in the chain.
pub(crate) struct Deliveries {
    pub(crate) ledger: Arc<Ledger>,
    pub(crate) epocher: FixedEpocher,
    pub(crate) failures: Failures,
    pub(crate) arrived: Arc<Notify>,
    pub(crate) epochs: Epochs,
    pub(crate) signing: Signing,
    /// Told of each epoch that begins.
    pub(crate) borders: mpsc::UnboundedSender<Epoch>,
}

/// Passes on what marshal reports. Marshal bounds what waits here.
#[derive(Clone)]
pub(crate) struct Mailbox(mpsc::UnboundedSender<(Digested<Proposal>, Exact)>);

impl Reporter for Mailbox {
    type Activity = Update<Proposal>;

    fn report(&mut self, update: Update<Proposal>) -> Feedback {
        match update {
            Update::Tip(..) => Feedback::Ok,
            Update::Block(block, acknowledgement) => match self.0.send((block, acknowledgement)) {
                Ok(()) => Feedback::Ok,
                Err(_) => Feedback::Closed,
            },
        }
    }
}

impl Deliveries {
    /// Brings the chain to where consensus was, which delivers what follows only: the chain's database
    /// may be the older of both.
    async fn catch_up<E: Runtime>(&self, runtime: &E, marshal: &Marshal, to: u64) {
        let from = self.ledger.chain().reader().finalized().unwrap_or_default() + 1;
        for number in from..=to {
            let Some(block) = marshal.get_block(Height::new(number)).await else { return };
            if !self.make_final(runtime, vec![block.inner_digested()]).await {
                return;
            }
        }
    }

    /// Makes final what is delivered to the mailbox, after what consensus had delivered before, up to
    /// the block `processed`.
    pub(crate) fn start<E: Runtime>(
        self,
        runtime: E,
        marshal: Marshal,
        processed: u64,
    ) -> (Mailbox, Handle<()>) {
        let (sender, receiver) = mpsc::unbounded_channel();
        let task = runtime.spawn(move |runtime| async move {
            self.catch_up(&runtime, &marshal, processed).await;
            self.run(runtime, receiver).await;
        });
        (Mailbox(sender), task)
    }

    async fn run<E: Runtime>(
        self,
        runtime: E,
        mut receiver: mpsc::UnboundedReceiver<(Digested<Proposal>, Exact)>,
    ) {
        while let Some(first) = receiver.recv().await {
            let mut blocks = vec![first.0];
            let mut acknowledgements = vec![first.1];
            while blocks.len() < TOGETHER_MAX
                && !self.is_border(&blocks[blocks.len() - 1])
                && let Ok((block, acknowledgement)) = receiver.try_recv()
            {
                blocks.push(block);
                acknowledgements.push(acknowledgement);
            }
            if !self.make_final(&runtime, blocks).await {
                // Not acknowledged, they are delivered again when this node starts anew.
                std::future::pending::<()>().await;
            }
            acknowledgements.into_iter().for_each(|it| it.acknowledge());
        }
    }

    fn is_border(&self, block: &Digested<Proposal>) -> bool {
        let info = self.epocher.containing(block.height());
        info.is_some_and(|info| info.last() == block.height())
    }

    async fn make_final<E: Runtime>(&self, runtime: &E, blocks: Vec<Digested<Proposal>>) -> bool {
        let last = blocks.last().map(|block| (block.height(), self.is_border(block)));
        // Nobody agreed on the genesis.
        let blocks: Vec<_> = blocks.into_iter().filter(|it| it.inner().number() > 0).collect();
        let (ledger, epocher) = (self.ledger.clone(), self.epocher.clone());
        let now = unix_seconds(runtime);
        let done = blocking(runtime, move || {
            ledger
                .finalize(&blocks, now, &|chain, number| validators::notes(chain, &epocher, number))
        });
        if let Err(error) = done.await {
            self.failures.tell(error);
            return false;
        }
        self.arrived.notify_waiters();
        if let Some((height, true)) = last
            && let Err(error) = self.begin_epoch_after(height)
        {
            self.failures.tell(error.into());
            return false;
        }
        true
    }

    /// Says who validates in the epoch after the next one, and that the next one begins.
    fn begin_epoch_after(&self, last: Height) -> Result<(), heddle_chain::Error> {
        let Some(info) = self.epocher.containing(last.next()) else { return Ok(()) };
        let next = info.epoch();
        let set = validators::noted(&self.ledger.chain().reader(), next.next())?;
        self.epochs.insert(next.next(), self.signing.votes(set));
        // Whoever runs the rounds is gone only when all is.
        let _ = self.borders.send(next);
        Ok(())
    }
}
