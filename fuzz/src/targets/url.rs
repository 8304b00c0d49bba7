//! URLs of endpoints, compared with the `url` crate, which reads them as the platform does: a URL is accepted only if
//! the crate reads what is written there, and if its host is public by a second list of what is not.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use conversations::{http::error::Code, webhooks::url::EndpointUrl};
use url::{Host, Url};

use super::refusal;

/// The networks of IPv4 that are not public: network and length of its prefix.
const PRIVATE: [([u8; 4], u32); 14] = [
    ([0, 0, 0, 0], 8),
    ([10, 0, 0, 0], 8),
    ([100, 64, 0, 0], 10),
    ([127, 0, 0, 0], 8),
    ([169, 254, 0, 0], 16),
    ([172, 16, 0, 0], 12),
    ([192, 0, 0, 0], 24),
    ([192, 0, 2, 0], 24),
    ([192, 88, 99, 0], 24),
    ([192, 168, 0, 0], 16),
    ([198, 18, 0, 0], 15),
    ([198, 51, 100, 0], 24),
    ([203, 0, 113, 0], 24),
    ([224, 0, 0, 0], 3),
];
/// The networks within 2000::/3, the global unicast addresses, that are not public.
const PRIVATE_V6: [(&str, u32); 4] = [("2001::", 23), ("2001:db8::", 32), ("2002::", 16), ("3fff::", 20)];

/// A URL, with and without loopback addresses.
pub fn url(input: &[u8]) {
    let Ok(text) = str::from_utf8(input) else { return };
    for allow_loopback in [false, true] {
        let parsed = EndpointUrl::parse(text, allow_loopback);
        let expected = expected(text, allow_loopback);
        match parsed {
            Ok(url) => {
                assert_eq!(url.to_string(), text, "it is sent as it was written");
                // Without Unicode's tables the crate refuses some host names in punycode.
                assert!(expected.unwrap_or(text.to_ascii_lowercase().contains("xn--")), "{text} is accepted");
            }
            Err(error) => {
                assert_eq!(refusal(error), Code::ParameterInvalid);
                assert_ne!(expected, Some(true), "{text} is refused");
            }
        }
    }
}

/// Whether the URL should be accepted. None if the crate does not read it.
fn expected(text: &str, allow_loopback: bool) -> Option<bool> {
    let plain = text.chars().all(|c| ('!'..='~').contains(&c) && !"\\\"<>`#".contains(c));
    if text.len() > 1000 || !plain {
        return Some(false);
    }
    let url = Url::parse(text).ok()?;
    let Some((scheme, rest)) = text.split_once("://") else { return Some(false) };
    let authority = rest.split(['/', '?']).next().unwrap_or_default();
    // What is written there is what the crate reads: no user, no other spelling of the host or the port.
    let written = |host: &str| {
        let port = url.port().map(|port| format!(":{port}"));
        let default = url.port_or_known_default().map(|port| format!(":{port}"));
        let after = authority.get(host.len()..);
        authority.get(..host.len()).is_some_and(|start| start.eq_ignore_ascii_case(host))
            && (after == port.as_deref().or(Some("")) || after == default.as_deref())
    };
    let (public, loopback) = match url.host()? {
        Host::Domain(name) => (written(name) && is_public_name(name), written(name) && name == "localhost"),
        Host::Ipv4(address) => {
            let written = written(&address.to_string());
            (written && is_public(address.into()), written && address.octets()[0] == 127)
        }
        Host::Ipv6(address) => {
            // Any spelling of an IPv6 address is read in the same way.
            let end = authority.find(']').map_or(0, |at| at + 1);
            let written = authority.starts_with('[') && written(&authority[..end]);
            (written && is_public(address.into()), written && address == Ipv6Addr::LOCALHOST)
        }
    };
    let port = url.port_or_known_default()?;
    let secure = scheme.eq_ignore_ascii_case("https");
    let far = public && secure && (port == 443 || port >= 1024);
    let near = allow_loopback && loopback && port >= 1024 && (secure || scheme.eq_ignore_ascii_case("http"));
    Some(far || near)
}

fn is_public_name(name: &str) -> bool {
    let labels: Vec<_> = name.split('.').collect();
    let is_label = |label: &&str| {
        let usual = label.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte));
        usual && (1..=63).contains(&label.len()) && !label.starts_with('-') && !label.ends_with('-')
    };
    let special = ["localhost", "local", "internal", "onion", "test", "invalid"];
    name.len() <= 253
        && labels.len() > 1
        && labels.iter().all(is_label)
        // No top-level domain is like `0xb`, which older parsers read as a number.
        && !labels.last().is_some_and(|last| special.contains(last) || last.starts_with("0x"))
        && !labels.ends_with(&["home", "arpa"])
}

fn is_public(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => {
            let within = |network: [u8; 4], length| {
                (u32::from(address) ^ u32::from(Ipv4Addr::from(network))) >> (32 - length) == 0
            };
            !PRIVATE.iter().any(|(network, length)| within(*network, *length))
        }
        IpAddr::V6(address) => {
            let within = |network: &str, length| {
                let network: Ipv6Addr = network.parse().expect("is an address");
                (u128::from(address) ^ u128::from(network)) >> (128 - length) == 0
            };
            within("2000::", 3) && !PRIVATE_V6.iter().any(|(network, length)| within(network, *length))
        }
    }
}
