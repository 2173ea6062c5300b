//! The secret that viewers and monitors show where one is asked for.

use core::fmt;
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use sha2::{Digest as _, Sha256};

/// Shortest and longest token.
const LENGTHS: std::ops::RangeInclusive<usize> = 16..=128;
/// Permissions of everybody but the owner.
const OTHERS: u32 = 0o077;

/// A token; never printed. Only its digest is kept, and digests are compared, so that the time a
/// comparison takes tells nothing about the token.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) struct Token([u8; 32]);

impl fmt::Debug for Token {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Token(hidden)")
    }
}

impl Token {
    /// Reads the token in `path`, white space around it aside. No message shows its content.
    pub(super) fn read(path: &Path) -> io::Result<Self> {
        let text = fs::read_to_string(path)?;
        Self::parse(text.trim()).ok_or_else(|| {
            io::Error::other(format!(
                "it must hold {} to {} letters, digits, -, _, . or ~; make one with \
                 `openssl rand -hex 32`",
                LENGTHS.start(),
                LENGTHS.end()
            ))
        })
    }

    /// A note when others than the owner can read the file.
    pub(super) fn warning(path: &Path) -> Option<String> {
        let mode = fs::metadata(path).ok()?.permissions().mode();
        (mode & OTHERS != 0).then(|| {
            format!(
                "{} can be read by others (mode {:03o}); run `chmod 600` on it",
                path.display(),
                mode & 0o777
            )
        })
    }

    /// Letters that are allowed in URLs, headers and WebSocket protocols alike.
    fn parse(text: &str) -> Option<Self> {
        let allowed = |letter: char| letter.is_ascii_alphanumeric() || "-_.~".contains(letter);
        (LENGTHS.contains(&text.len()) && text.chars().all(allowed)).then(|| Self::of(text))
    }

    /// True if `shown` is this token.
    pub(super) fn is(self, shown: &str) -> bool {
        Self::of(shown) == self
    }

    fn of(text: &str) -> Self {
        Self(Sha256::digest(text.as_bytes()).into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_text_is_the_token() {
        let token = Token::parse("0123456789abcdef").unwrap();
        assert!(token.is("0123456789abcdef"));
        assert!(!token.is("0123456789abcdee") && !token.is(""));
        assert_eq!(format!("{token:?}"), "Token(hidden)");
    }

    #[test]
    fn what_is_short_or_has_other_letters_is_refused() {
        for text in ["", "short", "0123456789 bcdef", "0123456789abcde,", &"x".repeat(129)] {
            assert_eq!(Token::parse(text), None, "{text}");
        }
    }
}
