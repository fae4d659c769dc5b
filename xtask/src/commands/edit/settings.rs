//! Which directions a command line means.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use candle_core::{DType, Tensor};
use stylegan::editing::{Directions, EditError, class_mean, conditional, factorize};
use stylegan::{Codes, GeneratorConfig};

use super::Args;
use crate::drawing::Artist;
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
    artist: &Artist,
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
        let labelled = if path.extension().is_some_and(|extension| extension == "csv") {
            of_table(path, artist)?
        } else {
            of_codes(path, model, shape)?
        };
        class_means(&labelled, &mut known)?;
    }
    let mut wanted = args.direction.clone();
    if wanted.is_empty() {
        wanted = known
            .names()
            .filter(|name| !args.orthogonal_to.contains(&(*name).to_owned()))
            .map(str::to_owned)
            .collect();
    }
    if wanted.is_empty() {
        wanted = (0..SHOWN.min(w_dim)).map(|factor| format!("{FACTOR}{factor}")).collect();
    }
    let named: Vec<&String> = wanted.iter().chain(&args.orthogonal_to).collect();
    if named.iter().any(|name| factor(name).is_some()) {
        let range = args.factor_layers.as_ref().or(args.layers.as_ref());
        let factors =
            factorize(config, tensors, range.map(|range| range.0.clone())).map_err(edit_failure)?;
        for name in &named {
            let Some(number) = factor(name) else { continue };
            let Some(found) = factors.get(number) else {
                return Err(edit_failure(EditError::Factor { factor: number, w_dim }));
            };
            known.insert(name, &found.direction).map_err(edit_failure)?;
        }
    }
    let get = |name: &String| known.get(name).cloned().map_err(edit_failure);
    let others = args.orthogonal_to.iter().map(get).collect::<Result<Vec<_>, _>>()?;
    wanted
        .iter()
        .map(|name| {
            let direction = get(name)?;
            if others.is_empty() {
                return Ok((name.clone(), direction));
            }
            let rest = conditional(&direction, &others).map_err(edit_failure)?;
            Ok((format!("{name}-without-{}", args.orthogonal_to.join("-")), rest))
        })
        .collect()
}

/// The number of one of the weights' own directions.
fn factor(name: &str) -> Option<usize> {
    name.strip_prefix(FACTOR)?.parse().ok()
}

/// A w each, and which attributes it has.
struct Labelled {
    /// `[N, w_dim]`.
    w: Tensor,
    names: Vec<String>,
    /// N rows, a column for each name.
    labels: Vec<Vec<bool>>,
}

/// Codes with labels.
fn of_codes(path: &Path, model: &str, shape: (usize, usize)) -> Result<Labelled, Failure> {
    let hint = "labelled codes hold a tensor `labels` and their names; make them with the model that is edited";
    let codes = Codes::load_for(path, model, shape).or_user().map_err(|f| f.hint(hint))?;
    let Some((names, labels)) = codes.labels else {
        let said = format!("the codes in `{}` have no labels", path.display());
        return Err(Failure::user(said).hint(hint));
    };
    let labels = labels.to_dtype(DType::F32)?.to_vec2::<f32>()?;
    let labels = labels.iter().map(|row| row.iter().map(|&label| label > 0.5).collect());
    Ok(Labelled { w: codes.ws.mean(1)?, names, labels: labels.collect() })
}

/// Seeds with labels: a table whose first line is `seed` and the attributes, and each further one a seed and 0 or 1 for each.
fn of_table(path: &Path, artist: &Artist) -> Result<Labelled, Failure> {
    let text =
        fs::read_to_string(path).or_user_with(|| format!("cannot read `{}`", path.display()))?;
    let (names, seeds, labels) = table(&text).map_err(|problem| {
        Failure::user(format!("`{}`: {problem}", path.display()))
            .hint("the first line is like seed,smile,hat, and each further one like 17,1,0")
    })?;
    let w = artist.styles(&seeds)?.mean(1)?.to_device(&candle_core::Device::Cpu)?;
    Ok(Labelled { w, names, labels })
}

/// The names, the seeds and their labels, or what is wrong.
type Table = (Vec<String>, Vec<u64>, Vec<Vec<bool>>);

fn table(text: &str) -> Result<Table, String> {
    let mut lines = text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty());
    let cells = |line: &str| line.split(',').map(|cell| cell.trim().to_owned()).collect::<Vec<_>>();
    let header = lines.next().map(|(_, line)| cells(line)).unwrap_or_default();
    let parts = header.split_first().filter(|(first, rest)| *first == "seed" && !rest.is_empty());
    let Some((_, names)) = parts else {
        return Err(
            "the first line does not begin with `seed` and go on with attributes".to_owned()
        );
    };
    let (mut seeds, mut labels) = (Vec::new(), Vec::new());
    for (number, line) in lines {
        let row = cells(line);
        let wrong = |what: String| format!("line {}: {what}", number + 1);
        if row.len() != header.len() {
            return Err(wrong(format!("{} cells, the first line has {}", row.len(), header.len())));
        }
        seeds.push(row[0].parse().map_err(|_| wrong(format!("`{}` is no seed", row[0])))?);
        let label = |cell: &String| match cell.as_str() {
            "0" => Ok(false),
            "1" => Ok(true),
            other => Err(wrong(format!("`{other}` is neither 0 nor 1"))),
        };
        labels.push(row[1..].iter().map(label).collect::<Result<Vec<_>, _>>()?);
    }
    if seeds.is_empty() {
        return Err("it has no seeds".to_owned());
    }
    Ok((names.to_vec(), seeds, labels))
}

/// Adds the class means of what is labelled.
fn class_means(labelled: &Labelled, known: &mut Directions) -> Result<(), Failure> {
    for (column, name) in labelled.names.iter().enumerate() {
        let has: Vec<bool> = labelled.labels.iter().map(|row| row[column]).collect();
        match class_mean(&labelled.w, &has, name) {
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
        EditError::NothingLeft => "leave one of --orthogonal-to away",
        EditError::Tensor(_) => return Failure::program(error),
        _ => "add --help to see what the command takes",
    };
    Failure::user_error(error).hint(hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_of_seeds_are_read_and_slips_named() {
        let (names, seeds, labels) = table("seed, smile,hat\n3,1,0\n\n17,0,1\n").unwrap();
        assert_eq!((names, seeds), (vec!["smile".to_owned(), "hat".to_owned()], vec![3, 17]));
        assert_eq!(labels, [[true, false], [false, true]]);
        for (text, said) in [
            ("", "first line"),
            ("name,smile\n", "first line"),
            ("seed,smile\n", "no seeds"),
            ("seed,smile\n1,0,1\n", "line 2: 3 cells"),
            ("seed,smile\nx,0\n", "line 2: `x` is no seed"),
            ("seed,smile\n1,0\n2,yes\n", "line 3: `yes` is neither"),
        ] {
            let error = table(text).unwrap_err();
            assert!(error.contains(said), "{text:?}: {error}");
        }
    }
}
