//! Makes blocks alone: automatic, interval and manual mining, snapshots, time travel, impersonation.
