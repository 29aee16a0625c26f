//! Where revm itself differs from the tests, each with its reason.
//!
//! A case in this table still runs. It is skipped only when the reference differs from the test
//! while all ways agree.

use super::fixture::Case;

/// File name, name of the test, and why it differs.
const DIFFERENCES: [(&str, &str, &str); 1] = [(
    "dynamicAccountOverwriteEmpty_Paris.json",
    "dynamicAccountOverwriteEmpty_Paris",
    "EIP-7610: revm creates a contract over an account that has nothing but storage",
)];

/// Why revm is known to differ in this case, if it is.
pub(super) fn reason(case: &Case<'_>) -> Option<&'static str> {
    let file = case.file.rsplit(['/', '\\']).next().unwrap_or(case.file);
    DIFFERENCES
        .iter()
        .find(|(known_file, name, _)| *known_file == file && *name == case.name)
        .map(|(_, _, reason)| *reason)
}
