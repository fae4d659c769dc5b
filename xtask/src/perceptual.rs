//! The distance of images that training and searches descend: LPIPS on published weights, or what stands in for it.

use std::fmt;
use std::str::FromStr;

use candle_core::{DType, Device, Tensor};
use stylegan_features::Backbone;
use stylegan_trainer::psp::Judge;

use crate::failure::{Failure, OrFail};
use crate::weights::WeightsArgs;

/// What the stand-in is called where a network's name may stand.
const RANDOM: &str = "random-";

/// What was typed about a distance.
#[derive(clap::Args, Clone, Debug, Default)]
pub struct PerceptualArgs {
    /// The network under LPIPS: alexnet, vgg16 or squeezenet
    #[arg(long, value_name = "NETWORK", value_parser = network)]
    pub lpips: Option<Backbone>,
    /// Its weights.
    #[command(flatten)]
    pub weights: WeightsArgs,
}

/// Which distance, as configurations keep it: `alexnet`, or `random-7`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Choice {
    /// LPIPS on this network.
    Lpips(Backbone),
    /// Random features of this seed.
    Random(u64),
}

/// Whether channels of a network count as LPIPS has learned it, or all alike.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Channels {
    /// As learned.
    Learned,
    /// All alike.
    Alike,
}

impl PerceptualArgs {
    /// What was typed; `network` if nothing was.
    pub fn choice(&self, network: Backbone) -> Choice {
        match self.weights.random_features {
            Some(seed) => Choice::Random(seed),
            None => Choice::Lpips(self.lpips.unwrap_or(network)),
        }
    }
}

impl Choice {
    /// The distance of images of `channels` channels.
    ///
    /// # Errors
    ///
    /// When the weights are not at hand, with the hint how to get them, or their file is damaged.
    pub fn open(
        self,
        weights: &WeightsArgs,
        channels: usize,
        counted: Channels,
    ) -> Result<Judge, Failure> {
        let backbone = match self {
            Self::Random(seed) => return Ok(Judge::random_features(channels, seed, &Device::Cpu)?),
            Self::Lpips(backbone) => backbone,
        };
        let (lpips, id) = weights.lpips(backbone)?;
        let (name, lpips) = match counted {
            Channels::Learned => (id.name, lpips),
            Channels::Alike => {
                (format!("features {}", backbone.name()), lpips.unweighted().or_user()?)
            }
        };
        let distance = move |a: &Tensor, b: &Tensor| -> candle_core::Result<Tensor> {
            lpips.distance(&rgb(a)?, &rgb(b)?).map_err(candle_core::Error::wrap)
        };
        Ok(Judge { name, stand_in: false, distance: Box::new(distance) })
    }
}

/// Fails where a distance cannot compare images of a shape `[C, H, W]`.
///
/// # Errors
///
/// When the network does not take images so small.
pub fn check(
    judge: &Judge,
    (channels, height, width): (usize, usize, usize),
) -> Result<(), Failure> {
    let image = Tensor::zeros((1, channels, height, width), DType::F32, &Device::Cpu)?;
    judge
        .distance
        .distance(&image, &image)
        .or_user_with(|| format!("{} cannot compare images of {height}x{width}", judge.name))
        .map_err(|failure| {
            failure.hint(
                "--random-features SEED compares images of any size; --help names other distances",
            )
        })?;
    Ok(())
}

/// Images as the networks take them: grey ones three times, others without alpha.
fn rgb(images: &Tensor) -> candle_core::Result<Tensor> {
    match images.dim(1)? {
        1 => images.repeat((1, 3, 1, 1)),
        3 => Ok(images.clone()),
        _ => images.narrow(1, 0, 3)?.contiguous(),
    }
}

fn network(typed: &str) -> Result<Backbone, String> {
    Backbone::ALL.into_iter().find(|known| known.name() == typed).ok_or_else(|| {
        let names = Backbone::ALL.map(Backbone::name).join(", ");
        format!("there is no network `{typed}`: the networks are {names}")
    })
}

impl fmt::Display for Choice {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Lpips(backbone) => f.write_str(backbone.name()),
            Self::Random(seed) => write!(f, "{RANDOM}{seed}"),
        }
    }
}

impl FromStr for Choice {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.strip_prefix(RANDOM).map(str::parse) {
            Some(Ok(seed)) => Ok(Self::Random(seed)),
            _ => network(text).map(Self::Lpips),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn choices_read_back_and_slips_are_named() {
        for choice in [Choice::Lpips(Backbone::Vgg16), Choice::Random(7)] {
            assert_eq!(choice.to_string().parse(), Ok(choice));
        }
        let error = "vgg19".parse::<Choice>().unwrap_err();
        assert!(error.contains("vgg19") && error.contains("alexnet"), "{error}");
    }

    #[test]
    fn networks_compare_images_of_any_channels_but_none_too_small() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("squeezenet.safetensors");
        let weights =
            stylegan_features::Weights::random(&Backbone::SqueezeNet.shapes(), 1).unwrap();
        let named = weights.tensors.iter().map(|(name, tensor)| (name.as_str(), tensor));
        stylegan_checkpoint::save(&path, named, &Default::default()).unwrap();
        let files = vec![("squeezenet".to_owned(), path)];
        let weights = WeightsArgs { files, ..WeightsArgs::default() };
        for channels in [1, 3, 4] {
            let choice = Choice::Lpips(Backbone::SqueezeNet);
            let judge = choice.open(&weights, channels, Channels::Learned).unwrap();
            assert_eq!((judge.name.as_str(), judge.stand_in), ("lpips squeezenet", false));
            check(&judge, (channels, 32, 32)).unwrap();
            let failure = check(&judge, (channels, 4, 4)).unwrap_err();
            assert!(failure.to_string().contains("images of 4x4"), "{failure}");
        }
        let random = Choice::Random(3).open(&weights, 3, Channels::Alike).unwrap();
        assert!(random.stand_in && random.name.contains("seed 3"), "{}", random.name);
    }
}
