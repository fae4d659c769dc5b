//! Lists of numbers as people type them: `0,3,7-10`.

use std::str::FromStr;

/// The most numbers one list may hold: enough for any grid, and a typing slip cannot fill a disk.
const MOST: u64 = 1_000_000;

/// A list of seeds or layer indices, in the order typed; `7-10` is 7, 8, 9, 10.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seeds(pub Vec<u64>);

impl FromStr for Seeds {
    type Err = String;

    fn from_str(typed: &str) -> Result<Self, Self::Err> {
        let mut seeds = Vec::new();
        for part in typed.split(',').map(str::trim) {
            let (first, last) = match part.split_once('-') {
                Some((first, last)) => (number(first)?, number(last)?),
                None => (number(part)?, number(part)?),
            };
            if first > last {
                return Err(format!("the range `{part}` runs backwards"));
            }
            if last - first >= MOST - (seeds.len() as u64).min(MOST) {
                return Err(format!("`{typed}` holds more than {MOST} numbers"));
            }
            seeds.extend(first..=last);
        }
        Ok(Self(seeds))
    }
}

fn number(typed: &str) -> Result<u64, String> {
    typed
        .trim()
        .parse()
        .map_err(|_| format!("`{typed}` is no whole number; a list looks like 0,3,7-10"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn single_numbers_and_ranges_keep_their_order() {
        let seeds: Seeds = "0,3,7-10".parse().unwrap();
        assert_eq!(seeds.0, [0, 3, 7, 8, 9, 10]);
        assert_eq!(Seeds::from_str(" 5 , 1").unwrap().0, [5, 1]);
    }

    #[test]
    fn slips_are_named() {
        for (typed, said) in [
            ("", "no whole number"),
            ("1,,2", "no whole number"),
            ("a", "`a` is no whole number"),
            ("-3", "no whole number"),
            ("9-3", "runs backwards"),
            ("0-99999999999", "holds more than"),
            ("0-18446744073709551615", "holds more than"),
        ] {
            let error = Seeds::from_str(typed).unwrap_err();
            assert!(error.contains(said), "{typed}: {error}");
        }
        assert_eq!(Seeds::from_str("18446744073709551615").unwrap().0, [u64::MAX]);
    }
}
