//! The records of a file, read back.

use super::*;

fn records(path: &Path) -> Vec<Vec<u8>> {
    let bytes = fs::read(path).unwrap();
    let mut rest = bytes.as_slice();
    let mut records = Vec::new();
    let mut take = |n: usize| {
        let (head, tail) = rest.split_at(n);
        rest = tail;
        head.to_vec()
    };
    let mut left = bytes.len();
    while left > 0 {
        let length = take(8);
        assert_eq!(take(4), crc32c::masked(&length).to_le_bytes());
        let n = u64::from_le_bytes(length.try_into().unwrap()) as usize;
        let data = take(n);
        assert_eq!(take(4), crc32c::masked(&data).to_le_bytes());
        left -= n + 16;
        records.push(data);
    }
    records
}

fn contains(record: &[u8], part: &[u8]) -> bool {
    record.windows(part.len()).any(|window| window == part)
}

#[test]
fn a_file_has_a_version_a_start_and_its_events() {
    let folder = tempfile::tempdir().unwrap();
    let mut writer = EventWriter::create(&folder.path().join("tensorboard"), 300).unwrap();
    writer.scalars(316, &[("loss/generator", 0.5), ("lod", 2.0)]).unwrap();
    let grid = Grid { width: 2, height: 1, channels: 1, data: vec![0, 255] };
    writer.image(316, "fakes", &grid).unwrap();

    let records = records(&writer.path);
    assert_eq!(records.len(), 4);
    assert!(contains(&records[0], b"\x1a\x0dbrain.Event:2"));
    // Step 300, session log with status 1.
    assert!(records[1].ends_with(&[0x10, 0xac, 0x02, 0x3a, 0x02, 0x08, 0x01]));
    // Step 316, then tag and value: field 2, fixed 32 bits.
    assert!(contains(&records[2], &[0x10, 0xbc, 0x02]));
    let value = [&b"\x0a\x0eloss/generator\x15"[..], &0.5f32.to_le_bytes()].concat();
    assert!(contains(&records[2], &value));
    assert!(contains(&records[2], b"\x0a\x03lod\x15"));
    assert!(contains(&records[3], b"fakes"));
    assert!(contains(&records[3], &grid.to_png().unwrap()));
}

#[test]
fn a_resumed_run_writes_another_file() {
    let folder = tempfile::tempdir().unwrap();
    let first = EventWriter::create(folder.path(), 0).unwrap();
    let second = EventWriter::create(folder.path(), 16).unwrap();
    assert_ne!(first.path, second.path);
}
