//! The daemon binary publishes, and others receive: a hand-written ZMTP peer and libzmq.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use crate::scratch::Scratch;
use crate::support;
use crate::zmtp::{Subscriber, python_with_zmq};

/// The daemon over the shipped scene, on a free port.
pub struct Daemon {
    child: Child,
    pub address: String,
    /// Holds the configuration while the daemon runs.
    pub folder: Scratch,
}

impl Daemon {
    pub fn start(name: &str, more: &str) -> Self {
        Self::start_by(Command::new(env!("CARGO_BIN_EXE_visaged")), name, more)
    }

    /// With at most `limit` open files.
    pub fn start_with_descriptors(limit: u32, name: &str) -> Self {
        let mut shell = Command::new("sh");
        let script = format!("ulimit -n {limit} && exec \"$0\" \"$@\"");
        shell.args(["-c", &script, env!("CARGO_BIN_EXE_visaged")]);
        Self::start_by(shell, name, "")
    }

    fn start_by(mut command: Command, name: &str, more: &str) -> Self {
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
        let mut child = command
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
        Self { child, address, folder }
    }

    /// Sends `signal`.
    pub fn signal(&self, signal: &str) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args([signal, &id]).status().unwrap().success());
    }

    /// Sends SIGTERM and gives the time until the process is gone, and whether it ended well.
    fn stop(mut self) -> (Duration, bool) {
        #[expect(clippy::disallowed_methods, reason = "the test is about real time")]
        let start = Instant::now();
        self.signal("-TERM");
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
