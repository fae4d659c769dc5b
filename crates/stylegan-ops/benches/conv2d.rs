//! Times of conv2d and its two vector-Jacobian products at the sizes of the networks.

#![allow(missing_docs, reason = "criterion's macro defines a function without any")]

use std::hint::black_box;

use candle_core::{Device, Result, Tensor};
use criterion::{Criterion, criterion_group, criterion_main};
use stylegan_ops::{conv2d, conv2d_input_vjp, conv2d_weight_vjp};

/// Batch, input channels, output channels, size, kernel, stride, padding.
const SIZES: [[usize; 7]; 12] = [
    [8, 64, 64, 64, 3, 1, 1],
    [8, 128, 128, 32, 3, 1, 1],
    [8, 256, 256, 16, 3, 1, 1],
    [8, 512, 512, 8, 3, 1, 1],
    [8, 512, 512, 4, 3, 1, 1],
    [8, 512, 512, 32, 3, 1, 1],
    [16, 64, 64, 32, 3, 1, 1],
    [16, 128, 128, 8, 3, 1, 1],
    [1, 16, 16, 1024, 3, 1, 1],
    [1, 16, 3, 1024, 1, 1, 0],
    [8, 3, 64, 64, 1, 1, 0],
    [1, 64, 128, 256, 4, 2, 1],
];

fn run(criterion: &mut Criterion) -> Result<()> {
    for [batch, ci, co, size, kernel, stride, padding] in SIZES {
        let device = Device::Cpu;
        let x = Tensor::randn(0f32, 1., (batch, ci, size, size), &device)?;
        let w = Tensor::randn(0f32, 1., (co, ci, kernel, kernel), &device)?;
        let g = conv2d(&x, &w, stride, padding, 1.0)?;
        let name = format!("{batch}x{ci}-{co} {size}x{size} k{kernel} s{stride}");
        let mut group = criterion.benchmark_group(name);
        group.sample_size(10);
        group.bench_function("conv2d", |b| {
            b.iter(|| conv2d(black_box(&x), &w, stride, padding, 1.0));
        });
        group.bench_function("input_vjp", |b| {
            b.iter(|| conv2d_input_vjp(black_box(&g), &w, (size, size), stride, padding, 1.0));
        });
        group.bench_function("weight_vjp", |b| {
            b.iter(|| conv2d_weight_vjp(black_box(&x), &g, kernel, stride, padding, 1.0));
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
