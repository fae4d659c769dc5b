//! Writing the pickle of a PyTorch file: dictionaries of tensors, in protocol 2.

use std::collections::BTreeMap;

use super::Foreign;

/// A pickle of a dictionary of state dictionaries, whose storages are numbered in order; one without a name is the
/// whole file.
pub(super) fn state_dicts(networks: &[(&str, &BTreeMap<String, Foreign>)]) -> Vec<u8> {
    let mut text = b"\x80\x02}(".to_vec();
    let mut storage = 0;
    for (name, tensors) in networks {
        let nested = !name.is_empty();
        if nested {
            string(&mut text, name);
            text.extend(b"ccollections\nOrderedDict\n)R(");
        }
        for (name, tensor) in *tensors {
            string(&mut text, name);
            rebuild(&mut text, storage, tensor);
            storage += 1;
        }
        if nested {
            text.push(b'u');
        }
    }
    text.extend(b"u.");
    text
}

/// `_rebuild_tensor_v2(storage, 0, shape, strides, False, OrderedDict())`.
fn rebuild(text: &mut Vec<u8>, storage: usize, tensor: &Foreign) {
    text.extend(b"ctorch._utils\n_rebuild_tensor_v2\n((");
    string(text, "storage");
    text.extend(b"ctorch\nFloatStorage\n");
    string(text, &storage.to_string());
    string(text, "cpu");
    integer(text, tensor.values.len());
    text.extend(b"tQK\0(");
    tensor.shape.iter().for_each(|&dim| integer(text, dim));
    text.extend(b"t(");
    let mut step = tensor.shape.iter().product::<usize>();
    for &dim in &tensor.shape {
        step /= dim.max(1);
        integer(text, step);
    }
    text.extend(b"t\x89ccollections\nOrderedDict\n)RtR");
}

fn string(text: &mut Vec<u8>, string: &str) {
    text.push(b'X');
    text.extend((string.len() as u32).to_le_bytes());
    text.extend(string.bytes());
}

/// A size, which stays far below 2^63.
fn integer(text: &mut Vec<u8>, value: usize) {
    text.extend([0x8a, 8]);
    text.extend((value as u64).to_le_bytes());
}
