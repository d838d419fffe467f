//! OpenPGP, as much as a repository signs with: an Ed25519 key, its public text, signatures of files and of
//! text within the text. Packets are those of version 4 keys, which every gpg since 2.1 reads.

mod armor;
mod key;
mod packet;
mod verify;

pub use key::{Key, KeyId, PublicKey, clearsign, detached, public_text};
pub use verify::{Keyring, NoKeys, Unsigned};
