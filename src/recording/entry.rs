//! What a recording holds, one message at a time: packed on its way to a file, unpacked from one.

use ndarray::ArrayRef3;
use serde::{Deserialize, Serialize};

use crate::data::Input;
use crate::data::message::ExpressionLabel;
use crate::units::{HostClock, Stamp};

use super::{layout, picture};

/// Something recorded.
#[derive(Debug, Clone, PartialEq)]
pub enum Entry {
    /// What the pipeline was told.
    Input {
        /// Counts all inputs of a run, from 0; a gap is a loss.
        number: u64,
        /// What it was.
        input: Input,
    },
    /// A message that was published.
    Published(Published),
    /// Something is missing here.
    Loss(Loss),
    /// An expression that somebody was asked to pose.
    Label(Label),
}

/// A message that was published.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Published {
    /// Its topic.
    pub topic: String,
    /// `recorded_us` of its header.
    pub recorded: Stamp<HostClock>,
    /// `published_us` of its header: the only thing in it that does not follow from the inputs.
    pub published: Stamp<HostClock>,
}

/// Entries that could not be recorded.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Loss {
    /// `record-queue-full` or `record-failed`.
    pub reason: String,
    /// How many, inputs and published messages together.
    pub entries: u64,
}

/// An expression that somebody was asked to pose, and when; written once the face was at rest again.
///
/// Times are of the host's monotonic clock, microseconds, as the arrivals of inputs are; with
/// [`Opening::unix_offset_us`](super::Opening::unix_offset_us) they are Unix time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct Label {
    /// What was asked for; a posed expression, not a feeling.
    pub expression: ExpressionLabel,
    /// The cue was shown.
    pub cue_us: i64,
    /// The cue was taken back.
    pub release_us: i64,
}

/// An entry as bytes, on its way to a [`Writer`](super::Writer).
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Packed {
    pub(super) channel: Channel,
    /// Unix time.
    pub(super) micros: i64,
    pub(super) bytes: Vec<u8>,
}

/// Where an entry goes.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Channel {
    Opening,
    Input(Option<usize>),
    Published(String),
    Loss,
    Label,
    Preview(usize),
}

impl Packed {
    /// The input `number`, logged at the Unix time `micros`.
    #[must_use]
    pub fn input(number: u64, input: &Input, micros: i64) -> Self {
        let channel = Channel::Input(layout::source(input));
        Self { channel, micros, bytes: layout::encode(number, input) }
    }

    /// A message of `topic`, as one line of JSON with topic, header and payload.
    #[must_use]
    pub fn published(topic: &str, json: String, micros: i64) -> Self {
        let channel = Channel::Published(topic.to_owned());
        Self { channel, micros, bytes: json.into_bytes() }
    }

    /// `map[rx, range_bin, doppler_bin]` of radar `source` as a picture.
    #[must_use]
    pub fn preview(source: usize, map: &ArrayRef3<f32>, micros: i64) -> Self {
        let bytes = picture::compressed_image(map, micros).into_bytes();
        Self { channel: Channel::Preview(source), micros, bytes }
    }

    /// Something is missing here.
    #[must_use]
    pub fn loss(loss: &Loss, micros: i64) -> Self {
        // Two fields of plain types always encode.
        let bytes = serde_json::to_vec(loss).unwrap_or_default();
        Self { channel: Channel::Loss, micros, bytes }
    }

    /// An expression that somebody was asked to pose, logged at the Unix time `micros`.
    #[must_use]
    pub fn label(label: &Label, micros: i64) -> Self {
        // Three fields of plain types always encode.
        let bytes = serde_json::to_vec(label).unwrap_or_default();
        Self { channel: Channel::Label, micros, bytes }
    }

    /// Its Unix time, microseconds.
    #[must_use]
    pub const fn micros(&self) -> i64 {
        self.micros
    }

    /// What it takes in memory, about.
    #[must_use]
    pub const fn size(&self) -> usize {
        size_of::<Self>() + self.bytes.capacity()
    }
}
