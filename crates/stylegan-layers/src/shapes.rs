//! The parameters that a network would have, without making them.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};

use candle_core::{DType, Device, Result, Shape, Tensor, bail};
use candle_nn::var_builder::SimpleBackend;
use candle_nn::{Init, VarBuilder};

use crate::is_buffer;

/// Shapes of parameters and buffers by name.
pub type Shapes = BTreeMap<String, Vec<usize>>;

/// The names and shapes of everything that `build` takes from its builder. Nothing is allocated:
/// every tensor is one zero seen as many, so `build` should construct and not compute.
///
/// # Errors
/// Those of `build`.
pub fn shapes_of<T>(build: impl FnOnce(VarBuilder<'static>) -> Result<T>) -> Result<Shapes> {
    let shapes = Arc::new(Mutex::new(Shapes::new()));
    let recorder = Recorder(shapes.clone());
    build(VarBuilder::from_backend(Box::new(recorder), DType::F32, Device::Cpu))?;
    Ok(lock(&shapes).clone())
}

/// The number of trained scalars among `shapes`.
pub fn parameter_count(shapes: &Shapes) -> usize {
    let trained = shapes.iter().filter(|(name, _)| !is_buffer(name));
    trained.map(|(_, shape)| shape.iter().product::<usize>()).sum()
}

/// A poisoned lock only says that another insertion panicked; the map is whole.
fn lock(shapes: &Mutex<Shapes>) -> MutexGuard<'_, Shapes> {
    shapes.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

struct Recorder(Arc<Mutex<Shapes>>);

impl SimpleBackend for Recorder {
    fn get(&self, s: Shape, name: &str, _: Init, dtype: DType, dev: &Device) -> Result<Tensor> {
        lock(&self.0).insert(name.to_owned(), s.dims().to_vec());
        Tensor::zeros((), dtype, dev)?.broadcast_as(s)
    }

    fn get_unchecked(&self, name: &str, _: DType, _: &Device) -> Result<Tensor> {
        bail!("the shape of {name} is not known before it is made")
    }

    fn contains_tensor(&self, name: &str) -> bool {
        lock(&self.0).contains_key(name)
    }
}
