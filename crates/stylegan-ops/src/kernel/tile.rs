//! A matrix product without packing, for operands that the caller laid out well.
//!
//! The left operand is read one number at a time (and spread over a vector), so its rows may lie anywhere, even inside a padded image; the right
//! operand and the result are read and written as vectors along their rows. A block of 8 by 48 (with 512-bit vectors)
//! stays in registers while the depth runs.

use pulp::{Simd, WithSimd};

/// Columns must be a multiple of this many floats: the widest vector.
pub(crate) const LANES: usize = 16;

/// `c[i][j] = scale * sum over p of a(i, p) * b(p, j)`, plus what c held if `accumulate` is set.
///
/// The depth p = (o, q) runs over `a_outer` and `b_inner`: `a(i, p)` lies at `a + rows[i] + a_outer[o] + q * a_inner`, and row p of b starts at
/// `b + o * b_outer + b_inner[q]`.
#[derive(Clone, Copy)]
pub(crate) struct TileProduct<'a> {
    pub a: *const f32,
    pub rows: &'a [usize],
    pub a_outer: &'a [usize],
    pub a_inner: usize,
    pub b: *const f32,
    pub b_outer: usize,
    pub b_inner: &'a [usize],
    pub c: *mut f32,
    pub c_row: usize,
    /// A multiple of [`LANES`].
    pub columns: usize,
    pub scale: f32,
    pub accumulate: bool,
}

impl TileProduct<'_> {
    /// Computes it on the calling thread.
    ///
    /// # Safety
    /// All that the fields describe must lie in memory that is valid for reading (a, b) and writing (c); nobody else may touch c
    /// meanwhile, and c must be initialised if `accumulate` is set.
    pub(crate) unsafe fn run(self) {
        assert!(self.columns.is_multiple_of(LANES), "{} columns", self.columns);
        pulp::Arch::new().dispatch(self);
    }

    /// `R` rows from `row` on, columns from `column` to the end.
    #[inline(always)]
    unsafe fn row_panel<S: Simd, const R: usize>(&self, simd: S, row: usize) {
        let lanes = S::F32_LANES;
        let mut column = 0;
        // SAFETY: blocks lie inside the columns; the rest is the caller's promise.
        unsafe {
            // four vectors are better halved than cut into three and one
            while column + 3 * lanes <= self.columns && column + 4 * lanes != self.columns {
                self.block::<S, R, 3>(simd, row, column);
                column += 3 * lanes;
            }
            while column + 2 * lanes <= self.columns {
                self.block::<S, R, 2>(simd, row, column);
                column += 2 * lanes;
            }
            while column + lanes <= self.columns {
                self.block::<S, R, 1>(simd, row, column);
                column += lanes;
            }
        }
    }

    /// `R` rows and `V` vectors of columns in registers.
    #[inline(always)]
    unsafe fn block<S: Simd, const R: usize, const V: usize>(
        &self,
        simd: S,
        row: usize,
        column: usize,
    ) {
        let lanes = S::F32_LANES;
        let zero = simd.splat_f32s(0.0);
        let mut sums = [[zero; V]; R];
        // SAFETY: the addresses are those of the type's documentation, for rows below `rows.len()` and columns below `columns`.
        unsafe {
            let mut starts = [self.a; R];
            for (i, start) in starts.iter_mut().enumerate() {
                *start = self.a.add(*self.rows.get_unchecked(row + i));
            }
            for (o, outer) in self.a_outer.iter().enumerate() {
                let b = self.b.add(o * self.b_outer + column);
                let mut offset = *outer;
                for inner in self.b_inner {
                    let b = b.add(*inner);
                    let mut right = [zero; V];
                    for (v, right) in right.iter_mut().enumerate() {
                        *right = b.add(v * lanes).cast::<S::f32s>().read_unaligned();
                    }
                    for i in 0..R {
                        let left = simd.splat_f32s(*starts[i].add(offset));
                        for v in 0..V {
                            sums[i][v] = simd.mul_add_e_f32s(left, right[v], sums[i][v]);
                        }
                    }
                    offset += self.a_inner;
                }
            }
            let scale = simd.splat_f32s(self.scale);
            for (i, sums) in sums.iter().enumerate() {
                let target = self.c.add((row + i) * self.c_row + column);
                for (v, sum) in sums.iter().enumerate() {
                    let target = target.add(v * lanes).cast::<S::f32s>();
                    let value = if self.accumulate {
                        simd.mul_add_e_f32s(scale, *sum, target.read_unaligned())
                    } else {
                        simd.mul_f32s(scale, *sum)
                    };
                    target.write_unaligned(value);
                }
            }
        }
    }
}

