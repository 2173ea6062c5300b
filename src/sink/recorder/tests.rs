//! The archive on a disk that does as it is told.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::io::{self, Write};
use std::rc::Rc;

use super::archive::Archive;
use super::volume::{Kept, Volume};
use super::*;
use crate::recording::{Ending, Entry, Reader};

/// A disk in memory.
#[derive(Debug, Clone, Default)]
struct Disk(Rc<RefCell<Plates>>);

#[derive(Debug, Default)]
struct Plates {
    files: BTreeMap<String, (Vec<u8>, i64)>,
    /// Writes until the disk fails; it fails until this is set again.
    good_for: Option<usize>,
    now: i64,
    free: u64,
    syncs: usize,
}

struct Handle {
    disk: Disk,
    name: String,
}

impl Plates {
    fn attempt(&mut self) -> io::Result<()> {
        match &mut self.good_for {
            None => Ok(()),
            Some(0) => Err(io::ErrorKind::StorageFull.into()),
            Some(left) => {
                *left -= 1;
                Ok(())
            }
        }
    }
}

impl Write for Handle {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let mut plates = self.disk.0.borrow_mut();
        let now = plates.now;
        let good = plates.attempt();
        let (file, written) = plates.files.get_mut(&self.name).unwrap();
        *written = now;
        // A full disk takes half of what it is given before it says so.
        let taken = if good.is_ok() { bytes.len() } else { bytes.len() / 2 };
        file.extend(&bytes[..taken]);
        if taken == 0 { good.map(|()| 0) } else { Ok(taken) }
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Volume for Disk {
    type File = Handle;

    fn create(&mut self, name: &str) -> io::Result<Handle> {
        let mut plates = self.0.borrow_mut();
        plates.attempt()?;
        let now = plates.now;
        let before = plates.files.insert(name.to_owned(), (Vec::new(), now));
        assert!(before.is_none(), "{name} was overwritten");
        Ok(Handle { disk: self.clone(), name: name.to_owned() })
    }

    fn close(&mut self, _file: Handle) -> io::Result<()> {
        self.0.borrow_mut().attempt()
    }

    fn padding(&self) -> usize {
        0
    }

    fn sync(&mut self) -> io::Result<()> {
        let mut plates = self.0.borrow_mut();
        plates.syncs += 1;
        plates.attempt()
    }

    fn list(&mut self) -> io::Result<Vec<Kept>> {
        let plates = self.0.borrow();
        let kept = plates.files.iter().map(|(name, (bytes, written))| Kept {
            name: name.clone(),
            bytes: bytes.len() as u64,
            written: *written,
        });
        Ok(kept.collect())
    }

    fn remove(&mut self, name: &str) -> io::Result<()> {
        self.0.borrow_mut().files.remove(name).unwrap();
        Ok(())
    }

    fn free(&mut self) -> io::Result<u64> {
        Ok(self.0.borrow().free)
    }
}

impl Disk {
    fn names(&self) -> Vec<String> {
        self.0.borrow().files.keys().cloned().collect()
    }

    /// The numbers of the inputs in all files in order, the losses told in them, and how each ended.
    fn read(&self) -> (Vec<u64>, u64, Vec<Option<Ending>>) {
        let (mut numbers, mut lost, mut endings) = (Vec::new(), 0, Vec::new());
        for (bytes, _) in self.0.borrow().files.values() {
            let Ok(mut reader) = Reader::open(&bytes[..]) else {
                endings.push(None);
                continue;
            };
            while let Some((_, entry)) = reader.read().unwrap() {
                match entry {
                    Entry::Input { number, .. } => numbers.push(number),
                    Entry::Loss(loss) => lost += loss.entries,
                    Entry::Published(_) | Entry::Label(_) => {}
                }
            }
            endings.push(reader.ending());
        }
        (numbers, lost, endings)
    }
}

fn opening() -> Opening {
    Opening {
        layout: crate::recording::LAYOUT,
        version: "0".into(),
        boot_id: "boot".into(),
        part: 0,
        sources: Vec::new(),
        config: String::new(),
        folder: String::new(),
        bundle: None,
        unix_offset_us: 0,
    }
}

fn config() -> Config {
    Config { file_mib: 1, total_mib: 3, file_minutes: 1, ..Config::into("unused".into()) }
}

const SECOND: i64 = 1_000_000;
/// Some day.
const START: i64 = 1_800_000_000 * SECOND;

struct Run {
    disk: Disk,
    archive: Archive<Disk>,
    number: u64,
    now: i64,
}

impl Run {
    fn new(config: Config) -> Self {
        let disk = Disk::default();
        disk.0.borrow_mut().free = 1 << 40;
        let archive = Archive::new(disk.clone(), config, opening());
        Self { disk, archive, number: 0, now: START }
    }

