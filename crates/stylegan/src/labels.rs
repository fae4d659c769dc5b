//! What the labels of a conditional generator stand for, and which to draw with.

use candle_core::{Device, Result, Tensor, bail};
use serde::{Deserialize, Serialize};
use stylegan_ops::random::Stream;

/// The stream of random numbers that a seed's label is drawn from.
const LABEL_STREAM: u32 = 0x1abe;

/// The labels that a generator was trained with. Models of other projects may know neither names nor examples.
#[derive(Debug, Clone, PartialEq, Default, Serialize, Deserialize)]
pub struct Labels {
    /// What each value stands for.
    pub names: Vec<String>,
    /// Labels of some training images, `label_dim` values each: they go together as in the training set, where a bald head
    /// has no long hair.
    pub examples: Vec<Vec<f32>>,
}

impl Labels {
    /// One label a seed, `[seeds, dim]`: one of the examples, or where there are none a single class. A seed gives the same label
    /// whatever stands beside it.
    ///
    /// # Errors
    /// If an example has not `dim` values.
    pub fn of_seeds(&self, seeds: &[u64], dim: usize, device: &Device) -> Result<Tensor> {
        let places = seeds.iter().map(|&seed| (Stream::new(seed, 0, LABEL_STREAM), 0));
        self.of_places(places, dim, device)
    }

    /// Labels `[n, dim]` drawn as by [`of_seeds`](Self::of_seeds), by the numbers from `first` on of one stream.
    ///
    /// # Errors
    /// If an example has not `dim` values.
    pub fn of_stream(
        &self,
        stream: &Stream,
        first: u64,
        n: usize,
        dim: usize,
        device: &Device,
    ) -> Result<Tensor> {
        self.of_places((first..).take(n).map(|place| (*stream, place)), dim, device)
    }

    fn of_places(
        &self,
        places: impl Iterator<Item = (Stream, u64)>,
        dim: usize,
        device: &Device,
    ) -> Result<Tensor> {
        let (mut values, mut n) = (Vec::new(), 0);
        for (stream, place) in places {
            let pick = |n: usize| stream.below_at(place, n as u64) as usize;
            match self.examples.get(pick(self.examples.len())) {
                Some(example) if example.len() == dim => values.extend(example),
                Some(example) => {
                    bail!("a label of {} values, where {dim} are wanted", example.len())
                }
                None => values.extend((0..dim).map(|i| f32::from(u8::from(i == pick(dim))))),
            }
            n += 1;
        }
        Tensor::from_vec(values, (n, dim), device)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_draw_from_the_examples() -> Result<()> {
        let examples = vec![vec![1.0, 0.0], vec![0.0, 1.0], vec![1.0, 1.0]];
        let labels = Labels { names: Vec::new(), examples: examples.clone() };
        let seeds: Vec<u64> = (0..60).collect();
        let drawn = labels.of_seeds(&seeds, 2, &Device::Cpu)?.to_vec2::<f32>()?;
        for example in examples {
            let times = drawn.iter().filter(|&label| *label == example).count();
            assert!((8..35).contains(&times), "{example:?} {times} times of 60");
        }
        let alone = labels.of_seeds(&[17], 2, &Device::Cpu)?.to_vec2::<f32>()?;
        assert_eq!(alone[0], drawn[17]);
        assert!(labels.of_seeds(&[0], 3, &Device::Cpu).is_err());

        let stream = Stream::new(5, 0, 1);
        let of = |first, n| labels.of_stream(&stream, first, n, 2, &Device::Cpu)?.to_vec2::<f32>();
        assert_eq!(of(0, 9)?[4..], of(4, 5)?);
        Ok(())
    }

    #[test]
    fn without_examples_a_seed_draws_one_class() -> Result<()> {
        let seeds: Vec<u64> = (0..40).collect();
        let drawn = Labels::default().of_seeds(&seeds, 4, &Device::Cpu)?;
        assert_eq!(drawn.sum(1)?.to_vec1::<f32>()?, [1.0; 40]);
        assert!(drawn.sum(0)?.to_vec1::<f32>()?.iter().all(|&times| times > 3.0));
        Ok(())
    }
}
