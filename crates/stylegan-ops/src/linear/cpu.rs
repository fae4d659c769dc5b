//! Float32 kernel for the CPU: one matrix product, its columns (or rows, if there are more) shared out.

use super::Product;
use crate::kernel::{
    LANES, Mat, MatMut, SharedMut, TileProduct, build_f32, for_each_task, gemm, with_scratch,
};

/// Multiplications below which sharing out costs more than it gains.
const SMALL: usize = 1 << 16;

/// Tasks that a product is cut into at most.
const TASKS: usize = 8;

/// Rows up to which x w^T is computed turned: w is then read once, as it lies, where a general product would first reorder all of it for
/// a handful of rows.
const FEW_ROWS: usize = 48;

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
    if product == Product::Output && rows <= FEW_ROWS {
        return few_rows((rows, columns, inner), a, b, scale);
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

/// x w^T as (w x^T)^T: x is turned, the weights are spread one by one over vectors of samples.
fn few_rows(
    (rows, columns, inner): (usize, usize, usize),
    x: &[f32],
    w: &[f32],
    scale: f32,
) -> Vec<f32> {
    let padded = rows.next_multiple_of(LANES);
    let chunk = if rows * columns * inner < SMALL { columns } else { columns.div_ceil(TASKS) };
    let chunk = chunk.next_multiple_of(8);
    let offsets: Vec<usize> = (0..chunk).map(|column| column * inner).collect();
    let lines: Vec<usize> = (0..inner).map(|index| index * padded).collect();
    with_scratch(inner * padded, |turned| {
        for (index, line) in turned.chunks_exact_mut(padded).enumerate() {
            for (row, value) in line[..rows].iter_mut().enumerate() {
                *value = x[row * inner + index];
            }
            line[rows..].fill(0.0);
        }
        let turned = SharedMut::new(turned);
        // SAFETY: the tasks cover every column, and each writes all rows of its own.
        unsafe {
            build_f32(rows * columns, |out| {
                for_each_task(columns.div_ceil(chunk), |task| {
                    let first = task * chunk;
                    let count = chunk.min(columns - first);
                    with_scratch(count * padded, |sums| {
                        TileProduct {
                            a: w[first * inner..].as_ptr(),
                            rows: &offsets[..count],
                            a_outer: &[0],
                            a_inner: 1,
                            b: turned.as_ptr(0),
                            b_outer: 0,
                            b_inner: &lines,
                            c: sums.as_mut_ptr(),
                            c_row: padded,
                            columns: padded,
                            scale,
                            accumulate: false,
                        }
                        .run();
                        for row in 0..rows {
                            let target = out.slice_mut(row * columns + first, count);
                            for (value, line) in target.iter_mut().zip(sums.chunks_exact(padded)) {
                                *value = line[row];
                            }
                        }
                    });
                });
            })
        }
    })
}
