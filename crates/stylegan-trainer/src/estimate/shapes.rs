//! The shapes of both networks' layers, and what follows from them.

use stylegan::{DiscriminatorConfig, GeneratorConfig, LabelHead, Precision, Structure};

use super::Work;

/// The networks' configurations, which determine every shape.
#[derive(Debug, Clone)]
pub(super) struct Shapes {
    pub(super) generator: GeneratorConfig,
    pub(super) discriminator: DiscriminatorConfig,
    pub(super) precision: Precision,
}

/// Between two convolutions, a value is written once and read twice.
const PASSES: f64 = 3.0;

impl Shapes {
    pub(super) fn new(
        generator: &GeneratorConfig,
        discriminator: &DiscriminatorConfig,
        precision: Precision,
    ) -> Self {
        let (generator, discriminator) = (generator.clone(), discriminator.clone());
        Self { generator, discriminator, precision }
    }

    pub(super) fn blocks(&self) -> usize {
        self.generator.synthesis.resolution.ilog2() as usize - 1
    }

    pub(super) fn maps(&self, block: usize) -> usize {
        self.generator.synthesis.feature_maps().of_block(block)
    }

    pub(super) fn pixels(&self, block: usize) -> usize {
        let [h, w] = self.generator.synthesis.base;
        (h << block) * (w << block)
    }

    /// Bytes of a value in a block's maps.
    fn bytes(&self, block: usize) -> usize {
        if self.precision.is_half(block, self.blocks()) { 2 } else { 4 }
    }

    /// Trained scalars of generator and discriminator.
    pub(super) fn parameters(&self) -> (usize, usize) {
        (self.mapping_parameters() + self.synthesis_parameters(), self.discriminator_parameters())
    }

    fn mapping_parameters(&self) -> usize {
        let m = &self.generator.mapping;
        let mut inputs = m.input_dim();
        let mut sum = match m.stylegan2 {
            false => m.label_dim * m.z_dim,
            true if m.label_dim > 0 => (m.label_dim + 1) * m.w_dim,
            true => 0,
        };
        for layer in 0..m.layers {
            let outputs = if layer + 1 == m.layers { m.w_dim } else { m.hidden_dim };
            sum += (inputs + 1) * outputs;
            inputs = outputs;
        }
        sum
    }

    fn synthesis_parameters(&self) -> usize {
        let s = &self.generator.synthesis;
        if let Some(architecture) = s.stylegan2 {
            return self.stylegan2_synthesis_parameters(architecture);
        }
        let input = self.maps(0) * self.pixels(0);
        let mut sum = if s.const_input { input } else { input * s.w_dim };
        for block in 0..self.blocks() {
            let maps = self.maps(block);
            let mut epilogue = maps;
            epilogue += if s.use_noise { maps } else { 0 };
            epilogue += if s.use_styles { (s.w_dim + 1) * 2 * maps } else { 0 };
            let up = if block == 0 { 0 } else { 9 * self.maps(block - 1) * maps };
            sum += up + 9 * maps * maps + 2 * epilogue;
            if s.structure == Structure::Growing || block + 1 == self.blocks() {
                sum += (maps + 1) * s.channels;
            }
        }
        sum
    }

    fn discriminator_parameters(&self) -> usize {
        let d = &self.discriminator;
        if let Some(architecture) = d.stylegan2 {
            return self.stylegan2_discriminator_parameters(architecture);
        }
        let outputs = match d.label_head {
            LabelHead::Switch => d.label_dim.max(1),
            LabelHead::AcGan => 1 + d.label_dim,
            LabelHead::Projection if d.label_dim == 0 => 1,
            LabelHead::Projection => 1 + self.hidden(),
        };
        let (first, hidden) = (self.maps(0), self.hidden());
        let mut sum = (9 * (first + self.extra()) + 1) * first;
        sum += (first * self.pixels(0) + 1) * hidden + (hidden + 1) * outputs;
        if d.label_head == LabelHead::Projection && d.label_dim > 0 {
            sum += (d.label_dim + 1) * hidden;
        }
        for block in 0..self.blocks() {
            let maps = self.maps(block);
            if d.structure == Structure::Growing || block + 1 == self.blocks() {
                sum += (d.channels + 1) * maps;
            }
            if block > 0 {
                sum += (9 * maps + 1) * maps + (9 * maps + 1) * self.maps(block - 1);
            }
        }
        sum
    }

    fn hidden(&self) -> usize {
        self.discriminator.feature_maps().of_stage(0)
    }

    pub(super) fn extra(&self) -> usize {
        let d = &self.discriminator;
        if d.mbstd_group_size > 1 { d.mbstd_features } else { 0 }
    }

    /// The work of one image's pass forwards through each network, with `level` the newest block.
    pub(super) fn forward(&self, level: usize) -> (Work, Work) {
        let conv = |inputs: usize, outputs: usize, pixels: usize| {
            2.0 * 9.0 * (inputs * outputs * pixels) as f64
        };
        // What is not convolution is little: its parameters are passed once an image.
        let mut generator = 2.0 * self.mapping_parameters() as f64;
        let mut discriminator = 2.0 * (self.maps(0) * self.pixels(0) * self.hidden()) as f64
            + conv(self.maps(0) + self.extra(), self.maps(0), self.pixels(0));
        for block in 0..=level {
            let (maps, pixels) = (self.maps(block), self.pixels(block));
            generator += conv(maps, maps, pixels);
            if block > 0 {
                let below = self.maps(block - 1);
                generator += conv(below, maps, pixels);
                discriminator += conv(maps, maps, pixels) + conv(maps, below, pixels);
            }
        }
        let (generator_bytes, discriminator_bytes) = self.activations(level);
        let work =
            |operations: f64, bytes: usize| Work { operations, bytes: bytes as f64 * PASSES };
        (work(generator, generator_bytes), work(discriminator, discriminator_bytes))
    }

    /// Bytes kept for the pass backwards of one image in each network, with `level` the newest block.
    pub(super) fn activations(&self, level: usize) -> (usize, usize) {
        let s = &self.generator.synthesis;
        let epilogue = 1 + usize::from(s.pixel_norm) + usize::from(s.instance_norm || s.use_styles);
        let channels = s.channels;
        let (mut generator, mut discriminator) = (0, 0);
        for block in 0..=level {
            // The bytes of one map.
            let (maps, map) = (self.maps(block), self.pixels(block) * self.bytes(block));
            // A convolution and the epilogue, twice; upscaling and blur before the first.
            generator += 2 * (1 + epilogue) * maps * map;
            // fromRGB or the block before; a convolution and its activation.
            discriminator += 3 * maps * map;
            if block > 0 {
                let below = self.maps(block - 1);
                generator += below * map + usize::from(s.blur) * maps * map;
                // The blur, the second convolution before it is halved, and its activation.
                discriminator += usize::from(self.discriminator.blur) * maps * map;
                discriminator += below * map + below * map / 4;
            }
        }
        (generator + 4 * 2 * channels * self.pixels(level), discriminator)
    }
}
