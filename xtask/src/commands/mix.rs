//! `cargo xtask mix`: the style mixing grid of the paper (Karras et al. 2019, figure 3). Each
//! picture takes some layers' styles from its column's seed and all others from its row's.

use std::ops::Range;
use std::path::PathBuf;
use std::str::FromStr;

use candle_core::Tensor;
use serde::Serialize;

use crate::drawing::{Artist, ModelArgs, OutArgs, psi};
use crate::failure::Failure;
use crate::picture::Picture;
use crate::printer::Printer;
use crate::seeds::Seeds;

/// What was typed.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// The model.
    #[command(flatten)]
    pub model: ModelArgs,
    /// Seeds of the rows, which give all styles but those named by --styles
    #[arg(long, value_name = "LIST", default_value = "0-3")]
    pub rows: Seeds,
    /// Rows of the codes of a file that project, encode or edit wrote, instead of seeds
    #[arg(long, value_name = "FILE", conflicts_with = "rows")]
    pub codes: Option<PathBuf>,
    /// Seeds of the columns, which give the styles named by --styles
    #[arg(long, value_name = "LIST", default_value = "4-9")]
    pub cols: Seeds,
    /// Layers that take the column's style: coarse (0-3, 4x4 and 8x8), middle (4-7, 16x16 and
    /// 32x32), fine (8 and up), or a list such as 0-3
    #[arg(long, default_value = "coarse")]
    pub styles: Layers,
    /// Truncation psi of seeds
    #[arg(long, default_value = "0.7", value_parser = psi, allow_hyphen_values = true)]
    pub psi: f64,
    /// Truncate the layers below this index only
    #[arg(long, value_name = "LAYER", default_value_t = 8)]
    pub cutoff: usize,
    /// Where to.
    #[command(flatten)]
    pub out: OutArgs,
}

/// The layers of `--styles`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Layers {
    /// A named group, which ends with the network.
    Group(&'static str, Range<usize>),
    /// Indices as typed.
    List(Vec<u64>),
}

impl FromStr for Layers {
    type Err = String;

    fn from_str(typed: &str) -> Result<Self, Self::Err> {
        Ok(match typed {
            "coarse" => Self::Group("coarse", 0..4),
            "middle" => Self::Group("middle", 4..8),
            "fine" => Self::Group("fine", 8..usize::MAX),
            list => Self::List(
                list.parse::<Seeds>()
                    .map_err(|error| {
                        format!("{error}, and a group is one of coarse, middle, fine")
                    })?
                    .0,
            ),
        })
    }
}

impl Layers {
    /// For each layer of a network, whether it takes the column's style.
    fn of(&self, layers: usize) -> Result<Vec<bool>, Failure> {
        let last = layers - 1;
        let taken: Vec<bool> = match self {
            Self::Group(name, range) if range.start >= layers => {
                return Err(Failure::user(format!(
                    "this model has layers 0 to {last}, and {name} styles begin at {}",
                    range.start
                ))
                .hint("name layers with a list such as --styles 4-7"));
            }
            Self::Group(_, range) => (0..layers).map(|layer| range.contains(&layer)).collect(),
            Self::List(list) => {
                if let Some(layer) = list.iter().find(|&&layer| layer >= layers as u64) {
                    return Err(Failure::user(format!("this model has no layer {layer}"))
                        .hint(format!("layers go from 0 to {last}")));
                }
                (0..layers as u64).map(|layer| list.contains(&layer)).collect()
            }
        };
        Ok(taken)
    }
}

#[derive(Serialize)]
struct Written<'a> {
    path: &'a std::path::Path,
    rows: &'a [u64],
    cols: &'a [u64],
    /// The names of codes in the rows.
    #[serde(skip_serializing_if = "Option::is_none")]
    codes: Option<&'a [String]>,
}

/// Draws and writes.
///
/// # Errors
///
/// When there is no model, it lacks a layer, or the file cannot be written.
pub fn run(args: &Args, printer: Printer) -> Result<(), Failure> {
    let artist = Artist::open(&args.model, printer)?;
    let taken = args.styles.of(artist.generator().num_layers())?;
    let truncation = (args.psi, args.cutoff);
    let (artist, columns) = artist.subjects(None, &args.cols.0, truncation)?;
    let (artist, of_rows) = artist.subjects(args.codes.as_deref(), &args.rows.0, truncation)?;
    let (rows, cols) = (&of_rows.seeds, &columns.seeds);
    let (row_styles, col_styles) = (of_rows.ws, columns.ws);
    let mut all = vec![col_styles.clone()];
    let mut seeds = cols.clone();
    for (index, &row) in rows.iter().enumerate() {
        let row_style = row_styles.narrow(0, index, 1)?;
        all.push(row_style.clone());
        all.push(mixed(&row_style.repeat((cols.len(), 1, 1))?, &col_styles, &taken)?);
        seeds.extend(std::iter::repeat_n(row, cols.len() + 1));
    }
    let pictures = artist.draw(&Tensor::cat(&all, 0)?, &seeds, printer)?;
    // The corner above the rows' own pictures stays empty.
    let places: Vec<_> = std::iter::once(None).chain(pictures.into_iter().map(Some)).collect();
    let picture = Picture::grid(&places, cols.len() + 1).enlarged(args.out.enlarge.into());
    let path = args.out.path("mix.png")?;
    picture.save(&path)?;
    let codes = args.codes.is_some().then_some(of_rows.names.as_slice());
    printer.data(&path.display().to_string(), &Written { path: &path, rows, cols, codes })
}

/// `second` in the taken layers, `first` in the others; all `[N, layers, w_dim]`.
fn mixed(first: &Tensor, second: &Tensor, taken: &[bool]) -> Result<Tensor, Failure> {
    let layers: Vec<_> = (taken.iter().enumerate())
        .map(|(layer, &taken)| if taken { second } else { first }.narrow(1, layer, 1))
        .collect::<Result<_, _>>()?;
    Ok(Tensor::cat(&layers, 1)?)
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;

    #[test]
    fn groups_end_with_the_network() {
        let taken = |typed: &str, layers| typed.parse::<Layers>().unwrap().of(layers);
        assert_eq!(taken("coarse", 6).unwrap(), [true, true, true, true, false, false]);
        assert_eq!(taken("middle", 6).unwrap(), [false, false, false, false, true, true]);
        assert_eq!(taken("1,3", 4).unwrap(), [false, true, false, true]);
        assert!(taken("fine", 8).unwrap_err().to_string().contains("begin at 8"));
        assert!(taken("0-9", 8).unwrap_err().to_string().contains("no layer 8"));
        assert!("course".parse::<Layers>().unwrap_err().contains("coarse, middle, fine"));
    }

    #[test]
    fn taken_layers_come_from_the_column() {
        let first = Tensor::zeros((1, 3, 2), candle_core::DType::F32, &Device::Cpu).unwrap();
        let second = first.ones_like().unwrap();
        let mixed = mixed(&first, &second, &[false, true, false]).unwrap();
        let mixed = mixed.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        assert_eq!(mixed, [0.0, 0.0, 1.0, 1.0, 0.0, 0.0]);
    }
}
