//! The configuration file: gathers each stage's settings and checks what spans stages.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::Deserialize;

use crate::pipeline;
use crate::sensor::{self, Kind, SENSORS};
use crate::sink::zmq::Endpoint;
use crate::sink::{Encoding, recorder, web};

/// A whole configuration file.
#[derive(Debug, Clone, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Config {
    /// `[[sensor]]`: the sensors, in any order; each name once.
    #[serde(default, rename = "sensor")]
    pub sensors: Vec<SensorConfig>,
    /// `[playback]`: how recordings are played by the daemon.
    #[serde(default)]
    pub playback: Playback,
    /// `[pipeline]`: signal processing and decisions.
    #[serde(default)]
    pub pipeline: pipeline::Config,
    /// `[model]`: the networks. Without it the identity stays `unknown`.
    #[serde(default)]
    pub model: Option<ModelConfig>,
    /// `[publish]`: where results go.
    #[serde(default)]
    pub publish: PublishConfig,
    /// `[state]`: what outlives the daemon. Without it a restart forgets the lockout.
    #[serde(default)]
    pub state: Option<StateConfig>,
    /// `[control]`: where the daemon can be asked.
    #[serde(default)]
    pub control: ControlConfig,
    /// `[record]`: what the pipeline is told and says, in files. Without it nothing is recorded.
    #[serde(default)]
    pub record: Option<recorder::Config>,
    /// `[web]`: the live page and the metrics. Without it nothing listens.
    #[serde(default)]
    pub web: Option<web::Config>,
    /// Where all this was read, for recordings.
    #[serde(skip)]
    pub origin: Origin,
}

/// The configuration as it was written.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Origin {
    /// The text of the file; empty if there was none.
    pub text: String,
    /// The folder to which its paths are relative.
    pub folder: PathBuf,
}

/// One `[[sensor]]`.
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct SensorConfig {
    /// Its name, the last part of its topics: letters, digits, `-` and `_`.
    pub name: String,
    /// A row of [`SENSORS`].
    pub kind: String,
    /// Read by the sensor itself. A `path` or `key-file` is relative to the configuration file.
    #[serde(default)]
    pub settings: toml::Table,
}

/// `[playback]`
#[derive(Debug, Clone, Copy, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Playback {
    /// Start recordings again when all of them have ended. Default: false.
    #[serde(default)]
    pub repeat: bool,
}

/// `[model]`
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct ModelConfig {
    /// Folder of the model bundle, relative to the configuration file.
    pub bundle: PathBuf,
    /// Public key, 64 hexadecimal digits, of who must have signed the bundle (`lab sign`). Without it
    /// nobody must.
    pub signed_by: Option<String>,
}

/// `[state]`
#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct StateConfig {
    /// Folder of the daemon's own files, relative to the configuration file; it must exist and be
    /// writable. `replay` leaves it alone, and a reload does not move it.
    pub folder: PathBuf,
}

/// `[control]`
#[derive(Debug, Clone, PartialEq, Eq, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct ControlConfig {
    /// Path of a Unix socket, relative to the configuration file, for `visaged status` and
    /// `visaged reload`; none listens nowhere.
    #[serde(default)]
    pub endpoint: Option<PathBuf>,
}

/// `[publish]`
#[derive(Debug, Clone, PartialEq, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct PublishConfig {
    /// `tcp://ADDRESS:PORT` and `ipc://PATH`; none publishes nothing.
    #[serde(default)]
    pub endpoints: Vec<Endpoint>,
    /// `json` (default) or `msgpack`.
    #[serde(default)]
    pub encoding: Encoding,
    /// Must be true for an endpoint that other machines can reach: nothing is encrypted and
    /// nobody is authenticated. Default: false.
    #[serde(default)]
    pub allow_network: bool,
    /// File of a private key of `visaged keygen`, relative to the configuration file and readable by
    /// its owner alone: each message gets a fourth frame, its Ed25519 signature. A replay never
    /// signs. Default: none, messages have three frames.
    #[serde(default)]
    pub signing_key: Option<PathBuf>,
}

/// Why a configuration was refused. Every message names the file and what to do.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The file cannot be read.
    #[error("{file}: {source}", file = file.display())]
    Io {
        /// The configuration file.
        file: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// Not TOML, an unknown key, or a value of the wrong type; the message shows line and column.
    #[error("{file}: at `{key}`: {problem}", file = file.display())]
    Parse {
        /// The configuration file.
        file: PathBuf,
        /// Path of the key.
        key: String,
        /// What the parser said, with line, column and a caret.
        problem: String,
    },
    /// A value is out of range or contradicts another.
    #[error("{file}:{line}: `{key}`: {problem}", file = file.display())]
    Value {
        /// The configuration file.
        file: PathBuf,
        /// Line, from 1.
        line: usize,
        /// Path of the key.
        key: String,
        /// What is wrong and what to do.
        problem: String,
    },
}

