//! Ed25519 signatures on what is published: a fourth frame by which a receiver tells who spoke.
//!
//! The frame, 97 bytes, numbers big-endian:
//!
//! ```text
//!  0   1  version of this layout, 1
//!  1   8  key id: the first bytes of the SHA-256 of the public key
//!  9  16  boot id of the machine, /proc/sys/kernel/random/boot_id; zeros where there is none
//! 25   8  Unix time when it was signed, microseconds, i64
//! 33  64  Ed25519 signature (RFC 8032)
//! ```
//!
//! What is signed is [`PREFIX`], the frame's first 33 bytes, and each of topic, header and payload
//! with its length in front (u32). So no byte of a message can change, move from one frame into
//! another, or be left out; `boot_id`, `seq` and `published_us` of the header are signed with it.

use std::fmt;
use std::fs::{self, File, OpenOptions};
use std::io::{self, Read as _, Write as _};
use std::os::unix::fs::{MetadataExt as _, OpenOptionsExt as _};
use std::path::{Path, PathBuf};

use ed25519_dalek::Signer as _;
use sha2::{Digest as _, Sha256};

use crate::data::hex;

/// What every signed text begins with, so that no signature can be one of something else.
pub const PREFIX: &[u8] = b"visaged message 1";

/// Bytes of the signature frame.
pub const FRAME_LEN: usize = STAMP_LEN + 64;

/// Bytes in front of the signature.
const STAMP_LEN: usize = 33;
/// Version of the layout.
const VERSION: u8 = 1;
/// Bytes of a private or public key.
const KEY_LEN: usize = 32;
/// The system's random numbers: good from early in the boot of the machine.
const RANDOM: &str = "/dev/urandom";
/// Permissions of group and others.
const OTHERS: u32 = 0o077;
/// The same without the right of the group to read, which an access list shows as.
const OTHERS_BUT_LISTED: u32 = 0o037;

/// A private key; never printed.
pub struct PrivateKey(ed25519_dalek::SigningKey);

impl fmt::Debug for PrivateKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(formatter, "PrivateKey({}, hidden)", self.id())
    }
}

/// Why a key cannot be used or made. No message shows a key.
#[derive(Debug, thiserror::Error)]
pub enum KeyError {
    /// The file cannot be read or made.
    #[error("{path}: {source}; `visaged keygen --out FILE` makes a key", path = path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Somebody else can get at the key.
    #[error(
        "{path}: mode {mode:03o} lets others at the private key; run `chmod 600` on it",
        path = path.display()
    )]
    Mode {
        /// The file.
        path: PathBuf,
        /// Its permissions.
        mode: u32,
    },
    /// The file holds something else.
    #[error(
        "{path}: not 64 hexadecimal digits; `visaged keygen --out FILE` makes a key",
        path = path.display()
    )]
    Content {
        /// The file.
        path: PathBuf,
    },
}

impl PrivateKey {
    /// Reads 64 hexadecimal digits, white space around them aside, from a file that nobody but its
    /// owner can read. Of a credential of systemd the group may: that is how its access list shows.
    ///
    /// # Errors
    /// When the file cannot be read, can be read by others, or holds something else.
    pub fn read(path: &Path) -> Result<Self, KeyError> {
        let io = |source| KeyError::Io { path: path.to_owned(), source };
        let mode = fs::metadata(path).map_err(io)?.mode() & 0o777;
        let credentials = std::env::var_os("CREDENTIALS_DIRECTORY").map(PathBuf::from);
        let listed = credentials.is_some_and(|folder| path.starts_with(folder));
        if mode & if listed { OTHERS_BUT_LISTED } else { OTHERS } != 0 {
            return Err(KeyError::Mode { path: path.to_owned(), mode });
        }
        let text = fs::read_to_string(path).map_err(io)?;
        let seed =
            hex::decode(text.trim()).ok_or_else(|| KeyError::Content { path: path.to_owned() })?;
        Ok(Self(ed25519_dalek::SigningKey::from_bytes(&seed)))
    }

    /// Draws a new key from the system's random numbers and writes it to `path`, mode 0600.
    ///
    /// # Errors
    /// When there is such a file already, or it cannot be written.
    pub fn create(path: &Path) -> Result<Self, KeyError> {
        let io = |source| KeyError::Io { path: path.to_owned(), source };
        let mut seed = [0; KEY_LEN];
        File::open(RANDOM).and_then(|mut random| random.read_exact(&mut seed)).map_err(io)?;
        let mut file =
            OpenOptions::new().write(true).create_new(true).mode(0o600).open(path).map_err(io)?;
        writeln!(file, "{}", hex::encode(&seed)).and_then(|()| file.sync_all()).map_err(io)?;
        Ok(Self(ed25519_dalek::SigningKey::from_bytes(&seed)))
    }

    /// Signature of `text`, RFC 8032, as hexadecimal digits.
    #[must_use]
    pub fn sign(&self, text: &[u8]) -> String {
        hex::encode(&self.0.sign(text).to_bytes())
    }

    /// The public key, which receivers need, as 64 hexadecimal digits.
    #[must_use]
    pub fn public(&self) -> String {
        hex::encode(&self.0.verifying_key().to_bytes())
    }

    /// The name of the key, 16 hexadecimal digits.
    #[must_use]
    pub fn id(&self) -> String {
        hex::encode(&self.id_bytes())
    }

    fn id_bytes(&self) -> [u8; 8] {
        let digest = Sha256::digest(self.0.verifying_key().to_bytes());
        let mut id = [0; 8];
        id.copy_from_slice(&digest[..8]);
        id
    }
}

