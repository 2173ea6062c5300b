//! The shipped scene on virtual boards, and sensors of the daemon opened on them.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use visaged::daemon::{Stop, clock};
use visaged::sensor::{Kind, Sensor};
use visaged::units::Micros;
use visaged_vdev::board::{Board, BoardOptions, EventOptions, RadarOptions, SampleEncoding};
use visaged_vdev::settings;
use visaged_vdev::tape::RadarTape;
use visaged_vdev::timing::Stage;

/// A part of the shipped scene: `radar` or `event.raw`.
pub fn scene(part: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("configs/scenes/demo").join(part)
}

/// The radar of the scene, with `round` for ever.
pub fn radar(stage: &Arc<Stage>, round: Option<Micros>, options: BoardOptions) -> Board {
    let radar = RadarOptions { encoding: SampleEncoding::Raw12 };
    let now = clock::now();
    Board::radar(&scene("radar"), round, Arc::clone(stage), now, (options, radar)).unwrap()
}

/// The camera of the scene, with `round` for ever.
pub fn camera(stage: &Arc<Stage>, round: Option<Micros>, options: BoardOptions) -> Board {
    // Ten a second times ten: the daemon's queue then bridges more than half a second in which a
    // busy test machine gives it no processor.
    let events = EventOptions { block: Micros::from_millis(10), ..EventOptions::default() };
    let now = clock::now();
    Board::events(&scene("event.raw"), round, Arc::clone(stage), now, (options, events)).unwrap()
}

/// The daemon's `[[sensor]]` table for `board` behind `link`.
pub fn table(name: &str, link: &Path, board: &Board) -> String {
    settings::serial(name, link, &board.config(), board.stamp_delay())
}

/// The daemon's own reader of `board` behind `link`, in this process.
pub fn reader(link: &Path, board: &Board) -> Box<dyn Sensor> {
    open(&table("sensor", link, board))
}

/// The sensor that a `[[sensor]]` table describes.
pub fn open(table: &str) -> Box<dyn Sensor> {
    let mut config: toml::Table = table.parse().unwrap();
    let mut sensor = config["sensor"].as_array_mut().unwrap().remove(0);
    let kind = Kind::named(sensor["kind"].as_str().unwrap()).expect("a live kind");
    let sensor = sensor.as_table_mut().unwrap();
    kind.open(sensor.remove("settings").unwrap().as_table().unwrap().clone()).unwrap()
}

/// Every frame of the scene, `[rx, chirp, sample]`.
pub fn frames() -> Vec<visaged::data::Samples> {
    let mut tape = RadarTape::open(&scene("radar"), None).unwrap();
    std::iter::from_fn(|| tape.next_frame().unwrap()).map(|(_, frame)| frame.samples).collect()
}

/// A device on a thread, unplugged and joined at the end of the test, however it ends.
pub struct Thread<T>(Stop, Option<std::thread::JoinHandle<T>>);

impl<T: Send + 'static> Thread<T> {
    pub fn start(device: impl FnOnce(&Stop) -> T + Send + 'static) -> Self {
        let stop = Stop::default();
        let switch = stop.clone();
        Self(stop, Some(std::thread::spawn(move || device(&switch))))
    }

    pub fn stop(mut self) -> T {
        self.0.throw();
        self.1.take().unwrap().join().unwrap()
    }
}

impl<T> Drop for Thread<T> {
    fn drop(&mut self) {
        self.0.throw();
        if let Some(thread) = self.1.take() {
            let _result = thread.join();
        }
    }
}
