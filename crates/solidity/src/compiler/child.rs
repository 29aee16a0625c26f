//! One run of a program in the cage.
//!
//! In: the program, its input and the limits. Out: what it wrote, or which limit it met. The whole
//! process group ends with the run.

use std::{
    ffi::OsString,
    fs,
    io::{self, Read, Write},
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    thread,
    time::{Duration, Instant},
};

use rustix::process::{Pid, Signal, kill_process_group};

use super::{error::CompilerError, limits::Limits};

/// How often the parent looks at time and memory.
const LOOK: Duration = Duration::from_millis(20);

/// Processor time beyond the bound after which the kernel ends a run that the parent did not end.
const CPU_GRACE_SECONDS: u64 = 2;

/// Ticks of a second in /proc, the same on every Linux.
const TICKS: u64 = 100;

/// Bytes of stderr that an error shows.
const STDERR_BYTES_MAX: u64 = 2048;

/// Bytes that a compiler may write into one file; its own folder is all that it may write to.
const FILE_BYTES_MAX: u64 = 1 << 20;

/// How this process starts itself, or another program, as a cage: the words in front of what
/// [`super::cage::enter`] takes.
#[derive(Clone, Debug)]
pub struct Cage {
    /// The program, such as this binary.
    pub program: PathBuf,
    /// Its first arguments, such as the name of the hidden command.
    pub arguments: Vec<OsString>,
}

/// Ends the process group, however the run ends.
struct Group(Child);

impl Group {
    fn end(&mut self) {
        if let Some(pid) = i32::try_from(self.0.id()).ok().and_then(Pid::from_raw) {
            // It fails where the group has ended already.
            let _ = kill_process_group(pid, Signal::KILL);
        }
        let _ = self.0.wait();
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        self.end();
    }
}

pub(crate) fn run(
    cage: &Cage,
    limits: &Limits,
    program: &Path,
    arguments: &[OsString],
    input: Vec<u8>,
) -> Result<Vec<u8>, CompilerError> {
    let folder = tempfile::tempdir().map_err(CompilerError::Start)?;
    let mut command = Command::new(&cage.program);
    command
        .args(&cage.arguments)
        // The parent is first to see it, and can say why it ended the run.
        .arg(limits.cpu.as_secs().saturating_add(CPU_GRACE_SECONDS).to_string())
        .arg(FILE_BYTES_MAX.to_string())
        // wasm's memory is mapped as data, and node's reservations are not counted.
        .arg(limits.memory_bytes.saturating_mul(4).to_string())
        .arg("--")
        .arg(program)
        .args(arguments)
        .env_clear()
        .current_dir(folder.path())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped());
    {
        use std::os::unix::process::CommandExt as _;
        command.process_group(0);
    }
    let mut group = Group(command.spawn().map_err(CompilerError::Start)?);
    let pipes = (group.0.stdin.take(), group.0.stdout.take(), group.0.stderr.take());
    let (Some(mut stdin), Some(stdout), Some(stderr)) = pipes else {
        return Err(CompilerError::Start(io::ErrorKind::BrokenPipe.into()));
    };
    // A compiler that ends early does not read all; its answer says why.
    let writer = thread::spawn(move || stdin.write_all(&input));
    let bound = limits.output_bytes as u64 + 1;
    let output = thread::spawn(move || read_up_to(stdout, bound));
    let complaint = thread::spawn(move || read_up_to(stderr, STDERR_BYTES_MAX));
    let end = watch(&mut group, limits, || output.is_finished());
    let status = match end {
        End::Exited(status) => Some(status),
        End::Output => None,
        End::Limit(error) => {
            group.end();
            return Err(error);
        }
    };
    group.end();
    let _ = writer.join();
    let output = output.join().ok().and_then(Result::ok).unwrap_or_default();
    let complaint = complaint.join().ok().and_then(Result::ok).unwrap_or_default();
    if output.len() > limits.output_bytes {
        return Err(CompilerError::Output(limits.output_bytes));
    }
    match status {
        Some(status) if status.success() => Ok(output),
        status => {
            let words = String::from_utf8_lossy(&complaint).trim().to_owned();
            let status = status.map_or_else(|| "it was ended".to_owned(), |s| s.to_string());
            Err(CompilerError::Died { status, words })
        }
    }
}

fn read_up_to(from: impl Read, bound: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    from.take(bound).read_to_end(&mut bytes)?;
    Ok(bytes)
}

enum End {
    Exited(std::process::ExitStatus),
    /// It closed its output, or wrote more than is read, and is still there.
    Output,
    Limit(CompilerError),
}

fn watch(group: &mut Group, limits: &Limits, is_read: impl Fn() -> bool) -> End {
    let start = Instant::now();
    let mut closed: Option<Instant> = None;
    loop {
        match group.0.try_wait() {
            Ok(Some(status)) => {
                return End::Exited(status);
            }
            Ok(None) => {}
            Err(error) => return End::Limit(CompilerError::Start(error)),
        }
        if resident_bytes(group.0.id()) > limits.memory_bytes {
            return End::Limit(CompilerError::Memory(limits.memory_bytes));
        }
        if processor_time(group.0.id()) > limits.cpu {
            return End::Limit(CompilerError::Time(limits.cpu));
        }
        if start.elapsed() > limits.wall {
            return End::Limit(CompilerError::Time(limits.wall));
        }
        if is_read() {
            // It gets a moment to exit by itself.
            let since = *closed.get_or_insert_with(Instant::now);
            if since.elapsed() > Duration::from_secs(2) {
                return End::Output;
            }
        }
        thread::sleep(LOOK);
    }
}

/// Memory that the process holds, by the kernel's account; 0 where that cannot be read.
fn resident_bytes(pid: u32) -> u64 {
    let text = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kibibytes = line.and_then(|line| line.split_whitespace().next()?.parse::<u64>().ok());
    kibibytes.unwrap_or(0).saturating_mul(1024)
}

/// Processor time of the process, by the kernel's account; none where that cannot be read.
fn processor_time(pid: u32) -> Duration {
    let text = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // The second field is a name in parentheses; user and system time are the 14th and 15th.
    let fields = text.rsplit_once(')').map(|(_, rest)| rest).unwrap_or_default();
    let ticks = fields.split_whitespace().skip(11).take(2).filter_map(|f| f.parse::<u64>().ok());
    Duration::from_millis(ticks.sum::<u64>().saturating_mul(1000 / TICKS))
}
