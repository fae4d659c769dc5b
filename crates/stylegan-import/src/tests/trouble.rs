use super::*;
use crate::ImportError;

fn refused(tensors: &[(&str, &BTreeMap<String, Tensor>)], role: Role) -> String {
    let document = as_pth(tensors);
    let contents = match Contents::of(&document) {
        Ok(contents) => contents,
        Err(error) => return error.to_string(),
    };
    match contents.network(role).and_then(|network| contents.convert(network)) {
        Err(error) => error.to_string(),
        Ok(_) => panic!("it was converted"),
    }
}

#[test]
fn what_cannot_be_converted_is_refused_with_the_reason() {
    let other = BTreeMap::from([(
        "weight".to_owned(),
        Tensor::zeros(2, DType::F32, &Device::Cpu).unwrap(),
    )]);
    let said = refused(&[("net", &other)], Role::Ema);
    assert!(
        said.contains("not a checkpoint of a known dialect") && said.contains("\"net\""),
        "{said}"
    );

    let case = case("sg1_g_r32");
    let mut parameters = case.parameters();
    let said = refused(&[("generator_smooth", &parameters)], Role::Discriminator);
    assert!(said.contains("no discriminator (d); it holds averaged generator (ema)"), "{said}");

    parameters.remove("mapping.dense3.bias");
    parameters.insert("mapping.dense9.bios".to_owned(), other["weight"].clone());
    parameters.insert("synthesis.layer4.bias".to_owned(), other["weight"].clone());
    let said = refused(&[("generator_smooth", &parameters)], Role::Ema);
    for words in
        ["genforce", "missing (1)", "mapping.dense3.bias", "unexpected (1)", "mapping.dense9.bios"]
    {
        assert!(said.contains(words), "{words}: {said}");
    }
    assert!(said.contains("synthesis.layer4.bias: expected [16], found [2]"), "{said}");
}

#[test]
fn a_discriminator_of_rosinality_is_refused() {
    let zeros = |shape: &[usize]| Tensor::zeros(shape, DType::F32, &Device::Cpu).unwrap();
    let tensors = BTreeMap::from([
        ("progression.0.conv1.0.conv.weight_orig".to_owned(), zeros(&[2, 2, 3, 3])),
        ("from_rgb.0.conv.weight_orig".to_owned(), zeros(&[2, 3, 1, 1])),
    ]);
    let said = refused(&[("discriminator", &tensors)], Role::Discriminator);
    assert!(said.contains("first convolution"), "{said}");
}

#[test]
fn a_hostile_file_is_refused_before_it_is_a_dialect() {
    for (name, words) in [("hostile_os_system.pkl", "posix.system"), ("truncated.pkl", "truncated")]
    {
        let error = Document::open(&golden("import").join(name)).unwrap_err();
        let error: ImportError = error.into();
        let said = std::error::Error::source(&error).map(ToString::to_string).unwrap_or_default();
        assert!(said.contains(words), "{said}");
    }
}
