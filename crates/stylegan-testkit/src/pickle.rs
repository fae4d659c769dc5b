//! Pickles of arrays, in protocol 2: what other programs' checkpoints are made of, for files that a test makes itself.

use std::collections::BTreeMap;

use candle_core::Tensor;

/// Adds a string.
pub fn text(out: &mut Vec<u8>, text: &str) {
    out.push(b'X');
    out.extend((text.len() as u32).to_le_bytes());
    out.extend(text.bytes());
}

/// Adds an integer.
pub fn int(out: &mut Vec<u8>, value: i64) {
    out.extend([0x8a, 8]);
    out.extend(value.to_le_bytes());
}

/// Adds a numpy array of singles.
pub fn array(out: &mut Vec<u8>, shape: &[usize], values: &[f32]) {
    out.extend(b"cnumpy.core.multiarray\n_reconstruct\ncnumpy\nndarray\nK\0\x85U\x01b\x87R(K\x01(");
    shape.iter().for_each(|&dim| int(out, dim as i64));
    out.extend(b"tcnumpy\ndtype\nU\x02f4K\0K\x01\x87R(K\x03U\x01<NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\0tb\x89T");
    out.extend((4 * values.len() as u32).to_le_bytes());
    values.iter().for_each(|value| out.extend(value.to_le_bytes()));
    out.extend(b"tb");
}

/// The file of a dictionary of arrays under `network`, or of the arrays alone where that is empty.
///
/// # Panics
/// If a tensor is not of singles.
pub fn state_dict(network: &str, tensors: &BTreeMap<String, Tensor>) -> Vec<u8> {
    let mut out = b"\x80\x02}(".to_vec();
    if !network.is_empty() {
        text(&mut out, network);
        out.extend(b"}(");
    }
    for (name, tensor) in tensors {
        text(&mut out, name);
        let values = tensor.flatten_all().and_then(|flat| flat.to_vec1());
        let values = values.unwrap_or_else(|error| panic!("{name}: {error}"));
        array(&mut out, tensor.dims(), &values);
    }
    out.extend(if network.is_empty() { &b"u."[..] } else { b"uu." });
    out
}
