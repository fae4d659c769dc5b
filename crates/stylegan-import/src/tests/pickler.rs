//! Writes the pickles of TensorFlow's networks, for the layouts that no golden file has.

use std::collections::BTreeMap;

use stylegan_testkit::pickle::{array, int, text};

use crate::table::Rule;
use crate::{Converted, Model};

/// A value to be written.
pub enum Item {
    Int(i64),
    Bool(bool),
}

/// A `Network` object with these settings and variables; names under `mapping/` and `synthesis/` go into components.
pub fn network(
    module: &str,
    function: &str,
    settings: &[(&str, Item)],
    variables: &BTreeMap<String, (Vec<usize>, Vec<f32>)>,
) -> Vec<u8> {
    let mut out = Vec::new();
    object(&mut out, module, function, settings, variables, &["mapping/", "synthesis/"]);
    out
}

fn object(
    out: &mut Vec<u8>,
    module: &str,
    function: &str,
    settings: &[(&str, Item)],
    variables: &BTreeMap<String, (Vec<usize>, Vec<f32>)>,
    components: &[&str],
) {
    out.extend(format!("c{module}\nNetwork\n)").bytes());
    out.extend(b"\x81}(");
    text(out, "version");
    int(out, 3);
    text(out, "build_func_name");
    text(out, function);
    text(out, "static_kwargs");
    out.extend(b"}(");
    for (key, item) in settings {
        text(out, key);
        match item {
            Item::Int(value) => int(out, *value),
            Item::Bool(value) => out.push(0x88 + u8::from(!value)),
        }
    }
    out.push(b'u');
    text(out, "components");
    out.extend(b"}(");
    for prefix in components {
        let inside: BTreeMap<_, _> = variables
            .iter()
            .filter_map(|(name, array)| {
                Some((name.strip_prefix(prefix)?.to_owned(), array.clone()))
            })
            .collect();
        if !inside.is_empty() {
            text(out, prefix.trim_end_matches('/'));
            object(out, module, "component", &[], &inside, &[]);
        }
    }
    out.push(b'u');
    text(out, "variables");
    out.extend(b"](");
    for (name, (shape, values)) in variables {
        if components.iter().any(|prefix| name.starts_with(prefix)) {
            continue;
        }
        text(out, name);
        array(out, shape, values);
        out.push(0x86);
    }
    out.extend(b"eub");
}

/// The file of one network, or of three.
pub fn file(networks: &[Vec<u8>]) -> Vec<u8> {
    let mut out = b"\x80\x02".to_vec();
    networks.iter().for_each(|network| out.extend(network));
    if networks.len() == 3 {
        out.push(0x87);
    }
    out.push(b'.');
    out
}

/// The variables that a native network would have in a dialect.
pub fn variables(
    converted: &Converted,
    rules: Vec<(String, String, Rule)>,
) -> BTreeMap<String, (Vec<usize>, Vec<f32>)> {
    let mut variables = BTreeMap::new();
    for (native, name, rule) in rules {
        let tensor = &converted.tensors[&native];
        let shape = tensor.dims();
        let mut values = tensor.flatten_all().unwrap().to_vec1::<f32>().unwrap();
        rule.numbers.convert(&mut values, shape, true);
        let values = rule.layout.to_foreign(values, shape);
        variables.insert(name, (rule.layout.foreign_shape(shape), values));
    }
    variables
}

/// A native network of synthetic numbers.
pub fn synthetic(model: Model) -> Converted {
    let shapes = model.shapes().unwrap();
    let tensor = |name: &String, shape: &Vec<usize>| {
        stylegan_testkit::synthetic(name, shape.as_slice(), 0.1, 1.0)
    };
    let tensors = shapes.iter().map(|(name, shape)| (name.clone(), tensor(name, shape))).collect();
    Converted { model, tensors, notes: Vec::new(), origin: BTreeMap::new() }
}
