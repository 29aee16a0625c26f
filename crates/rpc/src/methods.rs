//! The table of all methods: one line each, from which the server, `rpc_modules` and the reference
//! are made.

use crate::{Error, Namespace, args::Args, context::Node, json::Json};
use futures_util::future::BoxFuture;
use jsonrpsee::types::Params;
use std::{fmt::Write, sync::Arc};

mod table;

pub(crate) use table::TABLE;

/// A method.
#[derive(Clone, Copy, Debug)]
pub struct Method {
    /// Its name.
    pub name: &'static str,
    /// Other names by which clients call it.
    pub aliases: &'static [&'static str],
    /// What it is switched on and off with.
    pub namespace: Namespace,
    /// Its arguments; those in brackets may be left out.
    pub parameters: &'static str,
    /// What it does.
    pub doc: &'static str,
    pub(crate) handler: Handler,
}

/// How a method is run.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Handler {
    /// On the thread of the connection: it takes microseconds.
    Quick(fn(&Node, &Args<'_>) -> Result<Json, Error>),
    /// On a thread of its own, of which there are only so many: it executes, or reads much.
    Blocking(fn(&Node, &Args<'_>) -> Result<Json, Error>),
    /// It waits for something.
    Waiting(fn(Arc<Node>, Params<'static>) -> BoxFuture<'static, Result<Json, Error>>),
    /// It opens or closes a subscription, which the server does itself.
    Subscription,
}

impl Method {
    pub(crate) const fn new(
        (name, namespace): (&'static str, Namespace),
        parameters: &'static str,
        doc: &'static str,
        handler: Handler,
    ) -> Self {
        Self { name, aliases: &[], namespace, parameters, doc, handler }
    }

    pub(crate) const fn with_aliases(mut self, aliases: &'static [&'static str]) -> Self {
        self.aliases = aliases;
        self
    }
}

/// All methods, by namespace.
pub fn methods() -> impl Iterator<Item = &'static Method> {
    let all = || TABLE.iter().chain(crate::dev::METHODS);
    Namespace::ALL
        .into_iter()
        .flat_map(move |namespace| all().filter(move |method| method.namespace == namespace))
}

/// The reference of all methods, in Markdown.
pub fn reference() -> String {
    let mut text = String::from(HEAD);
    for namespace in Namespace::ALL {
        let members: Vec<_> = methods().filter(|m| m.namespace == namespace).collect();
        if members.is_empty() {
            continue;
        }
        // Writing to a string cannot fail.
        let _ = write!(text, "\n## {}\n\n{}\n\n", namespace.name(), namespace.doc());
        text.push_str("| method | arguments | what |\n|---|---|---|\n");
        for method in members {
            let mut doc = method.doc.to_owned();
            if !method.aliases.is_empty() {
                let aliases: Vec<_> = method.aliases.iter().map(|a| format!("`{a}`")).collect();
                let _ = write!(doc, " Also {}.", aliases.join(", "));
            }
            let _ = writeln!(text, "| `{}` | {} | {doc} |", method.name, method.parameters);
        }
    }
    text
}

const HEAD: &str = "\
# JSON-RPC

Generated from the table in `crates/rpc/src/methods/table.rs`; a test compares the two.

HTTP and WebSocket share one port. A request may be a batch.
Numbers are hex with `0x`; a *block* is a number, a tag (`latest`, `safe`, `finalized`, `pending`, `earliest`), a hash, or an object by EIP-1898.
On a development chain `pending` is the block that would be made now, with a hash and a nonce as anvil gives them, and `safe` and `finalized` are `--slots-in-an-epoch` blocks and twice as many before the last. Elsewhere `pending` is `latest`.
Arguments in brackets may be left out.
Errors carry the codes of the Ethereum execution APIs: -32602 for arguments that make no sense, 3 with the data of a revert, -32000 for what cannot be answered.
Signed transactions that arrive together are taken up together, in their order. What is acknowledged is in the pool, and lost if the process ends; what stands in a block survives a crash of the machine, on a node with `--datadir`.
Where more arrive than can be taken up, `eth_sendRawTransaction` answers -32005 (the node is busy): send it again.
GET `/livez` tells whether the server lives, GET `/readyz` (or `/health`) whether the node can serve.
";

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    #[test]
    fn no_name_is_given_twice_and_each_belongs_to_its_namespace() {
        let mut names = BTreeSet::new();
        for method in methods() {
            for name in [method.name].iter().chain(method.aliases) {
                assert!(names.insert(*name), "{name} is there twice");
            }
            if method.namespace != Namespace::Dev {
                let prefix = format!("{}_", method.namespace.name());
                assert!(method.name.starts_with(&prefix), "{}", method.name);
            }
            assert!(method.doc.ends_with('.'), "{}", method.name);
        }
    }

    /// With `HEDDLE_WRITE_DOCS` set the file is written instead.
    #[test]
    fn the_reference_is_what_the_table_says() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/rpc.md");
        if std::env::var_os("HEDDLE_WRITE_DOCS").is_some() {
            std::fs::write(path, reference()).unwrap();
        }
        let file = std::fs::read_to_string(path).unwrap_or_default();
        assert!(
            file == reference(),
            "docs/rpc.md is not what the table says; write it with \
             HEDDLE_WRITE_DOCS=1 cargo test --package heddle-rpc reference"
        );
    }
}
