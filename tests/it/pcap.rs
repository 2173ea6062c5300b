//! UDP datagrams of a capture by tcpdump, as far as tests need it.

use std::fs;
use std::path::Path;

/// A datagram as it was captured.
pub struct Sent {
    /// Port that it was sent to.
    pub port: u16,
    /// What it carried.
    pub payload: Vec<u8>,
}

/// All UDP datagrams of a classic little-endian capture of Ethernet without VLANs.
pub fn udp(path: &Path) -> Vec<Sent> {
    let bytes = fs::read(path).unwrap();
    assert_eq!(bytes[..4], [0xD4, 0xC3, 0xB2, 0xA1], "{}", path.display());
    let mut rest = &bytes[24..];
    let mut found = Vec::new();
    while let Some((record, behind)) = rest.split_at_checked(16) {
        let length = u32::from_le_bytes(record[8..12].try_into().unwrap());
        let (packet, behind) = behind.split_at(usize::try_from(length).unwrap());
        rest = behind;
        let ip = &packet[14..];
        if packet[12..14] != [8, 0] || ip[9] != 17 {
            continue;
        }
        let udp = &ip[usize::from(ip[0] & 15) * 4..];
        let field = |at: usize| u16::from_be_bytes(udp[at..at + 2].try_into().unwrap());
        // Short frames are padded: the length in the header counts, not that of the record.
        found.push(Sent { port: field(2), payload: udp[8..usize::from(field(4))].to_vec() });
    }
    found
}
