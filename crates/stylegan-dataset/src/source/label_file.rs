//! Labels from a file of the user's: `dataset.json`, or a table of names and values.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;

use super::Source;
use super::bytes::whole_unpacked;
use super::dataset_json::{MAX_BYTES, parse_labels};
use super::labels::{Labels, MAX_CLASSES};
use crate::error::DatasetError;

/// What the first column of a table's first row is called if that row is a heading.
const HEADINGS: [&str; 6] = ["name", "file", "filename", "file_name", "image", "image_id"];

const HINT: &str = "the first column names the images as `cargo xtask data show` does; then follow one class or several numbers";

/// Reads labels for the pictures of a source: from a `.json` file as stylegan2-ada's
/// `dataset.json`, else from a comma-separated table with a name and one class (a name or a
/// number) or several numbers a row, with or without a heading.
///
/// # Errors
/// If the file does not read, mixes kinds of labels, or a picture has no label in it. Rows for
/// pictures that are not in the source are ignored in tables.
pub fn read_label_file(path: &Path, source: &dyn Source) -> Result<Labels, DatasetError> {
    let wrong = |reason| DatasetError::format(path, reason, HINT);
    let text = whole_unpacked(path, MAX_BYTES)?;
    let names: Vec<String> = (0..source.len()).map(|index| source.name(index)).collect();
    if path.extension().is_some_and(|ending| ending.eq_ignore_ascii_case("json")) {
        let labels = parse_labels(&text).map_err(wrong)?;
        return labels.map_or(Ok(Labels::none()), |labels| labels.in_order(&names)).map_err(wrong);
    }
    parse_table(&text, &names).map_err(wrong)
}

/// Labels of `names` from a comma-separated table.
pub(crate) fn parse_table(text: &[u8], names: &[String]) -> Result<Labels, String> {
    let mut reader = csv::ReaderBuilder::new()
        .has_headers(false)
        .flexible(true)
        .trim(csv::Trim::All)
        .from_reader(text);
    let mut heading = Vec::new();
    let mut rows: HashMap<String, Vec<String>> = HashMap::new();
    let mut columns = None;
    for (number, row) in reader.records().enumerate() {
        let row = row.map_err(|error| error.to_string())?;
        let mut cells = row.iter().map(str::to_owned);
        let name = cells.next().unwrap_or_default();
        let cells: Vec<String> = cells.collect();
        if cells.is_empty() || cells.len() > MAX_CLASSES {
            return Err(format!("row {} has {} columns", number + 1, cells.len() + 1));
        }
        if number == 0 && HEADINGS.contains(&name.to_ascii_lowercase().as_str()) {
            heading = cells;
            continue;
        }
        let expected = *columns.get_or_insert(cells.len());
        if cells.len() != expected {
            let found = cells.len() + 1;
            return Err(format!("row {} has {found} columns, others {}", number + 1, expected + 1));
        }
        rows.insert(name, cells);
    }
    let mut found = Vec::with_capacity(names.len());
    for name in names {
        let file = name.rsplit('/').next().unwrap_or(name);
        let row = rows.get(name).or_else(|| rows.get(file));
        found.push(row.ok_or_else(|| format!("{name} has no row in it"))?);
    }
    if columns == Some(1) { classes(&found) } else { vectors(&found, heading) }
}

/// One column: classes by number, or by name in alphabetical order.
fn classes(rows: &[&Vec<String>]) -> Result<Labels, String> {
    let cells = rows.iter().filter_map(|row| row.first());
    let numbers: Option<Vec<u32>> = cells.clone().map(|cell| cell.parse().ok()).collect();
    if let Some(numbers) = numbers {
        if let Some(number) = numbers.iter().find(|&&number| number as usize >= MAX_CLASSES) {
            return Err(format!("class {number} is past {MAX_CLASSES}"));
        }
        return Ok(Labels::classes(Vec::new(), numbers));
    }
    let names: BTreeSet<&String> = cells.clone().collect();
    if names.len() > MAX_CLASSES {
        return Err(format!("there are more than {MAX_CLASSES} classes"));
    }
    let number_of: HashMap<&String, u32> = names.iter().copied().zip(0..).collect();
    let numbers = cells.filter_map(|cell| number_of.get(cell).copied()).collect();
    Ok(Labels::classes(names.into_iter().cloned().collect(), numbers))
}

/// Several columns: vectors of numbers.
fn vectors(rows: &[&Vec<String>], heading: Vec<String>) -> Result<Labels, String> {
    let mut values = Vec::new();
    let mut dim = 0;
    for row in rows {
        dim = row.len();
        for cell in *row {
            let value = cell.parse::<f32>().ok().filter(|value| value.is_finite());
            values.push(value.ok_or_else(|| format!("{cell:?} is no number"))?);
        }
    }
    let names =
        if heading.len() == dim { heading } else { (0..dim).map(|i| i.to_string()).collect() };
    Ok(Labels::vectors(names, values))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<Labels, String> {
        parse_table(text.as_bytes(), &["x/a.png".to_owned(), "b.png".to_owned()])
    }

    #[test]
    fn reads_names_numbers_and_attributes() {
        let labels = read("b.png,dog\nx/a.png,cat\nother.png,bird\n").unwrap();
        assert_eq!(labels.names(), ["cat", "dog"]);
        assert_eq!((labels.class(0), labels.class(1)), (Some(0), Some(1)));
        assert_eq!(read("name,class\na.png,3\nb.png,0").unwrap().dim(), 4);
        let labels = read("image_id,Smiling,Young\na.png,-1,1\nb.png,1,1").unwrap();
        assert_eq!(labels.names(), ["Smiling", "Young"]);
        assert_eq!(labels.get(0), [-1.0, 1.0]);
    }

    #[test]
    fn says_what_is_wrong() {
        for (text, part) in [
            ("a.png,1\n", "b.png has no row"),
            ("a.png,1\nb.png,1,2", "columns"),
            ("a.png,1,x\nb.png,1,2", "\"x\" is no number"),
            ("a.png\nb.png", "row 1 has 1 columns"),
            ("a.png,4000000000\nb.png,1", "past 100000"),
        ] {
            let error = read(text).unwrap_err();
            assert!(error.contains(part), "{text:?}: {error}");
        }
    }
}
