//! Rules for the text of files.

use super::Finding;

/// More than this and a file holds more than one concept.
const LINES_MAX: usize = 800;

/// Files whose length is counted.
const SOURCES: [&str; 6] = [".rs", ".sol", ".ts", ".js", ".mjs", ".sh"];

// Split, so that this file keeps the rules that it checks.
const OPEN_TASKS: [&str; 2] = [concat!("TO", "DO"), concat!("FIX", "ME")];
const MACHINE_FOLDERS: [&str; 3] =
    [concat!("/wo", "rk/"), concat!("/ro", "ot/"), concat!("/ho", "me/")];

pub(super) fn check(file: &str, text: &str) -> Vec<Finding> {
    let mut findings = Vec::new();
    let mut find = |line, rule: String, fix: &str| {
        findings.push(Finding { file: file.to_owned(), line, rule, fix: fix.to_owned() });
    };
    let lines = text.lines().count();
    if lines > LINES_MAX && SOURCES.iter().any(|end| file.ends_with(end)) {
        let rule = format!("{lines} lines are more than {LINES_MAX}");
        find(LINES_MAX + 1, rule, "move a part that stands for itself, or the tests, to a file");
    }
    for (index, line) in text.lines().enumerate() {
        if let Some(word) = OPEN_TASKS.iter().find(|word| is_unnumbered(line, word)) {
            let fix = format!("write {word}(#number) of an issue, or do it now");
            find(index + 1, format!("{word} without a number"), &fix);
        }
        if let Some(folder) = MACHINE_FOLDERS.iter().find(|folder| names_folder(line, folder)) {
            let rule = format!("`{folder}` is a folder of one machine");
            find(index + 1, rule, "use a path from the root of the repository, or an argument");
        }
    }
    findings
}

/// Whether the line has `word` as a word of its own without `(#123)` behind it.
fn is_unnumbered(line: &str, word: &str) -> bool {
    let is_part = |c: char| c.is_ascii_alphanumeric() || c == '_';
    line.match_indices(word).any(|(at, _)| {
        let behind = &line[at + word.len()..];
        let is_word = !line[..at].ends_with(is_part) && !behind.starts_with(is_part);
        let number = behind.strip_prefix("(#").and_then(|number| number.split(')').next());
        let has_number = number.is_some_and(|number| number.parse::<u64>().is_ok());
        is_word && !has_number
    })
}

/// Whether the line has a path that begins with `folder`.
fn names_folder(line: &str, folder: &str) -> bool {
    let is_part = |c: char| c.is_ascii_alphanumeric() || "._-}".contains(c);
    line.match_indices(folder).any(|(at, _)| !line[..at].ends_with(is_part))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: [usize; 0] = [];

    fn rules(file: &str, text: &str) -> Vec<usize> {
        check(file, text).iter().map(|finding| finding.line).collect()
    }

    #[test]
    fn finds_a_source_that_is_too_long() {
        assert_eq!(rules("a.rs", &"x\n".repeat(LINES_MAX)), NONE);
        assert_eq!(rules("a.rs", &"x\n".repeat(LINES_MAX + 1)), [LINES_MAX + 1]);
        assert_eq!(rules("a.json", &"x\n".repeat(LINES_MAX + 1)), NONE);
    }

    #[test]
    fn finds_an_open_task_without_number() {
        for word in OPEN_TASKS {
            assert_eq!(rules("a.rs", &format!("\n// {word}: later")), [2]);
            assert_eq!(rules("a.rs", &format!("// {word}(me)")), [1]);
            assert_eq!(rules("a.rs", &format!("// {word}(#12): later")), NONE);
            assert_eq!(rules("a.rs", &format!("{word}S and METH{word}")), NONE);
        }
    }

    #[test]
    fn finds_a_folder_of_a_machine() {
        for folder in MACHINE_FOLDERS {
            assert_eq!(rules("a.md", &format!("see {folder}x")), [1]);
            assert_eq!(rules("a.md", &format!("see https://a.org{folder}x and ..{folder}")), NONE);
        }
    }
}
