//! How long nobody hears anything after a crash or a hang, under a supervisor that does what the
//! systemd unit says.

use std::fs;
use std::io::{BufRead as _, BufReader};
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::mpsc::{Receiver, channel};
use std::time::Duration;

use visaged::daemon::clock;
use visaged::units::{HostClock, Stamp};

use crate::freeze::Frozen;
use crate::scratch::Scratch;
use crate::zmtp::Subscriber;

/// From the crash or hang to the first message of the next daemon.
const OUTAGE: Duration = Duration::from_secs(8);
/// From the hang to the supervisor's knowing.
const DETECTION: Duration = Duration::from_secs(2);
/// What a busy test machine may take longer to look.
const SLACK: Duration = Duration::from_millis(500);

/// The value of `key` in the unit.
fn unit(key: &str) -> String {
    let unit = fs::read_to_string("systemd/visaged.service").unwrap();
    let mut values = unit.lines().filter_map(|line| line.strip_prefix(key)?.strip_prefix('='));
    let value = values.next().unwrap_or_else(|| panic!("the unit says nothing of {key}"));
    assert_eq!(values.next(), None, "{key} twice");
    value.to_owned()
}

fn seconds(key: &str) -> Duration {
    Duration::from_secs(unit(key).parse().unwrap())
}

fn since(start: Stamp<HostClock>) -> Duration {
    Duration::from_micros((clock::now() - start).0.unsigned_abs())
}

/// Restarts the daemon as systemd would: `Type=notify`, `WatchdogSec`, `RestartSec`.
struct Supervisor {
    folder: Scratch,
    config: PathBuf,
    /// What the daemon tells, taken at once: a full socket would hold it up.
    notices: Receiver<String>,
}

/// A daemon that is ready, and where it publishes.
struct Running(Child, String);

impl Supervisor {
    fn new(name: &str) -> Self {
        let folder = Scratch::new(name);
        let scene = Path::new(env!("CARGO_MANIFEST_DIR")).join("configs/scenes/demo");
        let config = folder.put(
            "visaged.toml",
            format!(
                "[[sensor]]\nname = \"radar\"\nkind = \"infineon\"\nsettings.path = {:?}\n\
                 [playback]\nrepeat = true\n\
                 [publish]\nendpoints = [\"tcp://127.0.0.1:0\"]\n",
                scene.join("radar")
            ),
        );
        let socket = UnixDatagram::bind(folder.path().join("notify")).unwrap();
        let (tell, notices) = channel();
        std::thread::spawn(move || {
            let mut notice = [0; 256];
            while let Ok(length) = socket.recv(&mut notice) {
                let text = String::from_utf8_lossy(&notice[..length]).trim().to_owned();
                if tell.send(text).is_err() {
                    return;
                }
            }
        });
        Self { folder, config, notices }
    }

    /// Starts it and waits until it says READY.
    fn start(&self) -> Running {
        let watchdog = seconds("WatchdogSec").as_micros().to_string();
        let mut child = Command::new(env!("CARGO_BIN_EXE_visaged"))
            .args(["run", "--quiet", "--config"])
            .arg(&self.config)
            .env("NOTIFY_SOCKET", self.folder.path().join("notify"))
            .env("WATCHDOG_USEC", watchdog)
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
        std::thread::spawn(move || lines.for_each(drop));
        while self.notice(Duration::from_secs(20)).expect("READY") != "READY=1" {}
        Running(child, address)
    }

    /// What the daemon tells within `patience`.
    fn notice(&self, patience: Duration) -> Option<String> {
        self.notices.recv_timeout(patience).ok()
    }

    /// Waits until the watchdog was not fed for `WatchdogSec`.
    fn wait_for_hunger(&self) {
        while self.notice(seconds("WatchdogSec")).is_some() {}
    }

    /// What follows an end that was not in order: `RestartSec`, and the first message.
    fn recover(&self, mut dead: Running) -> Running {
        let status = dead.0.wait().unwrap();
        assert!(!status.success());
        assert_eq!(unit("Restart"), "on-failure");
        // The dead say nothing: what is left in the socket is read, then the pause begins.
        while self.notice(seconds("RestartSec")).is_some() {}
        let next = self.start();
        Subscriber::connect(&next.1, b"v1/").message();
        next
    }
}

fn signal(running: &Running, signal: &str) {
    let id = running.0.id().to_string();
    assert!(Command::new("kill").args([signal, &id]).status().unwrap().success());
}

impl Drop for Running {
    fn drop(&mut self) {
        let _gone = self.0.kill();
        let _reaped = self.0.wait();
    }
}

#[test]
fn after_kill_9_somebody_speaks_again_within_eight_seconds_every_time() {
    let supervisor = Supervisor::new("outage-kill");
    let mut running = supervisor.start();
    Subscriber::connect(&running.1, b"v1/").message();
    for _ in 0..3 {
        let killed = clock::now();
        signal(&running, "-KILL");
        running = supervisor.recover(running);
        assert!(since(killed) < OUTAGE, "{:?}", since(killed));
    }
}

#[test]
fn a_hang_of_the_pipeline_is_noticed_within_two_seconds_and_over_within_eight() {
    let supervisor = Supervisor::new("outage-hang");
    let running = supervisor.start();
    // Fed while all is well, and by the pipeline: the process's first thread.
    for _ in 0..20 {
        assert_eq!(supervisor.notice(seconds("WatchdogSec")).as_deref(), Some("WATCHDOG=1"));
    }
    let Some(frozen) = Frozen::anywhere(i32::try_from(running.0.id()).unwrap()) else { return };
    let hung = clock::now();
    supervisor.wait_for_hunger();
    assert!(since(hung) < DETECTION + SLACK, "noticed after {:?}", since(hung));
    signal(&running, "-ABRT"); // WatchdogSignal, by default
    let next = supervisor.recover(running);
    assert!(since(hung) < OUTAGE, "{:?}", since(hung));
    drop((frozen, next));
}

#[test]
fn the_unit_adds_up_to_less_than_eight_seconds_and_never_gives_up_on_a_crash() {
    assert!(seconds("WatchdogSec") <= DETECTION);
    // Noticed, restarted, and at worst a start that takes two seconds.
    let worst = seconds("WatchdogSec") + seconds("RestartSec") + Duration::from_secs(2);
    assert!(worst < OUTAGE, "{worst:?}");
    assert_eq!(unit("StartLimitIntervalSec"), "0", "a limit would end it for good");
    // What a restart cannot cure, wrong usage and bad input, is not tried again.
    assert_eq!(unit("RestartPreventExitStatus"), "2 3");
}
