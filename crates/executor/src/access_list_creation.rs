//! Which accounts and slots a transaction should announce (EIP-2930), found as geth finds it.

use crate::{
    Overlay,
    call::{CallContext, CallError, Environment, Interrupt, call_inspected},
    failure::failure_message,
};
use alloy_eips::eip2930::{AccessList, AccessListItem};
use alloy_primitives::{Address, B256, TxKind, U256, map::AddressSet};
use heddle_types::Fork;
use revm::{
    DatabaseRef, Inspector,
    bytecode::opcode,
    context::{TransactionType, TxEnv, either::Either, transaction::AuthorizationTr},
    interpreter::{
        Interpreter,
        interpreter_types::{InputsTr, Jumps},
    },
};
use std::collections::{BTreeMap, BTreeSet};

/// An access list, and what the transaction does with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CreatedAccessList {
    /// The list, sorted.
    pub access_list: AccessList,
    /// Gas that the transaction uses with it.
    pub gas_used: u64,
    /// Why the transaction fails, if it does.
    pub error: Option<String>,
}

/// The access list that `transaction` needs: it is run again with what it touched until it touches
/// nothing more.
///
/// # Errors
///
/// See [`CallError`].
pub fn create_access_list<DB: DatabaseRef<Error: 'static>>(
    state: &mut Overlay<DB>,
    environment: &Environment,
    transaction: &TxEnv,
    interrupt: &Interrupt,
) -> Result<CreatedAccessList, CallError<DB::Error>> {
    let mut environment = environment.clone();
    environment.waive_fees(transaction);
    let mut transaction = transaction.clone();
    if transaction.tx_type == TransactionType::Legacy as u8 && environment.fork >= Fork::Berlin {
        transaction.tx_type = TransactionType::Eip2930 as u8;
    }
    let excluded = excluded(&environment, &transaction);
    let mut touched = Touched { excluded, list: BTreeMap::new() };
    touched.extend(&transaction.access_list);
    loop {
        transaction.access_list = touched.access_list();
        let before = touched.list.clone();
        let outcome = call_inspected(state, &environment, &transaction, interrupt, &mut touched)?;
        if touched.list == before {
            return Ok(CreatedAccessList {
                access_list: transaction.access_list,
                gas_used: outcome.result.tx_gas_used(),
                error: failure_message(&outcome.result),
            });
        }
    }
}

/// Accounts that are warm anyway.
fn excluded(environment: &Environment, transaction: &TxEnv) -> AddressSet {
    let from = transaction.caller;
    let to = match transaction.kind {
        TxKind::Call(to) => to,
        TxKind::Create => from.create(transaction.nonce),
    };
    let chain_id = U256::from(environment.chain_id);
    let authorities = transaction.authorization_list.iter().filter_map(|authorization| {
        let (chain, nonce) = match authorization {
            Either::Left(signed) => (signed.chain_id, signed.nonce),
            Either::Right(recovered) => (recovered.chain_id, recovered.nonce),
        };
        let counts = (chain.is_zero() || chain == chain_id) && nonce != u64::MAX;
        authorization.authority().filter(|_| counts)
    });
    let precompiles = environment.precompiles.addresses().iter().copied();
    precompiles.chain([from, to]).chain(authorities).collect()
}

struct Touched {
    excluded: AddressSet,
    list: BTreeMap<Address, BTreeSet<B256>>,
}

impl Touched {
    fn extend(&mut self, list: &AccessList) {
        for item in &list.0 {
            if !self.excluded.contains(&item.address) {
                let slots = item.storage_keys.iter().copied();
                self.list.entry(item.address).or_default().extend(slots);
            }
        }
    }

    fn access_list(&self) -> AccessList {
        let items = self.list.iter().map(|(address, slots)| AccessListItem {
            address: *address,
            storage_keys: slots.iter().copied().collect(),
        });
        AccessList(items.collect())
    }

    fn account(&mut self, word: U256) {
        let address = Address::from_word(word.into());
        if !self.excluded.contains(&address) {
            self.list.entry(address).or_default();
        }
    }
}

impl<'a, DB: DatabaseRef> Inspector<CallContext<'a, DB>> for Touched {
    fn step(&mut self, interp: &mut Interpreter, _: &mut CallContext<'a, DB>) {
        let stack = interp.stack.data();
        match (interp.bytecode.opcode(), stack.as_slice()) {
            (opcode::SLOAD | opcode::SSTORE, [.., key]) => {
                let address = interp.input.target_address();
                self.list.entry(address).or_default().insert(B256::from(*key));
            }
            (
                opcode::EXTCODECOPY
                | opcode::EXTCODEHASH
                | opcode::EXTCODESIZE
                | opcode::BALANCE
                | opcode::SELFDESTRUCT,
                [.., address],
            ) => self.account(*address),
            (
                opcode::DELEGATECALL | opcode::CALL | opcode::STATICCALL | opcode::CALLCODE,
                [.., address, _],
            ) if stack.len() >= 5 => self.account(*address),
            _ => {}
        }
    }
}
