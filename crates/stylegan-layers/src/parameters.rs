//! An ordered, named store of parameters.

use std::collections::BTreeMap;
use std::sync::{Arc, RwLock, RwLockReadGuard, RwLockWriteGuard};

use candle_core::{DType, Device, Result, Shape, Tensor, Var, bail};
use candle_nn::var_builder::SimpleBackend;
use candle_nn::{Init, VarBuilder};
use stylegan_ops::random::Stream;

/// The stream of random numbers that initial weights are drawn from.
const INIT_STREAM: u32 = 0x1417;

/// Whether a tensor of this name is kept with the parameters but not trained: the constant noise
/// maps, averages of w, kernels of a blur, running statistics.
pub fn is_buffer(name: &str) -> bool {
    const ENDS: [&str; 6] =
        ["noise.const", "w_avg", "latent_avg", "blur.kernel", "running_mean", "running_var"];
    ENDS.iter().any(|end| name.ends_with(end))
}

/// A named store of candle variables that iterates in the order of their names.
///
/// Networks take their parameters from [`Parameters::builder`], which creates what is missing.
/// An initial value depends on the seed and the parameter's name only, never on the order of
/// creation. [`Parameters::frozen_builder`] gives the same tensors untracked: a second network
/// built from it shares the storage, follows every update, and costs no weight gradients.
///
/// A clone is another handle on the same store.
#[derive(Clone)]
pub struct Parameters(Arc<Store>);

struct Store {
    seed: u64,
    dtype: DType,
    device: Device,
    vars: RwLock<BTreeMap<String, Var>>,
}

impl Parameters {
    /// An empty store; `seed` determines all initial values.
    pub fn new(seed: u64, dtype: DType, device: &Device) -> Self {
        let vars = RwLock::new(BTreeMap::new());
        Self(Arc::new(Store { seed, dtype, device: device.clone(), vars }))
    }

    /// A store of existing values, which are copied.
    pub fn from_tensors(values: &BTreeMap<String, Tensor>, device: &Device) -> Result<Self> {
        let store = Self::new(0, DType::F32, device);
        for (name, value) in values {
            let value = value.to_dtype(DType::F32)?.to_device(device)?;
            store.0.write().insert(name.clone(), Var::from_tensor(&value.copy()?)?);
        }
        Ok(store)
    }

    /// A builder that creates missing parameters, and tracks gradients for all but buffers.
    pub fn builder(&self) -> VarBuilder<'static> {
        self.with_backend(Creating(self.0.clone()))
    }

    /// A builder over existing parameters that tracks no gradient of those that `frozen` names; the storage is shared.
    pub fn partly_frozen_builder(
        &self,
        frozen: impl Fn(&str) -> bool + Send + Sync + 'static,
    ) -> VarBuilder<'static> {
        self.with_backend(PartlyFrozen { store: self.0.clone(), frozen: Box::new(frozen) })
    }

    /// A builder over existing parameters that tracks no gradient; the storage is shared.
    pub fn frozen_builder(&self) -> VarBuilder<'static> {
        self.with_backend(Frozen(self.0.clone()))
    }

    fn with_backend(&self, backend: impl SimpleBackend + 'static) -> VarBuilder<'static> {
        VarBuilder::from_backend(Box::new(backend), self.0.dtype, self.0.device.clone())
    }

    /// The parameter or buffer of this name.
    pub fn get(&self, name: &str) -> Option<Var> {
        self.0.read().get(name).cloned()
    }

    /// All parameters and buffers, in the order of their names.
    pub fn all(&self) -> Vec<(String, Var)> {
        self.0.read().iter().map(|(n, v)| (n.clone(), v.clone())).collect()
    }

    /// All values by name, untracked; they share the store's storage.
    pub fn tensors(&self) -> BTreeMap<String, Tensor> {
        self.all().into_iter().map(|(name, var)| (name, var.as_detached_tensor())).collect()
    }

    /// The parameters that are trained, in the order of their names.
    pub fn trainable(&self) -> Vec<(String, Var)> {
        self.all().into_iter().filter(|(name, _)| !is_buffer(name)).collect()
    }

    /// The number of trained scalars.
    pub fn count(&self) -> usize {
        self.trainable().iter().map(|(_, v)| v.elem_count()).sum()
    }

    /// A second store with copies of all values.
    pub fn duplicate(&self) -> Result<Self> {
        let copy = Self::new(self.0.seed, self.0.dtype, &self.0.device);
        for (name, var) in self.all() {
            let value = Var::from_tensor(&var.as_detached_tensor().copy()?)?;
            copy.0.write().insert(name, value);
        }
        Ok(copy)
    }

    /// Overwrites values in place.
    ///
    /// # Errors
    /// Lists every name that is missing, unknown or of another shape; then nothing is written.
    pub fn load(&self, values: &BTreeMap<String, Tensor>) -> Result<()> {
        let vars = self.0.read();
        let mut problems = Vec::new();
        for (name, var) in vars.iter() {
            match values.get(name) {
                None => problems.push(format!("{name} is missing")),
                Some(t) if t.shape() != var.shape() => problems.push(format!(
                    "{name} has shape {:?}, expected {:?}",
                    t.dims(),
                    var.dims()
                )),
                Some(_) => {}
            }
        }
        let unknown = values.keys().filter(|name| !vars.contains_key(*name));
        problems.extend(unknown.map(|name| format!("{name} is not a parameter of this network")));
        if !problems.is_empty() {
            bail!("the stored parameters do not fit this network: {}", problems.join("; "));
        }
        for (name, var) in vars.iter() {
            if let Some(value) = values.get(name) {
                var.set(&value.to_dtype(self.0.dtype)?.to_device(&self.0.device)?)?;
            }
        }
        Ok(())
    }
}

