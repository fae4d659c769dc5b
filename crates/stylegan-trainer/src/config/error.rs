//! What can be wrong with a configuration.

use stylegan_progressive::ScheduleError;

/// A configuration that cannot be used.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[non_exhaustive]
pub enum ConfigError {
    /// There is no such key.
    #[error("unknown key `{key}`{}", suggestion(nearest))]
    UnknownKey {
        /// The key, with its section.
        key: String,
        /// The known key that is most like it.
        nearest: Option<String>,
    },
    /// There is no such preset.
    #[error("unknown preset `{name}`{}", suggestion(nearest))]
    UnknownPreset {
        /// The name.
        name: String,
        /// The known preset that is most like it.
        nearest: Option<String>,
    },
    /// A value is not of its key's type.
    #[error("`{key}` cannot be {value}: {reason}")]
    BadValue {
        /// The key, with its section.
        key: String,
        /// The value as written.
        value: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The text is not TOML.
    #[error("{message}")]
    Syntax {
        /// The parser's message, with line and column.
        message: String,
    },
    /// A setting is not `key=value`.
    #[error("`{setting}` is not of the form section.key=value")]
    Setting {
        /// The setting.
        setting: String,
    },
    /// A value is of the right type, but impossible.
    #[error("`{key}` {problem}")]
    Invalid {
        /// The key, with its section.
        key: &'static str,
        /// What is wrong with it.
        problem: String,
    },
    /// The schedule is impossible.
    #[error("`schedule`: {0}")]
    Schedule(#[from] ScheduleError),
}

fn suggestion(nearest: &Option<String>) -> String {
    nearest.as_ref().map(|name| format!("; did you mean `{name}`?")).unwrap_or_default()
}
