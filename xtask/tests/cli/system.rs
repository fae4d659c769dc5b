//! What the operating system refuses: reading without permission, writing without room.

use std::fs::{self, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::{Command, Output};

use crate::harness::{Ran, lines, refused, xtask};

/// A user without rights, by convention.
const NOBODY: u32 = 65534;

/// Bytes of pixels of one picture of 64x64 with all its levels.
const PICTURE: usize = 3 * (64 * 64 + 32 * 32 + 16 * 16 + 8 * 8 + 4 * 4);

fn ran(output: std::io::Result<Output>) -> Option<Ran> {
    let output = output.ok()?;
    Some(Ran {
        code: output.status.code(),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    })
}

fn mode(path: &Path, mode: u32) {
    fs::set_permissions(path, Permissions::from_mode(mode)).unwrap();
}

/// Whoever runs this test cannot read a file without permissions, root aside, who runs the binary as nobody instead.
fn without_rights(folder: &Path, args: &[&str]) -> Option<Ran> {
    let mut command = Command::new(env!("CARGO_BIN_EXE_xtask"));
    command.args(args).current_dir(folder);
    let probe = folder.join("probe");
    fs::write(&probe, "x").unwrap();
    mode(&probe, 0o000);
    if fs::read(&probe).is_ok() {
        command.uid(NOBODY).gid(NOBODY);
    }
    fs::remove_file(&probe).unwrap();
    ran(command.output())
}

#[test]
fn files_that_may_not_be_read_are_named() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    mode(at, 0o777);
    let images = at.join("images");
    fs::create_dir(&images).unwrap();
    for number in 0..3 {
        let path = images.join(format!("{number}.png"));
        image::RgbImage::new(8, 8).save(path).unwrap();
    }
    fs::copy(at.join("images/0.png"), at.join("archive.zip")).unwrap();
    mode(&images.join("1.png"), 0o000);
    mode(&at.join("archive.zip"), 0o000);
    let prepare =
        |source: &str| without_rights(at, &["prepare", source, "set", "--resolution", "8"]);
    let Some(ran) = prepare("images") else {
        println!("skipped: the binary cannot be run by a user without rights");
        return;
    };
    refused(&ran, &["1.png", "Permission denied"]);
    assert!(!at.join("set").exists() && !at.join("set.partial").exists());
    refused(&prepare("archive.zip").unwrap(), &["archive.zip", "Permission denied"]);
    mode(&images, 0o000);
    refused(&prepare("images").unwrap(), &["images", "Permission denied"]);
    mode(&images, 0o755);
    // With the others it goes on, and says which it left out.
    let skipping = ["prepare", "images", "set", "--resolution", "8", "--skip-bad"];
    let ran = without_rights(at, &skipping).unwrap();
    assert!(ran.code == Some(0) && ran.err.contains("left out 1.png"), "{}", ran.err);
}

/// Files may not grow beyond a limit of the shell, as on a disk without room, except that the system says `file too large`.
#[test]
fn a_file_that_cannot_grow_stops_a_preparation_which_then_can_be_done() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    // Blocks of 512 bytes, and room for half of the pictures. So few are not worth a point to continue from: they are done again.
    let blocks = 100 * 3 * 64 * 64 / 512;
    let script = format!("trap '' XFSZ; ulimit -f {blocks}; exec \"$0\" \"$@\"");
    let prepare = ["prepare", "faces:200@64", "set", "--resolution", "64"];
    let mut command = Command::new("sh");
    command.args(["-c", &script, env!("CARGO_BIN_EXE_xtask")]).args(prepare).current_dir(at);
    let ran = ran(command.output()).unwrap();
    refused(&ran, &["cannot write", "pixels-64x64", "File too large", "continues where it was"]);
    assert!(!at.join("set").exists());
    let ran = xtask(at, prepare);
    assert_eq!(ran.code, Some(0), "{}", ran.err);
    assert!(lines(at, ["data", "check", "set"])[0].contains("all 200 images"));
    // The same as a set that was made in one go.
    lines(at, ["prepare", "faces:200@64", "again", "--resolution", "64"]);
    for file in ["pixels-64x64", "pixels-4x4", "names", "set.json"] {
        assert!(
            fs::read(at.join("set").join(file)).unwrap()
                == fs::read(at.join("again").join(file)).unwrap(),
            "{file}"
        );
    }
}

/// A real file system of half the size that the set needs, where one can be mounted.
#[test]
fn a_full_disk_stops_a_preparation() {
    let folder = tempfile::tempdir().unwrap();
    let at = folder.path();
    fs::create_dir(at.join("small")).unwrap();
    let bytes = 200 * PICTURE / 2;
    let mount = format!("mount -t tmpfs -o size={bytes} none small");
    let own = ["--user", "--map-root-user", "--mount", "sh", "-c"];
    let run = |script: &str| {
        let mut command = Command::new("unshare");
        command.args(own).args([script, env!("CARGO_BIN_EXE_xtask")]).current_dir(at);
        ran(command.output())
    };
    if run(&mount).is_none_or(|ran| ran.code != Some(0)) {
        println!("skipped: no file system can be mounted here");
        return;
    }
    let script = format!(
        "{mount} && cd small && \"$0\" prepare faces:200@64 set --resolution 64; code=$?; ls >&2; exit $code"
    );
    let ran = run(&script).unwrap();
    assert_eq!(ran.code, Some(1), "{}", ran.err);
    for words in ["cannot write set.partial", "No space left on device", "hint: ", "continues"] {
        assert!(ran.err.contains(words), "{words}: {}", ran.err);
    }
    assert!(ran.err.ends_with("\nset.partial\n"), "{}", ran.err);
}
