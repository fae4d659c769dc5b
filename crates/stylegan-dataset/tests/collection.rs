//! Folders of images of every kind, good and bad.

#![allow(
    clippy::unwrap_used,
    reason = "helpers of tests stop at what they did not expect, as tests do"
)]

use std::fs;
use std::path::Path;
use std::sync::atomic::{AtomicUsize, Ordering};

use image::{DynamicImage, ImageBuffer, ImageFormat, Luma, LumaA, Rgb, RgbImage, Rgba};
use proptest::prelude::*;
use stylegan_dataset::source::ImageFolder;
use stylegan_dataset::{
    Collection, CollectionOptions, Dataset, DatasetError, Image, OpenOptions, Progress, open,
    silent,
};
use tempfile::TempDir;

fn options(height: usize, width: usize, channels: usize) -> CollectionOptions {
    CollectionOptions { resolution: (height, width), channels, ..CollectionOptions::default() }
}

fn rgb(width: u32, height: u32) -> RgbImage {
    RgbImage::from_fn(width, height, |x, y| Rgb([(x * 40) as u8, (y * 50) as u8, 90]))
}

fn save(folder: &Path, name: &str, image: impl Into<DynamicImage>) {
    let path = folder.join(name);
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    image.into().save(path).unwrap();
}

/// The images of a folder, with a class per sub-folder if wanted.
fn open_as(
    path: &Path,
    options: CollectionOptions,
    class_per_folder: bool,
) -> Result<Collection, DatasetError> {
    let source = ImageFolder::open(path, class_per_folder)?;
    Collection::new(Box::new(source), options, &silent)
}

fn open_folder(path: &Path, options: CollectionOptions) -> Result<Collection, DatasetError> {
    open_as(path, options, false)
}

/// The one picture of a folder.
fn only(folder: &Path, options: CollectionOptions) -> Image {
    let folder = open_folder(folder, options).unwrap();
    assert_eq!(folder.len(), 1);
    folder.get(0).unwrap().image
}

/// `[channels, height, width]` of an image's pixels.
fn planes(image: &DynamicImage, channels: usize) -> Vec<u8> {
    let pixels = match channels {
        1 => image.to_luma8().into_raw(),
        3 => image.to_rgb8().into_raw(),
        _ => image.to_rgba8().into_raw(),
    };
    (0..channels).flat_map(|c| pixels.iter().skip(c).step_by(channels).copied()).collect()
}

#[test]
fn lossless_formats_come_back_exactly() {
    for format in ["png", "bmp", "webp", "gif"] {
        let dir = TempDir::new().unwrap();
        let image = DynamicImage::from(rgb(6, 5));
        save(dir.path(), &format!("a.{format}"), image.clone());
        let expected = if format == "gif" {
            // A GIF has a palette: compare with what it holds.
            image::open(dir.path().join("a.gif")).unwrap()
        } else {
            image
        };
        for channels in [1, 3, 4] {
            let picture = only(dir.path(), options(5, 6, channels));
            assert_eq!(picture.data, planes(&expected, channels), "{format}, {channels} channels");
        }
    }
}

#[test]
fn jpeg_comes_back_nearly() {
    let dir = TempDir::new().unwrap();
    let image = RgbImage::from_fn(32, 32, |x, y| Rgb([(x * 7) as u8, (y * 7) as u8, 128]));
    save(dir.path(), "a.jpg", image.clone());
    let picture = only(dir.path(), options(32, 32, 3));
    for (got, want) in picture.data.iter().zip(planes(&image.into(), 3)) {
        assert!(got.abs_diff(want) < 40);
    }
}

