//! Atomic, crash-safe tables; the only code that writes chain data to the disk.
