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
        let mut values = Vec::with_capacity(seeds.len() * dim);
        for &seed in seeds {
            let stream = Stream::new(seed, 0, LABEL_STREAM);
            let pick = |n: usize| stream.below_at(0, n as u64) as usize;
            match self.examples.get(pick(self.examples.len())) {
                Some(example) if example.len() == dim => values.extend(example),
                Some(example) => {
                    bail!("a label of {} values, where {dim} are wanted", example.len())
                }
                None => values.extend((0..dim).map(|i| f32::from(u8::from(i == pick(dim))))),
            }
        }
        Tensor::from_vec(values, (seeds.len(), dim), device)
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
