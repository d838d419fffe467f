//! A key and what it signs.

use std::fmt;

use ring::digest::{self, SHA1_FOR_LEGACY_USE_ONLY, SHA512};
use ring::signature::{Ed25519KeyPair, KeyPair};

use super::armor::armor;
use super::packet::{counted, number, packet, subpacket};

/// Ed25519 as version 4 keys name it: EdDSA over a curve that is told by its number.
pub(super) const ALGORITHM: u8 = 22;
pub(super) const CURVE: [u8; 10] = [9, 0x2b, 6, 1, 4, 1, 0xda, 0x47, 0x0f, 1];
pub(super) const SHA512_ID: u8 = 10;

pub(super) const BINARY: u8 = 0;
const TEXT: u8 = 1;
const CERTIFICATION: u8 = 0x13;

/// A fingerprint; text is hexadecimal.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct KeyId(pub [u8; 20]);

impl fmt::Display for KeyId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(out, "{byte:02X}"))
    }
}

impl fmt::Debug for KeyId {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, out)
    }
}

/// What others know of a key.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PublicKey {
    pub id: KeyId,
    /// Key, its owner, and the key's word for it: what `gpg --import` takes.
    pub bytes: Vec<u8>,
}

/// A key that signs.
pub struct Key {
    pair: Ed25519KeyPair,
    body: Vec<u8>,
    created_at: u32,
    pub public: PublicKey,
}

/// Never shows what signs.
impl fmt::Debug for Key {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "Key({})", self.public.id)
    }
}

impl Key {
    /// The key of a secret seed; the same seed, time and owner make the same key.
    pub fn new(seed: &[u8; 32], created_at: u32, owner: &str) -> Key {
        let pair = Ed25519KeyPair::from_seed_unchecked(seed).expect("any 32 bytes are a seed");
        let mut body = vec![4];
        body.extend(created_at.to_be_bytes());
        body.push(ALGORITHM);
        body.extend(CURVE);
        body.extend(number(&[&[0x40], pair.public_key().as_ref()].concat()));
        let hashed = [&[0x99], &counted(&body)[..]].concat();
        let mut id = [0; 20];
        id.copy_from_slice(digest::digest(&SHA1_FOR_LEGACY_USE_ONLY, &hashed).as_ref());
        let public = PublicKey { id: KeyId(id), bytes: Vec::new() };
        let mut key = Key { pair, body, created_at, public };
        let owner = owner.as_bytes();
        let length = u32::try_from(owner.len()).expect("an owner's name is short").to_be_bytes();
        let certified = [&hashed[..], &[0xb4], &length, owner].concat();
        // May certify and sign; prefers SHA-512; features: modification detection.
        let about = [subpacket(27, &[3]), subpacket(21, &[SHA512_ID]), subpacket(30, &[1])].concat();
        let signature = key.signature(CERTIFICATION, &certified, created_at, &about);
        key.public.bytes = [packet(6, &key.body), packet(13, owner), signature].concat();
        key
    }

    pub fn created_at(&self) -> u32 {
        self.created_at
    }

    /// A signature packet over bytes.
    fn signature(&self, kind: u8, over: &[u8], at: u32, about: &[u8]) -> Vec<u8> {
        let id = self.public.id.0;
        let mut told = subpacket(33, &[&[4], &id[..]].concat());
        told.extend(subpacket(2, &at.to_be_bytes()));
        told.extend(about);
        let mut body = vec![4, kind, ALGORITHM, SHA512_ID];
        body.extend(counted(&told));
        let length = u32::try_from(body.len()).expect("a signature is short").to_be_bytes();
        let mut digest = digest::Context::new(&SHA512);
        digest.update(over);
        digest.update(&body);
        digest.update(&[4, 0xff]);
        digest.update(&length);
        let digest = digest.finish();
        let signature = self.pair.sign(digest.as_ref());
        let (r, s) = signature.as_ref().split_at(32);
        body.extend(counted(&subpacket(16, &id[12..])));
        body.extend(&digest.as_ref()[..2]);
        body.extend(number(r));
        body.extend(number(s));
        packet(2, &body)
    }
}

/// The keys as one text.
pub fn public_text<'a>(keys: impl Iterator<Item = &'a PublicKey>) -> String {
    armor("PUBLIC KEY BLOCK", &keys.flat_map(|key| key.bytes.clone()).collect::<Vec<u8>>())
}

/// A signature of each key over the bytes of a file, as text.
pub fn detached(keys: &[Key], bytes: &[u8], at: u32) -> String {
    signatures(keys, BINARY, bytes, at)
}

/// Text with signatures of all keys around it.
pub fn clearsign(keys: &[Key], text: &str, at: u32) -> String {
    let mut shown = String::from("-----BEGIN PGP SIGNED MESSAGE-----\nHash: SHA512\n\n");
    let mut signed = String::new();
    for (number, line) in text.trim_end_matches('\n').split('\n').enumerate() {
        if number > 0 {
            signed.push_str("\r\n");
        }
        signed.push_str(line.trim_end_matches([' ', '\t', '\r']));
        if line.starts_with('-') {
            shown.push_str("- ");
        }
        shown.push_str(line);
        shown.push('\n');
    }
    shown + &signatures(keys, TEXT, signed.as_bytes(), at)
}

fn signatures(keys: &[Key], kind: u8, over: &[u8], at: u32) -> String {
    // A key cannot have signed before it was made.
    let all = keys.iter().flat_map(|key| key.signature(kind, over, at.max(key.created_at), &[]));
    armor("SIGNATURE", &all.collect::<Vec<u8>>())
}
