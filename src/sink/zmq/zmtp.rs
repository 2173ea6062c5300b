//! ZMTP 3.0 as bytes, without I/O: greeting, frames, READY and the commands of a subscriber.
//!
//! Source: rfc.zeromq.org/spec/23 (ZMTP 3.0), spec/37 (3.1: PING, PONG, SUBSCRIBE, CANCEL). This is
//! the only parser that faces the network. It never panics, and it allocates what a header claims
//! only after the claim was checked against the limit.

/// Bytes of a greeting.
pub(super) const GREETING_LEN: usize = 64;

/// Our greeting: signature, version 3.0, mechanism NULL, no server.
///
/// Not 3.1, so that libzmq subscribes by messages; the 3.1 commands are understood all the same.
pub(super) const GREETING: [u8; GREETING_LEN] = {
    let mut greeting = [0; GREETING_LEN];
    greeting[0] = 0xff;
    greeting[9] = 0x7f;
    greeting[10] = 3;
    let null = *b"NULL";
    let mut at = 0;
    while at < null.len() {
        greeting[12 + at] = null[at];
        at += 1;
    }
    greeting
};

/// READY of a PUB, with its frame header.
pub(super) const READY_PUB: &[u8] = b"\x04\x19\x05READY\x0bSocket-Type\x00\x00\x00\x03PUB";

/// READY of a SUB without identity, with its frame header.
pub(super) const READY_SUB: &[u8] = b"\x04\x19\x05READY\x0bSocket-Type\x00\x00\x00\x03SUB";

/// READY of a REP, with its frame header.
pub(super) const READY_REP: &[u8] = b"\x04\x19\x05READY\x0bSocket-Type\x00\x00\x00\x03REP";

/// Subscribes to every topic, with its frame header.
pub(super) const SUBSCRIBE_ALL: &[u8] = b"\x00\x01\x01";

const MORE: u8 = 1;
const LONG: u8 = 2;
const COMMAND: u8 = 4;

/// Most bytes that the header of a frame takes: flags and a long length.
pub(super) const HEADER_LEN: usize = 9;

/// Longest context of a PING, spec/37.
const PING_CONTEXT: usize = 16;

/// Why bytes are refused; the connection cannot go on after it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Bad {
    /// Not ZMTP 3 or later with mechanism NULL.
    Greeting,
    /// READY is malformed, or says another socket type than those served.
    Ready,
    /// A frame that no subscriber sends.
    Frame,
}

/// Checks as much of a greeting as has arrived, so that a wrong first byte ends it at once.
pub(super) fn check_greeting(seen: &[u8]) -> Result<(), Bad> {
    let right = |(at, &byte): (usize, &u8)| match at {
        0 => byte == 0xff,
        9 => byte & 1 == 1,
        10 => byte >= 3,
        12..32 => byte == GREETING[at],
        _ => true, // filler, minor version, as-server: no meaning for NULL
    };
    if seen.iter().enumerate().all(right) { Ok(()) } else { Err(Bad::Greeting) }
}

/// One frame.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Frame {
    /// Another frame of the same message follows.
    pub(super) more: bool,
    /// A command, not part of a message.
    pub(super) command: bool,
    /// Its content.
    pub(super) body: Vec<u8>,
}

/// Cuts a stream of bytes into frames. After an error it must not be used again.
#[derive(Debug)]
pub(super) struct FrameDecoder {
    /// Longest body, bytes.
    limit: usize,
    /// Flags and length as far as they have arrived: at most [`HEADER_LEN`] bytes.
    header: Vec<u8>,
    /// The frame whose header is complete, and the length of its body.
    open: Option<(Frame, usize)>,
}

impl FrameDecoder {
    /// A decoder that refuses bodies longer than `limit` bytes.
    pub(super) fn new(limit: usize) -> Self {
        Self { limit, header: Vec::with_capacity(HEADER_LEN), open: None }
    }

    /// Takes bytes from the front of `input` until a frame is complete; `None` if all were taken
    /// before that.
    pub(super) fn decode(&mut self, input: &mut &[u8]) -> Result<Option<Frame>, Bad> {
        while self.open.is_none() {
            let Some((&byte, rest)) = input.split_first() else { return Ok(None) };
            *input = rest;
            self.header.push(byte);
            self.open = self.parse_header()?;
        }
        let Some((mut frame, length)) = self.open.take() else { return Ok(None) };
        let missing = length.saturating_sub(frame.body.len());
        let (now, later) = input.split_at(missing.min(input.len()));
        frame.body.extend_from_slice(now);
        *input = later;
        if frame.body.len() < length {
            self.open = Some((frame, length));
            return Ok(None);
        }
        self.header.clear();
        Ok(Some(frame))
    }

