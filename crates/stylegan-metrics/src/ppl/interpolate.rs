//! Points on the way between latents, one position a pair. Computed in float64: the points of a pair are 1e-4 of a path apart.

use candle_core::{DType, Result, Tensor, bail};

/// `a + (b - a) t`, row by row: `a`, `b` `[N, dim]`, one `t` a row.
///
/// # Errors
/// If the shapes differ.
pub fn lerp(a: &Tensor, b: &Tensor, t: &[f64]) -> Result<Tensor> {
    by_rows(a, b, t, |a, b, t| a.iter().zip(b).map(|(a, b)| a + (b - a) * t).collect())
}

/// Spherical interpolation, row by row, of rows that are normalised first; the points have unit length (Karras et al. 2019,
/// section 4.1): `a`, `b` `[N, dim]`, one `t` a row.
///
/// # Errors
/// If the shapes differ.
pub fn slerp(a: &Tensor, b: &Tensor, t: &[f64]) -> Result<Tensor> {
    by_rows(a, b, t, |a, b, t| {
        let (a, b) = (unit(a), unit(b));
        let cosine = a.iter().zip(&b).map(|(a, b)| a * b).sum::<f64>().clamp(-1.0, 1.0);
        let angle = t * cosine.acos();
        let rest: Vec<f64> = a.iter().zip(&b).map(|(a, b)| b - cosine * a).collect();
        let across = unit(&rest);
        let (sine, cosine) = angle.sin_cos();
        let point: Vec<f64> =
            a.iter().zip(&across).map(|(a, across)| a * cosine + across * sine).collect();
        unit(&point)
    })
}

fn by_rows(
    a: &Tensor,
    b: &Tensor,
    t: &[f64],
    point: impl Fn(&[f64], &[f64], f64) -> Vec<f64>,
) -> Result<Tensor> {
    let (n, dim) = a.dims2()?;
    if b.dims() != a.dims() || t.len() != n {
        bail!("interpolation between {:?} and {:?} at {} positions", a.dims(), b.dims(), t.len());
    }
    let rows = |x: &Tensor| x.to_dtype(DType::F64)?.to_vec2::<f64>();
    let points: Vec<f64> =
        rows(a)?.iter().zip(&rows(b)?).zip(t).flat_map(|((a, b), &t)| point(a, b, t)).collect();
    Tensor::from_vec(points, (n, dim), a.device())?.to_dtype(a.dtype())
}

/// A row of unit length; a row of zeros (the way between equal points) stays.
fn unit(row: &[f64]) -> Vec<f64> {
    let length = row.iter().map(|value| value * value).sum::<f64>().sqrt().max(1e-30);
    row.iter().map(|value| value / length).collect()
}
