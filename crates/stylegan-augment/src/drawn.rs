//! What was drawn for a batch.

use candle_core::{Result, Tensor};
use stylegan_ops::{AffineWarps, affine_warp, affine_warp_vjp};

use crate::color::ColorMaps;
use crate::diffaugment::Simple;

/// An augmentation with its parameters drawn: an affine function of a batch's images.
#[derive(Debug, Clone)]
pub struct Augmentation {
    steps: Vec<Step>,
}

#[derive(Debug, Clone)]
enum Step {
    Warp(AffineWarps),
    Color(ColorMaps),
    Simple(Simple),
}

impl Augmentation {
    /// That which gives images back as they are, bit for bit.
    pub fn none() -> Self {
        Self { steps: Vec::new() }
    }

    /// Whether it gives images back as they are.
    pub fn is_none(&self) -> bool {
        self.steps.is_empty()
    }

    /// Images `[N, C, H, W]` to augmented ones of the same shape. Differentiable in the images.
    ///
    /// # Errors
    /// For images of another shape than was drawn for.
    pub fn forward(&self, x: &Tensor) -> Result<Tensor> {
        self.steps.iter().try_fold(x.clone(), |x, step| match step {
            Step::Warp(warps) => affine_warp(&x, warps),
            Step::Color(maps) => maps.forward(&x),
            Step::Simple(simple) => simple.forward(&x),
        })
    }

    /// From the gradient `[N, C, H, W]` of augmented images to that of the images, made of tracked operations on the gradient.
    ///
    /// # Errors
    /// As [`Self::forward`].
    pub fn vjp(&self, g: &Tensor) -> Result<Tensor> {
        self.steps.iter().rev().try_fold(g.clone(), |g, step| match step {
            Step::Warp(warps) => affine_warp_vjp(&g, warps),
            Step::Color(maps) => maps.vjp(&g),
            Step::Simple(simple) => simple.vjp(&g),
        })
    }

    pub(crate) fn warp(self, warps: AffineWarps) -> Self {
        if warps.is_identity() { self } else { self.then(Step::Warp(warps)) }
    }

    pub(crate) fn color(self, maps: ColorMaps) -> Self {
        if maps.changes() { self.then(Step::Color(maps)) } else { self }
    }

    pub(crate) fn simple(self, simple: Simple) -> Self {
        self.then(Step::Simple(simple))
    }

    fn then(mut self, step: Step) -> Self {
        self.steps.push(step);
        self
    }
}