#[test]
fn deep_grey_and_transparent_images_become_what_is_asked_for() {
    // 16 bits: 257 is one step of a byte.
    let deep: ImageBuffer<Rgb<u16>, _> =
        ImageBuffer::from_fn(4, 4, |x, y| Rgb([257 * x as u16 * 20, 257 * y as u16 * 30, 257 * 9]));
    let dir = TempDir::new().unwrap();
    save(dir.path(), "deep.png", deep);
    let picture = only(dir.path(), options(4, 4, 3));
    assert_eq!(&picture.data[..4], [0, 20, 40, 60]);
    assert_eq!([picture.data[20], picture.data[47]], [30, 9]);

    let dir = TempDir::new().unwrap();
    let grey: ImageBuffer<Luma<u16>, _> =
        ImageBuffer::from_fn(4, 4, |x, _| Luma([257 * x as u16 * 50]));
    save(dir.path(), "grey.png", grey);
    assert_eq!(only(dir.path(), options(4, 4, 3)).data, [0, 50, 100, 150].repeat(12));
    assert_eq!(only(dir.path(), options(4, 4, 1)).data, [0, 50, 100, 150].repeat(4));

    let dir = TempDir::new().unwrap();
    let faded = ImageBuffer::from_fn(4, 4, |x, _| LumaA([10, [0u8, 85, 170, 255][x as usize]]));
    save(dir.path(), "faded.png", faded);
    // 10 on white: 255 - 245 * alpha.
    assert_eq!(only(dir.path(), options(4, 4, 1)).data, [255, 173, 92, 10].repeat(4));
    assert_eq!(only(dir.path(), options(4, 4, 3)).data, [255, 173, 92, 10].repeat(12));
    let rgba = only(dir.path(), options(4, 4, 4)).data;
    assert_eq!(rgba[48..52], [0, 85, 170, 255]);
    assert_eq!(rgba[1..4], [10, 10, 10]);

    let dir = TempDir::new().unwrap();
    let cut: ImageBuffer<Rgba<u8>, _> =
        ImageBuffer::from_fn(4, 4, |x, _| Rgba([200, 100, 0, if x < 2 { 255 } else { 0 }]));
    save(dir.path(), "cut.png", cut);
    let picture = only(dir.path(), options(4, 4, 3)).data;
    assert_eq!(picture[..4], [200, 200, 255, 255]);
    assert_eq!(picture[32..36], [0, 0, 255, 255]);
}

/// The bytes of a PNG chunk.
fn chunk(kind: &[u8; 4], data: &[u8]) -> Vec<u8> {
    let body = [&kind[..], data].concat();
    let crc = !body.iter().fold(!0u32, |crc, &byte| {
        (0..8).fold(
            crc ^ u32::from(byte),
            |c, _| if c & 1 == 1 { c >> 1 ^ 0xEDB8_8320 } else { c >> 1 },
        )
    });
    [&(data.len() as u32).to_be_bytes()[..], &body, &crc.to_be_bytes()].concat()
}

#[test]
fn palettes_are_looked_up() {
    // 4x4, two bits a pixel, entry x in each row; entry 3 is transparent.
    let raw = [0u8, 0b0001_1011].repeat(4);
    let sum = raw.iter().fold((1u32, 0u32), |(a, b), &v| (a + u32::from(v), b + a + u32::from(v)));
    let adler = (sum.1 % 65521) << 16 | (sum.0 % 65521);
    let mut zlib = vec![0x78, 0x01, 0x01, 8, 0, 0xF7, 0xFF];
    zlib.extend(&raw);
    zlib.extend(adler.to_be_bytes());
    let png = [
        b"\x89PNG\r\n\x1a\n".to_vec(),
        chunk(b"IHDR", &[0, 0, 0, 4, 0, 0, 0, 4, 2, 3, 0, 0, 0]),
        chunk(b"PLTE", &[1, 2, 3, 40, 50, 60, 0, 255, 0, 9, 9, 9]),
        chunk(b"tRNS", &[255, 255, 255, 0]),
        chunk(b"IDAT", &zlib),
        chunk(b"IEND", &[]),
    ];
    let dir = TempDir::new().unwrap();
    fs::write(dir.path().join("palette.png"), png.concat()).unwrap();
    let picture = only(dir.path(), options(4, 4, 3)).data;
    assert_eq!(picture[..4], [1, 40, 0, 255]);
    assert_eq!(picture[16..20], [2, 50, 255, 255]);
    assert_eq!(picture[32..36], [3, 60, 0, 255]);
}

