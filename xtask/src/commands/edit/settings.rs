//! Which directions a command line means.

use std::collections::BTreeMap;
use std::path::Path;

use candle_core::Tensor;
use stylegan::editing::{Directions, EditError, class_mean, conditional, factorize};
use stylegan::{Codes, GeneratorConfig};

use super::Args;
use crate::failure::{Failure, OrFail};

/// What the names of the weights' own directions begin with.
const FACTOR: &str = "factor-";

/// Factors that are shown where nothing was named.
const SHOWN: usize = 4;

/// The directions to move along, by name, in the order typed.
///
/// # Errors
///
/// For an unknown name, a file that does not fit, and layers that there are not.
pub fn resolve(
    args: &Args,
    config: &GeneratorConfig,
    tensors: &BTreeMap<String, Tensor>,
    model: &str,
    shape: (usize, usize),
) -> Result<Vec<(String, Tensor)>, Failure> {
    let (layers, w_dim) = shape;
    if let Some(typed) = &args.layers
        && *typed.0.end() >= layers
    {
        let (first, last) = (*typed.0.start(), *typed.0.end());
        return Err(edit_failure(EditError::Layers { first, last, layers }));
    }
    let mut known = match &args.directions {
        Some(path) => Directions::load(path, w_dim).map_err(edit_failure)?,
        None => Directions::default(),
    };
    if let Some(path) = &args.labelled {
        class_means(path, model, shape, &mut known)?;
    }
    let mut wanted = args.direction.clone();
    if wanted.is_empty() {
        wanted = known.names().filter(|name| !args.without.contains(&(*name).to_owned())).map(str::to_owned).collect();
    }
    if wanted.is_empty() {
        wanted = (0..SHOWN.min(w_dim)).map(|factor| format!("{FACTOR}{factor}")).collect();
    }
    let named: Vec<&String> = wanted.iter().chain(&args.without).collect();
    if named.iter().any(|name| factor(name).is_some()) {
        let range = args.factor_layers.as_ref().or(args.layers.as_ref());
        let factors = factorize(config, tensors, range.map(|range| range.0.clone())).map_err(edit_failure)?;
        for name in &named {
            let Some(number) = factor(name) else { continue };
            let Some(found) = factors.get(number) else {
                return Err(edit_failure(EditError::Factor { factor: number, w_dim }));
            };
            known.insert(name, &found.direction).map_err(edit_failure)?;
        }
    }
    let get = |name: &String| known.get(name).cloned().map_err(edit_failure);
    let others = args.without.iter().map(get).collect::<Result<Vec<_>, _>>()?;
    wanted
        .iter()
        .map(|name| {
            let direction = get(name)?;
            if others.is_empty() {
                return Ok((name.clone(), direction));
            }
            let rest = conditional(&direction, &others).map_err(edit_failure)?;
            Ok((format!("{name}-without-{}", args.without.join("-")), rest))
        })
        .collect()
}

/// The number of one of the weights' own directions.
fn factor(name: &str) -> Option<usize> {
    name.strip_prefix(FACTOR)?.parse().ok()
}

/// Adds the class means of labelled codes.
fn class_means(
    path: &Path,
    model: &str,
    shape: (usize, usize),
    known: &mut Directions,
) -> Result<(), Failure> {
    let hint = "labelled codes hold a tensor `labels` and their names; make them with the model that is edited";
    let codes = Codes::load_for(path, model, shape).or_user().map_err(|f| f.hint(hint))?;
    let Some((names, labels)) = codes.labels else {
        return Err(Failure::user(format!("the codes in `{}` have no labels", path.display())).hint(hint));
    };
    let w = codes.ws.mean(1)?;
    let labels = labels.to_dtype(candle_core::DType::F32)?.to_vec2::<f32>()?;
    for (column, name) in names.iter().enumerate() {
        let has: Vec<bool> = labels.iter().map(|row| row[column] > 0.5).collect();
        match class_mean(&w, &has, name) {
            Ok(direction) => known.insert(name, &direction).map_err(edit_failure)?,
            // Nothing is known of such an attribute; whoever asks for it is told that there is no such direction.
            Err(EditError::OneClass { .. } | EditError::NothingLeft) => {}
            Err(error) => return Err(edit_failure(error)),
        }
    }
    Ok(())
}

/// Writes the directions as they were used.
///
/// # Errors
///
/// When the file cannot be written.
pub fn save(directions: &[(String, Tensor)], path: &Path, model: &str) -> Result<(), Failure> {
    let mut all = Directions::default();
    for (name, direction) in directions {
        all.insert(name, direction).map_err(edit_failure)?;
    }
    let metadata = BTreeMap::from([("stylegan.codes.model".to_owned(), model.to_owned())]);
    all.save(path, &metadata).map_err(edit_failure)
}

/// What is wrong with an edit, as the user's mistake.
pub fn edit_failure(error: EditError) -> Failure {
    let hint = match &error {
        EditError::UnknownDirection { .. } => {
            "factor-0, factor-1 and so on are always there; --directions and --labelled name files with others"
        }
        EditError::Layers { .. } | EditError::NothingToFactorize { .. } => {
            "layers are counted from 0, two for each resolution; `cargo xtask inspect` lists them"
        }
        EditError::Shape { .. } => "directions belong to the model that they were found in",
        EditError::NothingLeft => "leave one of --without away",
        EditError::Tensor(_) => return Failure::program(error),
        _ => "add --help to see what the command takes",
    };
    Failure::user_error(error).hint(hint)
}
