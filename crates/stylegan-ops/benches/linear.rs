//! Times of linear and its two vector-Jacobian products at the sizes of the networks.

#![allow(missing_docs, reason = "criterion's macro defines a function without any")]

use std::hint::black_box;

use candle_core::{Device, Result, Tensor};
use criterion::{Criterion, criterion_group, criterion_main};
use stylegan_ops::{linear, linear_input_vjp, linear_weight_vjp};

/// Batch, inputs, outputs: the mapping network, a style, the discriminator's first dense layer.
const SIZES: [[usize; 3]; 3] = [[8, 512, 512], [8, 512, 1024], [8, 8192, 512]];

fn run(criterion: &mut Criterion) -> Result<()> {
    for [batch, inputs, outputs] in SIZES {
        let x = Tensor::randn(0f32, 1., (batch, inputs), &Device::Cpu)?;
        let w = Tensor::randn(0f32, 1., (outputs, inputs), &Device::Cpu)?;
        let g = linear(&x, &w, 1.0)?;
        let mut group = criterion.benchmark_group(format!("{batch}x{inputs}-{outputs}"));
        group.bench_function("linear", |b| b.iter(|| linear(black_box(&x), &w, 1.0)));
        group.bench_function("input_vjp", |b| {
            b.iter(|| linear_input_vjp(black_box(&g), &w, 1.0));
        });
        group.bench_function("weight_vjp", |b| {
            b.iter(|| linear_weight_vjp(black_box(&x), &g, 1.0));
        });
        group.finish();
    }
    Ok(())
}

fn benches(criterion: &mut Criterion) {
    run(criterion).expect("the shapes fit");
}

criterion_group!(group, benches);
criterion_main!(group);
