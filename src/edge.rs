//! The only file that knows the platform's requests and responses: to and from our own plain types. Its other half is
//! `edge.js`, where everything that crosses between wasm and JavaScript crosses at once.

use std::fmt::Write;

use worker::{
    Env,
    js_sys::{Date, Promise, Uint8Array},
    wasm_bindgen::{self, JsCast, JsValue, prelude::wasm_bindgen},
    wasm_bindgen_futures::JsFuture,
    web_sys,
};

use crate::{
    d1::{Cost, D1},
    error::{Code, Error},
    id::Id,
    request::Head,
    response::Response,
};

#[wasm_bindgen(module = "/src/edge.js")]
extern "C" {
    fn head(request: &web_sys::Request) -> String;
    fn body(request: &web_sys::Request, limit: usize, patience: usize) -> Promise;
    #[wasm_bindgen(catch)]
    fn respond(status: u16, headers: &str, body: Option<&str>) -> Result<web_sys::Response, JsValue>;
    fn asset(env: &JsValue, request: &web_sys::Request, headers: &str) -> Promise;
}

/// How many bytes of a body that is too large are let through and dropped before the answer.
const PATIENCE: usize = 16 * 1024 * 1024;

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

impl Edge {
    /// Reads the head of a request.
    pub fn new(request: web_sys::Request, env: Env) -> Self {
        let now = Date::now() as u64;
        Self {
            head: Head::parse(&head(&request)),
            now,
            cost: Cost::default(),
            request,
            request_id: Id::new(now).map(|id| id.to_string()).unwrap_or_default(),
            env,
        }
    }

    /// The database.
    pub fn database(&self) -> D1<'_> {
        D1(&self.env)
    }

    /// The whole body. Errors when it is larger than `limit` bytes; no more than that is ever held.
    pub async fn body(&self, limit: usize) -> Result<Vec<u8>, Error> {
        if !self.head.has_body {
            return Ok(Vec::new());
        }
        let bytes = JsFuture::from(body(&self.request, limit, PATIENCE))
            .await
            .map_err(|_| Error::new(Code::BodyMalformed, "The body did not arrive whole. Send it again."))?;
        if bytes.is_undefined() {
            return Err(Error::new(Code::BodyTooLarge, format!("The body must be at most {limit} bytes.")));
        }
        Ok(bytes.unchecked_into::<Uint8Array>().to_vec())
    }

    /// The response that tells of an error. Its cause, if any, goes to the log.
    pub fn describe(&self, error: Error) -> Response {
        if let Some(cause) = &error.cause {
            worker::console_error!("{} {}: {cause}", self.request_id, error.code.name());
        }
        error.response(&self.head.origin, &self.request_id)
    }

    /// The platform's response, with the headers that all of them have.
    pub fn send(&self, response: Response) -> worker::Result<web_sys::Response> {
        Ok(respond(response.status, &self.headers(&response), response.body.as_deref())?)
    }

    /// The static file of the request's path.
    pub async fn asset(&self) -> Result<web_sys::Response, Error> {
        let file = JsFuture::from(asset(&self.env, &self.request, &self.headers(&Response::no_content())));
        let file = file.await.map_err(|_| Error::internal("wrangler.toml binds no static files as ASSETS"))?;
        Ok(file.unchecked_into())
    }

    /// The headers of a response as lines of `name TAB value`, besides those that `edge.js` adds to every one.
    fn headers(&self, response: &Response) -> String {
        let mut lines = format!("x-request-id\t{}\nserver-timing\t{}", self.request_id, self.cost.server_timing());
        if response.body.is_some() {
            lines.push_str("\ncontent-type\tapplication/json; charset=utf-8");
        }
        for (name, value) in &response.headers {
            // Writing to a string has no way to fail.
            let _ = write!(lines, "\n{name}\t{value}");
        }
        lines
    }
}
