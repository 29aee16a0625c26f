//! The cage as a program of its own, for the tests of the compilers.

fn main() {
    let error = heddle_solidity::compiler::cage::enter(std::env::args_os().skip(1));
    eprintln!("error: {error}");
    std::process::exit(1);
}
