//! The layers against what they stand for, and the store.

use std::collections::BTreeMap;

use candle_core::{DType, Device, Result, Tensor};
use candle_nn::Init;
use stylegan_ops as ops;
use stylegan_testkit::{Tolerance, assert_close, assert_same_bits, synthetic};

use crate::{DownConv2d, Equalized, EqualizedConv2d, Parameters, UpConv2d};

fn store(names: &[(&str, &[usize])]) -> Parameters {
    let tensors =
        names.iter().map(|(name, shape)| ((*name).to_owned(), synthetic(name, *shape, 0.0, 1.0)));
    Parameters::from_tensors(&tensors.collect(), &Device::Cpu).unwrap()
}

#[test]
fn upscaling_is_repetition_then_convolution() -> Result<()> {
    let parameters = store(&[("weight", &[5, 3, 3, 3])]);
    let x = synthetic("x", (2, 3, 4, 6), 0.0, 1.0);
    let up = UpConv2d::new(3, 5, false, parameters.builder())?;
    let conv = EqualizedConv2d::new(3, 5, 3, Equalized::ACTIVATED, parameters.builder())?;
    let expected = conv.forward(&ops::upsample_nearest2d(&x)?)?;
    assert_close("up", &up.forward(&x)?, &expected, Tolerance::REDUCTION);
    Ok(())
}

/// The trap of converters: with one stored weight, the fused and the unfused upscaling differ by
/// a flip of the kernel.
#[test]
fn fused_upscaling_is_that_of_the_flipped_kernel() -> Result<()> {
    let parameters = store(&[("weight", &[5, 3, 3, 3])]);
    let x = synthetic("x", (2, 3, 4, 6), 0.0, 1.0);
    let unfused = UpConv2d::new(3, 5, false, parameters.builder())?.forward(&x)?;
    let fused = UpConv2d::new(3, 5, true, parameters.builder())?.forward(&x)?;
    assert!(stylegan_testkit::relative_error(&fused, &unfused) > 0.5);
    let weight = parameters.get("weight").unwrap();
    weight.set(&ops::flip_kernel(&weight.as_detached_tensor())?)?;
    let flipped = UpConv2d::new(3, 5, true, parameters.builder())?.forward(&x)?;
    assert_close("flipped", &flipped, &unfused, Tolerance::REDUCTION);
    Ok(())
}

#[test]
fn downscaling_is_convolution_then_mean() -> Result<()> {
    let parameters = store(&[("weight", &[5, 3, 3, 3])]);
    let x = synthetic("x", (2, 3, 8, 6), 0.0, 1.0);
    let down = DownConv2d::new(3, 5, parameters.builder())?;
    let conv = EqualizedConv2d::new(3, 5, 3, Equalized::ACTIVATED, parameters.builder())?;
    let expected = ops::downsample_box2d(&conv.forward(&x)?)?;
    assert_close("down", &down.forward(&x, None)?, &expected, Tolerance::REDUCTION);
    Ok(())
}

#[test]
fn initial_values_depend_on_seed_and_name_only() -> Result<()> {
    let normal = Init::Randn { mean: 0.0, stdev: 1.0 };
    let make = |seed, names: [&str; 2]| -> Result<Parameters> {
        let parameters = Parameters::new(seed, DType::F32, &Device::Cpu);
        for name in names {
            parameters.builder().get_with_hints(64, name, normal)?;
        }
        Ok(parameters)
    };
    let (a, b, c) = (make(1, ["x", "y"])?, make(1, ["y", "x"])?, make(2, ["x", "y"])?);
    let value = |p: &Parameters, name| p.get(name).unwrap().as_detached_tensor();
    assert_same_bits("x", &value(&a, "x"), &value(&b, "x"));
    assert!(stylegan_testkit::relative_error(&value(&a, "x"), &value(&a, "y")) > 0.5);
    assert!(stylegan_testkit::relative_error(&value(&a, "x"), &value(&c, "x")) > 0.5);
    Ok(())
}

#[test]
fn frozen_tensors_follow_updates_and_are_not_tracked() -> Result<()> {
    let parameters = store(&[("weight", &[4]), ("w_avg", &[4])]);
    let frozen = parameters.frozen_builder().get(4, "weight")?;
    let tracked = parameters.builder().get(4, "weight")?;
    let buffer = parameters.builder().get(4, "w_avg")?;
    assert!(tracked.track_op() && !frozen.track_op() && !buffer.track_op());
    parameters.get("weight").unwrap().set(&Tensor::ones(4, DType::F32, &Device::Cpu)?)?;
    assert_eq!(frozen.to_vec1::<f32>()?, [1.0; 4]);
    assert!(parameters.frozen_builder().get(4, "other").is_err());
    assert!(parameters.builder().get(5, "weight").is_err());
    Ok(())
}

#[test]
fn loading_lists_all_that_differs_and_then_writes_nothing() -> Result<()> {
    let parameters = store(&[("a", &[2]), ("b", &[3]), ("c", &[4])]);
    let before = parameters.get("a").unwrap().to_vec1::<f32>()?;
    let ones = |n: usize| Tensor::ones(n, DType::F32, &Device::Cpu);
    let values = BTreeMap::from([
        ("a".to_owned(), ones(2)?),
        ("b".to_owned(), ones(5)?),
        ("d".to_owned(), ones(1)?),
    ]);
    let message = parameters.load(&values).unwrap_err().to_string();
    for part in ["b has shape [5], expected [3]", "c is missing", "d is not a parameter"] {
        assert!(message.contains(part), "{message}");
    }
    assert_eq!(parameters.get("a").unwrap().to_vec1::<f32>()?, before);
    Ok(())
}
