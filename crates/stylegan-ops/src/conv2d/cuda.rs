//! The three operations by cuDNN, NCHW in float32.
//!
//! Descriptors, the chosen algorithm and the size of its workspace are kept for every shape; the workspace is one for a GPU, as large as the largest that was
//! asked for. All of it is behind one lock, since a handle of cuDNN must not be used by two threads at a time; work is only queued under it.

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use candle_core::cuda_backend::cudarc::cudnn::sys::{
    cudnnConvolutionBwdDataAlgo_t as DataAlgorithm,
    cudnnConvolutionBwdFilterAlgo_t as FilterAlgorithm,
    cudnnConvolutionFwdAlgo_t as ForwardAlgorithm, cudnnConvolutionMode_t, cudnnMathType_t,
    cudnnTensorFormat_t,
};
use candle_core::cuda_backend::cudarc::cudnn::{
    ConvBackwardData, ConvBackwardFilter, ConvDescriptor, ConvForward, Cudnn, FilterDescriptor,
    TensorDescriptor,
};
use candle_core::cuda_backend::cudarc::driver::{CudaSlice, CudaView};
use candle_core::cuda_backend::{DeviceId, WrapErr};
use candle_core::{CudaDevice, Result, Shape};

use super::geometry::Geometry;
use crate::kernel::cuda::uninitialized;
use crate::tf32::tf32_allowed;

/// Bytes of a workspace beyond which an algorithm is not worth its memory, and one without is taken.
const MOST_WORKSPACE: usize = 1 << 30;

/// y = scale * conv2d(x, w).
pub(super) fn forward(
    device: &CudaDevice,
    x: &CudaView<'_, f32>,
    w: &CudaView<'_, f32>,
    geo: &Geometry,
    scale: f32,
) -> Result<CudaSlice<f32>> {
    with_plan(device, geo, Pass::Forward, |plan, workspace| {
        let Plan { conv, x: x_desc, w: w_desc, y: y_desc, algorithm } = plan;
        let op = ConvForward { conv, x: x_desc, w: w_desc, y: y_desc };
        let Algorithm::Forward(algorithm, _) = *algorithm else { return wrong_plan() };
        let mut y = uninitialized(device, geo.output_shape().elem_count())?;
        // SAFETY: the descriptors are of these shapes, and the workspace has the size that was asked for.
        unsafe { op.launch(algorithm, workspace, (scale, 0.0), x, w, &mut y)? };
        Ok(y)
    })
}

/// The gradient with respect to x.
pub(super) fn input_vjp(
    device: &CudaDevice,
    g: &CudaView<'_, f32>,
    w: &CudaView<'_, f32>,
    geo: &Geometry,
    scale: f32,
) -> Result<CudaSlice<f32>> {
    with_plan(device, geo, Pass::Input, |plan, workspace| {
        let Plan { conv, x: x_desc, w: w_desc, y: y_desc, algorithm } = plan;
        let op = ConvBackwardData { conv, dx: x_desc, w: w_desc, dy: y_desc };
        let Algorithm::Input(algorithm, _) = *algorithm else { return wrong_plan() };
        let mut gx = uninitialized(device, geo.input_shape().elem_count())?;
        // SAFETY: as in `forward`.
        unsafe { op.launch(algorithm, workspace, (scale, 0.0), &mut gx, w, g)? };
        Ok(gx)
    })
}

