//! The only file that knows the platform's requests and responses: to and from our own plain types.

use worker::{
    Date, Env,
    js_sys::{Function, Promise, Reflect, Uint8Array},
    wasm_bindgen::{JsCast, JsValue},
    wasm_bindgen_futures::JsFuture,
    web_sys::{self, Headers, ReadableStreamDefaultReader, ReadableStreamReadResult, ResponseInit},
    worker_sys::types::D1Database,
};

use crate::{
    d1::Cost,
    error::{Code, Error},
    id::Id,
    request::Head,
    response::Response,
};

/// One request at the edge, from its arrival to its answer.
pub struct Edge {
    /// What the request says before its body.
    pub head: Head,
    /// When it arrived: milliseconds since the Unix epoch.
    pub now: u64,
    /// What the call to D1 took; nothing while there was none.
    pub cost: Cost,
    request: web_sys::Request,
    request_id: String,
    env: Env,
}

/// What browsers may read of a response besides its body (Fetch standard, CORS protocol).
const EXPOSED_HEADERS: &str = "Allow, Link, Location, Retry-After, Server-Timing, WWW-Authenticate, X-Request-Id";

/// How many bytes of a body that is too large are let through and dropped before the answer: a connection closed on
/// a caller who is still sending takes the answer with it.
const PATIENCE: usize = 16 * 1024 * 1024;

impl Edge {
    /// Reads the head of a request.
    pub fn new(request: web_sys::Request, env: Env) -> worker::Result<Self> {
        let now = Date::now().as_millis();
        let request_id = Id::new(now).map(|id| id.to_string()).unwrap_or_default();
        let headers = request.headers();
        let method = request.method();
        let (origin, path, query) = split(&request.url());
        let head = Head {
            asks_preflight: method == "OPTIONS" && headers.has("access-control-request-method")?,
            authorization: headers.get("authorization")?,
            content_type: headers.get("content-type")?,
            content_encoding: headers.get("content-encoding")?,
            method,
            origin,
            path,
            query,
        };
        Ok(Self { head, now, cost: Cost::default(), request, request_id, env })
    }

    /// The database.
    pub fn database(&self) -> Result<D1Database, Error> {
        let binding = Reflect::get(&self.env, &"DB".into()).unwrap_or_default();
        if binding.is_undefined() {
            return Err(Error::internal("wrangler.toml binds no D1 database as DB"));
        }
        Ok(binding.unchecked_into())
    }

    /// The whole body. Errors when it is larger than `limit` bytes; no more than that is ever held.
    pub async fn body(&self, limit: usize) -> Result<Vec<u8>, Error> {
        let Some(stream) = self.request.body() else {
            return Ok(Vec::new());
        };
        let lost = |error: JsValue| {
            Error::new(Code::BodyMalformed, "The body did not arrive whole. Send it again.")
                .with_cause(format!("{error:?}"))
        };
        let reader: ReadableStreamDefaultReader = stream.get_reader().unchecked_into();
        let mut body = Vec::new();
        let mut length = 0;
        loop {
            let chunk: ReadableStreamReadResult = JsFuture::from(reader.read()).await.map_err(lost)?.unchecked_into();
            let done = chunk.get_done().unwrap_or_default();
            if done && length <= limit {
                return Ok(body);
            }
            if done || length > PATIENCE {
                let _ = reader.cancel();
                return Err(Error::new(Code::BodyTooLarge, format!("The body must be at most {limit} bytes.")));
            }
            let bytes: Uint8Array = chunk.get_value().unchecked_into();
            length += bytes.length() as usize;
            if length <= limit {
                body.extend(bytes.to_vec());
            }
        }
    }

    /// The response that tells of an error. Its cause, if any, goes to the log.
    pub fn describe(&self, error: Error) -> Response {
        if let Some(cause) = &error.cause {
            worker::console_error!("{} {}: {cause}", self.request_id, error.code.name());
        }
        error.response(&self.head.origin, &self.request_id)
    }

    /// The platform's response, with the headers that all of them have.
    pub async fn send(self, response: Response) -> worker::Result<web_sys::Response> {
        let headers = Headers::new()?;
        headers.set("access-control-allow-origin", "*")?;
        headers.set("access-control-expose-headers", EXPOSED_HEADERS)?;
        headers.set("x-request-id", &self.request_id)?;
        headers.set("server-timing", &self.cost.server_timing())?;
        if response.is_asset {
            return self.asset(&headers).await;
        }
        headers.set("cache-control", "private, no-cache")?;
        if response.body.is_some() {
            headers.set("content-type", "application/json; charset=utf-8")?;
        }
        for (name, value) in &response.headers {
            headers.set(name, value)?;
        }
        // The runtime itself leaves the body of an answer to HEAD away.
        Ok(web_sys::Response::new_with_opt_str_and_init(response.body.as_deref(), &init(response.status, &headers))?)
    }

    /// The static file of the request's path, from the `ASSETS` binding, with `headers` besides its own.
    async fn asset(&self, headers: &Headers) -> worker::Result<web_sys::Response> {
        let assets = Reflect::get(&self.env, &"ASSETS".into())?;
        let fetch: Function = Reflect::get(&assets, &"fetch".into())?.unchecked_into();
        let asked: Promise = fetch.call1(&assets, &self.request)?.unchecked_into();
        let file: web_sys::Response = JsFuture::from(asked).await?.unchecked_into();
        for name in ["cache-control", "content-type", "etag"] {
            if let Some(value) = file.headers().get(name)? {
                headers.set(name, &value)?;
            }
        }
        let init = init(file.status(), headers);
        Ok(web_sys::Response::new_with_opt_readable_stream_and_init(file.body().as_ref(), &init)?)
    }
}

fn init(status: u16, headers: &Headers) -> ResponseInit {
    let init = ResponseInit::new();
    init.set_status(status);
    init.set_headers(headers);
    init
}

/// A URL as the platform writes it, as origin, path and query. The platform has parsed it: there is a path, and no
/// fragment. (Parsing it again would bring the `url` crate and its tables along, 70 KB of wasm.)
fn split(url: &str) -> (String, String, Option<String>) {
    let (url, query) = match url.split_once('?') {
        Some((url, query)) => (url, Some(query.to_owned())),
        None => (url, None),
    };
    let host = url.find("://").map_or(0, |scheme| scheme + 3);
    let path = url.get(host..).and_then(|rest| rest.find('/')).map_or(url.len(), |path| host + path);
    let (origin, path) = url.split_at_checked(path).unwrap_or((url, ""));
    (origin.to_owned(), path.to_owned(), query)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_split_at_its_path_and_its_query() {
        for (url, origin, path, query) in [
            ("https://api.self.chat/v1/conversations", "https://api.self.chat", "/v1/conversations", None),
            ("http://127.0.0.1:8787/?", "http://127.0.0.1:8787", "/", Some("")),
            ("https://h/a?b=/c?d", "https://h", "/a", Some("b=/c?d")),
            ("https://h//v1/x", "https://h", "//v1/x", None),
        ] {
            assert_eq!(split(url), (origin.to_owned(), path.to_owned(), query.map(str::to_owned)), "{url}");
        }
    }
}
