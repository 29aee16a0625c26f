//! What answers look like: fields with their kinds. A test compares them with answers.

/// A kind of value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Kind {
    /// A JSON number without a fraction.
    Integer,
    /// A JSON number.
    Number,
    /// A decimal string: wei, or units of a token.
    Amount,
    /// 20 bytes in hex, with a checksum (EIP-55).
    Address,
    /// 32 bytes in hex.
    Hash,
    /// Bytes in hex.
    Hex,
    Text,
    Flag,
    /// Any JSON.
    Any,
    /// Another shape.
    Of(&'static str),
    /// A list of them.
    List(&'static Kind),
    /// That or null.
    Maybe(&'static Kind),
}

/// A field: name, kind and what it is.
pub(super) type Field = (&'static str, Kind, &'static str);

/// A shape: name and fields.
pub(super) type Shape = (&'static str, &'static [Field]);

use Kind::{Address, Amount, Any, Flag, Hash, Hex, Integer, List, Maybe, Number, Of, Text};

pub(super) const SHAPES: &[Shape] = &[
    (
        "Status",
        &[
            ("chain_id", Integer, "EIP-155."),
            ("chain_head", Integer, "Height of the last block."),
            ("index_head", Maybe(&Integer), "Height of the last block that the index has."),
            ("behind", Integer, "Blocks that the index has not yet."),
            ("oldest_state", Integer, "The lowest height whose state is kept."),
            ("failure", Maybe(&Text), "Why the index goes no further."),
        ],
    ),
    (
        "Gas",
        &[
            ("block", Integer, "The last block."),
            ("base_fee", Amount, "Wei for each gas in the next block."),
            ("tip_low", Amount, "Wei beyond the base fee that a tenth of the gas paid at most."),
            ("tip_median", Amount, "The same of half of the gas."),
            ("tip_high", Amount, "The same of nine tenths of the gas."),
            ("gas_used_ratios", List(&Number), "How full the last blocks were, the newest first."),
        ],
    ),
    ("Hits", &[("items", List(&Of("Hit")), "What was found.")]),
    (
        "Hit",
        &[
            ("kind", Text, "`block`, `transaction`, `address` or `token`."),
            ("id", Text, "Height, hash or address."),
            ("name", Maybe(&Text), "The name that was found, in lower case."),
        ],
    ),
    ("Hours", &[("items", List(&Of("Hour")), "Hours with blocks, in order.")]),
    (
        "Hour",
        &[
            ("hour", Integer, "Hours since 1970."),
            ("blocks", Integer, "Blocks."),
            ("transactions", Integer, "Transactions."),
            ("failed", Integer, "Of those, how many failed."),
            ("gas_used", Integer, "Gas used."),
            ("burned", Amount, "Wei burned."),
            ("tips", Amount, "Wei that the makers of blocks got."),
            ("mean_base_fee", Amount, "Mean of the blocks' base fees, in wei."),
            ("transfers", Integer, "Token transfers."),
            ("contracts", Integer, "Contracts created."),
        ],
    ),
    (
        "HotSlots",
        &[
            ("blocks", Integer, "Blocks that were looked at."),
            ("items", List(&Of("HotSlot")), "Slots, those with the most gas first."),
        ],
    ),
    (
        "HotSlot",
        &[
            ("address", Address, "Whose slot."),
            ("slot", Hash, "Which."),
            ("waits", Integer, "Transactions that read it after an earlier one had written it."),
            ("gas", Integer, "The gas of those."),
        ],
    ),
    ("ContractSlots", &[("items", List(&Of("ContractSlot")), "Slots.")]),
    (
        "ContractSlot",
        &[
            ("slot", Hash, "Which."),
            ("waits", Integer, "Transactions that had to wait for it, in all blocks."),
            ("gas", Integer, "The gas of those."),
            ("blocks", Integer, "Blocks in which one had to."),
            ("last_block", Integer, "The last of those."),
            ("preimages", List(&Hex), "What was hashed to the slot, the innermost first."),
        ],
    ),
    (
        "Block",
        &[
            ("number", Integer, "Height."),
            ("hash", Hash, "Its hash."),
            ("timestamp", Integer, "Seconds since 1970."),
            ("beneficiary", Address, "Who got the fees."),
            ("transactions", Integer, "Transactions."),
            ("failed", Integer, "Of those, how many failed."),
            ("logs", Integer, "Logs."),
            ("internal_calls", Integer, "Internal calls, static ones left out."),
            ("transfers", Integer, "Token transfers."),
            ("contracts", Integer, "Contracts created."),
            ("gas_used", Integer, "Gas used."),
            ("gas_limit", Integer, "Gas that it could hold."),
            ("base_fee", Amount, "Wei for each gas that is burned."),
            ("burned", Amount, "Wei burned."),
            ("tips", Amount, "Wei that the beneficiary got of the transactions."),
            ("traced", Flag, "Whether internal calls are known."),
        ],
    ),
    (
        "Parallelism",
        &[
            ("number", Integer, "Height."),
            ("gas_used", Integer, "Gas used."),
            ("critical_gas", Integer, "Gas of the longest chain of transactions that had to wait."),
            ("speedup", Maybe(&Number), "The first by the second: what unlimited processors gain."),
            ("waiting", Integer, "Transactions that read what an earlier one had written."),
            ("critical_path", List(&Integer), "Positions of the transactions of that chain."),
            ("hot", List(&Of("HotSlot")), "The slots for which the most had to wait."),
        ],
    ),
    ("Transaction", TRANSACTION),
    ("TransactionDetail", DETAIL),
    ("Logs", &[("items", List(&Of("Log")), "Logs, in order.")]),
    (
        "Log",
        &[
            ("block", Integer, "Height of the block."),
            ("transaction", Hash, "Hash of the transaction."),
            ("index", Integer, "Position among the logs of the block."),
            ("address", Address, "Whose."),
            ("topics", List(&Hash), "Topics."),
            ("data", Hex, "Data."),
        ],
    ),
    (
        "InternalCall",
        &[
            ("block", Integer, "Height of the block."),
            ("transaction", Hash, "Hash of the transaction."),
            ("frame", Integer, "Position among the frames of the transaction."),
            ("opcode", Text, "The instruction."),
            ("depth", Integer, "1 for one that the transaction's own call made."),
            ("from", Address, "Who called."),
            ("to", Address, "Who was called, created, or got what was left."),
            ("value", Amount, "Wei."),
            ("gas", Integer, "Gas that it had."),
            ("gas_used", Integer, "Gas that it took."),
            ("selector", Maybe(&Hex), "The first four bytes of its input."),
            ("reverted", Flag, "Whether it has no effect."),
            ("error", Maybe(&Text), "Why it failed itself."),
        ],
    ),
    ("Transfers", &[("items", List(&Of("Transfer")), "Transfers, in order.")]),
    (
        "Transfer",
        &[
            ("block", Integer, "Height of the block."),
            ("transaction", Hash, "Hash of the transaction."),
            ("log", Integer, "Position of the log in the block."),
            ("item", Integer, "Position in the log."),
            ("class", Text, "`erc20`, `erc721` or `erc1155`."),
            ("token", Address, "The contract."),
            ("symbol", Text, "Short name of the token."),
            ("decimals", Integer, "Decimals of amounts."),
            ("from", Address, "From whom; the zero address for new ones."),
            ("to", Address, "To whom; the zero address for those that are no more."),
            ("id", Maybe(&Amount), "Which; null for ERC-20."),
            ("amount", Amount, "How many."),
        ],
    ),
    ("StateChanges", &[("items", List(&Of("StateChange")), "Accounts that changed.")]),
    (
        "StateChange",
        &[
            ("address", Address, "Whose."),
            ("balance", Maybe(&Of("Change")), "Wei."),
            ("nonce", Maybe(&Of("Change")), "Transactions sent, or contracts created."),
            ("code_changed", Flag, "Whether its code changed."),
            ("slots", List(&Of("SlotChange")), "Slots that changed."),
        ],
    ),
    ("Change", &[("before", Amount, "What it was."), ("after", Amount, "What it is.")]),
    (
        "SlotChange",
        &[
            ("slot", Hash, "Which."),
            ("before", Hash, "What it was."),
            ("after", Hash, "What it is."),
        ],
    ),
    (
        "Address",
        &[
            ("address", Address, "The address."),
            ("label", Maybe(&Text), "What the operator calls it."),
            ("balance", Amount, "Wei, after the last block."),
            ("nonce", Integer, "Transactions sent, or contracts created."),
            ("is_contract", Flag, "Whether it has code."),
            ("code_hash", Maybe(&Hash), "Keccak-256 of its code."),
            ("transactions", Integer, "Transactions from it, to it, or that created it."),
            ("sent", Integer, "Of those, how many it sent."),
            ("internal_calls", Integer, "Internal calls from it or to it."),
            ("logs", Integer, "Its logs."),
            ("erc20_transfers", Integer, "ERC-20 transfers from it or to it."),
            ("erc721_transfers", Integer, "ERC-721 transfers from it or to it."),
            ("erc1155_transfers", Integer, "ERC-1155 transfers from it or to it."),
            ("gas", Integer, "Gas of the transactions that were sent to it."),
            ("fees", Amount, "Fees that it paid, in wei."),
        ],
    ),
    (
        "TokenBalance",
        &[
            ("class", Text, "`erc20`, `erc721` or `erc1155`."),
            ("token", Address, "The contract."),
            ("name", Text, "What it calls itself."),
            ("symbol", Text, "Short name."),
            ("decimals", Integer, "Decimals of amounts."),
            ("balance", Amount, "How many."),
        ],
    ),
    (
        "OwnedItem",
        &[
            ("class", Text, "`erc721` or `erc1155`."),
            ("token", Address, "The contract."),
            ("id", Amount, "Which."),
            ("amount", Amount, "How many."),
        ],
    ),
    (
        "Token",
        &[
            ("address", Address, "The contract."),
            ("class", Text, "`erc20`, `erc721` or `erc1155`."),
            ("name", Text, "What it calls itself. Anybody can call anything anything."),
            ("symbol", Text, "Short name."),
            ("decimals", Integer, "Decimals of amounts."),
            ("first_block", Integer, "The block of its first transfer."),
            ("transfers", Integer, "Transfers."),
            ("holders", Integer, "Who has some."),
        ],
    ),
    ("Holder", &[("address", Address, "Who."), ("balance", Amount, "How many.")]),
    ("Item", &[("id", Amount, "Which."), ("owner", Address, "Whose.")]),
    ("Contract", CONTRACT),
    ("ContractDetail", CONTRACT_DETAIL),
    (
        "Source",
        &[
            ("match", Text, "`exact`, or `partial` if the hash of the metadata differs."),
            ("creation_match", Maybe(&Text), "The same of the code that created it."),
            ("name", Text, "The contract's name."),
            ("path", Text, "The path of its source."),
            ("language", Text, "`Solidity` or `Yul`."),
            ("compiler", Text, "The compiler's version."),
            ("settings", Any, "The compiler's settings."),
            ("abi", Any, "Its ABI."),
            ("sources", Any, "Sources by path."),
            ("constructor_arguments", Maybe(&Hex), "What its constructor got."),
        ],
    ),
];

const TRANSACTION: &[Field] = &[
    ("hash", Hash, "Its hash."),
    ("block", Maybe(&Integer), "Height of the block; null while it is pending."),
    ("index", Maybe(&Integer), "Position in the block."),
    ("timestamp", Maybe(&Integer), "Of the block, in seconds since 1970."),
    ("type", Integer, "EIP-2718."),
    ("from", Address, "Who sent it."),
    ("to", Maybe(&Address), "To whom; null for one that creates."),
    ("created", Maybe(&Address), "The contract that it created."),
    ("value", Amount, "Wei."),
    ("nonce", Integer, "How many its sender had sent before."),
    ("selector", Maybe(&Hex), "The first four bytes of the input of a call."),
    ("gas_limit", Integer, "Gas that it could use."),
    ("gas_used", Maybe(&Integer), "Gas that it used."),
    ("gas_price", Amount, "Wei for each gas that it paid, or offers at most."),
    ("fee", Maybe(&Amount), "Wei that the gas cost."),
    ("success", Maybe(&Flag), "Whether it succeeded."),
];

const DETAIL: &[Field] = &{
    let mut fields = [TRANSACTION[0]; TRANSACTION.len() + 4];
    let mut at = 0;
    while at < TRANSACTION.len() {
        fields[at] = TRANSACTION[at];
        at += 1;
    }
    fields[at] = ("block_hash", Maybe(&Hash), "Hash of the block.");
    fields[at + 1] = ("input", Hex, "Its input.");
    fields[at + 2] = ("logs", Maybe(&Integer), "How many logs it has.");
    fields[at + 3] = ("confirmations", Integer, "Blocks from its own to the last one.");
    fields
};

const CONTRACT: &[Field] = &[
    ("address", Address, "The contract."),
    ("sender", Maybe(&Address), "Whose transaction created it; null in the first block."),
    ("creator", Maybe(&Address), "Who created it: the sender, or a contract."),
    ("block", Maybe(&Integer), "Height of the block."),
    ("transaction", Maybe(&Hash), "Hash of the transaction."),
    ("destroyed", Flag, "Whether its code is gone."),
];

const CONTRACT_DETAIL: &[Field] = &{
    let mut fields = [CONTRACT[0]; CONTRACT.len() + 2];
    let mut at = 0;
    while at < CONTRACT.len() {
        fields[at] = CONTRACT[at];
        at += 1;
    }
    fields[at] = ("implementation", Maybe(&Address), "What a proxy hands its calls to (EIP-1967).");
    fields[at + 1] = ("source", Maybe(&Of("Source")), "Its source, if that was verified.");
    fields
};
