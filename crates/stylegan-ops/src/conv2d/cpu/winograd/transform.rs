//! The one-dimensional transforms, on vectors; a two-dimensional transform is one along the columns, then one along the rows.

use pulp::Simd;

/// `factor * a + b`.
#[inline(always)]
fn times<S: Simd>(simd: S, factor: f32, a: S::f32s, b: S::f32s) -> S::f32s {
    simd.mul_add_e_f32s(simd.splat_f32s(factor), a, b)
}

/// `factor * a`.
#[inline(always)]
fn scaled<S: Simd>(simd: S, factor: f32, a: S::f32s) -> S::f32s {
    simd.mul_f32s(simd.splat_f32s(factor), a)
}

/// B^T d: six inputs to six points.
#[inline(always)]
pub(super) fn input<S: Simd>(simd: S, d: [S::f32s; 6]) -> [S::f32s; 6] {
    let even = times(simd, -4.0, d[2], d[4]);
    let odd = times(simd, -4.0, d[1], d[3]);
    let even2 = simd.sub_f32s(d[4], d[2]);
    let odd2 = simd.sub_f32s(d[3], d[1]);
    [
        times(simd, 4.0, d[0], times(simd, -5.0, d[2], d[4])),
        simd.add_f32s(even, odd),
        simd.sub_f32s(even, odd),
        times(simd, 2.0, odd2, even2),
        times(simd, -2.0, odd2, even2),
        times(simd, 4.0, d[1], times(simd, -5.0, d[3], d[5])),
    ]
}

/// A^T m: six points to four outputs.
#[inline(always)]
pub(super) fn output<S: Simd>(simd: S, m: [S::f32s; 6]) -> [S::f32s; 4] {
    let (sum1, difference1) = (simd.add_f32s(m[1], m[2]), simd.sub_f32s(m[1], m[2]));
    let (sum2, difference2) = (simd.add_f32s(m[3], m[4]), simd.sub_f32s(m[3], m[4]));
    [
        simd.add_f32s(m[0], simd.add_f32s(sum1, sum2)),
        times(simd, 2.0, difference2, difference1),
        times(simd, 4.0, sum2, sum1),
        simd.add_f32s(times(simd, 8.0, difference2, difference1), m[5]),
    ]
}

/// A y: four output cotangents to six points, the adjoint of [`output`].
#[inline(always)]
pub(super) fn cotangent<S: Simd>(simd: S, y: [S::f32s; 4]) -> [S::f32s; 6] {
    let (even, odd) = (simd.add_f32s(y[0], y[2]), simd.add_f32s(y[1], y[3]));
    let (even2, odd2) = (times(simd, 4.0, y[2], y[0]), times(simd, 4.0, y[3], y[1]));
    [
        y[0],
        simd.add_f32s(even, odd),
        simd.sub_f32s(even, odd),
        times(simd, 2.0, odd2, even2),
        times(simd, -2.0, odd2, even2),
        y[3],
    ]
}

/// G g: three taps to six points.
#[inline(always)]
pub(super) fn weight<S: Simd>(simd: S, g: [S::f32s; 3]) -> [S::f32s; 6] {
    let ends = simd.add_f32s(g[0], g[2]);
    // g0/24 + g2/6
    let ends2 = simd.add_f32s(scaled(simd, 1.0 / 24.0, g[0]), scaled(simd, 1.0 / 6.0, g[2]));
    let middle2 = scaled(simd, 1.0 / 12.0, g[1]);
    [
        scaled(simd, 0.25, g[0]),
        scaled(simd, -1.0 / 6.0, simd.add_f32s(ends, g[1])),
        scaled(simd, -1.0 / 6.0, simd.sub_f32s(ends, g[1])),
        simd.add_f32s(ends2, middle2),
        simd.sub_f32s(ends2, middle2),
        g[2],
    ]
}

/// G^T u: six points to three taps, the adjoint of [`weight`].
#[inline(always)]
pub(super) fn weight_adjoint<S: Simd>(simd: S, u: [S::f32s; 6]) -> [S::f32s; 3] {
    let (sum1, difference1) = (simd.add_f32s(u[1], u[2]), simd.sub_f32s(u[2], u[1]));
    let (sum2, difference2) = (simd.add_f32s(u[3], u[4]), simd.sub_f32s(u[3], u[4]));
    let sixth = simd.splat_f32s(1.0 / 6.0);
    [
        times(
            simd,
            0.25,
            u[0],
            times(simd, 1.0 / 24.0, sum2, times(simd, -1.0 / 6.0, sum1, simd.splat_f32s(0.0))),
        ),
        times(simd, 1.0 / 12.0, difference2, simd.mul_f32s(sixth, difference1)),
        simd.add_f32s(simd.mul_f32s(sixth, simd.sub_f32s(sum2, sum1)), u[5]),
    ]
}

/// One vector of a line, from `first` on.
#[inline(always)]
pub(super) fn load<S: Simd>(_simd: S, line: &[f32], first: usize) -> S::f32s {
    let values = line[first..][..S::F32_LANES].as_ptr();
    // SAFETY: the slice holds one vector.
    unsafe { values.cast::<S::f32s>().read_unaligned() }
}

/// Writes one vector of a line, from `first` on.
#[inline(always)]
pub(super) fn store<S: Simd>(_simd: S, line: &mut [f32], first: usize, value: S::f32s) {
    let values = line[first..][..S::F32_LANES].as_mut_ptr();
    // SAFETY: the slice holds one vector.
    unsafe { values.cast::<S::f32s>().write_unaligned(value) };
}

/// The same transform along both axes: columns first. `load(row, column)` reads, and `store(row, column, value)` writes.
///
/// All three must be closures marked `#[inline(always)]`: instructions of the chosen vector width cannot be inlined through anything else.
#[inline(always)]
pub(super) fn both_axes<S: Simd, const I: usize, const O: usize>(
    simd: S,
    transform: impl Fn(S, [S::f32s; I]) -> [S::f32s; O],
    load: impl Fn(usize, usize) -> S::f32s,
    mut store: impl FnMut(usize, usize, S::f32s),
) {
    let zero = simd.splat_f32s(0.0);
    let mut half = [[zero; I]; O];
    for column in 0..I {
        let mut line = [zero; I];
        for (row, value) in line.iter_mut().enumerate() {
            *value = load(row, column);
        }
        for (half, value) in half.iter_mut().zip(transform(simd, line)) {
            half[column] = value;
        }
    }
    for (row, line) in half.into_iter().enumerate() {
        for (column, value) in transform(simd, line).into_iter().enumerate() {
            store(row, column, value);
        }
    }
}
