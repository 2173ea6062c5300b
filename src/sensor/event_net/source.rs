//! Where bytes come from: TCP either way round, UDP, standard input. No call waits beyond 50 ms.

use std::io::{self, ErrorKind, Read};
use std::net::{SocketAddr, TcpListener, TcpStream, ToSocketAddrs, UdpSocket};
use std::os::fd::OwnedFd;
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::sockopt::{self, Timeout};
use rustix::net::{AddressFamily, SocketFlags, SocketType, connect, socket_with};

use super::pipe::Pipe;
use crate::sensor::udp::{self, WAIT};

/// Waits for a connection before it is given up: 3 s.
const CONNECT_WAITS: u32 = 60;
/// Waits after which a silent sender of datagrams has lost its place: 1 s.
const PEER_WAITS: u32 = 20;
/// After so long without a word the kernel asks whether the peer still exists, so often.
const KEEPALIVE_IDLE: Duration = Duration::from_secs(2);
const KEEPALIVE_INTERVAL: Duration = Duration::from_secs(1);
const KEEPALIVE_PROBES: u32 = 3;

/// How bytes reach us, as configured.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Transport {
    /// A TCP connection that we make, to `HOST:PORT`.
    Connect(String),
    /// TCP connections that others make to this address, one at a time.
    Listen(SocketAddr),
    /// Datagrams to this address.
    Udp(SocketAddr),
    /// Standard input.
    Stdin,
}

impl Transport {
    /// As messages call it.
    #[must_use]
    pub fn name(&self) -> String {
        match self {
            Self::Connect(to) => format!("tcp://{to}"),
            Self::Listen(at) => format!("tcp://{at} (listening)"),
            Self::Udp(at) => format!("udp://{at}"),
            Self::Stdin => "standard input".to_owned(),
        }
    }
}

/// What a call brought.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum News {
    /// So many bytes; `fresh` ones do not follow those before, but come from a new peer.
    Bytes { length: usize, fresh: bool },
    /// A datagram of somebody who is not the peer.
    Stranger,
    /// Nothing within 50 ms.
    Nothing,
    /// Nothing will ever come again.
    End,
}

/// An open or waiting source.
#[derive(Debug)]
pub(super) enum Source {
    Connect(Dial),
    Listen(Door),
    Udp(Mailbox),
    Stdin(Pipe),
}

impl Source {
    /// Touches nothing yet.
    pub(super) fn new(transport: &Transport) -> Self {
        match transport {
            Transport::Connect(to) => Self::Connect(Dial { to: to.clone(), state: Line::Closed }),
            Transport::Listen(at) => Self::Listen(Door { at: *at, listener: None, peer: None }),
            Transport::Udp(at) => {
                Self::Udp(Mailbox { at: *at, socket: None, peer: None, silent: 0 })
            }
            Transport::Stdin => Self::Stdin(Pipe::new(io::stdin())),
        }
    }

    /// Takes what came into `buffer`. Waits for it if `wait`; only datagrams can be asked for
    /// without waiting.
    pub(super) fn receive(&mut self, buffer: &mut [u8], wait: bool) -> io::Result<News> {
        match self {
            Self::Connect(dial) => dial.receive(buffer),
            Self::Listen(door) => door.receive(buffer),
            Self::Udp(mailbox) => mailbox.receive(buffer, wait),
            Self::Stdin(pipe) => pipe.receive(buffer),
        }
    }

    /// True if what comes, comes in datagrams.
    pub(super) const fn is_datagrams(&self) -> bool {
        matches!(self, Self::Udp(_))
    }

    /// Closes connections. A listening socket stays, so that the peer finds somebody when it comes
    /// back.
    pub(super) fn close(&mut self) {
        match self {
            Self::Connect(dial) => dial.state = Line::Closed,
            Self::Listen(door) => door.peer = None,
            Self::Udp(mailbox) => (mailbox.socket, mailbox.peer) = (None, None),
            Self::Stdin(_) => {}
        }
    }
}

/// A connection that we make.
#[derive(Debug)]
pub(super) struct Dial {
    to: String,
    state: Line,
}

#[derive(Debug)]
enum Line {
    Closed,
    Ringing { socket: OwnedFd, to: SocketAddr, waits: u32 },
    Open(Peer),
}

