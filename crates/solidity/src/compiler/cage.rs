//! A process that restrains itself and then becomes a compiler.
//!
//! In: `CPU_SECONDS FILE_BYTES DATA_BYTES -- PROGRAM ARGUMENTS…`. Out: nothing; the process is the
//! program from then on, with limits that it cannot raise: processor time, data, size of files, open
//! files, no core file, and by seccomp no sockets, so no network, and neither `ptrace` nor `kill`. What needs no privilege is enough here; the parent watches the resident memory, since
//! node reserves much more address space than it uses, so RLIMIT_AS would end every run.

use std::{ffi::OsString, io, process::Command};

use rustix::process::{Resource, Rlimit, setrlimit};

/// Files that a compiler may have open; node has some thirty.
const OPEN_FILES_MAX: u64 = 128;

/// Why a process could not become the program.
#[derive(Debug, thiserror::Error)]
pub enum CageError {
    /// The arguments are not those that [`enter`] takes.
    #[error("the cage takes CPU_SECONDS FILE_BYTES DATA_BYTES -- PROGRAM ARGUMENTS")]
    Arguments,
    /// A limit could not be set.
    #[error("a limit of the compiler cannot be set")]
    Limit(#[source] io::Error),
    /// The network could not be denied.
    #[error("the compiler's system calls cannot be filtered: {0}")]
    Filter(String),
    /// The program does not start.
    #[error("{program} does not start")]
    Start {
        /// The program.
        program: String,
        /// Why.
        #[source]
        source: io::Error,
    },
}

/// Restrains this process and replaces it by a program; returns only what went wrong. Its place is
/// a hidden command of the binary, before anything else is started.
pub fn enter(arguments: impl IntoIterator<Item = OsString>) -> CageError {
    let mut arguments = arguments.into_iter();
    let mut number =
        || arguments.next()?.into_string().ok().and_then(|text| text.parse::<u64>().ok());
    let (Some(cpu), Some(file), Some(data)) = (number(), number(), number()) else {
        return CageError::Arguments;
    };
    let (Some(separator), Some(program)) = (arguments.next(), arguments.next()) else {
        return CageError::Arguments;
    };
    if separator != "--" {
        return CageError::Arguments;
    }
    let limits = [
        (Resource::Cpu, cpu),
        (Resource::Fsize, file),
        (Resource::Data, data),
        (Resource::Nofile, OPEN_FILES_MAX),
        (Resource::Core, 0),
    ];
    for (resource, limit) in limits {
        let limit = Rlimit { current: Some(limit), maximum: Some(limit) };
        if let Err(error) = setrlimit(resource, limit) {
            return CageError::Limit(error.into());
        }
    }
    if let Err(error) = filter() {
        return CageError::Filter(error);
    }
    let mut command = Command::new(&program);
    command.args(arguments);
    let source = replace(&mut command);
    CageError::Start { program: program.to_string_lossy().into_owned(), source }
}

#[cfg(unix)]
fn replace(command: &mut Command) -> io::Error {
    use std::os::unix::process::CommandExt as _;
    command.exec()
}

/// Denies system calls that a compiler has no use for.
#[cfg(target_os = "linux")]
fn filter() -> Result<(), String> {
    use seccompiler::{BpfProgram, SeccompAction, SeccompFilter, TargetArch};

    let denied = [
        libc::SYS_socket,
        libc::SYS_connect,
        libc::SYS_bind,
        libc::SYS_listen,
        libc::SYS_accept4,
        libc::SYS_ptrace,
        libc::SYS_process_vm_readv,
        libc::SYS_process_vm_writev,
        libc::SYS_kill,
        libc::SYS_tkill,
        libc::SYS_pidfd_send_signal,
        libc::SYS_setsid,
        libc::SYS_setpgid,
        libc::SYS_io_uring_setup,
        libc::SYS_unshare,
        libc::SYS_mount,
        libc::SYS_bpf,
        libc::SYS_keyctl,
    ];
    let rules = denied.into_iter().map(|call| (call, Vec::new())).collect();
    let architecture: TargetArch =
        std::env::consts::ARCH.try_into().map_err(|error| format!("{error}"))?;
    let denial = SeccompAction::Errno(libc::EPERM as u32);
    let program: BpfProgram = SeccompFilter::new(rules, SeccompAction::Allow, denial, architecture)
        .and_then(TryInto::try_into)
        .map_err(|error| error.to_string())?;
    seccompiler::apply_filter(&program).map_err(|error| error.to_string())
}

/// Elsewhere there is no seccomp, and strangers' sources are not to be compiled.
#[cfg(not(target_os = "linux"))]
fn filter() -> Result<(), String> {
    Err("that takes Linux".to_owned())
}
