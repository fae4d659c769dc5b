//! Adam against hand-worked numbers, itself, and damage.

use candle_core::Device;
use candle_nn::Init;

use super::*;
use crate::slices::CHUNK;

const LARGE: usize = 2 * CHUNK + 7;

fn parameters(dtype: DType) -> Parameters {
    let parameters = Parameters::new(3, dtype, &Device::Cpu);
    let vb = parameters.builder();
    let normal = Init::Randn { mean: 0.0, stdev: 1.0 };
    for (name, n) in [("a.weight", LARGE), ("b.bias", 5), ("w_avg", 2)] {
        vb.get_with_hints(n, name, normal).unwrap();
    }
    parameters
}

fn gradient(seed: u64, n: usize, dtype: DType) -> Tensor {
    let stream = stylegan_ops::random::Stream::new(seed, 0, 1);
    stream.normal(n, &Device::Cpu).unwrap().to_dtype(dtype).unwrap()
}

/// The gradients of `sum(parameter * gradient)`, which are the given ones.
fn gradients(parameters: &Parameters, entries: &[(&str, Tensor)]) -> Gradients {
    let loss = entries.iter().map(|(name, gradient)| {
        let product = parameters.get(name).unwrap().as_tensor().mul(gradient).unwrap();
        product.sum_all().unwrap()
    });
    let loss = loss.reduce(|sum, term| (sum + term).unwrap()).unwrap();
    Gradients::of(parameters, loss.backward().unwrap())
}

fn both(parameters: &Parameters, seed: u64) -> Gradients {
    let dtype = parameters.get("w_avg").unwrap().dtype();
    // Rounded to f32 whatever the type, so that runs in two types see the same numbers.
    let of = |seed, n| gradient(seed, n, DType::F32).to_dtype(dtype).unwrap();
    gradients(parameters, &[("a.weight", of(seed, LARGE)), ("b.bias", of(seed + 1, 5))])
}

fn values(parameters: &Parameters, name: &str) -> Vec<f64> {
    let var = parameters.get(name).unwrap();
    var.to_dtype(DType::F64).unwrap().to_vec1().unwrap()
}

fn bits(parameters: &Parameters) -> Vec<u64> {
    let names = ["a.weight", "b.bias", "w_avg"];
    names.iter().flat_map(|name| values(parameters, name)).map(f64::to_bits).collect()
}

#[test]
fn two_steps_worked_by_hand() {
    let parameters = Parameters::new(0, DType::F64, &Device::Cpu);
    parameters.builder().get_with_hints(1, "p", Init::Const(1.0)).unwrap();
    let mut adam =
        Adam::new(AdamConfig { beta1: 0.5, beta2: 0.75, epsilon: 0.1, ..AdamConfig::default() });
    let step = |adam: &mut Adam, g: f64| {
        let g = gradients(&parameters, &[("p", Tensor::new(&[g], &Device::Cpu).unwrap())]);
        assert_eq!(adam.step(&parameters, &g, 0.01).unwrap(), StepOutcome::Updated);
        values(&parameters, "p")[0]
    };
    // Step 1: both corrected moments are the gradient's own.
    let first = 1.0 - 0.01 * 2.0 / (2.0 + 0.1);
    assert!((step(&mut adam, 2.0) - first).abs() < 1e-15);
    // Step 2: m = (0.5 * 1 - 0.5 * 4) / 0.75, v = (0.75 * 1 + 0.25 * 16) / (1 - 0.75^2).
    let (m, v): (f64, f64) = (-1.5 / 0.75, 4.75 / 0.4375);
    let second = first - 0.01 * m / (v.sqrt() + 0.1);
    assert!((step(&mut adam, -4.0) - second).abs() < 1e-15);
}

