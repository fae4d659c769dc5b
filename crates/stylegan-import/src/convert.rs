//! From a file's network to a native one.

use std::collections::BTreeMap;
use std::path::Path;

use candle_core::{DType, Device, Tensor};
use candle_nn::VarBuilder;
use rayon::prelude::*;
use stylegan::MappingNetwork;
use stylegan_ops::random::Stream;

use crate::table::Row;
use crate::{Contents, ImportError, Model, Network};

/// The stream of random numbers for what a file lacks.
const STREAM: u32 = 0x1397;

/// Latents that an average of w is estimated from.
const LATENTS: usize = 4096;

/// A converted network.
#[derive(Debug, Clone)]
pub struct Converted {
    /// What it is.
    pub model: Model,
    /// Its tensors, by their native names.
    pub tensors: BTreeMap<String, Tensor>,
    /// What a person should know: what the file lacked, and what stands for it.
    pub notes: Vec<String>,
    /// Where it came from, for the metadata.
    pub origin: BTreeMap<String, String>,
}

impl Contents<'_> {
    /// Converts a network: its configuration, then every tensor by the dialect's table. All numbers become single
    /// precision.
    ///
    /// # Errors
    /// [`ImportError::Unsupported`] with the reason, or [`ImportError::Mismatch`] with everything that differs.
    pub fn convert(&self, network: &Network) -> Result<Converted, ImportError> {
        let model = self.model(network)?;
        let rows = self.plan(network, &model)?;
        let shapes = model.shapes()?;
        let converted: Vec<(String, Option<Tensor>)> = rows
            .into_par_iter()
            .map(|row| {
                let shape = shapes.get(&row.native).map_or(&[][..], Vec::as_slice);
                let tensor = tensor_of(network, &row, shape)?;
                Ok((row.native, tensor))
            })
            .collect::<Result<_, ImportError>>()?;
        let mut notes = Vec::new();
        let mut tensors = BTreeMap::new();
        let mut lacking = Vec::new();
        for (name, tensor) in converted {
            match tensor {
                Some(tensor) => drop(tensors.insert(name, tensor)),
                None => lacking.push(name),
            }
        }
        let noise = lacking.iter().filter(|name| name.ends_with("noise.const")).count();
        if noise > 0 {
            notes.push(format!("the file holds no noise maps: {noise} were drawn at random"));
        }
        for name in lacking {
            let shape = shapes.get(&name).map_or(&[][..], Vec::as_slice);
            if name == "w_avg" {
                notes.extend(self.average(&model, &mut tensors)?);
                continue;
            }
            let tensor = match name.ends_with("noise.const") {
                true => noise_map(shape)?,
                false => Tensor::zeros(shape, DType::F32, &Device::Cpu)?,
            };
            tensors.insert(name, tensor);
        }
        let file = self.path().file_name().unwrap_or_default().to_string_lossy().into_owned();
        let origin = [
            ("import.dialect", self.dialect.to_string()),
            ("import.file", file),
            ("import.network", network.role.to_string()),
        ];
        let origin = origin.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
        Ok(Converted { model, tensors, notes, origin })
    }

    /// Checks names and shapes of a network against its configuration; reads no numbers.
    ///
    /// # Errors
    /// As [`Self::convert`].
    pub fn check(&self, network: &Network) -> Result<Model, ImportError> {
        let model = self.model(network)?;
        self.plan(network, &model)?;
        Ok(model)
    }

    fn plan(&self, network: &Network, model: &Model) -> Result<Vec<Row>, ImportError> {
        let table = network.kind.table;
        let planned = table.plan(&model.shapes()?, model.blocks(), &network.shapes());
        planned.map_err(|mismatch| ImportError::Mismatch {
            path: self.path().to_owned(),
            dialect: self.dialect.to_string(),
            network: network.role.to_string(),
            mismatch,
        })
    }

    /// The average of w where a file has none: estimated with its mapping network.
    fn average(
        &self,
        model: &Model,
        tensors: &mut BTreeMap<String, Tensor>,
    ) -> Result<Option<String>, ImportError> {
        let Model::Generator(config) = model else { return Ok(None) };
        let mapping = &config.mapping;
        let w_dim = mapping.w_dim;
        if mapping.label_dim > 0 || mapping.layers == 0 {
            let zeros = Tensor::zeros(w_dim, DType::F32, &Device::Cpu)?;
            tensors.insert("w_avg".to_owned(), zeros);
            let traditional = "the file holds no average of w: truncation is towards zero";
            return Ok((mapping.layers > 0).then(|| traditional.to_owned()));
        }
        let own = tensors.iter().filter_map(|(name, tensor)| {
            let name = name.strip_prefix("mapping.")?;
            Some((name.to_owned(), tensor.clone()))
        });
        let own = own.collect();
        let network =
            MappingNetwork::new(mapping, VarBuilder::from_tensors(own, DType::F32, &Device::Cpu))?;
        let z = Stream::new(0, 0, STREAM).normal((LATENTS, mapping.z_dim), &Device::Cpu)?;
        let average = network.forward(&z, None)?.mean(0)?;
        tensors.insert("w_avg".to_owned(), average);
        Ok(Some(format!("the file holds no average of w: it was estimated from {LATENTS} latents")))
    }
}

impl Converted {
    /// Writes it as a model of this project, atomically.
    ///
    /// # Errors
    /// If the file cannot be written; an existing file is then as it was.
    pub fn save(&self, path: &Path) -> Result<(), ImportError> {
        let metadata = self.model.metadata();
        let mut metadata = metadata.map_err(|error| ImportError::NotAModel {
            path: path.to_owned(),
            reason: error.to_string(),
        })?;
        metadata.extend(self.origin.clone());
        let named = self.tensors.iter().map(|(name, tensor)| (name.as_str(), tensor));
        Ok(stylegan_checkpoint::save(path, named, &metadata)?)
    }
}

/// A native tensor; `None` where the file lacks it.
fn tensor_of(network: &Network, row: &Row, shape: &[usize]) -> Result<Option<Tensor>, ImportError> {
    let Some((name, rule)) = &row.source else { return Ok(None) };
    let Some(source) = network.tensors.get(name) else { return Ok(None) };
    let mut values = rule.layout.to_native(source.to_f32(), shape);
    rule.numbers.convert(&mut values, shape, false);
    Ok(Some(Tensor::from_vec(values, shape, &Device::Cpu)?))
}

/// A noise map for a file that has none. It depends on its size alone: where a dialect uses one map for both layers
/// of a resolution, both get the same.
fn noise_map(shape: &[usize]) -> candle_core::Result<Tensor> {
    let size = shape.iter().product::<usize>();
    Stream::new(0, size as u64, STREAM).normal(shape, &Device::Cpu)
}
