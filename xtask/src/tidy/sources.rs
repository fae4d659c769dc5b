//! Checks of the Rust sources: module docs, sizes, printing, unwrapping, ignored tests, `unsafe`.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

/// The longest source file, in lines. A file that outgrows it wants splitting by concept.
const LONGEST: usize = 400;

/// The places besides the kernels that need `unsafe`: they map a file into memory, speak to the allocator, or open shared libraries.
const MEMORY: [&str; 4] = [
    "stylegan-checkpoint/src/data.rs",
    "native/map.rs",
    "xtask/src/memory.rs",
    "xtask/src/libraries/forwarding.rs",
];

/// What each kind of line would mean in a library, and the rule it breaks.
const IN_LIBRARIES: &[(&str, &str)] = &[
    ("println!", "only xtask prints"),
    ("print!(", "only xtask prints"),
    ("eprint", "only xtask prints"),
    ("dbg!", "only xtask prints"),
    (".unwrap()", "a library returns its errors"),
    (".expect(", "a library returns its errors"),
    ("todo!", "no stubs"),
    ("unimplemented!", "no stubs"),
];

/// Checks every Rust file of the workspace's members.
pub fn check(root: &Path) -> io::Result<Vec<String>> {
    let mut complaints = Vec::new();
    for folder in super::members(root)? {
        let library = folder.starts_with(root.join("crates"));
        let mut files = Vec::new();
        rust_files(&folder, &mut files)?;
        for path in files {
            let inside = path.strip_prefix(&folder).unwrap_or(&path);
            let tests = is_test_file(inside);
            let shipped = library && inside.starts_with("src") && !tests;
            // The kernels, and the places that map a file into memory.
            let kernels =
                folder.ends_with("stylegan-ops") || MEMORY.iter().any(|map| path.ends_with(map));
            let shown = super::shown(root, &path);
            let source = fs::read_to_string(&path)?;
            // What a file of tests is, its name says.
            if !tests && !is_documented(&source) {
                complaints.push(format!("{shown}: no module documentation (`//!`) at the top"));
            }
            complaints.extend(
                file(&source, shipped, kernels).into_iter().map(|what| format!("{shown}{what}")),
            );
        }
    }
    Ok(complaints)
}

fn rust_files(folder: &Path, files: &mut Vec<PathBuf>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            if path.file_name().is_some_and(|name| name != "target") {
                rust_files(&path, files)?;
            }
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    Ok(())
}

fn is_test_file(inside: &Path) -> bool {
    let stem = inside.file_stem().unwrap_or_default().to_string_lossy();
    stem == "tests" || inside.components().any(|part| part.as_os_str() == "tests")
}

fn is_documented(source: &str) -> bool {
    ["//!", "#![doc"].iter().any(|start| source.trim_start().starts_with(start))
}

/// Complaints about one file, each beginning with `:` and, where there is one, the line's number.
fn file(source: &str, shipped: bool, kernels: bool) -> Vec<String> {
    let mut complaints = Vec::new();
    let length = source.lines().count();
    if length > LONGEST {
        complaints.push(format!(": {length} lines, more than {LONGEST}"));
    }
    let lines: Vec<&str> = source.lines().collect();
    let mut in_tests = false;
    for (index, line) in lines.iter().enumerate() {
        let number = index + 1;
        let code = line.split("//").next().unwrap_or_default();
        // An inline test module closes the file by convention: all that follows it is test code.
        let next = lines.get(index + 1).unwrap_or(&"");
        in_tests |= code.starts_with("#[cfg(test)]") && next.trim_end().ends_with('{');
        if code.trim() == concat!("#[", "ignore]") {
            complaints.push(format!(":{number}: an ignored test says no reason"));
        }
        if code.contains(concat!("unsafe", " ")) && !kernels && !code.contains('"') {
            complaints.push(format!(
                ":{number}: `unsafe` outside of the kernels and what handles memory"
            ));
        }
        if shipped && !in_tests {
            for (found, rule) in IN_LIBRARIES.iter().filter(|(text, _)| code.contains(text)) {
                complaints.push(format!(":{number}: `{found}`: {rule}"));
            }
        }
    }
    complaints
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_library_that_prints_or_unwraps_is_named_by_line() {
        let source =
            "//! Docs.\nfn f() {\n    println!(\"x\");\n    g().unwrap(); // .expect(\n}\n";
        let found = file(source, true, true);
        assert_eq!(found.len(), 2, "{found:?}");
        assert!(found[0].starts_with(":3: `println!`"), "{found:?}");
        assert!(found[1].starts_with(":4: `.unwrap()`"), "{found:?}");
        assert!(file(source, false, true).is_empty());
    }

    #[test]
    fn test_modules_may_unwrap_but_not_ignore_silently() {
        // In two pieces, as above: this file ignores no test itself.
        let ignored = concat!("#[", "ignore]");
        let source = format!(
            "//! Docs.\n#[cfg(test)]\nmod tests {{\n    {ignored}\n    fn f() {{ g().unwrap() }}\n}}\n"
        );
        let found = file(&source, true, true);
        assert_eq!(found, [":4: an ignored test says no reason"]);
    }

    #[test]
    fn missing_docs_and_long_files_are_named() {
        let source = "fn f() {}\n".repeat(LONGEST + 1);
        assert!(!is_documented(&source) && is_documented("//! Docs.\n"));
        let found = file(&source, true, true);
        assert!(found[0].contains("401 lines"), "{found:?}");
    }
}
