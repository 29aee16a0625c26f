//! What goes wrong in a run, and when it ends.

use super::{STATE_SYNC_BEHIND, World, calm_link};
use crate::{
    Machine,
    genesis::change,
    judge::Violation,
    network::Link,
    scenario::{Chance, Fault},
};
use commonware_cryptography::Signer as _;
use commonware_p2p::{Manager as _, Recipients, Sender as _, TrackedPeers};
use commonware_runtime::Clock as _;
use commonware_utils::ordered::Set;
use heddle_consensus::Memory;
use std::time::Duration;

impl World {
    /// A faulty validator sends bytes that mean nothing, in place of what it would say.
    pub(super) fn make_noise(&mut self) {
        let noisy: Vec<usize> =
            (0..self.nodes.len()).filter(|at| self.nodes[*at].is_byzantine).collect();
        let at = noisy[self.chance.below(noisy.len() as u64) as usize];
        self.stop(at);
        let channels = self.network.connect(at, 0);
        let keys = self.nodes.iter().map(|node| node.key.public_key());
        self.network.peer(at, 0).track(0, TrackedPeers::primary(Set::from_iter_dedup(keys)));
        for (mut sender, _) in channels {
            let length = self.chance.between(0, 300);
            let bytes: Vec<u8> = (0..length).map(|_| self.chance.any() as u8).collect();
            sender.send(Recipients::All, bytes, false);
        }
        self.nodes[at].down_until = Some(self.now() + Duration::from_millis(500));
        self.restart_machine(at, false);
        self.count(Fault::Noise);
    }

    pub(super) fn stop(&mut self, at: usize) {
        for process in self.nodes[at].processes.drain(..) {
            process.abort();
        }
    }

    /// Gives a node the machine as it is found after its process ended.
    pub(super) fn restart_machine(&mut self, at: usize, power_failed: bool) {
        let (seed, twin_seed) = (self.chance.any(), self.chance.any());
        let node = &mut self.nodes[at];
        let again = |machine: &Machine, seed| match power_failed {
            true => machine.crash(seed),
            false => machine.kill(seed),
        };
        node.machine = again(&node.machine, seed);
        node.twin = node.twin.as_ref().map(|twin| again(twin, twin_seed));
    }

    pub(super) fn is_down(&self, at: usize) -> bool {
        self.nodes[at].processes.is_empty()
    }

    /// Those that may be taken down without the network standing still for it.
    pub(super) fn victim(&mut self) -> Option<usize> {
        let down = (0..self.scenario.validators).filter(|at| self.is_down(*at)).count();
        let at = self.chance.below(self.nodes.len() as u64) as usize;
        // Now and then more than it can bear: it stands still, and must not fall apart.
        let too_many = down + self.scenario.byzantine >= self.scenario.tolerated();
        let bearable = !too_many || self.chance.percent(15);
        (bearable && !self.nodes[at].is_byzantine && !self.is_down(at)).then_some(at)
    }

    pub(super) fn fault(&mut self) -> Result<(), Violation> {
        if self.shuffles_left > 0 && self.chance.percent(60) {
            self.shuffle();
            return Ok(());
        }
        let faults = self.scenario.faults.clone();
        let fault = faults[self.chance.below(faults.len() as u64) as usize];
        match fault {
            Fault::Loss | Fault::Delay | Fault::OneWay | Fault::Partition => {
                self.count(fault);
                self.storm(fault);
            }
            Fault::Duplication | Fault::Reordering => {
                self.count(fault);
                let percent = self.chance.between(2, 30);
                match fault {
                    Fault::Duplication => self.network.set_duplicated(percent),
                    _ => self.network.set_overtaken(percent),
                }
                self.calm_after(1_000, 8_000);
            }
            Fault::PowerLoss | Fault::FailedSync | Fault::FailedWrite | Fault::FullDisk => {
                let Some(at) = self.victim() else { return Ok(()) };
                self.count(fault);
                let disk = self.nodes[at].machine.disk();
                match fault {
                    Fault::PowerLoss => disk.stop_in(self.chance.between(1, 60)),
                    Fault::FailedSync => disk.fail_sync_in(self.chance.between(1, 12)),
                    Fault::FailedWrite => disk.fail_write_in(self.chance.between(1, 40)),
                    _ => disk.set_capacity(disk.total_len() + self.chance.below(60_000)),
                }
            }
            Fault::Kill => {
                let Some(at) = self.victim() else { return Ok(()) };
                self.count(fault);
                self.take_down(at, false);
            }
            Fault::Blackout => {
                self.count(fault);
                for at in 0..self.nodes.len() {
                    self.take_down(at, true);
                }
            }
            Fault::Clock => {
                let Some(at) = self.victim() else { return Ok(()) };
                self.count(fault);
                let offset = self.chance.between(0, 20_000) as i64 - 10_000;
                let rate = self.chance.between(0, 400_000) as i64 - 200_000;
                self.nodes[at].machine.set_clock(offset, rate);
            }
            Fault::Restore => self.restore()?,
            Fault::LostDisk => self.lose_disk(),
            Fault::Noise => self.make_noise(),
            Fault::Twins | Fault::Tamper | Fault::Withholding => {}
            Fault::Membership => self.change_membership(),
        }
        Ok(())
    }

