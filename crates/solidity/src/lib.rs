//! Contracts of Solidity: what an explorer needs to know of them.
//!
//! Functions on values; nothing here knows of chains, HTTP or pages. Whatever strangers send is
//! bounded: what is too much is not decodable, or an error that says the bound.
//!
//! In the order of reading:
//!
//! - [`abi`]: [`abi::Abi::parse`], [`abi::Abi::of_json`], [`abi::Abi::decode_call`],
//!   [`abi::Abi::decode_return`], [`abi::Abi::decode_log`], [`abi::Abi::decode_error`] give a
//!   [`abi::Decoded`]; [`abi::revert::reason`] says why a call failed; [`abi::Function::encode_form`]
//!   makes calldata of what a person types.
//! - [`signatures`]: [`signatures::common`] is the [`abi::Abi`] of common signatures, for contracts
//!   without an ABI of their own.
//! - [`compiler`]: [`compiler::Compilers::open`], `list`, `add`, `compile`; the binary has a hidden
//!   command that calls [`compiler::cage::enter`], and [`compiler::Cage`] says how to start it.
//! - [`verify`](mod@verify): [`verify::verify`] gives [`verify::Verified`], or a
//!   [`verify::VerifyError`] that says how far it came; [`verify::BuildInfo::find`] gives one without
//!   a compiler.
//! - [`layout`]: [`layout::Layout::of_json`] of a verified contract's storage layout, then
//!   [`layout::Layout::name_of`] or [`layout::Layout::names_of`].
//! - [`store`]: [`store::Contracts::open`] or [`store::Contracts::in_memory`], `of_code`, `insert`.
//! - [`requests`]: what plugins of forge and Hardhat send and want to hear, step by step.

pub mod abi;
pub mod compiler;
pub mod layout;
pub mod requests;
pub mod signatures;
pub mod store;
pub mod verify;
