//! What one transaction sees of the state: revm's database over multi-version memory.

use crate::{
    guided::Listed,
    mv_memory::{AccountEntry, AccountNumber, MvMemory, Seen, SlotEntry, SlotNumber, UNLISTED},
    reads::Reads,
    versions::Step,
};
use alloy_primitives::{Address, B256, KECCAK256_EMPTY, U256};
use foldhash::fast::RandomState;
use hashbrown::HashMap;
use heddle_types::AccountState;
use revm::{
    Database, DatabaseRef,
    bytecode::Bytecode,
    database_interface::DBErrorMarker,
    state::{AccountId, AccountInfo},
};

/// The state as a transaction in the parallel engine sees it.
pub struct View<'a, DB> {
    memory: &'a MvMemory,
    before: &'a DB,
    /// The access list that is followed, ...
    listed: Option<&'a Listed<'a>>,
    /// ... and whether only what it names may be touched.
    listed_only: bool,
    viewpoint: Viewpoint,
    thread: usize,
    /// Whether the running transaction has read a slot that the suspected step wrote.
    pub(crate) reads_suspect: bool,
    pub(crate) accounts: Vec<AccountRead>,
    pub(crate) slots: Vec<SlotRead>,
    /// Codes met before on this thread. Their reference counts are this thread's own, so that
    /// threads that run the same contract do not fight over one cache line.
    codes: HashMap<B256, Bytecode, RandomState>,
}

/// Where a transaction looks from.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Viewpoint {
    /// It sees what all earlier steps leave.
    pub(crate) step: Step,
    /// The step that it is suspected to depend on.
    pub(crate) suspect: Option<Step>,
    /// Accounts whose numbers are known without a look-up: sender, recipient, beneficiary.
    pub(crate) known: [(Address, AccountNumber); 3],
}

impl Default for Viewpoint {
    fn default() -> Self {
        Self { step: 0, suspect: None, known: [(Address::ZERO, AccountNumber::MAX); 3] }
    }
}

/// An account that the running transaction has read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct AccountRead {
    pub(crate) number: AccountNumber,
    pub(crate) address: Address,
    pub(crate) seen: Seen,
}

/// A slot that the running transaction has read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct SlotRead {
    pub(crate) number: SlotNumber,
    pub(crate) account: AccountNumber,
    pub(crate) key: U256,
    pub(crate) seen: U256,
}

/// Why a [`View`] cannot give a value.
#[derive(Debug, thiserror::Error)]
pub enum ViewError<E: std::error::Error + 'static> {
    /// The state before the block could not be read.
    #[error(transparent)]
    Database(E),
    /// The access list does not name the account.
    #[error("account {0} is not in the block's access list")]
    UnlistedAccount(Address),
    /// The access list does not name the slot.
    #[error("slot {1} of account {0} is not in the block's access list")]
    UnlistedSlot(Address, U256),
}

impl<E: DBErrorMarker> DBErrorMarker for ViewError<E> {}

impl<DB> core::fmt::Debug for View<'_, DB> {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.debug_struct("View").field("step", &self.viewpoint.step).finish_non_exhaustive()
    }
}

impl<'a, DB: DatabaseRef> View<'a, DB> {
    pub(crate) fn new(
        memory: &'a MvMemory,
        before: &'a DB,
        listed: Option<&'a Listed<'a>>,
        thread: usize,
    ) -> Self {
        Self {
            memory,
            before,
            listed,
            listed_only: listed.is_some(),
            viewpoint: Viewpoint::default(),
            thread,
            reads_suspect: false,
            accounts: Vec::new(),
            slots: Vec::new(),
            codes: HashMap::default(),
        }
    }

    /// Starts a transaction.
    pub(crate) fn begin(&mut self, viewpoint: Viewpoint) {
        self.viewpoint = viewpoint;
        self.reads_suspect = false;
        self.accounts.clear();
        self.slots.clear();
    }

    /// From now on what the access list does not name may be touched.
    pub(crate) fn leave_list(&mut self) {
        self.listed_only = false;
    }

