//! Keyed hashes of rows and interactions, so that the state holds no id of the vendor's.
//!
//! 64 bits suffice: row hashes are only compared within one second of one target, and interactions
//! only with the last days' (two in a hundred million among a million). The key is random per state
//! file, so the values reveal nothing without it.

use std::{
    collections::HashMap,
    hash::{BuildHasherDefault, Hasher},
};

use siphasher::sip::SipHasher24;

/// Bytes that hold the length of a field, in front of it.
const LENGTH: usize = size_of::<u64>();

/// Makes fingerprints under one secret key.
#[derive(Clone)]
pub struct Fingerprints {
    key: [u8; 16],
}

impl std::fmt::Debug for Fingerprints {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Fingerprints(<secret>)")
    }
}

impl Fingerprints {
    /// Uses `key`, which must stay the same for as long as the state does.
    pub fn new(key: [u8; 16]) -> Self {
        Self { key }
    }

    /// Hashes the fields in their order. Where one field ends and the next begins is part of the
    /// hash.
    pub fn of(&self, fields: &[&str]) -> u64 {
        // Hashed in one piece, because starting and ending a piece costs more than a short field.
        let length = fields.iter().map(|field| LENGTH + field.len()).sum();
        let mut short = [0; 256];
        let mut long = Vec::new();
        let bytes = match short.get_mut(..length) {
            Some(bytes) => bytes,
            None => {
                long.resize(length, 0);
                &mut long[..]
            }
        };
        let mut rest = &mut *bytes;
        for field in fields {
            let (head, behind) = rest.split_at_mut(LENGTH);
            head.copy_from_slice(&(field.len() as u64).to_le_bytes());
            let (text, behind) = behind.split_at_mut(field.len());
            text.copy_from_slice(field.as_bytes());
            rest = behind;
        }
        SipHasher24::new_with_key(&self.key).hash(bytes)
    }
}

/// A map whose keys cannot be chosen from outside: they hold a fingerprint, which is a keyed hash
/// already, or numbers of ours. A cheap hasher is therefore safe.
pub type OwnMap<K, V> = HashMap<K, V, BuildHasherDefault<OwnHasher>>;

/// Spreads whole numbers over the hash space; it resists no attacker.
#[derive(Debug, Default, Clone, Copy)]
pub struct OwnHasher(u64);

impl Hasher for OwnHasher {
    fn write(&mut self, bytes: &[u8]) {
        bytes.iter().for_each(|byte| self.write_u64((*byte).into()));
    }

    fn write_i32(&mut self, number: i32) {
        self.write_u64(number as u64);
    }

    fn write_u32(&mut self, number: u32) {
        self.write_u64(number.into());
    }

    fn write_u64(&mut self, number: u64) {
        // An odd number, half of whose bits are set: a map looks at the highest bits and at the
        // lowest.
        self.0 = (self.0.rotate_left(29) ^ number).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    }

    fn write_i64(&mut self, number: i64) {
        self.write_u64(number as u64);
    }

    fn write_usize(&mut self, number: usize) {
        self.write_u64(number as u64);
    }

    fn finish(&self) -> u64 {
        self.0
    }
}

#[cfg(test)]
mod tests {
    use super::Fingerprints;

    #[test]
    fn fields_do_not_run_together_and_the_key_matters() {
        let hashes = Fingerprints::new([1; 16]);
        assert_ne!(hashes.of(&["ab", "c"]), hashes.of(&["a", "bc"]));
        assert_ne!(hashes.of(&["a"]), Fingerprints::new([2; 16]).of(&["a"]));
        // Written to disk: must never change between versions.
        assert_eq!(hashes.of(&["4628", "voice"]), 0x3cb8_c8be_d603_4fe8);
        for length in 230..270 {
            let (one, other) = ("x".repeat(length), "x".repeat(length - 1) + "y");
            assert_ne!(hashes.of(&[&one, "z"]), hashes.of(&[&other, "z"]), "{length}");
            let mut whole = (length as u64).to_le_bytes().to_vec();
            whole.extend_from_slice(one.as_bytes());
            assert_eq!(
                hashes.of(&[&one]),
                super::SipHasher24::new_with_key(&[1; 16]).hash(&whole),
                "{length}"
            );
        }
    }
}
