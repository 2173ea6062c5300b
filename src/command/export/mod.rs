//! `visaged export`: maps, tensors and events as NumPy files.

mod event;
mod npy;
mod radar;

use std::io::Write as _;
use std::path::PathBuf;

use super::Failure;
use super::open::{self, Headerless};
use super::progress::Bar;
use crate::data::{Modality, View};
use crate::dsp::radar::{Clutter, MicroDopplerMode};

/// Writes maps, tensors or events of a recording to a NumPy file.
///
/// All arrays are little-endian and in C order. Doppler axes are shifted so that zero velocity is
/// bin M/2; approach is negative, that is below M/2. Maps are unscaled FFT magnitudes of raw ADC
/// counts.
#[derive(Debug, clap::Args)]
#[command(after_help = WHAT)]
pub(super) struct Args {
    /// A file or folder.
    #[arg(value_name = "RECORDING")]
    recording: PathBuf,
    /// What to write.
    #[arg(long, value_enum)]
    what: What,
    /// The NumPy file; written beside its place first, so that it is whole or absent.
    #[arg(long, value_name = "FILE.npy")]
    out: PathBuf,
    /// Radar frames A to B-1, counted from 0; either may be left out. Voxel windows likewise.
    #[arg(long, value_name = "A..B", value_parser = frames)]
    frames: Option<Frames>,
    /// rdi: what of the unmoving scene to take off.
    #[arg(long, value_enum, default_value_t = ClutterArg::Mean)]
    clutter: ClutterArg,
    /// micro-rdi: what slow time is made of.
    #[arg(long, value_enum, default_value_t = Mode::FrameMean)]
    mode: Mode,
    /// micro-rdi in mode frame-mean: frames in a block.
    #[arg(long, default_value_t = 64, value_name = "FRAMES")]
    block: usize,
    /// micro-rdi: frames from one block to the next; without it the block's own length.
    #[arg(long, value_name = "FRAMES")]
    hop: Option<usize>,
    /// events: start times at 0 instead of the format's own origin.
    #[arg(long)]
    rebase: bool,
    #[command(flatten)]
    headerless: Headerless,
}

const WHAT: &str = "\
Examples:
  visaged export radar_folder/ --what rdi --out maps.npy --frames 100..200
  visaged export radar_folder/ --what micro-rdi --block 128 --hop 1 --out slow.npy
  visaged export events.raw --what events --out events.npy
  python3 -c \"import numpy; print(numpy.load('maps.npy').shape)\"

