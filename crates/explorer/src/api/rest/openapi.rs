//! The OpenAPI document, made from the table of routes and the shapes.

use super::{
    Handler, LIMIT_DEFAULT, LIMIT_MAX, PREFIX, Parameter, ROUTES, Route,
    shapes::{Kind, SHAPES},
};
use serde_json::{Map, Value, json};

/// The document, of version 3.1.
pub(crate) fn document() -> Value {
    let paths: Map<String, Value> = ROUTES
        .iter()
        .map(|route| (format!("{PREFIX}{}", route.path), json!({ "get": operation(route) })))
        .collect();
    let mut schemas: Map<String, Value> = SHAPES
        .iter()
        .map(|(name, fields)| {
            let properties: Map<String, Value> = fields
                .iter()
                .map(|(field, kind, doc)| {
                    let mut schema = schema(*kind);
                    schema["description"] = json!(doc);
                    ((*field).to_owned(), schema)
                })
                .collect();
            let required: Vec<&str> = fields.iter().map(|(field, ..)| *field).collect();
            let shape = json!({ "type": "object", "properties": properties, "required": required });
            ((*name).to_owned(), shape)
        })
        .collect();
    schemas.insert("Problem".to_owned(), problem());
    json!({
        "openapi": "3.1.0",
        "info": {
            "title": "Heddle explorer",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "Reads a chain. Amounts are decimal strings in the smallest unit, hashes \
                and bytes hex, addresses with a checksum (EIP-55). Lists come in pages: give `next` \
                of an answer as `cursor` to get the next one.",
            "license": { "name": "MIT OR Apache-2.0", "identifier": "MIT OR Apache-2.0" },
        },
        "servers": [{ "url": "/" }],
        "paths": paths,
        "components": { "schemas": schemas },
    })
}

fn operation(route: &Route) -> Value {
    let parts = parts_of(route.path).map(|name| {
        json!({
            "name": name, "in": "path", "required": true,
            "description": part_doc(name), "schema": { "type": "string" },
        })
    });
    let parameters: Vec<Value> = parts.chain(route.parameters.iter().map(parameter)).collect();
    let content = match route.handler {
        Handler::Csv(_) => json!({ "text/csv": { "schema": { "type": "string" } } }),
        Handler::Json(_) => {
            let item = reference(route.shape);
            let schema = if route.list {
                json!({
                    "type": "object",
                    "properties": {
                        "items": { "type": "array", "items": item },
                        "next": {
                            "type": ["string", "null"],
                            "description": "The cursor of the next page; null on the last one.",
                        },
                    },
                    "required": ["items", "next"],
                })
            } else {
                item
            };
            json!({ "application/json": { "schema": schema } })
        }
    };
    let problem = json!({ "application/problem+json": { "schema": reference("Problem") } });
    let failed = |what: &str| json!({ "description": what, "content": problem });
    json!({
        "operationId": operation_id(route.path),
        "summary": route.summary,
        "parameters": parameters,
        "responses": {
            "200": { "description": route.summary, "content": content },
            "400": failed("A parameter makes no sense."),
            "404": failed("There is no such thing."),
            "429": failed("Too many requests from this address; see Retry-After."),
            "503": failed("The server is busy, or this takes too long."),
            "default": failed("Something else is wrong."),
        },
    })
}

/// Names in braces.
pub(super) fn parts_of(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter_map(|part| part.strip_prefix('{')?.strip_suffix('}'))
}

fn operation_id(path: &str) -> String {
    let words = path.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join("_")
}

fn part_doc(name: &str) -> &'static str {
    match name {
        "block" => "Height, hash or `latest`.",
        "hash" => "Hash of a transaction.",
        "id" => "Id of an item, in decimal.",
        _ => "An address.",
    }
}

fn parameter(parameter: &Parameter) -> Value {
    let (name, required, doc, schema) = match parameter {
        Parameter::Limit => (
            "limit",
            false,
            "Entries of a page.",
            json!({
                "type": "integer", "minimum": 1, "maximum": LIMIT_MAX, "default": LIMIT_DEFAULT,
            }),
        ),
        Parameter::Cursor => {
            ("cursor", false, "`next` of the page before.", json!({ "type": "string" }))
        }
        Parameter::FromBlock => ("from_block", false, "The lowest height.", height()),
        Parameter::ToBlock => ("to_block", false, "The highest height.", height()),
        Parameter::Class => (
            "class",
            false,
            "Kind of token.",
            json!({ "type": "string", "enum": ["erc20", "erc721", "erc1155"] }),
        ),
        Parameter::Query => (
            "q",
            true,
            "A height, a hash, an address, or the beginning of a token's name or symbol.",
            json!({ "type": "string", "maxLength": 200 }),
        ),
        Parameter::Blocks => (
            "blocks",
            false,
            "How many of the last blocks.",
            json!({ "type": "integer", "minimum": 1, "maximum": 1000, "default": 100 }),
        ),
        Parameter::FromHour => ("from", false, "The first hour since 1970.", height()),
        Parameter::ToHour => ("to", false, "The last hour since 1970.", height()),
    };
    json!({
        "name": name, "in": "query", "required": required, "description": doc, "schema": schema,
    })
}

fn height() -> Value {
    json!({ "type": "integer", "minimum": 0 })
}

fn reference(shape: &str) -> Value {
    json!({ "$ref": format!("#/components/schemas/{shape}") })
}

fn schema(kind: Kind) -> Value {
    let hex = |pattern: &str| json!({ "type": "string", "pattern": pattern });
    match kind {
        Kind::Integer => json!({ "type": "integer" }),
        Kind::Number => json!({ "type": "number" }),
        Kind::Amount => hex("^[0-9]+$"),
        Kind::Address => hex("^0x[0-9a-fA-F]{40}$"),
        Kind::Hash => hex("^0x[0-9a-f]{64}$"),
        Kind::Hex => hex("^0x([0-9a-f]{2})*$"),
        Kind::Text => json!({ "type": "string" }),
        Kind::Flag => json!({ "type": "boolean" }),
        Kind::Any => json!({}),
        Kind::Of(shape) => reference(shape),
        Kind::List(of) => json!({ "type": "array", "items": schema(*of) }),
        Kind::Maybe(of) => json!({ "anyOf": [schema(*of), { "type": "null" }] }),
    }
}

/// RFC 9457.
fn problem() -> Value {
    json!({
        "type": "object",
        "properties": {
            "type": { "type": "string", "format": "uri-reference" },
            "title": { "type": "string", "description": "What kind of problem." },
            "status": { "type": "integer", "description": "The status of HTTP." },
            "detail": { "type": "string", "description": "What was wrong, and what to do." },
        },
        "required": ["type", "title", "status", "detail"],
    })
}