#[test]
fn the_kernel_agrees_with_the_plain_form() {
    for beta1 in [0.0, 0.9] {
        let config = AdamConfig { beta1, ..AdamConfig::default() };
        let run = |dtype: DType| {
            let (parameters, mut adam) = (parameters(dtype), Adam::new(config));
            let average = parameters.duplicate().unwrap();
            for seed in 0..4 {
                let g = both(&parameters, 10 * seed);
                adam.step_with_average(&parameters, &g, 0.01, &average, 0.9).unwrap();
            }
            [values(&parameters, "a.weight"), values(&average, "a.weight")].concat()
        };
        let (fast, plain) = (run(DType::F32), run(DType::F64));
        let worst = fast.iter().zip(&plain).map(|(a, b)| (a - b).abs()).fold(0.0, f64::max);
        // f32 rounding of values near 4, over four steps.
        assert!(worst < 2e-6, "beta1 {beta1}: {worst}");
    }
}

#[test]
fn the_joint_pass_is_the_average_and_then_the_step() {
    let config = AdamConfig::default();
    let (joint, apart) = (parameters(DType::F32), parameters(DType::F32));
    let (joint_average, apart_average) = (joint.duplicate().unwrap(), apart.duplicate().unwrap());
    let (mut joint_adam, mut apart_adam) = (Adam::new(config), Adam::new(config));
    for seed in 0..3 {
        // In the second step one parameter has no gradient.
        let some = |of: &Parameters| match seed {
            1 => gradients(of, &[("a.weight", gradient(9, LARGE, DType::F32))]),
            _ => both(of, seed),
        };
        joint_adam.step_with_average(&joint, &some(&joint), 0.01, &joint_average, 0.8).unwrap();
        average::update(&apart_average, &apart, 0.8).unwrap();
        apart_adam.step(&apart, &some(&apart), 0.01).unwrap();
    }
    assert_eq!(bits(&joint), bits(&apart));
    assert_eq!(bits(&joint_average), bits(&apart_average));
}

#[test]
fn bits_do_not_depend_on_the_number_of_threads() {
    let run = |threads: usize| {
        let pool = rayon::ThreadPoolBuilder::new().num_threads(threads).build().unwrap();
        pool.install(|| {
            let (parameters, mut adam) = (parameters(DType::F32), Adam::new(AdamConfig::default()));
            for seed in 0..3 {
                adam.step(&parameters, &both(&parameters, seed), 0.01).unwrap();
            }
            bits(&parameters)
        })
    };
    assert_eq!(run(1), run(3));
}

#[test]
fn a_parameter_without_a_gradient_stays() {
    let (parameters, mut adam) = (parameters(DType::F32), Adam::new(AdamConfig::default()));
    let before = values(&parameters, "a.weight");
    let g = gradients(&parameters, &[("b.bias", gradient(1, 5, DType::F32))]);
    adam.step(&parameters, &g, 0.01).unwrap();
    assert_eq!(values(&parameters, "a.weight"), before);
    let names: Vec<_> = adam.state().unwrap().into_keys().collect();
    assert_eq!(names, ["b.bias.step", "b.bias.v"]);
}

#[test]
fn a_gradient_that_is_not_finite_changes_nothing() {
    for dtype in [DType::F32, DType::F64] {
        for bad in [f64::NAN, f64::INFINITY, f64::NEG_INFINITY] {
            let (parameters, mut adam) = (parameters(dtype), Adam::new(AdamConfig::default()));
            adam.step(&parameters, &both(&parameters, 0), 0.01).unwrap();
            let before = (bits(&parameters), format!("{:?}", adam.state().unwrap()));
            let mut damaged = vec![0f64; LARGE];
            damaged[LARGE - 2] = bad;
            let damaged = Tensor::new(damaged, &Device::Cpu).unwrap().to_dtype(dtype).unwrap();
            let g =
                gradients(&parameters, &[("a.weight", damaged), ("b.bias", gradient(1, 5, dtype))]);
            let average = parameters.duplicate().unwrap();
            let outcome = adam.step_with_average(&parameters, &g, 0.01, &average, 0.9).unwrap();
            assert_eq!(outcome, StepOutcome::Skipped { parameter: "a.weight".to_owned() });
            assert_eq!(before, (bits(&parameters), format!("{:?}", adam.state().unwrap())));
        }
    }
}

