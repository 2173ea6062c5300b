//! Bytes of AEDAT 4 in, events out: a push decoder for files and for the dv network stream.

use super::compression::{Inflater, LARGEST_BODY, Refused};
use super::flatbuffer::{Table, size_prefixed};
use super::header::{EVENTS, Header, HeaderError};
use crate::data::{Counts, Event, EventBatch, Geometry};

/// The first line of a file.
pub const MAGIC: &[u8; 14] = b"#!AER-DAT4.0\r\n";
/// Most bytes of a header; real ones have under 10 KiB.
const LARGEST_HEADER: u32 = 4 << 20;
/// Most bytes of a packet body as stored.
const LARGEST_PACKET: usize = LARGEST_BODY;
/// Stream and size.
const PACKET_HEADER: usize = 8;
/// Packet header and the first bytes of the body, by which a packet is known.
const PACKET_FRONT: usize = PACKET_HEADER + 4;
/// One event: `i64` time, `i16` x, `i16` y, `bool` on, three bytes of padding.
const EVENT: usize = 16;

/// The decoder. Any split of the bytes gives the same events and counts.
///
/// It keeps what a split packet has so far (at most 64 MiB) and one decompressed packet.
/// After damage it looks, byte by byte, for the next packet of a stream that the header lists.
#[derive(Debug)]
pub struct Decoder {
    state: State,
    wanted: Option<i32>,
    header: Option<Header>,
    target: Target,
    /// Bytes consumed since the start of the stream.
    position: u64,
    /// The front of something that is not complete.
    pending: Vec<u8>,
    /// How long it will be when complete, as far as known.
    need: usize,
    inflater: Inflater,
    counts: Counts,
}

/// What comes next.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum State {
    Magic,
    Header,
    /// A packet, right here.
    Packet,
    /// A packet somewhere, after damage.
    Lost,
    /// The rest of a packet that nobody wants.
    Skip(usize),
    /// The index of packets, to the end.
    Table,
}

/// Which packets to decode, and what their events must be like.
#[derive(Debug, Clone, Copy)]
struct Target {
    stream: i32,
    geometry: Geometry,
    last_time: i64,
}

/// What one look at the input found.
enum Step {
    Used(usize),
    Need(usize),
}

impl Decoder {
    /// For a file; `stream` picks an event stream, the first one by default.
    #[must_use]
    pub fn file(stream: Option<i32>) -> Self {
        Self::starting(State::Magic, stream)
    }

    /// For a network stream of dv-processing: the same without the first line.
    #[must_use]
    pub fn network(stream: Option<i32>) -> Self {
        Self::starting(State::Header, stream)
    }

    fn starting(state: State, wanted: Option<i32>) -> Self {
        // Replaced when the header is read; no packet is looked at before.
        let geometry = Geometry { width: 0, height: 0 };
        Self {
            state,
            wanted,
            header: None,
            target: Target { stream: 0, geometry, last_time: i64::MIN },
            position: 0,
            pending: Vec::new(),
            need: 1,
            inflater: Inflater::default(),
            counts: Counts::default(),
        }
    }

    /// The header, once it was pushed.
    #[must_use]
    pub const fn header(&self) -> Option<&Header> {
        self.header.as_ref()
    }

    /// Everything refused so far, by reason.
    #[must_use]
    pub const fn counts(&self) -> &Counts {
        &self.counts
    }

    /// Takes the next bytes and appends the events of each packet that they complete.
    ///
    /// # Errors
    /// When the header cannot be used; the decoder is of no use afterwards.
    pub fn push(&mut self, mut bytes: &[u8], out: &mut EventBatch) -> Result<(), HeaderError> {
        while !self.pending.is_empty() && !bytes.is_empty() {
            // Only what completes the front is copied; the rest is read where it lies.
            let missing = self.need.saturating_sub(self.pending.len()).max(1);
            let (front, rest) = bytes.split_at(missing.min(bytes.len()));
            let mut pending = core::mem::take(&mut self.pending);
            pending.extend_from_slice(front);
            let used = self.consume(&pending, out)?;
            pending.drain(..used);
            self.pending = pending;
            bytes = rest;
        }
        if self.pending.is_empty() {
            let used = self.consume(bytes, out)?;
            self.pending.extend_from_slice(bytes.get(used..).unwrap_or_default());
        }
        Ok(())
    }

    /// Says that no bytes follow: counts a packet that was cut off, and decodes packets behind it
    /// if it was not cut off but had a wrong size.
    pub fn finish(&mut self, out: &mut EventBatch) {
        match self.state {
            State::Skip(_) => self.counts.add("truncated-packet", 1),
            State::Packet | State::Lost => self.drain(out),
            State::Magic | State::Header | State::Table => {}
        }
    }

