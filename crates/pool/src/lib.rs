//! Admits, bounds, orders and evicts pending transactions.