#[test]
fn a_saved_state_goes_on_with_the_same_bits() {
    for beta1 in [0.0, 0.9] {
        let config = AdamConfig { beta1, ..AdamConfig::default() };
        let (parameters, mut adam) = (parameters(DType::F32), Adam::new(config));
        adam.step(&parameters, &both(&parameters, 0), 0.01).unwrap();
        let (copy, mut resumed) = (parameters.duplicate().unwrap(), Adam::new(config));
        resumed.load(&adam.state().unwrap(), &copy).unwrap();
        adam.step(&parameters, &both(&parameters, 1), 0.01).unwrap();
        resumed.step(&copy, &both(&copy, 1), 0.01).unwrap();
        assert_eq!(bits(&parameters), bits(&copy));
        adam.reset();
        assert!(adam.state().unwrap().is_empty());
    }
}

#[test]
fn a_state_that_does_not_fit_is_refused() {
    let (parameters, mut adam) = (parameters(DType::F32), Adam::new(AdamConfig::default()));
    adam.step(&parameters, &both(&parameters, 0), 0.01).unwrap();
    let state = adam.state().unwrap();
    let refused = |edit: fn(&mut BTreeMap<String, Tensor>)| {
        let mut state = state.clone();
        edit(&mut state);
        Adam::new(AdamConfig::default()).load(&state, &parameters).unwrap_err().to_string()
    };
    let message = refused(|state| {
        state.insert("c.v".to_owned(), Tensor::zeros(3, DType::F32, &Device::Cpu).unwrap());
    });
    assert!(message.contains("c.v"), "{message}");
    let message = refused(|state| {
        state.remove("b.bias.step");
    });
    assert!(message.contains("b.bias.v"), "{message}");
    let message = refused(|state| {
        state.insert("b.bias.v".to_owned(), Tensor::zeros(3, DType::F32, &Device::Cpu).unwrap());
    });
    assert!(message.contains("[3]"), "{message}");
    let mut other = Adam::new(AdamConfig { beta1: 0.9, ..AdamConfig::default() });
    assert!(other.load(&state, &parameters).unwrap_err().to_string().contains("beta1"));
}

#[test]
fn gradients_must_fit_their_parameters() {
    let (parameters, mut adam) = (parameters(DType::F32), Adam::new(AdamConfig::default()));
    let other = Parameters::new(0, DType::F32, &Device::Cpu);
    other.builder().get_with_hints(5, "c", Init::Const(0.0)).unwrap();
    let unknown = gradients(&other, &[("c", gradient(0, 5, DType::F32))]);
    assert!(adam.step(&parameters, &unknown, 0.1).unwrap_err().to_string().contains("of c"));
    let other = Parameters::new(0, DType::F32, &Device::Cpu);
    other.builder().get_with_hints(4, "b.bias", Init::Const(0.0)).unwrap();
    let misshapen = gradients(&other, &[("b.bias", gradient(0, 4, DType::F32))]);
    assert!(adam.step(&parameters, &misshapen, 0.1).unwrap_err().to_string().contains("b.bias"));
}

#[test]
fn noise_strengths_learn_at_their_own_rate() {
    let parameters = Parameters::new(0, DType::F32, &Device::Cpu);
    for name in ["conv.weight", "conv.noise.weight"] {
        parameters.builder().get_with_hints(1, name, Init::Const(0.0)).unwrap();
    }
    let sum: Tensor = parameters
        .trainable()
        .into_iter()
        .map(|(_, var)| var.as_tensor().clone())
        .reduce(|a, b| (a + b).unwrap())
        .unwrap();
    let gradients = Gradients::of(&parameters, sum.sum_all().unwrap().backward().unwrap());
    let mut adam = Adam::new(AdamConfig { noise_rate: 0.25, ..AdamConfig::default() });
    adam.step(&parameters, &gradients, 0.5).unwrap();
    let value = |name| parameters.get(name).unwrap().to_vec1::<f32>().unwrap()[0];
    assert!((value("conv.weight") + 0.5).abs() < 1e-6);
    assert!((value("conv.noise.weight") + 0.125).abs() < 1e-6);
}
