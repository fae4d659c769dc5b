//! The last block of a discriminator: from the smallest map to its outputs.

use candle_core::{Error, Result, Tensor};
use candle_nn::VarBuilder;
use stylegan_layers::{Bias, Clamp, Equalized, EqualizedLinear, LEAKY_SLOPE, Pullback};
use stylegan_ops as ops;

use crate::DiscriminatorConfig;
use crate::layer::ConvLayer;

/// Minibatch standard deviation, `conv`, `dense0`, `dense1` (Karras et al. 2018, table 2).
#[derive(Debug, Clone)]
pub(crate) struct Head {
    mbstd: Option<(usize, usize)>,
    conv: ConvLayer,
    dense0: EqualizedLinear,
    dense1: EqualizedLinear,
}

impl Head {
    /// A head from `maps` feature maps to `hidden` numbers and `outputs` of them, whose biases are multiplied with the activation's
    /// `gain`.
    pub(crate) fn new(
        config: &DiscriminatorConfig,
        (maps, hidden, outputs): (usize, usize, usize),
        gain: f64,
        vb: VarBuilder,
    ) -> Result<Self> {
        let (h, w) = config.pyramid().map_err(Error::wrap)?.size(0);
        let mbstd = (config.mbstd_group_size > 1)
            .then_some((config.mbstd_group_size, config.mbstd_features));
        let extra = mbstd.map_or(0, |(_, features)| features);
        Ok(Self {
            mbstd,
            conv: ConvLayer::new((maps + extra, maps), 3, gain, vb.pp("conv"))?,
            dense0: EqualizedLinear::with_bias(
                maps * h * w,
                hidden,
                Equalized::ACTIVATED,
                Some(LEAKY_SLOPE),
                Bias { gain, ..Bias::default() },
                vb.pp("dense0"),
            )?,
            dense1: EqualizedLinear::new(hidden, outputs, Equalized::PLAIN, None, vb.pp("dense1"))?,
        })
    }

    pub(crate) fn set_clamp(&mut self, clamp: Clamp) {
        self.conv.set_clamp(clamp);
    }

    /// `[N, C, h, w]` to `[N, outputs]`.
    pub(crate) fn forward(&self, x: &Tensor) -> Result<Tensor> {
        let x = match self.mbstd {
            Some((group, features)) => ops::minibatch_stddev(x, group, features)?,
            None => x.clone(),
        };
        let x = self.conv.forward(&x)?.flatten_from(1)?;
        self.dense1.forward(&self.dense0.forward(&x)?)
    }

    /// The outputs and the pullback to the map.
    pub(crate) fn forward_with_vjp(&self, x: &Tensor) -> Result<(Tensor, Pullback)> {
        let (y, mbstd) = match self.mbstd {
            Some((group, features)) => {
                let y = ops::minibatch_stddev(x, group, features)?;
                // Unlike a mask, the standard deviation's gradient depends on x itself.
                let x = x.clone();
                (y, Pullback::new(move |g| ops::minibatch_stddev_vjp(&x, g, group, features)))
            }
            None => (x.clone(), Pullback::new(|g| Ok(g.clone()))),
        };
        let (y, conv) = self.conv.forward_with_vjp(&y)?;
        let dims = y.dims().to_vec();
        let flatten = Pullback::new(move |g| g.reshape(dims.as_slice()));
        let (y, dense0) = self.dense0.forward_with_vjp(&y.flatten_from(1)?)?;
        let (y, dense1) = self.dense1.forward_with_vjp(&y)?;
        Ok((y, mbstd.then(conv).then(flatten).then(dense0).then(dense1)))
    }
}