    pub(super) fn take_down(&mut self, at: usize, power_failed: bool) {
        self.stop(at);
        self.restart_machine(at, power_failed);
        let down = Duration::from_millis(self.chance.between(100, 5_000));
        self.nodes[at].down_until = Some(self.now() + down);
    }

    /// A disk is copied, and some time later brought back.
    pub(super) fn restore(&mut self) -> Result<(), Violation> {
        let copied = self
            .honest()
            .into_iter()
            .find(|at| self.nodes[*at].backup.is_some() && !self.is_down(*at));
        let Some(at) = copied.or_else(|| self.victim()) else { return Ok(()) };
        let seed = self.chance.any();
        match self.nodes[at].backup.take() {
            None => {
                // The copy is made while the validator rests.
                self.stop(at);
                let after = self.nodes[at].machine.kill(seed);
                self.nodes[at].backup = Some(after.kill(self.chance.any()));
                self.nodes[at].machine = self.nodes[at]
                    .backup
                    .as_ref()
                    .map_or(after, |backup| backup.copy(self.chance.any()));
                self.nodes[at].down_until = Some(self.now());
            }
            // No more than can be borne are restored at a time, as operators are told.
            Some(backup)
                if self.silent() + self.scenario.byzantine >= self.scenario.tolerated() =>
            {
                self.nodes[at].backup = Some(backup);
            }
            Some(backup) => {
                self.count(Fault::Restore);
                self.stop(at);
                let node = &mut self.nodes[at];
                node.machine = backup;
                node.memory = Memory::Unknown;
                // What it has shown since is gone with its disk.
                node.shown = 0;
                node.down_until = Some(self.runtime.current());
            }
        }
        Ok(())
    }

    /// The node that starts late does, or begins again with nothing but its key.
    pub(super) fn lose_disk(&mut self) {
        let late = self.scenario.validators;
        if self.judge.height() < STATE_SYNC_BEHIND || self.nodes[late].down_until.is_some() {
            return;
        }
        let is_first = self.is_down(late);
        // It may have become a validator: then it is silent for a while, and counts as faulty.
        let may_validate = !is_first && self.scenario.has(Fault::Membership);
        if may_validate && self.silent() + self.scenario.byzantine >= self.scenario.tolerated() {
            return;
        }
        self.count(Fault::LostDisk);
        self.stop(late);
        let seed = self.chance.any();
        let node = &mut self.nodes[late];
        node.machine = Machine::new(seed);
        node.shown = 0;
        // It may have become a validator, and does not know what it has signed.
        node.memory = if is_first { Memory::Whole } else { Memory::Unknown };
        node.down_until = Some(self.runtime.current());
    }

    pub(super) fn change_membership(&mut self) {
        if self.clients.changes.is_empty() {
            return;
        }
        self.count(Fault::Membership);
        let next = self.clients.changes.remove(0);
        let transaction = change(&mut self.clients.authority, &next);
        self.submit(transaction);
    }

    pub(super) fn calm_after(&mut self, from: u64, to: u64) {
        let at = self.now() + Duration::from_millis(self.chance.between(from, to));
        self.calm_at = Some(self.calm_at.map_or(at, |calm| calm.max(at)));
    }

    /// Links are lossy, slow or cut for a while.
    pub(super) fn storm(&mut self, fault: Fault) {
        let group: Vec<bool> = self.nodes.iter().map(|_| self.chance.percent(50)).collect();
        let unheard = self.chance.below(self.nodes.len() as u64) as usize;
        let (loss, delay) = (self.chance.between(1, 25), self.chance.between(50, 400));
        self.set_links(|_, from, to, link| {
            let is_cut = match fault {
                Fault::Partition => group[from] != group[to],
                Fault::OneWay => from == unheard,
                _ => false,
            };
            match fault {
                Fault::Loss => link.loss = loss,
                Fault::Delay => {
                    link.latency += Duration::from_millis(delay);
                    link.jitter = Duration::from_millis(delay / 2);
                }
                _ if is_cut => link.loss = 100,
                _ => {}
            }
        });
        self.calm_after(500, 10_000);
    }

    /// Some do not hear some others for a moment. Two who vote with one key do harm where each of the
    /// others knows something else, and other things in each round (the Twins paper, section 3).
    fn shuffle(&mut self) {
        self.shuffles_left -= 1;
        let cut = self.chance.between(10, 60);
        self.set_links(|chance, _, _, link| {
            if chance.percent(cut) {
                link.loss = 100;
            }
        });
        self.calm_after(100, 800);
    }

    /// Sets the links between all, each as it is when nothing is wrong, with a change.
    fn set_links(&mut self, mut change: impl FnMut(&mut Chance, usize, usize, &mut Link)) {
        for from in 0..self.nodes.len() {
            for to in (0..self.nodes.len()).filter(|to| *to != from) {
                let mut link = calm_link(&self.scenario);
                change(&mut self.chance, from, to, &mut link);
                self.network.set_link(from, to, link);
            }
        }
    }

    pub(super) fn calm_links(&mut self) {
        self.set_links(|_, _, _, _| {});
        self.network.set_duplicated(0);
        self.network.set_overtaken(0);
    }
}
