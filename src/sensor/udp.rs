//! UDP as live devices need it: never longer than 50 ms in one call.

use std::io;
use std::net::{SocketAddr, UdpSocket};
use std::time::Duration;

use rustix::io::Errno;
use rustix::net::{RecvFlags, recvfrom};

/// Longest wait of one call.
pub(super) const WAIT: Duration = Duration::from_millis(50);

/// A socket bound to `address`.
pub(super) fn bind(address: SocketAddr) -> io::Result<UdpSocket> {
    let socket = UdpSocket::bind(address)?;
    socket.set_read_timeout(Some(WAIT))?;
    Ok(socket)
}

/// Length and sender of the next datagram; what does not fit into `buffer` is cut off. Waits for
/// one if `wait`; `None` if there is none.
pub(super) fn receive(
    socket: &UdpSocket,
    buffer: &mut [u8],
    wait: bool,
) -> io::Result<Option<(usize, SocketAddr)>> {
    let flags = if wait { RecvFlags::empty() } else { RecvFlags::DONTWAIT };
    match recvfrom(socket, buffer, flags) {
        Ok((filled, length, Some(from))) => {
            Ok(Some((length.min(filled), SocketAddr::try_from(from)?)))
        }
        Ok((_, _, None)) | Err(Errno::AGAIN | Errno::INTR) => Ok(None),
        Err(error) => Err(error.into()),
    }
}
