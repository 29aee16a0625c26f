//! Measuring: replays recorded blocks, runs benchmarks and conformance suites through the executor.
