//! Shards: the databases that accounts are spread over (contract, "Many databases"). A token's text names the database
//! of its account. Where an account has moved since: `moved.rs`.

/// A database, by its number: 0 is the one that wrangler.toml binds as `DB`, 1 is `DB_1`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Shard(u16);

/// Cloudflare allows a Worker about 5,000 bindings.
const MAX_DIGITS: usize = 4;

impl Shard {
    /// `DB`
    pub const FIRST: Self = Self(0);

    /// Reads its number, which has no zeros in front. None for any other text.
    pub fn parse(text: &str) -> Option<Self> {
        let is_number = text.len() <= MAX_DIGITS && text.bytes().all(|byte| byte.is_ascii_digit());
        let number = text.parse().ok().filter(|_| is_number && (text == "0" || !text.starts_with('0')))?;
        Some(Self(number))
    }

    /// Its number.
    pub fn number(self) -> u16 {
        self.0
    }

    /// Its binding in wrangler.toml.
    pub fn binding(self) -> String {
        if self == Self::FIRST { "DB".to_owned() } else { ["DB_", &self.0.to_string()].concat() }
    }
}

impl From<u16> for Shard {
    fn from(number: u16) -> Self {
        Self(number)
    }
}

/// An account, by its database and its number there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AccountKey {
    /// The database.
    pub shard: Shard,
    /// `accounts.id`
    pub number: u64,
}

/// How many bits of a [`AccountKey::bits`] are the number: D1 takes whole numbers of 53 bits, and no database has room
/// for so many accounts.
const NUMBER_BITS: u32 = 48;

impl AccountKey {
    /// As text: `7`, or `1.7` in `DB_1`. It names the account's Durable Object, and what its requests are counted by.
    pub fn text(self) -> String {
        let number = self.number.to_string();
        if self.shard == Shard::FIRST { number } else { [&self.shard.0.to_string(), ".", &number].concat() }
    }

    /// Reads a text of [`AccountKey::text`].
    pub fn parse(text: &str) -> Option<Self> {
        let (shard, number) = text.split_once('.').unwrap_or(("0", text));
        Some(Self { shard: Shard::parse(shard)?, number: number.parse().ok()? })
    }

    /// In one number.
    pub fn bits(self) -> u64 {
        u64::from(self.shard.0) << NUMBER_BITS | self.number
    }

    /// Reads [`AccountKey::bits`].
    pub fn of_bits(bits: u64) -> Self {
        Self { shard: Shard((bits >> NUMBER_BITS) as u16), number: bits & ((1 << NUMBER_BITS) - 1) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_database_is_known_by_its_number() {
        for (text, binding) in [("0", "DB"), ("1", "DB_1"), ("42", "DB_42"), ("9999", "DB_9999")] {
            assert_eq!(Shard::parse(text).map(Shard::binding).as_deref(), Some(binding));
        }
        for text in ["", "-1", "+1", "01", "00", "1.5", " 1", "1 ", "10000", "x", "١"] {
            assert_eq!(Shard::parse(text), None, "{text:?}");
        }
    }

    #[test]
    fn a_key_of_an_account_is_read_as_it_was_written() {
        for (shard, number, text) in [(0, 7, "7"), (1, 7, "1.7"), (9999, 1 << 40, "9999.1099511627776")] {
            let key = AccountKey { shard: Shard(shard), number };
            assert_eq!(key.text(), text);
            assert_eq!(AccountKey::parse(text), Some(key));
            assert_eq!(AccountKey::of_bits(key.bits()), key);
        }
        for text in ["", ".7", "1.", "1.7.8", "01.7", "x", "-7"] {
            assert_eq!(AccountKey::parse(text), None, "{text:?}");
        }
    }
}
