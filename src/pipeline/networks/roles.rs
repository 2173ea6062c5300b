//! Which network of a bundle answers which question, or why the bundle does not fit together.

use std::path::{Path, PathBuf};

use super::asked::Asked;
use super::{EventNetwork, RadarFaces, Stranger};
use crate::data::message::ExpressionLabel;
use crate::data::score::{ExpressionCalibration, IdentityCalibration};
use crate::model::cs3d::Cs3d;
use crate::model::fooder_auth::{self, FooderAuth};
use crate::model::fooder_expert::{DYNAMIC_CLASSES, FooderExpert, STATIC_CLASSES};
use crate::model::fooder_gate::FooderGate;
use crate::model::{Bundle, Digest, Loaded, Network as _};
use crate::pipeline::{PlanError, RadarInputConfig};

/// The networks of a bundle by what they are asked for, with what their answers are worth.
pub struct Roles {
    /// Role `auth`: how far a face lies from the enrolled person's.
    pub auth: Option<Stranger>,
    /// Roles `gate`, `expert-dynamic` and `expert-static`: what the radar sees of a face.
    pub faces: Option<RadarFaces>,
    /// Role `event`: what an event camera sees of a face.
    pub event: Option<EventNetwork>,
    /// How radar frames become inputs.
    pub inputs: RadarInputConfig,
    /// What the scores of `auth` are worth.
    pub identity: Option<IdentityCalibration>,
    /// What the answers of `faces` and `event` are worth.
    pub expression: Option<ExpressionCalibration>,
    /// The identity of the bundle.
    pub digest: Digest,
    /// Every network.
    pub about: Vec<About>,
}

/// A network in words.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct About {
    /// What it is asked for.
    pub role: &'static str,
    /// Which network it is.
    pub name: &'static str,
    /// What its weights were trained on.
    pub trained_on: String,
}

pub(super) const AUTH: &str = "auth";
const GATE: &str = "gate";
const DYNAMIC: &str = "expert-dynamic";
const STATIC: &str = "expert-static";
pub(super) const EVENT: &str = "event";
const ROLES: [&str; 5] = [AUTH, GATE, DYNAMIC, STATIC, EVENT];

impl Roles {
    /// Sorts the networks of `bundle`.
    ///
    /// # Errors
    /// When nobody asks for a role, a role is held by the wrong network, by one with other classes,
    /// or without another that it needs; or when `[radar.inputs]` is not understood.
    pub fn of(bundle: Bundle) -> Result<Self, PlanError> {
        let inputs: RadarInputConfig = bundle.radar_inputs()?.unwrap_or_default();
        if let Err((key, problem)) = inputs.check() {
            let folder = bundle.folder;
            return Err(PlanError::Recipe { folder, key, problem });
        }
        let about = bundle.networks.iter().map(|network| about(&bundle.folder, network));
        let about = about.collect::<Result<_, _>>()?;
        let mut shelf = Shelf { folder: bundle.folder, networks: bundle.networks };
        let auth = shelf.take(AUTH, FooderAuth::NAME)?;
        let auth = auth.map(|network| shelf.stranger(network)).transpose()?;
        if auth.is_none() && bundle.identity.is_some() {
            let problem = "is absent, but the bundle has a table `[identity]` for its scores; add \
                           the network or remove the table";
            return Err(shelf.wrong(AUTH, problem.to_owned()));
        }
        let faces = shelf.faces()?;
        let event = shelf.take(EVENT, Cs3d::NAME)?;
        let event = event.map(|network| shelf.event(network)).transpose()?;
        if faces.is_none() && event.is_none() && bundle.expression.is_some() {
            let problem = "is absent, and so is `gate`, but the bundle has a table `[expression]` \
                           for their answers; add a network or remove the table";
            return Err(shelf.wrong(EVENT, problem.to_owned()));
        }
        let Bundle { identity, expression, digest, .. } = bundle;
        Ok(Self { auth, faces, event, inputs, identity, expression, digest, about })
    }
}

fn about(folder: &Path, network: &Loaded) -> Result<About, PlanError> {
    let role = ROLES.iter().find(|role| **role == network.role).ok_or_else(|| {
        let problem = format!("nobody asks for this role; known are {}", ROLES.join(", "));
        PlanError::Network { folder: folder.to_owned(), role: network.role.clone(), problem }
    })?;
    Ok(About { role, name: network.kind.name, trained_on: network.trained_on.clone() })
}

/// The networks that have not found their place yet.
struct Shelf {
    folder: PathBuf,
    networks: Vec<Loaded>,
}

