//! A board on a serial port, in real time: one thread, and the accidents of real cables.

use std::path::{Path, PathBuf};
use std::thread::JoinHandle;
use std::time::Duration;

use visaged::daemon::{Stop, clock};
use visaged::units::{HostClock, Micros, Stamp};

use crate::board::{Board, Tally};
use crate::error::Error;
use crate::pty::{Passed, Pty};

/// The longest sleep, so that a stop or a host is noticed soon.
const GLANCE: Micros = Micros::from_millis(20);
/// How often a closed port is looked at: pseudo-terminals cannot be waited on until they open.
const OPENING: Duration = Duration::from_millis(5);
/// Host requests read at once.
const REQUESTS: usize = 1024;

/// Something that happens again and again: `every` so long, and lasts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Accident {
    /// From the end of one to the start of the next.
    pub every: Micros,
    /// How long it lasts.
    pub lasting: Micros,
}

/// Where a board is plugged in, and what happens to its cable.
#[derive(Debug, Clone)]
pub struct SerialOptions {
    /// The link that hosts find the port by.
    pub link: PathBuf,
    /// The cable is pulled out, and the board, which lives on its power, boots anew.
    pub unplug: Option<Accident>,
    /// The board hangs: it neither listens nor sends, and drops what it acquires.
    pub stall: Option<Accident>,
    /// The board boots anew once, so long after the start, with its cable in place.
    pub restart_after: Option<Micros>,
    /// Ends when the recording does; else the port stays, and silent.
    pub end_with_recording: bool,
}

impl SerialOptions {
    /// A good cable behind `link`.
    #[must_use]
    pub const fn at(link: PathBuf) -> Self {
        Self { link, unplug: None, stall: None, restart_after: None, end_with_recording: false }
    }
}

/// Plays `board` until `stop` is thrown, or its recording ends if the options say so.
///
/// # Errors
/// When the port cannot be made or the recording not be read.
pub fn run(board: &mut Board, options: &SerialOptions, stop: &Stop) -> Result<(), Error> {
    let start = clock::now();
    let mut port = Port::plug(options)?;
    let mut unplug = options.unplug.map(|accident| Recurring::new(accident, start));
    let mut stall = options.stall.map(|accident| Recurring::new(accident, start));
    let mut restart = options.restart_after.map(|after| start + after);
    while !stop.is_thrown() {
        let now = clock::now();
        if let Some(unplug) = unplug.as_mut().filter(|unplug| unplug.begins(now)) {
            drop(port);
            board.port_closed();
            if stop.pause(duration(unplug.accident.lasting)) {
                return Ok(());
            }
            let now = clock::now();
            board.reboot(now);
            board.advance(now)?;
            port = Port::plug(options)?;
            unplug.ended(now);
        }
        if let Some(stall) = stall.as_mut().filter(|stall| stall.begins(now)) {
            if stop.pause(duration(stall.accident.lasting)) {
                return Ok(());
            }
            let now = clock::now();
            board.skip(now)?;
            stall.ended(now);
        }
        if restart.is_some_and(|due| now >= due) {
            restart = None;
            board.reboot(now);
            board.port_opened(now);
        }
        port.serve(board, now, stop)?;
        if options.end_with_recording && board.has_ended()? {
            return port.drain(stop);
        }
    }
    Ok(())
}

/// Plays `board` as fast as the host reads, until `stop` is thrown: its time flies from one thing to
/// the next. It boots when it is plugged in, which is when `plugged` is called.
///
/// # Errors
/// When the port cannot be made or the recording not be read.
pub fn run_unpaced(
    board: &mut Board,
    link: &Path,
    stop: &Stop,
    plugged: impl FnOnce(),
) -> Result<(), Error> {
    // Its time may be ahead of ours from an earlier run.
    let mut now = board.next_due()?.map_or_else(clock::now, |due| due.max(clock::now()));
    board.reboot(now);
    let mut port = Port { pty: Pty::plug(link)?, open: false, requests: [0; REQUESTS] };
    plugged();
    while !stop.is_thrown() {
        if !port.pty.is_open() {
            if port.open {
                port.open = false;
                board.port_closed();
            }
            // The switch is looked at above.
            let _thrown = stop.pause(Duration::from_millis(1));
            continue;
        }
        if !port.open {
            port.open = true;
            board.port_opened(now);
        }
        port.hear(board, now)?;
        if board.waiting().is_empty()
            && board.is_streaming()
            && let Some(due) = board.next_due()?
        {
            now = now.max(due);
            board.advance(now)?;
        }
        port.send(board)?;
        let idle = !board.is_streaming() || !board.waiting().is_empty();
        port.pty.wait(!board.waiting().is_empty(), if idle { GLANCE } else { Micros(0) });
    }
    board.port_closed();
    Ok(())
}

