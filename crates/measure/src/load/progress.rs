//! A bar for what takes long, where a person watches.

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::time::Duration;

/// A bar that counts to `total`; on a terminal only.
pub(super) fn bar(what: &'static str, total: u64) -> ProgressBar {
    // Standard error: nothing of the bar gets into output that somebody pipes on.
    let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr());
    let template = "{prefix} [{wide_bar}] {human_pos}/{human_len} {per_sec} {msg} {eta} left";
    if let Ok(style) = ProgressStyle::with_template(template) {
        bar.set_style(style.progress_chars("=> "));
    }
    bar.set_prefix(what);
    bar.enable_steady_tick(Duration::from_millis(200));
    bar
}
