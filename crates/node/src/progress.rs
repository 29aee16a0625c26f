//! A bar for long work, where a person watches.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::time::Duration;

/// A bar that counts to `total`; on a terminal only.
pub(crate) fn bar(what: &'static str, total: u64, unit: Unit) -> ProgressBar {
    // Standard error: nothing of the bar gets into output that somebody pipes on.
    let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr());
    let template = match unit {
        Unit::Bytes => "{msg} [{wide_bar}] {bytes}/{total_bytes} {binary_bytes_per_sec} {eta} left",
        Unit::Blocks => "{msg} [{wide_bar}] {human_pos}/{human_len} blocks {per_sec} {eta} left",
        Unit::Parts => "{msg} [{wide_bar}] {percent}% {eta} left",
    };
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style.progress_chars("=> "));
    }
    bar.set_message(what);
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}

/// What is counted.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Unit {
    Bytes,
    Blocks,
    Parts,
}
