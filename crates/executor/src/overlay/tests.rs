use super::*;
use crate::{MemoryAccount, MemoryState};
use proptest::prelude::*;
use revm::state::{AccountStatus, EvmStorageSlot, TransactionId};

/// One thing done to an overlay.
#[derive(Clone, Debug)]
enum Act {
    Set { address: u8, balance: u64, nonce: u64 },
    Slot { address: u8, key: u8, value: u8 },
    Replace { address: u8, key: u8, value: u8 },
    Destroy { address: u8 },
    Take,
}

fn act() -> impl Strategy<Value = Act> {
    let (address, small) = (0_u8..3, 0_u8..3);
    prop_oneof![
        (address.clone(), 0_u64..3, 0_u64..2).prop_map(|(address, balance, nonce)| Act::Set {
            address,
            balance,
            nonce
        }),
        (address.clone(), small.clone(), small.clone())
            .prop_map(|(address, key, value)| Act::Slot { address, key, value }),
        (address.clone(), small.clone(), small).prop_map(|(address, key, value)| Act::Replace {
            address,
            key,
            value
        }),
        address.prop_map(|address| Act::Destroy { address }),
        Just(Act::Take),
    ]
}

fn address(number: u8) -> Address {
    Address::with_last_byte(number)
}

fn base() -> MemoryState {
    let mut state = MemoryState::default();
    for number in 0..2 {
        let mut account = MemoryAccount { balance: U256::from(1), nonce: 1, ..Default::default() };
        account.storage.insert(U256::from(number), U256::from(1));
        state.accounts.insert(address(number), account);
    }
    state
}

fn touched(status: AccountStatus) -> Account {
    let mut account = Account::default();
    account.status = AccountStatus::Touched | status;
    account
}

proptest! {
    /// Whatever is done to it, its changes applied to the state below give what it reads.
    #[test]
    fn changes_lead_to_what_the_overlay_reads(acts in prop::collection::vec(act(), 0..30)) {
        let base = base();
        let mut overlay = Overlay::new(&base);
        let mut applied = base.clone();
        for act in acts {
            match act {
                Act::Set { address: a, balance, nonce } => overlay
                    .change_account(address(a), |account| {
                        account.balance = U256::from(balance);
                        account.nonce = nonce;
                    })
                    .unwrap(),
                // Only what exists has slots.
                Act::Slot { address: a, key, value } => {
                    if overlay.account(address(a)).unwrap().is_some() {
                        overlay.set_slot(address(a), U256::from(key), U256::from(value)).unwrap();
                    }
                }
                Act::Replace { address: a, key, value } => {
                    if overlay.account(address(a)).unwrap().is_some() {
                        let slot = (U256::from(key), U256::from(value));
                        overlay.replace_storage(address(a), [slot]).unwrap();
                    }
                }
                Act::Destroy { address: a } => {
                    let changes = [(address(a), touched(AccountStatus::SelfDestructed))].into_iter().collect();
                    overlay.commit(&changes, true).unwrap();
                }
                Act::Take => applied.apply(&overlay.take_changes()),
            }
        }
        applied.apply(&overlay.take_changes());
        for number in 0..3 {
            let expected = applied.basic_ref(address(number)).unwrap();
            prop_assert_eq!(overlay.basic_ref(address(number)).unwrap(), expected.clone());
            prop_assert_eq!(overlay.basic(address(number)).unwrap(), expected.clone());
            for key in (0..3).map(U256::from).filter(|_| expected.is_some()) {
                let expected = applied.storage_ref(address(number), key).unwrap();
                prop_assert_eq!(overlay.storage_ref(address(number), key).unwrap(), expected);
                prop_assert_eq!(overlay.storage(address(number), key).unwrap(), expected);
            }
        }
    }
}

#[test]
fn a_slot_that_ends_as_it_began_is_no_change() {
    let base = base();
    let mut overlay = Overlay::new(&base);
    overlay.set_slot(address(0), U256::ZERO, U256::from(5)).unwrap();
    overlay.set_slot(address(0), U256::ZERO, U256::from(1)).unwrap();
    assert_eq!(overlay.take_changes(), ChangeSet::default());
}

#[test]
fn a_committed_slot_counts_from_before_the_transaction() {
    let base = base();
    let mut overlay = Overlay::new(&base);
    let mut account = touched(AccountStatus::empty());
    account.info.balance = U256::from(1);
    account.info.nonce = 1;
    account.info.code_hash = KECCAK256_EMPTY;
    let slot = EvmStorageSlot::new_changed(U256::from(1), U256::from(9), TransactionId::ZERO);
    account.storage.insert(U256::ZERO, slot);
    overlay.commit(&[(address(0), account)].into_iter().collect(), true).unwrap();
    let changes = overlay.take_changes();
    assert_eq!(changes.accounts[0].storage, [(U256::ZERO, U256::from(9))]);
}

#[test]
fn a_block_hash_can_be_set() {
    let base = base();
    let mut overlay = Overlay::new(&base);
    overlay.set_block_hash(7, B256::with_last_byte(7));
    assert_eq!(overlay.block_hash(7).unwrap(), B256::with_last_byte(7));
    assert_eq!(overlay.block_hash(8).unwrap(), B256::ZERO);
}
