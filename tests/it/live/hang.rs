//! A driver that does not come back from a call: told in time, survived, and over when it is over.

use std::process::Command;
use std::time::Duration;

use serde_json::Value;
use visaged::daemon::clock;
use visaged_vdev::board::BoardOptions;
use visaged_vdev::serial::{Playing, SerialOptions};
use visaged_vdev::timing::Stage;

use super::daemon::{Daemon, Said};
use super::rig;
use crate::freeze::Frozen;
use crate::scratch::Scratch;

/// A hang must be told within this, microseconds.
const TOLD_US: i64 = 2_000_000;

fn radar(said: &Said) -> Option<(String, Option<String>)> {
    said.health("radar")
}

fn is(said: &Said, state: &str, trouble: Option<&str>) -> bool {
    radar(said) == Some((state.to_owned(), trouble.map(str::to_owned)))
}

#[test]
fn a_driver_that_hangs_is_told_within_two_seconds_and_the_sensor_is_well_when_it_comes_back() {
    let folder = Scratch::new("live-hang");
    let link = folder.path().join("radar");
    let board = rig::radar(&Stage::new(1, 1.0), None, BoardOptions::default());
    let tables = rig::table("radar", &link, &board);
    let device = Playing::start(board, SerialOptions::at(link)).unwrap();
    let mut daemon = Daemon::start(folder.path(), &tables);
    daemon.wait_for("the radar", |said| is(said, "streaming", None).then_some(()));

    let Some(frozen) = Frozen::in_driver(daemon.process(), "read-radar") else { return };
    let hung = clock::now().as_micros();
    let told = daemon.wait_for("`hung` in v1/status", |said| {
        is(said, "lost", Some("hung")).then(|| said.published_us())
    });
    assert!(told - hung <= TOLD_US, "status after {} us", told - hung);
    let told = daemon.wait_for("`hung` in v1/health", |said| {
        let troubles = said.is_of("health").then(|| said.payload["troubles"].to_string())?;
        troubles.contains("\"trouble\":\"hung\"").then(|| {
            assert_eq!(said.payload["state"], Value::from("failing"), "its only sensor is lost");
            said.published_us()
        })
    });
    assert!(told - hung <= TOLD_US, "health after {} us", told - hung);

    drop(frozen);
    daemon.wait_for("the radar's recovery", |said| is(said, "streaming", None).then_some(()));
    drop(daemon);
    device.stop().unwrap();
}

#[test]
fn a_daemon_whose_driver_hangs_ends_cleanly_within_three_seconds_of_a_signal() {
    let folder = Scratch::new("live-hang-end");
    let link = folder.path().join("radar");
    let board = rig::radar(&Stage::new(1, 1.0), None, BoardOptions::default());
    let tables = rig::table("radar", &link, &board);
    let device = Playing::start(board, SerialOptions::at(link)).unwrap();
    let mut daemon = Daemon::start(folder.path(), &tables);
    daemon.wait_for("the radar", |said| is(said, "streaming", None).then_some(()));
    let Some(frozen) = Frozen::in_driver(daemon.process(), "read-radar") else { return };
    let id = daemon.process().to_string();
    let asked = clock::now();
    assert!(Command::new("kill").args(["-TERM", &id]).status().unwrap().success());
    // The traced thread keeps the process from being reaped before it is let go.
    while let Ok(said) = daemon.try_listen() {
        assert!(said.published_us() - asked.as_micros() < 3_000_000, "it goes on publishing");
    }
    let took = Duration::from_micros((clock::now() - asked).0.unsigned_abs());
    assert!(took < Duration::from_secs(3), "{took:?}");
    drop(frozen);
    assert!(daemon.ended_well(), "a clean end, not an abort");
    device.stop().unwrap();
}
