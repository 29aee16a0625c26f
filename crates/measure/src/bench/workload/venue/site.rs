//! Who carries out what is deployed: the state before a block of a benchmark, or a node under load.

use alloy_primitives::{Address, Bytes};
use alloy_sol_types::{SolCall, SolValue};

/// Where a venue is deployed.
pub(crate) trait Site {
    /// Why something is not carried out.
    type Error;

    /// Who deploys, and has all roles.
    fn deployer(&self) -> Address;

    /// Has a contract created. It is there after [`Site::settle`].
    fn create(&mut self, code: Bytes) -> Address;

    /// Has the deployer call a contract.
    fn administer(&mut self, to: Address, data: Bytes);

    /// Has everything carried out that was ordered.
    fn settle(&mut self) -> Result<(), Self::Error>;

    /// What a function that changes nothing returns.
    fn ask<C: SolCall>(&mut self, to: Address, call: &C) -> Result<C::Return, Self::Error>;
}

/// Code that creates a contract, with the arguments of its constructor.
pub(crate) fn creation<T>(code: &Bytes, arguments: &T) -> Bytes
where
    T: SolValue,
    for<'a> <T::SolType as alloy_sol_types::SolType>::Token<'a>: alloy_sol_types::abi::TokenSeq<'a>,
{
    [code.as_ref(), &arguments.abi_encode_params()].concat().into()
}