/// The gradient with respect to w.
pub(super) fn weight_vjp(
    device: &CudaDevice,
    x: &CudaView<'_, f32>,
    g: &CudaView<'_, f32>,
    geo: &Geometry,
    scale: f32,
) -> Result<CudaSlice<f32>> {
    with_plan(device, geo, Pass::Weight, |plan, workspace| {
        let Plan { conv, x: x_desc, w: w_desc, y: y_desc, algorithm } = plan;
        let op = ConvBackwardFilter { conv, x: x_desc, dw: w_desc, dy: y_desc };
        let Algorithm::Weight(algorithm, _) = *algorithm else { return wrong_plan() };
        let mut gw = uninitialized(device, geo.weight_shape().elem_count())?;
        // SAFETY: as in `forward`.
        unsafe { op.launch(algorithm, workspace, (scale, 0.0), x, &mut gw, g)? };
        Ok(gw)
    })
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Pass {
    Forward,
    Input,
    Weight,
}

/// What is kept for one shape and pass.
struct Plan {
    conv: ConvDescriptor<f32>,
    x: TensorDescriptor<f32>,
    w: FilterDescriptor<f32>,
    y: TensorDescriptor<f32>,
    algorithm: Algorithm,
}

/// The chosen algorithm, and the bytes of its workspace.
#[derive(Clone, Copy)]
enum Algorithm {
    Forward(ForwardAlgorithm, usize),
    Input(DataAlgorithm, usize),
    Weight(FilterAlgorithm, usize),
}

impl Algorithm {
    fn workspace(self) -> usize {
        match self {
            Self::Forward(_, bytes) | Self::Input(_, bytes) | Self::Weight(_, bytes) => bytes,
        }
    }
}

/// cuDNN on one GPU.
struct Engine {
    handle: Arc<Cudnn>,
    plans: HashMap<(Pass, Geometry, bool), Plan>,
    workspace: Option<CudaSlice<u8>>,
}

/// The engines of all GPUs.
#[derive(Default)]
struct Engines(HashMap<DeviceId, Engine>);

// SAFETY: handles and descriptors of cuDNN may go from thread to thread as long as no two use them at a time; they never leave the lock around them.
unsafe impl Send for Engines {}

static ENGINES: LazyLock<Mutex<Engines>> = LazyLock::new(Mutex::default);

/// Calls `work` with the plan of a shape and the workspace that it needs.
fn with_plan(
    device: &CudaDevice,
    geo: &Geometry,
    pass: Pass,
    work: impl FnOnce(&Plan, Option<&mut CudaSlice<u8>>) -> Result<CudaSlice<f32>>,
) -> Result<CudaSlice<f32>> {
    let stream = device.cuda_stream();
    // cuDNN works with the context of the calling thread.
    stream.context().bind_to_thread().w()?;
    // Nothing is left half done by a thread that panicked here.
    let mut engines = ENGINES.lock().unwrap_or_else(PoisonError::into_inner);
    let engine = match engines.0.entry(device.id()) {
        std::collections::hash_map::Entry::Occupied(entry) => entry.into_mut(),
        std::collections::hash_map::Entry::Vacant(entry) => {
            let handle = Cudnn::new(stream)?;
            entry.insert(Engine { handle, plans: HashMap::new(), workspace: None })
        }
    };
    let key = (pass, *geo, tf32_allowed());
    if !engine.plans.contains_key(&key) {
        engine.plans.insert(key, Plan::new(&engine.handle, geo, pass)?);
    }
    let Some(plan) = engine.plans.get(&key) else { return wrong_plan() };
    let bytes = plan.algorithm.workspace();
    if engine.workspace.as_ref().map_or(0, CudaSlice::len) < bytes {
        // The old one is freed in the order of the stream, after what was queued with it.
        engine.workspace = None;
        // SAFETY: a workspace is written before it is read.
        engine.workspace = Some(unsafe { device.alloc::<u8>(bytes)? });
    }
    work(plan, if bytes == 0 { None } else { engine.workspace.as_mut() })
}

fn wrong_plan<T>() -> Result<T> {
    candle_core::bail!("conv2d: the plan of another pass")
}

impl Plan {
    fn new(handle: &Arc<Cudnn>, geo: &Geometry, pass: Pass) -> Result<Self> {
        let nchw = cudnnTensorFormat_t::CUDNN_TENSOR_NCHW;
        let mut conv = handle.create_conv2d::<f32>(
            [geo.padding as i32; 2],
            [geo.stride as i32; 2],
            [1; 2],
            cudnnConvolutionMode_t::CUDNN_CROSS_CORRELATION,
        )?;
        // Anything but plain multiply-adds lets cuDNN round to TF32.
        conv.set_math_type(if tf32_allowed() {
            cudnnMathType_t::CUDNN_TENSOR_OP_MATH
        } else {
            cudnnMathType_t::CUDNN_FMA_MATH
        })?;
        let x = handle.create_4d_tensor::<f32>(nchw, dims(geo.input_shape())?)?;
        let w = handle.create_4d_filter::<f32>(nchw, dims(geo.weight_shape())?)?;
        let y = handle.create_4d_tensor::<f32>(nchw, dims(geo.output_shape())?)?;
        let algorithm = match pass {
            Pass::Forward => {
                let op = ConvForward { conv: &conv, x: &x, w: &w, y: &y };
                let best = op.pick_algorithm()?;
                let plain = ForwardAlgorithm::CUDNN_CONVOLUTION_FWD_ALGO_IMPLICIT_GEMM;
                let (algorithm, bytes) =
                    affordable(best, plain, |algorithm| Ok(op.get_workspace_size(algorithm)?))?;
                Algorithm::Forward(algorithm, bytes)
            }
            Pass::Input => {
                let op = ConvBackwardData { conv: &conv, dx: &x, w: &w, dy: &y };
                let best = op.pick_algorithm()?;
                let plain = DataAlgorithm::CUDNN_CONVOLUTION_BWD_DATA_ALGO_1;
                let (algorithm, bytes) =
                    affordable(best, plain, |algorithm| Ok(op.get_workspace_size(algorithm)?))?;
                Algorithm::Input(algorithm, bytes)
            }
            Pass::Weight => {
                let op = ConvBackwardFilter { conv: &conv, x: &x, dw: &w, dy: &y };
                let best = op.pick_algorithm()?;
                let plain = FilterAlgorithm::CUDNN_CONVOLUTION_BWD_FILTER_ALGO_1;
                let (algorithm, bytes) =
                    affordable(best, plain, |algorithm| Ok(op.get_workspace_size(algorithm)?))?;
                Algorithm::Weight(algorithm, bytes)
            }
        };
        Ok(Self { conv, x, w, y, algorithm })
    }
}

/// `best`, or `plain` if the former wants too large a workspace; and the bytes of its own.
fn affordable<A: Copy>(
    best: A,
    plain: A,
    bytes: impl Fn(A) -> Result<usize>,
) -> Result<(A, usize)> {
    let wanted = bytes(best)?;
    if wanted <= MOST_WORKSPACE { Ok((best, wanted)) } else { Ok((plain, bytes(plain)?)) }
}

fn dims(shape: Shape) -> Result<[i32; 4]> {
    let (a, b, c, d) = shape.dims4()?;
    Ok([a as i32, b as i32, c as i32, d as i32])
}
