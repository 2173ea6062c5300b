//! The NPY header: where the samples start and which shape they have.
//!
//! Source: NEP 1 and `numpy/lib/format.py`. The recorder writes version 1.0 and leaves room, so
//! that it can fill the shape in when the recording is closed; a crash leaves zeros there.

/// The first bytes of every NPY file.
pub const MAGIC: &[u8; 6] = b"\x93NUMPY";
/// Magic, two version bytes and the length of a version 1 header; lengths are `u16` there, `u32` in
/// versions 2 and 3.
const PREFIX_V1: usize = 10;
/// Prefix and longest version 1 header.
pub const LONGEST: u64 = 10 + 65_535;
/// Header size, prefix included, in recordings of the Radar Fusion GUI.
pub const GUI_SIZE: usize = 1024;
/// Header size, prefix included, in recordings of ifxdaq.
const IFXDAQ_SIZE: usize = 2048;

/// What the front of a file says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Found {
    /// A header that can be trusted.
    Intact {
        /// First byte of the samples.
        data_start: u64,
        /// Element type as numpy spells it: `<u2`.
        descr: String,
        /// True if the *first* axis varies fastest.
        fortran_order: bool,
        /// Lengths of the axes, outermost first.
        shape: Vec<u64>,
    },
    /// A header that was never filled in, or was damaged later.
    Damaged {
        /// First byte of the samples, from the header length or, without one, from the zeros.
        data_start: u64,
    },
    /// Not an NPY file, and not one whose header is still blank.
    Foreign,
}

/// Reads the header from `head`, the first [`LONGEST`] bytes of the file or all of it.
#[must_use]
pub fn parse(head: &[u8]) -> Found {
    if !head.starts_with(MAGIC) {
        let blank = head.len() >= GUI_SIZE && head[..GUI_SIZE].iter().all(|&byte| byte == 0);
        return if blank {
            Found::Damaged { data_start: blank_size(head) }
        } else {
            Found::Foreign
        };
    }
    let Some((start, end)) = text_span(head) else {
        return Found::Damaged { data_start: blank_size(head) };
    };
    let data_start = end as u64;
    let text = head.get(start..end).and_then(|bytes| core::str::from_utf8(bytes).ok());
    match text.and_then(dictionary) {
        Some((descr, fortran_order, shape)) => {
            Found::Intact { data_start, descr, fortran_order, shape }
        }
        None => Found::Damaged { data_start },
    }
}

/// Start and end of the dictionary, or `None` if the length cannot be right.
fn text_span(head: &[u8]) -> Option<(usize, usize)> {
    let (start, length) = match *head.get(6)? {
        1 => {
            let length: [u8; 2] = head.get(8..PREFIX_V1)?.try_into().ok()?;
            (PREFIX_V1, usize::from(u16::from_le_bytes(length)))
        }
        2 | 3 => {
            let length: [u8; 4] = head.get(8..12)?.try_into().ok()?;
            (12, usize::try_from(u32::from_le_bytes(length)).ok()?)
        }
        _ => return None,
    };
    let end = start.checked_add(length)?;
    (length > 0 && end <= head.len()).then_some((start, end))
}

/// Header size of a file whose header says nothing.
///
/// The GUI leaves 1024 bytes and ifxdaq 2048. Samples lie around the middle of the ADC range and
/// are never 1024 zeros in a row, so zeros up to 2048 are header.
fn blank_size(head: &[u8]) -> u64 {
    let long = head.get(GUI_SIZE..IFXDAQ_SIZE).is_some_and(|rest| rest.iter().all(|&b| b == 0));
    if long { IFXDAQ_SIZE as u64 } else { GUI_SIZE as u64 }
}

