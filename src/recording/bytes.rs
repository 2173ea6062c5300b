//! Numbers and text out of bytes that may end anywhere: every read is checked, none panics.

/// Bytes that are taken from the front; all numbers are little-endian.
#[derive(Debug, Clone, Copy)]
pub(super) struct Fields<'a>(&'a [u8]);

/// The bytes end before the field does, or hold what no writer writes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Broken;

impl<'a> Fields<'a> {
    pub(super) const fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// Everything that was not taken yet.
    pub(super) const fn rest(self) -> &'a [u8] {
        self.0
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], Broken> {
        let (head, rest) = self.0.split_first_chunk::<N>().ok_or(Broken)?;
        self.0 = rest;
        Ok(*head)
    }

    pub(super) fn u8(&mut self) -> Result<u8, Broken> {
        self.array().map(u8::from_le_bytes)
    }

    pub(super) fn u16(&mut self) -> Result<u16, Broken> {
        self.array().map(u16::from_le_bytes)
    }

    pub(super) fn u32(&mut self) -> Result<u32, Broken> {
        self.array().map(u32::from_le_bytes)
    }

    pub(super) fn u64(&mut self) -> Result<u64, Broken> {
        self.array().map(u64::from_le_bytes)
    }

    pub(super) fn i64(&mut self) -> Result<i64, Broken> {
        self.array().map(i64::from_le_bytes)
    }

    /// A flag: exactly 0 or 1, so that what is read back has one spelling.
    pub(super) fn flag(&mut self) -> Result<bool, Broken> {
        match self.u8()? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(Broken),
        }
    }

    /// A length or a number of things.
    pub(super) fn count(&mut self) -> Result<usize, Broken> {
        usize::try_from(self.u32()?).or(Err(Broken))
    }

    /// `u16` bytes of UTF-8.
    pub(super) fn text(&mut self) -> Result<&'a str, Broken> {
        let length = self.u16()?.into();
        let (text, rest) = self.0.split_at_checked(length).ok_or(Broken)?;
        self.0 = rest;
        std::str::from_utf8(text).or(Err(Broken))
    }

    /// Nothing is left.
    pub(super) const fn end(self) -> Result<(), Broken> {
        if self.0.is_empty() { Ok(()) } else { Err(Broken) }
    }
}

/// Appends a length or a number of things; what a frame or batch holds is far below `u32::MAX`.
pub(super) fn put_count(count: usize, out: &mut Vec<u8>) {
    out.extend(u32::try_from(count).unwrap_or(u32::MAX).to_le_bytes());
}

/// Appends `text`, cut at 65535 bytes: reasons are short words.
pub(super) fn put_text(text: &str, out: &mut Vec<u8>) {
    let text = &text[..text.floor_char_boundary(usize::from(u16::MAX))];
    out.extend(u16::try_from(text.len()).unwrap_or(u16::MAX).to_le_bytes());
    out.extend(text.as_bytes());
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_field_that_is_cut_anywhere_is_broken_and_nothing_panics() {
        let mut bytes = Vec::new();
        put_text("queue-full", &mut bytes);
        for cut in 0..bytes.len() {
            assert_eq!(Fields::new(&bytes[..cut]).text(), Err(Broken), "{cut}");
        }
        let mut fields = Fields::new(&bytes);
        assert_eq!(fields.text(), Ok("queue-full"));
        assert_eq!(fields.end(), Ok(()));
        assert_eq!(Fields::new(&[2]).flag(), Err(Broken));
    }
}
