//! Packets of the OpenMV protocol, version 1: framing and checksums.
//!
//! Source: `docs/protocol.md` of openmv/openmv, sections 2 and 6.

/// The first two bytes of a packet, as they lie on the wire.
const SYNC: [u8; 2] = 0xD5AA_u16.to_le_bytes();
/// Sync, sequence, channel, flags, opcode, length, checksum.
const HEADER: usize = 10;
/// Checksum behind a payload.
const PAYLOAD_CHECK: usize = 4;
/// Most bytes that a packet carries.
pub(super) const LARGEST_PAYLOAD: usize = 4096 - HEADER - PAYLOAD_CHECK;

/// The packet confirms another one.
pub const ACK: u8 = 1 << 0;
/// The packet refuses another one and says why.
pub const NAK: u8 = 1 << 1;
/// The packet was sent before.
pub const RTX: u8 = 1 << 2;
/// The packet wants to be confirmed.
pub const ACK_REQ: u8 = 1 << 3;
/// More of the same answer follows.
pub const FRAGMENT: u8 = 1 << 4;
/// The packet answers nothing.
pub const EVENT: u8 = 1 << 5;

/// A packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Packet<'a> {
    /// Counts the camera's packets since the last synchronisation; wraps.
    pub sequence: u8,
    /// What it is about; 0 is the protocol itself.
    pub channel: u8,
    /// Any of [`ACK`], [`NAK`], [`RTX`], [`ACK_REQ`], [`FRAGMENT`], [`EVENT`].
    pub flags: u8,
    /// The command that is given or answered.
    pub opcode: u8,
    /// What it carries.
    pub payload: &'a [u8],
}

impl Packet<'_> {
    /// Appends the bytes of the packet to `out`. A payload that is too long is cut off.
    pub fn encode(&self, out: &mut Vec<u8>) {
        let payload = &self.payload[..self.payload.len().min(LARGEST_PAYLOAD)];
        let [low, high] = u16::try_from(payload.len()).unwrap_or(0).to_le_bytes();
        let [a, b] = SYNC;
        let header = [a, b, self.sequence, self.channel, self.flags, self.opcode, low, high];
        out.extend_from_slice(&header);
        out.extend_from_slice(&check16(&header).to_le_bytes());
        if !payload.is_empty() {
            out.extend_from_slice(payload);
            out.extend_from_slice(&check32(payload).to_le_bytes());
        }
    }
}

/// Finds packets in a stream of bytes, cut anywhere and damaged anywhere.
#[derive(Debug, Default)]
pub struct Packets {
    held: Vec<u8>,
    used: usize,
    /// Bytes that belong to no packet.
    pub skipped: u64,
}

impl Packets {
    /// Takes the next bytes.
    pub fn push(&mut self, bytes: &[u8]) {
        self.held.drain(..self.used);
        self.used = 0;
        self.held.extend_from_slice(bytes);
    }

    /// The next packet, if it is complete.
    pub fn pop(&mut self) -> Option<Packet<'_>> {
        let (start, end) = loop {
            let rest = self.held.get(self.used..).unwrap_or_default();
            match look(rest) {
                Look::Packet(length) => break (self.used, self.used + length),
                Look::More => return None,
                Look::Junk => {
                    // One byte: a packet may begin inside of what looked like one.
                    self.used += 1;
                    self.skipped += 1;
                }
            }
        };
        self.used = end;
        let packet = self.held.get(start..end)?;
        let (header, rest) = packet.split_first_chunk::<HEADER>()?;
        let &[_, _, sequence, channel, flags, opcode, ..] = header;
        let payload = rest.get(..rest.len().saturating_sub(PAYLOAD_CHECK)).unwrap_or_default();
        Some(Packet { sequence, channel, flags, opcode, payload })
    }
}

/// What lies at the front of some bytes.
enum Look {
    /// A packet of so many bytes.
    Packet(usize),
    /// What may become one.
    More,
    /// What cannot.
    Junk,
}