    /// Looks for packets behind the front of one that never became complete.
    fn drain(&mut self, out: &mut EventBatch) {
        if self.state == State::Packet || self.pending.len() >= PACKET_FRONT {
            self.counts.add("truncated-packet", u64::from(!self.pending.is_empty()));
        }
        let rest = core::mem::take(&mut self.pending);
        let mut at = 0;
        while rest.len() - at >= PACKET_FRONT {
            self.state = State::Lost;
            self.counts.add("skipped-bytes", 1);
            self.position += 1;
            at += 1;
            // The header was read long ago, so that no error can come.
            at += self.consume(&rest[at..], out).unwrap_or(rest.len() - at);
        }
        self.counts.add("skipped-bytes", (rest.len() - at) as u64);
    }

    /// Consumes as much of `input` as possible and says how much.
    fn consume(&mut self, input: &[u8], out: &mut EventBatch) -> Result<usize, HeaderError> {
        let mut used = 0;
        loop {
            let rest = input.get(used..).unwrap_or_default();
            let step = match self.state {
                State::Magic => self.magic(rest)?,
                State::Header => self.read_header(rest)?,
                State::Packet | State::Lost => self.packet(rest, out),
                State::Skip(left) => self.skip(left, rest),
                State::Table if rest.is_empty() => Step::Need(1),
                State::Table => Step::Used(rest.len()),
            };
            match step {
                Step::Used(bytes) => {
                    used += bytes;
                    self.position += bytes as u64;
                }
                Step::Need(bytes) => {
                    self.need = bytes;
                    return Ok(used);
                }
            }
        }
    }

    fn magic(&mut self, rest: &[u8]) -> Result<Step, HeaderError> {
        let seen = rest.get(..MAGIC.len().min(rest.len())).unwrap_or_default();
        if !MAGIC.starts_with(seen) {
            return Err(HeaderError::Magic { found: seen.escape_ascii().to_string() });
        }
        if seen.len() < MAGIC.len() {
            return Ok(Step::Need(MAGIC.len()));
        }
        self.state = State::Header;
        Ok(Step::Used(MAGIC.len()))
    }

    fn read_header(&mut self, rest: &[u8]) -> Result<Step, HeaderError> {
        let Some((&size, rest)) = rest.split_first_chunk::<4>() else { return Ok(Step::Need(4)) };
        let stated = u32::from_le_bytes(size);
        let size = usize::try_from(stated).unwrap_or(usize::MAX);
        if stated > LARGEST_HEADER {
            return Err(HeaderError::Size { size: stated, limit: LARGEST_HEADER });
        }
        let Some(buffer) = rest.get(..size) else { return Ok(Step::Need(4 + size)) };
        let header = Header::parse(buffer)?;
        let (stream, geometry) = header.events(self.wanted)?;
        self.target = Target { stream: stream.id, geometry, last_time: i64::MIN };
        self.header = Some(header);
        self.state = State::Packet;
        Ok(Step::Used(4 + size))
    }

    const fn skip(&mut self, left: usize, rest: &[u8]) -> Step {
        let now = if left < rest.len() { left } else { rest.len() };
        if now == left {
            self.state = State::Packet;
        } else if now == 0 {
            return Step::Need(1);
        } else {
            self.state = State::Skip(left - now);
        }
        Step::Used(now)
    }

    fn packet(&mut self, rest: &[u8], out: &mut EventBatch) -> Step {
        let Some(header) = &self.header else { return Step::Need(1) };
        if header.table_at == Some(self.position) {
            self.state = State::Table;
            return Step::Used(0);
        }
        let Some(front) = rest.first_chunk::<PACKET_FRONT>() else {
            return Step::Need(PACKET_FRONT);
        };
        let Some((stream, size)) = front_of_packet(header, front, self.state == State::Lost) else {
            return self.search(rest);
        };
        if stream != self.target.stream {
            let kind = header.streams.iter().find(|listed| listed.id == stream);
            self.counts.add(skipped_reason(kind.map(|stream| stream.kind.as_str())), 1);
            self.state = State::Skip(size);
            return Step::Used(PACKET_HEADER);
        }
        let Some(body) = rest.get(PACKET_HEADER..PACKET_HEADER + size) else {
            return Step::Need(PACKET_HEADER + size);
        };
        let inflated = self.inflater.inflate(header.compression, body);
        let events =
            inflated.map_err(reason).and_then(|body| Ok((elements(body.bytes)?, body.used)));
        match events {
            Ok((events, used)) => {
                self.target.append(events, out, &mut self.counts);
                self.state = State::Packet;
                if used != size {
                    // A body longer than its frame has a damaged size: packets lie in the rest.
                    self.counts.add("packet-size-wrong", 1);
                    self.state = State::Lost;
                }
                Step::Used(PACKET_HEADER + used)
            }
            Err(reason) => {
                self.counts.add(reason, 1);
                self.counts.add("skipped-bytes", 1);
                // One byte is dropped: real packets may lie inside a wrong size.
                self.state = State::Lost;
                Step::Used(1)
            }
        }
    }

