//! ZeroMQ endpoints that can be bound: checked when the configuration is loaded.

use std::fmt;
use std::fs;
use std::io;
use std::net::{IpAddr, Ipv4Addr};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::UnixStream;
use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// Where to publish.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize, Serialize)]
#[serde(try_from = "String", into = "String")]
pub enum Endpoint {
    /// `tcp://127.0.0.1:5556`; port 0 picks a free one.
    Tcp {
        /// Address to listen on.
        address: IpAddr,
        /// Port.
        port: u16,
    },
    /// `ipc:///run/visaged/pub.sock`, a Unix socket with mode 0660.
    Ipc(PathBuf),
}

/// Why a text is no endpoint.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is no endpoint: {reason}")]
pub struct BadEndpoint {
    text: String,
    reason: &'static str,
}

impl Endpoint {
    /// Where the demo and plain replays publish: `tcp://127.0.0.1:5556`.
    #[must_use]
    pub const fn demo() -> Self {
        Self::Tcp { address: IpAddr::V4(Ipv4Addr::LOCALHOST), port: 5556 }
    }

    /// True if only this machine can connect.
    #[must_use]
    pub fn is_local(&self) -> bool {
        match self {
            Self::Tcp { address, .. } => address.is_loopback(),
            Self::Ipc(_) => true,
        }
    }

    /// Removes a socket file that nobody listens on, left by a process that was killed.
    pub(super) fn remove_stale_socket_file(&self) -> io::Result<()> {
        let Self::Ipc(path) = self else { return Ok(()) };
        match UnixStream::connect(path) {
            Err(error) if error.kind() == io::ErrorKind::ConnectionRefused => fs::remove_file(path),
            _ => Ok(()), // absent, or in use: binding will say so
        }
    }

    /// Gives the socket file to owner and group only.
    pub(super) fn restrict_socket_file(&self) -> io::Result<()> {
        let Self::Ipc(path) = self else { return Ok(()) };
        fs::set_permissions(path, fs::Permissions::from_mode(0o660))
    }

    pub(super) fn remove_socket_file(&self) {
        if let Self::Ipc(path) = self {
            // Already gone is as good as removed.
            drop(fs::remove_file(path));
        }
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp { address: IpAddr::V6(address), port } => {
                write!(f, "tcp://[{address}]:{port}")
            }
            Self::Tcp { address, port } => write!(f, "tcp://{address}:{port}"),
            Self::Ipc(path) => write!(f, "ipc://{}", path.display()),
        }
    }
}

impl From<Endpoint> for String {
    fn from(endpoint: Endpoint) -> Self {
        endpoint.to_string()
    }
}

impl TryFrom<String> for Endpoint {
    type Error = BadEndpoint;

    fn try_from(text: String) -> Result<Self, BadEndpoint> {
        match parse(&text) {
            Ok(endpoint) => Ok(endpoint),
            Err(reason) => Err(BadEndpoint { text, reason }),
        }
    }
}

impl std::str::FromStr for Endpoint {
    type Err = BadEndpoint;

    fn from_str(text: &str) -> Result<Self, BadEndpoint> {
        Self::try_from(text.to_owned())
    }
}

fn parse(text: &str) -> Result<Endpoint, &'static str> {
    if let Some(path) = text.strip_prefix("ipc://") {
        if path.is_empty() || path.starts_with(['@', '*']) {
            return Err("write ipc:// and the path of a socket file");
        }
        return Ok(Endpoint::Ipc(path.into()));
    }
    let Some(rest) = text.strip_prefix("tcp://") else {
        return Err("write tcp://ADDRESS:PORT or ipc://PATH");
    };
    let Some((address, port)) = rest.rsplit_once(':') else {
        return Err("the port is missing");
    };
    let port = port.parse().ok().ok_or("the port is not a number from 0 to 65535")?;
    let address = match address {
        "*" => return Err("write 0.0.0.0 or [::] for all interfaces"),
        "localhost" => "127.0.0.1",
        other => other.trim_start_matches('[').trim_end_matches(']'),
    };
    let address = address.parse().ok().ok_or("the address is not an IP address")?;
    Ok(Endpoint::Tcp { address, port })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn endpoints_print_as_they_were_written() {
        for text in ["tcp://127.0.0.1:5556", "tcp://[::1]:0", "ipc:///run/visaged/pub.sock"] {
            assert_eq!(text.parse::<Endpoint>().unwrap().to_string(), text);
        }
    }

    #[test]
    fn endpoints_the_crate_would_choke_on_are_refused_with_a_remedy() {
        for text in
            ["tcp://*:5556", "ipc://*", "ipc://@x", "inproc://x", "tcp://1.2.3.4", "tcp://x:1"]
        {
            assert!(text.parse::<Endpoint>().is_err(), "{text}");
        }
    }

    #[test]
    fn only_loopback_and_sockets_are_local() {
        assert!("tcp://127.0.0.1:1".parse::<Endpoint>().unwrap().is_local());
        assert!(!"tcp://0.0.0.0:1".parse::<Endpoint>().unwrap().is_local());
    }
}
