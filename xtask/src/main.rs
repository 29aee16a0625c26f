//! Developer tasks behind `cargo xtask`.

fn main() {}
