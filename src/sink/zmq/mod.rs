//! A ZeroMQ PUB socket on a thread of its own.
//!
//! The `zeromq` crate's PUB can deadlock on a multi-threaded runtime while subscribers come and
//! go; on a current-thread runtime it never did (zeromq 0.7.0). So the socket is created, used and
//! dropped on one thread, fed through a bounded channel; what does not fit is refused to the
//! caller, who counts it. What lies behind the channel is the crate's own queue, which has no
//! working bound: until a guard stands in front of it, endpoints stay on this machine.

mod endpoint;

use std::io;
use std::sync::mpsc as std_mpsc;
use std::thread::JoinHandle;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::sync::mpsc::error::TrySendError;
use zeromq::{PubSocket, Socket as _, SocketSend as _, ZmqMessage};

pub use endpoint::{BadEndpoint, Endpoint};

/// Messages between the pipeline and the publisher thread.
const QUEUE: usize = 256;

/// How long queued messages may still travel after the last one was handed over, like ZeroMQ's
/// `LINGER`. The crate cannot say when its queues are empty, so this is waited for in full, but
/// only if somebody is connected.
const LINGER: Duration = Duration::from_millis(150);

/// A running publisher. Dropping it stops the thread; [`finish`](Self::finish) also waits.
#[derive(Debug)]
pub struct Publisher {
    feed: Option<mpsc::Sender<[Vec<u8>; 3]>>,
    thread: Option<JoinHandle<()>>,
    bound: Vec<String>,
}

/// Why publishing could not start.
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
    /// Binds all `endpoints` and starts the thread.
    ///
    /// # Errors
    /// When an endpoint cannot be bound; nothing stays bound then.
    pub fn start(endpoints: &[Endpoint]) -> Result<Self, PublishError> {
        let (feed, queue) = mpsc::channel(QUEUE);
        let (report, reported) = std_mpsc::channel();
        let endpoints = endpoints.to_vec();
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let thread = std::thread::Builder::new()
            .name("publisher".into())
            .spawn(move || runtime.block_on(serve(&endpoints, queue, &report)))?;
        let bound = reported.recv().unwrap_or_else(|_| {
            Err(io::Error::other("the publisher thread ended before it was bound").into())
        })?;
        Ok(Self { feed: Some(feed), thread: Some(thread), bound })
    }

    /// The endpoints as bound, port 0 resolved.
    #[must_use]
    pub fn bound(&self) -> &[String] {
        &self.bound
    }

    /// Hands over one message; never waits.
    #[must_use]
    pub fn publish(&self, frames: [Vec<u8>; 3]) -> Handed {
        match self.feed.as_ref().map(|feed| feed.try_send(frames)) {
            Some(Ok(())) => Handed::Over,
            Some(Err(TrySendError::Full(_))) => Handed::QueueFull,
            Some(Err(TrySendError::Closed(_))) | None => Handed::Dead,
        }
    }

    /// Hands over one message and waits for room: for a replay, which must not outrun its sink.
    #[must_use]
    pub fn publish_patiently(&self, frames: [Vec<u8>; 3]) -> Handed {
        match self.feed.as_ref().map(|feed| feed.blocking_send(frames)) {
            Some(Ok(())) => Handed::Over,
            Some(Err(_)) | None => Handed::Dead,
        }
    }

    /// Stops after what is queued was sent.
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

async fn serve(
    endpoints: &[Endpoint],
    mut queue: mpsc::Receiver<[Vec<u8>; 3]>,
    report: &std_mpsc::Sender<Bound>,
) {
    let mut socket = PubSocket::new();
    let mut monitor = socket.monitor();
    let bound = bind_all(&mut socket, endpoints).await;
    let failed = bound.is_err();
    if report.send(bound).is_err() || failed {
        return;
    }
    while let Some([topic, header, payload]) = queue.recv().await {
        let mut message = ZmqMessage::from(topic);
        message.push_back(header.into());
        message.push_back(payload.into());
        // PUB has no way to fail towards the publisher: it drops per subscriber.
        drop(socket.send(message).await);
    }
    let mut somebody_came = false;
    while let Ok(event) = monitor.try_recv() {
        somebody_came |= matches!(event, zeromq::SocketEvent::Accepted(..));
    }
    if somebody_came {
        tokio::time::sleep(LINGER).await;
    }
    drop(socket.close().await);
    for endpoint in endpoints {
        endpoint.remove_socket_file();
    }
}

async fn bind_all(socket: &mut PubSocket, endpoints: &[Endpoint]) -> Bound {
    let mut bound = Vec::new();
    for endpoint in endpoints {
        let refused =
            |reason: String| PublishError::Bind { endpoint: endpoint.to_string(), reason };
        endpoint.remove_stale_socket_file().map_err(|error| refused(error.to_string()))?;
        let at =
            socket.bind(&endpoint.to_string()).await.map_err(|error| refused(error.to_string()))?;
        endpoint.restrict_socket_file().map_err(|error| refused(error.to_string()))?;
        bound.push(at.to_string());
    }
    Ok(bound)
}
