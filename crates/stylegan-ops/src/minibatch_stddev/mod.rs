//! Minibatch standard deviation, and its vector-Jacobian product.
//!
//! The batch is cut into M = N / G groups of G images; the members of group m are the images m, m + M, m + 2M, and so on. The
//! channels are cut into F runs of C / F. With d = x minus its mean over the group's members and s = sqrt(mean over members of d^2 + 1e-8),
//! each at one channel and position, and P = (C / F) * H * W:
//!
//! ```text
//! y[n, C + f, ..] = mean of s over channels of run f and positions         y[n, c, ..] = x[n, c, ..]
//!
//! vjp:  gx = g[:, :C] + t / (P G) * d / s                                  t[m, f] = sum of g[n, C + f, ..] over members and positions
//!
//! of the vjp, for a cotangent v:
//!       to g[:, :C]: v           to g[n, C + f, ..]: sum over members and the run of v * d / (P G s)
//!       to x: t / (P G) * ((v - mean(v)) / s - d * sum(v * d) / (G s^3))   mean and sum over members
//! ```
//!
//! Karras et al. 2018, section 3; the groups as the official implementation of Karras et al. 2019 lays them out.

mod cpu;
#[cfg(feature = "cuda")]
mod cuda;
mod reference;
#[cfg(test)]
mod tests;

use candle_core::{CpuStorage, CustomOp1, CustomOp2, Layout, Result, Shape, Tensor, bail};
#[cfg(feature = "cuda")]
use candle_core::{CudaStorage, backend::BackendStorage};

#[cfg(feature = "cuda")]
use crate::kernel::cuda::Elements;
use crate::kernel::{Form, f32_slice};
use crate::planes::view;
use crate::precision::widened;

/// Keeps the root away from zero, as the official implementation does.
const EPS: f64 = 1e-8;

/// x [N, C, H, W] -> [N, C + features, H, W]: x, then for each of `features` runs of channels a map of the mean standard deviation within
/// the image's group of `min(group, N)` images.
///
/// Differentiable; for gradients of gradients write the first one with [`minibatch_stddev_vjp`].
///
/// # Errors
/// If x does not have four dimensions, the group does not divide the batch, `features` does not divide the channels, or one
/// of them is 0.
///
/// # Example
/// ```
/// use candle_core::{Device, Tensor};
/// let x = Tensor::new(&[[[[1f32]]], [[[5.]]]], &Device::Cpu)?;
/// let y = stylegan_ops::minibatch_stddev(&x, 4, 1)?;
/// assert_eq!(y.flatten_all()?.to_vec1::<f32>()?, [1., 2., 5., 2.]);
/// # Ok::<(), candle_core::Error>(())
/// ```
pub fn minibatch_stddev(x: &Tensor, group: usize, features: usize) -> Result<Tensor> {
    let groups = Groups::of("minibatch_stddev", x, group, features)?;
    match Form::of(&[x], &[]) {
        Form::Kernel => x.contiguous()?.apply_op1(MinibatchStddev { groups }),
        Form::Widened => widened([x], |[x]| minibatch_stddev(x, group, features)),
        Form::Reference => reference::minibatch_stddev(x, &groups),
    }
}

/// The gradient of `sum(g * minibatch_stddev(x, group, features))` with respect to x: g [N, C + features, H, W] -> [N, C, H, W].
///
/// Differentiable in x and in g.
///
/// # Errors
/// As [`minibatch_stddev`], or if g does not have its output's shape.
pub fn minibatch_stddev_vjp(
    x: &Tensor,
    g: &Tensor,
    group: usize,
    features: usize,
) -> Result<Tensor> {
    let groups = Groups::of("minibatch_stddev_vjp", x, group, features)?;
    let expected = groups.output_shape();
    if g.shape() != &expected {
        let (expected, x, g) = (expected.dims(), x.dims(), g.dims());
        bail!("minibatch_stddev_vjp: expected g {expected:?} for x {x:?}, got {g:?}");
    }
    match Form::of(&[x, g], &[]) {
        Form::Kernel => x.contiguous()?.apply_op2(&g.contiguous()?, MinibatchStddevVjp { groups }),
        Form::Widened => widened([x, g], |[x, g]| minibatch_stddev_vjp(x, g, group, features)),
        Form::Reference => reference::minibatch_stddev_vjp(x, g, &groups),
    }
}

/// How a batch is cut into groups, and its channels into runs.
#[derive(Clone, Copy, Debug)]
struct Groups {
    /// Images of a group, G.
    members: usize,
    /// Groups, M.
    count: usize,
    /// Runs of channels, F.
    features: usize,
    /// Channels of a run.
    run: usize,
    height: usize,
    width: usize,
}

