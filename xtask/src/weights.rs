//! Published weights: what there is, where it lies on this machine, and what is missing.

pub mod download;

use std::env;
use std::path::{Path, PathBuf};

use serde::Deserialize;
use stylegan_features::{Backbone, Lpips, Weights};
use stylegan_metrics::{NetworkId, network_id};

use crate::device;
use crate::failure::{Failure, OrFail};

/// The networks that the project knows, as `datasets/weights.toml` has them.
const CATALOGUE: &str = include_str!("../../datasets/weights.toml");

/// The environment variable that names another cache.
pub const CACHE: &str = "STYLEGAN_CACHE";

/// One published file.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Published {
    /// What it is called here.
    pub name: String,
    /// What it is.
    pub title: String,
    /// The metrics that need it.
    pub used_for: String,
    /// Its file's name.
    pub file: String,
    /// Where its authors publish it.
    pub url: String,
    /// The first digits of its SHA-256.
    pub sha256: String,
    /// Its length.
    pub bytes: u64,
    /// The terms it is published under.
    pub licence: String,
}

#[derive(Deserialize)]
struct Catalogue {
    network: Vec<Published>,
}

/// All published networks.
///
/// # Errors
///
/// Never: a test reads the list.
pub fn published() -> Result<Vec<Published>, Failure> {
    toml::from_str::<Catalogue>(CATALOGUE).map(|list| list.network).map_err(Failure::program)
}

/// The published network of a name.
///
/// # Errors
///
/// When there is none of that name.
pub fn find(name: &str) -> Result<Published, Failure> {
    let all = published()?;
    let names: Vec<_> = all.iter().map(|network| network.name.clone()).collect();
    all.into_iter().find(|network| network.name == name).ok_or_else(|| {
        Failure::user(format!("there is no network `{name}`"))
            .hint(format!("the networks are {}", names.join(", ")))
    })
}

/// The folder that all runs share: `$STYLEGAN_CACHE`, or `stylegan` in the system's folder for caches.
///
/// # Errors
///
/// When the system names no such folder.
pub fn cache() -> Result<PathBuf, Failure> {
    let variable =
        |name: &str| env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    let system = || variable("XDG_CACHE_HOME").or_else(|| variable("LOCALAPPDATA"));
    let home = || variable("HOME").map(|home| home.join(".cache"));
    variable(CACHE)
        .or_else(|| system().or_else(home).map(|folder| folder.join("stylegan")))
        .ok_or_else(|| {
            Failure::user("the system names no folder for caches")
                .hint(format!("set {CACHE} to a folder"))
        })
}

impl Published {
    /// Where its file lies once it was fetched.
    pub fn path(&self, cache: &Path) -> PathBuf {
        cache.join("weights").join(&self.file)
    }

    /// Where its safetensors file lies once it was converted.
    pub fn converted(&self, cache: &Path) -> PathBuf {
        cache.join("weights").join(format!("{}.safetensors", self.name))
    }

    /// The file that there is: the converted one, or the published one.
    pub fn at_hand(&self, cache: &Path) -> Option<PathBuf> {
        [self.converted(cache), self.path(cache)].into_iter().find(|path| path.is_file())
    }
}

/// The identity network: a file that `cargo xtask import` made, which nobody publishes in a form that could be fetched.
pub const ARCFACE: &str = "arcface";

/// Where the networks of an evaluation come from: files that are named, or else the cache's.
#[derive(clap::Args, Clone, Debug, Default)]
pub struct WeightsArgs {
    /// Take a network's weights from a file: NAME=FILE, such as vgg16=vgg16.pth. Without, weights are
    /// taken that `cargo xtask weights fetch` got
    #[arg(long = "weights", value_name = "NAME=FILE", value_parser = pair)]
    pub files: Vec<(String, PathBuf)>,
    /// Run the protocol on networks of fixed random weights: the figures are labelled, and compare with
    /// nothing published
    #[arg(long, value_name = "SEED", conflicts_with = "files")]
    pub random_features: Option<u64>,
}

fn pair(typed: &str) -> Result<(String, PathBuf), String> {
    let (name, path) = typed.split_once('=').ok_or("expected NAME=FILE")?;
    if name != ARCFACE {
        find(name).map_err(|failure| failure.to_string())?;
    }
    Ok((name.to_owned(), PathBuf::from(path)))
}

impl WeightsArgs {
    /// The file that was named for a network.
    pub fn named(&self, name: &str) -> Option<&Path> {
        self.files.iter().find(|(of, _)| of == name).map(|(_, path)| path.as_path())
    }

    /// The weights of a network on the chosen device: random ones of `shapes`, a file that was named, or the cache's.
    ///
    /// # Errors
    ///
    /// When there are none, with the hint how to get them; when the file is damaged.
    pub fn load(&self, name: &str, shapes: &stylegan_features::Shapes) -> Result<Weights, Failure> {
        self.read(name, shapes)?.to_device(device::chosen()).or_user()
    }

    fn read(&self, name: &str, shapes: &stylegan_features::Shapes) -> Result<Weights, Failure> {
        if let Some(seed) = self.random_features {
            return Weights::random(shapes, seed).or_user();
        }
        let network = find(name)?;
        let path = match self.named(name) {
            Some(path) => path.to_owned(),
            None => network.at_hand(&cache()?).ok_or_else(|| missing(&network))?,
        };
        Weights::load(&path).or_user_with(|| format!("cannot take {name} from {}", path.display())).map_err(
            |failure| {
                failure.hint(format!(
                    "`cargo xtask weights verify {name}` checks the file; `cargo xtask weights fetch {name}` gets it again"
                ))
            },
        )
    }

    /// LPIPS on a network, and how it is named beside a result.
    ///
    /// # Errors
    ///
    /// As [`Self::load`].
    pub fn lpips(&self, backbone: Backbone) -> Result<(Lpips, NetworkId), Failure> {
        let weights = self.load(backbone.name(), &backbone.shapes())?;
        let id = network_id(&format!("lpips {}", backbone.name()), &weights);
        Ok((Lpips::new(backbone, &weights).or_user()?, id))
    }
}

fn missing(network: &Published) -> Failure {
    let Published { name, title, .. } = network;
    Failure::user(format!("the weights of {name} ({title}) are not on this machine")).hint(format!(
        "`cargo xtask weights fetch {name}` gets them ({} MB); --weights {name}=FILE names a file; --random-features SEED tries \
         the protocol without them",
        network.bytes / 1_000_000
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_read_and_every_file_bears_its_checksum() {
        let all = published().unwrap();
        assert_eq!(all.len(), 4);
        for network in all {
            let Published { file, sha256, url, .. } = &network;
            assert!(file.contains(sha256) && url.ends_with(file), "{file}");
            assert!(sha256.len() >= 8 && network.bytes > 1_000_000);
        }
    }

    #[test]
    fn a_network_that_is_not_there_is_named_with_what_to_do() {
        let said = missing(&find("inception").unwrap()).to_string();
        assert!(said.contains("weights fetch inception") && said.contains("--random-features"));
        assert!(find("vgg19").unwrap_err().to_string().contains("alexnet"));
        assert!(pair("vgg16").is_err() && pair("nothing=x").is_err());
        assert_eq!(pair("vgg16=a=b").unwrap().1, PathBuf::from("a=b"));
    }

    #[test]
    fn random_features_need_no_file() {
        let args = WeightsArgs { files: Vec::new(), random_features: Some(3) };
        let shapes = stylegan_features::Backbone::SqueezeNet.shapes();
        assert_eq!(args.load("squeezenet", &shapes).unwrap().random, Some(3));
    }
}
