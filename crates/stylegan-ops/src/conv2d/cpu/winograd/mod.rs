//! Winograd's F(4x4, 3x3) for 3x3 kernels of stride 1 and padding 1 (Lavin and Gray 2016, "Fast Algorithms for Convolutional Neural
//! Networks", section 4.3, with the interpolation points 0, 1, -1, 2, -2 and infinity).
//!
//! The map is cut into tiles of 4x4 outputs. With the matrices of [`transform`], one tile of one channel pair is
//!
//! ```text
//! Y = A^T [(G g G^T) * (B^T d B)] A       g 3x3, d 6x6, Y 4x4, * elementwise
//! ```
//!
//! so that 36 products replace 144, and summing over channels makes 36 matrix products. The input's gradient is the same computation
//! with the kernel mirrored and its channel axes exchanged; the weight's gradient is its adjoint, `G^T [(A dY A^T) * (B^T d B)] G`.
//! The rounding error is a few times that of the direct sum (relative L2 errors of 1e-6 to 1e-5 in float32).

mod forward;
mod tiles;
mod transform;
mod weight;

use super::super::geometry::Geometry;

pub(super) use forward::{forward, input_vjp};
pub(super) use weight::weight_vjp;

/// Numbers of a transformed tile.
const POINTS: usize = 36;

/// Tiles that one matrix product holds as its columns: three of the widest vectors.
const TILES: usize = 48;

/// One number of every tile of a block.
type Lane = [f32; TILES];

/// Whether the forward pass (or, with the roles exchanged, the input's gradient) is faster this way.
///
/// The products shrink to a quarter, but every weight is transformed (36 numbers written and read again), which pays once the
/// maps hold enough pixels; and with few channels the transforms of the maps cost more than the products save.
pub(super) fn pays(geo: &Geometry) -> bool {
    let fits = geo.kernel == 3 && geo.stride == 1 && geo.padding == 1;
    let pixels = geo.batch * geo.out_plane();
    fits && geo.in_channels.min(geo.out_channels) >= 16
        && pixels >= 512
        && geo.out_h >= 4
        && geo.out_w >= 4
}