#[test]
fn exif_orientation_turns_the_image_upright() {
    let dir = TempDir::new().unwrap();
    let image =
        RgbImage::from_fn(32, 16, |x, _| if x < 16 { Rgb([255, 0, 0]) } else { Rgb([0, 0, 255]) });
    let mut jpeg = Vec::new();
    DynamicImage::from(image)
        .write_to(&mut std::io::Cursor::new(&mut jpeg), ImageFormat::Jpeg)
        .unwrap();
    // Orientation 6: turn a quarter to the right. A minimal big-endian EXIF block with one entry.
    let tiff = b"Exif\0\0MM\0\x2A\0\0\0\x08\0\x01\x01\x12\0\x03\0\0\0\x01\0\x06\0\0\0\0\0\0";
    let mut turned = jpeg[..2].to_vec();
    turned.extend([0xFF, 0xE1]);
    turned.extend((tiff.len() as u16 + 2).to_be_bytes());
    turned.extend(tiff);
    turned.extend(&jpeg[2..]);
    fs::write(dir.path().join("a.jpg"), turned).unwrap();
    let picture = only(dir.path(), options(32, 16, 3)).data;
    // Red above, blue below.
    assert!(picture[16 * 4] > 200 && picture[16 * 28] < 60);
    assert!(picture[2 * 512 + 16 * 4] < 60 && picture[2 * 512 + 16 * 28] > 200);
}

#[test]
fn finds_images_at_any_depth_by_name_or_content() {
    let dir = TempDir::new().unwrap();
    for name in
        ["b/deep/er/1.png", "a.png", "b/0.bmp", ".hidden/x.png", "c/.y.png", "__MACOSX/z.png"]
    {
        save(dir.path(), name, rgb(8, 8));
    }
    fs::rename(dir.path().join("b/0.bmp"), dir.path().join("b/0")).unwrap();
    fs::copy(dir.path().join("a.png"), dir.path().join("misnamed.jpg")).unwrap();
    fs::write(dir.path().join("notes.txt"), "not an image").unwrap();
    let folder = open_folder(dir.path(), options(8, 8, 3)).unwrap();
    let names: Vec<_> = (0..folder.len()).map(|i| folder.name(i).unwrap()).collect();
    assert_eq!(names, ["a.png", "b/0", "b/deep/er/1.png", "misnamed.jpg"]);
    assert_eq!(folder.report().ignored, 1);
    assert_eq!(folder.get(0).unwrap(), folder.get(3).unwrap());
    assert_eq!(folder.label_dim(), 0);
    assert!(folder.warnings().is_empty());
}

#[test]
fn classes_are_sub_folders_in_the_order_of_their_names() {
    let dir = TempDir::new().unwrap();
    for name in ["dog/1.png", "cat/2.png", "cat/more/3.png", "zebra/4.png"] {
        save(dir.path(), name, rgb(8, 8));
    }
    fs::create_dir(dir.path().join("empty")).unwrap();
    let folder = open_as(dir.path(), options(8, 8, 3), true).unwrap();
    assert_eq!(folder.label_names(), ["cat", "dog", "zebra"]);
    let counts: Vec<_> = folder.report().classes.iter().map(|(_, count)| *count).collect();
    assert_eq!(counts, [2, 1, 1]);
    let labels: Vec<_> = (0..4).map(|i| folder.get(i).unwrap().label).collect();
    assert_eq!(labels, [[1., 0., 0.], [1., 0., 0.], [0., 1., 0.], [0., 0., 1.]]);

    save(dir.path(), "stray.png", rgb(8, 8));
    let error = open_as(dir.path(), options(8, 8, 3), true).unwrap_err();
    assert!(matches!(&error, DatasetError::NoClass { count: 1, first } if first == "stray.png"));
    assert!(error.hint().is_some());
}

