//! How two executions of one block differ, in words.

use alloy_primitives::{Address, B256, Log, U256};
use heddle_executor::BlockOutput;
use heddle_types::{AccessList, AccountChange, ChangeSet, Receipt};
use std::{collections::BTreeMap, fmt::Debug};

/// Differences told at most: the first ones tell the cause, and a broken block has thousands.
const DIFFERENCES_MAX: usize = 20;

/// How two executions of one block differ: one line for each difference, `a` first; empty when
/// they are equal.
///
/// Access lists are compared when both have one. How the work went (`statistics`) is not compared.
pub fn differences(a: &BlockOutput, b: &BlockOutput) -> Vec<String> {
    let mut found = Differences::default();
    found.compare("gas used", &a.gas_used, &b.gas_used);
    found.compare("blob gas used", &a.blob_gas_used, &b.blob_gas_used);
    found.receipts(&a.receipts, &b.receipts);
    found.compare("skipped transactions", &a.skipped, &b.skipped);
    found.compare("requests", &a.requests, &b.requests);
    found.changes(&a.changes, &b.changes);
    if let (Some(a), Some(b)) = (&a.access_list, &b.access_list) {
        found.access_lists(a, b);
    }
    found.into_lines()
}

#[derive(Default)]
struct Differences {
    lines: Vec<String>,
}

impl Differences {
    fn compare<T: PartialEq + Debug>(&mut self, what: &str, a: &T, b: &T) {
        if a != b {
            self.lines.push(format!("{what}: {a:?} != {b:?}"));
        }
    }

    /// Tells the first receipt that differs; the gas of all later ones often follows from it.
    fn receipts(&mut self, a: &[Receipt], b: &[Receipt]) {
        self.compare("number of receipts", &a.len(), &b.len());
        let first = a.iter().zip(b).enumerate().find(|(_, (a, b))| a != b);
        let Some((index, (a, b))) = first else { return };
        let what = |field: &str| format!("receipt {index}, {field}");
        self.compare(&what("type"), &a.tx_type, &b.tx_type);
        self.compare(&what("success"), &a.success, &b.success);
        self.compare(&what("gas used"), &a.gas_used, &b.gas_used);
        self.compare(&what("cumulative gas used"), &a.cumulative_gas_used, &b.cumulative_gas_used);
        self.logs(index, &a.logs, &b.logs);
        self.compare(&what("bloom"), &a.bloom, &b.bloom);
    }

    fn logs(&mut self, receipt: usize, a: &[Log], b: &[Log]) {
        self.compare(&format!("receipt {receipt}, number of logs"), &a.len(), &b.len());
        if let Some(index) = a.iter().zip(b).position(|(a, b)| a != b) {
            self.compare(&format!("receipt {receipt}, log {index}"), &a[index], &b[index]);
        }
    }

    fn changes(&mut self, a: &ChangeSet, b: &ChangeSet) {
        let address = |change: &AccountChange| change.address;
        for (address, pair) in paired(&a.accounts, &b.accounts, address) {
            match pair {
                (Some(a), Some(b)) => self.account(address, a, b),
                (a, b) => self.compare(&format!("account {address}"), &a, &b),
            }
        }
        let hash = |code: &(B256, _)| code.0;
        for (hash, (a, b)) in paired(&a.codes, &b.codes, hash) {
            self.compare(&format!("code {hash}"), &a, &b);
        }
        self.order("the change set", a == b);
    }

    fn account(&mut self, address: Address, a: &AccountChange, b: &AccountChange) {
        self.compare(&format!("account {address} after the block"), &a.after, &b.after);
        self.compare(
            &format!("account {address}, storage cleared"),
            &a.storage_cleared,
            &b.storage_cleared,
        );
        let key = |slot: &(U256, U256)| slot.0;
        for (key, (a, b)) in paired(&a.storage, &b.storage, key) {
            let value = |slot: Option<&(U256, U256)>| match slot {
                Some((_, value)) => format!("{value:#x}"),
                None => "unchanged".to_owned(),
            };
            if a != b {
                let (a, b) = (value(a), value(b));
                self.lines.push(format!("account {address}, slot {key:#x}: {a} != {b}"));
            }
        }
    }

    fn access_lists(&mut self, a: &AccessList, b: &AccessList) {
        for (address, pair) in paired(&a.accounts, &b.accounts, |account| account.address) {
            let what = |field: &str| format!("access list, account {address}, {field}");
            let (Some(a), Some(b)) = pair else {
                let side = |is_listed| if is_listed { "listed" } else { "not listed" };
                let (a, b) = (side(pair.0.is_some()), side(pair.1.is_some()));
                self.lines.push(format!("access list, account {address}: {a} != {b}"));
                continue;
            };
            for (slot, (a, b)) in paired(&a.storage_changes, &b.storage_changes, |slot| slot.slot) {
                self.compare(&what(&format!("changes of slot {slot:#x}")), &a, &b);
            }
            self.compare(&what("slots read"), &a.storage_reads, &b.storage_reads);
            self.compare(&what("balances"), &a.balance_changes, &b.balance_changes);
            self.compare(&what("nonces"), &a.nonce_changes, &b.nonce_changes);
            self.compare(&what("codes"), &a.code_changes, &b.code_changes);
        }
        for (address, (a, b)) in paired(&a.marks, &b.marks, |marks| marks.address) {
            self.compare(&format!("access list, existence of {address}"), &a, &b);
        }
        self.order("the access list", a == b);
    }

    /// Tells that something is not equal though no part of it is: its parts are in another order.
    fn order(&mut self, what: &str, is_equal: bool) {
        if !is_equal && self.lines.is_empty() {
            self.lines.push(format!("{what}: same entries, but not in the same order"));
        }
    }

