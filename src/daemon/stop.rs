//! One switch that ends all threads, and the signals that throw it.

use std::io;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::time::Duration;

/// A switch that can be waited on: threads pause here, so that a stop wakes them at once.
#[derive(Debug, Clone, Default)]
pub struct Stop(Arc<(Mutex<bool>, Condvar)>);

impl Stop {
    /// Ends all threads that share this switch.
    pub fn throw(&self) {
        *self.0.0.lock().unwrap_or_else(PoisonError::into_inner) = true;
        self.0.1.notify_all();
    }

    /// True after [`throw`](Self::throw).
    #[must_use]
    pub fn is_thrown(&self) -> bool {
        *self.0.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits for `pause` or until the switch is thrown; true if it was thrown.
    #[must_use]
    pub fn pause(&self, pause: Duration) -> bool {
        let thrown = self.0.0.lock().unwrap_or_else(PoisonError::into_inner);
        let (thrown, _) = self
            .0
            .1
            .wait_timeout_while(thrown, pause, |thrown| !*thrown)
            .unwrap_or_else(PoisonError::into_inner);
        *thrown
    }
}

/// Throws `stop` at the first SIGINT or SIGTERM; the second one kills, as usual. Gives `hang_up` a
/// call at each SIGHUP.
///
/// # Errors
/// When the thread or its runtime cannot be started.
pub fn on_signals(stop: &Stop, hang_up: impl Fn() + Send + 'static) -> io::Result<()> {
    use tokio::signal::unix::{SignalKind, signal};

    let stop = stop.clone();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let (mut interrupt, mut terminate, mut again) = {
        let _inside = runtime.enter();
        (
            signal(SignalKind::interrupt())?,
            signal(SignalKind::terminate())?,
            signal(SignalKind::hangup())?,
        )
    };
    std::thread::Builder::new().name("signals".into()).spawn(move || {
        runtime.block_on(async {
            loop {
                tokio::select! {
                    _ = interrupt.recv() => {}
                    _ = terminate.recv() => {}
                    _ = again.recv() => {
                        hang_up();
                        continue;
                    }
                }
                if stop.is_thrown() {
                    // Somebody asked twice: do not insist on a clean end.
                    std::process::abort();
                }
                tracing::info!("stopping on a signal");
                stop.throw();
            }
        });
    })?;
    Ok(())
}
