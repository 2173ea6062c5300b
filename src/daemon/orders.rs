//! What people ask of a running daemon, and how it changes its configuration.

use std::sync::Arc;
use std::sync::mpsc::{self, Receiver, Sender, TryRecvError};

use tokio::sync::oneshot;

use super::stop::Stop;
use super::{Prepared, prepare};
use crate::config::Config;
use crate::recording::Label;
use crate::sink::zmq::control::{Answer, Order};

type Reread = Arc<dyn Fn() -> Result<Config, String> + Send + Sync>;

/// Where a running daemon gets its configuration again, and the orders it takes.
pub struct Orders {
    /// Reads and checks the configuration file again; what is wrong with it, in words.
    reread: Reread,
    /// Orders from signals and the control endpoint.
    pub(super) inbox: Receiver<Order>,
    /// Where they are put.
    pub(super) outbox: Sender<Order>,
    /// Labels on their way into the recording.
    pub(super) labels: Receiver<Label>,
    /// Where they are put.
    labelled: Sender<Label>,
}

impl Orders {
    /// None yet; `reread` is called for each order to reload.
    #[must_use]
    pub fn new(reread: impl Fn() -> Result<Config, String> + Send + Sync + 'static) -> Self {
        let (outbox, inbox) = mpsc::channel();
        // Not bounded: a person poses an expression every few seconds.
        let (labelled, labels) = mpsc::channel();
        Self { reread: Arc::new(reread), inbox, outbox, labels, labelled }
    }

    /// Puts labels into the recording, if there is one when they are told; those that come after the
    /// end of the run are lost with it.
    pub fn labeller(&self) -> impl Fn(Label) + Send + 'static {
        let labelled = self.labelled.clone();
        move |label| {
            // Without a run there is no recording to write into.
            let _told = labelled.send(label);
        }
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

type Next = (Config, Prepared);

/// A configuration that is read, checked and prepared beside the pipeline, which meanwhile goes on:
/// neither a slow disk nor a large bundle may hold it up, or the watchdog would take it for dead.
pub(super) struct Reloading {
    answer: Answer,
    prepared: Receiver<Result<Next, String>>,
}

impl Reloading {
    /// Begins to reload, unless that is under way already.
    pub(super) fn begin(now: &mut Option<Self>, config: &Config, orders: &Orders, answer: Answer) {
        let refuse = |answer: Answer, problem: String| {
            // A client that does not wait for the answer finds it in the log.
            let _told = answer.send(Err(problem));
        };
        if now.is_some() {
            return refuse(answer, "a reload is under way already".to_owned());
        }
        let (tell, prepared) = mpsc::channel();
        let (config, reread) = (config.clone(), Arc::clone(&orders.reread));
        let thread = std::thread::Builder::new().name("reload".into());
        // A daemon that has ended meanwhile needs no other configuration.
        match thread.spawn(move || drop(tell.send(reload(&config, &reread)))) {
            Ok(_) => *now = Some(Self { answer, prepared }),
            Err(error) => refuse(answer, error.to_string()),
        }
    }

    /// What to go on with, once it is ready and right.
    pub(super) fn outcome(now: &mut Option<Self>) -> Option<Next> {
        let tried = match now.as_ref()?.prepared.try_recv() {
            Ok(tried) => tried,
            Err(TryRecvError::Empty) => return None,
            Err(TryRecvError::Disconnected) => Err("the reload has failed".to_owned()),
        };
        let Self { answer, .. } = now.take()?;
        let _told = answer.send(tried.as_ref().map(|_| ()).map_err(Clone::clone));
        match tried {
            Ok(next) => {
                tracing::info!("going on by the configuration as it is now");
                Some(next)
            }
            Err(problem) => {
                tracing::error!("{problem}; going on by the configuration as it was");
                None
            }
        }
    }
}

/// Reads, checks and prepares the configuration as it is now, before anything is given up.
fn reload(now: &Config, reread: &Reread) -> Result<Next, String> {
    let next = reread()?;
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