    fn into_lines(mut self) -> Vec<String> {
        let more = self.lines.len().saturating_sub(DIFFERENCES_MAX);
        if more > 0 {
            self.lines.truncate(DIFFERENCES_MAX);
            self.lines.push(format!("and {more} more differences"));
        }
        self.lines
    }
}

/// The entries of both lists by key; of a key that a list holds twice, the last entry.
fn paired<'a, T, K: Ord>(
    a: &'a [T],
    b: &'a [T],
    key: impl Fn(&T) -> K,
) -> BTreeMap<K, (Option<&'a T>, Option<&'a T>)> {
    let mut pairs = BTreeMap::<K, (Option<&T>, Option<&T>)>::new();
    for entry in a {
        pairs.entry(key(entry)).or_default().0 = Some(entry);
    }
    for entry in b {
        pairs.entry(key(entry)).or_default().1 = Some(entry);
    }
    pairs
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloy_eips::eip7928::AccountChanges;
    use heddle_types::{AccountState, ExistenceMarks};

    fn output() -> BlockOutput {
        let account = |byte| AccountChange {
            address: Address::repeat_byte(byte),
            after: Some(AccountState {
                balance: U256::from(byte),
                nonce: 1,
                code_hash: B256::ZERO,
            }),
            storage_cleared: false,
            storage: vec![(U256::from(1), U256::from(2)), (U256::from(3), U256::from(4))],
        };
        let receipt = Receipt {
            state_root: None,
            tx_type: 2,
            success: true,
            gas_used: 21_000,
            cumulative_gas_used: 21_000,
            logs: vec![Log::default()],
            bloom: Default::default(),
        };
        BlockOutput {
            receipts: vec![receipt.clone(), receipt],
            gas_used: 42_000,
            changes: ChangeSet { accounts: vec![account(1), account(2)], codes: vec![] },
            access_list: Some(AccessList::default()),
            ..BlockOutput::default()
        }
    }

    /// The only difference that `change` makes.
    fn told(change: impl FnOnce(&mut BlockOutput)) -> String {
        let mut changed = output();
        change(&mut changed);
        let told = differences(&output(), &changed);
        assert_eq!(told.len(), 1, "{told:#?}");
        told.into_iter().next().unwrap()
    }

    #[test]
    fn finds_nothing_between_equals() {
        assert_eq!(differences(&output(), &output()), Vec::<String>::new());
    }

    #[test]
    fn does_not_miss_a_list_that_was_not_asked_for() {
        let without = BlockOutput { access_list: None, ..output() };
        assert!(differences(&output(), &without).is_empty());
    }

    #[test]
    fn names_the_first_receipt_that_differs() {
        let difference = told(|output| output.receipts[1].gas_used = 5);
        assert_eq!(difference, "receipt 1, gas used: 21000 != 5");
        let difference = told(|output| output.receipts[0].logs.clear());
        assert_eq!(difference, "receipt 0, number of logs: 1 != 0");
        let difference = told(|output| output.receipts.truncate(1));
        assert_eq!(difference, "number of receipts: 2 != 1");
    }

    #[test]
    fn names_account_and_slot_with_both_values() {
        let difference = told(|output| output.changes.accounts[1].storage[1].1 = U256::from(255));
        let address = Address::repeat_byte(2);
        assert_eq!(difference, format!("account {address}, slot 0x3: 0x4 != 0xff"));
        let difference = told(|output| output.changes.accounts[1].storage.truncate(1));
        assert_eq!(difference, format!("account {address}, slot 0x3: 0x4 != unchanged"));
        let difference = told(|output| output.changes.accounts[0].after = None);
        assert!(difference.contains("0x0101") && difference.ends_with("!= None"), "{difference}");
        let difference = told(|output| output.changes.accounts.truncate(1));
        assert!(difference.contains(&address.to_string()), "{difference}");
    }

    #[test]
    fn sees_another_order() {
        let difference = told(|output| output.changes.accounts.reverse());
        assert!(difference.contains("order"), "{difference}");
    }

    #[test]
    fn names_the_account_and_field_of_an_access_list() {
        let address = Address::repeat_byte(9);
        let listed = |reads: Vec<U256>| {
            let mut account = AccountChanges::new(address);
            account.storage_reads = reads;
            BlockOutput {
                access_list: Some(AccessList { accounts: vec![account], marks: vec![] }),
                ..output()
            }
        };
        assert_eq!(
            differences(&output(), &listed(vec![])),
            [format!("access list, account {address}: not listed != listed")]
        );
        assert_eq!(
            differences(&listed(vec![]), &listed(vec![U256::from(7)])),
            [format!("access list, account {address}, slots read: [] != [7]")]
        );
    }

    #[test]
    fn sees_another_mark() {
        let address = Address::repeat_byte(9);
        let difference = told(|output| {
            let marks = ExistenceMarks { address, destroyed_at: vec![1], emptied_at: vec![] };
            output.access_list.as_mut().unwrap().marks.push(marks);
        });
        assert!(difference.contains("existence") && difference.contains("[1]"), "{difference}");
    }

    #[test]
    fn tells_a_bounded_number_of_differences() {
        let mut changed = output();
        for byte in 10..100 {
            let mut account = changed.changes.accounts[0].clone();
            account.address = Address::repeat_byte(byte);
            changed.changes.accounts.push(account);
        }
        let told = differences(&output(), &changed);
        assert_eq!(told.len(), DIFFERENCES_MAX + 1);
        assert_eq!(told.last().unwrap(), "and 70 more differences");
    }
}
