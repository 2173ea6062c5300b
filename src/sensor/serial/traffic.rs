//! What the headers of a board's messages say about those that did not come.

use firmware_proto::{Gap, Header, SequenceCheck};

/// Streams of the protocol; higher ones are reserved.
const STREAMS: usize = 16;

/// Follows the sequence numbers and times of every stream of one boot of one board.
#[derive(Debug, Clone, Default)]
pub(super) struct Traffic {
    streams: [Stream; STREAMS],
    /// Messages that were sent and did not come, or came damaged.
    pub(super) missing: u64,
    /// Messages out of their turn: a repetition, or a boot that was not announced.
    pub(super) out_of_turn: u64,
}

#[derive(Debug, Clone, Copy, Default)]
struct Stream {
    check: SequenceCheck,
    newest_us: u64,
}

/// What a header says.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Turn {
    /// It is the next one.
    Next,
    /// Others before it are missing.
    AfterGap,
    /// Its number or its time went back, or its stream is a reserved one.
    Wrong,
}

impl Traffic {
    /// Takes the header of the next message.
    pub(super) fn observe(&mut self, header: &Header) -> Turn {
        let Some(stream) = self.streams.get_mut(usize::from(header.stream)) else {
            self.out_of_turn += 1;
            return Turn::Wrong;
        };
        let before = *stream;
        let gap = stream.check.observe(header.sequence);
        if gap == Gap::Back || header.time_us < stream.newest_us {
            *stream = before;
            self.out_of_turn += 1;
            return Turn::Wrong;
        }
        stream.newest_us = header.time_us;
        match gap {
            Gap::Lost(lost) => {
                self.missing += u64::from(lost);
                Turn::AfterGap
            }
            Gap::None | Gap::Back => Turn::Next,
        }
    }

    /// The board has started anew: no number connects to those before.
    pub(super) fn restart(&mut self) {
        self.streams = [Stream::default(); STREAMS];
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(stream: u8, sequence: u16, time_us: u64) -> Header {
        Header { flags: 0, stream, sequence, time_us }
    }

    #[test]
    fn gaps_are_counted_stream_by_stream_and_across_the_wrap() {
        let mut traffic = Traffic::default();
        assert_eq!(traffic.observe(&header(1, 65_534, 10)), Turn::Next);
        assert_eq!(traffic.observe(&header(2, 7, 5)), Turn::Next);
        assert_eq!(traffic.observe(&header(1, 1, 10)), Turn::AfterGap);
        assert_eq!(traffic.observe(&header(2, 8, 6)), Turn::Next);
        assert_eq!((traffic.missing, traffic.out_of_turn), (2, 0));
    }

    #[test]
    fn a_time_that_goes_back_is_wrong_even_where_the_number_fits_and_moves_nothing() {
        let mut traffic = Traffic::default();
        traffic.observe(&header(1, 3, 1_000));
        assert_eq!(traffic.observe(&header(1, 4, 10)), Turn::Wrong);
        assert_eq!(traffic.observe(&header(1, 3, 1_000)), Turn::Wrong);
        assert_eq!(traffic.observe(&header(99, 0, 0)), Turn::Wrong);
        assert_eq!(traffic.observe(&header(1, 4, 1_000)), Turn::Next);
        assert_eq!((traffic.missing, traffic.out_of_turn), (0, 3));
    }
}
