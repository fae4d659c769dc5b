//! The elementwise, resampling and normalizing operations against a plain copy of the same tensor.
//!
//! Throughput counts the input once: an operation at the speed of memory, which reads and writes as much as the copy, shows the copy's number.

// The functions that criterion generates have none.
#![allow(missing_docs)]

use std::hint::black_box;

use candle_core::{Device, Result, Tensor, Var};
use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use stylegan_ops as ops;
use stylegan_ops::random::Stream;

// The allocator of the programs: the system's gives every large tensor back, and pays for its pages anew.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

type Op = fn(&Inputs) -> Result<Tensor>;

struct Inputs {
    x: Tensor,
    g: Tensor,
    bias: Tensor,
    noise: Tensor,
    style: Tensor,
}

impl Inputs {
    fn new((n, c, h, w): (usize, usize, usize, usize), tracked: bool) -> Result<Self> {
        let device = Device::Cpu;
        let normal = |id, shape: &[usize]| -> Result<Tensor> {
            let tensor = Stream::new(0, 0, id).normal(shape, &device)?;
            if tracked { Ok(Var::from_tensor(&tensor)?.as_tensor().clone()) } else { Ok(tensor) }
        };
        Ok(Self {
            x: normal(0, &[n, c, h, w])?,
            g: normal(1, &[n, c, h, w])?.detach(),
            bias: normal(2, &[c])?,
            noise: normal(3, &[n, 1, h, w])?.detach(),
            style: normal(4, &[n, 2 * c])?,
        })
    }
}

const OPS: [(&str, Op); 9] = [
    ("copy", |i| i.x.copy()),
    ("leaky_relu_vjp", |i| ops::leaky_relu_vjp(&i.g, &i.x, 0.2)),
    ("bias_act", |i| ops::bias_act(&i.x, &i.bias, 1.0, Some(0.2))),
    ("noise_bias_act", |i| ops::noise_bias_act(&i.x, &i.noise, &i.bias, &i.bias, 1.0, 0.2)),
    ("blur", |i| ops::blur(&i.x)),
    ("upsample", |i| ops::upsample_nearest2d(&i.x)),
    ("downsample", |i| ops::downsample_box2d(&i.x)),
    ("adain", |i| ops::adain(&i.x, &i.style, 1e-8)),
    ("pixel_norm", |i| ops::pixel_norm(&i.x, 1e-8)),
];

/// Layers of the networks at the ends and in the middle of the pyramid.
const SHAPES: [(usize, usize, usize, usize); 4] =
    [(8, 512, 8, 8), (8, 512, 32, 32), (8, 256, 64, 64), (1, 16, 1024, 1024)];

fn name(shape: (usize, usize, usize, usize)) -> String {
    format!("{}x{}x{}x{}", shape.0, shape.1, shape.2, shape.3)
}

fn forward(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("forward");
    for shape in SHAPES {
        let inputs = Inputs::new(shape, false).expect("inputs");
        group.throughput(Throughput::Bytes(4 * inputs.x.elem_count() as u64));
        for (op, run) in OPS {
            group.bench_with_input(BenchmarkId::new(op, name(shape)), &inputs, |bench, inputs| {
                bench.iter(|| black_box(run(inputs).expect(op)));
            });
        }
    }
    group.finish();
}

/// One backward pass of each operation, and of the product with a constant that precedes it.
fn backward(criterion: &mut Criterion) {
    let mut group = criterion.benchmark_group("backward");
    for shape in SHAPES {
        let inputs = Inputs::new(shape, true).expect("inputs");
        group.throughput(Throughput::Bytes(4 * inputs.x.elem_count() as u64));
        for (op, run) in OPS {
            let loss = run(&inputs).and_then(|y| y.sum_all()).expect(op);
            group.bench_function(BenchmarkId::new(op, name(shape)), |bench| {
                bench.iter(|| black_box(loss.backward().expect(op)));
            });
        }
    }
    group.finish();
}

fn small(criterion: &mut Criterion) {
    let x = Stream::new(0, 0, 0).normal((32, 512, 4, 4), &Device::Cpu).expect("x");
    let g = Stream::new(0, 0, 1).normal((32, 513, 4, 4), &Device::Cpu).expect("g");
    criterion.bench_function("minibatch_stddev", |bench| {
        bench.iter(|| black_box(ops::minibatch_stddev(&x, 4, 1).expect("forward")));
    });
    criterion.bench_function("minibatch_stddev_vjp", |bench| {
        bench.iter(|| black_box(ops::minibatch_stddev_vjp(&x, &g, 4, 1).expect("vjp")));
    });
}

fn random(criterion: &mut Criterion) {
    let stream = Stream::new(0, 0, 0);
    let mut group = criterion.benchmark_group("random");
    group.throughput(Throughput::Elements(1 << 22));
    group.bench_function("normal", |bench| {
        bench.iter(|| black_box(stream.normal(1 << 22, &Device::Cpu).expect("normal")));
    });
    group.bench_function("uniform", |bench| {
        bench.iter(|| black_box(stream.uniform(1 << 22, &Device::Cpu).expect("uniform")));
    });
    group.finish();
}

criterion_group! {
    name = benches;
    config = Criterion::default()
        .sample_size(20)
        .warm_up_time(std::time::Duration::from_millis(200))
        .measurement_time(std::time::Duration::from_millis(800));
    targets = forward, backward, small, random
}
criterion_main!(benches);
