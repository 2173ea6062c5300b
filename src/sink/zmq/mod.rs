//! A ZeroMQ PUB socket on a thread of its own, with a guard between it and everybody else.
//!
//! ```text
//! Publisher -> bounded channel -> PUB socket of the `zeromq` crate -> link -> outbox per subscriber
//!                                                                                |
//!                            subscribers <-> listeners (tcp, ipc) <-> peer tasks +
//! ```
//!
//! The crate's PUB cannot face strangers (zeromq 0.7.0): a frame header of 9 bytes aborts the
//! process, a subscriber that stops reading makes it grow without bound, heartbeats end the
//! connection, idle connections stay for ever, and subscribers that come and go can lock it up. So
//! the socket has one subscriber for ever, the `link`, and the guard serves the public endpoints
//! itself: `zmtp` is the only parser that strangers reach, `peer` shakes hands and serves one
//! of them, `outbox` drops the oldest message when one is slow, and [`Limits`] says what each
//! may cost. Whatever is refused or dropped is counted: [`Publisher::counts`].
//!
//! Everything runs on one thread with a current-thread runtime; on a multi-threaded one the crate
//! can deadlock. The channel in front of it is bounded; what does not fit is refused to the caller,
//! who counts it.

pub mod control;
mod endpoint;
mod first;
mod frames;
mod guard;
mod limits;
mod link;
mod listener;
mod outbox;
mod peer;
mod seats;
mod tally;
mod zmtp;

use std::io;
use std::sync::Arc;
use std::sync::mpsc as std_mpsc;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;
use zeromq::ZmqMessage;

use crate::data::Counts;

pub use endpoint::{BadEndpoint, Endpoint};
pub use limits::Limits;

use first::FirstSubscription;
use guard::Guard;
use link::Link;
use listener::Listener;
use seats::Seats;
use tally::{Reason, Tally};

/// Messages between the pipeline and the publisher thread.
const QUEUE: usize = 256;

/// The one reason in [`Publisher::counts`] that is no trouble: connections let in.
pub const ACCEPTED: &str = "publish-accepted";

/// A running publisher. Dropping it stops the thread; [`finish`](Self::finish) also waits.
#[derive(Debug)]
pub struct Publisher {
    feed: Option<mpsc::Sender<Post>>,
    thread: Option<JoinHandle<()>>,
    bound: Vec<String>,
    tally: Arc<Tally>,
    first: Arc<FirstSubscription>,
}

/// A message on its way to the publisher thread.
#[derive(Debug)]
struct Post {
    frames: [Vec<u8>; 3],
    /// It waits a moment for subscribers that are behind, rather than push out what waits for them.
    patient: bool,
}

/// Why nothing can be published.
#[derive(Debug, thiserror::Error)]
pub enum PublishError {
    /// An endpoint could not be bound.
    #[error(
        "cannot publish on {endpoint}: {reason}; is another visaged running? choose another endpoint under `[publish]`"
    )]
    Bind {
        /// As configured.
        endpoint: String,
        /// What the system said.
        reason: String,
    },
    /// The thread or its runtime could not be started.
    #[error("cannot start the publisher thread: {0}")]
    Thread(#[from] io::Error),
    /// The way to the PUB socket could not be opened.
    #[error(
        "cannot connect to the PUB socket inside this process: {0}; is the folder for temporary files writable?"
    )]
    Link(io::Error),
    /// The publisher thread has ended while messages were still to be sent.
    #[error("the publisher has ended; the lines before this one say why")]
    Ended,
}

/// What became of a message handed to [`Publisher::publish`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Handed {
    /// It is on its way.
    Over,
    /// The queue was full: the message is lost and must be counted.
    QueueFull,
    /// The publisher has died.
    Dead,
}

impl Publisher {
    /// Binds all `endpoints` and starts the thread, with the default [`Limits`].
    ///
    /// # Errors
    /// When an endpoint cannot be bound; nothing stays bound then.
    pub fn start(endpoints: &[Endpoint]) -> Result<Self, PublishError> {
        Self::start_with(endpoints, Limits::default())
    }

    /// Binds all `endpoints` and starts the thread.
    ///
    /// # Errors
    /// When an endpoint cannot be bound; nothing stays bound then.
    pub fn start_with(endpoints: &[Endpoint], limits: Limits) -> Result<Self, PublishError> {
        let (feed, queue) = mpsc::channel(QUEUE);
        let (report, reported) = std_mpsc::channel();
        let endpoints = endpoints.to_vec();
        let tally = Arc::new(Tally::default());
        let first = Arc::new(FirstSubscription::default());
        let (counted, noted) = (Arc::clone(&tally), Arc::clone(&first));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let thread = std::thread::Builder::new().name("publisher".into()).spawn(move || {
            let seats = Arc::new(Seats::new(limits, counted, noted));
            runtime.block_on(serve(&endpoints, limits, seats, queue, &report));
        })?;
        let bound = reported.recv().unwrap_or_else(|_| {
            Err(io::Error::other("the publisher thread ended before it was bound").into())
        })?;
        Ok(Self { feed: Some(feed), thread: Some(thread), bound, tally, first })
    }

