//! The blocks of Inception-v3: branches side by side, whose channels follow one another.

use candle_core::{Result, Tensor};
use stylegan_ops::{Window, avg_pool2d, bias_act, conv2d, line_conv2d, max_pool2d};

use super::{NAME, table};
use crate::{FeatureError, Weights};

/// The epsilon of its batch normalisations.
const EPSILON: f64 = 1e-3;

/// A convolution without bias, batch normalisation in inference, and a ReLU, as one convolution with bias.
#[derive(Debug, Clone)]
pub(super) struct Unit {
    weight: Tensor,
    bias: Tensor,
    stride: usize,
    padding: usize,
}

impl Unit {
    /// Takes `{name}.conv.weight` and `{name}.bn.*`. Lines (1xK and Kx1) keep the map's size, whatever `padding` says.
    pub(super) fn new(
        weights: &Weights,
        name: &str,
        stride: usize,
        padding: usize,
    ) -> std::result::Result<Self, FeatureError> {
        let shape = table::CONVOLUTIONS.iter().find(|(of, _)| *of == name);
        let shape = shape.map_or(&[][..], |(_, shape)| shape);
        let weight = weights.get(NAME, &format!("{name}.conv.weight"), shape)?;
        let vector = |what: &str| weights.get(NAME, &format!("{name}.bn.{what}"), &shape[..1]);
        let deviation = (vector("running_var")? + EPSILON)?.sqrt()?;
        let gain = (vector("weight")? / deviation)?;
        let bias = (vector("bias")? - (vector("running_mean")? * &gain)?)?;
        let weight = weight.broadcast_mul(&gain.reshape(((), 1, 1, 1))?)?;
        Ok(Self { weight, bias, stride, padding })
    }

    pub(super) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let (_, _, height, width) = self.weight.dims4()?;
        let y = if height == width {
            conv2d(x, &self.weight, self.stride, self.padding, 1.0)?
        } else {
            line_conv2d(x, &self.weight)?
        };
        bias_act(&y, &self.bias, 1.0, Some(0.0))
    }
}

/// How a branch without weights of its own begins.
#[derive(Debug, Clone, Copy)]
enum Pooling {
    Mean,
    Largest,
    /// Halves the map.
    Halving,
}

impl Pooling {
    fn forward(self, x: &Tensor) -> Result<Tensor> {
        match self {
            Self::Mean => avg_pool2d(x, Window::new(3, 1).padded(1)),
            Self::Largest => max_pool2d(x, Window::new(3, 1).padded(1)),
            Self::Halving => max_pool2d(x, Window::new(3, 2)),
        }
    }
}

/// Units one after another; where `fork` is there, its two take what comes out side by side.
#[derive(Debug, Clone)]
struct Branch {
    pooling: Option<Pooling>,
    units: Vec<Unit>,
    fork: Option<[Unit; 2]>,
}

impl Branch {
    fn forward(&self, x: &Tensor) -> Result<Vec<Tensor>> {
        let mut x = match self.pooling {
            Some(pooling) => pooling.forward(x)?,
            None => x.clone(),
        };
        for unit in &self.units {
            x = unit.forward(&x)?;
        }
        match &self.fork {
            Some(fork) => fork.iter().map(|unit| unit.forward(&x)).collect(),
            None => Ok(vec![x]),
        }
    }
}

/// Branches side by side.
#[derive(Debug, Clone)]
pub(super) struct Block {
    branches: Vec<Branch>,
}

impl Block {
    pub(super) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let mut parts = Vec::new();
        for branch in &self.branches {
            parts.extend(branch.forward(x)?);
        }
        Tensor::cat(&parts, 1)
    }
}

/// Makes the blocks of one size.
struct Maker<'a> {
    weights: &'a Weights,
    block: &'a str,
}

