//! The control endpoint: one question, one answer, over a Unix socket that only the group can reach.
//!
//! It speaks ZMTP as a REP, with the parser of the guard and not with the `zeromq` crate, whose
//! sockets a hostile frame header kills. Any REQ can ask:
//!
//! ```text
//! {"command": "status"}    newest status, health and hello
//! {"command": "topics"}    every topic so far
//! {"command": "newest"}    the newest message of each topic
//! {"command": "reload"}    read the configuration again; what is wrong with it comes back
//! {"command": "start-recording"}    into the folder of `[record]`; without one it is refused
//! {"command": "stop-recording"}     answered when the file is whole
//! ```
//!
//! The answer is `{"ok": true, ...}` or `{"ok": false, "error": "..."}`. Thresholds, keys and raw
//! data cannot be had or changed here.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};
use tokio::io::{AsyncRead, AsyncWrite, AsyncWriteExt as _};
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::{Semaphore, oneshot};
use tokio::time::timeout;
use zeromq::{Socket as _, SocketRecv as _, SocketSend as _};

use super::endpoint::Endpoint;
use super::frames::FrameReader;
use super::limits::Limits;
use super::peer::shake_hands;
use super::zmtp;
use crate::sink::{Board, Envelope};

/// Clients served at one time; more wait to be accepted.
const CLIENTS: usize = 8;
/// A client that asks nothing for so long is closed.
const IDLE: Duration = Duration::from_secs(60);
/// How long an order may take: a bundle is loaded on a reload.
const PATIENCE: Duration = Duration::from_secs(10);
/// Frames of one question: a DEALER may put an envelope before it.
const MOST_FRAMES: usize = 4;

/// Where the outcome of an order is awaited: nothing, or what is wrong in words.
pub type Answer = oneshot::Sender<Result<(), String>>;

/// What a client may ask the daemon to do.
pub enum Order {
    /// Read the configuration again and work by it if it is right; answer what is wrong with it.
    Reload(Answer),
    /// Record from now on, as `[record]` says.
    StartRecording(Answer),
    /// Record no more; answered when the last file is whole.
    StopRecording(Answer),
}

#[derive(Debug, Deserialize)]
#[serde(tag = "command", rename_all = "kebab-case", deny_unknown_fields)]
enum Question {
    // Braces, because serde overlooks unknown fields beside a bare name.
    Status {},
    Topics {},
    Newest {},
    Reload {},
    StartRecording {},
    StopRecording {},
}

/// A running control endpoint. Dropping it closes the socket.
#[derive(Debug)]
pub struct Control {
    stop: Option<oneshot::Sender<()>>,
    thread: Option<JoinHandle<()>>,
    endpoint: Endpoint,
}

/// Carries orders to whoever can carry them out; false if nobody does any more.
type Desk = Arc<dyn Fn(Order) -> bool + Send + Sync>;

impl Control {
    /// Listens on the Unix socket `path`, mode 0660, and answers from `board`; `desk` takes orders.
    ///
    /// # Errors
    /// When the socket cannot be bound, or the thread not be started.
    pub fn start(
        path: &Path,
        board: Board,
        desk: impl Fn(Order) -> bool + Send + Sync + 'static,
    ) -> io::Result<Self> {
        let endpoint = Endpoint::Ipc(path.to_owned());
        endpoint.remove_stale_socket_file()?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        let listener = {
            let _inside = runtime.enter();
            UnixListener::bind(path)?
        };
        endpoint.restrict_socket_file()?;
        let (stop, stopped) = oneshot::channel();
        let desk: Desk = Arc::new(desk);
        let thread = std::thread::Builder::new().name("control".into()).spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    () = accept(&listener, &board, &desk) => {}
                    _ = stopped => {}
                }
            });
        })?;
        Ok(Self { stop: Some(stop), thread: Some(thread), endpoint })
    }
}

impl Drop for Control {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take()
            && thread.join().is_err()
        {
            tracing::error!("the control thread panicked");
        }
        self.endpoint.remove_socket_file();
    }
}

async fn accept(listener: &UnixListener, board: &Board, desk: &Desk) {
    let limits = Limits { inbound_frame: 4096, ..Limits::default() };
    let seats = Arc::new(Semaphore::new(CLIENTS));
    loop {
        let Ok(seat) = Arc::clone(&seats).acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, _)) => {
                let (board, desk) = (board.clone(), Arc::clone(desk));
                tokio::spawn(async move {
                    serve(stream, &limits, &board, &desk).await;
                    drop(seat);
                });
            }
            // For want of descriptors, say; the client tries again.
            Err(_) => tokio::time::sleep(limits.accept_rest).await,
        }
    }
}

