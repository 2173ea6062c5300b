//! `visaged enroll`: sessions of a person who is shown what to pose, with labels.

mod cues;
mod dataset;
mod guide;
mod session;
#[cfg(test)]
mod testing;
mod watch;

use std::fs::{self, DirBuilder};
use std::io::Write as _;
use std::os::unix::fs::DirBuilderExt as _;
use std::path::{Path, PathBuf};
use std::sync::mpsc::channel;

use super::Failure;
use super::progress::Countdown;
use super::run::configuration;
use crate::config::Config;
use crate::daemon::{self, Orders, Stop, clock};
use crate::sink::recorder;
use dataset::{Conditions, DataSet, Row};
use guide::{Guide, Plan, Told};
use session::Session;
use watch::Watch;

/// Records one session of a person: runs the configured sensors, shows in the terminal what to pose
/// and when to relax, and writes what was posed into the recording and into `dataset.toml`, which
/// `lab` learns from. Nothing is published.
///
/// People react late, so a label is fully shown one second after its cue, and at rest one second
/// after the cue was taken back. SIGINT ends a session and keeps the poses that were finished.
///
/// Recordings show a person: record only those who have agreed, and say with --consent where that is
/// written down. Files are readable by their owner alone.
#[derive(Debug, clap::Args)]
#[command(after_help = EXAMPLES)]
pub(super) struct Args {
    /// Shows what to pose; there is no other way to enroll.
    #[arg(long, required = true)]
    guided: bool,
    /// Configuration of the sensors; without it the shipped demo scene.
    #[arg(long, value_name = "FILE")]
    config: Option<PathBuf>,
    /// Folder of the data set; sessions are added to one that is there.
    #[arg(long, value_name = "FOLDER")]
    out: PathBuf,
    /// Who sits there: letters, digits, - and _. The same name is the same person.
    #[arg(long, value_name = "NAME", value_parser = person)]
    person: String,
    /// Blocks of the four expressions, each in an order of its own; about 16 s a block.
    #[arg(long, default_value_t = 3, value_parser = clap::value_parser!(u32).range(1..=100))]
    blocks: u32,
    /// Decides orders and lengths; another one each time if absent.
    #[arg(long)]
    seed: Option<u64>,
    /// Plays this schedule instead: a JSON list of {"expression", "onset", "offset"}, seconds from the
    /// first reading.
    #[arg(long, value_name = "FILE", conflicts_with_all = ["blocks", "seed"])]
    cues: Option<PathBuf>,
    /// Where the consent to record is kept; `simulated` if nobody sits there.
    #[arg(long, value_name = "TEXT")]
    consent: Option<String>,
    /// Distance of the face from the sensors, metres.
    #[arg(long, value_name = "METRES", value_parser = distance)]
    distance: Option<f64>,
    /// Glasses are worn.
    #[arg(long)]
    glasses: bool,
}

const EXAMPLES: &str = "\
Examples:
  visaged enroll --guided --config lab.toml --out data --person anna --consent \"signed, folder 7\"
  visaged enroll --guided --config lab.toml --out data --person anna --distance 0.4 --glasses
  visaged enroll --guided --config lab.toml --out data --person anna --cues cues.json
  lab enroll data --person anna --out anna               networks out of ten such sessions

