//! The residual network that encoders and identity networks share.

use candle_core::{Result, Tensor};
use candle_nn::VarBuilder;

use crate::config::BackboneConfig;
use crate::layers::{Conv, Prelu};
use crate::norm::{BatchNorm, Mode};
use crate::unit::Unit;

/// An input layer of full size, then four groups of residual units, the first unit of each of which halves height and width.
///
/// Parameters: `input_layer.{0,1,2}.*`, `body.{i}.*` over the units of all groups.
#[derive(Debug, Clone)]
pub struct Backbone {
    conv: Conv,
    norm: BatchNorm,
    act: Prelu,
    groups: [Vec<Unit>; 4],
}

impl Backbone {
    /// A network for images of `channels` channels.
    pub fn new(config: &BackboneConfig, channels: usize, vb: VarBuilder) -> Result<Self> {
        let base = config.base_width;
        let input = vb.pp("input_layer");
        let (mut index, mut inputs) = (0, base);
        let mut groups = [const { Vec::new() }; 4];
        for (group, units) in config.depth.units().into_iter().enumerate() {
            let outputs = config.channels(group);
            for unit in 0..units {
                let stride = if unit == 0 { 2 } else { 1 };
                let vb = vb.pp("body").pp(index);
                let unit = Unit::new(inputs, outputs, stride, config.squeeze_excitation, vb)?;
                groups[group].push(unit);
                (index, inputs) = (index + 1, outputs);
            }
        }
        Ok(Self {
            conv: Conv::new((channels, base, 3, 1), input.pp(0))?,
            norm: BatchNorm::new(base, input.pp(1))?,
            act: Prelu::new(base, input.pp(2))?,
            groups,
        })
    }

    /// Images `[N, channels, S, S]` to what the last three groups give: `[N, 2b, S/4, S/4]`, `[N, 4b, S/8, S/8]` and
    /// `[N, 8b, S/16, S/16]`, with b the base width.
    pub fn forward(&self, images: &Tensor, mode: Mode) -> Result<[Tensor; 3]> {
        let x = self.act.forward(&self.norm.forward(&self.conv.forward(images, mode)?, mode)?)?;
        let group = |x: &Tensor, index: usize| {
            self.groups[index].iter().try_fold(x.clone(), |x, unit| unit.forward(&x, mode))
        };
        let fine = group(&group(&x, 0)?, 1)?;
        let middle = group(&fine, 2)?;
        let coarse = group(&middle, 3)?;
        Ok([fine, middle, coarse])
    }
}
