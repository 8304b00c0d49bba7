//! Secrets and signatures of endpoints, as Standard Webhooks has them (standardwebhooks.com, "Signature scheme"). No
//! secret is stored: it is derived from the deployment's key and a salt.

use std::fmt;

use base64ct::{Base64, Encoding};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// The deployment's key: the Worker's secret `WEBHOOK_KEY`.
#[derive(Clone)]
pub struct Key(String);

impl fmt::Debug for Key {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Key(…)")
    }
}

impl Key {
    /// None for a text that is too short to be random.
    pub fn parse(text: String) -> Option<Self> {
        (text.len() >= 32).then_some(Self(text))
    }

    /// The secret of a salt.
    pub fn secret(&self, salt: &str) -> Secret {
        Secret(authenticate(self.0.as_bytes(), &[salt]))
    }
}

/// What an endpoint's deliveries are signed with.
pub struct Secret([u8; 32]);

impl Secret {
    /// Its text, for the response that shows it.
    pub fn reveal(&self) -> String {
        ["whsec_", &Base64::encode_string(&self.0)].concat()
    }

    /// The signature of a delivery: the event's id, the time of the attempt in seconds, and the body.
    pub fn sign(&self, event_id: &str, timestamp: &str, body: &str) -> String {
        let code = authenticate(&self.0, &[event_id, ".", timestamp, ".", body]);
        ["v1,", &Base64::encode_string(&code)].concat()
    }
}

/// HMAC-SHA256.
fn authenticate(key: &[u8], parts: &[&str]) -> [u8; 32] {
    // Keys of any length are taken.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { return [0; 32] };
    for part in parts {
        mac.update(part.as_bytes());
    }
    mac.finalize().into_bytes().into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_has_32_characters_at_least() {
        assert!(Key::parse("k".repeat(31)).is_none());
        assert!(Key::parse("k".repeat(32)).is_some());
    }

    #[test]
    fn each_salt_has_a_secret_of_its_own_which_is_always_the_same() {
        let key = Key::parse("k".repeat(32)).unwrap();
        let secret = key.secret("salt").reveal();
        assert_eq!(secret.len(), 6 + 44);
        assert_eq!(secret, key.secret("salt").reveal());
        assert_ne!(secret, key.secret("pepper").reveal());
        assert_ne!(secret, Key::parse("l".repeat(32)).unwrap().secret("salt").reveal());
    }

    /// The vector of RFC 4231, section 4.3.
    #[test]
    fn the_code_is_hmac_sha256() {
        let code = authenticate(b"Jefe", &["what do ya want ", "for nothing?"]);
        let expected = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        assert_eq!(base16ct::lower::encode_string(&code), expected);
    }

    /// The vector of the specification of Standard Webhooks.
    #[test]
    fn a_signature_is_that_of_the_specification() {
        let mut secret = [0; 32];
        let bytes = Base64::decode("MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", &mut secret).unwrap().len();
        let code = authenticate(
            secret.get(..bytes).unwrap(),
            &["msg_p5jXN8AQM9LWM0D4loKWxJek", ".", "1614265330", ".", r#"{"test": 2432232314}"#],
        );
        assert_eq!(Base64::encode_string(&code), "g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE=");
    }
}
