//! Where deliveries may go: public hosts over HTTPS (contract, "Webhooks"). A URL is taken only in the one spelling
//! that every parser reads alike: what this file has not understood is refused.

use std::{
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use crate::http::error::Error;

/// Characters of a URL at most.
const MAX_LENGTH: usize = 1000;

/// Endings of names that the public DNS does not have (RFC 6761, RFC 6762, RFC 7686, RFC 8375), or that by custom
/// belong to private networks.
const PRIVATE_NAMES: &[&str] = &["localhost", "local", "internal", "home.arpa", "onion", "test", "invalid"];

/// The URL of an endpoint, as it was sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EndpointUrl(String);

impl fmt::Display for EndpointUrl {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl EndpointUrl {
    /// Checks a URL. `allow_loopback` says whether it may lead to this machine, also by plain HTTP. Errors: 400.
    pub fn parse(text: &str, allow_loopback: bool) -> Result<Self, Error> {
        if is_allowed(text, allow_loopback).is_some() {
            return Ok(Self(text.to_owned()));
        }
        let loopback = if allow_loopback { ", or an http or https URL of a loopback address," } else { "" };
        Err(Error::invalid("url", &["an https URL of a public host", loopback, FORM].concat()))
    }
}

/// What else a URL must be.
const FORM: &str = " without user information and fragment, with port 443 or one from 1024 to 65535, of at most 1000 \
                    printable ASCII characters";

fn is_allowed(text: &str, allow_loopback: bool) -> Option<()> {
    // Those that a parser of URLs would change or drop.
    let is_plain = |byte: u8| byte.is_ascii_graphic() && !matches!(byte, b'\\' | b'"' | b'<' | b'>' | b'`' | b'#');
    if text.len() > MAX_LENGTH || !text.bytes().all(is_plain) {
        return None;
    }
    let (scheme, rest) = text.split_once("://")?;
    let authority = rest.split(['/', '?']).next()?;
    // After an `@` would come the host, and what stands before it is a secret that logs would show.
    if authority.contains('@') {
        return None;
    }
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if !port.contains(']') => (host, Some(port_of(port)?)),
        _ => (authority, None),
    };
    let host = Host::parse(host)?;
    let is_loopback = allow_loopback && host.is_loopback();
    let default_port = match scheme.to_ascii_lowercase().as_str() {
        "https" if host.is_public() || is_loopback => 443,
        "http" if is_loopback => 80,
        _ => return None,
    };
    let port = port.unwrap_or(default_port);
    (port >= 1024 || port == 443 && !is_loopback).then_some(())
}

/// Digits alone, without leading zeros.
fn port_of(text: &str) -> Option<u16> {
    text.parse().ok().filter(|port: &u16| port.to_string() == text)
}

enum Host {
    /// In lower case.
    Name(String),
    Address(IpAddr),
}

impl Host {
    fn parse(text: &str) -> Option<Self> {
        if let Some(address) = text.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            return address.parse().ok().map(|address| Self::Address(IpAddr::V6(address)));
        }
        let name = text.to_ascii_lowercase();
        let last = name.rsplit('.').next()?;
        // Parsers of URLs read a host that ends in a number as an IPv4 address, also `127.1`, `0x7f.1` and 2130706433
        // (URL standard, section 3.5). Rust's parser takes four decimal numbers without leading zeros alone.
        if last.bytes().all(|byte| byte.is_ascii_digit()) || last.starts_with("0x") {
            return name.parse().ok().map(|address| Self::Address(IpAddr::V4(address)));
        }
        let is_label = |label: &str| {
            (1..=63).contains(&label.len())
                && label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_')
                && !label.starts_with('-')
                && !label.ends_with('-')
        };
        (name.len() <= 253 && name.split('.').all(is_label)).then_some(Self::Name(name))
    }

    fn is_loopback(&self) -> bool {
        match self {
            Self::Name(name) => name == "localhost",
            Self::Address(address) => address.is_loopback(),
        }
    }

    /// A name may resolve to a private address all the same: Cloudflare's network, from which deliveries come, has no
    /// way to the private networks of others.
    fn is_public(&self) -> bool {
        match self {
            Self::Name(name) => {
                let is_below = |private: &str| name.strip_suffix(private).is_some_and(|before| before.ends_with('.'));
                name.contains('.') && *name != *"home.arpa" && !PRIVATE_NAMES.iter().any(|private| is_below(private))
            }
            Self::Address(IpAddr::V4(address)) => is_public_v4(*address),
            Self::Address(IpAddr::V6(address)) => is_public_v6(*address),
        }
    }
}

/// Not one of the IANA IPv4 Special-Purpose Address Registry.
fn is_public_v4(address: Ipv4Addr) -> bool {
    let [a, b, c, _] = address.octets();
    !(address.is_private()
        || address.is_loopback()
        || address.is_link_local()
        || address.is_documentation()
        // Multicast, reserved and broadcast.
        || a >= 224
        || a == 0
        || (a == 100 && (64..128).contains(&b))
        || (a == 198 && (18..20).contains(&b))
        || (a, b, c) == (192, 0, 0)
        || (a, b, c) == (192, 88, 99))
}

