//! Golden cases: numbers of independent implementations.
//!
//! A case is a pair `NAME.json` and `NAME.safetensors`. The first holds the kind of network or
//! computation, its configuration, and the names, shapes and moments of its synthetic inputs and parameters; the second
//! holds the outputs. A case without outputs (a table, say) is the first file alone.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};

use candle_core::{Device, Tensor};
use serde::Deserialize;
use serde_json::Value;

use crate::synthetic::synthetic;

/// The environment variable that names another folder of cases.
pub const GOLDEN_DIR: &str = "STYLEGAN_GOLDEN_DIR";

/// What can be wrong with a folder of cases.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum GoldenError {
    /// A file or folder cannot be read.
    #[error("{path}: {source}")]
    Io {
        /// The file or folder.
        path: PathBuf,
        /// Why it cannot be read.
        source: std::io::Error,
    },
    /// The description is not the JSON that a case is made of.
    #[error("{path}: not a golden case: {source}")]
    Json {
        /// The description.
        path: PathBuf,
        /// What is wrong with it.
        source: serde_json::Error,
    },
    /// The outputs cannot be read.
    #[error("{path}: {source}")]
    Outputs {
        /// The file of outputs.
        path: PathBuf,
        /// Why it cannot be read.
        source: candle_core::Error,
    },
    /// The outputs are not those that the description lists.
    #[error("{path}: {message}")]
    Mismatch {
        /// The file of outputs.
        path: PathBuf,
        /// What differs.
        message: String,
    },
    /// A folder holds no case at all.
    #[error("{0}: no golden case (*.json) in this folder")]
    Empty(PathBuf),
    /// A case has no tensor of that name.
    #[error("case {case}: no {role} named {name}")]
    Missing {
        /// The case.
        case: String,
        /// Input, parameter or output.
        role: &'static str,
        /// The name that was asked for.
        name: String,
    },
}

/// A synthetic tensor of a case: its values follow from its name.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct TensorSpec {
    /// The name, which also seeds the values; inputs begin with `input/`.
    pub name: String,
    /// The shape, row-major.
    pub shape: Vec<usize>,
    /// The mean of the distribution.
    pub mean: f64,
    /// The standard deviation of the distribution.
    pub std: f64,
}

impl TensorSpec {
    /// The tensor itself, `f32` on the CPU.
    pub fn tensor(&self) -> Tensor {
        synthetic(&self.name, self.shape.as_slice(), self.mean, self.std)
    }
}

#[derive(Deserialize)]
struct Description {
    kind: String,
    #[serde(default)]
    config: Value,
    #[serde(default)]
    notes: Vec<String>,
    #[serde(default)]
    tensors: Vec<TensorSpec>,
    #[serde(default)]
    outputs: BTreeMap<String, Vec<usize>>,
}

/// One golden case.
#[derive(Debug, Clone)]
pub struct Case {
    /// The file's name without its extension.
    pub name: String,
    /// What was computed, such as `stylegan1.generator`.
    pub kind: String,
    /// The arguments of the reference implementation.
    pub config: Value,
    /// What else is needed to reproduce the numbers.
    pub notes: Vec<String>,
    /// The whole description.
    pub document: Value,
    /// The synthetic tensors, in the order of the description.
    pub tensors: Vec<TensorSpec>,
    /// The expected numbers by name, `f32`.
    pub outputs: BTreeMap<String, Tensor>,
    /// Where all of the case's tensors are: on the CPU, unless it was moved.
    pub device: Device,
}

impl Case {
    /// Reads `NAME.json` and, if it lists outputs, `NAME.safetensors` beside it.
    ///
    /// # Errors
    /// If a file is missing or malformed, or the outputs differ in name or shape from the description.
    pub fn open(path: &Path) -> Result<Self, GoldenError> {
        let text = std::fs::read_to_string(path)
            .map_err(|source| GoldenError::Io { path: path.to_owned(), source })?;
        let json = |source| GoldenError::Json { path: path.to_owned(), source };
        let document: Value = serde_json::from_str(&text).map_err(json)?;
        let Description { kind, config, notes, tensors, outputs } =
            Description::deserialize(&document).map_err(json)?;
        let name = path.file_stem().unwrap_or_default().to_string_lossy().into_owned();
        let outputs = read_outputs(&path.with_extension("safetensors"), &outputs)?;
        Ok(Self { name, kind, config, notes, document, tensors, outputs, device: Device::Cpu })
    }

