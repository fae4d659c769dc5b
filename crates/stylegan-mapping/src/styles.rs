//! Intermediate latents, one a layer of the synthesis network: `ws` `[N, layers, w_dim]`.

use candle_core::{Result, Tensor, bail};

/// The same `w` `[N, w_dim]` for every layer: `[N, layers, w_dim]`.
pub fn broadcast(w: &Tensor, layers: usize) -> Result<Tensor> {
    let (n, dim) = w.dims2()?;
    w.unsqueeze(1)?.broadcast_as((n, layers, dim))?.contiguous()
}

/// Style mixing: layers below `crossover` from `first`, the others from `second` (Karras et al.
/// 2019, section 3.1).
pub fn mix(first: &Tensor, second: &Tensor, crossover: usize) -> Result<Tensor> {
    let (_, layers, _) = first.dims3()?;
    if first.dims() != second.dims() {
        bail!("mix: {:?} and {:?} are of different shapes", first.dims(), second.dims());
    }
    match crossover {
        0 => Ok(second.clone()),
        k if k >= layers => Ok(first.clone()),
        k => Tensor::cat(&[first.narrow(1, 0, k)?, second.narrow(1, k, layers - k)?], 1),
    }
}

/// The truncation trick in W: pulls the layers below `cutoff` (all if `None`) towards the average
/// of w, `w_avg + psi * (w - w_avg)` (Karras et al. 2019, appendix B).
pub fn truncate(ws: &Tensor, w_avg: &Tensor, psi: f64, cutoff: Option<usize>) -> Result<Tensor> {
    let (_, layers, _) = ws.dims3()?;
    let cutoff = cutoff.unwrap_or(layers).min(layers);
    if psi == 1.0 || cutoff == 0 {
        return Ok(ws.clone());
    }
    let truncated = ws.broadcast_sub(w_avg)?.affine(psi, 0.0)?.broadcast_add(w_avg)?;
    mix(&truncated, ws, cutoff)
}

/// One step of the moving average of w: `batch mean + beta * (average - batch mean)`, with the
/// batch's `w` `[N, w_dim]`. The paper's beta is 0.995.
pub fn updated_average(average: &Tensor, w: &Tensor, beta: f64) -> Result<Tensor> {
    let batch = w.detach().mean(0)?;
    (average - &batch)?.affine(beta, 0.0)? + batch
}
