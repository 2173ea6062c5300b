//! What a package installs: every file is there, and the shipped configuration is right.

use std::fs;
use std::path::Path;

use toml::{Table, Value};
use visaged::config::Config;

fn metadata() -> Value {
    let manifest: Table = fs::read_to_string("Cargo.toml").unwrap().parse().unwrap();
    manifest["package"]["metadata"]["deb"].clone()
}

/// `source` and target of each file.
fn assets() -> Vec<(String, String)> {
    let metadata = metadata();
    let word = |row: &Value, at: usize| row[at].as_str().unwrap().to_owned();
    let rows = metadata["assets"].as_array().unwrap();
    rows.iter().map(|row| (word(row, 0), word(row, 1))).collect()
}

#[test]
fn every_file_of_the_package_exists() {
    for (source, _) in assets() {
        if source.starts_with("target/") {
            continue;
        }
        let folder = Path::new(source.split('*').next().unwrap());
        let files = if folder.is_dir() { fs::read_dir(folder).unwrap().count() } else { 0 };
        assert!(files > 0 || folder.is_file(), "{source}");
    }
}

#[test]
fn the_service_is_complete() {
    let targets: Vec<_> = assets().into_iter().map(|(_, target)| target).collect();
    for folder in ["usr/bin/", "etc/visaged/", "usr/lib/udev/", "usr/lib/sysusers", "usr/lib/tmpf"]
    {
        assert!(targets.iter().any(|target| target.starts_with(folder)), "{folder}: {targets:?}");
    }
    let unit = fs::read_to_string("systemd/visaged.service").unwrap();
    assert!(
        unit.contains("ExecStart=/usr/bin/visaged run --quiet --config /etc/visaged/visaged.toml")
    );
    let users = fs::read_to_string("systemd/sysusers.d/visaged.conf").unwrap();
    assert!(unit.contains("\nUser=visaged\n") && users.contains("\nu visaged "));
}

#[test]
fn the_configuration_of_the_service_is_right_and_plays_what_the_package_holds() {
    let config = Config::load(Path::new("systemd/visaged.toml")).unwrap();
    let targets: Vec<_> = assets().into_iter().map(|(_, target)| target).collect();
    for sensor in config.sensors {
        let path = sensor.settings["path"].as_str().unwrap().trim_start_matches('/').to_owned();
        let parent = Path::new(&path).parent().unwrap().to_str().unwrap();
        assert!(targets.iter().any(|target| target.starts_with(parent)), "{path} is not installed");
    }
    assert!(config.record.is_none(), "nothing is recorded unless somebody says so");
}
