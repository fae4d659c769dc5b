//! What a converted network is here: its configuration, its tensors, its metadata.

use std::collections::BTreeMap;

use stylegan::{Discriminator, DiscriminatorConfig, Generator, GeneratorConfig, Shapes, shapes_of};

use crate::features::FeatureNetwork;

/// A network's kind and configuration.
#[derive(Debug, Clone, PartialEq)]
#[non_exhaustive]
pub enum Model {
    /// A generator of Progressive GAN, StyleGAN or StyleGAN2.
    Generator(GeneratorConfig),
    /// Their discriminator.
    Discriminator(DiscriminatorConfig),
    /// A network that looks at images: an encoder, a classifier, features of a metric.
    Features(FeatureNetwork),
}

impl Model {
    /// The names and shapes of its tensors.
    ///
    /// # Errors
    /// If the configuration is not one that a network can have.
    pub fn shapes(&self) -> candle_core::Result<Shapes> {
        match self {
            Self::Generator(config) => shapes_of(|vb| Generator::new(config, vb)),
            Self::Discriminator(config) => shapes_of(|vb| Discriminator::new(config, vb)),
            Self::Features(network) => Ok(network.shapes()),
        }
    }

    /// How many blocks it has, from 4x4 to full resolution; 0 where it is not of such blocks.
    pub(crate) fn blocks(&self) -> usize {
        let blocks = |resolution: usize| (resolution.max(4).ilog2() - 1) as usize;
        match self {
            Self::Generator(config) => blocks(config.synthesis.resolution),
            Self::Discriminator(config) => blocks(config.resolution),
            Self::Features(_) => 0,
        }
    }

    /// What it is, for people.
    pub fn title(&self) -> String {
        match self {
            Self::Generator(config) => {
                let resolution = config.synthesis.resolution;
                if let Some(architecture) = config.synthesis.stylegan2 {
                    return format!(
                        "StyleGAN2 generator, {resolution}x{resolution}, {architecture:?}"
                    );
                }
                let kind = if config.mapping.layers == 0 { "traditional" } else { "style-based" };
                format!("{kind} generator, {resolution}x{resolution}")
            }
            Self::Discriminator(config) => {
                let family = if config.stylegan2.is_some() { "StyleGAN2 " } else { "" };
                format!("{family}discriminator, {0}x{0}", config.resolution)
            }
            Self::Features(network) => network.title(),
        }
    }

    /// The metadata from which a file is known to hold it.
    ///
    /// # Errors
    /// If the configuration holds a number that JSON cannot.
    pub fn metadata(&self) -> Result<BTreeMap<String, String>, serde_json::Error> {
        let (key, text) = match self {
            Self::Generator(config) => return stylegan::generator_metadata(config),
            Self::Discriminator(config) => {
                ("stylegan.discriminator", serde_json::to_string(config)?)
            }
            Self::Features(network) => ("features.network", serde_json::to_string(network)?),
        };
        Ok(BTreeMap::from([(key.to_owned(), text)]))
    }

    /// The model that a file's metadata describe, if they describe one.
    pub fn of_metadata(metadata: &BTreeMap<String, String>) -> Option<Self> {
        let parse = |key: &str| metadata.get(key).map(String::as_str);
        if let Some(text) = parse("stylegan.generator") {
            return serde_json::from_str(text).ok().map(Self::Generator);
        }
        if let Some(text) = parse("stylegan.discriminator") {
            return serde_json::from_str(text).ok().map(Self::Discriminator);
        }
        let text = parse("features.network")?;
        serde_json::from_str(text).ok().map(Self::Features)
    }
}
