//! The door: how many may come in, and what happens to the others.

use std::sync::Arc;

use tokio::sync::Semaphore;
use tokio::task::JoinSet;

use super::limits::Limits;
use super::listener::Listener;
use super::peer::{self, End};
use super::seats::Seats;
use super::tally::{Reason, Tally};

/// Everything that runs for those who connect.
pub(super) struct Guard {
    pub(super) seats: Arc<Seats>,
    doors: JoinSet<()>,
}

impl Guard {
    /// Lets subscribers in at `listeners`, each served by a task of its own.
    pub(super) fn post(listeners: Vec<Listener>, limits: Limits, seats: Arc<Seats>) -> Self {
        let places = Arc::new(Semaphore::new(limits.connections));
        let mut doors = JoinSet::new();
        for listener in listeners {
            let door = Door {
                listener,
                places: Arc::clone(&places),
                seats: Arc::clone(&seats),
                tally: Arc::clone(seats.tally()),
                limits,
            };
            doors.spawn(door.keep());
        }
        Self { seats, doors }
    }

    /// Lets nobody in any more and waits for what is on its way, at most for `limits.linger`.
    pub(super) async fn retire(mut self, limits: &Limits) {
        self.doors.shutdown().await;
        // Who has not taken everything by then has been given the time there is.
        drop(tokio::time::timeout(limits.linger, self.seats.emptied()).await);
    }
}

/// One endpoint.
struct Door {
    listener: Listener,
    places: Arc<Semaphore>,
    seats: Arc<Seats>,
    tally: Arc<Tally>,
    limits: Limits,
}

impl Door {
    async fn keep(self) {
        loop {
            let Ok((reader, writer)) = self.listener.accept().await else {
                self.tally.add(Reason::AcceptFailed, 1);
                // Out of descriptors, most likely: asking again at once would only burn time.
                tokio::time::sleep(self.limits.accept_rest).await;
                continue;
            };
            let Ok(place) = Arc::clone(&self.places).try_acquire_owned() else {
                self.tally.add(Reason::RefusedOverCap, 1);
                continue; // and closes it
            };
            self.tally.add(Reason::Accepted, 1);
            let (seats, tally, limits) =
                (Arc::clone(&self.seats), Arc::clone(&self.tally), self.limits);
            tokio::spawn(async move {
                if let End::Closed(reason) = peer::serve(reader, writer, &seats, &limits).await {
                    tally.add(reason, 1);
                }
                drop(place);
            });
        }
    }
}