impl Config {
    /// Reads and checks a configuration file. Relative paths in it become relative to its folder.
    ///
    /// # Errors
    /// When it cannot be read, does not parse, or a value is refused.
    pub fn load(file: &Path) -> Result<Self, Error> {
        let text = fs::read_to_string(file)
            .map_err(|source| Error::Io { file: file.to_owned(), source })?;
        let mut config = Self::parse(&text, file)?;
        let folder = file.parent().unwrap_or_else(|| Path::new(""));
        config.resolve(folder);
        config.origin = Origin { text, folder: folder.to_owned() };
        Ok(config)
    }

    /// Makes relative paths relative to `folder`.
    pub fn resolve(&mut self, folder: &Path) {
        for sensor in &mut self.sensors {
            for key in ["path", "key-file"] {
                if let Some(toml::Value::String(path)) = sensor.settings.get_mut(key) {
                    *path = folder.join(&*path).to_string_lossy().into_owned();
                }
            }
        }
        if let Some(model) = &mut self.model {
            model.bundle = folder.join(&model.bundle);
        }
        if let Some(state) = &mut self.state {
            state.folder = folder.join(&state.folder);
        }
        if let Some(endpoint) = &mut self.control.endpoint {
            *endpoint = folder.join(&*endpoint);
        }
        if let Some(key) = &mut self.publish.signing_key {
            *key = folder.join(&*key);
        }
        if let Some(record) = &mut self.record {
            record.folder = folder.join(&record.folder);
        }
        if let Some(file) = self.web.as_mut().and_then(|web| web.token_file.as_mut()) {
            *file = folder.join(&*file);
        }
    }

    /// Parses and checks `text`; `file` is for messages.
    ///
    /// # Errors
    /// When it does not parse or a value is refused.
    pub fn parse(text: &str, file: &Path) -> Result<Self, Error> {
        let parse_error = |key: String, problem: String| Error::Parse {
            file: file.to_owned(),
            key: if key == "." { "the file".to_owned() } else { key },
            problem,
        };
        let document = toml::de::Deserializer::parse(text)
            .map_err(|error| parse_error(".".to_owned(), error.to_string()))?;
        let config: Self = serde_path_to_error::deserialize(document).map_err(|error| {
            let key = error.path().to_string();
            let mut inner = error.into_inner();
            inner.set_input(Some(text));
            parse_error(key, inner.to_string())
        })?;
        config.check(text, file)?;
        Ok(config)
    }

    fn check(&self, text: &str, file: &Path) -> Result<(), Error> {
        let refuse = |line: usize, key: String, problem: String| {
            Err(Error::Value { file: file.to_owned(), line, key, problem })
        };
        for (index, sensor) in self.sensors.iter().enumerate() {
            if let Err((key, problem)) = sensor.check(&self.sensors[..index]) {
                let line = line_of(text, index, &key);
                return refuse(line, format!("sensor[{index}].{key}"), problem);
            }
        }
        if let Some(endpoint) = self.publish.endpoints.iter().find(|endpoint| !endpoint.is_local())
            && !self.publish.allow_network
        {
            let line = text.lines().position(|line| line.trim().starts_with("endpoints"));
            let problem = format!(
                "{endpoint} can be reached by other machines, unencrypted and without \
                 authentication; use 127.0.0.1 or ipc://, or set `allow-network = true`"
            );
            return refuse(line.map_or(1, |at| at + 1), "publish.endpoints".to_owned(), problem);
        }
        if let Some(Err((key, problem))) = self.record.as_ref().map(recorder::Config::check) {
            let line = text.lines().position(|line| line.trim().starts_with(&key));
            return refuse(line.map_or(1, |at| at + 1), format!("record.{key}"), problem);
        }
        if let Some(Err((key, problem))) = self.web.as_ref().map(web::Config::check) {
            let (table, rest) = text.split_once("[web]").unwrap_or_default();
            let line = rest.lines().position(|line| line.trim().starts_with(key));
            let line = line.map_or(0, |at| at + table.matches('\n').count());
            return refuse(line + 1, format!("web.{key}"), problem);
        }
        if let Err((key, problem)) = self.pipeline.check() {
            let last = key.rsplit('.').next().unwrap_or_default();
            let line = text.lines().position(|line| line.trim().starts_with(last));
            return refuse(line.map_or(1, |at| at + 1), format!("pipeline.{key}"), problem);
        }
        Ok(())
    }
}