impl Shelf {
    fn wrong(&self, role: &str, problem: String) -> PlanError {
        PlanError::Network { folder: self.folder.clone(), role: role.to_owned(), problem }
    }

    /// The network with this role, which must be a `name`.
    fn take(&mut self, role: &str, name: &str) -> Result<Option<Loaded>, PlanError> {
        let Some(at) = self.networks.iter().position(|network| network.role == role) else {
            return Ok(None);
        };
        let network = self.networks.swap_remove(at);
        if network.kind.name != name {
            let problem = format!("must be a `{name}`, not a `{}`", network.kind.name);
            return Err(self.wrong(role, problem));
        }
        Ok(Some(network))
    }

    fn stranger(&self, network: Loaded) -> Result<Stranger, PlanError> {
        if network.classes != fooder_auth::TERMS {
            let problem = format!("its classes must be {:?}, in this order", fooder_auth::TERMS);
            return Err(self.wrong(AUTH, problem));
        }
        let Some(calibration) = network.calibration else {
            let problem = "needs a table `[network.calibration]`, which makes one score of its \
                           errors";
            return Err(self.wrong(AUTH, problem.to_owned()));
        };
        let network = Asked::new(AUTH, network.model, std::array::from_fn(|place| place));
        Ok(Stranger { network, calibration })
    }

    /// Gate and experts: all three or none.
    fn faces(&mut self) -> Result<Option<RadarFaces>, PlanError> {
        let gate = self.take(GATE, FooderGate::NAME)?;
        let dynamic = self.take(DYNAMIC, FooderExpert::NAME)?;
        let still = self.take(STATIC, FooderExpert::NAME)?;
        match (gate, dynamic, still) {
            (None, None, None) => Ok(None),
            (Some(gate), Some(dynamic), Some(still)) => {
                if gate.temperature.is_some() {
                    let problem = "its temperature is `expression.gate-temperature`; remove \
                                   `temperature`";
                    return Err(self.wrong(GATE, problem.to_owned()));
                }
                let temperatures = [&dynamic, &still].map(|expert| expert.temperature);
                Ok(Some(RadarFaces {
                    gate: self.classes(GATE, gate, &["dynamic", "static"])?,
                    dynamic: self.classes(DYNAMIC, dynamic, &DYNAMIC_CLASSES)?,
                    still: self.classes(STATIC, still, &STATIC_CLASSES)?,
                    temperatures: temperatures.map(|temperature| temperature.unwrap_or(1.0)),
                }))
            }
            (gate, dynamic, still) => {
                let there = [gate.is_some(), dynamic.is_some(), still.is_some()];
                let roles = || [GATE, DYNAMIC, STATIC].into_iter().zip(there);
                let missing: Vec<_> = roles().filter(|(_, is_there)| !is_there).collect();
                let present =
                    roles().find(|(_, is_there)| *is_there).map_or(GATE, |(role, _)| role);
                let missing = missing.iter().map(|(role, _)| *role).collect::<Vec<_>>().join(", ");
                let problem = format!("cannot be used without {missing}; add what is missing");
                Err(self.wrong(present, problem))
            }
        }
    }

    fn event(&self, network: Loaded) -> Result<EventNetwork, PlanError> {
        let temperature = network.temperature.unwrap_or(1.0);
        let network = self.classes(EVENT, network, &ExpressionLabel::ALL.map(name))?;
        Ok(EventNetwork { network, temperature })
    }

    /// A network whose scores are brought into the order of `wanted` by the names of its classes.
    fn classes<const N: usize>(
        &self,
        role: &str,
        network: Loaded,
        wanted: &[&str; N],
    ) -> Result<Asked<N>, PlanError> {
        let Loaded { classes, model, .. } = network;
        let place = |name: &&str| classes.iter().position(|class| class == name);
        let places: Vec<usize> = wanted.iter().filter_map(place).collect();
        // As many names as classes, each found: nothing is unknown, and nothing is there twice.
        match <[usize; N]>::try_from(places) {
            Ok(order) if classes.len() == N => Ok(Asked::new(role, model, order)),
            Ok(_) | Err(_) => {
                let must = wanted.join(", ");
                let problem = format!("its classes must be {must} in any order, not {classes:?}");
                Err(self.wrong(role, problem))
            }
        }
    }
}

/// The name of a label in manifests.
const fn name(label: ExpressionLabel) -> &'static str {
    match label {
        ExpressionLabel::Smile => "smile",
        ExpressionLabel::Shock => "shock",
        ExpressionLabel::Neutral => "neutral",
        ExpressionLabel::Anger => "anger",
    }
}
