//! The three operations by cuDNN, NCHW, added up in float32.
//!
//! Descriptors, the chosen algorithm and the size of its workspace are kept for every shape and type; the workspace is one for a GPU, as large as the largest that was
//! asked for. All of it is behind one lock, since a handle of cuDNN must not be used by two threads at a time; work is only queued under it.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::sync::{Arc, LazyLock, Mutex, PoisonError};

use candle_core::cuda_backend::cudarc::cudnn::sys::{
    cudnnConvolutionBwdDataAlgo_t as DataAlgorithm,
    cudnnConvolutionBwdFilterAlgo_t as FilterAlgorithm,
    cudnnConvolutionFwdAlgo_t as ForwardAlgorithm, cudnnConvolutionMode_t, cudnnDataType_t,
    cudnnMathType_t, cudnnTensorFormat_t,
};
use candle_core::cuda_backend::cudarc::cudnn::{
    ConvBackwardData, ConvBackwardFilter, ConvDescriptor, ConvForward, Cudnn, CudnnDataType,
    FilterDescriptor, TensorDescriptor,
};
use candle_core::cuda_backend::cudarc::driver::{
    CudaSlice, CudaStream, DevicePtr, DevicePtrMut, DeviceSlice, SyncOnDrop, sys::CUdeviceptr,
};
use candle_core::cuda_backend::{DeviceId, WrapErr};
use candle_core::{CudaDevice, DType, Result, Shape, bail};

use super::geometry::Geometry;
use crate::kernel::cuda::{Elements, Room, shared_type};
use crate::tf32::tf32_allowed;

const NAME: &str = "conv2d";

/// Bytes of a workspace beyond which an algorithm is not worth its memory, and one without is taken.
const MOST_WORKSPACE: usize = 1 << 30;

/// Calls a function that is generic in the type of elements.
macro_rules! by_type {
    ($dtype:expr, $function:ident($($argument:expr),*)) => {
        match $dtype {
            DType::F32 => $function::<Float32>($($argument),*),
            DType::F16 => $function::<Float16>($($argument),*),
            DType::BF16 => $function::<Bfloat16>($($argument),*),
            other => bail!("{NAME}: there is no kernel for {other:?} on a GPU"),
        }
    };
}

/// y = scale * conv2d(x, w).
pub(crate) fn forward(
    device: &CudaDevice,
    x: Elements<'_>,
    w: Elements<'_>,
    geo: &Geometry,
    scale: f32,
) -> Result<Room> {
    let dtype = shared_type(NAME, [x, w])?;
    let y = Room::new(device, geo.output_shape().elem_count(), dtype)?;
    by_type!(dtype, forward_of(device, x, w, geo, scale, &y))?;
    Ok(y)
}

/// The gradient with respect to x.
pub(crate) fn input_vjp(
    device: &CudaDevice,
    g: Elements<'_>,
    w: Elements<'_>,
    geo: &Geometry,
    scale: f32,
) -> Result<Room> {
    let dtype = shared_type(NAME, [g, w])?;
    let gx = Room::new(device, geo.input_shape().elem_count(), dtype)?;
    by_type!(dtype, input_vjp_of(device, g, w, geo, scale, &gx))?;
    Ok(gx)
}

/// The gradient with respect to w.
pub(super) fn weight_vjp(
    device: &CudaDevice,
    x: Elements<'_>,
    g: Elements<'_>,
    geo: &Geometry,
    scale: f32,
) -> Result<Room> {
    let dtype = shared_type(NAME, [x, g])?;
    let gw = Room::new(device, geo.weight_shape().elem_count(), dtype)?;
    by_type!(dtype, weight_vjp_of(device, x, g, geo, scale, &gw))?;
    Ok(gw)
}

fn forward_of<E: Element>(
    device: &CudaDevice,
    x: Elements<'_>,
    w: Elements<'_>,
    geo: &Geometry,
    scale: f32,
    y: &Room,
) -> Result<()> {
    with_plan::<E>(device, geo, Pass::Forward, |plan, stream, workspace| {
        let Plan { conv, x: x_desc, w: w_desc, y: y_desc, algorithm } = plan;
        let op = ConvForward { conv, x: x_desc, w: w_desc, y: y_desc };
        let Algorithm::Forward(algorithm, _) = *algorithm else { return wrong_plan() };
        let [x, w, mut y] = [x, w, y.elements()].map(|elements| Argument { elements, stream });
        let factors = (E::from(scale), E::from(0.0));
        // SAFETY: the descriptors are of these shapes and types, and the workspace has the size that was asked for.
        unsafe { op.launch(algorithm, workspace, factors, &x, &w, &mut y)? };
        Ok(())
    })
}

