//! The few parts of `FlatBuffers` that AEDAT 4 needs, with every offset checked.
//!
//! Source: <https://flatbuffers.dev/internals>. A buffer is a `u32` offset to the root table and a
//! four-letter identifier. A table begins with an `i32` distance back to its vtable: `u16` size of
//! the vtable, `u16` size of the table, then a `u16` offset for each field, 0 where absent.

/// An offset that leads out of the buffer, or an identifier of something else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("an offset leads out of the FlatBuffer, or the identifier is another")]
pub struct Broken;

/// A table inside a buffer.
#[derive(Debug, Clone, Copy)]
pub struct Table<'a> {
    buffer: &'a [u8],
    /// Where the table begins.
    start: usize,
    vtable: &'a [u8],
}

impl<'a> Table<'a> {
    /// The root table of `buffer`, which must carry `identifier`.
    ///
    /// # Errors
    /// When the identifier differs, or the table or its vtable leave the buffer.
    pub fn root(buffer: &'a [u8], identifier: [u8; 4]) -> Result<Self, Broken> {
        if array::<4>(buffer, 4)? != identifier {
            return Err(Broken);
        }
        let start = index(buffer, 0)?;
        let back = i64::from(i32::from_le_bytes(array(buffer, start)?));
        let at = i64::try_from(start).ok().and_then(|start| start.checked_sub(back));
        let at = at.and_then(|at| usize::try_from(at).ok()).ok_or(Broken)?;
        let size = usize::from(u16::from_le_bytes(array(buffer, at)?));
        let vtable = slice(buffer, at, size)?;
        Ok(Self { buffer, start, vtable })
    }

    /// Where field `id` begins, or `None` if the table does not have it.
    fn field(&self, id: usize) -> Result<Option<usize>, Broken> {
        // A vtable that ends before the field is one of an older schema.
        let Ok(offset) = array(self.vtable, 4 + 2 * id) else { return Ok(None) };
        match usize::from(u16::from_le_bytes(offset)) {
            0 => Ok(None),
            offset => self.start.checked_add(offset).map(Some).ok_or(Broken),
        }
    }

    /// Field `id` as an `i32`, or `absent`.
    ///
    /// # Errors
    /// When the field leaves the buffer.
    pub fn i32(&self, id: usize, absent: i32) -> Result<i32, Broken> {
        let Some(at) = self.field(id)? else { return Ok(absent) };
        Ok(i32::from_le_bytes(array(self.buffer, at)?))
    }

    /// Field `id` as an `i64`, or `absent`.
    ///
    /// # Errors
    /// When the field leaves the buffer.
    pub fn i64(&self, id: usize, absent: i64) -> Result<i64, Broken> {
        let Some(at) = self.field(id)? else { return Ok(absent) };
        Ok(i64::from_le_bytes(array(self.buffer, at)?))
    }

    /// The elements of the vector in field `id`, `stride` bytes each, or none of them.
    ///
    /// # Errors
    /// When the vector leaves the buffer.
    pub fn vector(&self, id: usize, stride: usize) -> Result<&'a [u8], Broken> {
        let Some(at) = self.field(id)? else { return Ok(&[]) };
        let at = at.checked_add(index(self.buffer, at)?).ok_or(Broken)?;
        let length = index(self.buffer, at)?.checked_mul(stride).ok_or(Broken)?;
        slice(self.buffer, at + 4, length)
    }
}

/// What follows the `u32` size at the front of `bytes`, cut to that size.
///
/// # Errors
/// When there are fewer bytes than stated.
pub fn size_prefixed(bytes: &[u8]) -> Result<&[u8], Broken> {
    slice(bytes, 4, index(bytes, 0)?)
}

fn slice(bytes: &[u8], at: usize, length: usize) -> Result<&[u8], Broken> {
    let end = at.checked_add(length).ok_or(Broken)?;
    bytes.get(at..end).ok_or(Broken)
}

fn array<const N: usize>(bytes: &[u8], at: usize) -> Result<[u8; N], Broken> {
    slice(bytes, at, N)?.first_chunk().copied().ok_or(Broken)
}

/// The `u32` at `at`, as an index.
fn index(bytes: &[u8], at: usize) -> Result<usize, Broken> {
    usize::try_from(u32::from_le_bytes(array(bytes, at)?)).ok().ok_or(Broken)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Root at 20: vtable at 8 (size 10, table 16, field 0 at 4, field 1 absent, field 2 at 8);
    /// field 0 is -7, field 2 leads to a vector of three bytes.
    #[rustfmt::skip]
    const BUFFER: &[u8] = &[
        20, 0, 0, 0, b'T', b'E', b'S', b'T',
        10, 0, 16, 0, 4, 0, 0, 0, 8, 0, 0, 0,
        12, 0, 0, 0, 0xF9, 0xFF, 0xFF, 0xFF, 4, 0, 0, 0,
        3, 0, 0, 0, 1, 2, 3,
    ];

    #[test]
    fn fields_are_found_and_absent_ones_have_their_default() {
        let table = Table::root(BUFFER, *b"TEST").unwrap();
        assert_eq!(table.i32(0, 5), Ok(-7));
        assert_eq!(table.i64(1, 5), Ok(5));
        assert_eq!(table.vector(2, 1), Ok(&[1, 2, 3][..]));
        assert_eq!(table.i32(3, 9), Ok(9));
    }

    #[test]
    fn another_identifier_is_refused() {
        assert_eq!(Table::root(BUFFER, *b"EVTS").err(), Some(Broken));
    }

    #[test]
    fn a_vector_longer_than_the_buffer_is_refused() {
        let table = Table::root(BUFFER, *b"TEST").unwrap();
        assert_eq!(table.vector(2, 2), Err(Broken));
        assert_eq!(table.vector(2, usize::MAX), Err(Broken));
    }

    #[test]
    fn a_buffer_cut_anywhere_is_refused_or_read_but_never_read_past() {
        for cut in 0..BUFFER.len() {
            let Ok(table) = Table::root(&BUFFER[..cut], *b"TEST") else { continue };
            assert_eq!(table.vector(2, 1), Err(Broken), "cut at {cut}");
        }
    }

    proptest! {
        #[test]
        fn no_buffer_panics(mut buffer in proptest::collection::vec(any::<u8>(), 8..80)) {
            buffer[4..8].copy_from_slice(b"TEST");
            // Small offsets reach further into the reader than random ones.
            buffer[1..4].fill(0);
            if let Ok(table) = Table::root(&buffer, *b"TEST") {
                for id in 0..4 {
                    let scalars = (table.i32(id, 0), table.i64(id, 0));
                    prop_assert!(scalars.0.is_ok() || scalars.1.is_err());
                    let vector = table.vector(id, 16).unwrap_or_default();
                    prop_assert!(vector.len() < buffer.len());
                }
            }
            prop_assert!(size_prefixed(&buffer).unwrap_or_default().len() < buffer.len());
        }
    }
}
