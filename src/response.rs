//! A response as plain data: status, headers, body. Pure; `edge.rs` turns it into the platform's own.

/// What goes back to the caller. The headers that every response has are added at the edge.
#[derive(Debug, PartialEq, Eq)]
pub struct Response {
    /// The HTTP status.
    pub status: u16,
    /// Headers of this response alone.
    pub headers: Vec<(&'static str, String)>,
    /// JSON, or nothing at all. Of a page, what comes before its objects.
    pub body: Option<String>,
    /// Of a page, its objects.
    pub objects: Option<Objects>,
}

/// Which of the objects that D1 found make up the body. They are long and nothing here looks into them, so they never cross to
/// the wasm: `edge.js` has them.
#[derive(Debug, PartialEq, Eq)]
pub struct Objects {
    /// The first so many.
    pub count: usize,
    /// Whether they come last one first.
    pub backwards: bool,
    /// What comes after them in the body.
    pub after: &'static str,
}

impl Response {
    fn empty(status: u16) -> Self {
        Self { status, headers: Vec::new(), body: None, objects: None }
    }

    /// A JSON body.
    pub fn json(status: u16, body: String) -> Self {
        Self { body: Some(body), ..Self::empty(status) }
    }

    /// A body of `before`, the objects with commas between them, and what comes after them.
    pub fn page(before: String, objects: Objects) -> Self {
        Self { objects: Some(objects), ..Self::json(200, before) }
    }

    /// 204, no body.
    pub fn no_content() -> Self {
        Self::empty(204)
    }

    /// What stands around a static file, whose body and type `entry.js` has.
    pub fn file(status: u16) -> Self {
        Self::empty(status)
    }

    /// 304: the caller has it already (RFC 9110, section 15.4.5).
    pub fn not_modified() -> Self {
        Self::empty(304)
    }

    /// 204 to a browser's preflight (Fetch standard, CORS-preflight): any origin may send what this API reads.
    /// It says so for paths that don't exist too, or a page could not read their 404.
    pub fn preflight() -> Self {
        Self::no_content()
            .with("access-control-allow-methods", "GET, HEAD, POST, PUT, PATCH, DELETE")
            .with(
                "access-control-allow-headers",
                "Authorization, Content-Type, Idempotency-Key, If-Match, If-None-Match",
            )
            .with("access-control-max-age", "86400")
    }

    /// 204 to a plain `OPTIONS`, with the path's verbs.
    pub fn options(allow: String) -> Self {
        Self::no_content().with("allow", allow)
    }

    /// Adds a header.
    pub fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.headers.push((name, value.into()));
        self
    }
}
