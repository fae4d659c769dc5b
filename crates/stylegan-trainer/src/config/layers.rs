//! Laying keys over a configuration.

use serde::Deserialize;
use toml::{Table, Value};

use super::{ConfigError, TrainConfig};

/// How alike two keys must be (0 to 1) for one to be suggested for the other.
const ALIKE: f64 = 0.6;

/// The preset that a file names.
pub(super) fn named_preset(text: &str) -> Result<Option<String>, ConfigError> {
    match parse(text)?.get("preset") {
        None => Ok(None),
        Some(Value::String(name)) => Ok(Some(name.clone())),
        Some(other) => Err(bad_value("preset", other, "expected a string")),
    }
}

impl TrainConfig {
    /// Lays the keys of a TOML text over this configuration. A key `preset` is not looked at: see [`Self::from_toml`].
    ///
    /// # Errors
    /// [`ConfigError::Syntax`]; [`ConfigError::UnknownKey`] with the nearest known one; [`ConfigError::BadValue`]. The
    /// configuration is then as it was.
    pub fn apply_toml(&mut self, text: &str) -> Result<(), ConfigError> {
        let mut table = parse(text)?;
        table.remove("preset");
        let mut changed = self.clone();
        for (section, value) in table {
            match value {
                Value::Table(keys) if !keys.is_empty() || known(&section)? => {
                    for (key, value) in keys {
                        changed.put(&format!("{section}.{key}"), value)?;
                    }
                }
                value => changed.put(&section, value)?,
            }
        }
        *self = changed;
        Ok(())
    }

    /// Lays one key over this configuration: `section.key=value`, the value as in TOML; quotes around text may be left
    /// out. A resolution may follow a key whose value is a table: `schedule.minibatch_at.64=8`.
    ///
    /// # Errors
    /// As [`Self::apply_toml`], and [`ConfigError::Setting`].
    pub fn set(&mut self, setting: &str) -> Result<(), ConfigError> {
        let malformed = || ConfigError::Setting { setting: setting.to_owned() };
        let (key, value) = setting.split_once('=').ok_or_else(malformed)?;
        let (key, value) = (key.trim(), value.trim());
        if key.is_empty() {
            return Err(malformed());
        }
        let parsed = toml::from_str::<Table>(&format!("value = {value}"));
        let parsed = parsed.ok().and_then(|mut table| table.remove("value"));
        self.put(key, parsed.unwrap_or_else(|| Value::String(value.to_owned())))
    }

    fn put(&mut self, key: &str, value: Value) -> Result<(), ConfigError> {
        let mut table = to_table(self)?;
        let parts: Vec<&str> = key.split('.').collect();
        let Some(place) = place(&mut table, &parts) else {
            return Err(ConfigError::UnknownKey { key: key.to_owned(), nearest: nearest(key)? });
        };
        *place = value.clone();
        // One key at a time, so that a wrong value has a name.
        match Self::deserialize(Value::Table(table)) {
            Ok(changed) => *self = changed,
            Err(error) => return Err(bad_value(key, &value, error.message())),
        }
        Ok(())
    }
}

fn parse(text: &str) -> Result<Table, ConfigError> {
    toml::from_str(text)
        .map_err(|error| ConfigError::Syntax { message: error.to_string().trim_end().to_owned() })
}

fn bad_value(key: &str, value: &Value, reason: &str) -> ConfigError {
    let reason = reason.trim().lines().collect::<Vec<_>>().join(" ");
    ConfigError::BadValue { key: key.to_owned(), value: value.to_string(), reason }
}

fn to_table(config: &TrainConfig) -> Result<Table, ConfigError> {
    Table::try_from(config).map_err(|error| ConfigError::Syntax { message: error.to_string() })
}

/// Where a key's value is, or would be for a resolution of a table.
fn place<'a>(table: &'a mut Table, parts: &[&str]) -> Option<&'a mut Value> {
    match parts {
        [section, key] => table.get_mut(*section)?.as_table_mut()?.get_mut(*key),
        [section, key, resolution] if is_by_resolution(key) => {
            let exceptions = place(table, &[section, key])?.as_table_mut()?;
            Some(exceptions.entry(*resolution).or_insert(Value::Integer(0)))
        }
        _ => None,
    }
}

fn is_by_resolution(key: &str) -> bool {
    key.ends_with("_at")
}

fn known(section: &str) -> Result<bool, ConfigError> {
    Ok(to_table(&TrainConfig::default())?.contains_key(section))
}

/// The known key most like `key`. A key without a section is compared with keys without theirs.
fn nearest(key: &str) -> Result<Option<String>, ConfigError> {
    let mut keys = Vec::new();
    for (section, value) in to_table(&TrainConfig::default())? {
        keys.push(section.clone());
        for name in value.as_table().into_iter().flat_map(Table::keys) {
            keys.push(format!("{section}.{name}"));
        }
    }
    let bare = |name: &str| name.rsplit('.').next().unwrap_or_default().to_owned();
    let likeness = |known: &str| {
        let whole = strsim::normalized_damerau_levenshtein(known, key);
        // The right key in the wrong section, or in none.
        let bare = strsim::normalized_damerau_levenshtein(&bare(known), &bare(key));
        whole.max(0.95 * bare)
    };
    Ok(most_like(keys, likeness))
}

/// The candidate of the greatest likeness, if it is like enough.
pub(super) fn most_like(
    candidates: impl IntoIterator<Item = String>,
    likeness: impl Fn(&str) -> f64,
) -> Option<String> {
    let scored = candidates.into_iter().map(|candidate| (likeness(&candidate), candidate));
    let best = scored.max_by(|a, b| a.0.total_cmp(&b.0))?;
    (best.0 >= ALIKE).then_some(best.1)
}
