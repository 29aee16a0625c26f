//! The largest resident size of a process that executes a workload once.
//!
//! A process of its own for each way: what one way leaves behind would hide what the next one
//! needs.

use super::{Workload, WorkloadKind};
use crate::Error;
use alloy_eips::eip7928::BlockAccessList;
use alloy_rlp::Decodable;
use heddle_executor::{Executor, Settings, Way};
use heddle_types::AccessList;
use serde::{Deserialize, Serialize};
use std::{
    fs,
    io::{self, Read, Write},
    path::Path,
    process::{Command, Stdio},
};

/// The way that a process executes in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum MemoryOf {
    Sequential,
    Optimistic,
    /// From the access list that the standard input holds in its wire form.
    Guided,
}

impl MemoryOf {
    const fn name(self) -> &'static str {
        match self {
            Self::Sequential => "sequential",
            Self::Optimistic => "optimistic",
            Self::Guided => "guided",
        }
    }
}

/// Resident sizes of a process, in bytes.
#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
pub(super) struct Peak {
    /// The largest, state and transactions included.
    pub(super) whole: u64,
    /// What the execution has added to the size before it.
    pub(super) added: u64,
}

/// The sizes in each way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Peaks {
    pub(super) sequential: Peak,
    pub(super) optimistic: Peak,
    pub(super) guided: Peak,
}

impl Peaks {
    /// `None` where the system does not tell.
    pub(super) fn measure(child: &Child<'_>, list: &[u8]) -> Result<Option<Self>, Error> {
        let peak = |way| child.run(way, list);
        let Some(sequential) = peak(MemoryOf::Sequential)? else { return Ok(None) };
        let Some(optimistic) = peak(MemoryOf::Optimistic)? else { return Ok(None) };
        let Some(guided) = peak(MemoryOf::Guided)? else { return Ok(None) };
        Ok(Some(Self { sequential, optimistic, guided }))
    }
}

/// The process to start.
pub(super) struct Child<'a> {
    /// The binary `heddle`.
    pub(super) program: &'a Path,
    pub(super) kind: WorkloadKind,
    pub(super) transactions: usize,
    pub(super) settings: &'a Settings,
}

impl Child<'_> {
    fn run(&self, way: MemoryOf, list: &[u8]) -> Result<Option<Peak>, Error> {
        let failed = |what: String| Error::Memory { name: self.kind.name(), what };
        let mut command = Command::new(self.program);
        command.args(["bench", "executor", "--workload", self.kind.name()]);
        command.args(["--transactions", &self.transactions.to_string()]);
        command.args(["--threads", &self.settings.threads.to_string()]);
        command.args(["--memory-of", way.name()]);
        command.stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut child = command.spawn().map_err(|error| failed(error.to_string()))?;
        if let (MemoryOf::Guided, Some(mut input)) = (way, child.stdin.take()) {
            // A process that does not read tells why in its status.
            let _ = input.write_all(list);
        }
        let output = child.wait_with_output().map_err(|error| failed(error.to_string()))?;
        if !output.status.success() {
            return Err(failed(format!("its process ended with {}", output.status)));
        }
        serde_json::from_slice(&output.stdout).map_err(|error| failed(error.to_string()))
    }
}

/// Executes the workload once and prints the [`Peak`], or `null` where the system does not tell.
pub(super) fn execute_once(
    workload: &Workload,
    settings: Settings,
    way: MemoryOf,
    out: &mut impl Write,
) -> Result<(), Error> {
    let failed = |what: String| Error::Memory { name: workload.kind.name(), what };
    let mut list = AccessList::default();
    if way == MemoryOf::Guided {
        let mut bytes = Vec::new();
        io::stdin().read_to_end(&mut bytes).map_err(|error| failed(error.to_string()))?;
        list.accounts = BlockAccessList::decode(&mut bytes.as_slice())
            .map_err(|error| failed(error.to_string()))?;
    }
    let mut executor = Executor::new(settings)?;
    let block = workload.block();
    let way = match way {
        MemoryOf::Sequential => Way::Sequential,
        MemoryOf::Optimistic => Way::Optimistic,
        MemoryOf::Guided => Way::Guided(&list),
    };
    // Making the workload may have taken more than the execution does.
    let is_reset = fs::write("/proc/self/clear_refs", "5").is_ok();
    let before = resident("VmRSS:").filter(|_| is_reset);
    executor.execute(&block, &workload.state, way).map_err(|error| failed(error.to_string()))?;
    let peak = before.zip(resident("VmHWM:"));
    let peak = peak.map(|(before, whole)| Peak { whole, added: whole.saturating_sub(before) });
    let text = serde_json::to_string(&peak).expect("numbers have a JSON form");
    writeln!(out, "{text}")?;
    Ok(())
}

/// A size that the system keeps of this process, in bytes.
fn resident(field: &str) -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(field))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}
