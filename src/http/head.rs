//! The head of a request: what it says before its body.

use crate::http::{
    SPACE,
    error::{Code, Error},
};

/// Method, URL and the headers that matter to this API. It holds a secret, so it has no `Debug`.
#[derive(Default)]
pub struct Head {
    /// The method as sent, in capitals where it is a known one.
    pub method: String,
    /// Where the request was sent.
    pub url: Url,
    /// Whether there is a body, even an empty one.
    pub has_body: bool,
    /// `Authorization`
    pub authorization: Option<String>,
    /// `Content-Type`
    pub content_type: Option<String>,
    /// `Content-Encoding`
    pub content_encoding: Option<String>,
    /// `Idempotency-Key`
    pub idempotency_key: Option<String>,
    /// `If-Match`
    pub if_match: Option<String>,
    /// `If-None-Match`
    pub if_none_match: Option<String>,
    /// `Accept`
    pub accept: Option<String>,
    /// `Last-Event-ID`
    pub last_event_id: Option<String>,
    /// `Access-Control-Request-Method`, which makes an OPTIONS request a preflight.
    pub access_control_request_method: Option<String>,
    /// `Access-Control-Request-Headers`: what a browser wants to send, asked in a preflight.
    pub access_control_request_headers: Option<String>,
    /// `CF-Connecting-IP`: the caller's address, where the platform names one.
    pub cf_connecting_ip: Option<String>,
}

impl Head {
    /// Whether the caller wants server-sent events (WHATWG HTML, section 9.2). HEAD asks for no body.
    pub fn accepts_stream(&self) -> bool {
        let types = self.accept.as_deref().unwrap_or_default().split(',');
        let mut names = types.map(|each| each.split(';').next().unwrap_or_default().trim_matches(SPACE));
        self.method == "GET" && names.any(|name| name.eq_ignore_ascii_case("text/event-stream"))
    }

    /// Reads what `head` in `platform/helper.js` writes, which looks like HTTP: a line of method and URL, a line for
    /// each header that is there, and an empty line where a body follows.
    pub fn parse(text: &str) -> Self {
        let mut head = Self::default();
        let mut lines = text.lines();
        let (method, url) = lines.next().and_then(|line| line.split_once(' ')).unwrap_or_default();
        (head.method, head.url) = (method.to_owned(), Url::split(url));
        for line in lines {
            let Some((name, value)) = line.split_once(": ") else {
                head.has_body = true;
                break;
            };
            let header = match name {
                "authorization" => &mut head.authorization,
                "content-type" => &mut head.content_type,
                "content-encoding" => &mut head.content_encoding,
                "idempotency-key" => &mut head.idempotency_key,
                "if-match" => &mut head.if_match,
                "if-none-match" => &mut head.if_none_match,
                "accept" => &mut head.accept,
                "last-event-id" => &mut head.last_event_id,
                "access-control-request-method" => &mut head.access_control_request_method,
                "access-control-request-headers" => &mut head.access_control_request_headers,
                "cf-connecting-ip" => &mut head.cf_connecting_ip,
                _ => continue,
            };
            *header = Some(value.to_owned());
        }
        head
    }
}

/// A URL in three parts. The platform has parsed it: there is a path, and no fragment. (The `url` crate would parse it
/// again, at the price of 70 kB of wasm.)
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Url {
    /// Scheme and host: `https://api.example.com`.
    pub origin: String,
    /// The path as sent, with its percent-encoding.
    pub path: String,
    /// What follows the `?`. Empty where there is none.
    pub query: String,
}

impl Url {
    /// Whether the request was encrypted on its way.
    pub fn is_https(&self) -> bool {
        self.origin.starts_with("https://")
    }

    /// Errors when the request was not encrypted, unless it never left its machine.
    pub fn require_https(&self) -> Result<(), Error> {
        const MESSAGE: &str = "Plain HTTP is not supported. Send the request to the same URL with https. If it had a \
                               token, revoke or rotate that token: it was sent without encryption.";
        let Some(host) = self.origin.strip_prefix("http://") else { return Ok(()) };
        // The platform writes each address in one way, and lets no name end with a number.
        let name = host.split_once(':').map_or(host, |(name, _)| name);
        let v4 = name.starts_with("127.") && name.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.');
        let local = v4 || host.starts_with("[::1]") || name == "localhost" || name.ends_with(".localhost");
        if local { Ok(()) } else { Err(Error::new(Code::HttpsRequired, MESSAGE)) }
    }

    fn split(url: &str) -> Self {
        let (url, query) = url.split_once('?').unwrap_or((url, ""));
        let host = url.find("://").map_or(0, |scheme| scheme + 3);
        let path = url.get(host..).and_then(|rest| rest.find('/')).map_or(url.len(), |path| host + path);
        let (origin, path) = url.split_at_checked(path).unwrap_or((url, ""));
        Self { origin: origin.to_owned(), path: path.to_owned(), query: query.to_owned() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_url_is_split_at_its_path_and_its_query() {
        for (url, origin, path, query) in [
            ("https://api.self.chat/v1/conversations", "https://api.self.chat", "/v1/conversations", ""),
            ("http://127.0.0.1:8787/?", "http://127.0.0.1:8787", "/", ""),
            ("https://h/a?b=/c?d", "https://h", "/a", "b=/c?d"),
            ("https://h//v1/x", "https://h", "//v1/x", ""),
        ] {
            let expected = Url { origin: origin.to_owned(), path: path.to_owned(), query: query.to_owned() };
            assert_eq!(Url::split(url), expected, "{url}");
        }
    }

    #[test]
    fn plain_http_is_for_this_machine_alone() {
        let allowed = |origin: &str| Url { origin: origin.to_owned(), ..Url::default() }.require_https().is_ok();
        for origin in [
            "https://api.self.chat",
            "http://localhost",
            "http://localhost:8787",
            "http://api.localhost:8787",
            "http://127.0.0.1:8787",
            "http://127.255.255.254",
            "http://[::1]",
            "http://[::1]:8787",
        ] {
            assert!(allowed(origin), "{origin}");
        }
        for origin in [
            "http://api.self.chat",
            "http://api.self.chat:8787",
            "http://localhost.self.chat",
            "http://notlocalhost",
            "http://127.0.0.1.self.chat",
            "http://128.0.0.1",
            "http://0.0.0.0:8787",
            "http://10.0.0.1",
            "http://[::2]:1",
            "http://[2001:db8::1]",
        ] {
            assert!(!allowed(origin), "{origin}");
        }
    }

    #[test]
    fn an_absent_header_is_none_and_an_empty_one_is_not() {
        let head = Head::parse("POST https://h/a\nidempotency-key: \ncontent-type: a: b\n\n");
        assert_eq!((head.method.as_str(), head.url.path.as_str(), head.has_body), ("POST", "/a", true));
        assert_eq!((head.idempotency_key.as_deref(), head.if_match), (Some(""), None));
        assert_eq!(head.content_type.as_deref(), Some("a: b"));
    }

    #[test]
    fn without_an_empty_line_there_is_no_body() {
        assert!(!Head::parse("GET https://h/a\nauthorization: Bearer x\n").has_body);
        assert!(!Head::parse("GET https://h/a\n").has_body);
    }
}
