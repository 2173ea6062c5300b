//! Slices to radar frames in the caller's buffer; a lost slice costs its own frame only.
//!
//! Slices of a frame come in order (nothing is retransmitted), so the one question is whether the
//! next one is the next one. C firmware that relays frames uses the same rules: `WIRE.md`.

use crate::decoder::Frame;
use crate::messages::{FrameEnd, Message, RadarSlice, SensorEvent, SensorEventKind, Source};
use crate::samples::{SampleError, Shape};

/// Why a begun frame was not handed out.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Lost {
    /// A slice in front of, or between, the received ones is missing.
    MissingSlice,
    /// All that came was in order, but the next frame began before the end of this one.
    MissingEnd,
    /// `FrameEnd` counts other slices or chirps than arrived.
    CountMismatch,
    /// Configuration, samples or receivers changed within the frame.
    ShapeChanged,
    /// More samples than the buffer holds.
    TooLarge,
    /// The samples of a slice could not be decoded.
    BadSamples,
    /// The device reported an overflow or a restart within the frame.
    Interrupted,
}

impl Lost {
    /// Every reason, in the order of [`AssemblerCounts`].
    pub const ALL: [Self; 7] = [
        Self::MissingSlice,
        Self::MissingEnd,
        Self::CountMismatch,
        Self::ShapeChanged,
        Self::TooLarge,
        Self::BadSamples,
        Self::Interrupted,
    ];

    /// The reason's name in counters.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::MissingSlice => "missing-slice",
            Self::MissingEnd => "missing-end",
            Self::CountMismatch => "count-mismatch",
            Self::ShapeChanged => "shape-changed",
            Self::TooLarge => "too-large",
            Self::BadSamples => "bad-samples",
            Self::Interrupted => "interrupted",
        }
    }
}

/// What became of the frames of one stream.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct AssemblerCounts {
    /// Frames handed out.
    pub complete: u64,
    /// Frame numbers of which nothing arrived, the ones dropped by the device included.
    pub unseen: u64,
    /// Frames the device says it dropped itself, counted from the first `FrameEnd` on.
    pub device_dropped: u64,
    /// Times the frame number went back: the device started anew.
    pub restarts: u64,
    lost: [u64; Lost::ALL.len()],
}

impl AssemblerCounts {
    const fn new() -> Self {
        let lost = [0; Lost::ALL.len()];
        Self { complete: 0, unseen: 0, device_dropped: 0, restarts: 0, lost }
    }

    /// Frames begun and lost for this reason.
    #[must_use]
    pub const fn lost(&self, why: Lost) -> u64 {
        self.lost[why as usize]
    }
}

/// A whole radar frame; borrows the assembler's buffer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AssembledFrame<'a> {
    /// The configuration it was taken with.
    pub config_id: u16,
    /// Its number.
    pub frame_number: u32,
    /// Device time of its first slice: the first data-ready interrupt, in microseconds.
    pub time_us: u64,
    /// Chip temperature of its first slice in hundredths of a degree Celsius, if known.
    pub temperature_centi_c: Option<i16>,
    /// Bits of [`frame_flag`](crate::frame_flag).
    pub flags: u8,
    /// Samples at the end of the ADC's range.
    pub saturated_samples: u16,
    /// Chirps, samples and receivers of the whole frame.
    pub shape: Shape,
    /// The samples, chip order `[chirp, sample, rx]`.
    pub samples: &'a [u16],
}

/// The frame being put together.
#[derive(Debug, Clone, Copy)]
struct Begun {
    config_id: u16,
    frame_number: u32,
    time_us: u64,
    temperature_centi_c: Option<i16>,
    slices: u8,
    shape: Shape,
    /// Counted already: the rest of this frame is passed over.
    lost: bool,
}

/// Puts the slices of one stream together in a buffer the caller gives: `&mut [u16]` on a
/// microcontroller, `Vec<u16>` or `Box<[u16]>` where there is a heap.
#[derive(Debug)]
pub struct FrameAssembler<B> {
    buffer: B,
    begun: Option<Begun>,
    last_number: Option<u32>,
    dropped_before: Option<u32>,
    counts: AssemblerCounts,
}

impl<B: AsMut<[u16]>> FrameAssembler<B> {
    /// Frames with more samples than `buffer` are refused as [`Lost::TooLarge`].
    #[must_use]
    pub const fn new(buffer: B) -> Self {
        Self {
            buffer,
            begun: None,
            last_number: None,
            dropped_before: None,
            counts: AssemblerCounts::new(),
        }
    }

    /// What became of the frames so far.
    #[must_use]
    pub const fn counts(&self) -> &AssemblerCounts {
        &self.counts
    }

    /// Starts anew after a new boot id or a reopened port: numbers before and after do not connect.
    pub fn restart(&mut self) {
        self.abandon(Lost::Interrupted);
        self.begun = None;
        self.last_number = None;
        self.dropped_before = None;
    }

