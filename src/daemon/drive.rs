//! The pipeline thread's hands: tells the pipeline, sends what it says, carries out orders.

use super::onlookers::Onlookers;
use super::orders::Reloading;
use super::pulse::Pulse;
use super::state::Keeper;
use super::tape::Tape;
use super::{Ended, Error, Orders, clock, notify};
use crate::config::Config;
use crate::data::message::{Message, Payload};
use crate::data::{Counts, Input};
use crate::pipeline::Pipeline;
use crate::sink::metrics::Stage;
use crate::sink::recorder::Recorder;
use crate::sink::zmq::control::Order;
use crate::sink::zmq::{self, Handed, PublishError, Publisher};
use crate::sink::{Board, Encoding, Stamper};

/// The pipeline and the way out of it: everything it is told goes through here.
pub(super) struct Drive<'a, 's> {
    pub(super) pipeline: Pipeline,
    pub(super) out: Vec<Message>,
    pub(super) outlet: &'a mut Outlet<'s>,
    pub(super) orders: &'a Orders,
    pub(super) config: &'a Config,
    pub(super) reloading: Option<Reloading>,
}

impl Drive<'_, '_> {
    /// Tells a new pipeline what earlier ones have left behind.
    pub(super) fn begin(&mut self) -> Result<(), Error> {
        self.tell(Input::Boot { now: clock::since_boot() })?;
        match self.outlet.keeper.record() {
            Some(record) => self.tell(Input::Lockout { record }),
            None => Ok(()),
        }
    }

    /// Tells the pipeline `input` and sends what it says.
    pub(super) fn tell(&mut self, input: Input) -> Result<(), Error> {
        let (start, stage) = (clock::now(), Stage::of(&input));
        self.outlet.onlookers.before(&input, start);
        self.take(input);
        let taken = clock::now();
        self.outlet.pulse.time(taken - start);
        self.outlet.onlookers.time(stage, taken - start);
        // Before anybody hears of a rejection it is on disk: kill -9 comes too late.
        self.outlet.keeper.keep(self.pipeline.lockout_to_store());
        let mut lost = Counts::default();
        let speaks = !self.out.is_empty();
        for message in self.out.drain(..) {
            lost.merge(&self.outlet.send(message)?);
        }
        if speaks {
            self.outlet.onlookers.time(Stage::Publish, clock::now() - taken);
        }
        if !lost.is_empty() {
            self.take(Input::Dropped { counts: lost });
        }
        if let Some(recorder) = self.outlet.tape.recorder() {
            preview(recorder, &self.pipeline);
        }
        self.outlet.onlookers.paint(&self.pipeline);
        Ok(())
    }

    fn take(&mut self, input: Input) {
        self.outlet.tape.input(&input);
        self.pipeline.take(input, &mut self.out);
    }

    /// What the daemon does beside the pipeline, several times a second: says how it is, tells
    /// systemd that the pipeline moves, and carries out orders. Gives the configuration to go on
    /// with, if there is another.
    pub(super) fn pulse(&mut self) -> Result<Option<Ended>, Error> {
        // Fed here and nowhere else, so that a hang in the pipeline is seen by systemd.
        notify(&[sd_notify::NotifyState::Watchdog]);
        self.tell(Input::Boot { now: clock::since_boot() })?;
        let Outlet { onlookers, publisher, tape, .. } = &*self.outlet;
        onlookers.beat(&self.pipeline, publisher, tape.recorder());
        self.outlet.pulse()?;
        while let Ok(order) = self.orders.inbox.try_recv() {
            match order {
                Order::Reload(answer) => {
                    Reloading::begin(&mut self.reloading, self.config, self.orders, answer);
                }
                Order::StartRecording(answer) => {
                    // A client that does not wait for the answer finds it in the log.
                    let _told = answer.send(self.outlet.tape.start_by_order(self.config));
                }
                Order::StopRecording(answer) => self.outlet.tape.stop_by_order(answer),
            }
        }
        self.orders.labels.try_iter().for_each(|label| self.outlet.tape.label(&label));
        let next = Reloading::outcome(&mut self.reloading);
        Ok(next.map(|next| Ended::Reload(Box::new(next))))
    }
}

/// Records pictures of the maps if they are due.
fn preview(recorder: &Recorder, pipeline: &Pipeline) {
    let now = clock::now();
    if recorder.wants_preview(now) {
        for (source, map) in pipeline.range_doppler_maps() {
            recorder.preview(source, map, now);
        }
    }
}

/// Messages on their way out of the pipeline thread.
pub(super) struct Outlet<'s> {
    pub(super) publisher: Publisher,
    /// Takes what the pipeline is told and what it says.
    pub(super) tape: Tape,
    pub(super) stamper: Stamper,
    pub(super) encoding: Encoding,
    pub(super) board: Board,
    pub(super) pulse: Pulse,
    pub(super) keeper: Keeper,
    pub(super) onlookers: Onlookers,
    pub(super) seen: &'s mut dyn FnMut(&Message),
    pub(super) lost: u64,
    /// What the publisher and the recorder have counted as far as the pipeline knows it.
    pub(super) said: Counts,
}

impl Outlet<'_> {
    /// Hands one message over; gives what was lost or refused since the last time, by reason. The
    /// publisher's own counts come with each status, in time for the next one.
    fn send(&mut self, message: Message) -> Result<Counts, Error> {
        let mut lost = Counts::default();
        if matches!(message.payload, Payload::Status(_)) {
            lost = self.news();
        }
        (self.seen)(&message);
        self.pulse.see(&message);
        let now = clock::now();
        self.onlookers.see(&message, now);
        let envelope = self.stamper.stamp(message, now);
        if let Some(recorder) = self.tape.recorder()
            && !matches!(envelope.payload, Payload::Health(_) | Payload::Hello(_))
        {
            recorder.published(&envelope)?;
        }
        let frames = envelope.to_frames(self.encoding)?;
        self.board.post(envelope);
        match self.publisher.publish(frames) {
            Handed::Over => {}
            Handed::QueueFull => {
                self.lost += 1;
                lost.add("publish-queue-full", 1);
            }
            Handed::Dead => return Err(PublishError::Ended.into()),
        }
        Ok(lost)
    }

    /// Says what is due of the daemon itself.
    fn pulse(&mut self) -> Result<(), Error> {
        let recording = self.tape.recorder().is_some();
        for message in self.pulse.due(clock::now(), &self.board.topics(), recording) {
            // Counted with the publisher; the next status says it.
            let _lost = self.send(message)?;
        }
        Ok(())
    }

    /// What publisher and recorder have counted since the last call, but for connections let in.
    fn news(&mut self) -> Counts {
        let mut now = self.publisher.counts();
        now.merge(&self.tape.counts());
        let mut news = Counts::default();
        for (reason, n) in
            now.since(&self.said).iter().filter(|&(reason, _)| reason != zmq::ACCEPTED)
        {
            news.add(reason.to_owned(), n);
        }
        self.said = now;
        news
    }
}
