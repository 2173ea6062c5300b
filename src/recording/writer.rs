//! Entries into an MCAP file, over anything that takes bytes: no file, no clock.

use std::collections::BTreeMap;
use std::io::Write;

use mcap::WriteOptions;
use mcap::records::{MessageHeader, Metadata};
use mcap::write::NoSeek;

use super::entry::{Channel, Packed};
use super::schemas::{self, Schema};
use super::{Opening, WriteError};

/// A chunk is closed when it holds so much, or by [`Writer::flush`].
const CHUNK: u64 = 1 << 20;

/// Writes one part of a recording.
///
/// After an error nothing more is written: what was flushed before it stays readable.
pub struct Writer<W: Write> {
    file: mcap::Writer<NoSeek<Tap<W>>>,
    channels: BTreeMap<Channel, u16>,
    next: BTreeMap<u16, u32>,
    names: Vec<String>,
    /// Bytes of messages handed over, flushed or not.
    bytes: u64,
}

impl<W: Write> Writer<W> {
    /// Starts a recording at the Unix time `micros`.
    ///
    /// # Errors
    /// When `out` fails, or `opening` cannot be encoded.
    pub fn start(out: W, opening: &Opening, micros: i64) -> Result<Self, WriteError> {
        if opening.sources.len() > usize::from(u16::MAX) {
            return Err(WriteError::Sources(opening.sources.len()));
        }
        let options = WriteOptions::new()
            .compression(None)
            .chunk_size(Some(CHUNK))
            .disable_seeking(true)
            // Not the container's version: two releases must write the same bytes.
            .library("visaged")
            .profile("");
        let file = options.create(NoSeek::new(Tap { out, failed: false }))?;
        let names = opening.sources.iter().map(|source| source.name.clone()).collect();
        let (channels, next) = (BTreeMap::new(), BTreeMap::new());
        let mut writer = Self { file, channels, next, names, bytes: 0 };
        writer.describe(opening)?;
        let bytes = rmp_serde::to_vec_named(opening)?;
        writer.write(&Packed { channel: Channel::Opening, micros, bytes })?;
        Ok(writer)
    }

    /// Says the same as the opening in a form that general tools print.
    fn describe(&mut self, opening: &Opening) -> Result<(), WriteError> {
        let rows = [
            ("version", opening.version.clone()),
            ("boot-id", opening.boot_id.clone()),
            ("part", opening.part.to_string()),
            ("bundle", opening.bundle.clone().unwrap_or_default()),
            ("config", opening.config.clone()),
            ("unix-offset-us", opening.unix_offset_us.to_string()),
        ];
        let metadata = rows.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
        self.file.write_metadata(&Metadata { name: "visaged".into(), metadata })?;
        Ok(())
    }

    /// Writes an entry; it may stay in memory until the next [`flush`](Self::flush).
    ///
    /// # Errors
    /// When the file fails.
    pub fn write(&mut self, entry: &Packed) -> Result<(), WriteError> {
        let channel_id = self.channel(&entry.channel)?;
        let sequence = self.next.entry(channel_id).or_insert(0);
        let time = u64::try_from(entry.micros).unwrap_or(0).saturating_mul(1_000);
        let header =
            MessageHeader { channel_id, sequence: *sequence, log_time: time, publish_time: time };
        *sequence = sequence.wrapping_add(1);
        self.file.write_to_known_channel(&header, &entry.bytes)?;
        self.bytes = self.bytes.saturating_add(entry.bytes.len() as u64);
        Ok(())
    }

    /// Writes so many bytes that mean nothing, behind everything so far: an encryption that takes
    /// whole blocks then has no part of it left.
    ///
    /// # Errors
    /// When the file fails.
    pub fn pad(&mut self, bytes: usize) -> Result<(), WriteError> {
        self.bytes = self.bytes.saturating_add(bytes as u64);
        Ok(self.file.write_private_record(PADDING, &vec![0; bytes], Default::default())?)
    }

    /// Closes the chunk, so that everything so far is whole in `out`.
    ///
    /// # Errors
    /// When the file fails.
    pub fn flush(&mut self) -> Result<(), WriteError> {
        Ok(self.file.flush()?)
    }

    /// Bytes of entries so far, flushed or not.
    #[must_use]
    pub const fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Ends the file with its index and gives `out` back.
    ///
    /// # Errors
    /// When the file fails.
    pub fn finish(mut self) -> Result<W, WriteError> {
        self.file.finish()?;
        Ok(self.file.into_inner().into_inner().out)
    }

    /// Gives `out` back as it is: without an index, and without what was not flushed.
    pub fn abandon(self) -> W {
        self.file.into_inner().into_inner().out
    }

    /// The id of a channel, which is added when it is first used.
    fn channel(&mut self, channel: &Channel) -> Result<u16, WriteError> {
        if let Some(&id) = self.channels.get(channel) {
            return Ok(id);
        }
        let name = |source: usize| self.names.get(source).map_or("?", String::as_str);
        let (topic, encoding, schema) = match channel {
            Channel::Opening => (OPENING.into(), "msgpack", None),
            Channel::Input(None) => (INPUT.to_owned(), LAYOUT_ENCODING, Some(schemas::input())),
            Channel::Input(Some(source)) => {
                (format!("{INPUT}/{}", name(*source)), LAYOUT_ENCODING, Some(schemas::input()))
            }
            Channel::Published(topic) => (topic.clone(), "json", Some(schemas::published(topic)?)),
            Channel::Loss => (LOST.into(), "json", Some(schemas::loss())),
            Channel::Label => (LABEL.into(), "json", Some(schemas::label())),
            Channel::Preview(source) => {
                (format!("/visaged/preview/{}", name(*source)), "json", Some(schemas::preview()))
            }
        };
        let schema_id = match schema {
            None => 0,
            Some(Schema { name, encoding, text }) => {
                self.file.add_schema(&name, encoding, text.as_bytes())?
            }
        };
        let id = self.file.add_channel(schema_id, &topic, encoding, &BTreeMap::new())?;
        self.channels.insert(channel.clone(), id);
        Ok(id)
    }
}

/// Opcode of a record that readers skip (MCAP, "private records").
const PADDING: u8 = 0x80;
/// Message encoding of inputs.
const LAYOUT_ENCODING: &str = "x-visaged";
/// Topic of inputs, alone or with the name of a sensor behind it.
pub(super) const INPUT: &str = "/visaged/input";
/// Topic of the opening.
pub(super) const OPENING: &str = "/visaged/opening";
/// Topic of losses.
pub(super) const LOST: &str = "/visaged/lost";
/// Topic of posed expressions.
pub(super) const LABEL: &str = "/visaged/label";

impl<W: Write> std::fmt::Debug for Writer<W> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Writer").field("bytes", &self.bytes).finish_non_exhaustive()
    }
}

/// Fails for ever after its first failure: the container's writer tries to end the file when it is
/// dropped, and would write a good-looking end behind a torn chunk.
struct Tap<W> {
    out: W,
    failed: bool,
}

impl<W: Write> Write for Tap<W> {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.attempt(|out| out.write(bytes))
    }

    fn flush(&mut self) -> std::io::Result<()> {
        self.attempt(Write::flush)
    }
}

impl<W: Write> Tap<W> {
    fn attempt<T>(&mut self, act: impl FnOnce(&mut W) -> std::io::Result<T>) -> std::io::Result<T> {
        if self.failed {
            return Err(std::io::Error::other("writing failed before"));
        }
        let result = act(&mut self.out);
        self.failed = result.as_ref().is_err_and(|e| e.kind() != std::io::ErrorKind::Interrupted);
        result
    }
}
