//! Float32 kernels for the CPU: each stored kernel is read once and each wide one written once.

use super::Kind;
use crate::kernel::{build_f32, for_each_task};

/// The wide kernels of w [Co, Ci, 3, 3].
pub(super) fn forward(w: &[f32], (outputs, inputs): (usize, usize), kind: Kind) -> Vec<f32> {
    let (rows, columns) = match kind {
        Kind::Up { .. } => (inputs, outputs),
        Kind::Down => (outputs, inputs),
    };
    // SAFETY: the tasks are the rows of kernels, and each writes its own.
    unsafe {
        build_f32(rows * columns * 16, |out| {
            for_each_task(rows, |row| {
                let out = out.slice_mut(row * columns * 16, columns * 16);
                for (column, wide) in out.as_chunks_mut::<16>().0.iter_mut().enumerate() {
                    let source = match kind {
                        Kind::Up { .. } => column * inputs + row,
                        Kind::Down => row * inputs + column,
                    };
                    *wide = widened(&w.as_chunks::<9>().0[source], kind);
                }
            });
        })
    }
}

/// The sum of the four shifted copies of a kernel.
fn widened(w: &[f32; 9], kind: Kind) -> [f32; 16] {
    let tap = |y: usize, x: usize| match kind {
        Kind::Up { mirrored: true } => w[8 - (y * 3 + x)],
        _ => w[y * 3 + x],
    };
    let factor = if kind == Kind::Down { 0.25 } else { 1.0 };
    // One axis at a time: rows first, then what two neighbouring columns of them sum up to.
    std::array::from_fn(|at| {
        let (y, x) = (at / 4, at % 4);
        let column = |x: usize| {
            let below = if y < 3 { tap(y, x) } else { 0.0 };
            let above = if y > 0 { tap(y - 1, x) } else { 0.0 };
            below + above
        };
        let right = if x < 3 { column(x) } else { 0.0 };
        let left = if x > 0 { column(x - 1) } else { 0.0 };
        (right + left) * factor
    })
}

/// The gradient of w [Co, Ci, 3, 3] from that of the wide kernels.
pub(super) fn backward(g: &[f32], (outputs, inputs): (usize, usize), kind: Kind) -> Vec<f32> {
    // SAFETY: the tasks are the output channels, and each writes its own kernels.
    unsafe {
        build_f32(outputs * inputs * 9, |out| {
            for_each_task(outputs, |output| {
                let out = out.slice_mut(output * inputs * 9, inputs * 9);
                for (input, gw) in out.as_chunks_mut::<9>().0.iter_mut().enumerate() {
                    let source = match kind {
                        Kind::Up { .. } => input * outputs + output,
                        Kind::Down => output * inputs + input,
                    };
                    *gw = narrowed(&g.as_chunks::<16>().0[source], kind);
                }
            });
        })
    }
}

/// What each tap of a kernel gets from the gradient of its four copies.
fn narrowed(g: &[f32; 16], kind: Kind) -> [f32; 9] {
    let factor = if kind == Kind::Down { 0.25 } else { 1.0 };
    std::array::from_fn(|at| {
        let at = if kind == (Kind::Up { mirrored: true }) { 8 - at } else { at };
        let first = at / 3 * 4 + at % 3;
        // Columns first, as the reference form's backward pass has it: the same bits.
        ((g[first] + g[first + 1]) + (g[first + 4] + g[first + 5])) * factor
    })
}
