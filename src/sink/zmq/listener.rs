//! The public side: sockets that subscribers connect to.

use std::io;
use std::net::SocketAddr;
use std::time::Duration;

use rustix::net::sockopt;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpSocket, UnixListener};

use super::endpoint::Endpoint;
use super::limits::Limits;

/// Connections that the kernel holds while they wait to be accepted.
const BACKLOG: u32 = 128;

/// After so long without a word the kernel asks whether a subscriber still exists.
const KEEPALIVE: Duration = Duration::from_secs(5);

/// The receiving half of a connection.
pub(super) type Reader = Box<dyn AsyncRead + Send + Unpin>;

/// The sending half of a connection.
pub(super) type Writer = Box<dyn AsyncWrite + Send + Unpin>;

/// A bound endpoint. Dropping it removes the socket file.
#[derive(Debug)]
pub(super) struct Listener {
    socket: Socket,
    endpoint: Endpoint,
}

#[derive(Debug)]
enum Socket {
    Tcp(TcpListener),
    Ipc(UnixListener),
}

impl Listener {
    /// Binds `endpoint`, removing a socket file that a killed process left there.
    pub(super) fn bind(endpoint: &Endpoint, limits: &Limits) -> io::Result<Self> {
        match endpoint {
            Endpoint::Tcp { address, port } => {
                let listener = listen_tcp(SocketAddr::new(*address, *port), limits)?;
                let at = listener.local_addr()?;
                let endpoint = Endpoint::Tcp { address: at.ip(), port: at.port() };
                Ok(Self { socket: Socket::Tcp(listener), endpoint })
            }
            Endpoint::Ipc(path) => {
                endpoint.remove_stale_socket_file()?;
                let socket = Socket::Ipc(UnixListener::bind(path)?);
                let listener = Self { socket, endpoint: endpoint.clone() };
                endpoint.restrict_socket_file()?;
                Ok(listener)
            }
        }
    }

    /// Where it is bound, port 0 resolved.
    pub(super) fn endpoint(&self) -> &Endpoint {
        &self.endpoint
    }

    /// The next connection.
    pub(super) async fn accept(&self) -> io::Result<(Reader, Writer)> {
        match &self.socket {
            Socket::Tcp(listener) => {
                let (stream, _) = listener.accept().await?;
                // Results are small and late ones are useless: never wait for more to send.
                stream.set_nodelay(true)?;
                let (reader, writer) = stream.into_split();
                Ok((Box::new(reader), Box::new(writer)))
            }
            Socket::Ipc(listener) => {
                let (stream, _) = listener.accept().await?;
                let (reader, writer) = stream.into_split();
                Ok((Box::new(reader), Box::new(writer)))
            }
        }
    }
}

impl Drop for Listener {
    fn drop(&mut self) {
        self.endpoint.remove_socket_file();
    }
}

/// Listens with options that each accepted connection inherits: a subscriber whose cable was pulled
/// does not hold its place for the quarter of an hour that TCP would allow it.
fn listen_tcp(address: SocketAddr, limits: &Limits) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_reuseaddr(true)?;
    socket.set_send_buffer_size(limits.send_buffer)?;
    socket.set_keepalive(true)?;
    sockopt::set_tcp_keepidle(&socket, KEEPALIVE)?;
    sockopt::set_tcp_keepintvl(&socket, KEEPALIVE)?;
    // Twice: whoever is there and does not read is to be evicted, and counted, by us.
    let vanished_ms = u32::try_from(limits.stall.as_millis() * 2).unwrap_or(u32::MAX);
    sockopt::set_tcp_user_timeout(&socket, vanished_ms)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}
