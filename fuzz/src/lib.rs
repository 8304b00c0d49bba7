//! Fuzzing of everything in the Worker that parses: the targets, which check what the crate `conversations` promises.
#![forbid(unsafe_code)]

mod targets;

/// A parser, with what it promises for every input.
pub struct Target {
    /// Its name on the command line. Its corpus is `corpus/NAME.jsonl`.
    pub name: &'static str,
    /// Panics when the input breaks a promise.
    pub check: fn(&[u8]),
}

/// All targets. `scripts/fuzz.ts` reads their names from the corpus.
pub const TARGETS: &[Target] = &[
    Target { name: "query", check: targets::pairs::query },
    Target { name: "form", check: targets::pairs::form },
    Target { name: "json", check: targets::json::json },
    Target { name: "values", check: targets::values::values },
    Target { name: "authorization", check: targets::headers::authorization },
    Target { name: "bookmark", check: targets::headers::bookmark },
    Target { name: "idempotency_key", check: targets::headers::idempotency_key },
    Target { name: "entity_tags", check: targets::headers::entity_tags },
    Target { name: "content_type", check: targets::headers::content_type },
    Target { name: "preflight", check: targets::headers::preflight },
    Target { name: "address", check: targets::headers::address },
    Target { name: "head", check: targets::head::head },
    Target { name: "route", check: targets::route::route },
    Target { name: "url", check: targets::url::url },
    Target { name: "list", check: targets::list::list },
    Target { name: "request", check: targets::request::request },
];

/// The target with this name.
pub fn target(name: &str) -> Option<&'static Target> {
    TARGETS.iter().find(|target| target.name == name)
}