impl WithSimd for TileProduct<'_> {
    type Output = ();

    #[inline(always)]
    fn with_simd<S: Simd>(self, simd: S) {
        let mut row = 0;
        let count = self.rows.len();
        // SAFETY: rows stay below the count; the rest is the promise made to `run`.
        unsafe {
            if S::REGISTER_COUNT >= 32 {
                while row + 8 <= count {
                    self.row_panel::<S, 8>(simd, row);
                    row += 8;
                }
            }
            while row + 4 <= count {
                self.row_panel::<S, 4>(simd, row);
                row += 4;
            }
            while row < count {
                self.row_panel::<S, 1>(simd, row);
                row += 1;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{LANES, TileProduct};

    /// Small whole numbers, so that sums are exact in any order.
    fn numbers(count: usize, seed: usize) -> Vec<f32> {
        (0..count).map(|i| ((i * 31 + seed * 17) % 13) as f32 - 6.0).collect()
    }

    #[test]
    fn every_block_shape_gives_the_sum() {
        for (rows, vectors, outer, inner) in
            [(1, 1, 1, 1), (8, 3, 1, 20), (13, 4, 3, 5), (23, 5, 2, 7)]
        {
            let columns = vectors * LANES;
            let (outer_step, inner_step, b_row, c_row) =
                (inner * 2 + 3, 2, columns + 5, columns + 1);
            let offsets: Vec<usize> = (0..rows).map(|i| (i * 7) % 11 + i * outer_step).collect();
            let a_outer: Vec<usize> = (0..outer).map(|o| o * outer_step).collect();
            let b_inner: Vec<usize> = (0..inner).map(|q| (inner - 1 - q) * b_row).collect();
            let a = numbers(11 + (rows + outer) * outer_step, 1);
            let b = numbers(outer * inner * b_row, 2);
            for accumulate in [false, true] {
                let before = numbers(rows * c_row, 3);
                let mut c = before.clone();
                let product = TileProduct {
                    a: a.as_ptr(),
                    rows: &offsets,
                    a_outer: &a_outer,
                    a_inner: inner_step,
                    b: b.as_ptr(),
                    b_outer: inner * b_row,
                    b_inner: &b_inner,
                    c: c.as_mut_ptr(),
                    c_row,
                    columns,
                    scale: 0.5,
                    accumulate,
                };
                // SAFETY: a holds the last offset plus all steps, b and c all their rows.
                unsafe { product.run() };
                for (i, j) in (0..rows).flat_map(|i| (0..c_row).map(move |j| (i, j))) {
                    let mut expected = before[i * c_row + j];
                    if j < columns {
                        let terms = (0..outer).flat_map(|o| (0..inner).map(move |q| (o, q)));
                        let sum: f32 = terms
                            .map(|(o, q)| {
                                let at = offsets[i] + o * outer_step + q * inner_step;
                                a[at] * b[(o * inner + inner - 1 - q) * b_row + j]
                            })
                            .sum();
                        expected = 0.5 * sum + if accumulate { expected } else { 0.0 };
                    }
                    assert_eq!(c[i * c_row + j], expected, "row {i}, column {j}");
                }
            }
        }
    }
}
