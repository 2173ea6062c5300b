//! Whole words from bytes that were cut anywhere.

/// The bytes of a word whose end has not come yet.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Carry<const WORD: usize> {
    bytes: [u8; WORD],
    held: usize,
}

impl<const WORD: usize> Carry<WORD> {
    /// Nothing held.
    pub(crate) const EMPTY: Self = Self { bytes: [0; WORD], held: 0 };

    /// Bytes held back.
    pub(crate) const fn held(&self) -> usize {
        self.held
    }

    /// The word that `bytes` completes, if one was begun, and the whole words behind it. The bytes
    /// of an unfinished word at the end are held for the next call.
    pub(crate) fn split<'a>(&mut self, bytes: &'a [u8]) -> (Option<[u8; WORD]>, &'a [[u8; WORD]]) {
        let mut rest = bytes;
        let mut first = None;
        if self.held > 0 {
            let missing = (WORD - self.held).min(bytes.len());
            let (head, tail) = bytes.split_at(missing);
            self.hold(head);
            if self.held < WORD {
                return (None, &[]);
            }
            self.held = 0;
            first = Some(self.bytes);
            rest = tail;
        }
        let (words, tail) = rest.as_chunks();
        self.hold(tail);
        (first, words)
    }

    fn hold(&mut self, bytes: &[u8]) {
        self.bytes[self.held..self.held + bytes.len()].copy_from_slice(bytes);
        self.held += bytes.len();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_word_given_byte_by_byte_comes_out_once_and_whole() {
        let mut carry = Carry::<4>::EMPTY;
        let mut words = Vec::new();
        for byte in 0..9_u8 {
            let bytes = [byte];
            let (first, whole) = carry.split(&bytes);
            words.extend(first);
            words.extend(whole);
        }
        assert_eq!(words, [[0, 1, 2, 3], [4, 5, 6, 7]]);
        assert_eq!(carry.held(), 1);
    }
}