/// Serves one client until it goes, errs or is idle for too long.
async fn serve(stream: UnixStream, limits: &Limits, board: &Board, desk: &Desk) {
    let (reader, mut writer) = stream.into_split();
    let kinds: [&[u8]; 2] = [b"REQ", b"DEALER"];
    let hands = shake_hands(reader, &mut writer, limits, zmtp::READY_REP, &kinds);
    let Ok(Ok(mut frames)) = timeout(limits.handshake, hands).await else { return };
    while let Ok(Some(mut message)) = timeout(IDLE, question(&mut frames, &mut writer)).await {
        let Some(text) = message.pop() else { return };
        let answer = answer(&text, board, desk).await.to_string();
        let mut bytes = Vec::new();
        message.iter().for_each(|frame| zmtp::encode_frame(true, frame, &mut bytes));
        zmtp::encode_frame(false, answer.as_bytes(), &mut bytes);
        if !matches!(timeout(limits.stall, writer.write_all(&bytes)).await, Ok(Ok(()))) {
            return;
        }
    }
}

/// The frames of the next question; heartbeats on the way to it are answered. `None` ends it.
async fn question<R: AsyncRead + Unpin, W: AsyncWrite + Unpin>(
    frames: &mut FrameReader<R>,
    writer: &mut W,
) -> Option<Vec<Vec<u8>>> {
    let mut message = Vec::new();
    loop {
        let frame = frames.frame().await.ok()?;
        if frame.command {
            if let zmtp::Request::Ping(context) = zmtp::Request::read(&frame).ok()? {
                writer.write_all(&zmtp::pong(&context)).await.ok()?;
            }
            continue;
        }
        message.push(frame.body);
        if !frame.more {
            return Some(message);
        }
        if message.len() == MOST_FRAMES {
            return None;
        }
    }
}

async fn answer(text: &[u8], board: &Board, desk: &Desk) -> Value {
    let question = match serde_json::from_slice(text) {
        Ok(question) => question,
        Err(error) => {
            return refuse(format!(
                "{error}; ask {{\"command\": \"status\"}}, topics, newest, reload, \
                 start-recording or stop-recording"
            ));
        }
    };
    match question {
        Question::Topics {} => json!({ "ok": true, "topics": board.topics() }),
        Question::Newest {} => {
            let newest = board.newest();
            json!({ "ok": true, "newest": newest.iter().map(AsRef::as_ref).collect::<Vec<_>>() })
        }
        Question::Status {} => {
            let newest = board.newest();
            let find = |stream: &str| {
                let mut newest = newest.iter().map(AsRef::as_ref);
                newest.find(|envelope: &&Envelope| envelope.payload.stream() == stream)
            };
            let (status, health, hello) = (find("status"), find("health"), find("hello"));
            json!({ "ok": true, "status": status, "health": health, "hello": hello })
        }
        Question::Reload {} => order(desk, Order::Reload).await,
        Question::StartRecording {} => order(desk, Order::StartRecording).await,
        Question::StopRecording {} => order(desk, Order::StopRecording).await,
    }
}

/// Has an order carried out and says how it went.
async fn order(desk: &Desk, order: fn(Answer) -> Order) -> Value {
    let (tell, told) = oneshot::channel();
    if !desk(order(tell)) {
        return refuse("the daemon is stopping");
    }
    match timeout(PATIENCE, told).await {
        Ok(Ok(Ok(()))) => json!({ "ok": true }),
        Ok(Ok(Err(problem))) => refuse(problem),
        Ok(Err(_)) => refuse("the daemon is stopping"),
        Err(_) => refuse("the daemon took too long; its log says why"),
    }
}

fn refuse(problem: impl Into<String>) -> Value {
    json!({ "ok": false, "error": problem.into() })
}

/// Why the daemon could not be asked.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// The runtime of this thread.
    #[error("cannot start: {0}")]
    Runtime(#[from] io::Error),
    /// Nobody answers.
    #[error(
        "{path}: {problem}; is the daemon running with `[control]`, and are you in its group?",
        path = path.display()
    )]
    Silent {
        /// The socket.
        path: PathBuf,
        /// What happened.
        problem: String,
    },
}

/// Asks the daemon behind the Unix socket `path`; gives its answer, JSON.
///
/// # Errors
/// When it cannot be reached or does not answer in time.
pub fn ask(path: &Path, question: &str) -> Result<String, AskError> {
    let silent = |problem: String| AskError::Silent { path: path.to_owned(), problem };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    runtime.block_on(async {
        let talk = async {
            let mut socket = zeromq::ReqSocket::new();
            socket.connect(&format!("ipc://{}", path.display())).await?;
            socket.send(question.to_owned().into()).await?;
            socket.recv().await
        };
        let message = timeout(PATIENCE + Duration::from_secs(1), talk)
            .await
            .map_err(|_elapsed| silent("no answer in time".to_owned()))?
            .map_err(|error| silent(error.to_string()))?;
        let bytes = message.into_vec().pop().unwrap_or_default();
        String::from_utf8(bytes.to_vec()).map_err(|error| silent(error.to_string()))
    })
}
