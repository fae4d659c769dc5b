use std::path::Path;

use super::*;
use crate::CheckpointError;

fn read(bytes: &[u8]) -> Result<Document, CheckpointError> {
    Document::from_bytes(Path::new("test.pkl"), bytes.to_vec(), &Limits::default())
}

fn fault(bytes: &[u8]) -> PickleFault {
    match read(bytes) {
        Err(CheckpointError::Pickle { source, .. }) => source,
        other => panic!("{other:?}"),
    }
}

#[test]
fn every_protocol_builds_the_same_values() {
    // {'a': [1, -2, 3.5, None, True], 'b': ('x', b'y')}, by hand in protocols 0, 1, 2 and 4.
    let texts: [&[u8]; 4] = [
        b"(dVa\n(lp0\nI1\naI-2\naF3.5\naNaI01\nasVb\n(Vx\nS'y'\nts.",
        b"}(X\x01\0\0\0a](K\x01J\xfe\xff\xff\xffG@\x0c\0\0\0\0\0\0NI01\neX\x01\0\0\0b(X\x01\0\0\0xU\x01ytu.",
        b"\x80\x02}q\0(X\x01\0\0\0a](K\x01\x8a\x01\xfeG@\x0c\0\0\0\0\0\0N\x88eX\x01\0\0\0bX\x01\0\0\0xU\x01y\x86u.",
        b"\x80\x04\x95\x04\0\0\0\0\0\0\0}\x94(\x8c\x01a](K\x01J\xfe\xff\xff\xffG@\x0c\0\0\0\0\0\0N\x88e\x8c\x01b\x8c\x01xC\x01y\x86u.",
    ];
    for text in texts {
        let document = read(text).unwrap();
        let root = document.root();
        let list = root.get("a").unwrap().items().unwrap();
        assert_eq!((list[0].as_i64(), list[1].as_i64()), (Some(1), Some(-2)));
        assert_eq!((list[2].as_f64(), list[4].as_bool()), (Some(3.5), Some(true)));
        assert!(list[3].is_none());
        let tuple = root.get("b").unwrap().items().unwrap();
        assert_eq!((tuple[0].as_str(), tuple[1].as_str()), (Some("x"), Some("y")));
    }
}

#[test]
fn calls_outside_the_table_are_refused_by_name() {
    for text in [
        b"cposix\nsystem\n(Vtouch x\ntR.".as_slice(),
        b"(Vtouch x\niposix\nsystem\n.",
        b"(cposix\nsystem\nVtouch x\no.",
        b"\x80\x04\x8c\x05posix\x8c\x06system\x93\x8c\x07touch x\x85R.",
    ] {
        assert_eq!(fault(text), PickleFault::Refused("posix.system".to_owned()));
    }
    assert!(matches!(fault(b"cbuiltins\neval\n(V1\ntR."), PickleFault::Refused(_)));
    assert!(matches!(fault(b"}(tR."), PickleFault::Refused(_)));
    assert!(matches!(fault(b"\x80\x02\x82\x01."), PickleFault::Refused(_)));
}

#[test]
fn classes_become_records() {
    let document = read(b"\x80\x02cmy.module\nThing\n)\x81}X\x01\0\0\0aK\x07sb.").unwrap();
    let root = document.root();
    assert_eq!(root.class(), Some(("my.module", "Thing")));
    assert_eq!(root.state().unwrap().get("a").unwrap().as_i64(), Some(7));
    assert_eq!(root.shown(), "<my.module.Thing>");
}

#[test]
fn what_is_cyclic_deep_or_large_is_refused() {
    assert_eq!(fault(b"\x80\x02]q\0h\0a."), PickleFault::Cyclic);
    let deep = [b"]".repeat(300), b"a".repeat(299), b".".to_vec()].concat();
    assert!(matches!(fault(&deep), PickleFault::Limit { what: "values inside each other", .. }));
    // A long list that claims 2^31 bytes, a string of 2^62, a storage that is not there.
    assert!(matches!(fault(b"\x80\x02B\0\0\0\x80xx."), PickleFault::Malformed(_)));
    assert!(matches!(fault(b"\x80\x04\x8d\0\0\0\0\0\0\0\x40xx."), PickleFault::Malformed(_)));
    assert!(matches!(fault(b"\x80\x02](K"), PickleFault::Truncated(_)));
    assert!(matches!(fault(b""), PickleFault::Truncated(_)));
    assert!(matches!(fault(b"not a pickle"), PickleFault::Malformed(_)));
    // Doubling by reference, thirty times: cheap to hold, and never unfolded.
    let doubling = [b"\x80\x02]".to_vec(), b"q\0]h\0ah\0a".repeat(30), b".".to_vec()].concat();
    assert!(read(&doubling).unwrap().root().shown().len() < 1000);
    let limits = Limits { values: 100, ..Limits::default() };
    let many = [b"(".to_vec(), b"]".repeat(200), b"t.".to_vec()].concat();
    let refused = Document::from_bytes(Path::new("x"), many, &limits).unwrap_err();
    assert!(refused.to_string().contains('x'));
}

/// An array of numpy, as protocol 2 of Python 2 has it.
fn array(shape: &[u8], code: &str, order: u8, fortran: bool, data: &[u8]) -> Vec<u8> {
    let mut text =
        b"\x80\x02cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\n(K\0tU\x01b\x87R(K\x01("
            .to_vec();
    for &dim in shape {
        text.extend([b'K', dim]);
    }
    text.extend(b"tcnumpy\ndtype\n(U");
    text.push(code.len() as u8);
    text.extend(code.as_bytes());
    text.extend(b"K\0K\x01tR(K\x03U\x01");
    text.push(order);
    text.extend(b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\0tb");
    text.push(if fortran { 0x88 } else { 0x89 });
    text.extend([b'U', data.len() as u8]);
    text.extend(data);
    text.extend(b"tb.");
    text
}

#[test]
fn arrays_of_either_order_and_layout() {
    let numbers: Vec<f32> = (0..6).map(|i| i as f32 - 2.5).collect();
    let little: Vec<u8> = numbers.iter().flat_map(|x| x.to_le_bytes()).collect();
    let big: Vec<u8> = numbers.iter().flat_map(|x| x.to_be_bytes()).collect();
    let wide: Vec<u8> = numbers.iter().flat_map(|x| f64::from(*x).to_be_bytes()).collect();
    let half: Vec<u8> =
        numbers.iter().flat_map(|x| half::f16::from_f32(*x).to_le_bytes()).collect();
    for (code, order, data) in
        [("f4", b'<', &little), ("f4", b'>', &big), ("f8", b'>', &wide), ("f2", b'<', &half)]
    {
        let document = read(&array(&[2, 3], code, order, false, data)).unwrap();
        let tensor = document.root().tensor().unwrap();
        assert_eq!((tensor.shape(), tensor.to_f32()), ([2, 3].as_slice(), numbers.clone()));
    }
    let document = read(&array(&[2, 3], "f4", b'<', true, &little)).unwrap();
    let columns = [-2.5, -0.5, 1.5, -1.5, 0.5, 2.5];
    assert_eq!(document.root().tensor().unwrap().to_f32(), columns);
    // Too few bytes for the shape; a type without numbers.
    assert!(matches!(
        fault(&array(&[2, 4], "f4", b'<', false, &little)),
        PickleFault::Malformed(_)
    ));
    let objects = read(&array(&[1], "O8", b'|', false, &[])).unwrap();
    assert!(objects.root().tensor().is_none());
}
