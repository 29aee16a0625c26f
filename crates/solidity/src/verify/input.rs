//! Standard JSON on its way to the compiler.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

use super::VerifyError;

/// Nodes of the syntax trees that are searched for names of immutables.
const NODES_MAX: usize = 1 << 21;

/// Members of the input that a verification takes.
const MEMBERS: [&str; 3] = ["language", "sources", "settings"];

/// The comment that changes the hash of the metadata and nothing else.
const COMMENT: &str = "\n// compiled again, to see where the hashes are\n";

/// The input with the output that a verification takes. Sources come with the input, for a compiler
/// in its cage fetches none.
pub(super) fn prepared(input: &Json) -> Result<Json, VerifyError> {
    let mut input = input.clone();
    let object = input.as_object_mut().ok_or(VerifyError::Input("it is no object"))?;
    // solc refuses what it does not know, and tools keep more there than it takes: forge the
    // folders that sources came from, for one.
    object.retain(|key, _| MEMBERS.contains(&key.as_str()));
    let sources = object.get("sources").and_then(Json::as_object);
    let sources = sources.filter(|sources| !sources.is_empty());
    let sources = sources.ok_or(VerifyError::Input("it has no sources"))?;
    let has_content = |source: &Json| source.get("content").is_some_and(Json::is_string);
    if !sources.values().all(has_content) {
        return Err(VerifyError::Input("each source needs its content; URLs are not fetched"));
    }
    let language = object.entry("language").or_insert_with(|| "Solidity".into());
    if language != "Solidity" && language != "Yul" {
        return Err(VerifyError::Input("its language is neither Solidity nor Yul"));
    }
    let settings = object.entry("settings").or_insert_with(|| json!({}));
    let settings = settings.as_object_mut().ok_or(VerifyError::Input("settings are no object"))?;
    // An SMT solver is neither needed nor bounded.
    settings.remove("modelChecker");
    settings.remove("stopAfter");
    let parts = [
        "abi",
        "metadata",
        "userdoc",
        "devdoc",
        "storageLayout",
        "evm.bytecode.object",
        "evm.bytecode.linkReferences",
        "evm.deployedBytecode.object",
        "evm.deployedBytecode.linkReferences",
        "evm.deployedBytecode.immutableReferences",
    ];
    settings.insert("outputSelection".into(), json!({"*": {"*": parts, "": ["ast"]}}));
    Ok(input)
}

/// The same input with a comment more in each source, and no syntax trees.
pub(super) fn changed(input: &Json) -> Json {
    let mut input = input.clone();
    let sources = input.get_mut("sources").and_then(Json::as_object_mut);
    for (_, source) in sources.into_iter().flatten() {
        if let Some(Json::String(content)) = source.get_mut("content") {
            content.push_str(COMMENT);
        }
    }
    input
}

/// The sources by path.
pub(super) fn sources(input: &Json) -> BTreeMap<String, String> {
    let sources = input.get("sources").and_then(Json::as_object).into_iter().flatten();
    let content = |source: &Json| source.get("content")?.as_str().map(str::to_owned);
    sources.filter_map(|(path, source)| Some((path.clone(), content(source)?))).collect()
}

/// Names of a contract's immutable variables by the numbers of their declarations.
pub(super) fn declarations<T>(
    output: &Json,
    immutables: &BTreeMap<String, T>,
) -> BTreeMap<String, String> {
    let mut names = BTreeMap::new();
    let files = output.get("sources").and_then(Json::as_object).into_iter().flatten();
    let mut open: Vec<&Json> = files.filter_map(|(_, file)| file.get("ast")).collect();
    let mut left = NODES_MAX;
    while let (Some(node), Some(rest)) = (open.pop(), left.checked_sub(1)) {
        left = rest;
        if node.get("mutability") == Some(&"immutable".into())
            && let (Some(id), Some(name)) =
                (node.get("id").and_then(Json::as_u64), node.get("name").and_then(Json::as_str))
        {
            let id = id.to_string();
            if immutables.contains_key(&id) {
                names.insert(id, name.to_owned());
            }
        }
        // Immutables stand directly in contracts.
        let nodes = node.get("nodes").and_then(Json::as_array);
        open.extend(nodes.into_iter().flatten());
    }
    // It may inherit two of one name, of which one is private; the number tells them apart.
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    for name in names.values() {
        *counts.entry(name.clone()).or_default() += 1;
    }
    let is_twice = |name: &String| counts.get(name).is_some_and(|count| *count > 1);
    names
        .into_iter()
        .map(|(id, name)| {
            let name = if is_twice(&name) { format!("{name}#{id}") } else { name };
            (id, name)
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_tools_keep_beside_the_input_is_left_out() {
        // As in forge's build-info.
        let input = json!({
            "language": "Solidity",
            "sources": {"src/A.sol": {"content": "contract A {}"}},
            "settings": {"evmVersion": "osaka"},
            "allowPaths": ["/src/me"],
            "basePath": "/src/me",
            "includePaths": [],
            "version": "0.8.37",
        });
        let prepared = prepared(&input).unwrap();
        let members: Vec<&String> = prepared.as_object().unwrap().keys().collect();
        assert_eq!(members, ["language", "settings", "sources"]);
        assert_eq!(prepared["sources"], input["sources"]);
        assert_eq!(prepared["settings"]["evmVersion"], "osaka");
    }
}
