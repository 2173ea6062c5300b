//! The `[record]` table.

use std::path::PathBuf;

use serde::Deserialize;

use super::seal::Recipient;

/// `[record]`: without this table nothing is recorded.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Config {
    /// Folder of the recordings, relative to the configuration file. Made with mode 0700 if it is
    /// absent; files get mode 0600.
    pub folder: PathBuf,
    /// Record from the start. `false` waits for `visaged recording start`. Default: true.
    #[serde(default = "at_start")]
    pub at_start: bool,
    /// Minutes after which a new file is begun, 1 to 1440. Default: 10.
    #[serde(default = "file_minutes")]
    pub file_minutes: u32,
    /// Mebibytes after which a new file is begun, 1 to 65536. Default: 1024.
    #[serde(default = "file_mib")]
    pub file_mib: u32,
    /// Mebibytes that all recordings in the folder may take; the oldest are deleted, never the open
    /// one. At least `file-mib`. Default: 10240.
    #[serde(default = "total_mib")]
    pub total_mib: u32,
    /// Hours after which a recording is deleted, at least 1. Default: 168, a week.
    #[serde(default = "max_age_hours")]
    pub max_age_hours: u32,
    /// Mebibytes that stay free on the disk: below that nothing is recorded. Default: 512.
    #[serde(default = "least_free_mib")]
    pub least_free_mib: u32,
    /// Public key of `age-keygen`, `age1...`, to which files are encrypted: this machine cannot read
    /// them again. Needs a build with `--features encrypt`. Default: none, files are in the clear.
    #[serde(default)]
    pub recipient: Option<String>,
}

const fn at_start() -> bool {
    true
}

const fn file_minutes() -> u32 {
    10
}

const fn file_mib() -> u32 {
    1_024
}

const fn total_mib() -> u32 {
    10_240
}

const fn max_age_hours() -> u32 {
    168
}

const fn least_free_mib() -> u32 {
    512
}

impl Config {
    /// Everything at its default, into `folder`.
    #[must_use]
    pub const fn into(folder: PathBuf) -> Self {
        Self {
            folder,
            at_start: at_start(),
            file_minutes: file_minutes(),
            file_mib: file_mib(),
            total_mib: total_mib(),
            max_age_hours: max_age_hours(),
            least_free_mib: least_free_mib(),
            recipient: None,
        }
    }

    /// The first value that is out of range, with what is wrong about it.
    ///
    /// # Errors
    /// When there is one.
    pub fn check(&self) -> Result<(), (String, String)> {
        let ranges = [
            ("file-minutes", self.file_minutes, 1, 1_440),
            ("file-mib", self.file_mib, 1, 65_536),
            ("total-mib", self.total_mib, self.file_mib, u32::MAX),
            ("max-age-hours", self.max_age_hours, 1, u32::MAX),
        ];
        for (key, value, least, most) in ranges {
            if !(least..=most).contains(&value) {
                let problem = format!("{value} must be {least} to {most}");
                return Err((key.to_owned(), problem));
            }
        }
        self.recipient().map(drop)
    }

    /// The key, parsed.
    pub(super) fn recipient(&self) -> Result<Option<Recipient>, (String, String)> {
        let parsed = self.recipient.as_deref().map(Recipient::parse).transpose();
        parsed.map_err(|problem| ("recipient".to_owned(), problem))
    }
}
