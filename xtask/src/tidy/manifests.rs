//! Checks of the members' `Cargo.toml`: dependency edges, licences, lints, README.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::Path;

use toml::Table;

/// Which members each member may use outside of its tests. Arrows point one way only, so that a
/// reader of one crate has to know the crates on its line and nothing else.
const EDGES: &[(&str, &[&str])] = &[
    ("stylegan-ops", &[]),
    ("stylegan-progressive", &[]),
    ("stylegan-checkpoint", &[]),
    ("stylegan-testkit", &[]),
    ("stylegan-distributed", &[]),
    ("stylegan-layers", &["stylegan-ops"]),
    ("stylegan-losses", &["stylegan-ops"]),
    ("stylegan-dataset", &["stylegan-ops"]),
    ("stylegan-augment", &["stylegan-ops"]),
    ("stylegan-features", &["stylegan-checkpoint", "stylegan-ops"]),
    ("stylegan-metrics", &["stylegan-features", "stylegan-ops"]),
    ("stylegan-psp", &["stylegan-features", "stylegan-layers", "stylegan-ops"]),
    ("stylegan-mapping", &["stylegan-layers", "stylegan-ops"]),
    ("stylegan-synthesis", &["stylegan-layers", "stylegan-ops"]),
    ("stylegan-discriminator", &["stylegan-layers", "stylegan-ops"]),
    (
        "stylegan",
        &[
            "stylegan-checkpoint",
            "stylegan-discriminator",
            "stylegan-layers",
            "stylegan-mapping",
            "stylegan-ops",
            "stylegan-synthesis",
        ],
    ),
    ("stylegan-import", &["stylegan", "stylegan-checkpoint", "stylegan-features", "stylegan-ops"]),
    (
        "stylegan-trainer",
        &[
            "stylegan",
            "stylegan-augment",
            "stylegan-checkpoint",
            "stylegan-dataset",
            "stylegan-distributed",
            "stylegan-features",
            "stylegan-layers",
            "stylegan-losses",
            "stylegan-metrics",
            "stylegan-ops",
            "stylegan-progressive",
            "stylegan-psp",
        ],
    ),
    (
        "stylegan-parity",
        &[
            "stylegan",
            "stylegan-checkpoint",
            "stylegan-dataset",
            "stylegan-features",
            "stylegan-import",
            "stylegan-losses",
            "stylegan-metrics",
            "stylegan-ops",
            "stylegan-progressive",
            "stylegan-psp",
            "stylegan-testkit",
            "stylegan-trainer",
        ],
    ),
    (
        "xtask",
        &[
            "stylegan",
            "stylegan-checkpoint",
            "stylegan-dataset",
            "stylegan-distributed",
            "stylegan-features",
            "stylegan-import",
            "stylegan-layers",
            "stylegan-metrics",
            "stylegan-ops",
            "stylegan-parity",
            "stylegan-psp",
            "stylegan-testkit",
            "stylegan-trainer",
        ],
    ),
    ("stylegan-tests", &[]),
];

/// Packages from outside that a member must do without, with the reason.
const BANNED: &[(&str, &str, &str)] = &[
    ("stylegan-progressive", "candle-core", "the schedule is plain arithmetic"),
    ("stylegan-progressive", "candle-nn", "the schedule is plain arithmetic"),
    ("stylegan-dataset", "candle-nn", "a data set knows no network"),
    ("stylegan-losses", "candle-nn", "losses see closures, not networks"),
    ("stylegan-ops", "candle-nn", "ops hold no parameters"),
];

/// Fields that a member inherits from the workspace, so that they are right in one place.
const INHERITED: &[&str] = &["version", "edition", "rust-version", "license", "publish"];

