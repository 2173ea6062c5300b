//! What people and monitors see of the running daemon: the page, and the times that are measured.

use std::collections::BTreeMap;

use super::inbox::{BLOCKS, FRAMES};
use super::{Error, clock};
use crate::config::Config;
use crate::data::message::Message;
use crate::data::{Epoch, Input, Modality, Reading, Source};
use crate::pipeline::{Pipeline, Sight};
use crate::sink::Board;
use crate::sink::metrics::{Depth, Stage, Telemetry};
use crate::sink::recorder::Recorder;
use crate::sink::web::{Exhibits, Map, MapScale, Painter, Web, WebError};
use crate::sink::zmq::Publisher;
use crate::units::{HostClock, Micros, Stamp};

/// Time between two looks at a breath, which is looked for once a second.
const BREATH_PERIOD: Micros = Micros::from_millis(1_000);

/// The page's server and what the pipeline thread tells it; without `[web]` nothing of it is there.
#[derive(Default)]
pub(super) struct Onlookers(Option<Show>);

struct Show {
    /// Serves until it is dropped.
    _web: Web,
    telemetry: Telemetry,
    painter: Painter,
    next_breath: Stamp<HostClock>,
    /// Frames of each radar when it was painted last: what is old is not painted again.
    painted: BTreeMap<usize, u64>,
    sources: Vec<Source>,
    /// Readings of each live sensor that wait for the pipeline; empty for recordings.
    inbox: Vec<usize>,
}

impl Onlookers {
    /// Opens the page if `config` says so. An address that is taken is no reason to be blind.
    pub(super) fn open(config: &Config, board: &Board) -> Result<Self, Error> {
        let Some(web) = &config.web else { return Ok(Self::default()) };
        let telemetry = Telemetry::default();
        let (board, now) = (board.clone(), clock::now);
        let exhibits = Exhibits { board, telemetry: telemetry.clone(), now };
        let (web, painter) = match Web::start(web, exhibits) {
            Ok(started) => started,
            Err(error @ WebError::Bind { .. }) => {
                tracing::warn!("{error}; going on without the page");
                return Ok(Self::default());
            }
            Err(error) => return Err(error.into()),
        };
        tracing::info!("live page at http://{}/", web.address());
        let next_breath = Stamp::from_micros(i64::MIN);
        Ok(Self(Some(Show {
            _web: web,
            telemetry,
            painter,
            next_breath,
            painted: BTreeMap::new(),
            sources: Vec::new(),
            inbox: Vec::new(),
        })))
    }

    /// From now on the pipeline works on `sources`.
    pub(super) fn begin(&mut self, sources: &[Source]) {
        if let Some(show) = &mut self.0 {
            show.painter.begin(sources);
            show.sources = sources.to_vec();
            show.inbox.clear();
            show.painted.clear();
        }
    }

    /// The pipeline is about to take `input`.
    pub(super) fn before(&mut self, input: &Input, now: Stamp<HostClock>) {
        let (Some(show), Input::Reading { source, reading, arrival }) = (&mut self.0, input) else {
            return;
        };
        if let Some(arrival) = arrival {
            show.telemetry.time(Stage::Queue, now - *arrival);
        }
        if let Reading::Events(batch) = reading {
            show.painter.events(*source, batch, now);
        }
    }

    /// `stage` took so long.
    pub(super) fn time(&self, stage: Stage, took: Micros) {
        if let Some(show) = &self.0 {
            show.telemetry.time(stage, took);
        }
    }

    /// `message` is published at `now`.
    pub(super) fn see(&self, message: &Message, now: Stamp<HostClock>) {
        if let Some(show) = &self.0
            && show.sources.iter().all(|source| source.epoch == Epoch::Live)
        {
            // The time line is the host's clock only then.
            show.telemetry.age(message.payload.stream(), now - message.recorded);
        }
    }

    /// So many readings of each live sensor wait for the pipeline.
    pub(super) fn inbox(&mut self, waiting: Vec<usize>) {
        if let Some(show) = &mut self.0 {
            show.inbox = waiting;
        }
    }

    /// The pipeline thread moves, and its queues are as full as they are.
    pub(super) fn beat(
        &self,
        pipeline: &Pipeline,
        publisher: &Publisher,
        recorder: Option<&Recorder>,
    ) {
        let Some(show) = &self.0 else { return };
        show.telemetry.beat(clock::now());
        let mut depths = Vec::new();
        let mut say = |queue, sensor, unit, (waiting, room)| {
            depths.push(Depth { queue, sensor, unit, waiting, room });
        };
        for (source, &waiting) in show.sources.iter().zip(&show.inbox) {
            let room = match source.view.modality() {
                Modality::Radar => FRAMES,
                Modality::Event => BLOCKS,
            };
            say("inbox", Some(source.name.clone()), "readings", (waiting, Some(room)));
        }
        for (source, waiting) in show.sources.iter().zip(pipeline.waiting()) {
            // Time bounds it: live by a wait of 200 ms, in recordings by who is read next.
            say("merge", Some(source.name.clone()), "items", (waiting, None));
        }
        let (waiting, room) = publisher.waiting();
        say("publish", None, "messages", (waiting, Some(room)));
        if let Some((waiting, room)) = recorder.map(Recorder::waiting) {
            say("record", None, "bytes", (waiting, Some(room)));
        }
        show.telemetry.depths(depths);
    }

    /// Paints what is due, if somebody looks.
    pub(super) fn paint(&mut self, pipeline: &Pipeline) {
        let Some(show) = &mut self.0 else { return };
        let now = clock::now();
        if !show.painter.is_due(now) {
            return;
        }
        let looks_for_breath = now >= show.next_breath;
        if looks_for_breath {
            show.next_breath = now + BREATH_PERIOD;
        }
        for sight in pipeline.sights() {
            let frames = sight.frames();
            if show.painted.insert(sight.source(), frames) == Some(frames) {
                continue;
            }
            paint_maps(&show.painter, sight);
            if looks_for_breath {
                let (moved, step) = sight.breath();
                let moved: Vec<_> = moved.iter().map(|moved| moved.0).collect();
                show.painter.breath(sight.source(), &moved, step.0);
            }
        }
        show.painter.cameras(now);
    }
}

fn paint_maps(painter: &Painter, sight: Sight<'_>) {
    let slow = sight.slow().map(|slow| (Map::MicroRangeDoppler, slow));
    for (kind, (map, axes)) in [Some((Map::RangeDoppler, sight.fast())), slow].into_iter().flatten()
    {
        let scale = MapScale {
            range_step_m: axes.range_step.0,
            velocity_step_m_s: axes.velocity_step.0,
            zero_column: axes.zero_doppler_bin,
        };
        painter.map(kind, sight.source(), map, scale);
    }
}
