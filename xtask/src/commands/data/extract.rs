//! `cargo xtask data extract`: back to PNG files.

use std::fs;
use std::path::{Component, Path, PathBuf};

use rayon::prelude::*;
use serde::Serialize;
use stylegan_dataset::{Progress, Source};

use crate::collection::{Bar, open};
use crate::failure::{Failure, OrFail};
use crate::picture::Picture;
use crate::printer::Printer;

/// What was typed.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// The collection
    #[arg(value_name = "SRC")]
    pub source: String,
    /// The folder to write to; nothing may be there
    #[arg(value_name = "DIR")]
    pub dest: PathBuf,
    /// At most so many images
    #[arg(long, value_name = "N")]
    pub max_images: Option<usize>,
}

#[derive(Serialize)]
struct Extracted<'a> {
    folder: &'a Path,
    images: usize,
}

/// Writes each image under its name, and a `dataset.json` if there are labels: what comes out can be
/// prepared again.
///
/// # Errors
///
/// When the collection cannot be read or the folder not be written.
pub fn run(args: &Args, printer: Printer) -> Result<(), Failure> {
    let source = open(&args.source, false)?;
    let total = source.len().min(args.max_images.unwrap_or(usize::MAX));
    let dest = &args.dest;
    if dest.exists() {
        return Err(Failure::user(format!("`{}` is there already", dest.display()))
            .hint("name another folder"));
    }
    let mut partial = dest.file_name().unwrap_or_default().to_owned();
    partial.push(".partial");
    let partial = dest.with_file_name(partial);
    let written = write(source.as_ref(), total, &partial, printer);
    if let Err(failure) = written {
        let _ = fs::remove_dir_all(&partial);
        return Err(failure);
    }
    fs::rename(&partial, dest)
        .or_user_with(|| format!("cannot write `{}`", dest.display()))
        .map_err(|failure| failure.hint("check that the folder may be written"))?;
    printer.data(&dest.display().to_string(), &Extracted { folder: dest, images: total })
}

fn write(
    source: &dyn Source,
    total: usize,
    folder: &Path,
    printer: Printer,
) -> Result<(), Failure> {
    if folder.exists() {
        fs::remove_dir_all(folder)
            .or_user_with(|| format!("cannot remove `{}`", folder.display()))?;
    }
    fs::create_dir_all(folder).or_user_with(|| format!("cannot make `{}`", folder.display()))?;
    let names: Vec<String> =
        (0..total).map(|index| file_name(&source.name(index), index)).collect();
    let bar = Bar::new(printer, "images written");
    let done = std::sync::atomic::AtomicUsize::new(0);
    (0..total).into_par_iter().try_for_each(|index| {
        let path = folder.join(&names[index]);
        if let Some(parent) = path.parent() {
            fs::create_dir_all(parent)
                .or_user_with(|| format!("cannot make `{}`", parent.display()))?;
        }
        let pixels = source.read(index).and_then(|raw| raw.decode(None)).map_err(|reason| {
            Failure::user(format!("cannot read {}: {reason}", source.name(index)))
                .hint("`cargo xtask data check` lists every image that cannot be read")
        })?;
        Picture {
            width: pixels.width,
            height: pixels.height,
            channels: pixels.channels,
            data: pixels.data,
        }
        .save(&path)?;
        let done = 1 + done.fetch_add(1, std::sync::atomic::Ordering::Relaxed);
        bar.report(Progress { done, total });
        Ok::<(), Failure>(())
    })?;
    let labels = source.labels();
    if labels.dim() == 0 {
        return Ok(());
    }
    let label = |index: usize| match labels.class(index) {
        Some(class) => serde_json::json!([names[index], class]),
        None => serde_json::json!([names[index], labels.get(index)]),
    };
    let labels: Vec<_> = (0..total).map(label).collect();
    let path = folder.join("dataset.json");
    fs::write(&path, serde_json::json!({ "labels": labels }).to_string())
        .or_user_with(|| format!("cannot write `{}`", path.display()))
}

/// A name that stays in the folder and ends in `.png`; the number where the image's own does not do.
fn file_name(name: &str, index: usize) -> String {
    let plain = Path::new(name).components().all(|part| matches!(part, Component::Normal(_)));
    if name.is_empty() || !plain || name.contains(['\\', ':']) {
        return format!("{index:08}.png");
    }
    match name.rsplit_once('.') {
        Some((stem, "png")) => format!("{stem}.png"),
        // Two images may differ in their endings only.
        _ => format!("{name}.png"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_stay_in_the_folder() {
        assert_eq!(file_name("a/b.png", 1), "a/b.png");
        assert_eq!(file_name("a/b.jpg", 1), "a/b.jpg.png");
        assert_eq!(file_name("00042", 1), "00042.png");
        for name in ["", "../a.png", "/etc/a.png", "a\\b", "c:x"] {
            assert_eq!(file_name(name, 7), "00000007.png");
        }
    }
}
