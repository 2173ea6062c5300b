//! Bytes as hexadecimal digits: keys, signatures and digests in files and messages.

/// `bytes` as twice as many lower-case digits.
#[must_use]
pub fn encode(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// `2 N` digits of either case as `N` bytes; `None` if `text` is anything else.
#[must_use]
pub fn decode<const N: usize>(text: &str) -> Option<[u8; N]> {
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if pairs.len() != N || !rest.is_empty() {
        return None;
    }
    let mut bytes = [0; N];
    for (byte, &[high, low]) in bytes.iter_mut().zip(pairs) {
        *byte = digit(high)? << 4 | digit(low)?;
    }
    Some(bytes)
}

fn digit(character: u8) -> Option<u8> {
    char::from(character).to_digit(16).and_then(|value| u8::try_from(value).ok())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_of_either_case_are_bytes_and_bytes_are_lower_case_digits() {
        assert_eq!(decode("0aFf"), Some([0x0A, 0xFF]));
        assert_eq!(encode(&[0x0A, 0xFF]), "0aff");
    }

    #[test]
    fn anything_else_is_refused() {
        for text in ["", "0", "0a0", "0a0b0c", "0g0a", "+1+2", "ä0a"] {
            assert_eq!(decode::<2>(text), None, "{text}");
        }
    }
}