    /// An input every 50 ms for `seconds`, each with `bytes` of counts.
    fn go(&mut self, seconds: i64, bytes: usize) {
        for _ in 0..seconds * 20 {
            self.now += 50_000;
            self.disk.0.borrow_mut().now = self.now;
            let mut counts = Counts::default();
            counts.add("x".repeat(bytes), 1);
            let input = Input::Dropped { counts };
            self.archive.take(&Packed::input(self.number, &input, self.now));
            self.number += 1;
        }
    }
}

#[test]
fn what_is_older_than_half_a_second_is_on_the_disk_at_every_moment() {
    let mut run = Run::new(config());
    run.go(1, 10);
    for _ in 0..100 {
        run.now += 50_000;
        let input = Input::Clock { now: Stamp::from_micros(run.now) };
        run.archive.take(&Packed::input(run.number, &input, run.now));
        run.number += 1;
        let (numbers, ..) = run.disk.read();
        // Ten inputs are half a second; the newest of them closes the chunk.
        assert!(numbers.len() as u64 + 10 >= run.number, "{} of {}", numbers.len(), run.number);
    }
    assert!(run.disk.0.borrow().syncs >= 12);
}

#[test]
fn a_full_disk_stops_the_recording_and_room_on_it_resumes_it_within_ten_seconds() {
    for good_for in 0..60 {
        let mut run = Run::new(config());
        run.go(3, 200);
        run.disk.0.borrow_mut().good_for = Some(good_for);
        run.go(30, 200);
        assert!(run.archive.lost() > 0, "{good_for}: the disk never failed");
        run.disk.0.borrow_mut().good_for = None;
        let full_until = run.number;
        run.go(20, 200);
        run.archive.finish();
        let (numbers, told, endings) = run.disk.read();
        assert!(endings.iter().all(Option::is_some), "{good_for}: an empty file was left behind");
        assert!(numbers.is_sorted(), "{good_for}");
        let resumed = numbers.iter().find(|&&number| number >= full_until).unwrap();
        assert!(resumed - full_until <= 200, "{good_for}: resumed after {resumed}");
        let missing = run.number - numbers.len() as u64;
        // Entries whose flush failed count as lost even where the disk did take them.
        let doubtful = run.archive.lost() - missing;
        assert!(told == run.archive.lost() && doubtful <= 10, "{good_for}: {doubtful} doubtful");
        assert_eq!(endings.last(), Some(&Some(Ending::Whole)), "{good_for}");
        // No partial file is read as a whole one.
        let whole = endings.iter().filter(|ending| **ending == Some(Ending::Whole)).count();
        assert!(whole < endings.len() || good_for == 0, "{good_for}: {endings:?}");
    }
}

#[test]
fn a_disk_that_is_nearly_full_is_left_to_others() {
    let mut run = Run::new(config());
    run.disk.0.borrow_mut().free = (512 << 20) - 1;
    run.go(6, 10);
    assert!(run.disk.names().is_empty());
    run.disk.0.borrow_mut().free = 512 << 20;
    run.go(6, 10);
    run.archive.finish();
    let (numbers, told, _) = run.disk.read();
    assert_eq!(told + numbers.len() as u64, run.number);
}

#[test]
fn files_end_after_their_time_and_after_their_size_and_nothing_is_lost_between_them() {
    let mut run = Run::new(Config { total_mib: 4000, ..config() });
    run.go(150, 10);
    assert_eq!(run.disk.names().len(), 3, "a file a minute");
    run.go(10, 30_000);
    run.archive.finish();
    let names = run.disk.names();
    assert!(names.len() >= 8, "6 MB in files of 1 MiB: {names:?}");
    let (numbers, told, endings) = run.disk.read();
    assert!(numbers.iter().copied().eq(0..run.number) && told == 0);
    assert!(endings.iter().all(|ending| *ending == Some(Ending::Whole)));
}

#[test]
fn the_oldest_files_go_when_all_take_too_much_or_are_too_old_and_strangers_stay() {
    let mut run = Run::new(config());
    let stranger = ("notes.txt".to_owned(), (vec![0; 5 << 20], 0));
    run.disk.0.borrow_mut().files.extend([stranger]);
    for _ in 0..20 {
        run.go(2, 30_000);
        let kept = run.disk.clone().list().unwrap();
        let ours: u64 = kept.iter().filter(|k| k.name != "notes.txt").map(|k| k.bytes).sum();
        assert!(ours <= 3 * (1 << 20) + 200_000, "{ours}");
    }
    let before = run.disk.names();
    assert!(before.contains(&"notes.txt".to_owned()) && before.len() >= 3, "{before:?}");
    run.now += 200 * 3600 * SECOND;
    run.go(1, 10);
    let after = run.disk.names();
    // The one that was open meanwhile was last written now.
    assert_eq!(after.len(), 3, "{after:?}");
    assert!(after.contains(&"notes.txt".to_owned()) && before.last() == after.get(1));
}

#[cfg(feature = "encrypt")]
#[test]
fn an_encrypted_recording_is_read_with_the_key_alone_and_up_to_the_last_flush() {
    use std::io::Read as _;

    let key = age::x25519::Identity::generate();
    let config = Config { recipient: Some(key.to_public().to_string()), ..config() };
    config.check().unwrap();
    let wrong = Config { recipient: Some("age1x".into()), ..config.clone() };
    assert_eq!(wrong.check().unwrap_err().0, "recipient");
    let path = std::env::temp_dir().join(format!("visaged-seal-{}", std::process::id()));
    let folder = Folder::new(&path, config.recipient().unwrap());
    let mut archive = Archive::new(folder, Config { least_free_mib: 0, ..config }, opening());
    let read = || {
        let file = std::fs::read_dir(&path).unwrap().next().unwrap().unwrap().path();
        assert!(file.to_str().unwrap().ends_with(".mcap.age"));
        let sealed = std::fs::read(file).unwrap();
        assert!(!sealed.windows(13).any(|bytes| bytes == b"visaged.Input"), "in the clear");
        let stranger = age::x25519::Identity::generate();
        let open = |key| age::Decryptor::new(&sealed[..]).unwrap().decrypt(std::iter::once(key));
        assert!(open(&stranger as &dyn age::Identity).is_err());
        let mut plain = Vec::new();
        // A file that is still open has no last block: what is before it is good.
        let _cut = open(&key as &dyn age::Identity).unwrap().read_to_end(&mut plain);
        let mut reader = Reader::open(&plain[..]).unwrap();
        let mut inputs = 0;
        while reader.read().unwrap().is_some() {
            inputs += 1;
        }
        (inputs, reader.ending())
    };
    for number in 0..100 {
        let now = START + i64::try_from(number).unwrap() * 50_000;
        let input = Input::Clock { now: Stamp::from_micros(now) };
        archive.take(&Packed::input(number, &input, now));
        let (inputs, ending) = read();
        assert!(inputs + 10 > number && ending == Some(Ending::Cut), "{inputs} of {number}");
    }
    archive.finish();
    assert_eq!((read(), archive.lost()), ((100, Some(Ending::Whole)), 0));
    std::fs::remove_dir_all(path).unwrap();
}
