//! What can be checked of an execution without another one.

use crate::recorded::RecordedBlock;
use alloy_eips::eip7928::BlockAccessList;
use alloy_primitives::Bloom;
use alloy_rlp::Decodable;
use alloy_trie::root::ordered_trie_root_with_encoder;
use heddle_executor::BlockOutput;
use heddle_types::{AccessList, Fork, Receipt};
use std::fmt::Display;

/// How an execution differs from what the block's header says, the header's value last.
pub(super) fn header_differences(recorded: &RecordedBlock, output: &BlockOutput) -> Vec<String> {
    let header = &recorded.outcome;
    let mut differences = Vec::new();
    compare(&mut differences, "gas used", output.gas_used, header.gas_used);
    if let Some(blob_gas_used) = header.blob_gas_used {
        compare(&mut differences, "blob gas used", output.blob_gas_used, blob_gas_used);
    }
    let bloom = output.receipts.iter().fold(Bloom::ZERO, |all, receipt| all | receipt.bloom);
    compare(&mut differences, "logs bloom", bloom, header.logs_bloom);
    // Earlier receipts hold intermediate state roots, which a partial state cannot give.
    if recorded.fork >= Fork::Byzantium {
        let root = ordered_trie_root_with_encoder(&output.receipts, |receipt: &Receipt, bytes| {
            receipt.encode_2718(bytes);
        });
        compare(&mut differences, "receipts root", root, header.receipts_root);
    }
    differences
}

fn compare<T: PartialEq + Display>(
    differences: &mut Vec<String>,
    what: &str,
    executed: T,
    header: T,
) {
    if executed != header {
        differences.push(format!("{what}: {executed} != {header} (header)"));
    }
}

/// The list as another node would have it.
///
/// From Cancun on that is what its wire form says, and the marks must be empty. Before, lists are
/// not sent, and the list is returned as it is.
pub(crate) fn list_to_send(list: AccessList, fork: Fork) -> Result<AccessList, String> {
    if fork < Fork::Cancun {
        return Ok(list);
    }
    if let Some(mark) = list.marks.first() {
        return Err(format!(
            "the access list has a mark, which its wire form cannot hold: {mark:?}"
        ));
    }
    let bytes = alloy_rlp::encode(&list.accounts);
    let accounts = BlockAccessList::decode(&mut bytes.as_slice())
        .map_err(|error| format!("the access list cannot be decoded from its RLP: {error}"))?;
    if accounts != list.accounts {
        return Err("the access list is another one after encoding it as RLP".to_owned());
    }
    Ok(AccessList { accounts, marks: Vec::new() })
}
