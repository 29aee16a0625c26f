//! geth's `prestateTracer`: the part of the state that a transaction needs, or what it changes.

use super::{
    events::{End, Listener, Step},
    state::Current,
};
use crate::call::Environment;
use alloy_primitives::{
    Address, B256, Bytes, KECCAK256_EMPTY, U256, keccak256,
    map::{AddressSet, HashSet},
};
use alloy_rpc_types_trace::geth::PreStateConfig;
use heddle_types::Fork;
use revm::{
    bytecode::opcode,
    context::{TransactionType, TxEnv, transaction::AuthorizationTr},
    primitives::TxKind,
};
use serde::Serialize;
use std::collections::{BTreeMap, btree_map::Entry};

#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
struct Account {
    #[serde(skip_serializing_if = "Option::is_none")]
    balance: Option<U256>,
    #[serde(skip_serializing_if = "Option::is_none")]
    code: Option<Bytes>,
    #[serde(skip_serializing_if = "Option::is_none")]
    code_hash: Option<B256>,
    #[serde(skip_serializing_if = "is_zero")]
    nonce: u64,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    storage: BTreeMap<B256, B256>,
    #[serde(skip)]
    empty: bool,
}

fn is_zero(nonce: &u64) -> bool {
    *nonce == 0
}

#[derive(Serialize)]
struct Diff<'d> {
    post: &'d BTreeMap<Address, Account>,
    pre: &'d BTreeMap<Address, Account>,
}

/// What an instruction was about to look at, in case it fails.
#[derive(Debug)]
enum Added {
    Account(Address),
    Slot(Address, B256),
}

/// What is asked for, and the block in which it is asked.
#[derive(Clone, Copy, Debug)]
pub(super) struct Options {
    diff: bool,
    code: bool,
    storage: bool,
    include_empty: bool,
    fork: Fork,
    beneficiary: Address,
}

impl Options {
    pub(super) fn new(
        config: &PreStateConfig,
        include_empty: bool,
        environment: &Environment,
    ) -> Self {
        Self {
            diff: config.diff_mode.unwrap_or_default(),
            code: !config.disable_code.unwrap_or_default(),
            storage: !config.disable_storage.unwrap_or_default(),
            include_empty,
            fork: environment.fork,
            beneficiary: environment.block.beneficiary,
        }
    }
}

/// Notes accounts and slots as they were when they were first looked at.
#[derive(Debug)]
pub(super) struct PrestateTracer {
    options: Options,
    pre: BTreeMap<Address, Account>,
    created: AddressSet,
    deleted: AddressSet,
    /// What the current instruction added.
    added: Vec<Added>,
    creates: Option<Address>,
    deletes: Option<Address>,
    bytes: usize,
}

const ACCOUNT_BYTES: usize = 300;
const SLOT_BYTES: usize = 140;

impl PrestateTracer {
    /// Begins with the accounts that every transaction looks at, as they are before it.
    pub(super) fn new(options: Options, transaction: &TxEnv, state: &mut dyn Current) -> Self {
        let mut tracer = Self {
            options,
            pre: BTreeMap::new(),
            created: AddressSet::default(),
            deleted: AddressSet::default(),
            added: Vec::new(),
            creates: None,
            deletes: None,
            bytes: 0,
        };
        let to = match transaction.kind {
            TxKind::Call(to) => {
                tracer.look_at_delegate(to, state);
                to
            }
            TxKind::Create => {
                let to = transaction.caller.create(state.account(transaction.caller).nonce);
                tracer.created.insert(to);
                to
            }
        };
        for address in [transaction.caller, to, options.beneficiary] {
            tracer.look_at(address, state);
        }
        if transaction.tx_type == TransactionType::Eip7702 as u8 {
            for authorization in &transaction.authorization_list {
                if let Some(authority) = authorization.authority() {
                    tracer.look_at(authority, state);
                }
            }
        }
        tracer.added.clear();
        tracer
    }

    fn look_at(&mut self, address: Address, state: &mut dyn Current) {
        if self.pre.contains_key(&address) {
            return;
        }
        let account = state.account(address);
        let code = state.code(address);
        let has_code = account.code_hash != KECCAK256_EMPTY && !account.code_hash.is_zero();
        self.bytes += ACCOUNT_BYTES + if self.options.code { 2 * code.len() } else { 0 };
        let noted = Account {
            balance: Some(account.balance),
            nonce: account.nonce,
            code_hash: has_code.then_some(account.code_hash),
            empty: account.balance.is_zero() && account.nonce == 0 && code.is_empty(),
            code: Some(code).filter(|code| self.options.code && !code.is_empty()),
            storage: BTreeMap::new(),
        };
        self.pre.insert(address, noted);
        self.added.push(Added::Account(address));
    }

    /// Looks at the account whose code `address` runs (EIP-7702).
    fn look_at_delegate(&mut self, address: Address, state: &mut dyn Current) {
        if self.options.fork < Fork::Prague {
            return;
        }
        let code = state.code(address);
        if code.len() == 23 && code.starts_with(&[0xef, 0x01, 0x00]) {
            self.look_at(Address::from_slice(&code[3..]), state);
        }
    }

    fn look_at_slot(&mut self, address: Address, key: U256, state: &mut dyn Current) {
        if !self.options.storage {
            return;
        }
        let Some(account) = self.pre.get_mut(&address) else { return };
        let key = B256::from(key);
        if let Entry::Vacant(slot) = account.storage.entry(key) {
            slot.insert(state.slot(address, key.into()).into());
            self.bytes += SLOT_BYTES;
            self.added.push(Added::Slot(address, key));
        }
    }

