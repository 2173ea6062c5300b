//! The subscriber's side of ZMTP 3.0 (rfc.zeromq.org/spec/23), written here so that nothing of the
//! code under test is used to test it.

use std::io::{BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

/// READY of a SUB, with its frame header.
pub const READY: &[u8] = b"\x04\x19\x05READY\x0bSocket-Type\x00\x00\x00\x03SUB";

/// A greeting of version 3.0 with `mechanism`.
pub fn greeting(mechanism: &[u8]) -> [u8; 64] {
    let mut greeting = [0; 64];
    (greeting[0], greeting[9], greeting[10]) = (0xff, 0x7f, 3);
    greeting[12..12 + mechanism.len()].copy_from_slice(mechanism);
    greeting
}

/// A subscription to `prefix`, with its frame header.
pub fn subscribe(prefix: &[u8]) -> Vec<u8> {
    let length = u8::try_from(prefix.len() + 1).unwrap();
    [&[0, length, 1], prefix].concat()
}

/// READY of a SUB that calls itself `identity`, with its frame header.
pub fn ready_as(identity: &[u8]) -> Vec<u8> {
    let length = u8::try_from(identity.len()).unwrap();
    let mut ready = [READY, b"\x08Identity\x00\x00\x00", &[length], identity].concat();
    ready[1] += 8 + 1 + 4 + length;
    ready
}

/// A connection on which anything may be said; reads end in a panic after 20 s.
pub fn connect(address: &str) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
    stream
}

/// A connection on which `bytes` were said. The other side may have closed it before the last one.
pub fn say(address: &str, bytes: &[u8]) -> TcpStream {
    let mut stream = connect(address);
    drop(stream.write_all(bytes));
    stream
}

/// Waits until the other side closes the connection.
pub fn wait_for_close(mut stream: TcpStream) {
    let mut buffer = [0; 4096];
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => return,
            Ok(_) => {}
            Err(error) if error.kind() == std::io::ErrorKind::ConnectionReset => return,
            Err(error) => panic!("still open: {error}"),
        }
    }
}

/// The least of a SUB.
pub struct Subscriber(pub BufReader<TcpStream>);

impl Subscriber {
    pub fn connect(address: &str, prefix: &[u8]) -> Self {
        let mut subscriber = Self::shake_hands(address, READY);
        subscriber.say(&subscribe(prefix));
        subscriber
    }

    /// Connected, with `ready` as its READY, and not subscribed to anything.
    pub fn shake_hands(address: &str, ready: &[u8]) -> Self {
        let mut subscriber = Self(BufReader::new(connect(address)));
        subscriber.say(&greeting(b"NULL"));
        subscriber.say(ready);
        let mut theirs = [0; 64];
        subscriber.0.read_exact(&mut theirs).unwrap();
        assert_eq!(theirs, greeting(b"NULL"));
        assert_eq!(subscriber.frame().0 & 4, 4, "READY is a command");
        subscriber
    }

    pub fn say(&mut self, bytes: &[u8]) {
        self.0.get_mut().write_all(bytes).unwrap();
    }

    pub fn frame(&mut self) -> (u8, Vec<u8>) {
        self.try_frame().unwrap()
    }

    fn try_frame(&mut self) -> std::io::Result<(u8, Vec<u8>)> {
        let mut flags = [0; 1];
        self.0.read_exact(&mut flags)?;
        let length = if flags[0] & 2 == 0 {
            let mut length = [0; 1];
            self.0.read_exact(&mut length)?;
            usize::from(length[0])
        } else {
            let mut length = [0; 8];
            self.0.read_exact(&mut length)?;
            usize::try_from(u64::from_be_bytes(length)).unwrap()
        };
        let mut body = vec![0; length];
        self.0.read_exact(&mut body)?;
        Ok((flags[0], body))
    }

    pub fn message(&mut self) -> Vec<Vec<u8>> {
        self.try_message().unwrap()
    }

    /// The next message, or why there is none.
    pub fn try_message(&mut self) -> std::io::Result<Vec<Vec<u8>>> {
        let mut frames = Vec::new();
        loop {
            let (flags, body) = self.try_frame()?;
            frames.push(body);
            if flags & 1 == 0 {
                return Ok(frames);
            }
        }
    }
}

/// A Python that has pyzmq: the one that CI prepares, or the system's.
pub fn python_with_zmq() -> Option<PathBuf> {
    python_with("zmq")
}

/// A Python that has `module`: the one that CI prepares, or the system's.
pub fn python_with(module: &str) -> Option<PathBuf> {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join(".venv/bin/python");
    [own, PathBuf::from("python3")].into_iter().find(|python| {
        Command::new(python)
            .args(["-c", &format!("import {module}")])
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success())
    })
}