    fn parse_header(&self) -> Result<Option<(Frame, usize)>, Bad> {
        let Some((&flags, length)) = self.header.split_first() else { return Ok(None) };
        let (more, command) = (flags & MORE != 0, flags & COMMAND != 0);
        if flags & !(MORE | LONG | COMMAND) != 0 || (more && command) {
            return Err(Bad::Frame);
        }
        if length.len() < if flags & LONG == 0 { 1 } else { 8 } {
            return Ok(None);
        }
        // At most 8 bytes, so nothing is shifted out.
        let length = length.iter().fold(0_u64, |sum, &byte| sum << 8 | u64::from(byte));
        match usize::try_from(length) {
            Ok(length) if length <= self.limit => {
                let body = Vec::with_capacity(length);
                Ok(Some((Frame { more, command, body }, length)))
            }
            _ => Err(Bad::Frame),
        }
    }
}

/// Appends `body` as a frame of a message.
pub(super) fn encode_frame(more: bool, body: &[u8], out: &mut Vec<u8>) {
    encode(if more { MORE } else { 0 }, body, out);
}

fn encode(flags: u8, body: &[u8], out: &mut Vec<u8>) {
    if let Ok(length) = u8::try_from(body.len()) {
        out.extend([flags, length]);
    } else {
        out.push(flags | LONG);
        out.extend((body.len() as u64).to_be_bytes());
    }
    out.extend_from_slice(body);
}

/// A PONG that answers a PING of `context`, with its frame header.
pub(super) fn pong(context: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    encode(COMMAND, &[b"\x04PONG", context].concat(), &mut out);
    out
}

/// What a subscriber asks for, after the handshake.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Request {
    /// Messages whose topic begins with this prefix.
    Subscribe(Vec<u8>),
    /// No longer.
    Cancel(Vec<u8>),
    /// A PONG with this context, at most 16 bytes.
    Ping(Vec<u8>),
    /// Nothing we must answer: a command we do not know.
    Nothing,
}

impl Request {
    /// Reads `frame`, in the form of ZMTP 3.0 (a message) or 3.1 (a command).
    pub(super) fn read(frame: &Frame) -> Result<Self, Bad> {
        if frame.command {
            return Self::of_command(&frame.body);
        }
        match frame.body.split_first() {
            Some((1, prefix)) if !frame.more => Ok(Self::Subscribe(prefix.to_vec())),
            Some((0, prefix)) if !frame.more => Ok(Self::Cancel(prefix.to_vec())),
            _ => Err(Bad::Frame),
        }
    }

    fn of_command(body: &[u8]) -> Result<Self, Bad> {
        let (name, data) = split_short(body).ok_or(Bad::Frame)?;
        match name {
            b"SUBSCRIBE" => Ok(Self::Subscribe(data.to_vec())),
            b"CANCEL" => Ok(Self::Cancel(data.to_vec())),
            b"PING" => {
                // Two bytes of TTL, which only a receiver that times out would use.
                let (_ttl, context) = data.split_at_checked(2).ok_or(Bad::Frame)?;
                Ok(Self::Ping(context[..context.len().min(PING_CONTEXT)].to_vec()))
            }
            _ => Ok(Self::Nothing),
        }
    }
}

/// Checks that `frame` is the READY of a socket of one of `kinds`, whatever else it tells.
pub(super) fn check_ready(frame: &Frame, kinds: &[&[u8]]) -> Result<(), Bad> {
    match split_short(&frame.body) {
        Some((b"READY", properties))
            if frame.command
                && socket_type(properties).is_some_and(|kind| kinds.contains(&kind)) =>
        {
            Ok(())
        }
        _ => Err(Bad::Ready),
    }
}

/// The Socket-Type among `properties`; `None` if it is absent, repeated, or they are malformed.
fn socket_type(mut properties: &[u8]) -> Option<&[u8]> {
    let mut found = None;
    while !properties.is_empty() {
        let (name, rest) = split_short(properties)?;
        let (length, rest) = rest.split_first_chunk::<4>()?;
        let length = usize::try_from(u32::from_be_bytes(*length)).ok()?;
        let (value, rest) = rest.split_at_checked(length)?;
        if name.eq_ignore_ascii_case(b"Socket-Type") && found.replace(value).is_some() {
            return None;
        }
        properties = rest;
    }
    found
}

/// A name that is not empty, after its length in one byte, and what follows it.
fn split_short(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (&length, rest) = bytes.split_first()?;
    rest.split_at_checked(length.into()).filter(|(name, _)| !name.is_empty())
}

#[cfg(test)]
mod tests;