impl Dial {
    fn receive(&mut self, buffer: &mut [u8]) -> io::Result<News> {
        self.state = match core::mem::replace(&mut self.state, Line::Closed) {
            Line::Open(mut peer) => {
                let news = peer.read(buffer)?;
                self.state = Line::Open(peer);
                return Ok(news);
            }
            Line::Closed => {
                // A name is looked up by the system, which may take its time.
                let mut found = self.to.to_socket_addrs()?;
                let to = found.next().ok_or_else(|| io::Error::from(ErrorKind::NotFound))?;
                ring(socket(to)?, to, 0)?
            }
            Line::Ringing { waits: CONNECT_WAITS, .. } => return Err(ErrorKind::TimedOut.into()),
            Line::Ringing { socket, to, waits } => ring(socket, to, waits + 1)?,
        };
        Ok(News::Nothing)
    }
}

/// A socket whose calls wait 50 ms at most.
fn socket(to: SocketAddr) -> io::Result<OwnedFd> {
    let family = if to.is_ipv4() { AddressFamily::INET } else { AddressFamily::INET6 };
    let socket = socket_with(family, SocketType::STREAM, SocketFlags::CLOEXEC, None)?;
    // Linux: bounds how long `connect` waits; the attempt goes on, and so does the next call.
    sockopt::set_socket_timeout(&socket, Timeout::Send, Some(WAIT))?;
    Ok(socket)
}

fn ring(socket: OwnedFd, to: SocketAddr, waits: u32) -> io::Result<Line> {
    match connect(&socket, &to) {
        Ok(()) => Ok(Line::Open(Peer::new(socket.into())?)),
        Err(Errno::INPROGRESS | Errno::ALREADY | Errno::AGAIN | Errno::INTR) => {
            Ok(Line::Ringing { socket, to, waits })
        }
        Err(error) => Err(error.into()),
    }
}

/// A place where others connect to us.
#[derive(Debug)]
pub(super) struct Door {
    at: SocketAddr,
    listener: Option<TcpListener>,
    peer: Option<Peer>,
}

impl Door {
    fn receive(&mut self, buffer: &mut [u8]) -> io::Result<News> {
        if let Some(peer) = &mut self.peer {
            return peer.read(buffer);
        }
        let listener = match &self.listener {
            Some(listener) => listener,
            None => {
                let listener = TcpListener::bind(self.at)?;
                sockopt::set_socket_timeout(&listener, Timeout::Recv, Some(WAIT))?;
                self.listener.insert(listener)
            }
        };
        match listener.accept() {
            Ok((stream, _)) => {
                self.peer = Some(Peer::new(stream)?);
                Ok(News::Nothing)
            }
            Err(error) if is_idle(&error) => Ok(News::Nothing),
            Err(error) => Err(error),
        }
    }
}

/// An open connection.
#[derive(Debug)]
struct Peer {
    stream: TcpStream,
    fresh: bool,
}

impl Peer {
    fn new(stream: TcpStream) -> io::Result<Self> {
        stream.set_read_timeout(Some(WAIT))?;
        // A camera may be silent for long; a cable that was pulled is to be noticed all the same.
        sockopt::set_socket_keepalive(&stream, true)?;
        sockopt::set_tcp_keepidle(&stream, KEEPALIVE_IDLE)?;
        sockopt::set_tcp_keepintvl(&stream, KEEPALIVE_INTERVAL)?;
        sockopt::set_tcp_keepcnt(&stream, KEEPALIVE_PROBES)?;
        Ok(Self { stream, fresh: true })
    }

    fn read(&mut self, buffer: &mut [u8]) -> io::Result<News> {
        match self.stream.read(buffer) {
            Ok(0) => Err(ErrorKind::UnexpectedEof.into()),
            Ok(length) => {
                Ok(News::Bytes { length, fresh: core::mem::replace(&mut self.fresh, false) })
            }
            Err(error) if is_idle(&error) => Ok(News::Nothing),
            Err(error) => Err(error),
        }
    }
}

fn is_idle(error: &io::Error) -> bool {
    matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted)
}

/// A place where datagrams arrive.
#[derive(Debug)]
pub(super) struct Mailbox {
    at: SocketAddr,
    socket: Option<UdpSocket>,
    /// Whose datagrams are taken.
    peer: Option<SocketAddr>,
    silent: u32,
}

impl Mailbox {
    fn receive(&mut self, buffer: &mut [u8], wait: bool) -> io::Result<News> {
        let socket = match &self.socket {
            Some(socket) => socket,
            None => self.socket.insert(udp::bind(self.at)?),
        };
        let Some((length, from)) = udp::receive(socket, buffer, wait)? else {
            self.silent = self.silent.saturating_add(u32::from(wait));
            return Ok(News::Nothing);
        };
        let fresh = self.peer != Some(from);
        // Two senders at once would mix two clocks.
        if fresh && self.peer.is_some() && self.silent < PEER_WAITS {
            return Ok(News::Stranger);
        }
        (self.peer, self.silent) = (Some(from), 0);
        Ok(News::Bytes { length, fresh })
    }
}