#[test]
fn bad_images_are_named_or_skipped_and_counted() {
    let dir = TempDir::new().unwrap();
    for name in ["1.png", "3.png", "5.bmp"] {
        save(dir.path(), name, rgb(8, 8));
    }
    let whole = fs::read(dir.path().join("1.png")).unwrap();
    fs::write(dir.path().join("2.png"), &whole[..whole.len() / 2]).unwrap();
    fs::write(dir.path().join("4.jpg"), "no image").unwrap();
    fs::write(dir.path().join("6.png"), "").unwrap();

    let error = open_folder(dir.path(), options(8, 8, 3)).unwrap_err();
    let DatasetError::BadImages { count: 3, total: 6, ref first, .. } = error else {
        panic!("{error}")
    };
    assert_eq!(first, "2.png");
    assert!(error.hint().unwrap().contains("--skip-bad"));

    let skip = CollectionOptions { skip_bad: true, ..options(8, 8, 3) };
    let folder = open_folder(dir.path(), skip.clone()).unwrap();
    assert_eq!(folder.len(), 3);
    let bad: Vec<_> = folder.report().bad.iter().map(|(name, _)| name.as_str()).collect();
    assert_eq!(bad, ["2.png", "4.jpg", "6.png"]);
    assert_eq!(folder.report().bad[2].1, "the file is empty");
    assert!(folder.warnings()[0].contains("3 images were left out; the first is 2.png"));
    assert_eq!(folder.name(1).as_deref(), Some("3.png"));
    assert_eq!(folder.get(1).unwrap(), folder.get(0).unwrap());

    for name in ["1.png", "3.png", "5.bmp"] {
        fs::remove_file(dir.path().join(name)).unwrap();
    }
    let error = open_folder(dir.path(), skip).unwrap_err();
    assert!(matches!(error, DatasetError::AllBad { count: 3, .. }), "{error}");
}

#[test]
fn missing_empty_and_odd_paths_are_told_apart() {
    let dir = TempDir::new().unwrap();
    let file = dir.path().join("file.png");
    let try_open = |path: &Path| open_folder(path, options(8, 8, 3)).unwrap_err();
    assert!(matches!(try_open(&file), DatasetError::NotFound { .. }));
    save(dir.path(), "file.png", rgb(8, 8));
    assert!(matches!(try_open(&file), DatasetError::UnknownFile { .. }));
    let empty = TempDir::new().unwrap();
    fs::write(empty.path().join("notes.txt"), "none here").unwrap();
    let error = try_open(empty.path());
    assert!(matches!(error, DatasetError::Empty { ignored: 1, .. }));
    assert!(error.to_string().contains(empty.path().to_str().unwrap()));
    let error = open_folder(dir.path(), options(8, 8, 2)).unwrap_err();
    assert!(matches!(error, DatasetError::Channels { channels: 2 }));
}

#[test]
fn small_images_are_counted_after_the_crop() {
    let dir = TempDir::new().unwrap();
    for (name, width, height) in [("a.png", 20, 12), ("b.png", 16, 11), ("c.png", 16, 12)] {
        save(dir.path(), name, rgb(width, height));
    }
    let folder = open_folder(dir.path(), options(12, 16, 3)).unwrap();
    assert_eq!(folder.report().smaller, 1);
    assert_eq!(folder.warnings(), ["1 of 3 images are smaller than 12x16 and were enlarged"]);
}