fn look(bytes: &[u8]) -> Look {
    let begun = bytes.len().min(SYNC.len());
    if bytes[..begun] != SYNC[..begun] {
        return Look::Junk;
    }
    let Some((header, rest)) = bytes.split_first_chunk::<HEADER>() else { return Look::More };
    let &[fields @ .., low, high] = header;
    let length = usize::from(u16::from_le_bytes([fields[6], fields[7]]));
    if u16::from_le_bytes([low, high]) != check16(&fields) || length > LARGEST_PAYLOAD {
        return Look::Junk;
    }
    if length == 0 {
        return Look::Packet(HEADER);
    }
    let Some((payload, rest)) = rest.split_at_checked(length) else { return Look::More };
    let Some(&stated) = rest.first_chunk::<PAYLOAD_CHECK>() else { return Look::More };
    if u32::from_le_bytes(stated) == check32(payload) {
        Look::Packet(HEADER + length + PAYLOAD_CHECK)
    } else {
        Look::Junk
    }
}

/// CRC-16 with polynomial 0xF94F, most significant bit first, from 0xFFFF.
fn check16(bytes: &[u8]) -> u16 {
    bytes.iter().fold(0xFFFF, |crc: u16, &byte| {
        let [high, low] = crc.to_be_bytes();
        u16::from_be_bytes([low, 0]) ^ TABLE_16[usize::from(high ^ byte)]
    })
}

/// CRC-32 with polynomial 0xFA567D89, most significant bit first, from 0xFFFFFFFF.
fn check32(bytes: &[u8]) -> u32 {
    bytes.iter().fold(0xFFFF_FFFF, |crc: u32, &byte| {
        let [top, ..] = crc.to_be_bytes();
        (crc << 8) ^ TABLE_32[usize::from(top ^ byte)]
    })
}

static TABLE_16: [u16; 256] = {
    let mut table = [0; 256];
    let mut index = 0_u16;
    while index < 256 {
        let mut crc = index << 8;
        let mut bit = 0;
        while bit < 8 {
            crc = (crc << 1) ^ if crc & 0x8000 == 0 { 0 } else { 0xF94F };
            bit += 1;
        }
        table[index as usize] = crc;
        index += 1;
    }
    table
};

static TABLE_32: [u32; 256] = {
    let mut table = [0; 256];
    let mut index = 0_u32;
    while index < 256 {
        let mut crc = index << 24;
        let mut bit = 0;
        while bit < 8 {
            crc = (crc << 1) ^ if crc & 0x8000_0000 == 0 { 0 } else { 0xFA56_7D89 };
            bit += 1;
        }
        table[index as usize] = crc;
        index += 1;
    }
    table
};

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Entries of the tables in the camera's firmware (openmv/openmv `common/omv_crc.c`, MIT).
    #[test]
    fn the_checksums_are_those_of_the_firmware() {
        assert_eq!((TABLE_16[1], TABLE_16[2], TABLE_16[255]), (0xF94F, 0x0BD1, 0x551E));
        assert_eq!(
            (TABLE_32[1], TABLE_32[2], TABLE_32[255]),
            (0xFA56_7D89, 0x0EFA_869B, 0x25C4_421B)
        );
    }

    fn stream() -> Vec<u8> {
        let mut bytes = Vec::new();
        for sequence in 0..20 {
            let payload = vec![sequence; usize::from(sequence) * 7];
            let packet =
                Packet { sequence, channel: 5, flags: ACK_REQ, opcode: 0x26, payload: &payload };
            packet.encode(&mut bytes);
        }
        bytes
    }

    fn sequences(packets: &mut Packets) -> Vec<u8> {
        std::iter::from_fn(|| packets.pop().map(|packet| packet.sequence)).collect()
    }

    proptest! {
        #[test]
        fn any_split_gives_all_packets(piece in 1_usize..200) {
            let mut packets = Packets::default();
            let mut found = Vec::new();
            for piece in stream().chunks(piece) {
                packets.push(piece);
                found.extend(sequences(&mut packets));
            }
            prop_assert_eq!(found, (0..20).collect::<Vec<u8>>());
            prop_assert_eq!(packets.skipped, 0);
        }

        #[test]
        fn a_flipped_bit_loses_one_packet(at in 0_usize..1500, bit in 0_u8..8) {
            let mut bytes = stream();
            let at = at % bytes.len();
            bytes[at] ^= 1 << bit;
            let mut packets = Packets::default();
            packets.push(&bytes);
            prop_assert_eq!(sequences(&mut packets).len(), 19);
        }

        #[test]
        fn noise_never_panics(bytes in prop::collection::vec(any::<u8>(), 0..5000)) {
            let mut packets = Packets::default();
            packets.push(&[&bytes[..], &SYNC, &bytes].concat());
            sequences(&mut packets);
        }
    }
}