    /// Drops bytes up to what may be a packet.
    fn search(&mut self, rest: &[u8]) -> Step {
        if self.state != State::Lost {
            self.counts.add("packet-header-broken", 1);
            self.state = State::Lost;
        }
        let Some(header) = &self.header else { return Step::Used(rest.len()) };
        let mut bytes = 1;
        while let Some(front) = rest.get(bytes..).and_then(<[u8]>::first_chunk) {
            let at_table = header.table_at == Some(self.position + bytes as u64);
            if at_table || front_of_packet(header, front, true).is_some() {
                break;
            }
            bytes += 1;
        }
        self.counts.add("skipped-bytes", bytes as u64);
        Step::Used(bytes)
    }
}

/// Stream and size of body, if a packet may begin so; only a listed stream will do when `strict`.
fn front_of_packet(
    header: &Header,
    front: &[u8; PACKET_FRONT],
    strict: bool,
) -> Option<(i32, usize)> {
    let &[a, b, c, d, e, f, g, h, first @ ..] = front;
    let stream = i32::from_le_bytes([a, b, c, d]);
    let stated = u32::from_le_bytes([e, f, g, h]);
    let size = usize::try_from(stated).ok()?;
    let fits = (PACKET_HEADER..=LARGEST_PACKET).contains(&size)
        && first == header.compression.first_bytes(stated);
    let listed = || header.streams.iter().any(|listed| listed.id == stream);
    (fits && (!strict || listed())).then_some((stream, size))
}

/// The event structures of an event packet.
fn elements(body: &[u8]) -> Result<&[u8], &'static str> {
    size_prefixed(body)
        .and_then(|buffer| Table::root(buffer, *EVENTS)?.vector(0, EVENT))
        .or(Err("packet-content-broken"))
}

const fn reason(refused: Refused) -> &'static str {
    match refused {
        Refused::Corrupt => "packet-compression-broken",
        Refused::TooLarge => "packet-too-large",
    }
}

/// Packets of other streams, by the kind of stream.
fn skipped_reason(kind: Option<&str>) -> &'static str {
    match kind {
        Some("EVTS") => "skipped-packet-other-events",
        Some("FRME") => "skipped-packet-frame",
        Some("IMUS") => "skipped-packet-imu",
        Some("TRIG") => "skipped-packet-trigger",
        Some(_) => "skipped-packet-other-kind",
        None => "skipped-packet-unlisted-stream",
    }
}

impl Target {
    /// Appends the events inside the geometry, and counts what is odd about them.
    fn append(&mut self, elements: &[u8], out: &mut EventBatch, counts: &mut Counts) {
        let (elements, _) = elements.as_chunks::<EVENT>();
        let Geometry { width, height } = self.geometry;
        // A negative coordinate is beyond every width, too.
        let inside = |event: &Event| event.x < width && event.y < height;
        let start = out.events.len();
        out.events.extend(elements.iter().map(event));
        let fresh = out.events.get(start..).unwrap_or_default();
        // Whole packets are checked at once: the common case has no branch per event.
        let clean = fresh.iter().fold(true, |clean, event| clean & inside(event));
        if !clean {
            let beyond = fresh.iter().filter(|event| event.x >= width).count();
            let outside = fresh.iter().filter(|event| !inside(event)).count();
            counts.add("x-beyond-width", beyond as u64);
            counts.add("y-beyond-height", (outside - beyond) as u64);
            let mut index = 0;
            out.events.retain(|event| {
                index += 1;
                index <= start || inside(event)
            });
        }
        let mut last = self.last_time;
        let mut back = 0_u64;
        for event in out.events.get(start..).unwrap_or_default() {
            back += u64::from(event.t < last);
            last = event.t;
        }
        self.last_time = last;
        counts.add("time-went-back", back);
        out.non_monotonic |= back > 0;
    }
}

/// One event structure.
fn event(bytes: &[u8; EVENT]) -> Event {
    let &[a, b, c, d, e, f, g, h, x0, x1, y0, y1, on, ..] = bytes;
    Event {
        t: i64::from_le_bytes([a, b, c, d, e, f, g, h]),
        x: u16::from_le_bytes([x0, x1]),
        y: u16::from_le_bytes([y0, y1]),
        on: on != 0,
    }
}
