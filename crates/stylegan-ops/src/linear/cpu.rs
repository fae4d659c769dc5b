//! Float32 kernel for the CPU: one matrix product, its columns (or rows, if there are more) shared out.

use super::Product;
use crate::kernel::{Mat, MatMut, build_f32, for_each_task, gemm};

/// Multiplications below which sharing out costs more than it gains.
const SMALL: usize = 1 << 16;

/// Tasks that a product is cut into at most.
const TASKS: usize = 8;

pub(super) fn product(
    product: Product,
    (rows, columns, inner): (usize, usize, usize),
    a: &[f32],
    b: &[f32],
    scale: f32,
) -> Vec<f32> {
    if inner == 0 {
        return vec![0.0; rows * columns];
    }
    let left = match product {
        Product::Output | Product::Input => Mat::rows(a, inner),
        Product::Weight => Mat::transposed(b, rows),
    };
    let right = match product {
        Product::Output => Mat::transposed(b, inner),
        Product::Input => Mat::rows(b, columns),
        Product::Weight => Mat::rows(a, columns),
    };
    let tasks = if rows * columns * inner < SMALL { 1 } else { TASKS };
    let by_rows = rows > columns;
    let long = if by_rows { rows } else { columns };
    let chunk = long.div_ceil(tasks).next_multiple_of(16);
    // SAFETY: the tasks cover every row and column; the matrices lie in a and b by the sizes that were checked.
    unsafe {
        build_f32(rows * columns, |out| {
            for_each_task(long.div_ceil(chunk), |task| {
                let first = task * chunk;
                let count = chunk.min(long - first);
                let (size, left, right, start) = if by_rows {
                    ((count, columns, inner), left.skip_rows(first), right, first * columns)
                } else {
                    ((rows, count, inner), left, right.skip_columns(first), first)
                };
                let target = MatMut { pointer: out.as_ptr(start), row: columns };
                gemm(size, left, right, target, scale, false);
            });
        })
    }
}
