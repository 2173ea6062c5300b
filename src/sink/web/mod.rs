//! The live page, `/metrics`, `/healthz` and `/readyz`, on a thread of their own.
//!
//! ```text
//! pipeline thread -> Board (newest message of each topic)  -+
//!                 -> Painter -> Gallery (newest pictures)  -+-> one task per viewer -> browser
//!                 -> Telemetry                             -+-> /metrics
//! ```
//!
//! Every arrow to the right of the pipeline thread is a slot that holds the newest thing alone. A
//! viewer takes what is there when it is ready, so the pipeline never waits and nothing piles up.
//! Pictures are painted only while somebody asks for them.
//!
//! Whoever connects is a stranger: `guard` looks at `Host` (a page elsewhere may have its name
//! resolved to this machine), `Origin` and the token, [`Limits`] says what each may cost. Nothing
//! can be changed here: a viewer that says anything is disconnected.

mod canvas;
mod config;
mod gallery;
mod guard;
mod limits;
mod live;
mod routes;
mod server;
mod tally;
mod token;

use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::thread::JoinHandle;

use tokio::net::{TcpListener, TcpSocket};
use tokio::sync::{Semaphore, oneshot};

use super::Board;
use super::metrics::Telemetry;
use crate::data::Counts;
use crate::units::{HostClock, Stamp};

pub use config::Config;
pub use gallery::{Map, MapScale, Painter};
pub use limits::Limits;

use gallery::Gallery;
use tally::Tally;
use token::Token;

/// Connections that the kernel holds while they wait to be accepted.
const BACKLOG: u32 = 64;

/// Why there is no page.
#[derive(Debug, thiserror::Error)]
pub enum WebError {
    /// The address is taken, or not ours.
    #[error(
        "cannot serve the live page on {address}: {source}; choose another `web.listen`, or stop \
         what listens there"
    )]
    Bind {
        /// As configured.
        address: SocketAddr,
        /// What the system said.
        source: io::Error,
    },
    /// The token cannot be used.
    #[error("{file}: {source}", file = file.display())]
    Token {
        /// The file of `web.token-file`.
        file: PathBuf,
        /// What is wrong with it.
        source: io::Error,
    },
    /// The thread or its runtime could not be started.
    #[error("cannot start the thread of the live page: {0}")]
    Thread(#[from] io::Error),
}

/// Where the page and the metrics find what they show.
#[derive(Debug, Clone)]
pub struct Exhibits {
    /// The newest messages.
    pub board: Board,
    /// Measurements of the daemon.
    pub telemetry: Telemetry,
    /// The host's clock: only the daemon has one.
    pub now: fn() -> Stamp<HostClock>,
}

/// What all requests share.
#[derive(Debug)]
struct House {
    exhibits: Exhibits,
    gallery: Gallery,
    token: Option<Token>,
    /// True if only this machine can connect.
    is_loopback: bool,
    viewers: Arc<Semaphore>,
    tally: Arc<Tally>,
    limits: Limits,
}

/// A running server. Dropping it disconnects everybody and stops the thread.
#[derive(Debug)]
pub struct Web {
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
    address: SocketAddr,
    tally: Arc<Tally>,
}

impl Web {
    /// Listens as `config` says, with the default [`Limits`]; the painter is for the pipeline
    /// thread.
    ///
    /// # Errors
    /// When the address cannot be bound, the token not be read, or the thread not be started.
    pub fn start(config: &Config, exhibits: Exhibits) -> Result<(Self, Painter), WebError> {
        Self::start_with(config, exhibits, Limits::default())
    }

    /// Listens as `config` says; the painter is for the pipeline thread.
    ///
    /// # Errors
    /// When the address cannot be bound, the token not be read, or the thread not be started.
    pub fn start_with(
        config: &Config,
        exhibits: Exhibits,
        limits: Limits,
    ) -> Result<(Self, Painter), WebError> {
        let token = config.token_file.as_ref().map(|file| {
            if let Some(note) = Token::warning(file) {
                tracing::warn!("{note}");
            }
            Token::read(file).map_err(|source| WebError::Token { file: file.clone(), source })
        });
        let token = token.transpose()?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let listener = {
            let _inside = runtime.enter();
            listen(config.listen, &limits)
        };
        let bound = listener.and_then(|listener| Ok((listener.local_addr()?, listener)));
        let (address, listener) =
            bound.map_err(|source| WebError::Bind { address: config.listen, source })?;
        let (gallery, tally) = (Gallery::default(), Arc::new(Tally::default()));
        let house = Arc::new(House {
            exhibits,
            gallery: gallery.clone(),
            token,
            is_loopback: config.listen.ip().is_loopback(),
            viewers: Arc::new(Semaphore::new(limits.viewers)),
            tally: Arc::clone(&tally),
            limits,
        });
        let (stop, stopped) = oneshot::channel();
        let thread = std::thread::Builder::new().name("web".into()).spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    () = server::serve(&listener, &house) => {}
                    _ = stopped => {}
                }
            });
        })?;
        let web = Self { stop: Some(stop), thread: Some(thread), address, tally };
        Ok((web, Painter::new(gallery)))
    }

    /// Where it listens, port 0 resolved.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// What was refused and who was thrown out since the start, by reason.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.tally.counts()
    }
}

impl Drop for Web {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the thread of the live page panicked");
        }
    }
}

/// A listening socket whose options each accepted connection inherits.
fn listen(address: SocketAddr, limits: &Limits) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_reuseaddr(true)?;
    socket.set_send_buffer_size(limits.send_buffer)?;
    socket.set_keepalive(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}
