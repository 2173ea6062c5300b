//! The key that a board and this daemon share, from its file.

use core::fmt;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use crate::data::hex;
use crate::sensor::Error;

/// Bytes of a key.
const LEN: usize = 32;
/// Permissions of everybody but the owner.
const OTHERS: u32 = 0o077;

/// A shared key; never printed.
#[derive(Clone, Copy, PartialEq, Eq)]
pub struct Key([u8; LEN]);

impl fmt::Debug for Key {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Key(hidden)")
    }
}

impl Key {
    /// A key of these bytes.
    #[must_use]
    pub const fn new(bytes: [u8; LEN]) -> Self {
        Self(bytes)
    }

    pub(crate) const fn bytes(self) -> [u8; LEN] {
        self.0
    }

    /// Reads 64 hexadecimal digits, white space around them aside.
    ///
    /// # Errors
    /// When the file cannot be read or holds something else. No message shows its content.
    pub fn read(path: &Path) -> Result<Self, Error> {
        let text = fs::read_to_string(path).map_err(Error::io(path))?;
        hex::decode(text.trim()).map(Self).ok_or_else(|| Error::Key {
            path: path.to_owned(),
            key: "the content".to_owned(),
            problem: format!(
                "{} characters that are not {} hexadecimal digits",
                text.trim().chars().count(),
                2 * LEN
            ),
            remedy: "make a key with `openssl rand -hex 32` and give the board the same one",
        })
    }

    /// A note when others than the owner can read the file.
    #[must_use]
    pub fn warning(path: &Path) -> Option<String> {
        let mode = fs::metadata(path).ok()?.permissions().mode();
        (mode & OTHERS != 0).then(|| {
            format!(
                "{} can be read by others (mode {:03o}); run `chmod 600` on it",
                path.display(),
                mode & 0o777
            )
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sixty_four_digits_of_either_case_are_a_key() {
        let text = format!("{}fF", "0a".repeat(31));
        let key = hex::decode::<LEN>(&text).unwrap();
        assert_eq!((key[0], key[30], key[31]), (0x0A, 0x0A, 0xFF));
    }

    #[test]
    fn anything_else_is_refused() {
        for text in ["", "00", &"0".repeat(63), &"0".repeat(65), &"0".repeat(66), &"g".repeat(64)] {
            assert_eq!(hex::decode::<LEN>(text), None, "{text}");
        }
    }

    #[test]
    fn a_key_is_not_printed() {
        assert_eq!(format!("{:?}", Key::new([0xAB; 32])), "Key(hidden)");
    }
}
