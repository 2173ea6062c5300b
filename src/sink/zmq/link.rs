//! The private side: the one connection that the PUB socket of the `zeromq` crate has.

use std::fs::{self, DirBuilder};
use std::hash::{BuildHasher as _, RandomState};
use std::io;
use std::os::unix::fs::DirBuilderExt as _;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::UnixStream;
use tokio::net::unix::{OwnedReadHalf, OwnedWriteHalf};
use tokio::time::timeout;
use zeromq::{PubSocket, Socket as _, SocketSend as _, ZmqMessage};

use super::frames::{FrameReader, Pace};
use super::limits::Limits;
use super::outbox::Encoded;
use super::zmtp::{self, GREETING, GREETING_LEN};

/// Bytes read from the socket at a time.
const BUFFER: usize = 64 << 10;

/// Probes sent until the subscription is seen to work, and the time waited for each.
const PROBES: u32 = 500;
const PROBE_WAIT: Duration = Duration::from_millis(2);

/// A PUB socket that has exactly one subscriber for ever: this side of the link.
///
/// Each message goes in, comes out and is taken before the next one goes in. So the queues inside
/// the crate hold one message at most, although they have no bound that works (zeromq 0.7.0).
pub(super) struct Link {
    socket: PubSocket,
    frames: FrameReader<OwnedReadHalf>,
    /// Nothing is sent after the handshake, but closing this half would end the link.
    writer: OwnedWriteHalf,
}

/// A message as it came out of the socket.
#[derive(Debug)]
pub(super) struct Published {
    /// Its first frame.
    pub(super) topic: Vec<u8>,
    /// All of it, framed again.
    pub(super) bytes: Encoded,
}

impl Link {
    /// Starts a PUB socket and connects to it through a Unix socket in a folder of its own, which
    /// is gone again before this returns: nobody else can reach the PUB later, and a process that is
    /// killed leaves nothing behind.
    ///
    /// # Errors
    /// When no private folder can be made, or the socket does not answer.
    pub(super) async fn open(limits: &Limits) -> io::Result<Self> {
        let (folder, listener) = PrivateFolder::listen()?;
        let mut socket = PubSocket::new();
        socket.bind_listener(listener).await.map_err(io::Error::other)?;
        let (mut reader, mut writer) = UnixStream::connect(folder.socket()).await?.into_split();
        writer.write_all(&GREETING).await?;
        let mut greeting = [0; GREETING_LEN];
        reader.read_exact(&mut greeting).await?;
        writer.write_all(zmtp::READY_SUB).await?;
        let pace = Pace { buffer: BUFFER, reads: u32::MAX, rest: Duration::ZERO };
        let frames = FrameReader::new(reader, pace, limits.message_bytes);
        let mut link = Self { socket, frames, writer };
        link.frame().await?; // its READY
        link.writer.write_all(zmtp::SUBSCRIBE_ALL).await?;
        link.wait_until_subscribed().await?;
        drop(link.socket.unbind_all().await);
        Ok(link)
    }

    /// Publishes `frames` and takes what comes out.
    ///
    /// # Errors
    /// When the socket is broken; the link is of no use then.
    pub(super) async fn pass(&mut self, message: ZmqMessage) -> io::Result<Published> {
        self.socket.send(message).await.map_err(io::Error::other)?;
        let mut frame = self.frame().await?;
        let topic = frame.body.clone();
        let mut bytes = Vec::new();
        loop {
            zmtp::encode_frame(frame.more, &frame.body, &mut bytes);
            if !frame.more {
                return Ok(Published { topic, bytes: bytes.into() });
            }
            frame = self.frame().await?;
        }
    }

    /// A subscription takes effect some time after it was sent, and PUB does not say when. So
    /// numbered probes are sent until one comes out, and those after it are waited for.
    async fn wait_until_subscribed(&mut self) -> io::Result<()> {
        for sent in 0..PROBES {
            let probe = ZmqMessage::from(sent.to_be_bytes().to_vec());
            self.socket.send(probe).await.map_err(io::Error::other)?;
            let Ok(frame) = timeout(PROBE_WAIT, self.frame()).await else { continue };
            let mut arrived = frame?;
            while arrived.body != sent.to_be_bytes() {
                arrived = self.frame().await?;
            }
            return Ok(());
        }
        Err(io::Error::new(io::ErrorKind::TimedOut, "the PUB socket takes no subscription"))
    }

    async fn frame(&mut self) -> io::Result<zmtp::Frame> {
        self.frames.frame().await.map_err(|why| {
            io::Error::other(format!("the private connection to the PUB socket broke: {why:?}"))
        })
    }
}

/// A folder that only this user can enter, removed when dropped.
///
/// Not an abstract socket, which has no permissions: any process of the machine could connect
/// there, past all limits, while it is open.
struct PrivateFolder(PathBuf);

impl PrivateFolder {
    /// A folder and a listener in it: under systemd in the unit's `RuntimeDirectory`, else in the
    /// user's, else in the one for temporary files.
    fn listen() -> io::Result<(Self, UnixListener)> {
        let of_unit = std::env::var_os("RUNTIME_DIRECTORY").map(PathBuf::from);
        let of_user = std::env::var_os("XDG_RUNTIME_DIR").map(PathBuf::from);
        let mut result = Err(io::ErrorKind::NotFound.into());
        for parent in of_unit.into_iter().chain(of_user).chain([std::env::temp_dir()]) {
            result = Self::listen_in(&parent);
            if result.is_ok() {
                break;
            }
        }
        result
    }

    fn listen_in(parent: &Path) -> io::Result<(Self, UnixListener)> {
        // Nobody can guess the name and take it first.
        let random = RandomState::new().hash_one(std::process::id());
        let path = parent.join(format!("visaged-{random:016x}"));
        DirBuilder::new().mode(0o700).create(&path)?;
        let folder = Self(path);
        let listener = UnixListener::bind(folder.socket())?;
        Ok((folder, listener))
    }

    fn socket(&self) -> PathBuf {
        self.0.join("pub")
    }
}

impl Drop for PrivateFolder {
    fn drop(&mut self) {
        // A folder left behind without a listener harms nobody.
        drop(fs::remove_dir_all(&self.0));
    }
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt as _;

    use super::*;

    #[test]
    fn only_this_user_can_enter_the_folder_and_it_goes_with_its_owner() {
        let (folder, _listener) = PrivateFolder::listen_in(&std::env::temp_dir()).unwrap();
        let path = folder.0.clone();
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o700);
        drop(folder);
        assert!(!path.exists());
    }

    #[test]
    fn messages_come_out_as_they_went_in() {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(async {
            let mut link = Link::open(&Limits::default()).await.unwrap();
            for payload in [vec![], vec![7; 300], vec![8; 1 << 20]] {
                let mut message = ZmqMessage::from(b"v1/".to_vec());
                message.push_back(payload.clone().into());
                let published = link.pass(message).await.unwrap();
                let mut expected = b"\x01\x03v1/".to_vec();
                zmtp::encode_frame(false, &payload, &mut expected);
                assert_eq!(published.topic, b"v1/");
                assert!(*published.bytes == *expected);
            }
        });
    }
}