/// Signs messages.
#[derive(Debug)]
pub struct Signer {
    key: PrivateKey,
    /// Version, key id and boot id: what every frame begins with.
    head: [u8; STAMP_LEN - 8],
    unix_now: fn() -> i64,
}

impl Signer {
    /// Signs with `key` on the machine whose boot id is `machine`; `unix_now` gives Unix time in
    /// microseconds.
    #[must_use]
    pub fn new(key: PrivateKey, machine: [u8; 16], unix_now: fn() -> i64) -> Self {
        let mut head = [VERSION; STAMP_LEN - 8];
        head[1..9].copy_from_slice(&key.id_bytes());
        head[9..].copy_from_slice(&machine);
        Self { key, head, unix_now }
    }

    /// The signature frame of the message with these `frames`.
    #[must_use]
    pub fn sign(&self, frames: &[Vec<u8>; 3]) -> Vec<u8> {
        let mut frame = Vec::with_capacity(FRAME_LEN);
        frame.extend_from_slice(&self.head);
        frame.extend_from_slice(&(self.unix_now)().to_be_bytes());
        let signature = self.key.0.sign(&signed_text(&frame, frames));
        frame.extend_from_slice(&signature.to_bytes());
        frame
    }
}

/// What the signature is of; `stamp` is the frame in front of it.
fn signed_text(stamp: &[u8], frames: &[Vec<u8>; 3]) -> Vec<u8> {
    let mut text = [PREFIX, stamp].concat();
    for frame in frames {
        // A frame is far below 4 GiB: what is larger than `Limits::message_bytes` never comes here.
        text.extend_from_slice(&u32::try_from(frame.len()).unwrap_or(u32::MAX).to_be_bytes());
        text.extend_from_slice(frame);
    }
    text
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    /// The first test vector of RFC 8032, section 7.1.
    const SEED: &str = "9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60";
    const PUBLIC: &str = "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a";

    fn key() -> PrivateKey {
        PrivateKey(ed25519_dalek::SigningKey::from_bytes(&hex::decode(SEED).unwrap()))
    }

    fn frames() -> [Vec<u8>; 3] {
        [b"v1/a/b/".to_vec(), b"{}".to_vec(), vec![7; 300]]
    }

    /// A folder of its own for one test.
    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let path = std::env::temp_dir().join(format!("visaged-{}-{name}", std::process::id()));
            fs::create_dir_all(&path).unwrap();
            Self(path)
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            drop(fs::remove_dir_all(&self.0));
        }
    }

    #[test]
    fn the_public_key_is_that_of_the_standard_and_the_private_one_is_not_printed() {
        assert_eq!(key().public(), PUBLIC);
        // printf %s $PUBLIC | xxd -r -p | sha256sum
        assert_eq!(key().id(), "21fe31dfa154a261");
        assert!(!format!("{:?}", key()).contains(&SEED[..8]));
    }

    #[test]
    fn the_frame_is_laid_out_as_documented_and_its_signature_holds() {
        let signer = Signer::new(key(), [0xAB; 16], || 0x0102_0304);
        let frame = signer.sign(&frames());
        assert_eq!(frame.len(), FRAME_LEN);
        assert_eq!(frame[0], 1);
        assert_eq!(hex::encode(&frame[1..9]), key().id());
        assert_eq!(frame[9..25], [0xAB; 16]);
        assert_eq!(frame[25..33], [0, 0, 0, 0, 1, 2, 3, 4]);
        // Written out here, so that the code under test is not its own judge.
        let mut text = b"visaged message 1".to_vec();
        text.extend_from_slice(&frame[..33]);
        text.extend_from_slice(b"\0\0\0\x07v1/a/b/\0\0\0\x02{}\0\0\x01\x2c");
        text.extend_from_slice(&[7; 300]);
        let signature = ed25519_dalek::Signature::from_slice(&frame[33..]).unwrap();
        key().0.verifying_key().verify_strict(&text, &signature).unwrap();
    }

    #[test]
    fn bytes_that_move_from_one_frame_to_the_next_change_what_is_signed() {
        let moved = [b"v1/a/b/{".to_vec(), b"}".to_vec(), vec![7; 300]];
        assert_ne!(signed_text(&[1], &frames()), signed_text(&[1], &moved));
    }

    #[test]
    fn a_key_that_was_made_is_read_again_and_not_made_twice() {
        let folder = Folder::new("signing-made");
        let path = folder.0.join("key");
        let made = PrivateKey::create(&path).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o777, 0o600);
        assert_eq!(PrivateKey::read(&path).unwrap().public(), made.public());
        assert!(matches!(PrivateKey::create(&path), Err(KeyError::Io { .. })));
        assert_eq!(PrivateKey::read(&path).unwrap().public(), made.public());
    }

    #[test]
    fn a_key_that_others_can_read_or_that_is_none_is_refused() {
        let folder = Folder::new("signing-refused");
        let path = folder.0.join("key");
        fs::write(&path, format!("{SEED}\n")).unwrap();
        for mode in [0o640, 0o604, 0o660, 0o620] {
            fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
            let refused = PrivateKey::read(&path).unwrap_err();
            assert!(matches!(refused, KeyError::Mode { mode: is, .. } if is == mode), "{refused}");
        }
        fs::set_permissions(&path, fs::Permissions::from_mode(0o600)).unwrap();
        PrivateKey::read(&path).unwrap();
        for text in ["", "00", &SEED[1..], &"g".repeat(64)] {
            fs::write(&path, text).unwrap();
            let refused = PrivateKey::read(&path).unwrap_err();
            assert!(matches!(refused, KeyError::Content { .. }), "{text}: {refused}");
        }
        assert!(PrivateKey::read(&folder.0.join("absent")).is_err());
    }
}
