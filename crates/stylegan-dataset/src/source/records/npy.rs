//! NumPy's array files, as far as labels need them: a matrix of float32 or float64, row by row.

use std::fmt::Write;

use crate::source::labels::MAX_CLASSES;

const MAGIC: &[u8] = b"\x93NUMPY";

/// Rows, columns and values of a matrix.
///
/// # Errors
/// What is wrong with it, or what kind of array it is instead.
pub fn parse(bytes: &[u8]) -> Result<(usize, usize, Vec<f32>), String> {
    let body = bytes.strip_prefix(MAGIC).ok_or("it is no array file of NumPy")?;
    let cut = "its header is cut short";
    let (len, start) = match body {
        [1, _, low, high, ..] => (usize::from(u16::from_le_bytes([*low, *high])), 4),
        [2 | 3, _, a, b, c, d, ..] => (u32::from_le_bytes([*a, *b, *c, *d]) as usize, 6),
        _ => return Err(cut.into()),
    };
    let end = start + len;
    let header = std::str::from_utf8(body.get(start..end).ok_or(cut)?).map_err(|_| cut)?;
    let value = |key: &str| {
        let rest = header.split_once(&format!("'{key}'"))?.1.trim_start().strip_prefix(':')?;
        Some(rest.trim_start())
    };
    if !value("fortran_order").is_some_and(|value| value.starts_with("False")) {
        return Err(String::from("it is not stored row by row"));
    }
    let kind = value("descr").unwrap_or_default().trim_start_matches(['\'', '"']);
    let size = match kind.get(..3) {
        Some("<f4") => 4,
        Some("<f8") => 8,
        _ => return Err(String::from("its values are not float32 or float64")),
    };
    let sides = value("shape").and_then(|value| value.strip_prefix('(')?.split_once(')'));
    let sides: Vec<&str> = sides.map_or("", |(sides, _)| sides).split(',').map(str::trim).collect();
    let sides: Vec<usize> = sides.iter().filter_map(|side| side.parse().ok()).collect();
    let &[rows, columns] = sides.as_slice() else {
        return Err(format!("its shape is {sides:?}: expected pictures and values"));
    };
    if columns > MAX_CLASSES {
        return Err(format!("a label has {columns} values: expected at most {MAX_CLASSES}"));
    }
    let data = &body[end..];
    if rows.checked_mul(columns).and_then(|count| count.checked_mul(size)) != Some(data.len()) {
        return Err(format!("its shape {rows}x{columns} does not fit its {} bytes", data.len()));
    }
    let values: Vec<f32> = if size == 4 {
        data.as_chunks::<4>().0.iter().map(|&value| f32::from_le_bytes(value)).collect()
    } else {
        data.as_chunks::<8>().0.iter().map(|&value| f64::from_le_bytes(value) as f32).collect()
    };
    if !values.iter().all(|value| value.is_finite()) {
        return Err(String::from("it holds values that are not finite"));
    }
    Ok((rows, columns, values))
}

/// The start of a file of `rows` times `columns` float32 values, which follow row by row.
pub(crate) fn write(rows: usize, columns: usize) -> Vec<u8> {
    let mut header = String::new();
    // Writing to a string cannot fail.
    let _ = write!(
        header,
        "{{'descr': '<f4', 'fortran_order': False, 'shape': ({rows}, {columns}), }}"
    );
    // The data begin at a multiple of 64 bytes, after a line's end.
    let before = MAGIC.len() + 4;
    let padding = 63 - (before + header.len()) % 64;
    header.extend(std::iter::repeat_n(' ', padding));
    header.push('\n');
    let len = (header.len() as u16).to_le_bytes();
    [MAGIC, &[1, 0], &len, header.as_bytes()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let mut file = write(2, 3);
        assert_eq!(file.len() % 64, 0);
        for value in [0.0f32, 1.0, 0.0, 0.5, -1.0, 2.0] {
            file.extend(value.to_le_bytes());
        }
        assert_eq!(parse(&file).unwrap(), (2, 3, vec![0.0, 1.0, 0.0, 0.5, -1.0, 2.0]));
        assert!(parse(&file[..file.len() - 4]).unwrap_err().contains("does not fit"));
        assert!(parse(&file[..20]).unwrap_err().contains("cut short"));
        assert!(parse(b"PK").unwrap_err().contains("no array file"));
    }
}