    /// Takes the next frame of the stream; a whole radar frame when one ends here.
    /// Messages that are no concern of radar frames are passed over.
    pub fn push(&mut self, frame: &Frame<'_>) -> Option<AssembledFrame<'_>> {
        match &frame.message {
            Message::RadarSlice(slice) => self.add(slice, frame.header.time_us),
            Message::FrameEnd(end) => return self.end(end),
            Message::SensorEvent(SensorEvent { kind, source: Source::Radar, .. }) => match kind {
                SensorEventKind::Overflow => self.abandon(Lost::Interrupted),
                SensorEventKind::Restart => self.restart(),
                SensorEventKind::Dropped => {} // told again, cumulated, by the next FrameEnd
            },
            _ => {}
        }
        None
    }

    fn add(&mut self, slice: &RadarSlice<'_>, time_us: u64) {
        if self.begun.is_none_or(|begun| begun.frame_number != slice.frame_number) {
            self.begin(slice, time_us);
        }
        if let Err(why) = self.append(slice) {
            self.abandon(why);
        }
    }

    /// Counts whatever lies between the last frame and this one, and opens this one.
    fn begin(&mut self, slice: &RadarSlice<'_>, time_us: u64) {
        self.abandon(Lost::MissingEnd);
        self.count_unseen(slice.frame_number);
        self.begun = Some(Begun {
            config_id: slice.config_id,
            frame_number: slice.frame_number,
            time_us,
            temperature_centi_c: slice.temperature_centi_c,
            slices: 0,
            shape: Shape { chirps: 0, ..slice.shape },
            lost: false,
        });
    }

    fn count_unseen(&mut self, frame_number: u32) {
        if let Some(last) = self.last_number {
            match frame_number.wrapping_sub(last) {
                // Half the range counts as forward, as in RFC 1982.
                step @ 1..0x8000_0000 => self.counts.unseen += u64::from(step - 1),
                0 => {}
                _ => {
                    self.counts.restarts += 1;
                    self.dropped_before = None;
                }
            }
        }
        self.last_number = Some(frame_number);
    }

    /// Decodes the slice behind the ones before it.
    fn append(&mut self, slice: &RadarSlice<'_>) -> Result<(), Lost> {
        let Some(begun) = self.begun.as_mut().filter(|begun| !begun.lost) else { return Ok(()) };
        let same = begun.config_id == slice.config_id
            && begun.shape.samples == slice.shape.samples
            && begun.shape.rx == slice.shape.rx;
        if !same {
            return Err(Lost::ShapeChanged);
        }
        if slice.slice_index != begun.slices || slice.first_chirp != begun.shape.chirps {
            return Err(Lost::MissingSlice);
        }
        let used = begun.shape.len().ok_or(Lost::TooLarge)?;
        let space = self.buffer.as_mut().get_mut(used..).ok_or(Lost::TooLarge)?;
        slice.samples_into(space).map_err(|error| match error {
            SampleError::TooMany => Lost::TooLarge,
            SampleError::Damaged => Lost::BadSamples,
        })?;
        let chirps = begun.shape.chirps.checked_add(slice.shape.chirps);
        begun.shape.chirps = chirps.ok_or(Lost::TooLarge)?;
        begun.slices = begun.slices.checked_add(1).ok_or(Lost::TooLarge)?;
        Ok(())
    }

    fn end(&mut self, end: &FrameEnd) -> Option<AssembledFrame<'_>> {
        if self.begun.is_some_and(|begun| begun.frame_number != end.frame_number) {
            self.abandon(Lost::MissingEnd);
            self.begun = None;
        }
        if self.begun.is_none() && self.last_number != Some(end.frame_number) {
            // Every slice of it is lost, but the frame itself was begun.
            self.count_unseen(end.frame_number);
            self.counts.lost[Lost::MissingSlice as usize] += 1;
        }
        self.count_device_drops(end.dropped_frames);
        let begun = self.begun.take().filter(|begun| !begun.lost)?;
        if (begun.slices, begun.shape.chirps, begun.config_id)
            != (end.slice_count, end.chirp_count, end.config_id)
        {
            self.counts.lost[Lost::CountMismatch as usize] += 1;
            return None;
        }
        let samples = self.buffer.as_mut().get(..begun.shape.len()?)?;
        self.counts.complete += 1;
        Some(AssembledFrame {
            config_id: begun.config_id,
            frame_number: begun.frame_number,
            time_us: begun.time_us,
            temperature_centi_c: begun.temperature_centi_c,
            flags: end.flags,
            saturated_samples: end.saturated_samples,
            shape: begun.shape,
            samples,
        })
    }

    fn count_device_drops(&mut self, dropped: u32) {
        if let Some(before) = self.dropped_before {
            self.counts.device_dropped += u64::from(dropped.wrapping_sub(before));
        }
        self.dropped_before = Some(dropped);
    }

    /// Counts the begun frame as lost, once.
    fn abandon(&mut self, why: Lost) {
        if let Some(begun) = self.begun.as_mut().filter(|begun| !begun.lost) {
            begun.lost = true;
            self.counts.lost[why as usize] += 1;
        }
    }
}