fn input_vjp_of<E: Element>(
    device: &CudaDevice,
    g: Elements<'_>,
    w: Elements<'_>,
    geo: &Geometry,
    scale: f32,
    gx: &Room,
) -> Result<()> {
    with_plan::<E>(device, geo, Pass::Input, |plan, stream, workspace| {
        let Plan { conv, x: x_desc, w: w_desc, y: y_desc, algorithm } = plan;
        let op = ConvBackwardData { conv, dx: x_desc, w: w_desc, dy: y_desc };
        let Algorithm::Input(algorithm, _) = *algorithm else { return wrong_plan() };
        let [g, w, mut gx] = [g, w, gx.elements()].map(|elements| Argument { elements, stream });
        let factors = (E::from(scale), E::from(0.0));
        // SAFETY: as in `forward_of`.
        unsafe { op.launch(algorithm, workspace, factors, &mut gx, &w, &g)? };
        Ok(())
    })
}

fn weight_vjp_of<E: Element>(
    device: &CudaDevice,
    x: Elements<'_>,
    g: Elements<'_>,
    geo: &Geometry,
    scale: f32,
    gw: &Room,
) -> Result<()> {
    with_plan::<E>(device, geo, Pass::Weight, |plan, stream, workspace| {
        let Plan { conv, x: x_desc, w: w_desc, y: y_desc, algorithm } = plan;
        let op = ConvBackwardFilter { conv, x: x_desc, dw: w_desc, dy: y_desc };
        let Algorithm::Weight(algorithm, _) = *algorithm else { return wrong_plan() };
        let [x, g, mut gw] = [x, g, gw.elements()].map(|elements| Argument { elements, stream });
        let factors = (E::from(scale), E::from(0.0));
        // SAFETY: as in `forward_of`.
        unsafe { op.launch(algorithm, workspace, factors, &x, &mut gw, &g)? };
        Ok(())
    })
}

/// A type of elements as cuDNN is told of it. A value stands for a factor of a result, which cuDNN takes in float32 whatever the elements are; half
/// precision would round it.
trait Element: CudnnDataType<Scalar = f32> + From<f32> {
    /// How products of such elements are added up.
    fn math(tf32: bool) -> cudnnMathType_t {
        let _ = tf32;
        cudnnMathType_t::CUDNN_TENSOR_OP_MATH
    }

    fn plans(plans: &mut Plans) -> &mut PlansOf<Self>;
}

macro_rules! element {
    ($name:ident, $data_type:ident) => {
        struct $name(f32);

        impl From<f32> for $name {
            fn from(factor: f32) -> Self {
                Self(factor)
            }
        }

        impl CudnnDataType for $name {
            const DATA_TYPE: cudnnDataType_t = cudnnDataType_t::$data_type;
            type Scalar = f32;

            fn into_scaling_parameter(self) -> f32 {
                self.0
            }
        }
    };
}

element!(Float32, CUDNN_DATA_FLOAT);
element!(Float16, CUDNN_DATA_HALF);
element!(Bfloat16, CUDNN_DATA_BFLOAT16);

impl Element for Float32 {
    /// Anything but plain multiply-adds lets cuDNN round to TF32.
    fn math(tf32: bool) -> cudnnMathType_t {
        if tf32 { cudnnMathType_t::CUDNN_TENSOR_OP_MATH } else { cudnnMathType_t::CUDNN_FMA_MATH }
    }

    fn plans(plans: &mut Plans) -> &mut PlansOf<Self> {
        &mut plans.float32
    }
}

impl Element for Float16 {
    fn plans(plans: &mut Plans) -> &mut PlansOf<Self> {
        &mut plans.float16
    }
}

impl Element for Bfloat16 {
    fn plans(plans: &mut Plans) -> &mut PlansOf<Self> {
        &mut plans.bfloat16
    }
}

/// Elements as arguments of cuDNN.
struct Argument<'a> {
    elements: Elements<'a>,
    stream: &'a Arc<CudaStream>,
}

impl<T> DeviceSlice<T> for Argument<'_> {
    fn len(&self) -> usize {
        self.elements.len()
    }

    fn stream(&self) -> &Arc<CudaStream> {
        self.stream
    }
}