#[test]
fn memory_makes_no_difference_but_speed() {
    let dir = TempDir::new().unwrap();
    for i in 0..5 {
        save(dir.path(), &format!("{i}.png"), rgb(9 + i, 14));
    }
    let kept = open_folder(dir.path(), options(8, 8, 3)).unwrap();
    let limit = CollectionOptions { cache_bytes: 5 * 192 - 1, ..options(8, 8, 3) };
    let read = open_folder(dir.path(), limit).unwrap();
    assert!(kept.report().cached && !read.report().cached);
    assert_eq!(kept.fingerprint(), read.fingerprint());
    for i in 0..5 {
        assert_eq!(kept.get(i).unwrap(), read.get(i).unwrap());
    }
    fs::remove_file(dir.path().join("2.png")).unwrap();
    assert!(kept.get(2).is_ok());
    let error = read.get(2).unwrap_err();
    assert!(error.to_string().contains("2.png"), "{error}");
}

#[test]
fn fingerprints_follow_the_content() {
    let dir = TempDir::new().unwrap();
    save(dir.path(), "a.png", rgb(8, 8));
    save(dir.path(), "b.png", rgb(8, 9));
    let print = |options| open_folder(dir.path(), options).unwrap().fingerprint();
    let first = print(options(8, 8, 3));
    assert_eq!(print(options(8, 8, 3)), first);
    assert_ne!(print(options(8, 8, 1)), first);
    fs::rename(dir.path().join("b.png"), dir.path().join("c.png")).unwrap();
    let renamed = print(options(8, 8, 3));
    assert_ne!(renamed, first);
    save(dir.path(), "c.png", rgb(9, 8));
    assert_ne!(print(options(8, 8, 3)), renamed);
}

#[test]
fn progress_counts_every_image() {
    let dir = TempDir::new().unwrap();
    for i in 0..7 {
        save(dir.path(), &format!("{i}.png"), rgb(8, 8));
    }
    let (calls, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let count = |progress: Progress| {
        assert_eq!(progress.total, 7);
        calls.fetch_add(1, Ordering::Relaxed);
        most.fetch_max(progress.done, Ordering::Relaxed);
    };
    let spec = dir.path().to_str().unwrap();
    let data = open(spec, &OpenOptions::default(), &count).unwrap();
    assert_eq!((data.len(), data.resolution(), data.channels()), (7, (32, 32), 3));
    assert_eq!((calls.into_inner(), most.into_inner()), (7, 7));
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    /// A file cut anywhere is named, unless nothing that was cut was part of the picture.
    #[test]
    fn truncated_files_are_never_taken_for_whole(kind in 0usize..4, cut in 0.0f64..1.0) {
        let name = ["a.png", "a.jpg", "a.webp", "a.bmp"][kind];
        let dir = TempDir::new().unwrap();
        save(dir.path(), name, rgb(13, 11));
        let whole = only(dir.path(), options(11, 13, 3));
        let bytes = fs::read(dir.path().join(name)).unwrap();
        let keep = (bytes.len() as f64 * cut) as usize;
        fs::write(dir.path().join(name), &bytes[..keep]).unwrap();
        match open_folder(dir.path(), options(11, 13, 3)) {
            Ok(folder) => prop_assert_eq!(folder.get(0).unwrap().image, whole, "{} of {}", keep, bytes.len()),
            Err(error) => prop_assert!(error.to_string().contains(name), "{}", error),
        }
    }

    /// Damaged bytes give an error or a picture, and end nothing.
    #[test]
    fn damaged_files_do_no_harm(kind in 0usize..5, damage in proptest::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..12)) {
        let name = ["a.png", "a.jpg", "a.webp", "a.bmp", "a.gif"][kind];
        let dir = TempDir::new().unwrap();
        save(dir.path(), name, rgb(13, 11));
        let mut bytes = fs::read(dir.path().join(name)).unwrap();
        for (at, value) in damage {
            let at = at.index(bytes.len());
            bytes[at] = value;
        }
        fs::write(dir.path().join(name), &bytes).unwrap();
        match open_folder(dir.path(), options(8, 8, 3)) {
            Ok(folder) => prop_assert_eq!(folder.get(0).unwrap().image.data.len(), 192),
            Err(error) => prop_assert!(error.to_string().contains(name), "{}", error),
        }
    }
}