A schedule: [{\"expression\": \"smile\", \"onset\": 4, \"offset\": 6},
             {\"expression\": \"neutral\", \"onset\": 8, \"offset\": 10}]";

/// Marks a session that cannot be used, and says why.
const UNUSABLE: &str = "UNUSABLE.txt";

fn person(text: &str) -> Result<String, String> {
    let allowed = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
    if text.is_empty() || text.len() > 64 || !text.chars().all(allowed) {
        return Err("a name is 1 to 64 letters, digits, - and _: it becomes a folder".to_owned());
    }
    if text == "inputs" {
        return Err("`inputs` is where lab keeps its own files; choose another name".to_owned());
    }
    Ok(text.to_owned())
}

fn distance(text: &str) -> Result<f64, String> {
    let metres = text.parse().ok().filter(|metres| (0.1..=5.0).contains(metres));
    metres.ok_or_else(|| "a distance is 0.1 to 5 metres, such as 0.4".to_owned())
}

pub(super) fn execute(args: &Args) -> Result<(), Failure> {
    let file = configuration(args.config.as_ref());
    let mut config = Config::load(&file)?;
    if config.sensors.is_empty() {
        return Err(daemon::Error::NoSensor.into());
    }
    if config.record.as_ref().is_some_and(|record| record.recipient.is_some()) {
        let problem = "`record.recipient` encrypts recordings, and lab could not read them; enroll \
                       with a configuration without it, onto a disk that is encrypted";
        return Err(Failure::File { path: file, problem: problem.to_owned() });
    }
    let plan = plan(args)?;
    let data = DataSet::open(&args.out, args.consent.as_deref())?;
    let number = data.next_session(&args.person);
    let place = Path::new(&args.person).join(number.to_string());
    let folder = args.out.join(&place);
    make(&folder)?;
    record_into(&mut config, &folder);
    say(&format!(
        "        {}, session {number}: {} poses into {}",
        args.person,
        plan.cues().len(),
        folder.display()
    ));
    let devices: Vec<String> =
        config.sensors.iter().map(|sensor| format!("{} {}", sensor.kind, sensor.name)).collect();
    let (told, ran) = run(config, plan)?;
    let is_empty = told.labels.is_empty() && told.lost.is_none();
    if is_empty {
        discard(&folder);
    }
    if let Err(error) = ran {
        if !is_empty {
            mark(&folder, &error.to_string());
        }
        return Err(error.into());
    }
    if is_empty {
        let problem = "no pose was finished, so nothing was kept; start again when you are ready";
        return Err(Failure::Session(problem.to_owned()));
    }
    let reviewed = match told.lost {
        Some(problem) => Err(problem),
        None => session::review(&folder, told.labels.len()),
    };
    let session = reviewed.map_err(|problem| unusable(&folder, &problem))?;
    let day = data.day(&args.person, session.began);
    let conditions = Conditions { scene: "person", distance: args.distance, glasses: args.glasses };
    let path = place.join(session.file.file_name().unwrap_or_default());
    let row = Row::new((&args.person, number, day), &session, &path, &devices, conditions);
    let list = data.append(&row)?;
    report(&session, row.id(), &list);
    Ok(())
}

/// The schedule, and the seed of one that was drawn.
fn plan(args: &Args) -> Result<Plan, Failure> {
    if let Some(file) = &args.cues {
        return cues::read(file).map(Plan::FromFile);
    }
    // Differs from session to session, so that nobody learns an order.
    let seed = args.seed.unwrap_or_else(|| clock::unix().cast_unsigned());
    say(&format!("        the same poses again: --blocks {} --seed {seed}", args.blocks));
    Ok(Plan::Drawn(cues::drawn(args.blocks, seed)))
}

/// Makes the folder of a session, which only its owner may enter.
fn make(folder: &Path) -> Result<(), Failure> {
    let made = DirBuilder::new().recursive(true).mode(0o700).create(folder);
    made.map_err(|source| Failure::Output { path: folder.to_owned(), source })
}

/// One file in `folder`, which nothing deletes: sessions are kept, unlike what a daemon records.
fn record_into(config: &mut Config, folder: &Path) {
    config.publish.endpoints.clear();
    config.control.endpoint = None;
    config.web = None;
    config.playback.repeat = false;
    let least_free_mib = config.record.take().map(|record| record.least_free_mib);
    let record = recorder::Config::into(folder.to_owned());
    config.record = Some(recorder::Config {
        file_minutes: 1_440,
        file_mib: 65_536,
        total_mib: 65_536,
        least_free_mib: least_free_mib.unwrap_or(record.least_free_mib),
        ..record
    });
}

/// Runs the sensors and the guide beside them, until one of them ends; how the sensors ended comes
/// second.
fn run(config: Config, plan: Plan) -> Result<(Told, Result<(), daemon::Error>), Failure> {
    let stop = Stop::default();
    let hung_up = stop.clone();
    daemon::on_signals(&stop, move || hung_up.throw()).map_err(daemon::Error::Thread)?;
    let orders = Orders::new(|| Err("a session keeps its configuration".to_owned()));
    let (tell, news) = channel();
    let mut watch = Watch::new(config.sensors.iter().map(|sensor| sensor.name.clone()), tell);
    let (label, screen) = (orders.labeller(), Countdown::new());
    let guide = Guide { plan, news, stop: stop.clone(), label, screen };
    let guided = std::thread::Builder::new().name("guide".into()).spawn(move || guide.run());
    let guided = guided.map_err(daemon::Error::Thread)?;
    let ran = daemon::run(config, &orders, &stop, |message| watch.see(message, clock::now()));
    stop.throw();
    let told = guided.join().unwrap_or_else(|_| {
        let lost = Some("the guide panicked, which is a fault of this program".to_owned());
        Told { lost, ..Told::default() }
    });
    Ok((told, ran))
}

/// Removes the folder of a session in which nothing was finished.
fn discard(folder: &Path) {
    if let Err(error) = fs::remove_dir_all(folder) {
        tracing::warn!(folder = %folder.display(), "cannot delete what was recorded: {error}");
    }
}

/// Says in `folder` why its session cannot be used.
fn mark(folder: &Path, problem: &str) {
    let note = folder.join(UNUSABLE);
    if let Err(error) = fs::write(&note, format!("{problem}\n")) {
        tracing::warn!(file = %note.display(), "cannot be written: {error}");
    }
}

/// Marks the session in `folder`, and says what to do about it.
fn unusable(folder: &Path, problem: &str) -> Failure {
    mark(folder, problem);
    Failure::Session(format!(
        "this session cannot be used: {problem}. It is not in dataset.toml; see to the cause, delete \
         {} and record the session again",
        folder.display()
    ))
}

fn report(session: &Session, id: &str, list: &Path) {
    for remark in &session.remarks {
        tracing::warn!("{remark}; the session is used all the same");
    }
    say(&format!(
        "        {id}: {} poses in {:.1} s, {}; listed in {}",
        session.poses.len(),
        session.length.as_seconds(),
        session.file.display(),
        list.display()
    ));
}

/// A closed terminal must not end what is being recorded.
fn say(line: &str) {
    drop(writeln!(std::io::stdout(), "{line}"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_would_be_no_good_folder_is_refused() {
        assert_eq!(person("anna-2_B").as_deref(), Ok("anna-2_B"));
        for bad in ["", "../anna", "an na", "änna", "a/b", "inputs", &"a".repeat(65)] {
            assert!(person(bad).is_err(), "{bad}");
        }
    }

    #[test]
    fn a_distance_is_in_metres() {
        assert_eq!(distance("0.4"), Ok(0.4));
        assert!(distance("40").is_err() && distance("near").is_err());
    }
}
