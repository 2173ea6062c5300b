//! The ASCII header in front of Prophesee RAW and DAT recordings.

/// A header line may not be longer: what looks like one is payload then.
const MAX_LINE: usize = 1024;

/// Keys and values of a header, and where the payload starts.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Header {
    entries: Vec<(String, String)>,
    /// Bytes of the header, 0 if there is none.
    pub bytes: usize,
    /// True if its last line says that it is: no further line can belong to it.
    pub ended: bool,
}

impl Header {
    /// Reads the header at the start of `bytes`.
    ///
    /// A header is a run of lines `% key value\n` of printable ASCII, at most 1024 bytes each, up
    /// to `% end\n` or the first line that is none. The bounds matter: the payload may begin with
    /// the bytes `% ` by chance.
    #[must_use]
    pub fn parse(bytes: &[u8]) -> Self {
        let mut header = Self::default();
        while let Some(line) = line(&bytes[header.bytes..]) {
            header.bytes += line.len();
            let text = String::from_utf8_lossy(line.get(2..).unwrap_or_default());
            let text = text.trim();
            if text == "end" {
                header.ended = true;
                break;
            }
            let (key, value) = text.split_once(char::is_whitespace).unwrap_or((text, ""));
            header.entries.push((key.to_owned(), value.trim().to_owned()));
        }
        header
    }

    /// True if what follows the header may still turn out to be a line of it, once more of a stream
    /// has come; `bytes` are what this header was parsed from.
    #[must_use]
    pub fn may_go_on(&self, bytes: &[u8]) -> bool {
        let rest = bytes.get(self.bytes..).unwrap_or_default();
        let like_a_line = rest.starts_with(b"% ") || b"% ".starts_with(rest);
        let no_end = rest.len() < MAX_LINE && rest.iter().all(|&byte| is_text(byte));
        !self.ended && like_a_line && no_end && !rest.contains(&b'\n')
    }

    /// The value of `key`, if it is there and not empty.
    #[must_use]
    pub fn get(&self, key: &str) -> Option<&str> {
        let (_, value) = self.entries.iter().find(|(name, _)| name == key)?;
        (!value.is_empty()).then_some(value)
    }

    /// True if there is a line with one of `keys`.
    #[must_use]
    pub fn has_any(&self, keys: &[&str]) -> bool {
        self.entries.iter().any(|(name, _)| keys.contains(&name.as_str()))
    }
}

/// The header line at the start of `bytes`, with its line feed.
fn line(bytes: &[u8]) -> Option<&[u8]> {
    if !bytes.starts_with(b"% ") {
        return None;
    }
    let end = bytes.iter().take(MAX_LINE).position(|&byte| byte == b'\n')?;
    let (line, _) = bytes.split_at(end + 1);
    line.iter().all(|&byte| is_text(byte)).then_some(line)
}

/// Printable ASCII, or white space.
pub(crate) const fn is_text(byte: u8) -> bool {
    matches!(byte, b' '..=b'~' | b'\t' | b'\r' | b'\n')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_ends_at_the_end_line_or_at_the_first_line_that_is_none() {
        let with_end = Header::parse(b"% evt 3.0\n% end\n% x");
        assert_eq!((with_end.bytes, with_end.get("evt")), (16, Some("3.0")));
        assert_eq!(Header::parse(b"% evt 3.0\n\x00\x80").bytes, 10);
    }

    #[test]
    fn a_payload_that_begins_like_a_header_line_is_not_read_as_one() {
        assert_eq!(Header::parse(b"% \x80\x01\n").bytes, 0);
        assert_eq!(Header::parse(b"% evt 2.0\n% \x00\x10\x0A\x80").bytes, 10);
        assert_eq!(Header::parse(&[b"% ".as_slice(), &[b'a'; 2000], b"\n"].concat()).bytes, 0);
        assert_eq!(Header::parse(b"% cut").bytes, 0);
    }

    #[test]
    fn a_stream_is_payload_as_soon_as_no_header_line_can_come() {
        let goes_on = |bytes: &[u8]| Header::parse(bytes).may_go_on(bytes);
        for begun in [&b""[..], b"%", b"% ", b"% evt 3", b"% evt 3.0\n", b"% evt 3.0\n% en"] {
            assert!(goes_on(begun), "{}", begun.escape_ascii());
        }
        for decided in [&b"% end\n"[..], b"\x80", b"%\x80", b"% evt 3.0\n\x80", b"% \x80"] {
            assert!(!goes_on(decided), "{}", decided.escape_ascii());
        }
        assert!(!goes_on(&[b"% ".as_slice(), &[b'a'; 2000]].concat()));
    }

    #[test]
    fn a_key_without_a_value_counts_as_missing() {
        let header = Header::parse(b"% serial_number \r\n%  date  2020-01-02 03:04\n");
        assert_eq!(header.get("serial_number"), None);
        assert_eq!(header.get("date"), Some("2020-01-02 03:04"));
    }
}
