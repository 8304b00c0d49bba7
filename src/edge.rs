//! The only file that knows the platform's requests and responses: to and from our own plain types.

use worker::{
    D1Database, Date, Env,
    js_sys::{Function, Promise, Reflect, Uint8Array},
    wasm_bindgen::{JsCast, JsValue},
    wasm_bindgen_futures::JsFuture,
    web_sys::{self, Headers, ReadableStreamDefaultReader, ReadableStreamReadResult, ResponseInit},
};

use crate::{
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
    request: worker::Request,
    request_id: String,
    env: Env,
}

/// What browsers may read of a response besides its body (Fetch standard, CORS protocol).
const EXPOSED_HEADERS: &str = "Allow, Link, Location, Retry-After, WWW-Authenticate, X-Request-Id";

/// How many bytes of a body that is too large are let through and dropped before the answer: a connection closed on
/// a caller who is still sending takes the answer with it.
const PATIENCE: usize = 16 * 1024 * 1024;

impl Edge {
    /// Reads the head of a request.
    pub fn new(request: worker::Request, env: Env) -> worker::Result<Self> {
        let now = Date::now().as_millis();
        let request_id = Id::new(now).map(|id| id.to_string()).unwrap_or_default();
        let headers = request.headers();
        let url = request.inner().url();
        let (url, query) = match url.split_once('?') {
            Some((url, query)) => (url, Some(query.to_owned())),
            None => (url.as_str(), None),
        };
        let path = request.path();
        let head = Head {
            // `Request::method` takes every verb that it doesn't know for GET.
            method: request.inner().method(),
            origin: url.strip_suffix(path.as_str()).unwrap_or_default().to_owned(),
            path,
            query,
            authorization: headers.get("authorization")?,
            content_type: headers.get("content-type")?,
            content_encoding: headers.get("content-encoding")?,
            asks_preflight: headers.has("access-control-request-method")?,
        };
        Ok(Self { head, now, request, request_id, env })
    }

    /// The database.
    pub fn database(&self) -> Result<D1Database, Error> {
        self.env.d1("DB").map_err(|error| Error::internal(error.to_string()))
    }

    /// The whole body. Errors when it is larger than `limit` bytes; no more than that is ever held.
    pub async fn body(&self, limit: usize) -> Result<Vec<u8>, Error> {
        let Some(stream) = self.request.inner().body() else {
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
            worker::console_error!("{} {:?}: {cause}", self.request_id, error.code);
        }
        error.response(&self.head.origin, &self.request_id)
    }

    /// The platform's response, with the headers that all of them have.
    pub async fn send(self, response: Response) -> worker::Result<web_sys::Response> {
        let headers = Headers::new()?;
        headers.set("access-control-allow-origin", "*")?;
        headers.set("access-control-expose-headers", EXPOSED_HEADERS)?;
        headers.set("x-request-id", &self.request_id)?;
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
        let asked: Promise = fetch.call1(&assets, self.request.inner())?.unchecked_into();
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
