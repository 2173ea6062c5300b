//! The daemon binary on a configuration, and everything it publishes.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Child, Command, Stdio};

use serde_json::Value;
use visaged::daemon::clock;
use visaged::units::Micros;

use crate::zmtp::Subscriber;

/// The longest that any test waits for a message.
const PATIENCE: Micros = Micros::from_millis(30_000);

/// A running daemon and a subscriber to all of its topics.
pub struct Daemon {
    child: Child,
    subscriber: Subscriber,
}

/// A published message.
#[derive(Debug, Clone)]
pub struct Said {
    pub topic: String,
    header: Value,
    pub payload: Value,
}

impl Said {
    /// The instant it speaks of, microseconds of the host's monotonic clock.
    pub fn recorded_us(&self) -> i64 {
        self.header["recorded_us"].as_i64().unwrap()
    }

    /// When it was published, on the same clock.
    pub fn published_us(&self) -> i64 {
        self.header["published_us"].as_i64().unwrap()
    }

    /// True for the topic `v1/<stream>/...`.
    pub fn is_of(&self, stream: &str) -> bool {
        self.topic.split('/').nth(1) == Some(stream)
    }

    /// State and trouble of a sensor, if this is a status.
    pub fn health(&self, sensor: &str) -> Option<(String, Option<String>)> {
        let sensors = self.payload.get("sensors")?.as_array()?;
        let told = sensors.iter().find(|told| told["name"] == sensor)?;
        let word = |key: &str| told.get(key).and_then(Value::as_str).map(str::to_owned);
        Some((word("state")?, word("trouble")))
    }
}

impl Daemon {
    /// Starts it with the sensors of `tables`, and subscribes.
    pub fn start(folder: &Path, tables: &str) -> Self {
        let config = folder.join("live.toml");
        let publish = "[publish]\nendpoints = [\"tcp://127.0.0.1:0\"]\n";
        fs::write(&config, format!("{tables}{publish}")).unwrap();
        let mut child = Command::new(env!("CARGO_BIN_EXE_visaged"))
            .args(["run", "--quiet", "--config"])
            .arg(&config)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
        let mut before = String::new();
        let address = lines.by_ref().map(Result::unwrap).find_map(|line| {
            before += &line;
            Some(line.split_once("tcp://")?.1.trim_matches('"').to_owned())
        });
        let address = address.unwrap_or_else(|| panic!("it publishes nowhere: {before}"));
        // Nobody may be blocked by a full pipe.
        std::thread::spawn(move || lines.for_each(drop));
        let subscriber = Subscriber::connect(&address, b"v1/");
        Self { child, subscriber }
    }

    /// The next message.
    pub fn listen(&mut self) -> Said {
        self.try_listen().unwrap()
    }

    /// The next message, or why there is none.
    pub fn try_listen(&mut self) -> std::io::Result<Said> {
        let [topic, header, payload] = self.subscriber.try_message()?.try_into().unwrap();
        Ok(Said {
            topic: String::from_utf8(topic).unwrap(),
            header: serde_json::from_slice(&header).unwrap(),
            payload: serde_json::from_slice(&payload).unwrap(),
        })
    }

    /// Waits for the end of the process; true if it was a good one.
    pub fn ended_well(mut self) -> bool {
        self.child.wait().unwrap().success()
    }

    /// Waits for a message that `wanted` takes, and gives what it makes of it.
    pub fn wait_for<T>(&mut self, what: &str, mut wanted: impl FnMut(&Said) -> Option<T>) -> T {
        let limit = clock::now() + PATIENCE;
        let mut last_status = None;
        while clock::now() < limit {
            let said = self.listen();
            if let Some(found) = wanted(&said) {
                return found;
            }
            if said.is_of("status") {
                last_status = Some(said);
            }
        }
        panic!("{what} did not come; the last status was {last_status:#?}");
    }

    /// Its process.
    pub fn process(&self) -> u32 {
        self.child.id()
    }

    /// Open descriptors, and resident memory in bytes.
    pub fn footprint(&self) -> (usize, usize) {
        footprint(&self.child.id().to_string())
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        let _gone = self.child.kill();
        let _reaped = self.child.wait();
    }
}

/// Open descriptors and resident memory in bytes of a process; `self` is this one.
pub fn footprint(process: &str) -> (usize, usize) {
    let descriptors = fs::read_dir(format!("/proc/{process}/fd")).unwrap().count();
    let pages = fs::read_to_string(format!("/proc/{process}/statm")).unwrap();
    let resident: usize = pages.split(' ').nth(1).unwrap().parse().unwrap();
    (descriptors, resident * 4096)
}
