//! One line for each method. To add one, write its handler and its line.

use super::{
    Handler::{self, Blocking, Quick, Subscription, Waiting},
    Method,
};
use crate::{
    Namespace::{self, Debug, Erigon, Eth, Heddle, Net, Ots, Rpc, Testing, Trace, Txpool, Web3},
    agreement, debug,
    eth::{blocks, call, fees, info, logs, sending, simulate, state, transactions, wallet},
    ots, testing, trace, txpool,
};

const fn method(
    id: (&'static str, Namespace),
    parameters: &'static str,
    doc: &'static str,
    handler: Handler,
) -> Method {
    Method::new(id, parameters, doc, handler)
}

/// All methods but those of a development chain.
#[rustfmt::skip]
pub(crate) const TABLE: &[Method] = &[
    // The chain.
    method(("eth_chainId", Eth), "", "The id of the chain (EIP-155).", Quick(info::chain_id)),
    method(("eth_blockNumber", Eth), "", "The height of the last block.", Quick(blocks::number)),
    method(("eth_syncing", Eth), "", "Whether the node lags behind; it never does.", Quick(info::syncing)),
    method(("eth_coinbase", Eth), "", "Who was paid for the last block.", Quick(info::coinbase)),
    method(("eth_mining", Eth), "", "Whether the node mines by proof of work; it never does.", Quick(info::mining)),
    method(("eth_hashrate", Eth), "", "Always zero.", Quick(info::hashrate)),
    method(("eth_protocolVersion", Eth), "", "The version of the wire protocol.", Quick(info::protocol_version)),
    method(("eth_config", Eth), "", "The rules that are active, come next and come last (EIP-7910).", Quick(info::config)),
    method(("eth_capabilities", Eth), "", "Which blocks the node can answer for.", Quick(info::capabilities)),
    // Blocks.
    method(("eth_getBlockByNumber", Eth), "block, [full]", "A block, with hashes of its transactions or all of each.", Blocking(blocks::by_number)),
    method(("eth_getBlockByHash", Eth), "hash, [full]", "A block, with hashes of its transactions or all of each.", Blocking(blocks::by_hash)),
    method(("eth_getHeaderByNumber", Eth), "block", "The header of a block.", Quick(blocks::header_by_number)),
    method(("eth_getHeaderByHash", Eth), "hash", "The header of a block.", Quick(blocks::header_by_hash)),
    method(("eth_getBlockTransactionCountByNumber", Eth), "block", "The number of transactions of a block.", Quick(blocks::transaction_count)),
    method(("eth_getBlockTransactionCountByHash", Eth), "hash", "The number of transactions of a block.", Quick(blocks::transaction_count)),
    method(("eth_getUncleCountByBlockNumber", Eth), "block", "The number of uncles of a block.", Quick(blocks::uncle_count)),
    method(("eth_getUncleCountByBlockHash", Eth), "hash", "The number of uncles of a block.", Quick(blocks::uncle_count)),
    method(("eth_getUncleByBlockNumberAndIndex", Eth), "block, index", "An uncle of a block.", Quick(blocks::uncle)),
    method(("eth_getUncleByBlockHashAndIndex", Eth), "hash, index", "An uncle of a block.", Quick(blocks::uncle)),
    method(("eth_getBlockReceipts", Eth), "block", "The receipts of all transactions of a block.", Blocking(blocks::receipts)),
    method(("eth_getBlockAccessList", Eth), "block", "What a block touched (EIP-7928); null before Amsterdam.", Blocking(blocks::access_list))
        .with_aliases(&["eth_getBlockAccessListByBlockNumber", "eth_getBlockAccessListByBlockHash"]),
    // State.
    method(("eth_getBalance", Eth), "address, [block]", "The balance of an account, in wei.", Quick(state::balance)),
    method(("eth_getCode", Eth), "address, [block]", "The code of an account.", Quick(state::code)),
    method(("eth_getStorageAt", Eth), "address, slot, [block]", "A slot of an account.", Quick(state::storage_at)),
    method(("eth_getStorageValues", Eth), "slots by address, [block]", "Many slots of many accounts.", Blocking(state::storage_values)),
    method(("eth_getTransactionCount", Eth), "address, [block]", "The nonce of an account; with `pending` after what it has in the pool.", Quick(state::transaction_count)),
    method(("eth_getAccount", Eth), "address, [block]", "Balance, nonce, code hash and storage root of an account.", Quick(state::account)),
    method(("eth_getAccountInfo", Eth), "address, [block]", "Balance, nonce and code of an account.", Quick(state::account_info)),
    method(("eth_getProof", Eth), "address, slots, [block]", "An account and slots with their Merkle proofs (EIP-1186).", Blocking(state::proof)),
    // Transactions.
    method(("eth_getTransactionByHash", Eth), "hash", "A transaction of the chain or of the pool.", Quick(transactions::by_hash)),
    method(("eth_getTransactionByBlockNumberAndIndex", Eth), "block, index", "A transaction of a block.", Quick(transactions::by_index)),
    method(("eth_getTransactionByBlockHashAndIndex", Eth), "hash, index", "A transaction of a block.", Quick(transactions::by_index)),
    method(("eth_getTransactionBySenderAndNonce", Eth), "address, nonce", "The transaction of an account with a nonce.", Blocking(transactions::by_sender_and_nonce)),
    method(("eth_getRawTransactionByHash", Eth), "hash", "A transaction as it was signed.", Quick(transactions::raw_by_hash)),
    method(("eth_getRawTransactionByBlockNumberAndIndex", Eth), "block, index", "A transaction of a block as it was signed.", Quick(transactions::raw_by_index)),
    method(("eth_getRawTransactionByBlockHashAndIndex", Eth), "hash, index", "A transaction of a block as it was signed.", Quick(transactions::raw_by_index)),
    method(("eth_getTransactionReceipt", Eth), "hash", "What came of a transaction.", Quick(transactions::receipt)),
    method(("eth_pendingTransactions", Eth), "", "What the node's own accounts have in the pool.", Blocking(transactions::pending)),
    method(("eth_sendRawTransaction", Eth), "bytes", "Takes up a signed transaction.", Waiting(sending::send_raw)),
    method(("eth_sendRawTransactionSync", Eth), "bytes, [milliseconds]", "Takes up a signed transaction and answers with its receipt (EIP-7966).", Waiting(sending::send_raw_sync)),
    // The node's own keys.
    method(("eth_accounts", Eth), "", "The accounts whose keys the node has.", Quick(wallet::accounts)),
    method(("eth_sendTransaction", Eth), "transaction", "Fills in, signs and takes up a transaction.", Blocking(wallet::send_transaction)),
    method(("eth_signTransaction", Eth), "transaction", "Fills in and signs a transaction.", Blocking(wallet::sign_transaction)),
    method(("eth_fillTransaction", Eth), "transaction", "Fills in what a transaction leaves open.", Blocking(wallet::fill_transaction)),
    method(("eth_sign", Eth), "address, bytes", "Signs a message (EIP-191).", Quick(wallet::sign)),
    method(("eth_signTypedData_v4", Eth), "address, structure", "Signs a structure (EIP-712).", Quick(wallet::sign_typed_data))
        .with_aliases(&["eth_signTypedData", "eth_signTypedData_v3"]),
    // Calls.
    method(("eth_call", Eth), "call, [block], [state overrides], [block overrides]", "Executes a call without changing anything.", Blocking(call::call)),
    method(("eth_estimateGas", Eth), "call, [block], [state overrides], [block overrides]", "The gas that a transaction needs.", Blocking(call::estimate_gas)),
    method(("eth_createAccessList", Eth), "call, [block], [state overrides]", "What a transaction touches (EIP-2930).", Blocking(call::create_access_list)),
    method(("eth_callMany", Eth), "bundles, [position], [state overrides]", "Executes calls one after the other.", Blocking(call::call_many)),
    method(("eth_simulateV1", Eth), "blocks, [block]", "Makes up blocks of calls on top of the chain.", Blocking(simulate::simulate)),
    // Fees.
    method(("eth_gasPrice", Eth), "", "A price for gas at which transactions are taken.", Blocking(fees::gas_price)),
    method(("eth_maxPriorityFeePerGas", Eth), "", "A tip at which transactions are taken.", Blocking(fees::priority_fee)),
    method(("eth_feeHistory", Eth), "count, newest block, [percentiles]", "What was paid lately.", Blocking(fees::history)),
    method(("eth_baseFee", Eth), "", "The base fee of the next block.", Quick(fees::base_fee)),
    method(("eth_blobBaseFee", Eth), "", "The price of blob gas.", Quick(fees::blob_base_fee)),
    // Logs.
    method(("eth_getLogs", Eth), "filter", "The logs of a range of blocks, or of one.", Blocking(logs::logs)),
    method(("eth_newFilter", Eth), "filter", "A filter that keeps new logs, and those that leave the chain.", Quick(logs::new_filter)),
    method(("eth_newBlockFilter", Eth), "", "A filter that keeps hashes of new blocks.", Quick(logs::new_block_filter)),
    method(("eth_newPendingTransactionFilter", Eth), "[full]", "A filter that keeps new transactions of the pool.", Quick(logs::new_pending_filter)),
    method(("eth_getFilterChanges", Eth), "filter id", "What a filter has kept since it was asked last.", Blocking(logs::changes)),
    method(("eth_getFilterLogs", Eth), "filter id", "All logs that a filter takes.", Blocking(logs::filter_logs)),
    method(("eth_uninstallFilter", Eth), "filter id", "Takes a filter away.", Quick(logs::uninstall)),
    method(("eth_subscribe", Eth), "kind, [filter or full]", "Over WebSocket: `newHeads`, `logs`, `newPendingTransactions` or `syncing`, as they happen.", Subscription),
    method(("eth_unsubscribe", Eth), "subscription id", "Ends a subscription.", Subscription),
    // The node.
    method(("net_version", Net), "", "The id of the network, in decimal.", Quick(info::network)),
    method(("net_listening", Net), "", "Always true.", Quick(info::listening)),
    method(("net_peerCount", Net), "", "The number of peers.", Quick(info::peers)),
    method(("web3_clientVersion", Web3), "", "The name and version of the node.", Quick(info::client_version)),
    method(("web3_sha3", Web3), "bytes", "Keccak-256 of bytes.", Quick(info::sha3)),
    method(("rpc_modules", Rpc), "", "The namespaces that answer.", Quick(info::modules)),
    // The pool.
    method(("txpool_content", Txpool), "", "All transactions of the pool.", Blocking(txpool::content)),
    method(("txpool_contentFrom", Txpool), "address", "What an account has in the pool.", Blocking(txpool::content_from)),
    method(("txpool_inspect", Txpool), "", "One line on each transaction of the pool.", Blocking(txpool::inspect)),
    method(("txpool_status", Txpool), "", "How many transactions the pool holds.", Quick(txpool::status)),
    // Raw data and geth's tracers.
    method(("debug_getRawHeader", Debug), "block", "A header in RLP.", Quick(debug::raw_header)),
    method(("debug_getRawBlock", Debug), "block", "A block in RLP.", Blocking(debug::raw_block)),
    method(("debug_getRawReceipts", Debug), "block", "The receipts of a block, each as in the receipts root.", Blocking(debug::raw_receipts)),
    method(("debug_getRawTransaction", Debug), "hash", "A transaction as it was signed.", Quick(debug::raw_transaction)),
    method(("debug_getRawTransactions", Debug), "block", "The transactions of a block as they were signed.", Blocking(debug::raw_transactions)),
    method(("debug_traceTransaction", Debug), "hash, [options]", "Executes a transaction again with a tracer.", Blocking(debug::trace_transaction)),
    method(("debug_traceBlockByNumber", Debug), "block, [options]", "Executes a block again with a tracer.", Blocking(debug::trace_block_by_number)),
    method(("debug_traceBlockByHash", Debug), "hash, [options]", "Executes a block again with a tracer.", Blocking(debug::trace_block_by_hash)),
    method(("debug_traceBlock", Debug), "RLP, [options]", "Executes a block of the chain, given in RLP, again with a tracer.", Blocking(debug::trace_raw_block)),
    method(("debug_traceCall", Debug), "call, block, [options]", "Executes a call with a tracer.", Blocking(debug::trace_call)),
    method(("debug_traceCallMany", Debug), "bundles, [position], [options]", "Executes calls one after the other with a tracer.", Blocking(debug::trace_call_many)),
    // Parity's tracers.
    method(("trace_transaction", Trace), "hash", "The calls of a transaction.", Blocking(trace::transaction)),
    method(("trace_block", Trace), "block", "The calls of a block, and its rewards.", Blocking(trace::block)),
    method(("trace_get", Trace), "hash, path", "One call of a transaction.", Blocking(trace::get)),
    method(("trace_filter", Trace), "filter", "The calls between accounts in a range of blocks.", Blocking(trace::filter)),
    method(("trace_replayTransaction", Trace), "hash, kinds", "Executes a transaction again: `trace`, `vmTrace`, `stateDiff`.", Blocking(trace::replay_transaction)),
    method(("trace_replayBlockTransactions", Trace), "block, kinds", "Executes a block again: `trace`, `vmTrace`, `stateDiff`.", Blocking(trace::replay_block)),
    method(("trace_call", Trace), "call, kinds, [block]", "Executes a call: `trace`, `vmTrace`, `stateDiff`.", Blocking(trace::call)),
    method(("trace_callMany", Trace), "calls with kinds, [block]", "Executes calls one after the other.", Blocking(trace::call_many)),
    method(("trace_rawTransaction", Trace), "bytes, kinds", "Executes a signed transaction without taking it up.", Blocking(trace::raw_transaction)),
    // Otterscan.
    method(("ots_getApiLevel", Ots), "", "The level of Otterscan's API: 8.", Quick(ots::api_level)),
    method(("ots_hasCode", Ots), "address, [block]", "Whether an account has code.", Quick(ots::has_code)),
    method(("ots_getBlockDetails", Ots), "block", "A block with its rewards and fees.", Blocking(ots::block_details)),
    method(("ots_getBlockDetailsByHash", Ots), "hash", "A block with its rewards and fees.", Blocking(ots::block_details)),
    method(("ots_getBlockTransactions", Ots), "block, page, size", "A page of a block's transactions with their receipts.", Blocking(ots::block_transactions)),
    method(("ots_getInternalOperations", Ots), "hash", "Transfers, creations and self-destructions within a transaction.", Blocking(ots::internal_operations)),
    method(("ots_traceTransaction", Ots), "hash", "The calls of a transaction.", Blocking(ots::trace_transaction)),
    method(("ots_getTransactionError", Ots), "hash", "What a failed transaction returned.", Blocking(ots::transaction_error)),
    method(("ots_getTransactionBySenderAndNonce", Ots), "address, nonce", "The hash of the transaction of an account with a nonce.", Blocking(ots::by_sender_and_nonce)),
    method(("ots_getContractCreator", Ots), "address", "Who made a contract, and in which transaction.", Blocking(ots::contract_creator)),
    method(("ots_searchTransactionsBefore", Ots), "address, block, size", "Transactions of an account before a block.", Blocking(ots::search_before)),
    method(("ots_searchTransactionsAfter", Ots), "address, block, size", "Transactions of an account after a block.", Blocking(ots::search_after)),
    method(("erigon_getHeaderByNumber", Erigon), "block", "The header of a block.", Quick(blocks::header_by_number)),
    // Tests.
    method(("testing_buildBlockV1", Testing), "parent hash, attributes, transactions or null, [extra data]", "Builds a block without adding it to the chain.", Blocking(testing::build_block)),
    // Agreement of validators.
    method(("heddle_status", Heddle), "", "Where this node and the validators stand.", Quick(agreement::status)),
    method(("heddle_validators", Heddle), "[epoch]", "The keys of the validators of an epoch, or of that of the next block.", Quick(agreement::validators)),
    method(("heddle_finalityProof", Heddle), "block", "What proves that a block is final, to whoever knows the validators.", Waiting(agreement::finality_proof)),
    method(("heddle_equivocations", Heddle), "", "Proofs that a validator voted twice.", Blocking(agreement::equivocations)),
];
