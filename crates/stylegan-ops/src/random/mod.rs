//! Random numbers from a counter: every draw is a function of a seed, a step, an id and an index.
//!
//! Nothing about randomness has to be stored but these numbers, and any element can be computed without those before it. Only
//! integer operations and additions, multiplications and square roots of floats are used, each rounded as IEEE 754 says: the bits are the same on every
//! machine and at any number of threads.

#[cfg(feature = "cuda")]
mod cuda;
mod philox;
#[cfg(test)]
mod tests;
mod transform;

use std::marker::PhantomData;

use candle_core::{Device, Result, Shape, Tensor};
use pulp::{Arch, NullaryFnOnce};

use crate::kernel::{build_f32, for_each_chunk};
use crate::planes::GRAIN;
use transform::{Distribution, Normal, SaltAndPepper, Uniform};

/// A stream of random numbers: Philox 4x32-10 (Salmon et al. 2011, "Parallel random numbers: as easy as 1, 2, 3").
///
/// The seed is the key; index, id and step are the counter. Element i of a tensor is made from word `i % 4` of the block of index
/// `i / 4`, whatever the shape. A stream gives tensors or single numbers; whoever needs both takes two ids.
///
/// # Example
/// ```
/// use candle_core::Device;
/// use stylegan_ops::random::Stream;
/// let stream = Stream::new(7, 0, 1);
/// let whole = stream.normal((2, 6), &Device::Cpu)?.flatten_all()?.to_vec1::<f32>()?;
/// let start = stream.normal(5, &Device::Cpu)?.to_vec1::<f32>()?;
/// assert_eq!(whole[..5], start);
/// # Ok::<(), candle_core::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Stream {
    /// The key: one for a run.
    pub seed: u64,
    /// The moment: a step's number, say.
    pub step: u64,
    /// The purpose: a layer, say.
    pub id: u32,
}

impl Stream {
    /// The stream of a seed, a step and an id.
    pub fn new(seed: u64, step: u64, id: u32) -> Self {
        Self { seed, step, id }
    }

    /// A tensor of float32 with the standard normal distribution, by the method of Box and Muller. No value is beyond 6.7.
    ///
    /// # Errors
    /// If the tensor cannot be moved to `device`.
    pub fn normal(&self, shape: impl Into<Shape>, device: &Device) -> Result<Tensor> {
        self.tensor::<Normal>(shape, device)
    }

    /// A tensor of float32, uniform over the 2^24 multiples of 2^-24 in [0, 1).
    ///
    /// # Errors
    /// If the tensor cannot be moved to `device`.
    pub fn uniform(&self, shape: impl Into<Shape>, device: &Device) -> Result<Tensor> {
        self.tensor::<Uniform>(shape, device)
    }

    /// A tensor of float32 that is zero but for one element in eight: those are `sqrt(8)` or `-sqrt(8)`, either as likely. Mean 0, variance 1.
    ///
    /// # Errors
    /// If the tensor cannot be moved to `device`.
    pub fn salt_and_pepper(&self, shape: impl Into<Shape>, device: &Device) -> Result<Tensor> {
        self.tensor::<SaltAndPepper>(shape, device)
    }

    /// The 128 bits of the block of `index`.
    pub fn bits_at(&self, index: u64) -> [u32; 4] {
        let (key, counter) = self.counter(index);
        philox::rounds(key, counter)
    }

    /// A number in [0, 1) with 53 random bits, from the block of `index`.
    pub fn uniform_at(&self, index: u64) -> f64 {
        (self.word_at(index) >> 11) as f64 * (1.0 / (1u64 << 53) as f64)
    }

    /// A number in `0..n`, each as likely as the others up to n / 2^64, from the block of `index`. 0 if `n` is 0.
    pub fn below_at(&self, index: u64, n: u64) -> u64 {
        ((u128::from(self.word_at(index)) * u128::from(n)) >> 64) as u64
    }

    /// The numbers `0..len` in a random order, every order as likely as the others (Fisher and Yates).
    pub fn permutation(&self, len: usize) -> Vec<usize> {
        let mut order: Vec<usize> = (0..len).collect();
        for last in (1..len).rev() {
            order.swap(last, self.below_at(last as u64, last as u64 + 1) as usize);
        }
        order
    }

    fn word_at(&self, index: u64) -> u64 {
        let [low, high, ..] = self.bits_at(index);
        u64::from(low) | u64::from(high) << 32
    }

    /// The key and the counter of a block.
    ///
    /// An index has one word of the counter; beyond, the key's upper word counts on.
    #[inline(always)]
    fn counter(&self, index: u64) -> ([u32; 2], [u32; 4]) {
        let key = self.seed.wrapping_add(index & !0xffff_ffff);
        let counter = [index as u32, self.id, self.step as u32, (self.step >> 32) as u32];
        ([key as u32, (key >> 32) as u32], counter)
    }

    fn tensor<D: Distribution>(&self, shape: impl Into<Shape>, device: &Device) -> Result<Tensor> {
        let shape = shape.into();
        let len = shape.elem_count();
        #[cfg(feature = "cuda")]
        if let Device::Cuda(device) = device {
            return cuda::tensor(self, D::KIND, shape, device);
        }
        // SAFETY: the chunks cover every element, and each writes its own.
        let values = unsafe {
            build_f32(len, |out| {
                for_each_chunk(len, GRAIN, |range| {
                    let out = out.slice_mut(range.start, range.len());
                    // Chunks hold a power of two of blocks, so that none passes the end of the counter's first word.
                    let (key, counter) = self.counter(range.start as u64 / 4);
                    let distribution = PhantomData::<D>;
                    Arch::new().dispatch(Fill { out, key, counter, distribution });
                });
            })
        };
        Tensor::from_vec(values, shape, &Device::Cpu)?.to_device(device)
    }
}

/// Writes the elements of the blocks from the given counter on, whose first word must not pass its end.
struct Fill<'a, D> {
    out: &'a mut [f32],
    key: [u32; 2],
    counter: [u32; 4],
    distribution: PhantomData<D>,
}

impl<D: Distribution> NullaryFnOnce for Fill<'_, D> {
    type Output = ();

    #[inline(always)]
    fn call(self) {
        let (key, [first, id, low, high]) = (self.key, self.counter);
        let (blocks, rest) = self.out.as_chunks_mut::<4>();
        let count = blocks.len() as u32;
        for (index, block) in (0u32..).zip(blocks) {
            *block = D::block(philox::rounds(key, [first.wrapping_add(index), id, low, high]));
        }
        if !rest.is_empty() {
            let last = D::block(philox::rounds(key, [first.wrapping_add(count), id, low, high]));
            rest.copy_from_slice(&last[..rest.len()]);
        }
    }
}
