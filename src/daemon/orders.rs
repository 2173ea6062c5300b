//! What people ask of a running daemon, and how it changes its configuration.

use std::sync::mpsc::{self, Receiver, Sender};

use tokio::sync::oneshot;

use super::stop::Stop;
use super::{Prepared, prepare};
use crate::config::Config;
use crate::sink::zmq::control::Order;

/// Where a running daemon gets its configuration again, and the orders it takes.
pub struct Orders {
    /// Reads and checks the configuration file again; what is wrong with it, in words.
    pub(super) reread: Box<dyn Fn() -> Result<Config, String>>,
    /// Orders from signals and the control endpoint.
    pub(super) inbox: Receiver<Order>,
    /// Where they are put.
    pub(super) outbox: Sender<Order>,
}

impl Orders {
    /// None yet; `reread` is called for each order to reload.
    #[must_use]
    pub fn new(reread: impl Fn() -> Result<Config, String> + 'static) -> Self {
        let (outbox, inbox) = mpsc::channel();
        Self { reread: Box::new(reread), inbox, outbox }
    }

    /// What a SIGHUP does: orders a reload, or ends a daemon that takes no orders any more.
    pub fn hang_up(&self, stop: &Stop) -> impl Fn() + Send + 'static {
        let (outbox, stop) = (self.outbox.clone(), stop.clone());
        move || {
            let (answer, _unread) = oneshot::channel();
            if outbox.send(Order::Reload(answer)).is_err() {
                stop.throw();
            }
        }
    }
}

/// Reads, checks and prepares the configuration as it is now, before anything is given up.
pub(super) fn reload(now: &Config, orders: &Orders) -> Result<(Config, Prepared), String> {
    let next = (orders.reread)()?;
    if next.publish != now.publish || next.control != now.control || next.web != now.web {
        return Err(
            "`[publish]`, `[control]` or `[web]` has changed; that needs a restart of the \
                    daemon"
                .to_owned(),
        );
    }
    let prepared = prepare(&next).map_err(|error| error.to_string())?;
    Ok((next, prepared))
}
