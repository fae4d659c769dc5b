//! Float32 kernels for the CPU.
//!
//! All are matrix products over patches. Work is cut by sizes alone and partial sums are added in a fixed order, so the bits do not depend on the
//! number of threads.

mod direct;
mod forward;
mod input_vjp;
mod patches;
mod weight_vjp;
mod winograd;

use super::geometry::Geometry;

/// y of `conv2d`, [N, Co, Ho, Wo]; `direct` leaves Winograd's transforms out.
pub(crate) fn forward(x: &[f32], w: &[f32], geo: &Geometry, scale: f32, direct: bool) -> Vec<f32> {
    if x.is_empty() || w.is_empty() {
        return vec![0.0; geo.batch * geo.out_channels * geo.out_plane()];
    }
    forward::run(x, w, geo, scale, direct)
}

/// gx of `conv2d_input_vjp`, [N, Ci, H, W].
pub(crate) fn input_vjp(g: &[f32], w: &[f32], geo: &Geometry, scale: f32) -> Vec<f32> {
    if g.is_empty() || w.is_empty() {
        return vec![0.0; geo.batch * geo.in_channels * geo.in_plane()];
    }
    input_vjp::run(g, w, geo, scale)
}

/// gw of `conv2d_weight_vjp`, [Co, Ci, K, K].
pub(crate) fn weight_vjp(x: &[f32], g: &[f32], geo: &Geometry, scale: f32) -> Vec<f32> {
    if x.is_empty() || g.is_empty() {
        return vec![0.0; geo.out_channels * geo.in_channels * geo.taps()];
    }
    weight_vjp::run(x, g, geo, scale)
}

/// Floats of patches that a task holds at a time: about a megabyte, the second-level cache of a core.
const PATCH_FLOATS: usize = 1 << 18;

/// Columns of a matrix product below which its overheads show.
const FEW_COLUMNS: usize = 192;
