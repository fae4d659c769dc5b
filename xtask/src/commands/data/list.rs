//! `cargo xtask data list`: the recipes of known data sets.

use crate::commands::data::recipe::{self, Recipe};
use crate::failure::Failure;
use crate::printer::Printer;
use crate::tidy::workspace_root;

/// What was typed.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Show all of one recipe
    #[arg(value_name = "NAME")]
    pub name: Option<String>,
}

/// Prints a line a recipe, or all of one.
///
/// # Errors
///
/// When a recipe does not read, or there is none of the name.
pub fn run(args: &Args, printer: Printer) -> Result<(), Failure> {
    let recipes = recipe::all(&workspace_root().join(recipe::FOLDER))?;
    let Some(name) = &args.name else {
        for recipe in &recipes {
            let Recipe { name, title, images, resolution, size, licence, .. } = recipe;
            let line =
                format!("{name:14} {title}: {images} images, {resolution}; {size}; {licence}");
            printer.data(&line, recipe)?;
        }
        printer.note("`cargo xtask data list NAME` shows how to get and prepare one");
        return Ok(());
    };
    let Some(recipe) = recipes.iter().find(|recipe| recipe.name == *name) else {
        let names: Vec<_> = recipes.iter().map(|recipe| recipe.name.as_str()).collect();
        return Err(Failure::user(format!("there is no recipe `{name}`"))
            .hint(format!("the recipes are {}", names.join(", "))));
    };
    let text = toml::to_string_pretty(recipe).map_err(Failure::program)?;
    printer.data(text.trim_end(), recipe)
}
