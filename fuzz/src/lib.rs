//! Fuzzing of everything in the Worker that parses: its modules, and the targets that feed them.
//!
//! The Worker is a `cdylib`, which nothing can depend on, so its modules are taken in by path. They name one another
//! `crate::…`, which is why they all stand here; `lib.rs` and the edge stay out, they know the platform.
#![forbid(unsafe_code)]
// Each target uses what it checks and no more.
#![allow(dead_code)]

#[path = "../../src/attributes.rs"]
mod attributes;
#[path = "../../src/auth.rs"]
mod auth;
#[path = "../../src/body.rs"]
mod body;
#[path = "../../src/call.rs"]
mod call;
#[path = "../../src/conditions.rs"]
mod conditions;
#[path = "../../src/conversations/mod.rs"]
mod conversations;
#[path = "../../src/error.rs"]
mod error;
#[path = "../../src/id.rs"]
mod id;
#[path = "../../src/idempotency.rs"]
mod idempotency;
#[path = "../../src/messages/mod.rs"]
mod messages;
#[path = "../../src/object.rs"]
mod object;
#[path = "../../src/page.rs"]
mod page;
#[path = "../../src/request.rs"]
mod request;
#[path = "../../src/response.rs"]
mod response;
#[path = "../../src/routes.rs"]
mod routes;
#[path = "../../src/tokens/mod.rs"]
mod tokens;
#[path = "../../src/values.rs"]
mod values;

mod targets;

/// Something that parses, with what it promises of every input.
pub struct Target {
    /// What it is called on the command line; its corpus is `corpus/NAME.jsonl`.
    pub name: &'static str,
    /// Panics when the input breaks a promise.
    pub check: fn(&[u8]),
}

/// Every target there is. `scripts/fuzz.ts` reads the names from the corpus.
pub const TARGETS: &[Target] = &[
    Target { name: "query", check: targets::pairs::query },
    Target { name: "form", check: targets::pairs::form },
    Target { name: "json", check: targets::json::json },
    Target { name: "values", check: targets::values::values },
    Target { name: "authorization", check: targets::headers::authorization },
    Target { name: "idempotency_key", check: targets::headers::idempotency_key },
    Target { name: "entity_tags", check: targets::headers::entity_tags },
    Target { name: "content_type", check: targets::headers::content_type },
    Target { name: "head", check: targets::head::head },
    Target { name: "route", check: targets::route::route },
    Target { name: "list", check: targets::list::list },
    Target { name: "request", check: targets::request::request },
];

/// The target of a name.
pub fn target(name: &str) -> Option<&'static Target> {
    TARGETS.iter().find(|target| target.name == name)
}