impl Maker<'_> {
    fn unit(
        &self,
        name: &str,
        stride: usize,
        padding: usize,
    ) -> std::result::Result<Unit, FeatureError> {
        Unit::new(self.weights, &format!("{}.{name}", self.block), stride, padding)
    }

    /// A branch of units `(name, stride, padding)`.
    fn branch(
        &self,
        pooling: Option<Pooling>,
        units: &[(&str, usize, usize)],
    ) -> std::result::Result<Branch, FeatureError> {
        let units = units.iter().map(|&(name, stride, padding)| self.unit(name, stride, padding));
        Ok(Branch { pooling, units: units.collect::<std::result::Result<_, _>>()?, fork: None })
    }

    fn forked(
        &self,
        units: &[(&str, usize, usize)],
        fork: [&str; 2],
    ) -> std::result::Result<Branch, FeatureError> {
        let fork = [self.unit(fork[0], 1, 0)?, self.unit(fork[1], 1, 0)?];
        Ok(Branch { fork: Some(fork), ..self.branch(None, units)? })
    }

    /// Maps of 35x35.
    fn a(&self) -> std::result::Result<Block, FeatureError> {
        Ok(Block {
            branches: vec![
                self.branch(None, &[("branch1x1", 1, 0)])?,
                self.branch(None, &[("branch5x5_1", 1, 0), ("branch5x5_2", 1, 2)])?,
                self.branch(
                    None,
                    &[("branch3x3dbl_1", 1, 0), ("branch3x3dbl_2", 1, 1), ("branch3x3dbl_3", 1, 1)],
                )?,
                self.branch(Some(Pooling::Mean), &[("branch_pool", 1, 0)])?,
            ],
        })
    }

    /// From 35x35 to 17x17.
    fn b(&self) -> std::result::Result<Block, FeatureError> {
        Ok(Block {
            branches: vec![
                self.branch(None, &[("branch3x3", 2, 0)])?,
                self.branch(
                    None,
                    &[("branch3x3dbl_1", 1, 0), ("branch3x3dbl_2", 1, 1), ("branch3x3dbl_3", 2, 0)],
                )?,
                self.branch(Some(Pooling::Halving), &[])?,
            ],
        })
    }

    /// Maps of 17x17.
    fn c(&self) -> std::result::Result<Block, FeatureError> {
        let deep = ["1", "2", "3", "4", "5"].map(|part| format!("branch7x7dbl_{part}"));
        let deep: Vec<_> = deep.iter().map(|name| (name.as_str(), 1, 0)).collect();
        Ok(Block {
            branches: vec![
                self.branch(None, &[("branch1x1", 1, 0)])?,
                self.branch(
                    None,
                    &[("branch7x7_1", 1, 0), ("branch7x7_2", 1, 0), ("branch7x7_3", 1, 0)],
                )?,
                self.branch(None, &deep)?,
                self.branch(Some(Pooling::Mean), &[("branch_pool", 1, 0)])?,
            ],
        })
    }

    /// From 17x17 to 8x8.
    fn d(&self) -> std::result::Result<Block, FeatureError> {
        Ok(Block {
            branches: vec![
                self.branch(None, &[("branch3x3_1", 1, 0), ("branch3x3_2", 2, 0)])?,
                self.branch(
                    None,
                    &[
                        ("branch7x7x3_1", 1, 0),
                        ("branch7x7x3_2", 1, 0),
                        ("branch7x7x3_3", 1, 0),
                        ("branch7x7x3_4", 2, 0),
                    ],
                )?,
                self.branch(Some(Pooling::Halving), &[])?,
            ],
        })
    }

    /// Maps of 8x8.
    fn e(&self, pooling: Pooling) -> std::result::Result<Block, FeatureError> {
        Ok(Block {
            branches: vec![
                self.branch(None, &[("branch1x1", 1, 0)])?,
                self.forked(&[("branch3x3_1", 1, 0)], ["branch3x3_2a", "branch3x3_2b"])?,
                self.forked(
                    &[("branch3x3dbl_1", 1, 0), ("branch3x3dbl_2", 1, 1)],
                    ["branch3x3dbl_3a", "branch3x3dbl_3b"],
                )?,
                self.branch(Some(pooling), &[("branch_pool", 1, 0)])?,
            ],
        })
    }
}

/// The eleven blocks.
pub(super) fn all(weights: &Weights) -> std::result::Result<Vec<Block>, FeatureError> {
    let make = |block| Maker { weights, block };
    Ok(vec![
        make("Mixed_5b").a()?,
        make("Mixed_5c").a()?,
        make("Mixed_5d").a()?,
        make("Mixed_6a").b()?,
        make("Mixed_6b").c()?,
        make("Mixed_6c").c()?,
        make("Mixed_6d").c()?,
        make("Mixed_6e").c()?,
        make("Mixed_7a").d()?,
        make("Mixed_7b").e(Pooling::Mean)?,
        make("Mixed_7c").e(Pooling::Largest)?,
    ])
}
