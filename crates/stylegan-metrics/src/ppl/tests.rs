//! Closed forms, caches, and what is refused.

use std::collections::BTreeMap;

use candle_core::{Device, Result, Tensor};
use stylegan_ops::random::Stream;

use super::*;
use crate::{BlockCache, MetricError, NoCache, Silent};

/// `z` as it is, and images `[N, 1, 8, 8]` whose first pixels are the components of `w` times a gain.
#[derive(Default)]
struct Linear {
    gain: f64,
    dim: usize,
    labelled: bool,
}

impl PathGenerator for Linear {
    fn identity(&self) -> String {
        format!("linear {}", self.gain)
    }

    fn z_dim(&self) -> usize {
        self.dim
    }

    fn labels(&self, n: usize, _: Stream) -> Result<Option<Tensor>> {
        let labels = || Tensor::zeros((n, 2), candle_core::DType::F32, &Device::Cpu);
        self.labelled.then(labels).transpose()
    }

    fn map(&self, z: &Tensor, _: Option<&Tensor>) -> Result<Tensor> {
        Ok(z.clone())
    }

    fn images(&self, w: &Tensor, _: u64, _: u64) -> Result<Tensor> {
        let (n, dim) = w.dims2()?;
        let rest = Tensor::zeros((n, 64 - dim), w.dtype(), &Device::Cpu)?;
        Tensor::cat(&[&w.affine(self.gain, 0.0)?, &rest], 1)?.reshape((n, 1, 8, 8))
    }
}

/// The squared distance, in float64.
fn squared(a: &Tensor, b: &Tensor) -> std::result::Result<Tensor, MetricError> {
    let (a, b) = (a.to_dtype(candle_core::DType::F64)?, b.to_dtype(candle_core::DType::F64)?);
    Ok((a - b)?.sqr()?.flatten_from(1)?.sum(1)?)
}

/// A cache in memory that counts what is put into it.
#[derive(Default)]
struct Memory {
    blocks: BTreeMap<u64, Vec<f32>>,
    puts: usize,
}

impl BlockCache for Memory {
    fn get(&mut self, block: u64) -> Option<Vec<f32>> {
        self.blocks.get(&block).cloned()
    }

    fn put(&mut self, block: u64, values: &[f32]) -> std::result::Result<(), MetricError> {
        self.puts += 1;
        self.blocks.insert(block, values.to_vec());
        Ok(())
    }
}

fn settings(space: Space, sampling: Sampling, pairs: usize) -> PplSettings {
    let protocol = Protocol::Stylegan2;
    PplSettings { pairs, epsilon: 1e-2, seed: 3, ..PplSettings::new(protocol, space, sampling) }
}

fn measure(generator: &Linear, settings: &PplSettings) -> f64 {
    path_length(generator, &mut squared, settings, &mut NoCache, &Silent).unwrap().value
}

#[test]
fn a_constant_generator_has_no_path() {
    let generator = Linear { gain: 0.0, dim: 16, ..Linear::default() };
    for space in [Space::Z, Space::W] {
        for sampling in [Sampling::Full, Sampling::End] {
            assert_eq!(measure(&generator, &settings(space, sampling, 50)), 0.0);
        }
    }
}

#[test]
fn a_linear_generator_has_the_length_of_its_derivative() {
    // In w, a point moves by epsilon (b - a): the squared distance over epsilon^2 is gain^2 |b - a|^2, of mean
    // gain^2 2 dim; the filter takes from both ends of a distribution that is about even.
    let generator = Linear { gain: 3.0, dim: 32, ..Linear::default() };
    for sampling in [Sampling::Full, Sampling::End] {
        let value = measure(&generator, &settings(Space::W, sampling, 4000));
        assert!((value / (9.0 * 64.0) - 1.0).abs() < 0.02, "{sampling}: {value}");
    }
    // In z, a point moves by epsilon times the angle on a sphere of radius 1: near pi / 2, with a variance of 1 / dim.
    let value = measure(&generator, &settings(Space::Z, Sampling::Full, 4000));
    let expected = 9.0 * (std::f64::consts::FRAC_PI_2.powi(2) + 1.0 / 32.0);
    assert!((value / expected - 1.0).abs() < 0.01, "{value} {expected}");
    // Beside a label, latents keep the length that they are drawn with: a sphere of radius sqrt(dim).
    let labelled = Linear { labelled: true, ..generator };
    let value = measure(&labelled, &settings(Space::Z, Sampling::Full, 4000));
    assert!((value / (32.0 * expected) - 1.0).abs() < 0.01, "{value} {expected}");
}

#[test]
fn a_measurement_continues_from_its_cache() {
    let (generator, settings) = (
        Linear { gain: 1.0, dim: 8, ..Linear::default() },
        settings(Space::W, Sampling::Full, 100),
    );
    let mut cache = Memory::default();
    let whole = path_length(&generator, &mut squared, &settings, &mut cache, &Silent).unwrap();
    assert_eq!(cache.puts, 7);
    cache.blocks.remove(&3);
    let mut asked = 0;
    let mut counting = |a: &Tensor, b: &Tensor| {
        asked += 1;
        squared(a, b)
    };
    let again = path_length(&generator, &mut counting, &settings, &mut cache, &Silent).unwrap();
    assert_eq!(asked, 1, "only what is missing is measured");
    assert_eq!(again, whole);
}

#[test]
fn fewer_pairs_are_the_first_of_more() {
    let generator = Linear { gain: 1.0, dim: 8, ..Linear::default() };
    let mut caches = [Memory::default(), Memory::default()];
    for (cache, pairs) in caches.iter_mut().zip([20, 40]) {
        let settings = settings(Space::Z, Sampling::Full, pairs);
        path_length(&generator, &mut squared, &settings, cache, &Silent).unwrap();
    }
    let [few, many] = caches;
    assert_eq!(few.blocks[&0], many.blocks[&0]);
    assert_eq!(few.blocks[&1], many.blocks[&1][..4]);
}

#[test]
fn what_is_not_finite_is_named() {
    let generator = Linear { gain: 1.0, dim: 8, ..Linear::default() };
    let mut broken = |a: &Tensor, _: &Tensor| {
        let mut values = vec![0f32; a.dim(0)?];
        values[2] = f32::NAN;
        let n = values.len();
        Ok(Tensor::from_vec(values, n, &Device::Cpu)?)
    };
    let settings = settings(Space::W, Sampling::End, 40);
    let error = path_length(&generator, &mut broken, &settings, &mut NoCache, &Silent);
    assert!(error.unwrap_err().to_string().contains("path 2 of linear 1"));
    let none = PplSettings { pairs: 0, ..settings };
    assert!(path_length(&generator, &mut squared, &none, &mut NoCache, &Silent).is_err());
}

#[test]
fn protocols_are_read_as_they_are_written() {
    for protocol in Protocol::ALL {
        assert_eq!(protocol.to_string().parse(), Ok(protocol));
    }
    let error = "stylegan3".parse::<Protocol>().unwrap_err().to_string();
    assert!(error.contains("stylegan3") && error.contains("ada"), "{error}");
    assert_eq!((Protocol::Stylegan1.pairs(), Protocol::Ada.pairs()), (100_000, 50_000));
    assert!(Protocol::Stylegan1.crop() && !Protocol::Ada.crop());
}