    fn create2_address(step: &Step<'_>) -> Option<Address> {
        let offset = usize::try_from(step.top(1)?).ok()?;
        let length = usize::try_from(step.top(2)?).ok()?;
        let end = offset.checked_add(length)?;
        // Memory is extended only by the instruction itself. A length that nobody can pay for
        // fails anyway.
        if length > CODE_BYTES_MAX {
            return None;
        }
        let mut code = vec![0; length];
        if let Some(known) = step.memory.get(offset..end.min(step.memory.len())) {
            code[..known.len()].copy_from_slice(known);
        }
        Some(step.address.create2(B256::from(step.top(3)?), keccak256(code)))
    }

    fn account_after(&mut self, address: Address, state: &mut dyn Current) -> Option<Account> {
        let before = self.pre.get_mut(&address)?;
        let now = state.account(address);
        let mut after = Account::default();
        let mut modified = false;
        if Some(now.balance) != before.balance {
            modified = true;
            after.balance = Some(now.balance);
        }
        if now.nonce != before.nonce {
            modified = true;
            after.nonce = now.nonce;
        }
        if now.code_hash != before.code_hash.unwrap_or(KECCAK256_EMPTY) {
            modified = true;
            after.code_hash = Some(now.code_hash);
            if self.options.code {
                // geth leaves out the code of an account that has none any more.
                after.code = Some(state.code(address)).filter(|code| !code.is_empty());
            }
        }
        before.storage.retain(|key, value| {
            let now = B256::from(state.slot(address, (*key).into()));
            if *value == now {
                return false;
            }
            modified = true;
            if !now.is_zero() {
                after.storage.insert(*key, now);
            }
            !value.is_zero()
        });
        modified.then_some(after)
    }

    fn differences(&mut self, state: &mut dyn Current) -> BTreeMap<Address, Account> {
        let mut post = BTreeMap::new();
        let mut unchanged: HashSet<Address> = HashSet::default();
        let addresses: Vec<Address> = self.pre.keys().copied().collect();
        for address in addresses {
            // What is gone has no state afterwards.
            if self.deleted.contains(&address) {
                continue;
            }
            match self.account_after(address, state) {
                Some(after) => {
                    post.insert(address, after);
                }
                None => {
                    unchanged.insert(address);
                }
            }
        }
        self.pre.retain(|address, _| !unchanged.contains(address));
        post
    }
}

/// Longer init code than any chain allows.
const CODE_BYTES_MAX: usize = 1 << 20;

impl Listener for PrestateTracer {
    fn wants_steps(&self) -> bool {
        true
    }

    fn step(&mut self, step: &Step<'_>, state: &mut dyn Current) {
        self.added.clear();
        (self.creates, self.deletes) = (None, None);
        let address_at = |depth| step.top(depth).map(|word| Address::from_word(word.into()));
        match step.opcode {
            opcode::SLOAD | opcode::SSTORE => {
                if let Some(key) = step.top(0) {
                    self.look_at_slot(step.address, key, state);
                }
            }
            opcode::EXTCODECOPY
            | opcode::EXTCODEHASH
            | opcode::EXTCODESIZE
            | opcode::BALANCE
            | opcode::SELFDESTRUCT => {
                let Some(address) = address_at(0) else { return };
                self.look_at(address, state);
                if step.opcode == opcode::SELFDESTRUCT {
                    let gone =
                        self.options.fork < Fork::Cancun || self.created.contains(&step.address);
                    self.deletes = gone.then_some(step.address);
                }
            }
            opcode::DELEGATECALL | opcode::CALL | opcode::STATICCALL | opcode::CALLCODE => {
                let Some(address) = address_at(1).filter(|_| step.stack.len() >= 5) else { return };
                self.look_at(address, state);
                self.look_at_delegate(address, state);
            }
            opcode::CREATE => {
                let address = step.address.create(state.account(step.address).nonce);
                self.look_at(address, state);
                self.creates = Some(address);
            }
            opcode::CREATE2 => {
                let Some(address) = Self::create2_address(step) else { return };
                self.look_at(address, state);
                self.creates = Some(address);
            }
            _ => {}
        }
    }

    fn step_done(&mut self, _: u64, error: Option<&str>) {
        if error.is_none() {
            self.created.extend(self.creates.take());
            self.deleted.extend(self.deletes.take());
            self.added.clear();
            return;
        }
        // The instruction was not executed, so it looked at nothing.
        for added in self.added.drain(..) {
            match added {
                Added::Account(address) => {
                    self.pre.remove(&address);
                }
                Added::Slot(address, key) => {
                    if let Some(account) = self.pre.get_mut(&address) {
                        account.storage.remove(&key);
                    }
                }
            }
        }
    }

    fn bytes(&self) -> usize {
        self.bytes
    }

    fn finish(&mut self, _: &End, state: &mut dyn Current) -> Result<String, serde_json::Error> {
        let post = if self.options.diff { self.differences(state) } else { BTreeMap::new() };
        if !self.options.include_empty {
            self.pre.retain(|_, account| !account.empty);
        }
        if self.options.diff {
            serde_json::to_string(&Diff { post: &post, pre: &self.pre })
        } else {
            serde_json::to_string(&self.pre)
        }
    }
}
