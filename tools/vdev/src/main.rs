//! `vdev`: plays recordings as live sensors.
#![forbid(unsafe_code)]

mod arguments;
mod keys;

use std::fs;
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::Parser;
use visaged::daemon::{Stop, clock, on_signals};
use visaged::units::Micros;
use visaged_vdev::board::{Board, BoardOptions, EventOptions, RadarOptions};
use visaged_vdev::dca1000::{Air, Dca1000, DcaOptions};
use visaged_vdev::outlet::{self, Style, Way};
use visaged_vdev::serial::{self, Accident, Playing, SerialOptions};
use visaged_vdev::timing::Stage;
use visaged_vdev::{Error, settings, tape};

use arguments::{Cable, Cli, Dca, Device, Dv, EventSerial, Evt, RadarSerial, Scene, Time};

fn main() -> ExitCode {
    let cli = Cli::parse();
    let stop = Stop::default();
    let result = on_signals(&stop).map_err(Error::Output).and_then(|()| match &cli.device {
        Device::Scene(args) => scene(args, &stop),
        Device::RadarSerial(args) => radar_serial(args, &stop),
        Device::EventSerial(args) => event_serial(args, &stop),
        Device::Dca1000(args) => dca1000(args, &stop),
        Device::Evt(args) => evt(args, &stop),
        Device::Dv(args) => dv(args, &stop),
    });
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            say(&format!("vdev: {error}"));
            ExitCode::FAILURE
        }
    }
}

/// Says something on standard error: standard output may carry event words.
fn say(line: &str) {
    // A closed terminal is no reason to stop.
    drop(writeln!(io::stderr(), "{line}"));
}

fn scene(args: &Scene, stop: &Stop) -> Result<(), Error> {
    let [radar, camera] = ["radar", "event.raw"].map(shipped);
    let round = round(&args.time, &[&radar, &camera])?;
    let stage = Stage::new(2, args.time.speed);
    let options = board_options(&args.time, &args.cable)?;
    let now = clock::now();
    let radar_options = RadarOptions { encoding: args.encoding.into() };
    let radar = Board::radar(&radar, round, stage.clone(), now, (options.clone(), radar_options))?;
    let event_options = EventOptions { format: args.format.into(), ..EventOptions::default() };
    let camera = Board::events(&camera, round, stage, now, (options, event_options))?;
    let port = |source| Error::Port { path: args.folder.clone(), source };
    fs::create_dir_all(&args.folder).map_err(port)?;
    let boards = [("radar", radar), ("camera", camera)];
    let mut config = String::new();
    for (name, board) in &boards {
        let link = args.folder.join(name);
        config += &settings::serial(name, &link, &board.config(), board.stamp_delay());
    }
    config += "[publish]\nendpoints = [\"tcp://127.0.0.1:5556\"]\n";
    tell_config(args.config_out.as_deref(), &config)?;
    let mut playing = Vec::new();
    for (name, board) in boards {
        let link = args.folder.join(name);
        say(&format!("{name} at {}", link.display()));
        playing.push(Playing::start(board, serial_options(link, &args.time, &args.cable))?);
    }
    say("waiting for a host to greet both; Ctrl-C ends");
    while !stop.pause(std::time::Duration::from_millis(100)) {
        if playing.iter().all(Playing::has_ended) {
            break;
        }
    }
    for device in playing {
        say(&format!("{:?}", device.stop()?));
    }
    Ok(())
}

fn radar_serial(args: &RadarSerial, stop: &Stop) -> Result<(), Error> {
    let round = round(&args.time, &[&args.recording])?;
    let options =
        (board_options(&args.time, &args.cable)?, RadarOptions { encoding: args.encoding.into() });
    let stage = Stage::new(1, args.time.speed);
    let board = Board::radar(&args.recording, round, stage, clock::now(), options)?;
    play(board, "radar", &serial_options(args.link.clone(), &args.time, &args.cable), stop)
}

fn event_serial(args: &EventSerial, stop: &Stop) -> Result<(), Error> {
    let round = round(&args.time, &[&args.recording])?;
    let options = (
        board_options(&args.time, &args.cable)?,
        EventOptions { format: args.format.into(), block: Micros(args.block_us.into()) },
    );
    let stage = Stage::new(1, args.time.speed);
    let board = Board::events(&args.recording, round, stage, clock::now(), options)?;
    play(board, "camera", &serial_options(args.link.clone(), &args.time, &args.cable), stop)
}

