//! Who made a bundle: an Ed25519 signature beside its manifest.
//!
//! `manifest.sig` holds 128 hexadecimal digits: the signature (RFC 8032) of [`PREFIX`] and the bytes
//! of `manifest.toml`, which names the SHA-256 of every other file. `lab sign` writes it last.

use std::path::Path;

use ed25519_dalek::{Signature, VerifyingKey};

use super::super::Error;
use crate::data::hex;

/// What every signed manifest begins with, so that no signature can be one of something else.
pub const PREFIX: &[u8] = b"visaged bundle 1";
/// The file with the signature.
pub const FILE: &str = "manifest.sig";
/// Longest file read, bytes.
const LIMIT: u64 = 1024;

/// Checks that whoever has the private key of `public`, 64 hexadecimal digits, has signed
/// `manifest`, the bytes of the one in `folder`.
pub(super) fn verify(folder: &Path, manifest: &[u8], public: &str) -> Result<(), Error> {
    let path = folder.join(FILE);
    let refused = |problem| Error::Signature { path: path.clone(), problem };
    let key = hex::decode::<32>(public)
        .and_then(|bytes| VerifyingKey::from_bytes(&bytes).ok())
        .ok_or_else(|| {
            refused("`model.signed-by` is no public key; `visaged keygen --show` prints one")
        })?;
    let text = super::read(&path, LIMIT)?;
    let signature = std::str::from_utf8(&text)
        .ok()
        .and_then(|text| hex::decode::<64>(text.trim()))
        .ok_or_else(|| {
            refused("not 128 hexadecimal digits; sign the bundle again with `lab sign`")
        })?;
    let text = [PREFIX, manifest].concat();
    let is_theirs = key.verify_strict(&text, &Signature::from_bytes(&signature)).is_ok();
    // Why not is not told: it helps nobody but who tries.
    let problem =
        "not signed by the key in `model.signed-by`: the bundle is another's, or was changed";
    if is_theirs { Ok(()) } else { Err(refused(problem)) }
}
