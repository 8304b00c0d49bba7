//! The lines that say what a request says before its body, and the URL among them, against the `url` crate: the platform
//! has parsed the URL already and gives what that crate gives.

use url::Url;

use crate::request::Head;

pub fn head(input: &[u8]) {
    let Ok(text) = str::from_utf8(input) else { return };

    // Whatever the lines are, nothing is lost of the URL, and it is cut in one way.
    let head = Head::parse(text);
    let mut lines = text.split('\n');
    assert_eq!(Some(head.method.as_str()), lines.next());
    let query = head.query.as_ref().map(|query| format!("?{query}")).unwrap_or_default();
    assert_eq!([head.origin.as_str(), &head.path, &query].concat(), lines.next().unwrap_or_default());
    assert!(head.path.is_empty() || head.path.starts_with('/'));
    assert!(!head.path.contains('?') && !head.origin.contains('?'));
    assert_eq!(head.special.as_deref(), lines.nth(2).and_then(|line| line.strip_prefix(':')));

    for origin in ["https://example.com", "http://127.0.0.1:8787", "http://[::1]:8787"] {
        let mut url = Url::parse(&format!("{origin}/{text}")).expect("any path will do");
        url.set_fragment(None);
        let head = Head::parse(&format!("GET\n{url}\n"));
        assert_eq!(head.origin, origin);
        assert_eq!((head.path.as_str(), head.query.as_deref()), (url.path(), url.query()));
    }
}
