//! Writing of NumPy files (`.npy`, format version 1.0) whose first axis grows as they are written.

use std::fs::{self, File};
use std::io::{self, BufWriter, Seek as _, SeekFrom, Write as _};
use std::path::{Path, PathBuf};

/// Bytes of magic, version, header length and header: room for any shape of ours.
const HEADER: usize = 256;

/// An array being written, little-endian and in C order.
///
/// It is written beside its final place and moved there by [`finish`](Self::finish), so that a
/// file of that name is always whole.
#[derive(Debug)]
pub(super) struct NpyWriter {
    file: BufWriter<File>,
    part: PathBuf,
    path: PathBuf,
    /// As NumPy writes it, e.g. `'<f4'`.
    dtype: &'static str,
    /// All axes but the first.
    inner: Vec<usize>,
    rows: u64,
}

impl NpyWriter {
    /// Starts an array of `[row, inner...]`.
    pub(super) fn create(path: &Path, dtype: &'static str, inner: &[usize]) -> io::Result<Self> {
        let mut part = path.as_os_str().to_owned();
        part.push(".part");
        let part = PathBuf::from(part);
        let mut file = BufWriter::new(File::create(&part)?);
        file.write_all(&[0; HEADER])?;
        Ok(Self { file, part, path: path.to_owned(), dtype, inner: inner.to_vec(), rows: 0 })
    }

    /// Appends one row of floats.
    pub(super) fn row_f32(&mut self, row: impl IntoIterator<Item = f32>) -> io::Result<()> {
        for value in row {
            self.file.write_all(&value.to_le_bytes())?;
        }
        self.rows += 1;
        Ok(())
    }

    /// Appends one row given as bytes.
    pub(super) fn row_bytes(&mut self, row: &[u8]) -> io::Result<()> {
        self.file.write_all(row)?;
        self.rows += 1;
        Ok(())
    }

    /// Writes the header and moves the file to its place; the shape is returned.
    pub(super) fn finish(mut self) -> io::Result<Vec<u64>> {
        let inner = self.inner.iter().map(|&axis| u64::try_from(axis).unwrap_or(u64::MAX));
        let shape: Vec<_> = std::iter::once(self.rows).chain(inner).collect();
        let axes: Vec<_> = shape.iter().map(ToString::to_string).collect();
        let comma = if axes.len() == 1 { "," } else { "" };
        let dict = format!(
            "{{'descr': {}, 'fortran_order': False, 'shape': ({}{comma}), }}",
            self.dtype,
            axes.join(", ")
        );
        let mut header = b"\x93NUMPY\x01\x00".to_vec();
        header.extend(u16::try_from(HEADER - 10).unwrap_or(u16::MAX).to_le_bytes());
        header.extend(format!("{dict:<width$}\n", width = HEADER - 11).into_bytes());
        self.file.seek(SeekFrom::Start(0))?;
        self.file.write_all(&header)?;
        self.file.flush()?;
        fs::rename(&self.part, &self.path)?;
        Ok(shape)
    }
}

impl Drop for NpyWriter {
    fn drop(&mut self) {
        // Gone after `finish`; left behind by a failure otherwise.
        drop(fs::remove_file(&self.part));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_is_a_multiple_of_64_and_names_the_shape() {
        let path = std::env::temp_dir().join(format!("visaged-{}.npy", std::process::id()));
        let mut writer = NpyWriter::create(&path, "'<f4'", &[2]).unwrap();
        writer.row_f32([1.0, 2.0]).unwrap();
        assert_eq!(writer.finish().unwrap(), [1, 2]);
        let bytes = fs::read(&path).unwrap();
        fs::remove_file(&path).unwrap();
        assert_eq!(bytes.len(), HEADER + 8);
        assert_eq!(HEADER % 64, 0);
        assert_eq!(bytes[HEADER - 1], b'\n');
        let text = String::from_utf8_lossy(&bytes[10..HEADER]);
        assert!(text.starts_with("{'descr': '<f4', 'fortran_order': False, 'shape': (1, 2), }"));
    }
}
