//! Eigenvectors of a symmetric matrix without negative eigenvalues.

/// Rotations that change an angle by less are not made.
const ORTHOGONAL: f64 = 1e-13;

/// Rounds over all pairs; a dozen is enough in practice.
const MOST_ROUNDS: usize = 60;

/// Eigenvalues and unit eigenvectors of a symmetric positive semi-definite matrix, given by its rows, the largest value first.
///
/// Rows are turned against each other, pair by pair, until all are orthogonal (Hestenes 1958). What is left of row i is then an eigenvector times its
/// eigenvalue, since rows and columns of the matrix span the same. Eigenvectors of values far below the largest are not exact.
pub(super) fn symmetric(mut rows: Vec<Vec<f64>>) -> Vec<(f64, Vec<f64>)> {
    let n = rows.len();
    for _ in 0..MOST_ROUNDS {
        let mut turned = false;
        for p in 0..n {
            for q in p + 1..n {
                let (head, tail) = rows.split_at_mut(q);
                turned |= turn(&mut head[p], &mut tail[0]);
            }
        }
        if !turned {
            break;
        }
    }
    let mut found: Vec<(f64, Vec<f64>)> = rows
        .into_iter()
        .map(|row| {
            let value = dot(&row, &row).sqrt();
            let scale = if value > 0.0 { 1.0 / value } else { 0.0 };
            (value, row.into_iter().map(|x| x * scale).collect())
        })
        .collect();
    found.sort_by(|a, b| b.0.total_cmp(&a.0));
    found
}

/// Turns two rows in their plane until they are orthogonal; whether they were not.
fn turn(a: &mut [f64], b: &mut [f64]) -> bool {
    let (aa, bb, ab) = (dot(a, a), dot(b, b), dot(a, b));
    if ab.abs() <= ORTHOGONAL * (aa * bb).sqrt() {
        return false;
    }
    // The smaller of the two angles that do it.
    let zeta = (bb - aa) / (2.0 * ab);
    let t = zeta.signum() / (zeta.abs() + (1.0 + zeta * zeta).sqrt());
    let cosine = 1.0 / (1.0 + t * t).sqrt();
    let sine = cosine * t;
    for (a, b) in a.iter_mut().zip(b) {
        (*a, *b) = (cosine * *a - sine * *b, sine * *a + cosine * *b);
    }
    true
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    // Eight sums, which the compiler keeps in vectors; their order is fixed.
    let mut sums = [0.0; 8];
    let (a, a_rest) = a.as_chunks::<8>();
    let (b, b_rest) = b.as_chunks::<8>();
    for (a, b) in a.iter().zip(b) {
        for i in 0..8 {
            sums[i] += a[i] * b[i];
        }
    }
    let rest: f64 = a_rest.iter().zip(b_rest).map(|(a, b)| a * b).sum();
    sums.iter().sum::<f64>() + rest
}
