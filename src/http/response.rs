//! A response as plain data: status, headers, body. `platform/` turns it into the platform's own.

use std::borrow::Cow;

/// What goes back to the caller. The headers that every response has are added on the way out.
#[derive(Debug, PartialEq, Eq)]
pub struct Response {
    /// The HTTP status.
    pub status: u16,
    /// Headers of this response alone.
    pub headers: Vec<(&'static str, Cow<'static, str>)>,
    /// What follows them.
    pub body: Body,
    /// Whether nothing may store it, although the responses of its path may be stored.
    pub is_private: bool,
}

/// A response's body.
#[derive(Debug, PartialEq, Eq)]
pub enum Body {
    /// None.
    Empty,
    /// JSON.
    Json(String),
    /// JSON around objects that the query found.
    Objects(Objects),
    /// The static file that `platform/` has found.
    File,
    /// The stream that `platform/` has opened.
    Stream,
}

/// What stands around the objects of a body. They are long and nothing here looks into them, so they never cross to the
/// wasm: `platform/helper.js` has them.
#[derive(Debug, PartialEq, Eq)]
pub struct Objects {
    /// What comes before them in the body.
    pub before: Cow<'static, str>,
    /// Whether they come in reverse.
    pub reversed: bool,
    /// What comes after them in the body.
    pub after: Cow<'static, str>,
}

impl Response {
    fn new(status: u16, body: Body) -> Self {
        Self { status, headers: Vec::new(), body, is_private: false }
    }

    /// A JSON body.
    pub fn json(status: u16, body: String) -> Self {
        Self::new(status, Body::Json(body))
    }

    /// A JSON body made of objects that the query found.
    pub fn objects(status: u16, objects: Objects) -> Self {
        Self::new(status, Body::Objects(objects))
    }

    /// The one object that the query found.
    pub fn object(status: u16) -> Self {
        Self::objects(status, Objects { before: "".into(), reversed: false, after: "".into() })
    }

    /// A page of the objects that the query found (contract, "Representation"), and how many there are, in JSON, if
    /// that was asked.
    pub fn list(has_more: bool, reversed: bool, total_count: Option<&str>) -> Self {
        let before = if has_more { r#"{"has_more":true,"data":["# } else { r#"{"has_more":false,"data":["# };
        let after = match total_count {
            None => "]}".into(),
            Some(count) => [r#"],"total_count":"#, count, "}"].concat().into(),
        };
        Self::objects(200, Objects { before: before.into(), reversed, after })
    }

    /// The objects that the query found, and the ids of those that it did not find, in JSON.
    pub fn found_and_missing(missing: &str) -> Self {
        let after = [r#"],"missing":"#, missing, "}"].concat().into();
        Self::objects(200, Objects { before: r#"{"data":["#.into(), reversed: false, after })
    }

    /// 204, no body.
    pub fn no_content() -> Self {
        Self::new(204, Body::Empty)
    }

    /// 304: the caller has this state already (RFC 9110, section 15.4.5).
    pub fn not_modified() -> Self {
        Self::new(304, Body::Empty)
    }

    /// 204 to an OPTIONS request, with the path's methods.
    pub fn options(allow: String) -> Self {
        Self::no_content().with("allow", allow)
    }

    /// A static file.
    pub fn file(status: u16) -> Self {
        Self::new(status, Body::File)
    }

    /// A stream of server-sent events (WHATWG HTML, section 9.2).
    pub fn stream() -> Self {
        Self::new(200, Body::Stream).with("content-type", "text/event-stream; charset=utf-8")
    }

    /// Adds a header.
    pub fn with(mut self, name: &'static str, value: impl Into<Cow<'static, str>>) -> Self {
        self.headers.push((name, value.into()));
        self
    }

    /// Adds the object's entity tag (RFC 9110, section 8.8.3).
    pub fn with_tag(self, tag: &str) -> Self {
        self.with("etag", ["\"", tag, "\""].concat())
    }
}
