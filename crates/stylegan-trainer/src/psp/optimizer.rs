//! One of two optimizers.

use std::collections::BTreeMap;

use candle_core::{Result, Tensor};
use stylegan::Parameters;

use super::OptimizerKind;
use crate::gradients::Gradients;
use crate::optimizer::{Adam, AdamConfig, Ranger, RangerConfig, StepOutcome};

/// The optimizer of one network.
pub(super) enum Optimizer {
    Ranger(Ranger),
    Adam(Adam),
}

impl Optimizer {
    pub(super) fn new(kind: OptimizerKind) -> Self {
        match kind {
            OptimizerKind::Ranger => Self::Ranger(Ranger::new(RangerConfig::default())),
            OptimizerKind::Adam => Self::Adam(Adam::new(AdamConfig {
                beta1: 0.9,
                beta2: 0.999,
                ..AdamConfig::default()
            })),
        }
    }

    pub(super) fn step(
        &mut self,
        parameters: &Parameters,
        gradients: &Gradients,
        rate: f64,
    ) -> Result<StepOutcome> {
        match self {
            Self::Ranger(ranger) => ranger.step(parameters, gradients, rate),
            Self::Adam(adam) => adam.step(parameters, gradients, rate),
        }
    }

    pub(super) fn state(&self) -> Result<BTreeMap<String, Tensor>> {
        match self {
            Self::Ranger(ranger) => ranger.state(),
            Self::Adam(adam) => adam.state(),
        }
    }

    pub(super) fn load(
        &mut self,
        state: &BTreeMap<String, Tensor>,
        parameters: &Parameters,
    ) -> Result<()> {
        match self {
            Self::Ranger(ranger) => ranger.load(state, parameters),
            Self::Adam(adam) => adam.load(state, parameters),
        }
    }
}