/// Global unicast (2000::/3), but for what the IANA IPv6 Special-Purpose Address Registry excepts. So no address that
/// stands for an IPv4 address is public.
fn is_public_v6(address: Ipv6Addr) -> bool {
    let [a, b, ..] = address.segments();
    // 2001::/23 (Teredo, benchmarking and others), 2001:db8::/32 and 3fff::/20 (documentation), 2002::/16 (6to4).
    (0x2000..0x4000).contains(&a)
        && !(a == 0x2001 && (b < 0x200 || b == 0xdb8))
        && a != 0x2002
        && !(a == 0x3fff && b < 0x1000)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(url: &str) -> bool {
        is_allowed(url, false).is_some()
    }

    #[test]
    fn a_public_host_over_https_is_allowed() {
        for url in [
            "https://example.com",
            "https://example.com/hooks?a=b&c=%20",
            "HTTPS://Hooks.Example.COM:443/",
            "https://example.com:1024",
            "https://example.com:65535/a@b",
            "https://xn--bcher-kva.example/",
            "https://my_hooks.example.com/",
            "https://93.184.216.34/",
            "https://[2606:4700::1111]:8443/",
            "https://localhost.example.com/",
        ] {
            assert!(allowed(url), "{url}");
        }
    }

    #[test]
    fn anything_else_is_refused() {
        for url in [
            "",
            "example.com",
            "//example.com",
            "http://example.com",
            "ftp://example.com",
            "javascript:alert(1)",
            "https:/example.com",
            "https:example.com",
            "https://",
            "https:///path",
            "https://user@example.com",
            "https://user:secret@example.com",
            "https://@example.com",
            "https://example.com#a",
            "https://example.com/ a",
            " https://example.com",
            "https://example.com\n",
            "https://exa\tmple.com",
            "https://example.com\\@127.0.0.1",
            "https://bücher.example",
            "https://example%2ecom",
            "https://example.com:80",
            "https://example.com:22",
            "https://example.com:1023",
            "https://example.com:0",
            "https://example.com:65536",
            "https://example.com:0443",
            "https://example.com:+443",
            "https://example.com:",
            "https://example.com:443:443",
            "https://intranet",
            "https://example.com.",
            "https://example..com",
            "https://.example.com",
            "https://-a.example.com",
            "https://localhost",
            "https://localhost.",
            "https://a.localhost",
            "https://LOCALHOST:8443",
            "https://printer.local",
            "https://metadata.google.internal",
            "https://router.home.arpa",
            "https://a.onion",
            "https://a.test",
            "https://a.invalid",
        ] {
            assert!(!allowed(url), "{url}");
        }
        assert!(!allowed(&["https://example.com/", &"a".repeat(981)].concat()));
        assert!(allowed(&["https://example.com/", &"a".repeat(980)].concat()));
    }

    #[test]
    fn an_address_that_is_not_public_is_refused_in_every_spelling() {
        for host in [
            "127.0.0.1",
            "127.1",
            "127.0.1",
            "2130706433",
            "0x7f000001",
            "0x7f.0.0.1",
            "0X7F.1",
            "0177.0.0.1",
            "017700000001",
            "127.0.0.01",
            "127.0.0.1.",
            "0",
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.1",
            "100.64.0.1",
            "100.127.255.255",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.8",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.0.1",
            "198.18.0.1",
            "198.19.255.255",
            "198.51.100.1",
            "203.0.113.1",
            "224.0.0.1",
            "239.255.255.255",
            "240.0.0.1",
            "255.255.255.255",
            "256.1.1.1",
            "1.2.3",
            "1.2.3.4.5",
            "0x5db8d822",
            "1572395042",
            "[::]",
            "[::1]",
            "[0:0:0:0:0:0:0:1]",
            "[::127.0.0.1]",
            "[::ffff:127.0.0.1]",
            "[::ffff:7f00:1]",
            "[::ffff:93.184.216.34]",
            "[64:ff9b::7f00:1]",
            "[64:ff9b:1::1]",
            "[100::1]",
            "[2001::1]",
            "[2001:db8::1]",
            "[2002:7f00:1::]",
            "[3fff::1]",
            "[fc00::1]",
            "[fd12:3456::1]",
            "[fe80::1]",
            "[fe80::1%25eth0]",
            "[fec0::1]",
            "[ff02::1]",
            "[::1",
            "::1",
            "[127.0.0.1]",
            "[]",
        ] {
            assert!(!allowed(&["https://", host, "/"].concat()), "{host}");
        }
        for host in ["100.63.255.255", "100.128.0.1", "172.15.0.1", "172.32.0.1", "198.17.0.1", "223.255.255.255"] {
            assert!(allowed(&["https://", host, "/"].concat()), "{host}");
        }
    }

    #[test]
    fn loopback_is_allowed_where_the_operator_says_so() {
        for url in [
            "http://localhost:8080/hooks",
            "http://127.0.0.1:8080",
            "https://127.9.9.9:8443",
            "http://[::1]:8080",
            "http://LocalHost:1024",
        ] {
            assert!(is_allowed(url, true).is_some(), "{url}");
            assert!(!allowed(url), "{url}");
        }
        for url in [
            "http://example.com",
            "http://10.0.0.1:8080",
            "http://localhost:80",
            "https://localhost",
            "https://127.0.0.1:443",
            "http://localhost",
            "http://127.1:8080",
            "http://2130706433:8080",
            "http://[::ffff:127.0.0.1]:8080",
            "http://a.localhost:8080",
            "http://user@localhost:8080",
            "ftp://localhost:8080",
        ] {
            assert!(is_allowed(url, true).is_none(), "{url}");
        }
        assert!(is_allowed("https://example.com", true).is_some());
    }
}
