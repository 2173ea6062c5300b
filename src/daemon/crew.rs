//! Threads inside drivers: waited for at the end, but not for one that never comes back.

use std::io;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::thread::JoinHandle;
use std::time::Duration;

/// How long the end waits for all of them; a call into a driver takes a few times 50 ms.
const PATIENCE: Duration = Duration::from_secs(1);

/// Threads that share an end.
#[derive(Debug)]
pub(super) struct Crew {
    threads: Vec<JoinHandle<()>>,
    /// Held by each thread while it runs.
    alive: Sender<()>,
    /// Disconnected when the last of them has ended.
    gone: Receiver<()>,
}

impl Default for Crew {
    fn default() -> Self {
        let (alive, gone) = channel();
        Self { threads: Vec::new(), alive, gone }
    }
}

impl Crew {
    /// Starts a thread.
    ///
    /// # Errors
    /// When the system has none to give.
    pub(super) fn hire(
        &mut self,
        name: String,
        work: impl FnOnce() + Send + 'static,
    ) -> io::Result<()> {
        let alive = self.alive.clone();
        let thread = std::thread::Builder::new().name(name);
        self.threads.push(thread.spawn(move || {
            work();
            drop(alive);
        })?);
        Ok(())
    }

    /// How many were started.
    pub(super) const fn len(&self) -> usize {
        self.threads.len()
    }

    /// Waits until all have ended. Who has not within a second hangs in its driver, is left there
    /// and said: neither a reload nor a clean end may hang with it. Gives how many were left.
    pub(super) fn dismiss(self) -> usize {
        let Self { threads, alive, gone } = self;
        drop(alive);
        let all_ended =
            gone.recv_timeout(PATIENCE) == Err(std::sync::mpsc::RecvTimeoutError::Disconnected);
        let mut left = 0;
        for thread in threads {
            let name = thread.thread().name().unwrap_or_default().to_owned();
            if !all_ended && !thread.is_finished() {
                tracing::error!(thread = name, "left behind in a driver that does not come back");
                left += 1;
            } else if thread.join().is_err() {
                tracing::error!(thread = name, "panicked");
            }
        }
        left
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_hangs_is_left_behind_and_the_others_are_waited_for() {
        let (release, hang) = channel::<()>();
        let (tell, told) = channel();
        let mut crew = Crew::default();
        crew.hire("hangs".into(), move || {
            let _released = hang.recv();
        })
        .unwrap();
        crew.hire("works".into(), move || tell.send("done").unwrap()).unwrap();
        assert_eq!(crew.dismiss(), 1);
        assert_eq!(told.try_recv(), Ok("done"));
        drop(release);
    }

    #[test]
    fn a_crew_that_has_ended_is_not_waited_for() {
        let mut crew = Crew::default();
        crew.hire("works".into(), || {}).unwrap();
        assert_eq!(crew.dismiss(), 0);
    }
}
