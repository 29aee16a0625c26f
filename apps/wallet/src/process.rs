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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn afterwards_no_core_can_be_dumped() {
        harden().unwrap();
        let limit = rustix::process::getrlimit(Resource::Core);
        assert_eq!((limit.current, limit.maximum), (Some(0), Some(0)));
        #[cfg(target_os = "linux")]
        assert_eq!(
            rustix::process::dumpable_behavior().unwrap(),
            rustix::process::DumpableBehavior::NotDumpable
        );
        // It can be done again.
        harden().unwrap();
    }
}
