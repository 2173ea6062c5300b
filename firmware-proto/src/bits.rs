//! Bits in a byte string, first bit in the highest place.

/// Appends bits to the front of a buffer; 32-bit registers, for a Cortex-M.
#[derive(Debug)]
pub(crate) struct BitWriter<'a> {
    out: &'a mut [u8],
    used: usize,
    held: u32,
    held_bits: u32,
}

impl<'a> BitWriter<'a> {
    pub(crate) const fn new(out: &'a mut [u8]) -> Self {
        Self { out, used: 0, held: 0, held_bits: 0 }
    }

    /// Appends the low `width` bits of `value`, at most 24 (7 held back and 24 new fit 32); the
    /// bits above must be zero.
    /// `None` when the buffer is full.
    #[inline]
    pub(crate) fn put(&mut self, value: u32, width: u32) -> Option<()> {
        self.held = (self.held << width) | value;
        self.held_bits += width;
        // At most 31 bits are held. The count keeps the compiler from vectorising so short a loop.
        for _ in 0..3 {
            if self.held_bits < 8 {
                break;
            }
            self.held_bits -= 8;
            let [byte, ..] = (self.held >> self.held_bits).to_le_bytes();
            *self.out.get_mut(self.used)? = byte;
            self.used += 1;
        }
        Some(())
    }

    /// Fills the last byte with zeros: bytes used.
    pub(crate) fn finish(mut self) -> Option<usize> {
        if self.held_bits > 0 {
            self.put(0, 8 - self.held_bits)?;
        }
        Some(self.used)
    }
}

/// Reads bits from the front of a byte string.
#[derive(Debug)]
pub(crate) struct BitReader<'a> {
    data: &'a [u8],
    /// The next bits, left-aligned; bits below `held_bits` may be true already or zero.
    held: u64,
    held_bits: u32,
}

impl<'a> BitReader<'a> {
    pub(crate) const fn new(data: &'a [u8]) -> Self {
        Self { data, held: 0, held_bits: 0 }
    }

    /// Holds at least 56 bits, or all that are left.
    #[inline]
    pub(crate) fn refill(&mut self) {
        if let Some(word) = self.data.first_chunk::<8>() {
            self.held |= u64::from_be_bytes(*word) >> self.held_bits;
            self.data = &self.data[((63 - self.held_bits) / 8) as usize..];
            self.held_bits |= 56;
        } else {
            self.refill_at_the_end();
        }
    }

    #[cold]
    fn refill_at_the_end(&mut self) {
        while self.held_bits <= 56
            && let Some((&byte, rest)) = self.data.split_first()
        {
            self.held |= u64::from(byte) << (56 - self.held_bits);
            self.held_bits += 8;
            self.data = rest;
        }
    }

    /// The next bits, left-aligned, zeros behind the end.
    #[inline]
    pub(crate) const fn peek(&self) -> u64 {
        self.held
    }

    /// Drops `width` bits (at most 63); `None` when fewer are held.
    #[inline]
    pub(crate) const fn skip(&mut self, width: u32) -> Option<()> {
        if width > self.held_bits {
            return None;
        }
        self.held <<= width;
        self.held_bits -= width;
        Some(())
    }

    /// Whether nothing but the zero filling of the last byte is left.
    pub(crate) fn is_done(&mut self) -> bool {
        self.refill();
        self.data.is_empty() && self.held_bits < 8 && self.held == 0
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bits_come_back_in_order_and_the_end_is_noticed() {
        let mut bytes = [0; 16];
        let mut writer = BitWriter::new(&mut bytes);
        for width in 1..=14 {
            writer.put((1 << width) - 1 - u32::from(width > 1), width).unwrap();
        }
        let used = writer.finish().unwrap();
        assert_eq!(used, 14); // 1 + 2 + .. + 14 = 105 bits
        let mut reader = BitReader::new(&bytes[..used]);
        for width in 1..=14 {
            reader.refill();
            let value = reader.peek() >> (64 - width);
            assert_eq!(value, (1 << width) - 1 - u64::from(width > 1));
            reader.skip(width).unwrap();
        }
        assert!(reader.is_done());
        assert_eq!(reader.skip(8), None);
    }

    #[test]
    fn a_full_buffer_is_told() {
        let mut bytes = [0; 1];
        let mut writer = BitWriter::new(&mut bytes);
        assert_eq!(writer.put(0x7F, 7), Some(()));
        assert_eq!(writer.put(3, 2), Some(()));
        assert_eq!(writer.finish(), None);
    }
}
