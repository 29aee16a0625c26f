//! The state transition: build, verify and commit a block; publishes what was committed.
