//! Results as they are printed, and as they are kept in a run's folder.

use std::fs;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};
use stylegan_metrics::learning;

use crate::evaluating::append;
use crate::failure::Failure;

/// The file of a run's folder that keeps its results.
const FILE: &str = "learning.jsonl";

/// What a result follows from.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Key {
    /// The snapshot's number; none for pictures.
    pub snapshot: Option<u64>,
    /// Truncation psi; none for pictures.
    pub psi: Option<f64>,
    /// Images that were looked at.
    pub samples: usize,
    /// SHA-256 of the generator's file; none for pictures.
    pub generator: Option<String>,
    /// The real images.
    pub data: String,
    /// SHA-256 of the network's weights.
    pub network: String,
}

/// An attribute's share among generated and among real images.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Share {
    /// The attribute.
    pub name: String,
    /// Its share among generated images.
    pub generated: f64,
    /// Its share among real images.
    pub real: f64,
}

/// What a perfect generator would get.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
pub struct Floor {
    /// Of the two halves of the real images.
    pub halves: f64,
    /// Of two parts of as many real images as there are samples, where there are so many.
    pub samples: Option<f64>,
}

impl Floor {
    /// In words.
    pub fn said(&self, samples: usize) -> String {
        let halves = format!("floor: {:.2} between the halves of the real images", self.halves);
        match self.samples {
            Some(floor) => format!("{halves}, {floor:.2} between {samples} and {samples} of them"),
            None => halves,
        }
    }
}

impl From<learning::Floor> for Floor {
    fn from(floor: learning::Floor) -> Self {
        Self { halves: floor.halves, samples: floor.samples }
    }
}

/// One result.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Record {
    /// The run's folder, or the pictures.
    pub of: PathBuf,
    /// Thousands of real images that the generator has been trained on.
    pub kimg: Option<f64>,
    /// Seconds of training, where the run's statistics say so.
    pub seconds: Option<f64>,
    /// The Fréchet distance.
    pub fd: f64,
    /// The share of generated images among the real ones.
    pub precision: f64,
    /// The share of real images among the generated ones.
    pub recall: f64,
    /// The attribute whose share is farthest off.
    pub farthest: Share,
    /// All attributes.
    pub attributes: Vec<Share>,
    /// What a perfect generator would get.
    pub floor: Floor,
    /// What it follows from.
    #[serde(flatten)]
    pub key: Key,
}

impl Record {
    /// The columns of [`Self::row`].
    pub fn heading() -> String {
        format!(
            "{:>9} {:>9} {:>5} {:>9} {:>9} {:>7}  {}",
            "kimg", "seconds", "psi", "FD", "precision", "recall", "farthest attribute"
        )
    }

    /// A line for people.
    pub fn row(&self) -> String {
        let number = |value: Option<f64>, digits: usize| {
            value.map_or_else(|| "-".to_owned(), |value| format!("{value:.digits$}"))
        };
        let Share { name, generated, real } = &self.farthest;
        format!(
            "{:>9} {:>9} {:>5} {:>9.2} {:>9.3} {:>7.3}  {name} {generated:.2}, real {real:.2}",
            number(self.kimg, 1),
            number(self.seconds, 0),
            number(self.key.psi, 2),
            self.fd,
            self.precision,
            self.recall,
        )
    }
}

/// A run's results, as far as its file can be read.
pub struct Kept {
    path: PathBuf,
    records: Vec<Record>,
}

impl Kept {
    /// Reads a run's file; lines that are no results are passed over, and stay.
    pub fn open(run: &Path) -> Self {
        let path = run.join(FILE);
        let text = fs::read_to_string(&path).unwrap_or_default();
        let records = text.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        Self { path, records }
    }

    /// The result of a key, if it is there.
    pub fn get(&self, key: &Key) -> Option<&Record> {
        self.records.iter().rev().find(|record| record.key == *key)
    }

    /// Keeps a result.
    ///
    /// # Errors
    ///
    /// When the file cannot be written.
    pub fn put(&mut self, record: &Record) -> Result<(), Failure> {
        // A line that a kill has torn is ended, so that it spoils no other.
        let torn =
            fs::read(&self.path).is_ok_and(|old| old.last().is_some_and(|&end| end != b'\n'));
        let line = serde_json::to_string(record).map_err(Failure::program)?;
        append(&self.path, &format!("{}{line}\n", if torn { "\n" } else { "" }))?;
        self.records.push(record.clone());
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record() -> Record {
        let share = Share { name: "hat".to_owned(), generated: 0.125, real: 0.25 };
        Record {
            of: "runs/a".into(),
            kimg: Some(12.5),
            seconds: None,
            fd: 123.4375,
            precision: 0.5,
            recall: 0.375,
            farthest: share.clone(),
            attributes: vec![share],
            floor: Floor { halves: 4.75, samples: None },
            key: Key {
                snapshot: Some(12),
                psi: Some(0.7),
                samples: 2000,
                generator: Some("ab".to_owned()),
                data: "faces".to_owned(),
                network: "cd".to_owned(),
            },
        }
    }

    #[test]
    fn what_is_kept_is_found_by_all_of_its_key_behind_a_torn_line() {
        let folder = tempfile::tempdir().unwrap();
        fs::write(folder.path().join(FILE), "{\"of\":\"ru").unwrap();
        let record = record();
        Kept::open(folder.path()).put(&record).unwrap();
        let kept = Kept::open(folder.path());
        assert_eq!(kept.get(&record.key), Some(&record));
        for other in [
            Key { psi: Some(1.0), ..record.key.clone() },
            Key { samples: 100, ..record.key.clone() },
            Key { generator: Some("ef".to_owned()), ..record.key.clone() },
        ] {
            assert_eq!(kept.get(&other), None);
        }
    }

    #[test]
    fn columns_line_up_and_what_is_unknown_is_a_dash() {
        let row = record().row();
        assert_eq!(
            row.split_whitespace().collect::<Vec<_>>(),
            ["12.5", "-", "0.70", "123.44", "0.500", "0.375", "hat", "0.12,", "real", "0.25"]
        );
        let end = |line: &str, word: &str| line.find(word).unwrap() + word.len();
        assert_eq!(end(&row, "123.44"), end(&Record::heading(), "FD"));
        let floor = Floor { halves: 4.78, samples: Some(11.826) };
        assert!(floor.said(2000).ends_with("11.83 between 2000 and 2000 of them"));
    }
}
