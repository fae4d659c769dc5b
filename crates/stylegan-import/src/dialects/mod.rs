//! The dialects: how each is recognised, what configuration its tensors tell, and its table of names.

mod ada;
mod fixed;
mod genforce;
mod huangzh13;
mod infer;
mod lernapparat;
mod official;
pub(crate) mod official_networks;
mod rosinality1;
mod rosinality2;

use std::collections::BTreeMap;

use stylegan_checkpoint::pickle::{Tensor, Value};

use crate::contents::state_dict;
use crate::table::Table;
use crate::{Dialect, Model, Network, Role};

pub(crate) use genforce::{
    DISCRIMINATOR as GENFORCE_DISCRIMINATOR, GENERATOR as GENFORCE_GENERATOR,
    PROGRESSIVE_GENERATOR as GENFORCE_PROGRESSIVE_GENERATOR,
};

#[cfg(test)]
pub(crate) use rosinality2::DISCRIMINATOR as ROSINALITY2_DISCRIMINATOR;

pub(crate) use ada::{DISCRIMINATOR as ADA_DISCRIMINATOR, GENERATOR as ADA_GENERATOR};

/// How a network of a file is understood.
#[derive(Clone, Copy)]
pub(crate) struct Kind<'a> {
    pub(crate) table: &'static Table,
    /// Its configuration, from its tensors and `settings`.
    pub(crate) configure: fn(&Network, Settings) -> Result<Model, String>,
    pub(crate) settings: Settings<'a>,
}

impl Kind<'_> {
    pub(crate) fn model(&self, network: &Network) -> Result<Model, String> {
        (self.configure)(network, self.settings)
    }
}

/// What a file says of a network beside its tensors.
#[derive(Clone, Copy, Default)]
pub(crate) struct Settings<'a>(pub(crate) Option<Value<'a>>);

impl<'a> Settings<'a> {
    pub(crate) fn get(&self, key: &str) -> Option<Value<'a>> {
        self.0.and_then(|value| value.get(key)).filter(|value| !value.is_none())
    }

    pub(crate) fn size(&self, key: &str, default: usize) -> usize {
        self.get(key).and_then(Value::as_usize).unwrap_or(default)
    }

    pub(crate) fn flag(&self, key: &str, default: bool) -> bool {
        self.get(key).and_then(Value::as_bool).unwrap_or(default)
    }

    pub(crate) fn number(&self, key: &str, default: f64) -> f64 {
        self.get(key).and_then(Value::as_f64).unwrap_or(default)
    }

    /// For people.
    pub(crate) fn shown(&self) -> BTreeMap<String, String> {
        let entries = self.0.and_then(Value::entries).unwrap_or_default();
        let named = entries.iter().filter_map(|(key, value)| Some((key.as_str()?, value.shown())));
        named.map(|(key, value)| (key.to_owned(), value)).collect()
    }
}

/// That a setting of StyleGAN2's filter, where there is one, is the `[1, 3, 3, 1]` of the paper: networks have no other here.
fn usual_filter(filter: Option<Value>) -> Result<(), String> {
    let Some(filter) = filter else { return Ok(()) };
    let taps = filter.items().map(|taps| taps.iter().map(|tap| tap.as_f64()).collect::<Vec<_>>());
    match taps.as_deref() {
        Some([Some(1.0), Some(3.0), Some(3.0), Some(1.0)]) => Ok(()),
        _ => Err(format!("its filter is {}, and only [1, 3, 3, 1] is known", filter.shown())),
    }
}

type Recognised<'a> = Option<(Dialect, Vec<Network<'a>>)>;

/// The dialect of a file with this value, and its networks.
pub(crate) fn recognise(root: Value<'_>) -> Recognised<'_> {
    official::recognise(root)
        .or_else(|| ada::recognise(root))
        .or_else(|| rosinality2::recognise_psp(root))
        .or_else(|| nested(root))
        .or_else(|| {
            let tensors = state_dict(root).filter(|tensors| !tensors.is_empty())?;
            flat(Role::Ema, "", tensors).map(|(dialect, network)| (dialect, vec![network]))
        })
}

/// The roles of the names that files give their networks.
const NAMED: [(&str, Role); 9] = [
    ("generator_smooth", Role::Ema),
    ("g_ema", Role::Ema),
    ("g_running", Role::Ema),
    ("generator", Role::Generator),
    ("g", Role::Generator),
    ("discriminator", Role::Discriminator),
    ("d", Role::Discriminator),
    ("encoder", Role::Encoder),
    ("features", Role::Features),
];

/// A dictionary of networks, by names, or one under `models`.
fn nested(root: Value<'_>) -> Recognised<'_> {
    let root = root.get("models").filter(|models| models.entries().is_some()).unwrap_or(root);
    let mut found: Vec<(Dialect, Network)> = Vec::new();
    for (name, role) in NAMED {
        let tensors = root.get(name).and_then(state_dict);
        if let Some(tensors) = tensors.filter(|tensors| !tensors.is_empty()) {
            found.push(flat(role, name, tensors)?);
        }
    }
    let dialect = found.first()?.0;
    if found.iter().any(|(other, _)| *other != dialect) {
        return None;
    }
    let mut networks: Vec<Network> = found.into_iter().map(|(_, network)| network).collect();
    // rosinality keeps the average of w beside the networks.
    if let Some(average) = root.get("latent_avg").and_then(Value::tensor) {
        let generators = networks.iter_mut().filter(|n| n.role < Role::Discriminator);
        for network in generators {
            network.tensors.insert(rosinality2::AVERAGE.to_owned(), average.clone());
        }
    }
    // A file without an averaged generator has the one that there is.
    if !networks.iter().any(|n| n.role == Role::Ema)
        && let Some(network) = networks.iter_mut().find(|n| n.role == Role::Generator)
    {
        network.role = Role::Ema;
    }
    Some((dialect, networks))
}

/// A network by the names of its tensors. What is no generator takes its own role.
pub(crate) fn flat<'a>(
    role: Role,
    name: &str,
    tensors: BTreeMap<String, Tensor<'a>>,
) -> Option<(Dialect, Network<'a>)> {
    let recognisers: [Recogniser; 6] = [
        lernapparat::kind,
        huangzh13::kind,
        rosinality1::kind,
        rosinality2::kind,
        genforce::kind,
        fixed::kind,
    ];
    let (dialect, table, configure, own) = recognisers.iter().find_map(|kind| kind(&tensors))?;
    let settings = Settings::default();
    let role = match own {
        Role::Generator | Role::Ema if role < Role::Discriminator => role,
        other => other,
    };
    Some((dialect, Network::new(role, name, tensors, Kind { table, configure, settings })))
}

type Recogniser = fn(&BTreeMap<String, Tensor>) -> Option<Known>;

/// Whose network it is, its table, its configuration, and what it is for.
type Known = (Dialect, &'static Table, fn(&Network, Settings) -> Result<Model, String>, Role);
