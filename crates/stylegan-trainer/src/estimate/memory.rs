//! Whether a run fits into a GPU's memory, before it begins.

use stylegan_progressive::State;

use super::Workload;
use crate::config::in_parts;

/// What a GPU holds besides: workspaces of convolutions, and the kernels of candle and cuDNN, which are loaded as they are used.
const RESERVE: u64 = 1_500_000_000;

/// A stretch of a run that does not fit.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Misfit {
    /// Resolution of the newest block.
    pub resolution: usize,
    /// Images that are computed at a time.
    pub part: usize,
    /// Bytes that this needs.
    pub needed: u64,
    /// Bytes that are free.
    pub free: u64,
    /// The most images at a time that fit; none if not even one does.
    pub fits: Option<usize>,
}

impl Workload {
    /// The stretch of the schedule that needs most, if that is more than `free` bytes of a GPU, which computes one part of a batch at a time.
    pub fn misfit(&self, free: u64) -> Option<Misfit> {
        let fixed = self.estimate(None).parameter_bytes + RESERVE;
        let needed = |state: &State, parts: &[usize]| fixed + self.activations(state, parts, 1);
        let parts = |state: &State| self.config.parts(state.resolution, state.minibatch);
        let most = |state: &State| needed(state, &parts(state));
        let (_, _, state) = self.phases().max_by_key(|(_, _, state)| most(state))?;
        let needed_now = most(&state);
        if needed_now <= free {
            return None;
        }
        let part = parts(&state).into_iter().max()?;
        let fits = (1..part).rev().find(|&part| {
            let parts = in_parts(state.minibatch, part);
            self.config.part_without_groups(&parts).is_none() && needed(&state, &parts) <= free
        });
        Some(Misfit { resolution: state.resolution, part, needed: needed_now, free, fits })
    }
}
