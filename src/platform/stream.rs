//! A response that is written bit by bit, as server-sent events (WHATWG HTML, section 9.2).

use worker::{
    wasm_bindgen::{self, JsValue, prelude::wasm_bindgen},
    web_sys,
};

use crate::platform::Found;

#[wasm_bindgen(module = "/src/platform/helper.js", wasm_bindgen_futures = worker::wasm_bindgen_futures)]
extern "C" {
    #[derive(Clone)]
    type Pipe;
    #[wasm_bindgen(js_name = openStream)]
    fn open() -> Pipe;
    #[wasm_bindgen(catch, js_name = writeText)]
    async fn write_text(pipe: &Pipe, text: &str) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(catch, js_name = writeEvents)]
    async fn write_events(pipe: &Pipe, found: &Found) -> Result<JsValue, JsValue>;
    #[wasm_bindgen(js_name = closeStream)]
    fn close(pipe: &Pipe);
    #[wasm_bindgen(catch, js_name = respondWithStream)]
    fn respond(status: u16, headers: &str, pipe: &Pipe) -> Result<web_sys::Response, JsValue>;
}

/// The caller has left, so nothing can be written any more.
pub struct Left;

/// The body of a response, as long as it is written.
#[derive(Clone)]
pub struct Stream(Pipe);

impl Stream {
    /// A stream without a byte.
    pub fn new() -> Self {
        Self(open())
    }

    /// Writes a comment, which callers ignore: it keeps the connection open.
    pub async fn comment(&self) -> Result<(), Left> {
        self.text(":\n\n").await
    }

    /// Says how long to wait before the next connection when this one ends, in milliseconds.
    pub async fn retry(&self, milliseconds: u32) -> Result<(), Left> {
        self.text(&["retry: ", &milliseconds.to_string(), "\n\n"].concat()).await
    }

    /// Writes the events that were found.
    pub async fn events(&self, found: &Found) -> Result<(), Left> {
        write_events(&self.0, found).await.map(drop).map_err(|_| Left)
    }

    async fn text(&self, text: &str) -> Result<(), Left> {
        write_text(&self.0, text).await.map(drop).map_err(|_| Left)
    }

    /// Ends the response.
    pub fn close(self) {
        close(&self.0);
    }

    /// The platform's response.
    pub fn respond(&self, status: u16, headers: &str) -> Result<web_sys::Response, JsValue> {
        respond(status, headers, &self.0)
    }
}
