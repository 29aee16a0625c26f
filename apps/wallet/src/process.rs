//! What is asked of the operating system before a secret is in memory.

use rustix::process::{Resource, Rlimit, setrlimit};
use std::io;

/// Forbids core dumps of this process, and (on Linux) reading its memory by others of the user.
///
/// # Errors
///
/// The system refuses.
pub fn harden() -> io::Result<()> {
    setrlimit(Resource::Core, Rlimit { current: Some(0), maximum: Some(0) })?;
    // A core dump through a pipe (`core_pattern`) heeds no limit, but it heeds this.
    #[cfg(target_os = "linux")]
    rustix::process::set_dumpable_behavior(rustix::process::DumpableBehavior::NotDumpable)?;
    Ok(())
}