What is written:
  rdi            f32 [frame, rx, range_bin 0..=N/2, doppler_bin M] (N range bins if samples are
                 complex). Mean of each chirp off, periodic Hann over samples, FFT, mean over chirps
                 off, periodic Hann over chirps, FFT, shifted, magnitude.
  micro-rdi      f32 [block, rx, range_bin, doppler_bin L].
                 --mode frame-mean: one complex value per frame (mean over chirps of the range FFT),
                 blocks of --block frames, block mean off, periodic Hann, FFT, shifted, magnitude.
                 Velocity spans +-lambda / (4 frame_period).
                 --mode stacked-frames: the paper's; the chirps of 8 frames end to end, low-passed
                 and thinned by 8. Slow time then has a gap after each frame.
  range-profile  f32 [frame, rx, range_bin]: magnitude of the Hann-windowed range FFT, mean over
                 the chirps of the frame. What stands still shows here.
  events         structured [event] of t i64 (us), x u16, y u16, p u8, packed, 13 bytes each.
  voxels         f32 [window, polarity 2 (off, on), bin 16, row 112, column 112]: events of the face
                 region after the noise filter, counts clipped at 5 and divided by 5.";

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum What {
    Rdi,
    MicroRdi,
    RangeProfile,
    Events,
    Voxels,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum ClutterArg {
    /// The mean over the chirps of each frame.
    Mean,
    /// Nothing: walls and still persons stay.
    Keep,
    /// A decaying memory of earlier frames, alpha 0.8.
    Mti,
}

impl From<ClutterArg> for Clutter {
    fn from(clutter: ClutterArg) -> Self {
        match clutter {
            ClutterArg::Mean => Self::MeanOverChirps,
            ClutterArg::Keep => Self::Keep,
            ClutterArg::Mti => Self::Mti { alpha: 0.8 },
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Mode {
    FrameMean,
    StackedFrames,
}

impl From<Mode> for MicroDopplerMode {
    fn from(mode: Mode) -> Self {
        match mode {
            Mode::FrameMean => Self::FrameMean,
            Mode::StackedFrames => Self::StackedFrames,
        }
    }
}

/// `A..B`: from A, up to but not including B.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Frames {
    from: u64,
    to: u64,
}

impl Frames {
    const ALL: Self = Self { from: 0, to: u64::MAX };

    const fn contains(self, number: u64) -> bool {
        self.from <= number && number < self.to
    }

    /// True if nothing more can come after `number`.
    const fn ends_before(self, number: u64) -> bool {
        number >= self.to
    }
}

fn frames(text: &str) -> Result<Frames, String> {
    let number = |text: &str, default| match text.trim() {
        "" => Ok(default),
        digits => digits.parse().map_err(|error| format!("`{digits}`: {error}")),
    };
    let (from, to) = text.split_once("..").ok_or("write A..B, A.. or ..B")?;
    let frames = Frames { from: number(from, 0)?, to: number(to, u64::MAX)? };
    if frames.from < frames.to { Ok(frames) } else { Err("A must be below B".into()) }
}

pub(super) fn execute(args: &Args) -> Result<(), Failure> {
    let mut sensor = open::open(&args.recording, &args.headerless)?;
    let view = sensor.description().view.clone();
    let bar = Bar::over(sensor.as_ref(), "exporting");
    let shape = match (args.what, &view) {
        (What::Rdi, View::Radar(chirp)) => radar::rdi(args, chirp, sensor.as_mut(), &bar)?,
        (What::MicroRdi, View::Radar(chirp)) => radar::micro(args, chirp, sensor.as_mut(), &bar)?,
        (What::RangeProfile, View::Radar(chirp)) => {
            radar::profile(args, chirp, sensor.as_mut(), &bar)?
        }
        (What::Events, View::Event(_)) => event::events(args, sensor.as_mut(), &bar)?,
        (What::Voxels, View::Event(geometry)) => {
            event::voxels(args, *geometry, sensor.as_mut(), &bar)?
        }
        (what, view) => return Err(mismatch(what, view)),
    };
    drop(bar);
    let counts = sensor.counts();
    for (reason, n) in counts.iter() {
        tracing::info!(n, "counted while reading: {reason}");
    }
    writeln!(std::io::stdout(), "{}: {shape:?}", args.out.display()).map_err(Failure::Stdout)
}

fn mismatch(what: What, view: &View) -> Failure {
    let (is, can) = match view.modality() {
        Modality::Radar => ("a radar recording", "rdi, micro-rdi or range-profile"),
        Modality::Event => ("an event recording", "events or voxels"),
    };
    let what = clap::ValueEnum::to_possible_value(&what);
    let what = what.as_ref().map_or("this", clap::builder::PossibleValue::get_name);
    Failure::Usage(format!("this is {is}: it has no {what}; choose {can}"))
}

/// For `map_err` on writing.
fn output(args: &Args) -> impl Fn(std::io::Error) -> Failure + '_ {
    |source| Failure::Output { path: args.out.clone(), source }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn frame_ranges_may_be_open_at_either_end() {
        assert_eq!(frames("3..7"), Ok(Frames { from: 3, to: 7 }));
        assert_eq!(frames("..7"), Ok(Frames { from: 0, to: 7 }));
        assert_eq!(frames("3.."), Ok(Frames { from: 3, to: u64::MAX }));
        assert!(frames("7..3").is_err() && frames("7").is_err() && frames("a..b").is_err());
    }
}
