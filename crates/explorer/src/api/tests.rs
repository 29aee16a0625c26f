//! Handlers on a chain made here.
