//! The labels that a picture is drawn with: those its seed draws, and what was typed about them.

use candle_core::{Device, Tensor};
use stylegan::Generator;

use crate::failure::Failure;

/// What was typed about labels.
#[derive(clap::Args, Clone, Debug, Default)]
pub struct LabelArgs {
    /// Draw these labels and no others, as names or numbers such as hat,smiling or 0,4. Without it, each seed draws the label of one
    /// of the training images
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    pub class: Vec<String>,
    /// Switch these labels on, whatever the seed draws
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    pub with: Vec<String>,
    /// Switch these labels off, whatever the seed draws
    #[arg(long, value_name = "LIST", value_delimiter = ',')]
    pub without: Vec<String>,
}

/// What it means for a model.
#[derive(Debug, PartialEq, Eq)]
pub struct LabelChoice {
    dim: usize,
    class: Option<Vec<usize>>,
    switched: Vec<(usize, bool)>,
}

impl LabelArgs {
    /// The places of the labels that were typed.
    ///
    /// # Errors
    ///
    /// When the model has no labels, or not those.
    pub fn of(&self, generator: &Generator) -> Result<LabelChoice, Failure> {
        let dim = generator.config().mapping.label_dim;
        self.among(&generator.labels().names, dim)
    }

    fn among(&self, names: &[String], dim: usize) -> Result<LabelChoice, Failure> {
        let typed = [&self.class, &self.with, &self.without];
        if dim == 0 && typed.iter().any(|list| !list.is_empty()) {
            return Err(Failure::user("this model was trained without labels").hint(
                "leave --class, --with and --without away, or train a model with \
                 `cargo xtask train --classes`",
            ));
        }
        let places = |list: &[String]| -> Result<Vec<usize>, Failure> {
            list.iter().map(|label| place(label.trim(), names, dim)).collect()
        };
        let on = places(&self.with)?.into_iter().map(|place| (place, true));
        let off = places(&self.without)?.into_iter().map(|place| (place, false));
        Ok(LabelChoice {
            dim,
            class: if self.class.is_empty() { None } else { Some(places(&self.class)?) },
            switched: on.chain(off).collect(),
        })
    }
}

/// The place of a label that was typed as a name or a number.
fn place(typed: &str, names: &[String], dim: usize) -> Result<usize, Failure> {
    if let Some(place) = names.iter().position(|name| name == typed) {
        return Ok(place);
    }
    match typed.parse() {
        Ok(place) if place < dim => Ok(place),
        _ => {
            let known = if names.is_empty() {
                format!("labels go from 0 to {}", dim - 1)
            } else {
                format!("the labels are {}", names.join(", "))
            };
            Err(Failure::user(format!("this model has no label `{typed}`")).hint(known))
        }
    }
}

impl LabelChoice {
    /// A label a seed, `[seeds, label_dim]`; none for a model without labels.
    ///
    /// # Errors
    ///
    /// When the model's examples are damaged.
    pub fn of_seeds(
        &self,
        generator: &Generator,
        seeds: &[u64],
        device: &Device,
    ) -> Result<Option<Tensor>, Failure> {
        let Some(drawn) = generator.labels_of_seeds(seeds)? else { return Ok(None) };
        let mut rows = drawn.to_vec2::<f32>()?;
        for row in &mut rows {
            self.apply(row);
        }
        let values: Vec<f32> = rows.into_iter().flatten().collect();
        Ok(Some(Tensor::from_vec(values, (seeds.len(), self.dim), device)?))
    }

    fn apply(&self, label: &mut [f32]) {
        if let Some(class) = &self.class {
            label.fill(0.0);
            class.iter().for_each(|&place| label[place] = 1.0);
        }
        for &(place, on) in &self.switched {
            label[place] = f32::from(u8::from(on));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn args(class: &[&str], with: &[&str], without: &[&str]) -> LabelArgs {
        let list = |typed: &[&str]| typed.iter().map(|&label| label.to_owned()).collect();
        LabelArgs { class: list(class), with: list(with), without: list(without) }
    }

    fn names() -> Vec<String> {
        ["hat", "beard", "bald"].map(String::from).to_vec()
    }

    fn applied(args: &LabelArgs) -> Vec<f32> {
        let mut label = vec![1.0, 0.0, 0.0];
        args.among(&names(), 3).unwrap().apply(&mut label);
        label
    }

    #[test]
    fn labels_are_names_or_numbers() {
        assert_eq!(applied(&args(&[], &[], &[])), [1.0, 0.0, 0.0]);
        assert_eq!(applied(&args(&["beard", "2"], &[], &[])), [0.0, 1.0, 1.0]);
        assert_eq!(applied(&args(&[], &["bald"], &["0"])), [0.0, 0.0, 1.0]);
        assert_eq!(applied(&args(&["hat"], &[" beard"], &["hat"])), [0.0, 1.0, 0.0]);
    }

    #[test]
    fn what_the_model_has_not_is_named() {
        for (args, names, dim, said) in [
            (args(&["3"], &[], &[]), names(), 3, "no label `3`"),
            (args(&[], &["cap"], &[]), names(), 3, "hat, beard, bald"),
            (args(&[], &[], &["cap"]), Vec::new(), 3, "from 0 to 2"),
            (args(&["0"], &[], &[]), Vec::new(), 0, "without labels"),
        ] {
            let failure = args.among(&names, dim).unwrap_err().to_string();
            assert!(failure.contains(said), "{failure}");
        }
        assert!(args(&[], &[], &[]).among(&[], 0).is_ok());
    }
}
