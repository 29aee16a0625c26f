//! The table of routes: one entry each, from which the router and the OpenAPI document are made.

use super::{Outcome, addresses, blocks, chain, contracts, tokens, transactions};
use crate::api::{csv::Table, work::Ask};

/// How a route answers.
#[derive(Clone, Copy)]
pub(crate) enum Handler {
    /// With a value.
    Json(fn(&Ask) -> Outcome),
    /// With a table.
    Csv(Table),
}

/// A parameter of a query.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Parameter {
    Limit,
    Cursor,
    FromBlock,
    ToBlock,
    Class,
    Query,
    Blocks,
    FromHour,
    ToHour,
}

/// A route.
pub(crate) struct Route {
    /// Below `/api/v1`, with parts in braces.
    pub(crate) path: &'static str,
    /// What it gives.
    pub(crate) summary: &'static str,
    /// What may stand in the query.
    pub(crate) parameters: &'static [Parameter],
    /// The name of the shape of the answer, or of the entries of a list.
    pub(crate) shape: &'static str,
    /// Whether the answer is a page of a list.
    pub(crate) list: bool,
    pub(crate) handler: Handler,
}

const PAGED: &[Parameter] = &[Parameter::Limit, Parameter::Cursor];
const PLACES: &[Parameter] =
    &[Parameter::Limit, Parameter::Cursor, Parameter::FromBlock, Parameter::ToBlock];
const TRANSFERS: &[Parameter] = &[
    Parameter::Class,
    Parameter::Limit,
    Parameter::Cursor,
    Parameter::FromBlock,
    Parameter::ToBlock,
];
const CLASS_PAGED: &[Parameter] = &[Parameter::Class, Parameter::Limit, Parameter::Cursor];
const RANGE: &[Parameter] = &[Parameter::FromBlock, Parameter::ToBlock];

const fn one(
    path: &'static str,
    summary: &'static str,
    parameters: &'static [Parameter],
    shape: &'static str,
    handler: fn(&Ask) -> Outcome,
) -> Route {
    Route { path, summary, parameters, shape, list: false, handler: Handler::Json(handler) }
}

const fn many(
    path: &'static str,
    summary: &'static str,
    parameters: &'static [Parameter],
    shape: &'static str,
    handler: fn(&Ask) -> Outcome,
) -> Route {
    Route { path, summary, parameters, shape, list: true, handler: Handler::Json(handler) }
}

const fn table(
    path: &'static str,
    summary: &'static str,
    parameters: &'static [Parameter],
    table: Table,
) -> Route {
    Route { path, summary, parameters, shape: "", list: false, handler: Handler::Csv(table) }
}

/// All routes.
pub(crate) const ROUTES: &[Route] = &[
    one("/status", "How far chain and index are.", &[], "Status", chain::status),
    one("/gas", "What gas costs now.", &[], "Gas", chain::gas),
    one("/search", "What a text may mean.", &[Parameter::Query], "Hits", chain::search),
    one(
        "/charts/hours",
        "Figures of hours.",
        &[Parameter::FromHour, Parameter::ToHour],
        "Hours",
        chain::hours,
    ),
    one(
        "/hot-slots",
        "The slots for which transactions of the last blocks had to wait most.",
        &[Parameter::Blocks, Parameter::Limit],
        "HotSlots",
        chain::hot_slots,
    ),
    many("/blocks", "Blocks, the newest first.", PAGED, "Block", blocks::list),
    one("/blocks/{block}", "A block, by height, hash or `latest`.", &[], "Block", blocks::one),
    many(
        "/blocks/{block}/transactions",
        "Transactions of a block, in order.",
        PAGED,
        "Transaction",
        blocks::transactions,
    ),
    one(
        "/blocks/{block}/parallelism",
        "How far the transactions of a block had to wait for each other.",
        &[],
        "Parallelism",
        blocks::parallelism,
    ),
    one(
        "/transactions/{hash}",
        "A transaction, in a block or pending.",
        &[],
        "TransactionDetail",
        transactions::one,
    ),
    one("/transactions/{hash}/logs", "Its logs.", &[], "Logs", transactions::logs),
    many(
        "/transactions/{hash}/calls",
        "Its internal calls, in order.",
        PAGED,
        "InternalCall",
        transactions::calls,
    ),
    one(
        "/transactions/{hash}/transfers",
        "Its token transfers, in order.",
        &[],
        "Transfers",
        transactions::transfers,
    ),
    one(
        "/transactions/{hash}/state-changes",
        "What it changed.",
        &[],
        "StateChanges",
        transactions::state_changes,
    ),
    one("/addresses/{address}", "An address.", &[], "Address", addresses::one),
    many(
        "/addresses/{address}/transactions",
        "Transactions from it, to it, or that created it, the newest first.",
        PLACES,
        "Transaction",
        addresses::transactions,
    ),
    many(
        "/addresses/{address}/internal-calls",
        "Internal calls from it or to it, the newest first.",
        PLACES,
        "InternalCall",
        addresses::internal,
    ),
    many(
        "/addresses/{address}/transfers",
        "Token transfers from it or to it, the newest first.",
        TRANSFERS,
        "Transfer",
        addresses::transfers,
    ),
    many(
        "/addresses/{address}/tokens",
        "What it has of tokens, by token.",
        CLASS_PAGED,
        "TokenBalance",
        addresses::tokens,
    ),
    many(
        "/addresses/{address}/items",
        "Items of ERC-721 or ERC-1155 that it has.",
        CLASS_PAGED,
        "OwnedItem",
        addresses::items,
    ),
    many(
        "/addresses/{address}/logs",
        "Its logs, the newest first.",
        PLACES,
        "Log",
        addresses::logs,
    ),
    one(
        "/addresses/{address}/hot-slots",
        "The slots of it for which transactions had to wait, most first.",
        &[Parameter::Limit],
        "ContractSlots",
        addresses::hot_slots,
    ),
    table(
        "/address/{address}/transactions.csv",
        "All transactions of an address, the oldest first.",
        RANGE,
        Table::Transactions,
    ),
    table(
        "/address/{address}/internal.csv",
        "All internal calls of an address, the oldest first.",
        RANGE,
        Table::Internal,
    ),
    table(
        "/address/{address}/transfers.csv",
        "All token transfers of an address, the oldest first.",
        &[Parameter::Class, Parameter::FromBlock, Parameter::ToBlock],
        Table::Transfers,
    ),
    many("/tokens", "Tokens, by address.", PAGED, "Token", tokens::list),
    one("/tokens/{address}", "A token.", &[], "Token", tokens::one),
    many(
        "/tokens/{address}/transfers",
        "Its transfers, the newest first.",
        TRANSFERS,
        "Transfer",
        tokens::transfers,
    ),
    many(
        "/tokens/{address}/holders",
        "Who has it, those with the most first.",
        CLASS_PAGED,
        "Holder",
        tokens::holders,
    ),
    many("/tokens/{address}/items", "Items of ERC-721, by id.", PAGED, "Item", tokens::items),
    many(
        "/tokens/{address}/items/{id}",
        "Transfers of one id, the newest first.",
        PLACES,
        "Transfer",
        tokens::item,
    ),
    many("/contracts", "Contracts, the newest first.", PLACES, "Contract", contracts::list),
    one(
        "/contracts/{address}",
        "How a contract came to be, and its source.",
        &[],
        "ContractDetail",
        contracts::one,
    ),
];
