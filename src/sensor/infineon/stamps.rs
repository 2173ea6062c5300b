//! The times of frames, where the recorder wrote them down.
//!
//! ifxdaq writes `time.time()` of each frame, one number a line, into a file beside `radar.npy`;
//! the Radar Fusion GUI writes none. The file is found by the word `timestamp` in its name and
//! believed only if it makes sense, because a wrong time is worse than none.

use std::fs;
use std::path::{Path, PathBuf};

use crate::units::Seconds;

/// Most bytes a line may take; the file may not be larger than that for each frame.
const LONGEST_LINE: u64 = 64;
/// Unix times from 2001 to 2096: a file in other units is not taken for seconds.
const PLAUSIBLE: std::ops::Range<f64> = 1e9..4e9;

/// What was found beside the samples.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Found {
    /// No file of times.
    Nothing,
    /// Unix time of each frame, microseconds.
    Times(Vec<i64>),
    /// A file that cannot be believed, and why.
    Refused(String),
}

/// Looks for the times of `frames` frames beside `samples`.
#[must_use]
pub(super) fn find(samples: &Path, frames: u64) -> Found {
    let Some(file) = file_beside(samples) else { return Found::Nothing };
    match read(&file, frames) {
        Ok(times) => Found::Times(times),
        Err(why) => Found::Refused(format!("{} is not used: {why}", file.display())),
    }
}

/// The first file, by name, that calls itself one of time stamps.
fn file_beside(samples: &Path) -> Option<PathBuf> {
    let named = |path: &PathBuf| {
        let name = path.file_name().map(|name| name.to_string_lossy().to_lowercase());
        name.is_some_and(|name| name.contains("timestamp")) && path.is_file()
    };
    let entries = fs::read_dir(samples.parent()?).ok()?;
    entries.filter_map(|entry| Some(entry.ok()?.path())).filter(named).min()
}

fn read(file: &Path, frames: u64) -> Result<Vec<i64>, String> {
    let size = fs::metadata(file).map_err(|error| error.to_string())?.len();
    if size > LONGEST_LINE.saturating_mul(frames.saturating_add(1)) {
        return Err(format!("{size} bytes are too many for {frames} frames"));
    }
    let text = fs::read_to_string(file).map_err(|error| error.to_string())?;
    let mut times: Vec<i64> = Vec::new();
    for (number, line) in text.lines().map(str::trim).filter(|line| !line.is_empty()).enumerate() {
        let Ok(seconds) = line.parse::<f64>() else {
            if number == 0 {
                continue; // a heading
            }
            return Err(format!("line {} is no number", number + 1));
        };
        if !PLAUSIBLE.contains(&seconds) {
            return Err(format!("line {}: {seconds} is no Unix time in seconds", number + 1));
        }
        let micros = Seconds(seconds).to_micros().0;
        if times.last().is_some_and(|&before| micros < before) {
            return Err(format!("line {} steps back in time", number + 1));
        }
        times.push(micros);
    }
    if (times.len() as u64) < frames {
        return Err(format!("{} times for {frames} frames", times.len()));
    }
    Ok(times)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn found(name: &str, text: &str, frames: u64) -> Found {
        let folder =
            std::env::temp_dir().join(format!("visaged-stamps-{}-{name}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("radar_timestamp.csv"), text).unwrap();
        let found = find(&folder.join("radar.npy"), frames);
        fs::remove_dir_all(&folder).unwrap();
        found
    }

    #[test]
    fn times_are_read_with_or_without_a_heading() {
        let times = vec![1_700_000_000_250_000, 1_700_000_000_300_000];
        let text = "1700000000.25\n1700000000.30\n";
        assert_eq!(found("plain", text, 2), Found::Times(times.clone()));
        assert_eq!(found("heading", &format!("timestamp\n{text}"), 2), Found::Times(times));
    }

    #[test]
    fn times_that_make_no_sense_are_refused_with_the_reason() {
        for (name, text) in [
            ("short", "1700000000.25\n"),
            ("back", "1700000000.25\n1600000000.0\n"),
            ("units", "1700000000250\n1700000000300\n"),
            ("words", "1700000000.25\nsoon\n"),
            ("not-a-number", "1700000000.25\nNaN\n"),
            ("long", &"1700000000.25\n".repeat(100)),
        ] {
            assert!(matches!(found(name, text, 2), Found::Refused(_)), "{name}");
        }
    }

    #[test]
    fn a_folder_without_such_a_file_has_no_times() {
        assert_eq!(find(Path::new("/nowhere/radar.npy"), 3), Found::Nothing);
    }
}
