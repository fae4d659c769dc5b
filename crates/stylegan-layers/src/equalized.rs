//! The equalized learning rate.

/// How a weight is initialised and scaled (Karras et al. 2018, section 4.1: equalized learning
/// rate): stored as `N(0, 1 / lr_multiplier)`, multiplied at run time by
/// `gain / sqrt(fan_in) * lr_multiplier`. Biases start at zero and are multiplied by
/// `lr_multiplier`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Equalized {
    /// He's gain: the square root of two before a leaky ReLU, one before nothing.
    pub gain: f64,
    /// Slows the learning of a layer down (0.01 in the mapping network).
    pub lr_multiplier: f64,
}

impl Equalized {
    /// For a layer that is followed by a leaky ReLU: gain `sqrt(2)`.
    pub const ACTIVATED: Self = Self { gain: std::f64::consts::SQRT_2, lr_multiplier: 1.0 };

    /// For a layer without an activation (style, toRGB, the last dense layer): gain 1.
    pub const PLAIN: Self = Self { gain: 1.0, lr_multiplier: 1.0 };

    /// The factor between the stored and the effective weight.
    pub fn scale(&self, fan_in: usize) -> f64 {
        self.gain / (fan_in as f64).sqrt() * self.lr_multiplier
    }

    /// The initial distribution of the stored weight.
    pub fn init(&self) -> candle_nn::Init {
        candle_nn::Init::Randn { mean: 0.0, stdev: 1.0 / self.lr_multiplier }
    }
}
