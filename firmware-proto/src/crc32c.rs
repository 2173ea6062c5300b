//! CRC-32C (Castagnoli, reflected polynomial 82F63B78), table driven.
//!
//! The `fast-crc` feature uses sixteen tables (16 KiB, slicing-by-16) and is meant for the host;
//! without it one table (1 KiB of flash) serves the microcontroller. Check value of `123456789`:
//! E3069283.

/// The reversed Castagnoli polynomial.
const POLYNOMIAL: u32 = 0x82F6_3B78;

/// How many tables are built: 16 bytes a step, or one.
const TABLES: usize = if cfg!(feature = "fast-crc") { 16 } else { 1 };

static TABLE: [[u32; 256]; TABLES] = tables();

/// One byte through the register, bit by bit.
const fn step(mut register: u32) -> u32 {
    let mut bit = 0;
    while bit < 8 {
        register = if register & 1 == 1 { (register >> 1) ^ POLYNOMIAL } else { register >> 1 };
        bit += 1;
    }
    register
}

#[expect(clippy::cast_possible_truncation, reason = "the index stays below 256")]
const fn tables() -> [[u32; 256]; TABLES] {
    let mut tables = [[0; 256]; TABLES];
    let mut byte = 0;
    while byte < 256 {
        let mut register = step(byte as u32);
        let mut table = 0;
        while table < TABLES {
            tables[table][byte] = register;
            register = step(register);
            table += 1;
        }
        byte += 1;
    }
    tables
}

/// The CRC bit by bit, usable in constants: the obvious twin of the table version.
#[must_use]
pub(crate) const fn bitwise(bytes: &[u8]) -> u32 {
    let mut register = u32::MAX;
    let mut at = 0;
    while at < bytes.len() {
        register = step(register ^ bytes[at] as u32);
        at += 1;
    }
    !register
}

/// CRC-32C of `bytes`.
#[must_use]
pub fn crc32c(bytes: &[u8]) -> u32 {
    let mut crc = Crc32c::new();
    crc.update(bytes);
    crc.value()
}

/// A CRC-32C taken piece by piece.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Crc32c(u32);

impl Crc32c {
    /// The CRC of nothing yet.
    pub(crate) const fn new() -> Self {
        Self(u32::MAX)
    }

    /// Takes in the next bytes.
    pub(crate) fn update(&mut self, bytes: &[u8]) {
        let mut register = self.0;
        let rest = long_steps(&mut register, bytes);
        for &byte in rest {
            let [low, ..] = register.to_le_bytes();
            register = TABLE[0][usize::from(low ^ byte)] ^ (register >> 8);
        }
        self.0 = register;
    }

    /// The CRC of everything taken in so far.
    pub(crate) const fn value(self) -> u32 {
        !self.0
    }
}

/// Sixteen bytes a step; returns what is left over.
#[cfg(feature = "fast-crc")]
fn long_steps<'a>(register: &mut u32, bytes: &'a [u8]) -> &'a [u8] {
    let (blocks, rest) = bytes.as_chunks::<16>();
    for block in blocks {
        let [a, b, c, d] = register.to_le_bytes();
        let head = [block[0] ^ a, block[1] ^ b, block[2] ^ c, block[3] ^ d];
        let mut next = 0;
        for (at, &byte) in head.iter().enumerate() {
            next ^= TABLE[15 - at][usize::from(byte)];
        }
        for (at, &byte) in block.iter().enumerate().skip(4) {
            next ^= TABLE[15 - at][usize::from(byte)];
        }
        *register = next;
    }
    rest
}

/// The small build has no long steps: every byte goes through the one table.
#[cfg(not(feature = "fast-crc"))]
fn long_steps<'a>(_register: &mut u32, bytes: &'a [u8]) -> &'a [u8] {
    bytes
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_check_value_comes_out() {
        assert_eq!(crc32c(b"123456789"), 0xE306_9283);
        assert_eq!(bitwise(b"123456789"), 0xE306_9283);
    }

    #[test]
    fn the_rfc_3720_examples_come_out() {
        assert_eq!(crc32c(&[0; 32]), 0x8A91_36AA);
        assert_eq!(crc32c(&[0xFF; 32]), 0x62A8_AB43);
    }

    #[test]
    fn tables_and_bits_agree_for_every_length_and_every_cut() {
        let mut bytes = [0_u8; 67];
        for (at, byte) in bytes.iter_mut().enumerate() {
            *byte = u8::try_from(at * 37 % 251).unwrap();
        }
        for len in 0..=bytes.len() {
            for cut in 0..=len {
                let mut crc = Crc32c::new();
                crc.update(&bytes[..cut]);
                crc.update(&bytes[cut..len]);
                assert_eq!(crc.value(), bitwise(&bytes[..len]), "length {len} cut at {cut}");
            }
        }
    }
}
