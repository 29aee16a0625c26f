//! Paths that documents name: they must exist.

use super::Finding;
use std::path::{Component, Path, PathBuf};

/// Where cargo puts what it builds; not in the repository, but rightly named in commands.
const BUILD_FOLDER: &str = "target/";

/// Ends of a file name that make a word without `/` a path.
const ENDS: [&str; 3] = [".md", ".rs", ".toml"];

/// Whether the paths in this file are checked.
pub(super) fn is_checked(file: &str) -> bool {
    let at_the_root = ["README.md", "ARCHITECTURE.md", "CONTRIBUTING.md"];
    at_the_root.contains(&file) || (file.starts_with("docs/") && file.ends_with(".md"))
}

pub(super) fn check(file: &str, text: &str, exists: impl Fn(&Path) -> bool) -> Vec<Finding> {
    let folder = Path::new(file).parent().unwrap_or(Path::new(""));
    let mut findings = Vec::new();
    let mut fence: Option<&str> = None;
    for (index, line) in text.lines().enumerate() {
        if let Some(language) = line.trim_start().strip_prefix("```") {
            fence = if fence.is_some() { None } else { Some(language) };
            continue;
        }
        let mut find = |path: &str| {
            findings.push(Finding {
                file: file.to_owned(),
                line: index + 1,
                rule: format!("`{path}` does not exist"),
                fix: "correct the path, or write it without backticks when it is none".to_owned(),
            });
        };
        let in_code =
            |word: &&str| is_path(word) && !exists(Path::new(word)) && !exists(&folder.join(word));
        match fence {
            // Commands; other blocks hold output, diagrams and programs.
            Some("sh") => line.split_whitespace().filter(in_code).for_each(&mut find),
            Some(_) => {}
            None => {
                let code = line.split('`').skip(1).step_by(2);
                code.flat_map(str::split_whitespace).filter(in_code).for_each(&mut find);
                let is_broken = |target: &&str| !exists(&normal(&folder.join(target)));
                links(line).filter(is_broken).for_each(&mut find);
            }
        }
    }
    findings
}

/// Whether a word in code looks like a path in the repository.
fn is_path(word: &str) -> bool {
    let is_plain = word.chars().all(|c| c.is_ascii_alphanumeric() || "._/-".contains(c));
    let is_inside = !word.starts_with(['/', '-', '.']) || word.starts_with("./");
    let is_named = word.contains('/') || ENDS.iter().any(|end| word.ends_with(end));
    is_plain && is_inside && is_named && !word.starts_with(BUILD_FOLDER)
}

/// The files that `[text](target)` on this line points to.
fn links(line: &str) -> impl Iterator<Item = &str> {
    line.split("](")
        .skip(1)
        .filter_map(|rest| rest.split([')', ' ']).next())
        .filter(|target| !target.contains("://") && !target.starts_with("mailto:"))
        .filter_map(|target| target.split('#').next())
        .filter(|path| !path.is_empty())
}

/// The path without `..` in it.
fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::new();
    for part in path.components() {
        match part {
            Component::ParentDir => drop(normal.pop()),
            Component::CurDir => {}
            part => normal.push(part),
        }
    }
    normal
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The paths that are found broken where `docs/a.md`, `src/b.rs` and `src` exist.
    fn broken(file: &str, text: &str) -> Vec<(usize, String)> {
        let exists = |path: &Path| {
            ["docs/a.md", "src/b.rs", "src"].iter().any(|known| Path::new(known) == path)
        };
        let findings = check(file, text, exists);
        findings.into_iter().map(|finding| (finding.line, finding.rule)).collect()
    }

    #[test]
    fn accepts_paths_that_exist() {
        let text = "`src/b.rs`, `src/`, [a](docs/a.md#part), [site](https://a.b/c), [below](#x)";
        assert_eq!(broken("README.md", text), []);
        assert_eq!(broken("docs/x.md", "[a](a.md) and [b](../src/b.rs) and `a.md`"), []);
    }

    #[test]
    fn finds_paths_that_do_not() {
        let lost = |path: &str| format!("`{path}` does not exist");
        assert_eq!(broken("README.md", "\n`src/c.rs`"), [(2, lost("src/c.rs"))]);
        assert_eq!(broken("README.md", "`cat src/c.rs`"), [(1, lost("src/c.rs"))]);
        assert_eq!(broken("README.md", "[a](a.md)"), [(1, lost("a.md"))]);
        assert_eq!(broken("docs/x.md", "[a](b/../c.md)"), [(1, lost("b/../c.md"))]);
    }

    #[test]
    fn checks_commands_in_blocks_but_no_other_blocks() {
        let text = "```sh\ncat src/c.rs\n```\n```text\nsrc/d.rs `src/d.rs`\n```\n`src/e.rs`";
        let lines: Vec<usize> = broken("README.md", text).iter().map(|found| found.0).collect();
        assert_eq!(lines, [2, 7]);
    }

    #[test]
    fn leaves_words_alone_that_are_no_paths() {
        let text = "`a::b`, `crates/*`, `target/release/x`, `/etc/x`, `--a/b`, `u64`, `$A/b`";
        assert_eq!(broken("README.md", text), []);
    }
}
