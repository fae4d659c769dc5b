//! A value with exceptions for some resolutions.

use std::collections::BTreeMap;
use std::fmt;

use serde::de::{Deserializer, Error as _, MapAccess, Visitor};
use serde::ser::{SerializeMap, Serializer};
use serde::{Deserialize, Serialize};

/// Values for some of the block resolutions, in ascending order.
///
/// Serialised as a table whose keys are the resolutions written as text (`"128" = 0.0015`), which TOML and JSON both
/// take.
#[derive(Clone, Debug, PartialEq)]
pub struct ByResolution<T>(BTreeMap<usize, T>);

impl<T> Default for ByResolution<T> {
    fn default() -> Self {
        Self(BTreeMap::new())
    }
}

impl<T: Copy> ByResolution<T> {
    /// The value for `resolution`, or `default` where the table has none.
    pub fn get_or(&self, resolution: usize, default: T) -> T {
        self.0.get(&resolution).copied().unwrap_or(default)
    }

    /// Sets the value for `resolution`.
    pub fn insert(&mut self, resolution: usize, value: T) {
        self.0.insert(resolution, value);
    }

    /// The entries in ascending order of resolution.
    pub fn iter(&self) -> impl Iterator<Item = (usize, T)> + '_ {
        self.0.iter().map(|(&resolution, &value)| (resolution, value))
    }

    /// Whether the table has no entry.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl<T, const N: usize> From<[(usize, T); N]> for ByResolution<T> {
    fn from(entries: [(usize, T); N]) -> Self {
        Self(BTreeMap::from(entries))
    }
}

impl<T> FromIterator<(usize, T)> for ByResolution<T> {
    fn from_iter<I: IntoIterator<Item = (usize, T)>>(entries: I) -> Self {
        Self(entries.into_iter().collect())
    }
}

impl<T: Serialize> Serialize for ByResolution<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut map = serializer.serialize_map(Some(self.0.len()))?;
        for (resolution, value) in &self.0 {
            map.serialize_entry(&resolution.to_string(), value)?;
        }
        map.end()
    }
}

impl<'de, T: Deserialize<'de>> Deserialize<'de> for ByResolution<T> {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries<T>(std::marker::PhantomData<T>);

        impl<'de, T: Deserialize<'de>> Visitor<'de> for Entries<T> {
            type Value = ByResolution<T>;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("a table from resolutions to values")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut entries = BTreeMap::new();
                while let Some(key) = map.next_key::<String>()? {
                    let resolution = key.parse().map_err(|_| {
                        A::Error::custom(format!("`{key}` is not a resolution such as 64"))
                    })?;
                    entries.insert(resolution, map.next_value()?);
                }
                Ok(ByResolution(entries))
            }
        }

        deserializer.deserialize_map(Entries(std::marker::PhantomData))
    }
}
