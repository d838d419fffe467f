//! Whether one of some keys signed some bytes. Keys are trusted, signatures are not: whatever the text is, the
//! answer is yes or no. Keys are Ed25519 and signatures are of files, as this repository makes them.

use ring::digest::{self, SHA1_FOR_LEGACY_USE_ONLY, SHA256, SHA512};
use ring::signature::{ED25519, UnparsedPublicKey};

use super::armor::dearmor;
use super::key::{ALGORITHM, BINARY, CURVE, KeyId, SHA512_ID};

const SHA256_ID: u8 = 8;
const KEY: u8 = 6;
const SIGNATURE: u8 = 2;
/// Signatures of one text; more keys than that sign nothing.
const MAX_SIGNATURES: usize = 32;

/// Keys that are trusted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Keyring {
    keys: Vec<(KeyId, [u8; 32])>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("there is no Ed25519 key in this text (as /key.asc of the repository has it)")]
pub struct NoKeys;

/// None of the keys signed it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Unsigned {
    #[error("there is no signature in the text")]
    None,
    #[error("no signature is of a trusted key, over these bytes")]
    Wrong,
}

impl Keyring {
    /// All keys of a text with armor. What signs in their name besides, their subkeys, is not trusted.
    pub fn read(text: &str) -> Result<Keyring, NoKeys> {
        let bytes = dearmor("PUBLIC KEY BLOCK", text).ok_or(NoKeys)?;
        let bodies = packets(&bytes).filter(|(tag, _)| *tag == KEY);
        let keys: Vec<_> = bodies.filter_map(|(_, body)| key(body)).collect();
        if keys.is_empty() { Err(NoKeys) } else { Ok(Keyring { keys }) }
    }

    pub fn ids(&self) -> impl Iterator<Item = &KeyId> {
        self.keys.iter().map(|(id, _)| id)
    }

    /// Whether a key of the ring signed the bytes, by a detached signature with armor.
    pub fn check(&self, bytes: &[u8], signature: &str) -> Result<(), Unsigned> {
        let packed = dearmor("SIGNATURE", signature).ok_or(Unsigned::None)?;
        let all = packets(&packed).filter(|(tag, _)| *tag == SIGNATURE).take(MAX_SIGNATURES);
        let mut why = Unsigned::None;
        for (_, body) in all {
            why = Unsigned::Wrong;
            if made_by(body, bytes).is_some_and(|by| self.keys.iter().any(|(_, key)| by.is(key))) {
                return Ok(());
            }
        }
        Err(why)
    }
}

/// The public part of a packet.
fn key(body: &[u8]) -> Option<(KeyId, [u8; 32])> {
    let rest = body.strip_prefix(&[4])?.get(4..)?;
    let rest = rest.strip_prefix(&[ALGORITHM])?.strip_prefix(&CURVE)?;
    let (point, rest) = number(rest)?;
    let point: [u8; 32] = point.strip_prefix(&[0x40])?.try_into().ok()?;
    let length = u16::try_from(body.len()).ok().filter(|_| rest.is_empty())?.to_be_bytes();
    let mut id = [0; 20];
    let hashed = [&[0x99], &length[..], body].concat();
    id.copy_from_slice(digest::digest(&SHA1_FOR_LEGACY_USE_ONLY, &hashed).as_ref());
    Some((KeyId(id), point))
}

/// What a signature is over, and itself.
struct Made {
    digest: digest::Digest,
    signature: [u8; 64],
}

impl Made {
    fn is(&self, key: &[u8; 32]) -> bool {
        UnparsedPublicKey::new(&ED25519, key).verify(self.digest.as_ref(), &self.signature).is_ok()
    }
}

fn made_by(body: &[u8], bytes: &[u8]) -> Option<Made> {
    let (&[version, kind, algorithm, hash], rest) = body.split_first_chunk::<4>()?;
    if (version, kind, algorithm) != (4, BINARY, ALGORITHM) {
        return None;
    }
    let mut digest = digest::Context::new(match hash {
        SHA512_ID => &SHA512,
        SHA256_ID => &SHA256,
        _ => return None,
    });
    let (told, rest) = counted(rest)?;
    let hashed = &body[..6 + told.len()];
    let (_, rest) = counted(rest)?;
    let (r, rest) = number(rest.get(2..)?)?;
    let (s, rest) = number(rest)?;
    let mut signature = [0; 64];
    signature[32_usize.checked_sub(r.len())?..32].copy_from_slice(r);
    signature[64 - Some(s.len()).filter(|len| *len <= 32)?..].copy_from_slice(s);
    digest.update(bytes);
    digest.update(hashed);
    digest.update(&[4, 0xff]);
    digest.update(&u32::try_from(hashed.len()).ok()?.to_be_bytes());
    rest.is_empty().then(|| Made { digest: digest.finish(), signature })
}

/// What follows its length in two bytes, and the rest.
fn counted(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<2>()?;
    rest.split_at_checked(u16::from_be_bytes(*length).into())
}

