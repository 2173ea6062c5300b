//! The `[web]` table.

use std::net::SocketAddr;
use std::path::PathBuf;

use serde::Deserialize;

/// `[web]`: the live page and the metrics. Without this table nothing listens.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub struct Config {
    /// `ADDRESS:PORT`; port 0 takes a free one. An address that other machines can reach needs a
    /// token.
    pub listen: SocketAddr,
    /// File with the token that viewers and monitors must show, relative to the configuration file:
    /// 16 to 128 letters, digits, `-`, `_`, `.` or `~`. Default: none, which only a loopback address
    /// may have.
    #[serde(default)]
    pub token_file: Option<PathBuf>,
}

impl Config {
    /// What is wrong with it.
    ///
    /// # Errors
    /// The key, and what is wrong with its value.
    pub fn check(&self) -> Result<(), (&'static str, String)> {
        if self.listen.ip().is_loopback() || self.token_file.is_some() {
            return Ok(());
        }
        let problem = format!(
            "{} can be reached by other machines; use 127.0.0.1, or set `token-file` (made with \
             `openssl rand -hex 32`)",
            self.listen
        );
        Err(("listen", problem))
    }
}