impl Groups {
    fn of(op: &'static str, x: &Tensor, group: usize, features: usize) -> Result<Self> {
        let &[n, c, height, width] = x.dims() else {
            bail!("{op}: expected x [N, C, H, W], got {:?}", x.dims());
        };
        let members = group.min(n);
        if members == 0 || n % members != 0 {
            bail!("{op}: groups of {group} do not divide a batch of {n}");
        }
        if features == 0 || c % features != 0 {
            bail!("{op}: {features} features do not divide {c} channels");
        }
        Ok(Self { members, count: n / members, features, run: c / features, height, width })
    }

    fn batch(&self) -> usize {
        self.members * self.count
    }

    fn channels(&self) -> usize {
        self.features * self.run
    }

    fn positions(&self) -> usize {
        self.height * self.width
    }

    fn input_shape(&self) -> Shape {
        (self.batch(), self.channels(), self.height, self.width).into()
    }

    fn output_shape(&self) -> Shape {
        (self.batch(), self.channels() + self.features, self.height, self.width).into()
    }

    /// 1 / (P G): the weight of one element's d / s.
    fn weight(&self) -> f64 {
        1.0 / (self.run * self.positions() * self.members) as f64
    }
}

struct MinibatchStddev {
    groups: Groups,
}

impl CustomOp1 for MinibatchStddev {
    fn name(&self) -> &'static str {
        "minibatch_stddev"
    }

    fn cpu_fwd(&self, x: &CpuStorage, layout: &Layout) -> Result<(CpuStorage, Shape)> {
        let y = cpu::forward(f32_slice(self.name(), x, layout)?, &self.groups);
        Ok((CpuStorage::F32(y), self.groups.output_shape()))
    }

    #[cfg(feature = "cuda")]
    fn cuda_fwd(&self, x: &CudaStorage, layout: &Layout) -> Result<(CudaStorage, Shape)> {
        let device = x.device();
        let y = cuda::forward(device, Elements::of(self.name(), x, layout)?, &self.groups)?;
        Ok(y.result(self.groups.output_shape()))
    }

    fn bwd(&self, x: &Tensor, _y: &Tensor, g: &Tensor) -> Result<Option<Tensor>> {
        let g = g.detach();
        minibatch_stddev_vjp(&x.detach(), &g, self.groups.members, self.groups.features).map(Some)
    }
}

struct MinibatchStddevVjp {
    groups: Groups,
}

impl CustomOp2 for MinibatchStddevVjp {
    fn name(&self) -> &'static str {
        "minibatch_stddev_vjp"
    }

    fn cpu_fwd(
        &self,
        x: &CpuStorage,
        x_layout: &Layout,
        g: &CpuStorage,
        g_layout: &Layout,
    ) -> Result<(CpuStorage, Shape)> {
        let x = f32_slice(self.name(), x, x_layout)?;
        let g = f32_slice(self.name(), g, g_layout)?;
        Ok((CpuStorage::F32(cpu::vjp(x, g, &self.groups)), self.groups.input_shape()))
    }

    #[cfg(feature = "cuda")]
    fn cuda_fwd(
        &self,
        x: &CudaStorage,
        x_layout: &Layout,
        g: &CudaStorage,
        g_layout: &Layout,
    ) -> Result<(CudaStorage, Shape)> {
        let device = x.device();
        let x = Elements::of(self.name(), x, x_layout)?;
        let g = Elements::of(self.name(), g, g_layout)?;
        let gx = cuda::vjp(device, x, g, &self.groups)?;
        Ok(gx.result(self.groups.input_shape()))
    }

    fn bwd(
        &self,
        x: &Tensor,
        g: &Tensor,
        _gx: &Tensor,
        v: &Tensor,
    ) -> Result<(Option<Tensor>, Option<Tensor>)> {
        let v = v.detach().contiguous()?;
        #[cfg(feature = "cuda")]
        if v.device().is_cuda() {
            let (to_x, to_g) = cuda::vjp_backward(x, g, &v, &self.groups)?;
            return Ok((x.track_op().then_some(to_x), g.track_op().then_some(to_g)));
        }
        let (to_x, to_g) = cpu::vjp_backward(
            view(self.name(), x)?.slice(),
            view(self.name(), g)?.slice(),
            view(self.name(), &v)?.slice(),
            &self.groups,
        );
        let to_x = x.track_op().then(|| Tensor::from_vec(to_x, x.shape().clone(), x.device()));
        let to_g = g.track_op().then(|| Tensor::from_vec(to_g, g.shape().clone(), g.device()));
        Ok((to_x.transpose()?, to_g.transpose()?))
    }
}
