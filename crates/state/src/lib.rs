//! Accounts and slots as of a block: reads, applying a change set, state root, proofs.
