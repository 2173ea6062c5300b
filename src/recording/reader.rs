//! Entries out of an MCAP file, in the order in which they were written, however the file ends.

use std::collections::BTreeMap;
use std::io::Read;

use mcap::McapError;
use mcap::records::{Record, op};
use mcap::sans_io::linear_reader::{LinearReadEvent, LinearReader, LinearReaderOptions};
use serde::Deserialize;

use crate::units::Stamp;

use super::entry::{Entry, Label, Loss, Published};
use super::writer::{INPUT, LABEL, LOST, OPENING};
use super::{LAYOUT, Opening, ReadError, layout};

/// Longest record that is read: a damaged length must not take all memory.
const LONGEST: usize = 256 << 20;

/// How a recording ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Ending {
    /// As its writer wanted.
    Whole,
    /// It is cut, as after a crash or a full disk: at most its last second is missing.
    Cut,
}

/// Reads one part of a recording.
pub struct Reader<R> {
    file: R,
    container: LinearReader,
    opening: Opening,
    topics: BTreeMap<u16, Topic>,
    ending: Option<Ending>,
    footer: bool,
    at: u64,
}

/// What is needed to know of a channel.
#[derive(Debug, Clone)]
enum Topic {
    Opening,
    Input(String),
    Published(String),
    Lost,
    Label,
    /// For viewers, or not ours.
    Other,
}

/// True if `head`, the first bytes of a file, is that of an MCAP file.
#[must_use]
pub fn is_recording(head: &[u8]) -> bool {
    head.starts_with(mcap::MAGIC)
}

impl<R: Read> Reader<R> {
    /// Reads the opening.
    ///
    /// # Errors
    /// When `file` cannot be read, or is not a recording of ours.
    pub fn open(file: R) -> Result<Self, ReadError> {
        let options = LinearReaderOptions::default()
            .with_skip_end_magic(true)
            // A chunk is good or it is not read at all.
            .with_prevalidate_chunk_crcs(true)
            .with_record_length_limit(LONGEST);
        let nothing = Opening {
            layout: LAYOUT,
            version: String::new(),
            boot_id: String::new(),
            part: 0,
            sources: Vec::new(),
            config: String::new(),
            folder: String::new(),
            bundle: None,
            unix_offset_us: 0,
        };
        let mut reader = Self {
            file,
            container: LinearReader::new_with_options(options),
            opening: nothing,
            topics: BTreeMap::new(),
            ending: None,
            footer: false,
            at: 0,
        };
        let Some((Topic::Opening, _, bytes)) = reader.message()? else {
            return Err(ReadError::NotOurs);
        };
        reader.opening = rmp_serde::from_slice(&bytes).map_err(ReadError::Opening)?;
        if reader.opening.layout != LAYOUT {
            let Opening { layout, version, .. } = reader.opening;
            return Err(ReadError::Layout { is: layout, known: LAYOUT, version });
        }
        Ok(reader)
    }

    /// Who recorded, and with what.
    #[must_use]
    pub const fn opening(&self) -> &Opening {
        &self.opening
    }

    /// How the recording ended; `None` before its end was read.
    #[must_use]
    pub const fn ending(&self) -> Option<Ending> {
        self.ending
    }

    /// Bytes read so far.
    #[must_use]
    pub const fn position(&self) -> u64 {
        self.at
    }

    /// The next entry and its Unix time in microseconds, or `None` at the end.
    ///
    /// # Errors
    /// When the file cannot be read or was damaged; a cut end is no error.
    pub fn read(&mut self) -> Result<Option<(i64, Entry)>, ReadError> {
        while let Some((topic, micros, bytes)) = self.message()? {
            let (entry, topic) = match topic {
                Topic::Input(topic) => {
                    let input = layout::decode(&bytes, self.opening.sources.len());
                    (input.map(|(number, input)| Entry::Input { number, input }), topic)
                }
                Topic::Published(topic) => (published(&topic, &bytes), topic),
                Topic::Lost => {
                    let loss = serde_json::from_slice::<Loss>(&bytes);
                    (loss.ok().map(Entry::Loss), LOST.to_owned())
                }
                Topic::Label => {
                    let label = serde_json::from_slice::<Label>(&bytes);
                    (label.ok().map(Entry::Label), LABEL.to_owned())
                }
                Topic::Opening | Topic::Other => continue,
            };
            let broken = ReadError::Entry { at: self.at, topic, layout: LAYOUT };
            return entry.map(|entry| Some((micros, entry))).ok_or(broken);
        }
        Ok(None)
    }

    /// The next message.
    fn message(&mut self) -> Result<Option<(Topic, i64, Vec<u8>)>, ReadError> {
        while self.ending.is_none() {
            let event = match self.container.next_event() {
                None => {
                    self.ending = Some(if self.footer { Ending::Whole } else { Ending::Cut });
                    break;
                }
                Some(Err(McapError::UnexpectedEof | McapError::UnexpectedEoc)) => {
                    self.ending = Some(Ending::Cut);
                    break;
                }
                Some(event) => event,
            };
            let damaged = |problem| ReadError::Damaged { at: self.at, problem };
            match event.map_err(damaged)? {
                LinearReadEvent::ReadRequest(need) => {
                    let read = self.file.read(self.container.insert(need))?;
                    self.container.notify_read(read);
                    self.at = self.at.saturating_add(read as u64);
                }
                // Power loss leaves zeros behind the last thing that reached the disk.
                LinearReadEvent::Record { opcode: 0, .. } => self.ending = Some(Ending::Cut),
                LinearReadEvent::Record { opcode: op::FOOTER, .. } => self.footer = true,
                LinearReadEvent::Record { opcode: opcode @ (op::CHANNEL | op::MESSAGE), data } => {
                    match mcap::parse_record(opcode, data).map_err(damaged)? {
                        Record::Channel(channel) => {
                            self.topics.insert(channel.id, topic(channel.topic));
                        }
                        Record::Message { header, data } => {
                            let topic = self
                                .topics
                                .get(&header.channel_id)
                                .cloned()
                                .unwrap_or(Topic::Other);
                            let micros = i64::try_from(header.log_time / 1_000).unwrap_or(i64::MAX);
                            return Ok(Some((topic, micros, data.into_owned())));
                        }
                        _ => {}
                    }
                }
                LinearReadEvent::Record { .. } => {}
            }
        }
        Ok(None)
    }
}

fn topic(topic: String) -> Topic {
    let is_input =
        topic.strip_prefix(INPUT).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'));
    match topic.as_str() {
        OPENING => Topic::Opening,
        LOST => Topic::Lost,
        LABEL => Topic::Label,
        _ if is_input => Topic::Input(topic),
        _ if topic.starts_with('v') => Topic::Published(topic),
        _ => Topic::Other,
    }
}

fn published(topic: &str, json: &[u8]) -> Option<Entry> {
    #[derive(Deserialize)]
    struct Line {
        header: Times,
    }
    #[derive(Deserialize)]
    struct Times {
        recorded_us: i64,
        published_us: i64,
    }
    let Line { header } = serde_json::from_slice(json).ok()?;
    Some(Entry::Published(Published {
        topic: topic.to_owned(),
        recorded: Stamp::from_micros(header.recorded_us),
        published: Stamp::from_micros(header.published_us),
    }))
}

impl<R> std::fmt::Debug for Reader<R> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Reader").field("opening", &self.opening).finish_non_exhaustive()
    }
}