impl<T> DevicePtr<T> for Argument<'_> {
    fn device_ptr<'a>(&'a self, _stream: &'a CudaStream) -> (CUdeviceptr, SyncOnDrop<'a>) {
        (self.elements.address(), SyncOnDrop::Sync(None))
    }
}

impl<T> DevicePtrMut<T> for Argument<'_> {
    fn device_ptr_mut<'a>(&'a mut self, _stream: &'a CudaStream) -> (CUdeviceptr, SyncOnDrop<'a>) {
        (self.elements.address(), SyncOnDrop::Sync(None))
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Pass {
    Forward,
    Input,
    Weight,
}

/// What is kept for one shape and pass.
struct Plan<E> {
    conv: ConvDescriptor<f32>,
    x: TensorDescriptor<E>,
    w: FilterDescriptor<E>,
    y: TensorDescriptor<E>,
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

/// By pass, shape and whether TF32 was allowed.
type PlansOf<E> = HashMap<(Pass, Geometry, bool), Plan<E>>;

#[derive(Default)]
struct Plans {
    float32: PlansOf<Float32>,
    float16: PlansOf<Float16>,
    bfloat16: PlansOf<Bfloat16>,
}

/// cuDNN on one GPU.
struct Engine {
    handle: Arc<Cudnn>,
    plans: Plans,
    workspace: Option<CudaSlice<u8>>,
}

/// The engines of all GPUs.
#[derive(Default)]
struct Engines(HashMap<DeviceId, Engine>);

// SAFETY: handles and descriptors of cuDNN may go from thread to thread as long as no two use them at a time; they never leave the lock around them.
unsafe impl Send for Engines {}

static ENGINES: LazyLock<Mutex<Engines>> = LazyLock::new(Mutex::default);

/// Calls `work` with the plan of a shape and the workspace that it needs.
fn with_plan<E: Element>(
    device: &CudaDevice,
    geo: &Geometry,
    pass: Pass,
    work: impl FnOnce(&Plan<E>, &Arc<CudaStream>, Option<&mut CudaSlice<u8>>) -> Result<()>,
) -> Result<()> {
    let stream = device.cuda_stream();
    // cuDNN works with the context of the calling thread.
    stream.context().bind_to_thread().w()?;
    // Nothing is left half done by a thread that panicked here.
    let mut engines = ENGINES.lock().unwrap_or_else(PoisonError::into_inner);
    let engine = match engines.0.entry(device.id()) {
        Entry::Occupied(entry) => entry.into_mut(),
        Entry::Vacant(entry) => {
            let handle = Cudnn::new(stream.clone())?;
            entry.insert(Engine { handle, plans: Plans::default(), workspace: None })
        }
    };
    let key = (pass, *geo, tf32_allowed());
    let plans = E::plans(&mut engine.plans);
    let plan: &_ = match plans.entry(key) {
        Entry::Occupied(entry) => entry.into_mut(),
        Entry::Vacant(entry) => entry.insert(Plan::new(&engine.handle, geo, pass)?),
    };
    let bytes = plan.algorithm.workspace();
    if engine.workspace.as_ref().map_or(0, CudaSlice::len) < bytes {
        // The old one is freed in the order of the stream, after what was queued with it.
        engine.workspace = None;
        // SAFETY: a workspace is written before it is read.
        engine.workspace = Some(unsafe { device.alloc::<u8>(bytes)? });
    }
    work(plan, &stream, if bytes == 0 { None } else { engine.workspace.as_mut() })
}

fn wrong_plan<T>() -> Result<T> {
    bail!("{NAME}: the plan of another pass")
}

impl<E: Element> Plan<E> {
    fn new(handle: &Arc<Cudnn>, geo: &Geometry, pass: Pass) -> Result<Self> {
        let nchw = cudnnTensorFormat_t::CUDNN_TENSOR_NCHW;
        let mut conv = handle.create_conv2d::<f32>(
            [geo.padding as i32; 2],
            [geo.stride as i32; 2],
            [1; 2],
            cudnnConvolutionMode_t::CUDNN_CROSS_CORRELATION,
        )?;
        conv.set_math_type(E::math(tf32_allowed()))?;
        let x = handle.create_4d_tensor::<E>(nchw, dims(geo.input_shape())?)?;
        let w = handle.create_4d_filter::<E>(nchw, dims(geo.weight_shape())?)?;
        let y = handle.create_4d_tensor::<E>(nchw, dims(geo.output_shape())?)?;
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
