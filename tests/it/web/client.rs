//! Plain HTTP and a WebSocket client (RFC 6455), written here so that nothing of the code under test
//! is used to test it.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpListener, TcpStream};
use std::time::Duration;

use serde_json::Value;

/// A port that was free a moment ago.
pub fn free_port() -> u16 {
    TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port()
}

/// A connection, as soon as somebody listens; reads end in a panic after 20 s.
pub fn connect(address: SocketAddr) -> TcpStream {
    for _ in 0..400 {
        if let Ok(stream) = TcpStream::connect(address) {
            stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
            return stream;
        }
        std::thread::park_timeout(Duration::from_millis(50));
    }
    panic!("nobody listens on {address}");
}

/// An answer.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    /// Lines of the head, names in lower case.
    pub head: Vec<String>,
    pub body: String,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        let prefix = format!("{name}: ");
        self.head.iter().find_map(|line| line.strip_prefix(&prefix))
    }
}

/// Asks for `path` with these headers beside `Host`, if none of them is one.
pub fn get(address: SocketAddr, path: &str, headers: &[&str]) -> Answer {
    ask(address, "GET", path, headers)
}

pub fn ask(address: SocketAddr, method: &str, path: &str, headers: &[&str]) -> Answer {
    let mut stream = connect(address);
    let mut request = format!("{method} {path} HTTP/1.1\r\nConnection: close\r\n");
    if !headers.iter().any(|header| header.starts_with("Host:")) {
        request += &format!("Host: {address}\r\n");
    }
    headers.iter().for_each(|header| request += &format!("{header}\r\n"));
    stream.write_all(format!("{request}\r\n").as_bytes()).unwrap();
    let mut reader = BufReader::new(stream);
    let (status, head) = head(&mut reader);
    let mut body = Vec::new();
    reader.read_to_end(&mut body).unwrap();
    Answer { status, head, body: String::from_utf8(body).unwrap() }
}

/// Status and lines of an answer's head.
pub fn head(reader: &mut BufReader<TcpStream>) -> (u16, Vec<String>) {
    let mut lines = Vec::new();
    loop {
        let mut line = String::new();
        assert!(reader.read_line(&mut line).unwrap() > 0, "closed after {lines:?}");
        if line == "\r\n" {
            break;
        }
        let line = line.trim_end();
        let lower = |(name, value): (&str, &str)| format!("{}:{value}", name.to_lowercase());
        lines.push(line.split_once(':').map_or_else(|| line.to_owned(), lower));
    }
    let status = lines[0].split(' ').nth(1).unwrap().parse().unwrap();
    (status, lines)
}

/// What a viewer is sent.
#[derive(Debug)]
pub enum News {
    /// A message of a topic.
    Message(Value),
    /// A picture: header and pixels.
    Picture(Value, Vec<u8>),
    /// The server has ended it.
    Closed,
}

/// The page's side of the socket.
pub struct Viewer(BufReader<TcpStream>);

impl Viewer {
    /// A viewer that was let in.
    pub fn connect(address: SocketAddr) -> Self {
        Self::try_connect(address, &[]).unwrap_or_else(|answer| panic!("{answer:?}"))
    }

    /// A viewer, or the status and head of the refusal.
    pub fn try_connect(address: SocketAddr, headers: &[&str]) -> Result<Self, (u16, Vec<String>)> {
        let mut stream = connect(address);
        // Key and answer are those of RFC 6455, section 1.3.
        let mut request = "GET /live HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
                           Sec-WebSocket-Version: 13\r\n\
                           Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
            .to_owned();
        request += &format!("Host: {address}\r\n");
        headers.iter().for_each(|header| request += &format!("{header}\r\n"));
        stream.write_all(format!("{request}\r\n").as_bytes()).unwrap();
        let mut reader = BufReader::new(stream);
        let (status, head) = head(&mut reader);
        if status != 101 {
            return Err((status, head));
        }
        let accepted = "sec-websocket-accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=";
        assert!(head.iter().any(|line| line == accepted), "{head:?}");
        Ok(Self(reader))
    }

    /// The next message or picture.
    pub fn news(&mut self) -> News {
        loop {
            let Some((first, payload)) = self.frame() else { return News::Closed };
            match first {
                0x81 => return News::Message(serde_json::from_slice(&payload).unwrap()),
                0x82 => {
                    let length = u32::from_le_bytes(payload[..4].try_into().unwrap());
                    let (header, pixels) = payload[4..].split_at(length.try_into().unwrap());
                    let header = serde_json::from_slice(header).unwrap();
                    return News::Picture(header, pixels.to_vec());
                }
                0x88 => return News::Closed,
                0x89 | 0x8A => {}
                other => panic!("a frame that begins with {other:#x}"),
            }
        }
    }

    /// The next message of `stream`.
    pub fn message(&mut self, stream: &str) -> Value {
        let prefix = format!("v1/{stream}/");
        loop {
            match self.news() {
                News::Message(message)
                    if message["topic"].as_str().unwrap().starts_with(&prefix) =>
                {
                    return message;
                }
                News::Closed => panic!("closed before a message of {stream}"),
                News::Message(_) | News::Picture(..) => {}
            }
        }
    }

    /// Says a frame with this first byte, masked as clients must.
    pub fn say(&mut self, first: u8, payload: &[u8]) {
        let mask = [1_u8, 2, 3, 4];
        let length = u8::try_from(payload.len()).unwrap();
        assert!(length < 126, "short frames only");
        let masked = payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask);
        let frame: Vec<u8> = [first, 0x80 | length].into_iter().chain(mask).chain(masked).collect();
        // It may be closed already.
        drop(self.0.get_mut().write_all(&frame));
    }

    pub fn stream(&self) -> &TcpStream {
        self.0.get_ref()
    }

    /// First byte and payload; `None` at the end.
    fn frame(&mut self) -> Option<(u8, Vec<u8>)> {
        let mut head = [0; 2];
        self.0.read_exact(&mut head).ok()?;
        assert_eq!(head[1] & 0x80, 0, "a server does not mask");
        let length = match head[1] {
            126 => {
                let mut length = [0; 2];
                self.0.read_exact(&mut length).ok()?;
                u64::from(u16::from_be_bytes(length))
            }
            127 => {
                let mut length = [0; 8];
                self.0.read_exact(&mut length).ok()?;
                u64::from_be_bytes(length)
            }
            short => u64::from(short),
        };
        let mut payload = vec![0; usize::try_from(length).unwrap()];
        self.0.read_exact(&mut payload).ok()?;
        Some((head[0], payload))
    }
}
