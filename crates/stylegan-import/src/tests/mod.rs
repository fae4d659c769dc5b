//! Whole files: golden cases through the importers, names of whole checkpoints, exports.

#![allow(clippy::unwrap_used, reason = "the helpers of tests panic as tests do")]

mod exports;
mod golden;
mod names;
mod official;
mod pickler;
mod stylegan2;
mod torch;
mod trouble;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use candle_core::{DType, Device, Tensor};
use candle_nn::VarBuilder;
use stylegan::{Discriminator, Generator};
use stylegan_checkpoint::pickle::{Document, Limits};
use stylegan_testkit::golden::Case;
use stylegan_testkit::relative_error;

use crate::export::{Foreign, pth_bytes};
use crate::{Contents, Converted, Model, Role};

fn golden(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../tests/golden").join(name)
}

fn case(name: &str) -> Case {
    Case::open(&golden(&format!("{name}.json"))).unwrap()
}

fn convert(document: &Document, role: Role) -> Converted {
    let contents = Contents::of(document).unwrap();
    contents.convert(contents.network(role).unwrap()).unwrap()
}

/// Tensors as a PyTorch file, read back.
fn as_pth(networks: &[(&str, &BTreeMap<String, Tensor>)]) -> Document {
    let foreign: Vec<(&str, BTreeMap<String, Foreign>)> = networks
        .iter()
        .map(|(name, tensors)| {
            let foreign = |tensor: &Tensor| Foreign {
                shape: tensor.dims().to_vec(),
                values: tensor.flatten_all().unwrap().to_vec1().unwrap(),
            };
            (*name, tensors.iter().map(|(n, t)| (n.clone(), foreign(t))).collect())
        })
        .collect();
    let named: Vec<_> = foreign.iter().map(|(name, tensors)| (*name, tensors)).collect();
    let bytes = pth_bytes(&named).unwrap();
    Document::from_bytes(Path::new("made.pth"), bytes, &Limits::default()).unwrap()
}

fn builder(converted: &Converted) -> VarBuilder<'static> {
    let tensors = converted.tensors.clone().into_iter().collect();
    VarBuilder::from_tensors(tensors, DType::F32, &Device::Cpu)
}

fn generator(converted: &Converted) -> Generator {
    match &converted.model {
        Model::Generator(config) => Generator::new(config, builder(converted)).unwrap(),
        other => panic!("{}", other.title()),
    }
}

fn discriminator(converted: &Converted) -> Discriminator {
    match &converted.model {
        Model::Discriminator(config) => Discriminator::new(config, builder(converted)).unwrap(),
        other => panic!("{}", other.title()),
    }
}

#[track_caller]
fn close(what: &str, got: &Tensor, expected: &Tensor) {
    let error = relative_error(got, expected);
    assert!(error <= 1e-4, "{what}: relative error {error:.2e}");
}
