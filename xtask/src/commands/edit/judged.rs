//! What classifiers of attributes see in edited images.

use std::path::Path;

use serde::Serialize;
use stylegan_trainer::classifier::ClassifierSet;

use crate::commands::train_classifiers;
use crate::device;
use crate::failure::{Failure, OrFail};
use crate::picture::Picture;

/// An attribute along one direction.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct Judged {
    /// Its name.
    pub attribute: String,
    /// Whether images have it: the mean over the codes of the classifier's probability, for each strength.
    pub probability: Vec<f64>,
    /// The mean of its logit.
    pub logit: Vec<f64>,
}

/// Opens the classifiers of a folder.
///
/// # Errors
///
/// When there are none, or one cannot be read.
pub fn open(folder: &Path) -> Result<ClassifierSet, Failure> {
    ClassifierSet::open(folder, device::chosen()).map_err(train_classifiers::failure)
}

/// Judges the pictures of each strength; those that moved most come first.
///
/// # Errors
///
/// When the classifiers are for images of another size.
pub fn judge(set: &ClassifierSet, strengths: &[Vec<Picture>]) -> Result<Vec<Judged>, Failure> {
    let empty = |attribute: &str| Judged {
        attribute: attribute.to_owned(),
        probability: Vec::new(),
        logit: Vec::new(),
    };
    let mut all: Vec<Judged> = set.iter().map(|one| empty(&one.about.attribute)).collect();
    for pictures in strengths {
        let images = Picture::to_tensor(pictures)?;
        let scores = set.scores(&images).or_user().map_err(|failure| {
            failure
                .hint("`cargo xtask train-classifiers` makes classifiers of the model's resolution")
        })?;
        let count = pictures.len().max(1) as f64;
        for (column, judged) in all.iter_mut().enumerate() {
            // A score is half a logit.
            let logits = scores.iter().skip(column).step_by(set.len()).map(|s| 2.0 * f64::from(*s));
            let (mut probability, mut sum) = (0.0, 0.0);
            for logit in logits {
                probability += 1.0 / (1.0 + (-logit).exp());
                sum += logit;
            }
            judged.probability.push(probability / count);
            judged.logit.push(sum / count);
        }
    }
    all.sort_by(|a, b| spread(&b.logit).total_cmp(&spread(&a.logit)));
    Ok(all)
}

/// How far apart the least and the greatest are.
fn spread(values: &[f64]) -> f64 {
    let (low, high) = values
        .iter()
        .fold((f64::INFINITY, f64::NEG_INFINITY), |(low, high), &v| (low.min(v), high.max(v)));
    (high - low).max(0.0)
}

/// A line an attribute: probability and, in brackets, logit at each strength.
pub fn table(judged: &[Judged], strengths: &[f64]) -> String {
    let mut text = format!("{:20}", "strength");
    for strength in strengths {
        text.push_str(&format!("{strength:>15}"));
    }
    for Judged { attribute, probability, logit } in judged {
        text.push_str(&format!("\n{attribute:20}"));
        for (probability, logit) in probability.iter().zip(logit) {
            text.push_str(&format!("{:>15}", format!("{probability:.3} ({logit:+.1})")));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn tables_have_a_column_a_strength() {
        let judged = Judged {
            attribute: "hat".to_owned(),
            probability: vec![0.02, 0.98],
            logit: vec![-4.0, 4.0],
        };
        let table = table(std::slice::from_ref(&judged), &[-3.0, 1.5]);
        let lines: Vec<Vec<&str>> =
            table.lines().map(|line| line.split_whitespace().collect()).collect();
        assert_eq!(lines[0], ["strength", "-3", "1.5"]);
        assert_eq!(lines[1], ["hat", "0.020", "(-4.0)", "0.980", "(+4.0)"]);
        assert_eq!(spread(&judged.logit), 8.0);
    }
}
