//! The layer table in `ARCHITECTURE.md` against what cargo says.

use super::Finding;
use crate::{Result, test::cargo_command};
use serde_json::Value;
use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::Path,
};

const FILE: &str = "ARCHITECTURE.md";

/// One row of the table.
#[derive(Debug, PartialEq, Eq)]
struct Row {
    line: usize,
    layer: u32,
    /// The crate's folder, which is its short name.
    name: String,
    may_use: BTreeSet<String>,
}

/// What one crate depends on, by folder.
#[derive(Debug, Default, PartialEq, Eq)]
struct Dependencies {
    /// In the crate itself.
    normal: BTreeSet<String>,
    /// In its tests only.
    tests: BTreeSet<String>,
}

pub(super) fn check(root: &Path) -> Result<Vec<Finding>> {
    let text = fs::read_to_string(root.join(FILE))
        .map_err(|error| format!("cannot read {FILE}, which holds the layer table: {error}"))?;
    Ok(compare(&rows(&text), &crates(root)?))
}

/// The rows of the table whose head starts with `| layer | crate |`.
fn rows(text: &str) -> Vec<Row> {
    text.lines()
        .enumerate()
        .skip_while(|(_, line)| !line.starts_with("| layer | crate |"))
        .take_while(|(_, line)| line.starts_with('|'))
        .filter_map(|(index, line)| row(index + 1, line))
        .collect()
}

/// `None` for the head of the table and the line below it.
fn row(number: usize, line: &str) -> Option<Row> {
    let cells: Vec<&str> = line.trim().trim_matches('|').split('|').map(str::trim).collect();
    let names = |cell: &str| -> BTreeSet<String> {
        cell.split('`').skip(1).step_by(2).map(str::to_owned).collect()
    };
    Some(Row {
        line: number,
        layer: cells.first()?.parse().ok()?,
        name: names(cells.get(1)?).into_iter().next()?,
        may_use: names(cells.last()?),
    })
}

/// All crates of the workspace by folder.
fn crates(root: &Path) -> Result<BTreeMap<String, Dependencies>> {
    let arguments = ["metadata", "--no-deps", "--offline", "--format-version", "1"];
    let output = cargo_command().args(arguments).current_dir(root).output()?;
    if !output.status.success() {
        let reason = String::from_utf8_lossy(&output.stderr);
        return Err(format!("cargo metadata failed: {reason}").into());
    }
    let metadata: Value = serde_json::from_slice(&output.stdout)?;
    let packages = metadata["packages"].as_array().ok_or("cargo metadata names no packages")?;
    packages.iter().map(package).collect()
}

fn package(package: &Value) -> Result<(String, Dependencies)> {
    let manifest = package["manifest_path"].as_str().ok_or("a package without a manifest")?;
    let folder = Path::new(manifest).parent().ok_or("a manifest without a folder")?;
    let mut dependencies = Dependencies::default();
    for dependency in package["dependencies"].as_array().into_iter().flatten() {
        // Only a crate of the workspace has a path.
        let Some(path) = dependency["path"].as_str() else { continue };
        let kind = match dependency["kind"].as_str() {
            Some("dev") => &mut dependencies.tests,
            _ => &mut dependencies.normal,
        };
        kind.insert(folder_name(Path::new(path)));
    }
    Ok((folder_name(folder), dependencies))
}

fn folder_name(path: &Path) -> String {
    path.file_name().unwrap_or_default().to_string_lossy().into_owned()
}

fn compare(rows: &[Row], crates: &BTreeMap<String, Dependencies>) -> Vec<Finding> {
    let layer = |name: &str| rows.iter().find(|row| row.name == name).map(|row| row.layer);
    let mut findings = Vec::new();
    let mut find = |line, rule: String, fix: &str| {
        findings.push(Finding { file: FILE.to_owned(), line, rule, fix: fix.to_owned() });
    };
    for row in rows {
        let Some(dependencies) = crates.get(&row.name) else {
            find(row.line, format!("there is no crate `{}`", row.name), "remove the row");
            continue;
        };
        if row.may_use != dependencies.normal {
            let named = list(&row.may_use);
            let has = list(&dependencies.normal);
            let rule = format!("`{}` is said to use {named} but uses {has}", row.name);
            find(row.line, rule, "change the table, or the dependencies in its Cargo.toml");
        }
        for used in dependencies.normal.union(&dependencies.tests) {
            if layer(used).is_some_and(|used| used >= row.layer) {
                let rule = format!("`{}` uses `{used}`, which is not in a lower layer", row.name);
                find(row.line, rule, "remove the dependency, or move the border");
            }
        }
    }
    for name in crates.keys().filter(|name| layer(name).is_none()) {
        find(1, format!("the layer table lacks the crate `{name}`"), "add a row for it");
    }
    findings
}

fn list(names: &BTreeSet<String>) -> String {
    if names.is_empty() {
        return "nothing".to_owned();
    }
    names.iter().map(String::as_str).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "\
# Layers

| layer | crate | one sentence | may use |
|---|---|---|---|
| 0 | `types` | Values. | – |
| 1 | `executor` | Executes. | `types` |

| 9 | `other` | Another table. | `types` |
";

    fn crates(list: &[(&str, &[&str], &[&str])]) -> BTreeMap<String, Dependencies> {
        let set = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect();
        list.iter()
            .map(|(name, normal, tests)| {
                let dependencies = Dependencies { normal: set(normal), tests: set(tests) };
                ((*name).to_owned(), dependencies)
            })
            .collect()
    }

    fn found(list: &[(&str, &[&str], &[&str])]) -> Vec<String> {
        compare(&rows(TABLE), &crates(list)).iter().map(ToString::to_string).collect()
    }

    #[test]
    fn accepts_a_table_that_says_what_is() {
        assert_eq!(
            found(&[("types", &[], &[]), ("executor", &["types"], &["types"])]),
            Vec::<String>::new()
        );
    }

    #[test]
    fn finds_a_dependency_that_the_table_lacks_or_has_too_much() {
        let found_none = found(&[("types", &[], &[]), ("executor", &[], &[])]);
        assert_eq!(found_none.len(), 1);
        assert!(found_none[0].starts_with("ARCHITECTURE.md:6: `executor` is said to use types"));
        assert_eq!(
            found(&[
                ("types", &[], &[]),
                ("executor", &["types", "state"], &[]),
                ("state", &[], &[])
            ])
            .len(),
            2
        );
    }

    #[test]
    fn finds_a_dependency_on_the_same_or_a_higher_layer() {
        let found = found(&[("types", &[], &["executor"]), ("executor", &["types"], &[])]);
        assert_eq!(found.len(), 1);
        assert!(found[0].contains("`types` uses `executor`"));
    }

    #[test]
    fn finds_a_crate_without_row_and_a_row_without_crate() {
        let found = found(&[("types", &[], &[]), ("node", &[], &[])]);
        assert!(found[0].contains("no crate `executor`"));
        assert!(found[1].contains("lacks the crate `node`"));
    }
}