/// Checks every member's manifest.
pub fn check(root: &Path) -> io::Result<Vec<String>> {
    let mut complaints = Vec::new();
    for folder in super::members(root)? {
        let path = folder.join("Cargo.toml");
        let shown = super::shown(root, &path);
        let manifest: Table = fs::read_to_string(&path)?
            .parse()
            .map_err(|error| io::Error::other(format!("{shown}: {error}")))?;
        let name = text(&manifest, "package", "name");
        let folder_name = folder.file_name().unwrap_or_default().to_string_lossy();
        if folder_name != "tests" && folder_name != name {
            complaints.push(format!("{shown}: package `{name}` does not bear its folder's name"));
        }
        complaints.extend(fields(&manifest).into_iter().map(|what| format!("{shown}: {what}")));
        complaints
            .extend(edges(&name, &manifest).into_iter().map(|what| format!("{shown}: {what}")));
        if folder_name.starts_with("stylegan") && !folder.join("README.md").is_file() {
            complaints.push(format!("{}: README.md is missing", super::shown(root, &folder)));
        }
    }
    for licence in ["LICENSE-MIT", "LICENSE-APACHE"] {
        if !root.join(licence).is_file() {
            complaints.push(format!("{licence} is missing"));
        }
    }
    Ok(complaints)
}

fn text(manifest: &Table, section: &str, key: &str) -> String {
    let value = manifest.get(section).and_then(|table| table.get(key));
    value.and_then(|value| value.as_str()).unwrap_or_default().to_owned()
}

fn inherits(manifest: &Table, section: &str, key: &str) -> bool {
    let field = if key.is_empty() {
        manifest.get(section)
    } else {
        manifest.get(section).and_then(|table| table.get(key))
    };
    field.and_then(|field| field.get("workspace")).and_then(|yes| yes.as_bool()) == Some(true)
}

fn fields(manifest: &Table) -> Vec<String> {
    let mut complaints = Vec::new();
    for key in INHERITED {
        if !inherits(manifest, "package", key) {
            complaints.push(format!("`{key}` is not inherited from the workspace"));
        }
    }
    if !inherits(manifest, "lints", "") {
        complaints.push("the workspace's lints are not inherited".to_owned());
    }
    if text(manifest, "package", "description").is_empty() {
        complaints.push("no description".to_owned());
    }
    complaints
}

fn edges(name: &str, manifest: &Table) -> Vec<String> {
    let Some((_, allowed)) = EDGES.iter().find(|(member, _)| *member == name) else {
        return vec![format!("`{name}` has no line in xtask/src/tidy/manifests.rs")];
    };
    let mut complaints = Vec::new();
    let empty = Table::new();
    let used = manifest.get("dependencies").and_then(|table| table.as_table()).unwrap_or(&empty);
    for dependency in used.keys().collect::<BTreeSet<_>>() {
        let member = dependency.starts_with("stylegan") || dependency == "xtask";
        if member && !allowed.contains(&dependency.as_str()) {
            complaints.push(format!("`{name}` must not depend on `{dependency}`"));
        }
        for (_, banned, reason) in BANNED.iter().filter(|(member, ..)| *member == name) {
            if dependency == banned {
                complaints.push(format!("`{name}` must not depend on `{banned}`: {reason}"));
            }
        }
    }
    for section in ["dependencies", "dev-dependencies"] {
        let table = manifest.get(section).and_then(|table| table.as_table()).unwrap_or(&empty);
        for (dependency, value) in table {
            if value.get("workspace").and_then(|yes| yes.as_bool()) != Some(true) {
                complaints.push(format!("the version of `{dependency}` is not the workspace's"));
            }
        }
    }
    complaints
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_upward_edge_and_a_banned_package_are_named() {
        let manifest: Table = "[dependencies]\nstylegan-layers.workspace = true\n\
            candle-nn.workspace = true\nserde = \"1\"\n"
            .parse()
            .unwrap();
        let complaints = edges("stylegan-ops", &manifest);
        assert!(complaints[0].contains("must not depend on `candle-nn`"), "{complaints:?}");
        assert!(complaints[1].contains("must not depend on `stylegan-layers`"), "{complaints:?}");
        assert!(complaints[2].contains("`serde` is not the workspace's"), "{complaints:?}");
        assert!(edges("stylegan-new", &manifest)[0].contains("has no line"));
    }

    #[test]
    fn missing_fields_are_named() {
        let manifest: Table = "[package]\nname = \"x\"\nversion.workspace = true".parse().unwrap();
        let complaints = fields(&manifest).join("\n");
        assert!(complaints.contains("`license`") && complaints.contains("lints"), "{complaints}");
        assert!(!complaints.contains("`version`"), "{complaints}");
    }
}