/// A board that plays on its own thread.
#[derive(Debug)]
pub struct Playing {
    stop: Stop,
    thread: JoinHandle<Result<Tally, Error>>,
}

impl Playing {
    /// Starts to play.
    ///
    /// # Errors
    /// When there is no thread to be had.
    pub fn start(mut board: Board, options: SerialOptions) -> Result<Self, Error> {
        let stop = Stop::default();
        let switch = stop.clone();
        let thread = std::thread::Builder::new().name("vdev".into()).spawn(move || {
            run(&mut board, &options, &switch)?;
            Ok(board.tally())
        })?;
        Ok(Self { stop, thread })
    }

    /// True once it has ended, well or not.
    #[must_use]
    pub fn has_ended(&self) -> bool {
        self.thread.is_finished()
    }

    /// Pulls the plug for good, and says what the board did.
    ///
    /// # Errors
    /// Why it had ended before.
    pub fn stop(self) -> Result<Tally, Error> {
        self.stop.throw();
        self.join()
    }

    /// Waits for the end of the recording, if the board ends with it.
    ///
    /// # Errors
    /// Why it ended before.
    pub fn join(self) -> Result<Tally, Error> {
        self.thread.join().unwrap_or_else(|_| {
            Err(Error::Output(std::io::Error::other("the thread of a virtual device panicked")))
        })
    }
}

/// A port, and whether a host had it open when we looked last.
struct Port {
    pty: Pty,
    open: bool,
    requests: [u8; REQUESTS],
}

impl Port {
    fn plug(options: &SerialOptions) -> Result<Self, Error> {
        Ok(Self { pty: Pty::plug(&options.link)?, open: false, requests: [0; REQUESTS] })
    }

    /// Hears, plays and sends once, and waits until there is more to do.
    fn serve(
        &mut self,
        board: &mut Board,
        now: Stamp<HostClock>,
        stop: &Stop,
    ) -> Result<(), Error> {
        if !self.pty.is_open() {
            if self.open {
                self.open = false;
                board.port_closed();
            }
            board.advance(now)?;
            // The switch is looked at by the caller.
            let _thrown = stop.pause(OPENING);
            return Ok(());
        }
        if !self.open {
            self.open = true;
            board.port_opened(now);
        }
        self.hear(board, clock::now())?;
        board.advance(now)?;
        self.send(board)?;
        let until = board.next_due()?.map_or(GLANCE, |due| due - clock::now());
        self.pty.wait(!board.waiting().is_empty(), until.min(GLANCE));
        Ok(())
    }

    /// Lets the board hear what the host has written.
    fn hear(&mut self, board: &mut Board, now: Stamp<HostClock>) -> Result<(), Error> {
        while let Passed::Bytes(count @ 1..) = self.pty.read(&mut self.requests)? {
            board.hear(now, &self.requests[..count]);
        }
        Ok(())
    }

    /// Writes as much of what the board has to say as there is room for.
    fn send(&self, board: &mut Board) -> Result<(), Error> {
        while !board.waiting().is_empty() {
            let Passed::Bytes(count @ 1..) = self.pty.write(board.waiting())? else { break };
            board.sent(count);
        }
        Ok(())
    }

    /// Leaves the host time to read what the port still holds: a hang-up would lose it.
    fn drain(self, stop: &Stop) -> Result<(), Error> {
        let _thrown = stop.pause(Duration::from_millis(500));
        drop(self.pty);
        Ok(())
    }
}

/// When an accident happens next.
struct Recurring {
    accident: Accident,
    next: Stamp<HostClock>,
}

impl Recurring {
    fn new(accident: Accident, now: Stamp<HostClock>) -> Self {
        Self { accident, next: now + accident.every }
    }

    fn begins(&self, now: Stamp<HostClock>) -> bool {
        now >= self.next
    }

    fn ended(&mut self, now: Stamp<HostClock>) {
        self.next = now + self.accident.every;
    }
}

fn duration(span: Micros) -> Duration {
    Duration::from_micros(u64::try_from(span.0).unwrap_or(0))
}