impl SensorConfig {
    /// Opens the sensor or recording.
    ///
    /// # Errors
    /// When the kind is unknown or cannot be opened with these settings.
    pub fn open(&self) -> Result<Box<dyn sensor::Sensor>, sensor::Error> {
        let kind = Kind::named(&self.kind)
            .ok_or_else(|| sensor::Error::UnknownKind { kind: self.kind.clone() })?;
        kind.open(self.settings.clone())
    }

    fn check(&self, before: &[Self]) -> Result<(), (String, String)> {
        let allowed = |c: char| c.is_ascii_alphanumeric() || c == '-' || c == '_';
        if self.name.is_empty() || !self.name.chars().all(allowed) {
            let problem = format!("`{}` must be letters, digits, - and _", self.name);
            return Err(("name".to_owned(), problem));
        }
        if before.iter().any(|other| other.name == self.name) {
            return Err(("name".to_owned(), format!("`{}` is used twice", self.name)));
        }
        let Some(kind) = Kind::named(&self.kind) else {
            let known = SENSORS.iter().map(|kind| kind.name).collect::<Vec<_>>().join(", ");
            return Err(("kind".to_owned(), format!("`{}` is not one of {known}", self.kind)));
        };
        kind.check(self.settings.clone()).map_err(|error| {
            let problem = error.to_string();
            let key = problem.split('`').find(|word| self.settings.contains_key(*word));
            (key.unwrap_or("settings").to_owned(), problem)
        })
    }
}

/// The line, from 1, on which sensor number `index` sets `key`, else the line of its heading.
///
/// Settings are parsed by the sensor from a table that has lost its positions, so they are looked
/// for again in the text.
fn line_of(text: &str, index: usize, key: &str) -> usize {
    let heading = |line: &str| line.trim_start().starts_with("[[sensor]]");
    let Some((start, _)) = text.lines().enumerate().filter(|(_, line)| heading(line)).nth(index)
    else {
        return 1;
    };
    let own = text.lines().enumerate().skip(start + 1).take_while(|(_, line)| !heading(line));
    let sets = |line: &str| {
        line.trim_start()
            .trim_start_matches("settings.")
            .strip_prefix(key)
            .is_some_and(|rest| rest.trim_start().starts_with(['=', '.', ']']))
    };
    own.into_iter().find(|(_, line)| sets(line)).map_or(start, |(at, _)| at) + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn refusal(text: &str) -> String {
        Config::parse(text, Path::new("x.toml")).unwrap_err().to_string()
    }

    #[test]
    fn an_unknown_key_is_refused_with_its_line() {
        let message = refusal("[publish]\nendpoints = []\nencodng = \"json\"\n");
        assert!(message.contains("line 3") && message.contains("encodng"), "{message}");
    }

    #[test]
    fn an_unknown_setting_of_a_sensor_is_refused_with_its_line() {
        let text = "[[sensor]]\nname = \"a\"\nkind = \"infineon\"\n\n[sensor.settings]\n\
                    path = \"x\"\npth = 1\n";
        let message = refusal(text);
        assert!(message.starts_with("x.toml:7:") && message.contains("pth"), "{message}");
    }

    #[test]
    fn an_open_endpoint_needs_a_word_of_consent() {
        let text = "[publish]\nendpoints = [\"tcp://0.0.0.0:5556\"]\n";
        assert!(refusal(text).starts_with("x.toml:2:"));
        let text = format!("{text}allow-network = true\n");
        Config::parse(&text, Path::new("x.toml")).unwrap();
    }

    #[test]
    fn a_page_that_others_can_reach_needs_a_token() {
        let text = "[publish]\nendpoints = []\n\n[web]\nlisten = \"0.0.0.0:5580\"\n";
        let message = refusal(text);
        assert!(message.starts_with("x.toml:5:") && message.contains("token-file"), "{message}");
        let with_token = format!("{text}token-file = \"page.token\"\n");
        Config::parse(&with_token, Path::new("x.toml")).unwrap();
        let message = refusal("[web]\nlisten = \"localhost\"\n");
        assert!(message.contains("line 2") && message.contains("web.listen"), "{message}");
    }

    #[test]
    fn two_sensors_of_one_name_are_refused_at_the_second() {
        let sensor = "[[sensor]]\nname = \"a\"\nkind = \"evt\"\nsettings.path = \"x\"\n";
        let message = refusal(&format!("{sensor}{sensor}"));
        assert!(message.starts_with("x.toml:6:") && message.contains("twice"), "{message}");
    }

    #[test]
    fn a_sensor_of_unknown_kind_is_refused_with_the_known_ones() {
        let message = refusal("[[sensor]]\nname = \"a\"\nkind = \"lidar\"\n");
        assert!(message.starts_with("x.toml:3:") && message.contains("infineon"), "{message}");
    }
}