/// A number after its length in bits, and the rest.
fn number(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (bits, rest) = bytes.split_first_chunk::<2>()?;
    let bits = usize::from(u16::from_be_bytes(*bits));
    let (number, rest) = rest.split_at_checked(bits.div_ceil(8))?;
    let zeros = number.first().map_or(0, |first| first.leading_zeros() as usize);
    (number.len() * 8 == bits + zeros && zeros < 8).then_some((number, rest))
}

/// Tag and body of each packet, up to one that is cut or of no told length.
fn packets(mut bytes: &[u8]) -> impl Iterator<Item = (u8, &[u8])> {
    std::iter::from_fn(move || {
        let (&first, rest) = bytes.split_first()?;
        let (tag, length, rest) = match first & 0xc0 {
            0xc0 => {
                let (length, rest) = long(rest)?;
                (first & 0x3f, length, rest)
            }
            // The older way, as `gpg --export` writes: the width of the length is in the first byte.
            0x80 => {
                let width = 1_usize.checked_shl(u32::from(first & 3)).filter(|width| *width <= 4)?;
                let (length, rest) = rest.split_at_checked(width)?;
                let length = length.iter().fold(0_usize, |all, byte| all << 8 | usize::from(*byte));
                (first >> 2 & 0xf, length, rest)
            }
            _ => return None,
        };
        let (body, rest) = rest.split_at_checked(length)?;
        bytes = rest;
        Some((tag, body))
    })
}

fn long(bytes: &[u8]) -> Option<(usize, &[u8])> {
    let (&first, rest) = bytes.split_first()?;
    match first {
        0..192 => Some((usize::from(first), rest)),
        192..224 => {
            let (&second, rest) = rest.split_first()?;
            Some(((usize::from(first) - 192) * 256 + usize::from(second) + 192, rest))
        }
        255 => {
            let (length, rest) = rest.split_first_chunk::<4>()?;
            Some((usize::try_from(u32::from_be_bytes(*length)).ok()?, rest))
        }
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::super::{Key, clearsign, detached, public_text};
    use super::*;
    use proptest::prelude::*;

    fn keys() -> Vec<Key> {
        (0..3).map(|seed| Key::new(&[seed; 32], 1_700_000_000, "somebody")).collect()
    }

    fn ring<'a>(keys: impl IntoIterator<Item = &'a Key>) -> Keyring {
        Keyring::read(&public_text(keys.into_iter().map(|key| &key.public))).unwrap()
    }

    #[test]
    fn any_trusted_key_is_enough_and_no_other() {
        let keys = keys();
        let all = ring(&keys);
        assert!(all.ids().eq(keys.iter().map(|key| &key.public.id)));
        let signed = detached(&keys[1..], b"bytes", 1_800_000_000);
        for (at, good) in [(0, Err(Unsigned::Wrong)), (1, Ok(())), (2, Ok(()))] {
            assert_eq!(ring(&keys[at..=at]).check(b"bytes", &signed), good);
        }
        assert_eq!(all.check(b"bytes.", &signed), Err(Unsigned::Wrong));
        assert_eq!(all.check(b"bytes", "bytes"), Err(Unsigned::None));
        // A signature of text is none of a file.
        assert_eq!(all.check(b"bytes", &clearsign(&keys, "bytes", 0)), Err(Unsigned::Wrong));
        assert_eq!(Keyring::read(&signed), Err(NoKeys));
    }

    #[test]
    fn many_signatures_hold_in_any_length_of_their_numbers() {
        let keys = keys();
        let ring = ring(&keys[..1]);
        for number in 0..600_u32 {
            let bytes = number.to_be_bytes();
            assert_eq!(ring.check(&bytes, &detached(&keys[..1], &bytes, number)), Ok(()));
        }
    }

    proptest! {
        #[test]
        fn no_changed_signature_holds(at in 0_usize..200, bit in 0_u32..8) {
            let keys = keys();
            let mut packed = dearmor("SIGNATURE", &detached(&keys[..1], b"bytes", 0)).unwrap();
            let at = at % packed.len();
            packed[at] ^= 1 << bit;
            let said = ring(&keys).check(b"bytes", &super::super::armor::armor("SIGNATURE", &packed));
            // What is not signed of a signature: a hint of whose it is, and the first bytes of the sum.
            let body = &packed[2..];
            let unhashed = 6 + usize::from(u16::from_be_bytes([packed[6], packed[7]]));
            prop_assert!(said.is_err() || (at >= 2 + unhashed && at < 2 + unhashed + 14), "{at} of {}", body.len());
        }

        #[test]
        fn any_bytes(bytes: Vec<u8>) {
            let text = super::super::armor::armor("SIGNATURE", &bytes);
            prop_assert!(ring(&keys()).check(b"bytes", &text).is_err());
            let _ = Keyring::read(&super::super::armor::armor("PUBLIC KEY BLOCK", &bytes));
        }
    }
}
