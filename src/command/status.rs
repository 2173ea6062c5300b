//! `visaged status`, `reload` and `recording`: questions to a running daemon.

use std::io::Write as _;
use std::path::PathBuf;

use serde_json::Value;

use super::Failure;
use crate::sink::zmq::control;

/// Where the daemon listens.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// The Unix socket, `control.endpoint` of the daemon's configuration.
    #[arg(long, value_name = "SOCKET", default_value = "/run/visaged/control.sock")]
    endpoint: PathBuf,
    /// Print the whole answer as JSON.
    #[arg(long)]
    json: bool,
}

/// Says how the daemon and its sensors are.
pub(super) fn status(args: &Args) -> Result<(), Failure> {
    let answer = ask(args, "status")?;
    let text = if args.json { format!("{answer:#}\n") } else { readable(&answer) };
    std::io::stdout().write_all(text.as_bytes()).map_err(Failure::Stdout)
}

/// Makes the daemon read its configuration again.
pub(super) fn reload(args: &Args) -> Result<(), Failure> {
    ask(args, "reload")?;
    writeln!(std::io::stdout(), "reloaded").map_err(Failure::Stdout)
}

/// What becomes of the recording.
#[derive(Debug, clap::Subcommand)]
pub(super) enum Recording {
    /// Record from now on, into the folder of `[record]`.
    ///
    /// A recording that begins while the daemon runs replays to what was published once windows have
    /// filled, not before. Recordings show a person: make them only with that person's consent.
    Start(Args),
    /// Record no more; returns when the file is whole.
    Stop(Args),
}

/// Starts or stops recording.
pub(super) fn recording(what: &Recording) -> Result<(), Failure> {
    let (args, command, done) = match what {
        Recording::Start(args) => (args, "start-recording", "recording"),
        Recording::Stop(args) => (args, "stop-recording", "recording no more"),
    };
    ask(args, command)?;
    writeln!(std::io::stdout(), "{done}").map_err(Failure::Stdout)
}

fn ask(args: &Args, command: &str) -> Result<Value, Failure> {
    let question = serde_json::json!({ "command": command }).to_string();
    let answer = control::ask(&args.endpoint, &question)?;
    let refused = |problem: String| Failure::Refused { command: command.to_owned(), problem };
    let answer: Value =
        serde_json::from_str(&answer).map_err(|error| refused(error.to_string()))?;
    match &answer["error"] {
        Value::String(problem) => Err(refused(problem.clone())),
        _ => Ok(answer),
    }
}

fn readable(answer: &Value) -> String {
    let (health, hello) = (&answer["health"]["payload"], &answer["hello"]["payload"]);
    let word = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    let mut lines = vec![
        format!("visaged {} on {}", word(&hello["version"]), word(&hello["host"])),
        format!(
            "{}, up {:.0} s, {:.1} MiB",
            word(&health["state"]),
            health["uptime_s"].as_f64().unwrap_or(0.0),
            health["memory_bytes"].as_f64().unwrap_or(0.0) / f64::from(1 << 20),
        ),
        format!("bundle {}", word(&hello["bundle"])),
        (if health["recording"] == true { "recording" } else { "not recording" }).to_owned(),
    ];
    let status = &answer["status"]["payload"];
    for network in status["networks"].as_array().into_iter().flatten() {
        lines.push(format!(
            "{}: {}, {}, trained on: {}",
            word(&network["role"]),
            word(&network["name"]),
            word(&network["state"]),
            word(&network["trained_on"])
        ));
    }
    for sensor in status["sensors"].as_array().into_iter().flatten() {
        let mut line = format!(
            "{}: {}, {} received",
            word(&sensor["name"]),
            word(&sensor["state"]),
            sensor["received"]
        );
        if let Value::String(trouble) = &sensor["trouble"] {
            line.push_str(&format!(" ({trouble})"));
        }
        say_counts(&mut line, &sensor["counts"]);
        lines.push(line);
    }
    let mut dropped = "dropped:".to_owned();
    say_counts(&mut dropped, &status["dropped"]);
    lines.push(dropped);
    lines.join("\n") + "\n"
}

fn say_counts(line: &mut String, counts: &Value) {
    let counts = counts.as_object();
    for (reason, n) in counts.into_iter().flatten() {
        line.push_str(&format!(" {reason} {n}"));
    }
    if counts.is_none_or(serde_json::Map::is_empty) {
        line.push_str(" nothing refused");
    }
}
