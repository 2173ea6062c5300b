//! The networks of a bundle inside the pipeline: which are asked, when, and what they said last.
//!
//! ```text
//!   question                   is asked                                    by
//!   ─────────────────────────  ──────────────────────────────────────────  ─────────────────────
//!   is it the enrolled person  of each whole radar frame while somebody    auth
//!                              is near and no lockout holds
//!   what does the face show    of the same frames while a lease holds      gate, then the expert
//!                                                                          it picks (soft: both)
//!                              of each window of events while a lease      event
//!                              holds
//! ```
//!
//! Whoever is not the enrolled person is never classified: not because it would not be told, but
//! because the networks do not run. The first radar and the first camera are listened to.
//!
//! All run on the caller's thread, one after the other: order and results depend on nothing else.

mod asked;
mod event;
mod radar;
mod roles;

pub use event::EventNetwork;
pub use radar::{Question, RadarFaces, RadarNetworks, Stranger};
pub use roles::{About, Roles};

use crate::data::message::{NetworkState, NetworkStatus};
use crate::data::score::{EventScores, ExpressionCalibration, RadarScores};
use crate::data::{ChirpConfig, Source, View};
use crate::fusion::{Means, Routing};
use crate::model::{Bundle, Digest};
use crate::units::{HostClock, Stamp};

use super::PlanError;

/// The networks that are asked, each with the number of the sensor that it listens to.
#[derive(Default)]
pub(super) struct Networks {
    pub(super) radar: Option<(usize, RadarNetworks)>,
    pub(super) event: Option<(usize, EventNetwork)>,
    /// What they said and nobody has decided with yet.
    pub(super) radar_scores: Option<RadarScores>,
    pub(super) event_scores: Option<(Stamp<HostClock>, EventScores)>,
    digest: Option<Digest>,
    status: Vec<NetworkStatus>,
}

/// What decisions are made with.
pub(super) struct Worth {
    pub(super) means: Means,
    pub(super) expression: Option<ExpressionCalibration>,
}

impl Networks {
    /// Sorts the networks of `bundle` and plans those that can be asked with `sources`.
    pub(super) fn plan(
        bundle: Option<Bundle>,
        routing: Routing,
        sources: &[Source],
    ) -> Result<(Self, Worth), PlanError> {
        let Some(bundle) = bundle else {
            return Ok((Self::default(), Worth { means: Means::NoBundle, expression: None }));
        };
        let roles = Roles::of(bundle)?;
        let (radar, camera) = (first_radar(sources), first_camera(sources));
        let states = States::of(&roles, radar.is_some(), camera.is_some());
        let Roles { auth, faces, event, inputs, identity, expression, digest, about } = roles;
        let means = match (radar, identity) {
            (None, _) => Means::NoRadar,
            (Some(_), Some(worth)) if auth.is_some() => Means::Scores(worth),
            (Some(_), _) => Means::NoNetwork,
        };
        let faces = faces.filter(|_| states.radar_faces == NetworkState::Active);
        let radar = match (radar, auth) {
            (Some((source, chirp)), Some(auth)) if states.auth == NetworkState::Active => {
                let planned = RadarNetworks::plan(&inputs, chirp, auth, faces, routing);
                let name = || sources[source].name.clone();
                let planned = planned.map_err(|error| PlanError::Inputs { name: name(), error })?;
                Some((source, planned))
            }
            _ => None,
        };
        let event = event.filter(|_| states.event == NetworkState::Active);
        let networks = Self {
            radar,
            event: camera.zip(event),
            digest: Some(digest),
            status: about.into_iter().map(|about| states.status(about)).collect(),
            ..Self::default()
        };
        Ok((networks, Worth { means, expression }))
    }

    /// The identity of the bundle.
    pub(super) fn digest(&self) -> Option<String> {
        self.digest.as_ref().map(Digest::to_string)
    }

    /// Every network of the bundle, in the order of its manifest.
    pub(super) fn status(&self) -> Vec<NetworkStatus> {
        self.status.clone()
    }

    /// The stream of sensor `source` starts again.
    pub(super) fn restart(&mut self, source: usize) {
        if let Some((listened, radar)) = &mut self.radar
            && *listened == source
        {
            radar.restart();
            self.radar_scores = None;
        }
        if self.event.as_ref().is_some_and(|(listened, _)| *listened == source) {
            self.event_scores = None;
        }
    }
}

/// Which kind of network is asked, or why not.
struct States {
    auth: NetworkState,
    radar_faces: NetworkState,
    event: NetworkState,
}

impl States {
    fn of(roles: &Roles, has_radar: bool, has_camera: bool) -> Self {
        let state = |has_sensor: bool, is_worth: bool| match (has_sensor, is_worth) {
            (false, _) => NetworkState::NoSensor,
            (true, false) => NetworkState::NoCalibration,
            (true, true) => NetworkState::Active,
        };
        let auth = state(has_radar, roles.identity.is_some());
        let is_told = roles.auth.is_some() && auth == NetworkState::Active;
        let face = |has_sensor| match state(has_sensor, roles.expression.is_some()) {
            NetworkState::Active if !is_told => NetworkState::NoIdentity,
            state => state,
        };
        Self { auth, radar_faces: face(has_radar), event: face(has_camera) }
    }

    fn status(&self, About { role, name, trained_on }: About) -> NetworkStatus {
        let state = match role {
            roles::AUTH => self.auth,
            roles::EVENT => self.event,
            _ => self.radar_faces,
        };
        NetworkStatus { role: role.to_owned(), name: name.to_owned(), trained_on, state }
    }
}

fn first_radar(sources: &[Source]) -> Option<(usize, &ChirpConfig)> {
    sources.iter().enumerate().find_map(|(at, source)| match &source.view {
        View::Radar(chirp) => Some((at, chirp)),
        View::Event(_) => None,
    })
}

fn first_camera(sources: &[Source]) -> Option<usize> {
    sources.iter().position(|source| matches!(source.view, View::Event(_)))
}
