//! One datagram of the data port: where its samples belong, and the samples.

/// Sequence number and byte count.
const HEADER: usize = 10;
/// Most bytes of samples in a datagram: the board's limit of 1470 less the header.
pub(super) const LARGEST_PAYLOAD: usize = 1470 - HEADER;
/// The byte count has 48 bits and wraps after 281 TB, 36 days at the speed of the cable.
pub(super) const COUNT_MASK: u64 = (1 << 48) - 1;

/// A datagram of raw samples.
///
/// On the wire, little-endian: `u32` sequence number from 1, 48 bits of byte count, samples.
/// Source: TI SPRUIJ4A, section 5.2, and the capture in `tests/it/dca1000.rs`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Datagram<'a> {
    /// Number of the datagram since the recording was started, from 1; wraps.
    pub sequence: u32,
    /// Bytes of samples sent before this datagram, modulo 2^48.
    pub byte_count: u64,
    /// The samples: some bytes of the endless row of frames, cut anywhere.
    pub payload: &'a [u8],
}

impl<'a> Datagram<'a> {
    /// Reads a datagram; `None` if the board cannot have sent it.
    #[must_use]
    pub fn parse(bytes: &'a [u8]) -> Option<Self> {
        let (header, payload) = bytes.split_first_chunk::<HEADER>()?;
        let &[a, b, c, d, count @ ..] = header;
        let mut wide = [0; 8];
        wide[..6].copy_from_slice(&count);
        let known = (1..=LARGEST_PAYLOAD).contains(&payload.len());
        known.then_some(Self {
            sequence: u32::from_le_bytes([a, b, c, d]),
            byte_count: u64::from_le_bytes(wide),
            payload,
        })
    }

    /// The byte count of the datagram that follows this one.
    #[must_use]
    pub const fn end(&self) -> u64 {
        (self.byte_count + self.payload.len() as u64) & COUNT_MASK
    }

    /// True for the datagram with which a recording starts.
    #[must_use]
    pub const fn is_first(&self) -> bool {
        self.sequence == 1 && self.byte_count == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The third datagram of a capture by tcpdump (mmwave-capture-std, Clear BSD).
    #[test]
    fn a_captured_header_is_read() {
        let bytes = [3, 0, 0, 0, 0x60, 0x0B, 0, 0, 0, 0, 0x9A, 0xFE];
        let datagram = Datagram::parse(&bytes).unwrap();
        assert_eq!((datagram.sequence, datagram.byte_count), (3, 2912));
        assert_eq!(datagram.payload, [0x9A, 0xFE]);
        assert_eq!(datagram.end(), 2914);
    }

    #[test]
    fn a_datagram_without_samples_or_longer_than_the_board_sends_is_none() {
        assert_eq!(Datagram::parse(&[1; HEADER]), None);
        assert_eq!(Datagram::parse(&[]), None);
        assert!(Datagram::parse(&[1; HEADER + LARGEST_PAYLOAD]).is_some());
        assert_eq!(Datagram::parse(&[1; HEADER + LARGEST_PAYLOAD + 1]), None);
    }
}
