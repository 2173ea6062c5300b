//! Frames from datagrams: every byte at its own place, every hole known.

use core::ops::Range;

use super::datagram::{COUNT_MASK, Datagram, LARGEST_PAYLOAD};
use crate::data::Counts;

/// A hole is given up once this many bytes behind its end have come: 16 datagrams. A cable does
/// not reorder at all and a switch swaps neighbours, so whatever is later than that is lost.
const WINDOW: usize = 16 * 1456;
/// Holes that are told apart. With more of them the last ones are taken together with what lies
/// between, so that no stream of crumbs can fill the memory.
const MOST_HOLES: usize = 4096;
/// A datagram that lies further back than this and than two frames is not late: the board started
/// anew.
const LATE: u64 = 1 << 20;

/// What comes out.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Piece<'a> {
    /// One frame.
    Frame {
        /// How many frames the board has sent before, lost ones included.
        number: u64,
        /// The bytes of the frame, zeros where some are missing.
        bytes: &'a [u8],
        /// True if some are missing.
        has_holes: bool,
    },
    /// The board has started a new recording; frames count from 0 again.
    Restarted,
}

/// Puts datagrams together, in the memory of one frame and 70 KB, whatever comes.
///
/// Frames come out in order, each as soon as all of its bytes are there, or are not waited for any
/// more. Frames are cut by the byte count alone: neither datagrams nor pauses mean anything.
#[derive(Debug)]
pub struct Assembler {
    frame_bytes: usize,
    /// Bytes from the start of the oldest frame that was not given yet. What is behind `filled` is
    /// left over from before.
    held: Vec<u8>,
    /// Where the newest byte ends.
    filled: usize,
    /// What is missing below `filled`: in order, apart, not empty.
    missing: Vec<Range<usize>>,
    /// Number of the oldest frame.
    number: u64,
    /// Byte count of its first byte; `None` before the first datagram.
    base: Option<u64>,
    /// True until the first byte of a whole frame has come.
    joining: bool,
    /// A datagram from elsewhere, believed when another follows from there.
    stray: Option<Vec<u8>>,
    tally: Tally,
}

#[derive(Debug, Default)]
struct Tally {
    malformed: u64,
    stray: u64,
    stale: u64,
    duplicate: u64,
    before_first_frame: u64,
    lost_bytes: u64,
    lost_frames: u64,
    frames_with_holes: u64,
    restarts: u64,
}

/// Where a datagram lies against what is held.
enum Place {
    /// So many bytes behind its start, and there is room for it.
    Held(usize),
    /// Partly or wholly before it, by so many bytes, but near.
    Before(u64),
    /// Somewhere else.
    Elsewhere,
}

impl Assembler {
    /// For frames of `frame_bytes` bytes; `frame_bytes` of 0 counts as 1.
    #[must_use]
    pub fn new(frame_bytes: usize) -> Self {
        let frame_bytes = frame_bytes.max(1);
        Self {
            frame_bytes,
            // Waited for is a hole that begins in the frame, is as long as one window and has not
            // got another one behind it; the next datagram may lie one further on.
            held: vec![0; frame_bytes + 3 * WINDOW + LARGEST_PAYLOAD],
            filled: 0,
            missing: Vec::new(),
            number: 0,
            base: None,
            joining: false,
            stray: None,
            tally: Tally::default(),
        }
    }