    /// The same case with its tensors on another device.
    ///
    /// # Panics
    /// If the device has no room.
    #[must_use]
    pub fn on(mut self, device: &Device) -> Self {
        self.device = device.clone();
        let outputs = std::mem::take(&mut self.outputs);
        self.outputs = outputs.into_iter().map(|(name, t)| (name, self.here(t))).collect();
        self
    }

    fn here(&self, tensor: Tensor) -> Tensor {
        let moved = tensor.to_device(&self.device);
        moved.unwrap_or_else(|error| panic!("no room for a golden case's tensor: {error}"))
    }

    /// The names of the inputs, without their prefix `input/`.
    pub fn input_names(&self) -> impl Iterator<Item = &str> {
        self.tensors.iter().filter_map(|spec| spec.name.strip_prefix("input/"))
    }

    /// The input `name` (without its prefix `input/`), `f32`.
    ///
    /// # Errors
    /// If the case has no such input.
    pub fn input(&self, name: &str) -> Result<Tensor, GoldenError> {
        self.tensors
            .iter()
            .find(|spec| spec.name.strip_prefix("input/") == Some(name))
            .map(|spec| self.here(spec.tensor()))
            .ok_or_else(|| self.missing("input", name))
    }

    /// Every parameter and buffer of the network by its name, `f32`; those that the case stores instead of
    /// synthesizing them (`weight/NAME` among the outputs) included.
    pub fn parameters(&self) -> BTreeMap<String, Tensor> {
        let synthetic = self.tensors.iter().filter(|spec| !spec.name.starts_with("input/"));
        let stored = self.outputs.iter().filter_map(|(name, tensor)| {
            name.strip_prefix("weight/").map(|name| (name.to_owned(), tensor.clone()))
        });
        synthetic.map(|spec| (spec.name.clone(), self.here(spec.tensor()))).chain(stored).collect()
    }

    /// The parameter `name`, `f32`.
    ///
    /// # Errors
    /// If the case has no such parameter.
    pub fn parameter(&self, name: &str) -> Result<Tensor, GoldenError> {
        let synthetic = self.tensors.iter().find(|spec| spec.name == name);
        let synthetic = synthetic.map(|spec| self.here(spec.tensor()));
        synthetic
            .or_else(|| self.outputs.get(&format!("weight/{name}")).cloned())
            .ok_or_else(|| self.missing("parameter", name))
    }

    /// The expected output `name`.
    ///
    /// # Errors
    /// If the case has no such output.
    pub fn output(&self, name: &str) -> Result<&Tensor, GoldenError> {
        self.outputs.get(name).ok_or_else(|| self.missing("output", name))
    }

    /// The outputs whose names begin with `prefix`, without it.
    pub fn outputs_with_prefix<'a>(
        &'a self,
        prefix: &'a str,
    ) -> impl Iterator<Item = (&'a str, &'a Tensor)> {
        self.outputs.iter().filter_map(move |(name, t)| name.strip_prefix(prefix).map(|n| (n, t)))
    }

    fn missing(&self, role: &'static str, name: &str) -> GoldenError {
        GoldenError::Missing { case: self.name.clone(), role, name: name.to_owned() }
    }
}

