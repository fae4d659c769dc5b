//! The networks of a run and their parameters.

use candle_core::{DType, Device, Result};
use stylegan::{
    Discriminator, DiscriminatorConfig, Generator, GeneratorConfig, Parameters, Precision,
};

/// A generator, its moving average and a discriminator.
///
/// The frozen networks share the storage of the tracked ones: they follow every update, and what
/// is computed with them costs no gradients of weights.
pub struct Networks {
    /// The generator's parameters.
    pub generator_parameters: Parameters,
    /// The discriminator's parameters.
    pub discriminator_parameters: Parameters,
    /// The moving average of the generator's parameters.
    pub average_parameters: Parameters,
    /// Learns in the generator's step.
    pub generator: Generator,
    /// Makes images for the discriminator's step.
    pub frozen_generator: Generator,
    /// Learns in the discriminator's step.
    pub discriminator: Discriminator,
    /// Judges images in the generator's step.
    pub frozen_discriminator: Discriminator,
    /// The generator that is looked at.
    pub average: Generator,
    precision: Precision,
}

impl Networks {
    /// New networks; the initial weights follow from `seed`.
    pub fn new(
        generator: &GeneratorConfig,
        discriminator: &DiscriminatorConfig,
        seed: u64,
        device: &Device,
    ) -> Result<Self> {
        let generator_parameters = Parameters::new(seed, DType::F32, device);
        Generator::new(generator, generator_parameters.builder())?;
        // Another seed, so that parameters of one name are not alike in both networks.
        let discriminator_parameters = Parameters::new(!seed, DType::F32, device);
        Discriminator::new(discriminator, discriminator_parameters.builder())?;
        Self::from_parameters(
            generator,
            discriminator,
            generator_parameters,
            discriminator_parameters,
        )
    }

    /// Keeps the discriminator's parameters that `frozen` names as they are: they get no gradient, and cost none.
    ///
    /// # Errors
    /// A configuration that is not that of the parameters.
    pub fn freeze_discriminator(
        &mut self,
        discriminator: &DiscriminatorConfig,
        frozen: impl Fn(&str) -> bool + Send + Sync + 'static,
    ) -> Result<()> {
        let builder = self.discriminator_parameters.partly_frozen_builder(frozen);
        let network = Discriminator::new(discriminator, builder)?;
        self.discriminator = network.with_precision(self.precision);
        Ok(())
    }

    /// The same networks, computing in another precision; their parameters stay float32.
    #[must_use]
    pub fn with_precision(self, precision: Precision) -> Self {
        Self {
            generator: self.generator.with_precision(precision),
            frozen_generator: self.frozen_generator.with_precision(precision),
            discriminator: self.discriminator.with_precision(precision),
            frozen_discriminator: self.frozen_discriminator.with_precision(precision),
            average: self.average.with_precision(precision),
            precision,
            ..self
        }
    }

    /// Networks over existing parameters; the average begins as a copy of the generator.
    pub fn from_parameters(
        generator: &GeneratorConfig,
        discriminator: &DiscriminatorConfig,
        generator_parameters: Parameters,
        discriminator_parameters: Parameters,
    ) -> Result<Self> {
        let average_parameters = generator_parameters.duplicate()?;
        let (g, d) = (&generator_parameters, &discriminator_parameters);
        Ok(Self {
            generator: Generator::new(generator, g.builder())?,
            frozen_generator: Generator::new(generator, g.frozen_builder())?,
            discriminator: Discriminator::new(discriminator, d.builder())?,
            frozen_discriminator: Discriminator::new(discriminator, d.frozen_builder())?,
            average: Generator::new(generator, average_parameters.frozen_builder())?,
            generator_parameters,
            discriminator_parameters,
            average_parameters,
            precision: Precision::FLOAT32,
        })
    }
}
