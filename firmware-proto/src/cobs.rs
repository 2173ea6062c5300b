//! Consistent overhead byte stuffing (Cheshire and Baker, 1997): the zero byte only ever delimits.

use crate::refusal::Refusal;

/// Longest run of bytes behind one code byte.
const LONGEST_RUN: u8 = 254;

/// Writes one frame: leading zero, stuffed bytes, trailing zero.
#[derive(Debug)]
pub(crate) struct CobsWriter<'a> {
    out: &'a mut [u8],
    used: usize,
    code_at: usize,
    run: u8,
    full: bool,
}

impl<'a> CobsWriter<'a> {
    pub(crate) fn new(out: &'a mut [u8]) -> Self {
        let mut writer = Self { out, used: 0, code_at: 1, run: 0, full: false };
        writer.emit(0);
        writer.emit(0); // place of the first code byte
        writer
    }

    fn emit(&mut self, byte: u8) {
        match self.out.get_mut(self.used) {
            Some(place) => *place = byte,
            None => self.full = true,
        }
        self.used += 1;
    }

    /// Writes the code of the run that ends here and opens the next.
    fn close_run(&mut self) {
        if let Some(place) = self.out.get_mut(self.code_at) {
            *place = self.run + 1;
        }
        self.code_at = self.used;
        self.run = 0;
    }

    pub(crate) fn put(&mut self, bytes: &[u8]) {
        for &byte in bytes {
            if self.run == LONGEST_RUN {
                self.close_run();
                self.emit(0);
            }
            if byte == 0 {
                self.close_run();
                self.emit(0);
            } else {
                self.emit(byte);
                self.run += 1;
            }
        }
    }

    /// Closes the frame; the bytes used, or `None` when the buffer was too small.
    pub(crate) fn finish(mut self) -> Option<usize> {
        self.close_run();
        self.emit(0);
        if self.full { None } else { Some(self.used) }
    }
}

/// Unstuffs a stream cut anywhere into a buffer of `N` bytes, one frame at a time.
#[derive(Debug, Clone)]
pub(crate) struct CobsReader<const N: usize> {
    buffer: [u8; N],
    used: usize,
    /// Bytes still to come in the current run.
    left: usize,
    /// A code byte was seen since the last zero.
    open: bool,
    /// The current run stands for a zero at its end, should another run follow.
    owes_zero: bool,
    /// The frame outgrew the buffer: everything up to the next zero is dropped.
    overgrown: bool,
}

impl<const N: usize> CobsReader<N> {
    pub(crate) const fn new() -> Self {
        Self { buffer: [0; N], used: 0, left: 0, open: false, owes_zero: false, overgrown: false }
    }

    /// The bytes of the frame announced by the last `Ok` of [`Self::push`].
    pub(crate) fn frame(&self, len: usize) -> &[u8] {
        &self.buffer[..len]
    }

    /// Whether bytes of an unfinished frame are held.
    pub(crate) const fn is_open(&self) -> bool {
        self.open || self.overgrown
    }

    /// Forgets the unfinished frame.
    pub(crate) const fn reset(&mut self) {
        self.used = 0;
        self.left = 0;
        self.open = false;
        self.owes_zero = false;
        self.overgrown = false;
    }

    /// Takes bytes from the front of `bytes` until a frame ends: its length, or why there is none.
    /// `None` when all bytes were taken and the frame still goes on.
    pub(crate) fn push(&mut self, bytes: &mut &[u8]) -> Option<Result<usize, Refusal>> {
        loop {
            if self.overgrown {
                let zero = bytes.iter().position(|&byte| byte == 0);
                *bytes = zero.map_or(&[], |at| &bytes[at + 1..]);
                return zero.map(|_| self.end(Err(Refusal::TooLong)));
            }
            if self.left == 0 {
                let (&code, rest) = bytes.split_first()?;
                *bytes = rest;
                if code != 0 {
                    self.open_run(code);
                } else if self.open {
                    return Some(self.end(Ok(self.used)));
                }
                continue;
            }
            if bytes.is_empty() {
                return None;
            }
            let (run, rest) = bytes.split_at(bytes.len().min(self.left));
            // `contains` is the vectorised search; the position matters only in the rare case.
            if run.contains(&0) {
                let at = run.iter().position(|&byte| byte == 0).unwrap_or(0);
                *bytes = &bytes[at + 1..];
                // The same verdict as if the run had come byte by byte.
                let outgrown = self.used + at > N;
                let why = if outgrown { Refusal::TooLong } else { Refusal::Cobs };
                return Some(self.end(Err(why)));
            }
            *bytes = rest;
            self.left -= run.len();
            self.append(run);
        }
    }

    fn end(&mut self, outcome: Result<usize, Refusal>) -> Result<usize, Refusal> {
        self.reset();
        outcome
    }

    fn open_run(&mut self, code: u8) {
        if self.owes_zero {
            self.append(&[0]);
        }
        self.open = true;
        self.left = usize::from(code - 1);
        self.owes_zero = code <= LONGEST_RUN;
    }

    fn append(&mut self, run: &[u8]) {
        match self.buffer.get_mut(self.used..self.used + run.len()) {
            Some(place) => place.copy_from_slice(run),
            None => self.overgrown = true,
        }
        self.used += run.len();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stuffed(bytes: &[u8], out: &mut [u8]) -> Option<usize> {
        let mut writer = CobsWriter::new(out);
        writer.put(bytes);
        writer.finish()
    }

    #[test]
    fn the_published_examples_come_out() {
        // Cheshire and Baker, and the table of the Wikipedia article, between two zeros.
        let cases: [(&[u8], &[u8]); 5] = [
            (&[0], &[0, 1, 1, 0]),
            (&[0, 0], &[0, 1, 1, 1, 0]),
            (&[0x11, 0x22, 0, 0x33], &[0, 3, 0x11, 0x22, 2, 0x33, 0]),
            (&[0x11, 0x22, 0x33, 0x44], &[0, 5, 0x11, 0x22, 0x33, 0x44, 0]),
            (&[0x11, 0, 0, 0], &[0, 2, 0x11, 1, 1, 1, 0]),
        ];
        for (plain, wire) in cases {
            let mut out = [0xEE; 16];
            let used = stuffed(plain, &mut out).unwrap();
            assert_eq!(&out[..used], wire, "{plain:02X?}");
        }
    }

    #[test]
    fn runs_around_254_bytes_come_back() {
        for len in [253, 254, 255, 507, 508, 509] {
            let plain = [7; 509];
            let mut out = [0; 520];
            let used = stuffed(&plain[..len], &mut out).unwrap();
            let mut reader = CobsReader::<512>::new();
            assert_eq!(reader.push(&mut &out[..used]), Some(Ok(len)));
            assert_eq!(reader.frame(len), &plain[..len]);
        }
    }

    #[test]
    fn a_buffer_one_byte_short_is_refused() {
        assert_eq!(stuffed(&[1, 2, 3], &mut [0; 6]), Some(6));
        assert_eq!(stuffed(&[1, 2, 3], &mut [0; 5]), None);
    }

    #[test]
    fn a_frame_above_the_buffer_is_refused_once_and_the_next_one_found() {
        let mut reader = CobsReader::<3>::new();
        let mut bytes: &[u8] = &[0, 5, 1, 2, 3, 4, 2, 9, 0, 0, 2, 8, 0];
        assert_eq!(reader.push(&mut bytes), Some(Err(Refusal::TooLong)));
        assert_eq!(reader.push(&mut bytes), Some(Ok(1)));
        assert_eq!(reader.frame(1), [8]);
        assert_eq!(reader.push(&mut bytes), None);
    }
}