impl Store {
    // A poisoned lock means that another thread panicked between two map operations, none of
    // which leaves the map half changed: its contents are still good.
    fn read(&self) -> RwLockReadGuard<'_, BTreeMap<String, Var>> {
        self.vars.read().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn write(&self) -> RwLockWriteGuard<'_, BTreeMap<String, Var>> {
        self.vars.write().unwrap_or_else(|poisoned| poisoned.into_inner())
    }

    fn initial(&self, name: &str, shape: &Shape, init: Init) -> Result<Tensor> {
        let value = match init {
            Init::Const(value) => return Tensor::full(value as f32, shape, &self.device),
            Init::Randn { mean, stdev } => {
                self.stream(name).normal(shape, &self.device)?.affine(stdev, mean)?
            }
            Init::Uniform { lo, up } => {
                self.stream(name).uniform(shape, &self.device)?.affine(up - lo, lo)?
            }
            other => bail!("{name}: initialisation {other:?} is not supported by this store"),
        };
        Ok(value)
    }

    fn stream(&self, name: &str) -> Stream {
        Stream::new(self.seed, fnv1a(name), INIT_STREAM)
    }
}

/// FNV-1a: turns a name into a stream's number.
fn fnv1a(name: &str) -> u64 {
    name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

/// Gives the tensor of a variable if its shape is the expected one.
fn checked(name: &str, var: &Var, shape: &Shape, tracked: bool) -> Result<Tensor> {
    if var.shape() != shape {
        bail!("{name} has shape {:?}, expected {:?}", var.dims(), shape.dims());
    }
    Ok(if tracked && !is_buffer(name) { var.as_tensor().clone() } else { var.as_detached_tensor() })
}

struct Creating(Arc<Store>);

impl SimpleBackend for Creating {
    fn get(&self, s: Shape, name: &str, h: Init, dtype: DType, _: &Device) -> Result<Tensor> {
        if let Some(var) = self.0.read().get(name) {
            return checked(name, var, &s, true);
        }
        let var = Var::from_tensor(&self.0.initial(name, &s, h)?.to_dtype(dtype)?)?;
        let tensor = checked(name, &var, &s, true)?;
        self.0.write().insert(name.to_string(), var);
        Ok(tensor)
    }

    fn get_unchecked(&self, name: &str, _: DType, _: &Device) -> Result<Tensor> {
        match self.0.read().get(name) {
            Some(var) => checked(name, var, var.shape(), true),
            None => bail!("there is no parameter named {name}"),
        }
    }

    fn contains_tensor(&self, name: &str) -> bool {
        self.0.read().contains_key(name)
    }
}

struct Frozen(Arc<Store>);

impl SimpleBackend for Frozen {
    fn get(&self, s: Shape, name: &str, _: Init, _: DType, _: &Device) -> Result<Tensor> {
        match self.0.read().get(name) {
            Some(var) => checked(name, var, &s, false),
            None => bail!("there is no parameter named {name}"),
        }
    }

    fn get_unchecked(&self, name: &str, _: DType, _: &Device) -> Result<Tensor> {
        match self.0.read().get(name) {
            Some(var) => checked(name, var, var.shape(), false),
            None => bail!("there is no parameter named {name}"),
        }
    }

    fn contains_tensor(&self, name: &str) -> bool {
        self.0.read().contains_key(name)
    }
}

struct PartlyFrozen {
    store: Arc<Store>,
    frozen: Box<dyn Fn(&str) -> bool + Send + Sync>,
}

impl SimpleBackend for PartlyFrozen {
    fn get(&self, s: Shape, name: &str, _: Init, _: DType, _: &Device) -> Result<Tensor> {
        match self.store.read().get(name) {
            Some(var) => checked(name, var, &s, !(self.frozen)(name)),
            None => bail!("there is no parameter named {name}"),
        }
    }

    fn get_unchecked(&self, name: &str, _: DType, _: &Device) -> Result<Tensor> {
        match self.store.read().get(name) {
            Some(var) => checked(name, var, var.shape(), !(self.frozen)(name)),
            None => bail!("there is no parameter named {name}"),
        }
    }

    fn contains_tensor(&self, name: &str) -> bool {
        self.store.read().contains_key(name)
    }
}
