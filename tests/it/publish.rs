//! The daemon binary publishes, and others receive: a hand-written ZMTP peer and libzmq.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::scratch::Scratch;
use crate::support;

/// The daemon over the shipped scene, on a free port.
struct Daemon {
    child: Child,
    address: String,
    // Holds the configuration while the daemon runs.
    _folder: Scratch,
}

impl Daemon {
    fn start(name: &str, more: &str) -> Self {
        let folder = Scratch::new(name);
        let scene = Path::new(env!("CARGO_MANIFEST_DIR")).join("configs/scenes/demo");
        let config = folder.path().join("config.toml");
        let text = format!(
            "[[sensor]]\nname = \"radar\"\nkind = \"infineon\"\nsettings.path = {:?}\n\
             [[sensor]]\nname = \"camera\"\nkind = \"evt\"\nsettings.path = {:?}\n\
             [playback]\nrepeat = true\n\
             [publish]\nendpoints = [\"tcp://127.0.0.1:0\"]\n{more}",
            scene.join("radar"),
            scene.join("event.raw"),
        );
        std::fs::write(&config, text).unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_visaged"))
            .args(["run", "--config"])
            .arg(&config)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let address = lines
            .by_ref()
            .map(Result::unwrap)
            .find_map(|line| Some(line.split_once("tcp://")?.1.trim_matches('"').to_owned()))
            .expect("the daemon says where it publishes");
        // Nobody may be blocked by a full pipe.
        std::thread::spawn(move || lines.for_each(drop));
        Self { child, address, _folder: folder }
    }

    /// Sends SIGTERM and gives the time until the process is gone, and whether it ended well.
    fn stop(mut self) -> (Duration, bool) {
        #[expect(clippy::disallowed_methods, reason = "the test is about real time")]
        let start = Instant::now();
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
        let status = self.child.wait().unwrap();
        (start.elapsed(), status.success())
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _reaped = self.child.wait();
    }
}

/// The least of a ZMTP 3.0 SUB (rfc.zeromq.org/spec/23), written here so that nothing of the
/// crate under test is used to test it.
struct Subscriber(BufReader<TcpStream>);

impl Subscriber {
    fn connect(address: &str, prefix: &[u8]) -> Self {
        let mut stream = TcpStream::connect(address).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(20))).unwrap();
        let mut greeting = [0; 64];
        (greeting[0], greeting[9], greeting[10]) = (0xff, 0x7f, 3);
        greeting[12..16].copy_from_slice(b"NULL");
        stream.write_all(&greeting).unwrap();
        stream.write_all(b"\x04\x19\x05READY\x0bSocket-Type\x00\x00\x00\x03SUB").unwrap();
        let mut subscriber = Self(BufReader::new(stream));
        subscriber.0.read_exact(&mut greeting).unwrap();
        assert_eq!(subscriber.frame().0 & 4, 4, "READY is a command");
        let length = u8::try_from(prefix.len() + 1).unwrap();
        let subscribe = [&[0, length, 1], prefix].concat();
        subscriber.0.get_mut().write_all(&subscribe).unwrap();
        subscriber
    }

    fn frame(&mut self) -> (u8, Vec<u8>) {
        let mut flags = [0; 1];
        self.0.read_exact(&mut flags).unwrap();
        let length = if flags[0] & 2 == 0 {
            let mut length = [0; 1];
            self.0.read_exact(&mut length).unwrap();
            usize::from(length[0])
        } else {
            let mut length = [0; 8];
            self.0.read_exact(&mut length).unwrap();
            usize::try_from(u64::from_be_bytes(length)).unwrap()
        };
        let mut body = vec![0; length];
        self.0.read_exact(&mut body).unwrap();
        (flags[0], body)
    }

    fn message(&mut self) -> Vec<Vec<u8>> {
        let mut frames = Vec::new();
        loop {
            let (flags, body) = self.frame();
            frames.push(body);
            if flags & 1 == 0 {
                return frames;
            }
        }
    }
}

#[test]
fn a_subscriber_gets_its_topics_without_gaps_and_a_signal_ends_the_daemon_within_a_second() {
    let daemon = Daemon::start("publish-json", "");
    let mut subscriber = Subscriber::connect(&daemon.address, b"v1/radar/");
    let mut next = None;
    for _ in 0..20 {
        let [topic, header, payload] = subscriber.message().try_into().unwrap();
        assert_eq!(topic, b"v1/radar/radar/");
        let header: Value = serde_json::from_slice(&header).unwrap();
        let payload: Value = serde_json::from_slice(&payload).unwrap();
        assert_eq!(header["schema"], 1);
        assert!(header["boot_id"].as_str().unwrap().len() >= 8);
        let seq = header["seq"].as_u64().unwrap();
        assert!(next.is_none_or(|next| next == seq), "a gap before {seq}");
        next = Some(seq + 1);
        assert!(payload["frame"].is_u64(), "{payload}");
    }
    let (took, ended_well) = daemon.stop();
    assert!(ended_well, "SIGTERM is a clean end");
    assert!(took < Duration::from_secs(1), "took {took:?}");
}

#[test]
fn messagepack_carries_the_same_keys() {
    let daemon = Daemon::start("publish-msgpack", "encoding = \"msgpack\"\n");
    let mut subscriber = Subscriber::connect(&daemon.address, b"v1/identity/");
    let [topic, header, payload] = subscriber.message().try_into().unwrap();
    assert_eq!(topic, b"v1/identity/fused/");
    let header: Value = rmp_serde::from_slice(&header).unwrap();
    let payload: Value = rmp_serde::from_slice(&payload).unwrap();
    assert!(header["seq"].is_u64());
    assert_eq!(payload["state"], "unknown");
    assert_eq!(payload["reason"], "no-bundle");
}

#[test]
fn libzmq_receives_every_topic_through_the_example_subscriber() {
    let Some(python) = python_with_zmq() else {
        return support::skipped("no Python with pyzmq; see tools/subscribers/python");
    };
    let daemon = Daemon::start("publish-libzmq", "");
    let script =
        Path::new(env!("CARGO_MANIFEST_DIR")).join("tools/subscribers/python/subscribe.py");
    let output = Command::new(python)
        .arg(script)
        .args(["--count", "120", "--endpoint", &format!("tcp://{}", daemon.address)])
        .output()
        .unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}");
    assert!(said.contains("120 messages") && said.contains(" 0 lost"), "{said}");
    let topics: std::collections::BTreeSet<_> = output
        .stdout
        .split(|&byte| byte == b'\n')
        .filter(|line| !line.is_empty())
        .map(|line| serde_json::from_slice::<Value>(line).unwrap()["topic"].to_string())
        .collect();
    for stream in
        ["identity/fused", "expression/fused", "radar/radar", "event/camera", "status/fused"]
    {
        assert!(topics.contains(&format!("\"v1/{stream}/\"")), "no {stream} in {topics:?}");
    }
}

/// A Python that has pyzmq: the one that CI prepares, or the system's.
fn python_with_zmq() -> Option<PathBuf> {
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join(".venv/bin/python");
    [own, PathBuf::from("python3")].into_iter().find(|python| {
        Command::new(python)
            .args(["-c", "import zmq"])
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success())
    })
}