    /// Takes what came on the data port and gives what it completes to `emit`.
    pub fn push(&mut self, bytes: &[u8], emit: &mut impl FnMut(Piece<'_>)) {
        let Some(datagram) = Datagram::parse(bytes) else {
            self.tally.malformed += 1;
            return;
        };
        let Some(base) = self.base else {
            self.begin(&datagram);
            return self.place(&datagram, emit);
        };
        if let Some(stray) = self.stray.take() {
            if let Some(before) = Datagram::parse(&stray)
                && self.follows(base, &before, &datagram)
            {
                self.leave(base, &before, emit);
                self.place(&before, emit);
                return self.place(&datagram, emit);
            }
            self.tally.stray += 1;
        }
        if self.is_elsewhere(base, &datagram) {
            self.stray = Some(bytes.to_vec());
        } else {
            self.place(&datagram, emit);
        }
    }

    /// Gives what is held, with holes: nothing more is to be waited for.
    pub fn flush(&mut self, emit: &mut impl FnMut(Piece<'_>)) {
        while self.filled > 0 {
            self.close_frame(emit);
        }
    }

    /// Everything lost or refused so far, by reason.
    #[must_use]
    pub fn counts(&self) -> Counts {
        let mut counts = Counts::default();
        for (reason, n) in [
            ("malformed-datagrams", self.tally.malformed),
            ("stray-datagrams", self.tally.stray),
            ("stale-datagrams", self.tally.stale),
            ("duplicate-datagrams", self.tally.duplicate),
            ("bytes-before-first-frame", self.tally.before_first_frame),
            ("lost-bytes", self.tally.lost_bytes),
            ("lost-frames", self.tally.lost_frames),
            ("frames-with-holes", self.tally.frames_with_holes),
            ("restarts", self.tally.restarts),
        ] {
            counts.add(reason, n);
        }
        counts
    }

    /// Starts to count with `first`: at the start of the recording, or if that is long ago at the
    /// next frame.
    fn begin(&mut self, first: &Datagram<'_>) {
        let frame_bytes = self.frame_bytes as u64;
        let near_start = first.byte_count <= WINDOW as u64;
        self.number = if near_start { 0 } else { first.byte_count.div_ceil(frame_bytes) };
        self.base = Some((self.number * frame_bytes) & COUNT_MASK);
        self.joining = !near_start;
        self.filled = 0;
        self.missing.clear();
    }

    /// Leaves the line of bytes for where `stray` is: later in the same recording, or a new one.
    fn leave(&mut self, base: u64, stray: &Datagram<'_>, emit: &mut impl FnMut(Piece<'_>)) {
        let mut ahead = stray.byte_count.wrapping_sub(base) & COUNT_MASK;
        if ahead > COUNT_MASK / 2 || stray.is_first() {
            self.flush(emit);
            self.tally.restarts += 1;
            emit(Piece::Restarted);
            return self.begin(stray);
        }
        let frame_bytes = self.frame_bytes as u64;
        while self.filled > 0 && ahead >= frame_bytes {
            self.close_frame(emit);
            ahead -= frame_bytes;
        }
        // Frames of which nothing came are not given; their numbers are passed over.
        let skipped = ahead / frame_bytes;
        self.tally.lost_frames += skipped;
        self.tally.lost_bytes += skipped * frame_bytes;
        self.advance(skipped);
    }

    /// Gives the oldest frame, whatever is missing.
    fn close_frame(&mut self, emit: &mut impl FnMut(Piece<'_>)) {
        if self.filled < self.frame_bytes {
            self.missing.push(self.filled..self.frame_bytes);
            self.filled = self.frame_bytes;
        }
        self.give(emit);
    }

    /// Moves the oldest frame on by `frames`.
    const fn advance(&mut self, frames: u64) {
        self.number += frames;
        if let Some(base) = &mut self.base {
            *base = base.wrapping_add(frames.wrapping_mul(self.frame_bytes as u64)) & COUNT_MASK;
        }
    }

    fn find(&self, base: u64, datagram: &Datagram<'_>) -> Place {
        let ahead = datagram.byte_count.wrapping_sub(base) & COUNT_MASK;
        let back = COUNT_MASK + 1 - ahead;
        if back <= LATE.max(2 * self.frame_bytes as u64) {
            return Place::Before(back);
        }
        match usize::try_from(ahead) {
            Ok(at) if at <= self.held.len() - datagram.payload.len() => Place::Held(at),
            _ => Place::Elsewhere,
        }
    }

    /// True if the line of bytes does not lead to `datagram`, or if it is the first one of a
    /// recording, but not the one that came here already.
    fn is_elsewhere(&self, base: u64, datagram: &Datagram<'_>) -> bool {
        match self.find(base, datagram) {
            Place::Elsewhere => true,
            Place::Before(_) => datagram.is_first(),
            Place::Held(at) => {
                let end = at + datagram.payload.len();
                datagram.is_first()
                    && self.missing.iter().all(|hole| hole.end <= at || end <= hole.start)
                    && end <= self.filled
                    && self.held[at..end] != *datagram.payload
            }
        }
    }

    /// True if `datagram` shows that the line of bytes goes on at `stray`.
    fn follows(&self, base: u64, stray: &Datagram<'_>, datagram: &Datagram<'_>) -> bool {
        if matches!(self.find(base, datagram), Place::Held(at) if at == self.filled) {
            return false;
        }
        // A first datagram that came twice must not look like a new start, hence no gap there.
        let widest = if stray.is_first() { 0 } else { WINDOW as u64 };
        let gap = datagram.byte_count.wrapping_sub(stray.end()) & COUNT_MASK;
        gap <= widest && datagram.sequence.wrapping_sub(stray.sequence) <= 1 << 16
    }

    fn place(&mut self, datagram: &Datagram<'_>, emit: &mut impl FnMut(Piece<'_>)) {
        let Some(base) = self.base else { return };
        match self.find(base, datagram) {
            Place::Held(at) => self.put(at, datagram.payload),
            Place::Before(back) => {
                let early = usize::try_from(back).unwrap_or(usize::MAX);
                let early = early.min(datagram.payload.len());
                if self.joining {
                    self.tally.before_first_frame += early as u64;
                } else {
                    self.tally.stale += 1;
                }
                let rest = &datagram.payload[early..];
                if !rest.is_empty() {
                    self.put(0, rest);
                }
            }
            Place::Elsewhere => self.tally.stray += 1,
        }
        while self.is_ready() {
            self.give(emit);
        }
    }

    /// Puts `payload` at `at`, as far as these bytes have not come already.
    fn put(&mut self, at: usize, payload: &[u8]) {
        self.joining = false;
        let end = at + payload.len();
        let mut news = end > self.filled;
        if at < self.filled {
            news |= self.fill_holes(at, payload);
        }
        if end > self.filled {
            if at > self.filled {
                self.missing.push(self.filled..at);
            }
            let start = at.max(self.filled);
            self.held[start..end].copy_from_slice(&payload[start - at..]);
            self.filled = end;
        }
        self.tally.duplicate += u64::from(!news);
        while self.missing.len() > MOST_HOLES
            && let Some(last) = self.missing.pop()
            && let Some(before) = self.missing.last_mut()
        {
            before.end = last.end;
        }
    }

    /// Fills what `payload`, which lies at `at`, knows of the holes; false if that is nothing.
    fn fill_holes(&mut self, at: usize, payload: &[u8]) -> bool {
        let end = at + payload.len();
        let mut index = self.missing.partition_point(|hole| hole.end <= at);
        let mut any = false;
        while let Some(hole) = self.missing.get(index).cloned()
            && hole.start < end
        {
            let (from, to) = (hole.start.max(at), hole.end.min(end));
            self.held[from..to].copy_from_slice(&payload[from - at..to - at]);
            any = true;
            let remains = [hole.start..from, to..hole.end];
            let remains = remains.into_iter().filter(|part| !part.is_empty());
            let kept = remains.clone().count();
            self.missing.splice(index..=index, remains);
            index += kept;
        }
        any
    }

    /// True if the oldest frame is there, but for holes that are not waited for any more.
    fn is_ready(&self) -> bool {
        self.filled >= self.frame_bytes
            && self
                .missing
                .iter()
                .take_while(|hole| hole.start < self.frame_bytes)
                .all(|hole| self.filled - hole.end.min(self.frame_bytes) >= WINDOW)
    }

    /// Gives the oldest frame, of which every byte has a place below `filled`.
    fn give(&mut self, emit: &mut impl FnMut(Piece<'_>)) {
        let size = self.frame_bytes;
        let mut lost = 0;
        for hole in self.missing.iter().take_while(|hole| hole.start < size) {
            let part = hole.start..hole.end.min(size);
            lost += part.len();
            self.held[part].fill(0);
        }
        self.tally.lost_bytes += lost as u64;
        if lost == size {
            self.tally.lost_frames += 1;
        } else {
            let has_holes = lost > 0;
            self.tally.frames_with_holes += u64::from(has_holes);
            emit(Piece::Frame { number: self.number, bytes: &self.held[..size], has_holes });
        }
        self.held.copy_within(size..self.filled, 0);
        self.filled -= size;
        self.missing.retain_mut(|hole| {
            *hole = hole.start.saturating_sub(size)..hole.end.saturating_sub(size);
            hole.start < hole.end
        });
        self.advance(1);
    }
}
