//! Cholesky's factor of a symmetric matrix, to precondition with: computed in float64, applied in float32.

/// `A = L L^T`.
#[derive(Debug, Clone)]
pub(super) struct Cholesky {
    size: usize,
    /// The factor, row after row, its diagonal inverted.
    lower: Vec<f32>,
    /// Its transpose, so that both substitutions run along rows.
    upper: Vec<f32>,
}

impl Cholesky {
    /// Of a symmetric, positive definite matrix `[size, size]`. A pivot that rounding has made too small is raised: the factor
    /// then is that of a matrix nearby, which is all that preconditioning needs.
    pub fn new(matrix: &[f64], size: usize) -> Self {
        let mut lower = vec![0.0; size * size];
        for i in 0..size {
            for j in 0..=i {
                let (row_i, row_j) =
                    (&lower[i * size..i * size + j], &lower[j * size..j * size + j]);
                let rest = matrix[i * size + j] - dot(row_i, row_j);
                lower[i * size + j] = if i == j {
                    rest.max(1e-12 * matrix[i * size + i]).max(f64::MIN_POSITIVE).sqrt()
                } else {
                    rest / lower[j * size + j]
                };
            }
        }
        for i in 0..size {
            lower[i * size + i] = 1.0 / lower[i * size + i];
        }
        let upper = (0..size * size).map(|at| lower[(at % size) * size + at / size] as f32);
        let upper = upper.collect();
        Self { size, lower: lower.iter().map(|&value| value as f32).collect(), upper }
    }

    /// Solves `A x = b`, as exactly as float32 does.
    pub fn solve(&self, b: &[f64]) -> Vec<f64> {
        let size = self.size;
        // Scaled, so that no power of ten is lost.
        let scale = b.iter().fold(f64::MIN_POSITIVE, |most, value| most.max(value.abs()));
        let mut b: Vec<f32> = b.iter().map(|value| (value / scale) as f32).collect();
        for i in 0..size {
            b[i] *= self.lower[i * size + i];
            let (solved, rest) = b.split_at_mut(i + 1);
            let (value, row) = (solved[i], &self.upper[i * size + i + 1..(i + 1) * size]);
            for (rest, factor) in rest.iter_mut().zip(row) {
                *rest -= factor * value;
            }
        }
        for i in (0..size).rev() {
            b[i] *= self.lower[i * size + i];
            let (rest, solved) = b.split_at_mut(i);
            let (value, row) = (solved[0], &self.lower[i * size..i * size + i]);
            for (rest, factor) in rest.iter_mut().zip(row) {
                *rest -= factor * value;
            }
        }
        b.into_iter().map(|value| f64::from(value) * scale).collect()
    }
}

/// The dot product, in eight sums side by side.
pub(super) fn dot(a: &[f64], b: &[f64]) -> f64 {
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<8>(), b.as_chunks::<8>());
    let mut sums = [0.0; 8];
    for (a, b) in a.iter().zip(b) {
        for lane in 0..8 {
            sums[lane] += a[lane] * b[lane];
        }
    }
    let rest: f64 = a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum();
    sums.iter().sum::<f64>() + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn solves_what_was_multiplied() {
        // A = B B^T + I for a B of small whole numbers.
        let size = 11;
        let b = |i: usize, j: usize| ((i * 7 + j * 5) % 13) as f64 - 6.0;
        let mut a = vec![0.0; size * size];
        for i in 0..size {
            for j in 0..size {
                a[i * size + j] = (0..size).map(|k| b(i, k) * b(j, k)).sum::<f64>();
            }
            a[i * size + i] += 1.0;
        }
        let x: Vec<f64> = (0..size).map(|i| i as f64 - 3.0).collect();
        let y: Vec<f64> = a.chunks_exact(size).map(|row| dot(row, &x)).collect();
        let found = Cholesky::new(&a, size).solve(&y);
        for (x, y) in x.iter().zip(&found) {
            assert!((x - y).abs() < 1e-3, "{x} {y}");
        }
    }
}
