//! A shuffled order without a list.

use stylegan_ops::random::Stream;

/// Purpose of the stream that decides the order.
const ORDER: u32 = 0x4F52_4452;

/// Rounds of the Feistel network; four already pass as random, and two more cost nothing here.
const ROUNDS: u64 = 6;

/// The order of pictures in every epoch, as a function: no memory, and any position at once.
///
/// A Feistel network (Luby and Rackoff 1988) over the smallest even number of bits that holds the
/// numbers is a permutation whatever its round function; numbers past the end are permuted again
/// until one is in range (Black and Rogaway 2002, "cycle walking"), four times at worst on average.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Order {
    seed: u64,
    len: u64,
    half_bits: u32,
}

impl Order {
    /// The order of `len` pictures (taken as 1 if 0) for a seed.
    pub fn new(seed: u64, len: usize) -> Self {
        let len = (len as u64).max(1);
        let bits = u64::BITS - (len - 1).leading_zeros();
        Self { seed, len, half_bits: bits.div_ceil(2).max(1) }
    }

    /// The picture at a position, counted over all epochs.
    pub fn index(&self, position: u64) -> usize {
        let stream = Stream::new(self.seed, position / self.len, ORDER);
        let mut number = position % self.len;
        loop {
            number = self.permute(&stream, number);
            if number < self.len {
                return number as usize;
            }
        }
    }

    fn permute(&self, stream: &Stream, number: u64) -> u64 {
        let mask = (1u64 << self.half_bits) - 1;
        let (mut left, mut right) = (number >> self.half_bits, number & mask);
        for round in 0..ROUNDS {
            let bits = u64::from(stream.bits_at(right * ROUNDS + round)[0]);
            (left, right) = (right, (left ^ bits) & mask);
        }
        left << self.half_bits | right
    }
}
