//! What loading accepts and refuses.

use super::*;
use std::sync::atomic::{AtomicU32, Ordering};

const FIXTURES: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../fixtures/mainnet");

/// A folder of its own, removed at the end of the test.
struct Folder(PathBuf);

impl Folder {
    /// With one recorded block, the first of mainnet that had a transaction.
    fn with_block() -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!(
            "heddle-recorded-{}-{}",
            std::process::id(),
            NEXT.fetch_add(1, Ordering::Relaxed)
        );
        let folder = Self(std::env::temp_dir().join(name));
        fs::create_dir_all(folder.0.join("46147")).unwrap();
        for file in ["46147/block.json", "46147/pre_state.json"] {
            fs::copy(Path::new(FIXTURES).join(file), folder.0.join(file)).unwrap();
        }
        folder.write("codes.json", "{}");
        folder.write("block_hashes.json", "{}");
        folder
    }

    fn write(&self, file: &str, text: &str) {
        fs::write(self.0.join(file), text).unwrap();
    }

    fn replace(&self, file: &str, from: &str, to: &str) {
        let text = fs::read_to_string(self.0.join(file)).unwrap();
        assert!(text.contains(from));
        self.write(file, &text.replace(from, to));
    }

    /// The error of loading with all its causes.
    fn refusal(&self) -> String {
        let error = load_folder(&self.0).unwrap_err();
        let mut text = error.to_string();
        let mut source = std::error::Error::source(&error);
        while let Some(cause) = source {
            text += &format!(": {cause}");
            source = cause.source();
        }
        text
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn loads_the_fixtures() {
    let blocks = load_folder(FIXTURES).unwrap();
    let numbers: Vec<u64> = blocks.iter().map(|block| block.number).collect();
    assert!(numbers.is_sorted());
    let find = |number| blocks.iter().find(|block| block.number == number).unwrap();

    let first = find(46_147);
    assert_eq!(first.fork, Fork::Frontier);
    assert_eq!(first.transactions.len(), 1);
    assert_eq!(first.transactions[0].chain_id, None);
    assert_eq!(first.env.prevrandao, None);
    assert_eq!(first.env.basefee, 0);

    let cancun = find(19_933_122);
    assert_eq!(cancun.fork, Fork::Cancun);
    assert!(cancun.env.prevrandao.is_some());
    assert!(cancun.env.blob_excess_gas_and_price.is_some());
    assert!(cancun.parent_beacon_block_root.is_some());
    assert_eq!(cancun.withdrawals.len(), 16);
    let blob = cancun.transactions.iter().find(|transaction| transaction.tx_type == 3).unwrap();
    assert!(!blob.blob_hashes.is_empty());
    assert!(blob.max_fee_per_blob_gas > 0);
    assert!(blob.gas_priority_fee.is_some());
}

#[test]
fn keeps_no_slot_that_is_zero() {
    for block in load_folder(FIXTURES).unwrap() {
        for account in block.state.accounts.values() {
            assert!(account.storage.values().all(|value| !value.is_zero()));
        }
    }
}

#[test]
fn names_what_is_missing() {
    let folder = Folder::with_block();
    assert_eq!(load_folder(&folder.0).unwrap().len(), 1);

    fs::remove_file(folder.0.join("block_hashes.json")).unwrap();
    assert!(folder.refusal().contains("block_hashes.json"));
    fs::remove_file(folder.0.join("codes.json")).unwrap();
    assert!(folder.refusal().contains("codes.json"));
    fs::remove_dir_all(folder.0.join("46147")).unwrap();
    assert!(folder.refusal().contains("no recorded blocks"));
    fs::remove_dir_all(&folder.0).unwrap();
    assert!(folder.refusal().contains("cannot open the folder"));
}

#[test]
fn names_the_file_and_place_of_malformed_json() {
    let folder = Folder::with_block();
    folder.replace("46147/block.json", "\"gas\":\"0x5208\"", "\"gas\":\"0xzz\"");
    let refusal = folder.refusal();
    assert!(refusal.contains("block.json"), "{refusal}");
    assert!(refusal.contains("0xzz") && refusal.contains("line 1"), "{refusal}");
}

#[test]
fn refuses_a_transaction_of_an_unknown_type() {
    let folder = Folder::with_block();
    folder.replace("46147/block.json", "\"type\":\"0x0\"", "\"type\":\"0x9\"");
    assert!(folder.refusal().contains("transaction 0 has a type other than 0 to 4"));
    folder.replace("46147/block.json", "\"type\":\"0x9\"", "\"type\":\"0x2\"");
    assert!(folder.refusal().contains("transaction 0 lacks maxFeePerGas"));
}

#[test]
fn refuses_a_code_under_a_foreign_hash() {
    let folder = Folder::with_block();
    let named = B256::repeat_byte(7);
    folder.write("codes.json", &format!("{{\"{named}\":\"0x00\"}}"));
    let refusal = folder.refusal();
    assert!(refusal.contains("codes.json") && refusal.contains(&named.to_string()), "{refusal}");
}

#[test]
fn names_the_account_whose_code_is_missing() {
    let folder = Folder::with_block();
    let hash = keccak256([0]);
    folder.replace(
        "46147/pre_state.json",
        "\"storage\":{}",
        &format!("\"storage\":{{}},\"code_hash\":\"{hash}\""),
    );
    assert!(folder.refusal().contains(&hash.to_string()));
    folder.write("codes.json", &format!("{{\"{hash}\":\"0x00\"}}"));
    assert!(load_folder(&folder.0).is_ok());
}

#[test]
fn reads_the_chain_of_a_legacy_transaction_from_its_signature() {
    let v = |v: u64| Some(Hex(v.try_into().unwrap()));
    assert_eq!(json::chain_id(None, v(28)), None);
    assert_eq!(json::chain_id(None, v(37)), Some(1));
    assert_eq!(json::chain_id(None, v(38)), Some(1));
    assert_eq!(json::chain_id(v(5), v(0)), Some(5));
}

#[test]
fn follows_the_blob_parameters_of_mainnet() {
    assert_eq!(blob_update_fraction(Fork::Cancun, 1_710_338_135), 3_338_477);
    assert_eq!(blob_update_fraction(Fork::Prague, 1_746_612_311), 5_007_716);
    assert_eq!(blob_update_fraction(Fork::Osaka, BPO1_TIME), 8_346_193);
}
