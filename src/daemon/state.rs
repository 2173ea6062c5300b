//! What outlives the daemon: the lockout, in one small file that is whole or absent.

use std::fs::{self, File};
use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256};

use super::Error;
use crate::config::StateConfig;
use crate::data::LockoutRecord;

/// The file in the folder of `[state]`.
const NAME: &str = "lockout.json";
/// Its successor while it is written.
const NEXT: &str = "lockout.json.next";
/// Largest file read, bytes; ours has about 150.
const LIMIT: u64 = 4_096;
/// Layout of the file.
const SCHEMA: u16 = 1;

/// The file.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Stored {
    schema: u16,
    lockout: LockoutRecord,
    /// SHA-256 of schema and record. It tells a worn disk; it does not tell an attacker, who can
    /// write the file as well as we can.
    sum: String,
}

impl Stored {
    fn new(lockout: LockoutRecord) -> Self {
        Self { schema: SCHEMA, lockout, sum: Self::sum(lockout) }
    }

    fn sum(lockout: LockoutRecord) -> String {
        let LockoutRecord { rejections, served } = lockout;
        let text = format!("visaged lockout {SCHEMA} {rejections} {served}");
        Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

/// Keeps the lockout while the daemon runs: on disk, and from one configuration to the next.
pub(super) struct Keeper {
    folder: Option<PathBuf>,
    newest: Option<LockoutRecord>,
    /// True while the newest record could not be written.
    is_owed: bool,
}

impl Keeper {
    /// Reads the record in the folder of `state`. Where there is none, or none that can be
    /// believed, the stricter state is taken and said. Without a folder nothing outlives the
    /// process, which is said if there is a bundle.
    ///
    /// # Errors
    /// When the folder cannot be written: a lockout that a restart forgets is none.
    pub(super) fn open(state: Option<&StateConfig>, has_bundle: bool) -> Result<Self, Error> {
        let Some(StateConfig { folder }) = state else {
            if has_bundle {
                tracing::warn!("a restart forgets the lockout; name a folder in `[state]`");
            }
            return Ok(Self { folder: None, newest: None, is_owed: false });
        };
        let file = folder.join(NAME);
        let write = |record| {
            store(folder, record).map_err(|source| Error::State { file: file.clone(), source })
        };
        let record = match read(&file) {
            Ok(Some(record)) => {
                write(record)?;
                record
            }
            Ok(None) => {
                tracing::warn!(
                    file = %file.display(),
                    "there is no lockout record, as after an installation: nobody is checked for \
                     30 s"
                );
                write(LockoutRecord::ABSENT)?;
                LockoutRecord::ABSENT
            }
            Err(problem) => {
                // Left as it is, for whoever looks.
                tracing::error!(
                    file = %file.display(),
                    problem,
                    "the lockout record cannot be believed: nobody is checked; find out who or \
                     what damaged it, then remove the file and restart"
                );
                LockoutRecord::DAMAGED
            }
        };
        Ok(Self { folder: Some(folder.clone()), newest: Some(record), is_owed: false })
    }

    /// What a pipeline that begins must know.
    pub(super) const fn record(&self) -> Option<LockoutRecord> {
        self.newest
    }

    /// Writes `changed`. What cannot be written is tried again at each call, and said once.
    pub(super) fn keep(&mut self, changed: Option<LockoutRecord>) {
        if changed.is_none() && !self.is_owed {
            return;
        }
        self.newest = changed.or(self.newest);
        let (Some(folder), Some(record)) = (&self.folder, self.newest) else { return };
        let was_owed = self.is_owed;
        match store(folder, record) {
            Ok(()) => {
                self.is_owed = false;
                if was_owed {
                    tracing::info!("the lockout record is written again");
                }
            }
            Err(error) => {
                self.is_owed = true;
                if !was_owed {
                    tracing::error!(
                        folder = %folder.display(), %error,
                        "the lockout record cannot be written; a restart would forget it"
                    );
                }
            }
        }
    }
}

/// The record; `None` if there is no file, and why it cannot be believed otherwise.
fn read(file: &Path) -> Result<Option<LockoutRecord>, String> {
    let mut bytes = Vec::new();
    match File::open(file) {
        Ok(open) => open.take(LIMIT).read_to_end(&mut bytes).map_err(|error| error.to_string())?,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        Err(error) => return Err(error.to_string()),
    };
    let stored: Stored = serde_json::from_slice(&bytes).map_err(|error| error.to_string())?;
    if stored.schema != SCHEMA {
        return Err(format!("its schema is {}, this build knows {SCHEMA}", stored.schema));
    }
    if stored.sum != Stored::sum(stored.lockout) {
        return Err("its sum is not that of its content".to_owned());
    }
    Ok(Some(stored.lockout))
}

/// Writes the record so that after a power cut the file is the old or the new one, whole.
fn store(folder: &Path, record: LockoutRecord) -> io::Result<()> {
    let (file, next) = (folder.join(NAME), folder.join(NEXT));
    let mut open = File::create(&next)?;
    open.write_all(&serde_json::to_vec(&Stored::new(record))?)?;
    open.sync_all()?;
    drop(open);
    fs::rename(&next, &file)?;
    // The name is in the folder, and the folder is on disk only now.
    File::open(folder)?.sync_all()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// A folder of its own for one test.
    struct Folder(PathBuf);

    impl Folder {
        fn new(name: &str) -> Self {
            let folder =
                std::env::temp_dir().join(format!("visaged-{}-{name}", std::process::id()));
            fs::create_dir_all(&folder).unwrap();
            Self(folder)
        }
    }

    impl Drop for Folder {
        fn drop(&mut self) {
            drop(fs::remove_dir_all(&self.0));
        }
    }

    const RECORD: LockoutRecord = LockoutRecord { rejections: 7, served: true };

    #[test]
    fn what_was_stored_is_read_again_and_leaves_no_other_file() {
        let folder = Folder::new("state-stored");
        assert_eq!(read(&folder.0.join(NAME)), Ok(None));
        // A crash between writing and renaming leaves a torn successor behind.
        fs::write(folder.0.join(NEXT), "{\"sche").unwrap();
        for rejections in [0, 5, 50] {
            let record = LockoutRecord { rejections, served: false };
            store(&folder.0, record).unwrap();
            assert_eq!(read(&folder.0.join(NAME)), Ok(Some(record)));
        }
        assert_eq!(fs::read_dir(&folder.0).unwrap().count(), 1);
    }

    #[test]
    fn a_record_that_cannot_be_written_is_owed_until_it_can() {
        let folder = Folder::new("state-owed");
        let gone = folder.0.join("later");
        let mut keeper = Keeper { folder: Some(gone.clone()), newest: None, is_owed: false };
        keeper.keep(Some(RECORD));
        keeper.keep(None);
        assert!(keeper.is_owed);
        assert_eq!(keeper.record(), Some(RECORD), "the next pipeline knows it all the same");
        fs::create_dir(&gone).unwrap();
        keeper.keep(None);
        assert!(!keeper.is_owed);
        assert_eq!(read(&gone.join(NAME)), Ok(Some(RECORD)));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        #[test]
        fn a_flipped_bit_or_a_torn_end_never_reads_as_another_record(
            rejections in 0..60_u32,
            at in any::<prop::sample::Index>(),
            bit in prop::option::of(0..8_u8),
        ) {
            let folder = Folder::new("state-flipped");
            let record = LockoutRecord { rejections, served: rejections % 2 == 0 };
            store(&folder.0, record).unwrap();
            let file = folder.0.join(NAME);
            let mut bytes = fs::read(&file).unwrap();
            let at = at.index(bytes.len());
            match bit {
                Some(bit) => bytes[at] ^= 1 << bit,
                None => bytes.truncate(at),
            }
            fs::write(&file, bytes).unwrap();
            // White space may change without harm; nothing else may.
            prop_assert!(matches!(read(&file), Err(_) | Ok(Some(_))));
            if let Ok(Some(read)) = read(&file) {
                prop_assert_eq!(read, record);
            }
        }
    }
}
