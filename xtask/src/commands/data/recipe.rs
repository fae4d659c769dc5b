//! A recipe: what is known of a data set, and how it becomes a training set.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use serde::{Deserialize, Serialize};

use crate::failure::{Failure, OrFail};

/// The folder of recipes in the workspace.
pub const FOLDER: &str = "datasets";

/// One `datasets/*.toml`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Recipe {
    /// The file's name without its ending.
    pub name: String,
    /// What it is called.
    pub title: String,
    /// Who made it, and where it is.
    pub origin: String,
    /// On which terms it may be used.
    pub licence: String,
    /// How many images.
    pub images: String,
    /// Their size.
    pub resolution: String,
    /// Bytes to download, for people.
    pub size: String,
    /// Channels that its images have, or can be had with.
    pub channels: Vec<usize>,
    /// What its labels are, if it has any.
    #[serde(default)]
    pub labels: Vec<String>,
    /// How to get it.
    pub get: String,
    /// Files with their checksums, `md5:...` or `sha256:...`.
    #[serde(default)]
    pub checksums: BTreeMap<String, String>,
    /// Where the checksums are from, or why there are none.
    pub checksums_from: String,
    /// The command that prepares it; none where no preparation is needed.
    #[serde(default)]
    pub prepare: Option<String>,
    /// The command that trains on it.
    pub train: String,
    /// Whether preparation and training were run by us as they stand here.
    pub tried: bool,
    /// What else there is to know.
    #[serde(default)]
    pub notes: Option<String>,
}

/// All recipes of a folder, by name.
///
/// # Errors
///
/// When one does not read.
pub fn all(folder: &Path) -> Result<Vec<Recipe>, Failure> {
    let entries = fs::read_dir(folder)
        .or_user_with(|| format!("cannot read `{}`", folder.display()))
        .map_err(|failure| failure.hint("run it in a checkout of the project"))?;
    let mut paths: Vec<_> = entries
        .filter_map(|entry| Some(entry.ok()?.path()))
        .filter(|path| path.extension().is_some_and(|ending| ending == "toml"))
        // The list of published weights lies beside the recipes.
        .filter(|path| path.file_name().is_none_or(|name| name != "weights.toml"))
        .collect();
    paths.sort();
    paths
        .iter()
        .map(|path| {
            let text = fs::read_to_string(path)
                .or_user_with(|| format!("cannot read `{}`", path.display()))?;
            toml::from_str(&text).or_user_with(|| path.display().to_string())
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::Cli;
    use crate::tidy::workspace_root;

    #[test]
    fn every_recipe_is_whole_and_its_commands_parse() {
        let recipes = all(&workspace_root().join(FOLDER)).unwrap();
        let names: Vec<_> = recipes.iter().map(|recipe| recipe.name.as_str()).collect();
        assert_eq!(
            names,
            [
                "afhq",
                "celeba-hq",
                "cifar-10",
                "emoji",
                "faces",
                "fashion-mnist",
                "ffhq",
                "lsun-bedroom",
                "lsun-car",
                "lsun-cat",
                "metfaces",
                "mnist"
            ]
        );
        for recipe in &recipes {
            let path = workspace_root().join(FOLDER).join(format!("{}.toml", recipe.name));
            assert!(path.is_file(), "{}", path.display());
            for command in recipe.prepare.iter().chain([&recipe.train]) {
                let typed = command.strip_prefix("cargo ").unwrap_or(command);
                if let Err(error) = Cli::try_parse_from(typed.split_whitespace()) {
                    panic!("{}: {command}: {error}", recipe.name);
                }
            }
            for (file, sum) in &recipe.checksums {
                let (kind, digits) = sum.split_once(':').unwrap();
                let expected = if kind == "md5" { 32 } else { 64 };
                let hexadecimal = digits.chars().all(|c| c.is_ascii_hexdigit());
                assert!(digits.len() == expected && hexadecimal, "{}: {file}", recipe.name);
            }
        }
    }
}
