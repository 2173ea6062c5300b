//! Why a frame was refused, and how often.

/// Why the bytes between two zeros are not a frame.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Refusal {
    /// A COBS block runs past the closing zero: bytes were lost or a zero was made.
    Cobs,
    /// More bytes than the receiver's buffer holds.
    TooLong,
    /// Shorter than header and CRC, or a payload shorter than its type needs.
    Truncated,
    /// The CRC-32C does not match.
    Crc,
    /// Another magic or major version.
    Version,
    /// A flag bit 7..4 this receiver does not know.
    IncompatibleFlags,
    /// A key is configured and the tag is missing, wrong, or of an earlier moment.
    Auth,
    /// A type this receiver does not know.
    UnknownType,
    /// An enumerated field holds a value this receiver does not know, or lengths contradict.
    UnknownValue,
}

impl Refusal {
    /// Every reason, in the order of [`Counts`].
    pub const ALL: [Self; 9] = [
        Self::Cobs,
        Self::TooLong,
        Self::Truncated,
        Self::Crc,
        Self::Version,
        Self::IncompatibleFlags,
        Self::Auth,
        Self::UnknownType,
        Self::UnknownValue,
    ];

    /// The reason's name in counters and test vectors.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Cobs => "cobs",
            Self::TooLong => "too-long",
            Self::Truncated => "truncated",
            Self::Crc => "crc",
            Self::Version => "version",
            Self::IncompatibleFlags => "incompatible-flags",
            Self::Auth => "auth",
            Self::UnknownType => "unknown-type",
            Self::UnknownValue => "unknown-value",
        }
    }
}

/// What a decoder has seen since it was made.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Counts {
    /// Frames handed out.
    pub frames: u64,
    refused: [u64; Refusal::ALL.len()],
}

impl Counts {
    pub(crate) const fn new() -> Self {
        Self { frames: 0, refused: [0; Refusal::ALL.len()] }
    }

    /// How many frames were refused for this reason.
    #[must_use]
    pub const fn refused(&self, why: Refusal) -> u64 {
        self.refused[why as usize]
    }

    /// How many frames were refused for any reason.
    #[must_use]
    pub fn all_refused(&self) -> u64 {
        self.refused.iter().sum()
    }

    pub(crate) const fn refuse(&mut self, why: Refusal) {
        self.refused[why as usize] += 1;
    }
}
