//! Keyed hashes that stand for a row and for an interaction, so that the state holds no id of the vendor's.
//!
//! 64 bits suffice: row hashes are only compared within one second of one target, and interactions only with
//! the last days' (two in a hundred million among a million). The key is random per state file, so the
//! values say nothing to somebody who has only them.

use siphasher::sip::SipHasher24;

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
    /// With a key that must stay the same for as long as the state does.
    pub fn new(key: [u8; 16]) -> Self {
        Self { key }
    }

    /// A hash of the fields in their order; where one ends and the next begins is part of it.
    pub fn of(&self, fields: &[&str]) -> u64 {
        // In one piece: the hasher's start and end of a piece cost more than a short field.
        let mut bytes = Vec::with_capacity(256);
        for field in fields {
            bytes.extend_from_slice(&(field.len() as u64).to_le_bytes());
            bytes.extend_from_slice(field.as_bytes());
        }
        SipHasher24::new_with_key(&self.key).hash(&bytes)
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
    }
}