/// `descr`, `fortran_order` and `shape` of the Python dictionary in the header.
fn dictionary(text: &str) -> Option<(String, bool, Vec<u64>)> {
    let descr = value(text, "descr")?.strip_prefix('\'')?.split_once('\'')?.0.to_owned();
    let fortran_order = match value(text, "fortran_order")? {
        rest if rest.starts_with("False") => false,
        rest if rest.starts_with("True") => true,
        _ => return None,
    };
    let axes = value(text, "shape")?.strip_prefix('(')?.split_once(')')?.0;
    let axes = axes.split(',').map(str::trim).filter(|axis| !axis.is_empty());
    let shape = axes.map(|axis| axis.parse().ok()).collect::<Option<Vec<u64>>>()?;
    Some((descr, fortran_order, shape))
}

/// What follows `'key':` in `text`.
fn value<'a>(text: &'a str, key: &str) -> Option<&'a str> {
    let (_, rest) = text.split_once(&format!("'{key}'"))?;
    Some(rest.trim_start().strip_prefix(':')?.trim_start())
}

/// A version 1.0 header of [`GUI_SIZE`] bytes for `<u2` samples in C order, as the GUI writes it.
#[must_use]
pub fn gui_header(shape: [u64; 4]) -> Vec<u8> {
    let [frames, rx, chirps, samples] = shape;
    let text = format!(
        "{{'descr': '<u2', 'fortran_order': False, 'shape': ({frames}, {rx}, {chirps}, {samples}), }}"
    );
    let mut header = MAGIC.to_vec();
    // 1014 = 0x03F6: the longest shape of four u64 is far shorter than the room.
    header.extend_from_slice(&[1, 0, 0xF6, 0x03]);
    header.extend_from_slice(text.as_bytes());
    header.resize(GUI_SIZE - 1, b' ');
    header.push(b'\n');
    header
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_header_of_any_length_tells_where_the_samples_start() {
        for length in [118_usize, 1014, 2038, 60_000] {
            let mut head = gui_header([256, 3, 8, 64]);
            head.resize(PREFIX_V1, 0);
            head[8..10].copy_from_slice(&u16::try_from(length).unwrap().to_le_bytes());
            let text = b"{'descr': '<u2', 'fortran_order': False, 'shape': (256, 3, 8, 64), }";
            head.extend_from_slice(text);
            head.resize(PREFIX_V1 + length, b' ');
            head.extend_from_slice(&[7; 100]);
            let Found::Intact { data_start, descr, fortran_order, shape } = parse(&head) else {
                panic!("a header of {length} bytes was not understood");
            };
            assert_eq!(data_start, (PREFIX_V1 + length) as u64);
            assert_eq!((descr.as_str(), fortran_order, shape), ("<u2", false, vec![256, 3, 8, 64]));
        }
    }

    #[test]
    fn a_header_of_the_gui_has_its_1024_bytes() {
        let header = gui_header([u64::MAX, 3, 64, 128]);
        assert_eq!(header.len(), GUI_SIZE);
        assert!(matches!(parse(&header), Found::Intact { data_start: 1024, .. }));
    }

    #[test]
    fn zeros_up_to_1024_or_2048_are_a_header_that_was_never_filled_in() {
        for size in [GUI_SIZE, IFXDAQ_SIZE] {
            let mut head = vec![0; size];
            head.extend_from_slice(&[0xD0, 0x07].repeat(2000));
            assert_eq!(parse(&head), Found::Damaged { data_start: size as u64 });
        }
    }

    #[test]
    fn a_blanked_dictionary_keeps_the_header_length() {
        let mut header = gui_header([256, 3, 8, 64]);
        header[PREFIX_V1..].fill(0);
        assert_eq!(parse(&header), Found::Damaged { data_start: 1024 });
    }

    #[test]
    fn a_text_file_is_foreign() {
        assert_eq!(parse(b"# Frame_Number = 1\n"), Found::Foreign);
        assert_eq!(parse(b""), Found::Foreign);
    }

    proptest! {
        #[test]
        fn no_header_panics(head in proptest::collection::vec(any::<u8>(), 0..300)) {
            let mut with_magic = MAGIC.to_vec();
            with_magic.extend_from_slice(&head);
            drop((parse(&head), parse(&with_magic)));
        }
    }
}
