//! Key files: 64 hexadecimal digits, as `visaged` reads them.

use std::fs;
use std::path::Path;

use visaged_vdev::Error;

/// Reads the key in `path`.
///
/// # Errors
/// When the file cannot be read or holds something else.
pub(crate) fn read(path: &Path) -> Result<[u8; 32], Error> {
    let text =
        fs::read_to_string(path).map_err(|source| Error::Port { path: path.to_owned(), source })?;
    parse(text.trim()).ok_or_else(|| Error::Unfit {
        path: path.to_owned(),
        problem: "not 64 hexadecimal digits".to_owned(),
        remedy: "make a key with `openssl rand -hex 32`",
    })
}

fn parse(text: &str) -> Option<[u8; 32]> {
    let (pairs, []) = text.as_bytes().as_chunks::<2>() else { return None };
    let mut key = [0; 32];
    if pairs.len() != key.len() {
        return None;
    }
    for (byte, pair) in key.iter_mut().zip(pairs) {
        let digits = str::from_utf8(pair).ok()?;
        *byte = u8::from_str_radix(digits, 16).ok().filter(|_| !digits.starts_with('+'))?;
    }
    Some(key)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_key_is_64_hexadecimal_digits_and_nothing_else() {
        assert_eq!(parse(&"0f".repeat(32)), Some([15; 32]));
        for wrong in ["0f".repeat(31), "0f".repeat(33), "+f".repeat(32), "xy".repeat(32)] {
            assert_eq!(parse(&wrong), None, "{wrong}");
        }
    }
}