    pub(crate) fn reads(&self) -> Reads<'a> {
        Reads { memory: self.memory, listed: self.listed }
    }

    pub(crate) fn memory(&self) -> &'a MvMemory {
        self.memory
    }

    pub(crate) fn account_number(
        &self,
        address: Address,
    ) -> Result<AccountNumber, ViewError<DB::Error>> {
        for (known, number) in self.viewpoint.known {
            if known == address && number != AccountNumber::MAX {
                return Ok(number);
            }
        }
        let place = self.listed.and_then(|listed| listed.place(&address));
        if let Some(number) = self.memory.premade_number(place) {
            return Ok(number);
        }
        self.memory.account_number(address, self.thread, || {
            if self.listed_only && place.is_none() {
                return Err(ViewError::UnlistedAccount(address));
            }
            load_account(self.reads(), self.before, address, place).map_err(ViewError::Database)
        })
    }

    pub(crate) fn slot_number(
        &self,
        address: Address,
        account: AccountNumber,
        key: U256,
    ) -> Result<SlotNumber, ViewError<DB::Error>> {
        let place = self.listed.and_then(|listed| {
            let entry = self.memory.account(account);
            listed.slot_place(self.memory, entry, key)
        });
        if let Some(number) = self.memory.premade_number(place) {
            return Ok(number);
        }
        self.memory.slot_number(account, key, self.thread, || {
            if self.listed_only && place.is_none() {
                return Err(ViewError::UnlistedSlot(address, key));
            }
            let before = self.before.storage_ref(address, key).map_err(ViewError::Database)?;
            Ok(SlotEntry::new(account, key, before, place.unwrap_or(UNLISTED)))
        })
    }

    fn read_slot(
        &mut self,
        address: Address,
        account: AccountNumber,
        key: U256,
    ) -> Result<U256, ViewError<DB::Error>> {
        let number = self.slot_number(address, account, key)?;
        let (seen, writer) = self.reads().slot(number, self.viewpoint.step);
        self.reads_suspect |= writer.is_some() && writer == self.viewpoint.suspect;
        self.slots.push(SlotRead { number, account, key, seen });
        Ok(seen)
    }
}

/// Makes the entry of an account, at a `place` of the list that is followed if it has one, from the
/// state before the block; keeps its code when it comes along.
pub(crate) fn load_account<DB: DatabaseRef>(
    reads: Reads<'_>,
    before: &DB,
    address: Address,
    place: Option<u32>,
) -> Result<AccountEntry, DB::Error> {
    let account = before.basic_ref(address)?.map(|info| {
        if let Some(code) = info.code.filter(|_| info.code_hash != KECCAK256_EMPTY) {
            reads.memory.add_code(info.code_hash, code);
        }
        AccountState { balance: info.balance, nonce: info.nonce, code_hash: info.code_hash }
    });
    Ok(match (reads.listed, place) {
        (Some(listed), Some(place)) => listed.entry(account, place),
        _ => AccountEntry::new(address, account, UNLISTED),
    })
}

impl<DB: DatabaseRef> Database for View<'_, DB> {
    type Error = ViewError<DB::Error>;

    fn basic(&mut self, address: Address) -> Result<Option<AccountInfo>, Self::Error> {
        let number = self.account_number(address)?;
        let account = self.memory.account(number);
        self.memory.contest(account);
        let seen = self.reads().entry(account, self.viewpoint.step);
        self.accounts.push(AccountRead { number, address, seen });
        Ok(seen.exists.then(|| AccountInfo {
            balance: seen.balance,
            nonce: seen.nonce,
            code_hash: seen.code_hash,
            account_id: AccountId::new(number as usize),
            code: None,
        }))
    }

    fn code_by_hash(&mut self, code_hash: B256) -> Result<Bytecode, Self::Error> {
        if code_hash == KECCAK256_EMPTY {
            return Ok(Bytecode::default());
        }
        if let Some(code) = self.codes.get(&code_hash) {
            return Ok(code.clone());
        }
        let code = match self.memory.code(&code_hash) {
            Some(code) => code,
            None => self.before.code_by_hash_ref(code_hash).map_err(ViewError::Database)?,
        };
        self.codes.insert(code_hash, code.clone());
        Ok(code)
    }

    fn storage(&mut self, address: Address, key: U256) -> Result<U256, Self::Error> {
        let account = self.account_number(address)?;
        self.read_slot(address, account, key)
    }

    fn storage_by_account_id(
        &mut self,
        address: Address,
        account_id: AccountId,
        key: U256,
    ) -> Result<U256, Self::Error> {
        let account = AccountNumber::try_from(account_id.get())
            .expect("the number was handed out by `basic` above");
        self.read_slot(address, account, key)
    }

    fn block_hash(&mut self, number: u64) -> Result<B256, Self::Error> {
        self.before.block_hash_ref(number).map_err(ViewError::Database)
    }
}
