//! What an isolate remembers for a while, in a bounded space.

use std::cell::Cell;

/// Numbers by a text, of which it has a hash. It has room for [`SETS`] times [`WAYS`], so no caller can make it grow.
/// The hash chooses the set. What is new comes first in it, and the last falls out.
pub struct Recent([Cell<(u64, u64)>; SETS * WAYS]);

const SETS: usize = 256;
const WAYS: usize = 4;

impl Recent {
    /// Empty.
    pub const fn new() -> Self {
        Self([const { Cell::new((0, 0)) }; SETS * WAYS])
    }

    /// The number of a text, if it is still there.
    pub fn get(&self, text: &str) -> Option<u64> {
        let (hash, set) = self.set(text);
        set.iter().map(Cell::get).find(|(known, _)| *known == hash).map(|(_, number)| number)
    }

    /// Keeps a number, in place of an older one of the same text.
    pub fn put(&self, text: &str, number: u64) {
        let (hash, set) = self.set(text);
        let mut next = (hash, number);
        for entry in set {
            next = entry.replace(next);
            if next.0 == hash {
                return;
            }
        }
    }

    /// Drops the number of a text.
    pub fn remove(&self, text: &str) {
        let (hash, set) = self.set(text);
        for entry in set.iter().filter(|entry| entry.get().0 == hash) {
            entry.take();
        }
    }

    fn set(&self, text: &str) -> (u64, &[Cell<(u64, u64)>]) {
        // FNV-1a of 64 bits.
        let hash = text
            .bytes()
            .fold(0xcbf2_9ce4_8422_2325, |hash: u64, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
        (hash, self.0.chunks(WAYS).nth(hash as usize % SETS).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_new_takes_the_place_of_what_is_old() {
        let recent = Recent::new();
        for number in 0..100_000 {
            recent.put(&number.to_string(), number);
            recent.put("used often", 7);
            assert_eq!(recent.get(&number.to_string()), Some(number));
        }
        assert_eq!((recent.get("used often"), recent.get("0")), (Some(7), None));
    }
}