/// Plays one board in this thread, and prints how to reach it.
fn play(mut board: Board, name: &str, options: &SerialOptions, stop: &Stop) -> Result<(), Error> {
    let config = settings::serial(name, &options.link, &board.config(), board.stamp_delay());
    tell_config(None, &config)?;
    serial::run(&mut board, options, stop)?;
    say(&format!("{:?}", board.tally()));
    Ok(())
}

fn dca1000(args: &Dca, stop: &Stop) -> Result<(), Error> {
    let options = DcaOptions {
        board: args.board,
        data: args.data,
        at_once: args.at_once,
        air: Air {
            loss: args.loss,
            reorder: args.reorder,
            duplicate: args.duplicate,
            seed: args.time.seed,
        },
        end_with_recording: !args.time.repeat,
    };
    let round = round(&args.time, &[&args.recording])?;
    let stage = Stage::new(1, args.time.speed);
    let mut board = Dca1000::open(&args.recording, round, stage, options)?;
    let config = settings::dca1000("radar", board.chirps(), &options);
    tell_config(args.config_out.as_deref(), &config)?;
    let flown = board.run(stop)?;
    say(&format!(
        "{} frames in {} datagrams, of which {} lost, {} reordered, {} duplicated",
        flown.frames,
        flown.made,
        flown.lost.len(),
        flown.reordered,
        flown.duplicated
    ));
    Ok(())
}

fn evt(args: &Evt, stop: &Stop) -> Result<(), Error> {
    let way = &args.way;
    let way = way
        .tcp_listen
        .map(Way::Listen)
        .or_else(|| way.tcp_connect.map(Way::Connect))
        .or_else(|| way.udp.map(Way::Datagrams))
        .unwrap_or(Way::Stdout);
    let style = Style::Words { format: args.format.into(), header: args.header };
    send(&args.recording, &args.time, (way, style), stop)
}

fn dv(args: &Dv, stop: &Stop) -> Result<(), Error> {
    send(&args.recording, &args.time, (Way::Listen(args.listen), Style::Dv), stop)
}

fn send(recording: &Path, time: &Time, how: (Way, Style), stop: &Stop) -> Result<(), Error> {
    let round = round(time, &[recording])?;
    let clock = (time.speed, time.offset(), time.drift_ppm);
    let mut ready = |config: &str| say(config.trim_end());
    outlet::play(recording, round, clock, how, (stop, &mut ready))
}

/// How long a round is, if the recordings are to be repeated.
fn round(time: &Time, recordings: &[&Path]) -> Result<Option<Micros>, Error> {
    time.repeat.then(|| tape::round_of(recordings)).transpose()
}

fn board_options(time: &Time, cable: &Cable) -> Result<BoardOptions, Error> {
    Ok(BoardOptions {
        clock_offset: time.offset(),
        drift_ppm: time.drift_ppm,
        key: cable.key_file.as_deref().map(keys::read).transpose()?,
        faults: cable.faults(time),
        ..BoardOptions::default()
    })
}

fn serial_options(link: PathBuf, time: &Time, cable: &Cable) -> SerialOptions {
    let accident = |every: Option<Micros>, lasting| every.map(|every| Accident { every, lasting });
    SerialOptions {
        link,
        unplug: accident(cable.unplug_every, cable.unplug_for),
        stall: accident(cable.stall_every, cable.stall_for),
        restart_after: cable.restart_after,
        end_with_recording: !time.repeat,
    }
}

/// Writes the configuration that fits to `file`, or else says it.
fn tell_config(file: Option<&Path>, config: &str) -> Result<(), Error> {
    match file {
        Some(path) => {
            fs::write(path, config)
                .map_err(|source| Error::Port { path: path.to_owned(), source })?;
            say(&format!("for the daemon: visaged run --config {}", path.display()));
        }
        None => say(config.trim_end()),
    }
    Ok(())
}

/// A part of the shipped scene, from the working directory or the source tree.
fn shipped(part: &str) -> PathBuf {
    let here = Path::new("configs/scenes/demo").join(part);
    if here.exists() {
        return here;
    }
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..").join(here)
}