    /// The endpoints as bound, port 0 resolved.
    #[must_use]
    pub fn bound(&self) -> &[String] {
        &self.bound
    }

    /// What the guard let in, refused, dropped and threw out since the start, by reason.
    #[must_use]
    pub fn counts(&self) -> Counts {
        self.tally.counts()
    }

    /// Messages that wait for the publisher thread, and how many may.
    #[must_use]
    pub fn waiting(&self) -> (usize, usize) {
        let room = self.feed.as_ref().map_or(QUEUE, mpsc::Sender::capacity);
        (QUEUE.saturating_sub(room), QUEUE)
    }

    /// Waits at most `limit` for the first subscription ever made; true once there was one. What
    /// is published after that is heard by that subscriber.
    #[must_use]
    pub fn await_subscriber(&self, limit: Duration) -> bool {
        self.first.wait(limit)
    }

    /// Hands over one message; never waits.
    #[must_use]
    pub fn publish(&self, frames: [Vec<u8>; 3]) -> Handed {
        match self.feed.as_ref().map(|feed| feed.try_send(Post { frames, patient: false })) {
            Some(Ok(())) => Handed::Over,
            Some(Err(TrySendError::Full(_))) => Handed::QueueFull,
            Some(Err(TrySendError::Closed(_))) | None => Handed::Dead,
        }
    }

    /// Hands over one message and waits for room: for a replay, which must not outrun its sink.
    /// Subscribers that are behind are waited for too, but not for long: see [`Limits::patience`].
    #[must_use]
    pub fn publish_patiently(&self, frames: [Vec<u8>; 3]) -> Handed {
        match self.feed.as_ref().map(|feed| feed.blocking_send(Post { frames, patient: true })) {
            Some(Ok(())) => Handed::Over,
            Some(Err(_)) | None => Handed::Dead,
        }
    }

    /// Stops after what is queued was sent, or [`Limits::linger`] has passed.
    pub fn finish(mut self) {
        self.stop();
    }

    fn stop(&mut self) {
        self.feed = None;
        if let Some(thread) = self.thread.take() {
            // A panic there has been printed already; the process is ending either way.
            drop(thread.join());
        }
    }
}

impl Drop for Publisher {
    fn drop(&mut self) {
        self.stop();
    }
}

type Bound = Result<Vec<String>, PublishError>;

/// The publisher thread.
async fn serve(
    endpoints: &[Endpoint],
    limits: Limits,
    seats: Arc<Seats>,
    queue: mpsc::Receiver<Post>,
    report: &std_mpsc::Sender<Bound>,
) {
    let (link, listeners) = match open(endpoints, &limits).await {
        Ok(opened) => opened,
        Err(error) => {
            // Who asked for a publisher and did not wait for it needs no answer.
            let _told = report.send(Err(error));
            return;
        }
    };
    let bound = listeners.iter().map(|listener| listener.endpoint().to_string()).collect();
    let guard = Guard::post(listeners, limits, seats);
    if report.send(Ok(bound)).is_ok() {
        if let Err(error) = publish_all(queue, link, &guard.seats, &limits).await {
            tracing::error!(%error, "the publisher ends");
        }
        guard.retire(&limits).await;
    }
}

async fn open(
    endpoints: &[Endpoint],
    limits: &Limits,
) -> Result<(Link, Vec<Listener>), PublishError> {
    let mut listeners = Vec::new();
    for endpoint in endpoints {
        let listener = Listener::bind(endpoint, limits).map_err(|error| PublishError::Bind {
            endpoint: endpoint.to_string(),
            reason: error.to_string(),
        })?;
        listeners.push(listener);
    }
    Ok((Link::open(limits).await.map_err(PublishError::Link)?, listeners))
}

/// Takes messages through the PUB socket to everybody's outbox until the feed ends.
async fn publish_all(
    mut queue: mpsc::Receiver<Post>,
    mut link: Link,
    seats: &Seats,
    limits: &Limits,
) -> io::Result<()> {
    while let Some(Post { frames, patient }) = queue.recv().await {
        if frames.iter().map(|frame| frame.len() + zmtp::HEADER_LEN).sum::<usize>()
            > limits.message_bytes
        {
            seats.tally().add(Reason::Oversized, 1);
            continue;
        }
        if seats.is_empty() {
            continue; // as PUB does
        }
        let [topic, header, payload] = frames;
        let mut message = ZmqMessage::from(topic);
        message.push_back(header.into());
        message.push_back(payload.into());
        let published = link.pass(message).await?;
        if patient {
            let room = seats.room_for(&published.topic, published.bytes.len());
            // Who has no room by then loses its oldest message, as always.
            drop(tokio::time::timeout(limits.patience, room).await);
        }
        seats.deliver(&published.topic, &published.bytes);
    }
    Ok(())
}