fn read_outputs(
    path: &Path,
    listed: &BTreeMap<String, Vec<usize>>,
) -> Result<BTreeMap<String, Tensor>, GoldenError> {
    if listed.is_empty() && !path.exists() {
        return Ok(BTreeMap::new());
    }
    // Read rather than mapped, so that a missing file is told from a malformed one.
    let bytes =
        std::fs::read(path).map_err(|source| GoldenError::Io { path: path.to_owned(), source })?;
    let stored: HashMap<String, Tensor> =
        candle_core::safetensors::load_buffer(&bytes, &Device::Cpu)
            .map_err(|source| GoldenError::Outputs { path: path.to_owned(), source })?;
    let mismatch = |message| GoldenError::Mismatch { path: path.to_owned(), message };
    if let Some(name) = stored.keys().find(|name| !listed.contains_key(*name)) {
        return Err(mismatch(format!("holds {name}, which the description does not list")));
    }
    for (name, shape) in listed {
        match stored.get(name) {
            None => return Err(mismatch(format!("lacks {name}, which the description lists"))),
            Some(tensor) if tensor.dims() != shape.as_slice() => {
                let got = tensor.dims();
                return Err(mismatch(format!("{name} has shape {got:?}, expected {shape:?}")));
            }
            Some(_) => {}
        }
    }
    Ok(stored.into_iter().collect())
}

/// The folder of golden cases: the environment variable [`GOLDEN_DIR`] if it is set and not empty, else the
/// workspace's own `tests/golden`.
pub fn golden_dir() -> PathBuf {
    match std::env::var_os(GOLDEN_DIR) {
        Some(dir) if !dir.is_empty() => PathBuf::from(dir),
        _ => Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden"),
    }
}

/// Every case in the folder `dir` (its sub-folders are not searched), in the order of their names.
///
/// # Errors
/// If the folder cannot be read or holds no case, or one of its cases is malformed.
pub fn cases_in(dir: &Path) -> Result<Vec<Case>, GoldenError> {
    let io = |source| GoldenError::Io { path: dir.to_owned(), source };
    let mut paths = Vec::new();
    for entry in std::fs::read_dir(dir).map_err(io)? {
        let path = entry.map_err(io)?.path();
        if path.is_file() && path.extension().is_some_and(|extension| extension == "json") {
            paths.push(path);
        }
    }
    if paths.is_empty() {
        return Err(GoldenError::Empty(dir.to_owned()));
    }
    paths.sort();
    paths.iter().map(|path| Case::open(path)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden")
    }

    #[test]
    fn the_workspace_has_cases_of_every_kind_it_builds() {
        let cases = cases_in(&own()).unwrap();
        for kind in [
            "stylegan1.generator",
            "stylegan1.discriminator",
            "stylegan1.training",
            "stylegan2.training",
        ] {
            assert!(cases.iter().any(|case| case.kind == kind), "no case of kind {kind}");
        }
        assert!(cases.windows(2).all(|pair| pair[0].name < pair[1].name));
    }

    #[test]
    fn a_generator_case_gives_inputs_parameters_and_outputs() {
        let case = Case::open(&own().join("sg1_g_r32.json")).unwrap();
        assert_eq!(case.kind, "stylegan1.generator");
        assert_eq!(case.config["resolution"], 32);
        assert!(case.input_names().any(|name| name == "z"));
        assert_eq!(case.input("z").unwrap().dims(), [2, 32]);
        assert_eq!(case.parameter("mapping.dense0.weight").unwrap().dims(), [32, 32]);
        assert!(case.parameters().keys().all(|name| !name.starts_with("input/")));
        assert_eq!(case.output("image.lod=0").unwrap().dims(), [2, 3, 32, 32]);
        assert!(case.outputs_with_prefix("grad.lod=0.3/").count() > 10);
        assert!(matches!(case.output("nothing"), Err(GoldenError::Missing { role: "output", .. })));
    }

    #[test]
    fn a_table_needs_no_outputs() {
        let case = Case::open(&own().join("schedule_official.json")).unwrap();
        assert!(case.outputs.is_empty());
        assert!(case.document["cases"].is_array());
    }

    #[test]
    fn a_missing_folder_is_named() {
        let error = cases_in(Path::new("no/such/folder")).unwrap_err();
        assert!(error.to_string().contains("no/such/folder"), "{error}");
    }
}
