//! How memory is kept for the next block.

use libmimalloc_sys::{mi_option_set_default, mi_option_t};
use mimalloc::MiMalloc;
use std::ffi::c_long;

/// Keeps the memory of one block for the next. The system's allocator gives large pieces back each
/// time, and getting them again takes as long as executing.
#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

/// `mi_option_purge_delay` of mimalloc, which its bindings give no name.
const PURGE_DELAY: mi_option_t = 15;

/// So many milliseconds after memory was let go of, the system gets it back, if nobody has taken it
/// again. What one block needs the next one needs as well: with mimalloc's one second the system
/// wiped memory anew all the time, a sixth of the work of a node under load (docs/benchmarks.md).
const PURGE_DELAY_MS: c_long = 15_000;

/// Sets the allocator up, unless the environment did (`MIMALLOC_PURGE_DELAY`). To be called before
/// there are other threads.
pub(crate) fn set_up() {
    // SAFETY: it writes to a table of mimalloc's and is not to be called by two threads at once. It
    // is called at the start of `main`, where there is one.
    #[allow(unsafe_code)]
    unsafe {
        mi_option_set_default(PURGE_DELAY, PURGE_DELAY_MS);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Were the options numbered anew, another one would be set.
    #[test]
    fn the_option_is_the_one_that_is_meant() {
        // SAFETY: it reads a table that no test writes to.
        #[allow(unsafe_code)]
        let default = unsafe { libmimalloc_sys::mi_option_get(PURGE_DELAY) };
        assert_eq!(default, 1_000, "mimalloc's own delay");
    }
}
