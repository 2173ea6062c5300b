//! Files that their own machine cannot read: encrypted to a public key, in the format of `age`.
//!
//! `age --decrypt -i KEY FILE.mcap.age > FILE.mcap` on another machine gives the recording back, a cut
//! one up to its cut (and says that it is cut). The format takes whole blocks of 64 KiB, so each
//! flush pads the file up to one: 128 KiB a second.

use std::fs::File;
use std::io::{self, Write};

/// Bytes that push everything before them through the encryption: one whole block.
#[cfg(feature = "encrypt")]
const PADDING: usize = 64 << 10;

/// A public key, `age1...`.
#[derive(Clone)]
pub(super) struct Recipient(#[cfg(feature = "encrypt")] age::x25519::Recipient);

impl Recipient {
    /// Reads it.
    ///
    /// # Errors
    /// What is wrong with it, or that this build cannot encrypt.
    #[cfg(feature = "encrypt")]
    pub(super) fn parse(text: &str) -> Result<Self, String> {
        let parsed = text.parse().map_err(|problem: &str| {
            format!("{problem}; write the public key that `age-keygen` prints, age1...")
        });
        parsed.map(Self)
    }

    /// This build cannot encrypt, and must not record in the clear instead.
    ///
    /// # Errors
    /// Always.
    #[cfg(not(feature = "encrypt"))]
    pub(super) fn parse(_text: &str) -> Result<Self, String> {
        Err("this build cannot encrypt; build it with `--features encrypt`".to_owned())
    }
}

impl std::fmt::Debug for Recipient {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Recipient")
    }
}

/// A file, encrypted or not.
pub(super) enum Output {
    /// As it is.
    Plain(File),
    /// Encrypted.
    #[cfg(feature = "encrypt")]
    Sealed(age::stream::StreamWriter<File>),
}

impl Output {
    /// `file`, encrypted to `recipient` if there is one.
    pub(super) fn new(file: File, recipient: Option<&Recipient>) -> io::Result<Self> {
        match recipient {
            None => Ok(Self::Plain(file)),
            #[cfg(feature = "encrypt")]
            Some(Recipient(recipient)) => {
                let recipients = std::iter::once(recipient as &dyn age::Recipient);
                let sealed =
                    age::Encryptor::with_recipients(recipients).map_err(io::Error::other)?;
                Ok(Self::Sealed(sealed.wrap_output(file)?))
            }
            #[cfg(not(feature = "encrypt"))]
            Some(Recipient()) => Err(io::ErrorKind::Unsupported.into()),
        }
    }

    /// Bytes to write before a flush.
    pub(super) const fn padding(recipient: Option<&Recipient>) -> usize {
        match recipient {
            None => 0,
            #[cfg(feature = "encrypt")]
            Some(_) => PADDING,
            #[cfg(not(feature = "encrypt"))]
            Some(_) => 0,
        }
    }

    /// Ends the file.
    pub(super) fn close(self) -> io::Result<()> {
        match self {
            Self::Plain(_) => Ok(()),
            #[cfg(feature = "encrypt")]
            Self::Sealed(sealed) => sealed.finish().map(drop),
        }
    }
}

impl Write for Output {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Self::Plain(file) => file.write(bytes),
            #[cfg(feature = "encrypt")]
            Self::Sealed(sealed) => sealed.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Self::Plain(file) => file.flush(),
            #[cfg(feature = "encrypt")]
            Self::Sealed(sealed) => sealed.flush(),
        }
    }
}
