//! What the parts of a batch find, added up over the parts of this rank and then over all ranks.

use candle_core::{DType, Device, Result, Tensor};
use stylegan_distributed::Group;

use super::parts::Part;
use crate::gradients::Gradients;

/// What some parts of this rank found.
#[derive(Default)]
pub(super) struct Found {
    gradients: Gradients,
    ws: Vec<Tensor>,
    numbers: Vec<Tensor>,
    weights: Vec<f64>,
    /// Whether this rank was asked to stop.
    pub asked_to_stop: bool,
}

/// The same of all parts of all ranks.
pub(super) struct Joined {
    /// Their weighted sum.
    pub gradients: Gradients,
    /// The batch's `w` `[N, w_dim]`, in the order of the parts; of no rows where none were added.
    pub w: Option<Tensor>,
    /// Weighted means of the numbers `[k]`, in float64.
    pub numbers: Tensor,
    /// How many of several ranks were asked to stop `[1]`.
    pub stops: Option<Tensor>,
}

impl Found {
    /// Adds a part: its gradients, its `w` `[n, w_dim]`, and some numbers, each `[]`.
    pub(super) fn add(
        &mut self,
        part: Part,
        gradients: Gradients,
        w: Option<Tensor>,
        numbers: &[&Tensor],
    ) -> Result<()> {
        let numbers = numbers.iter().map(|number| number.reshape(1)).collect::<Result<Vec<_>>>()?;
        self.numbers.push(Tensor::cat(&numbers, 0)?.to_dtype(DType::F32)?.unsqueeze(0)?);
        self.weights.push(part.weight);
        self.ws.extend(w);
        self.gradients.accumulate(gradients, part.weight)
    }

    /// Adds up over the ranks, of which each has parts of the same sizes.
    ///
    /// Numbers and `w` come as they were found, row by row, so that what is made of them does not depend on which rank found which.
    pub(super) fn join(self, group: &Group, device: &Device) -> Result<Joined> {
        let place = |rows: Tensor| -> Result<Tensor> {
            let n = rows.dim(0)?;
            group.placed(&rows, group.rank() * n, group.size() * n)
        };
        let (names, mut own): (Vec<String>, Vec<Tensor>) = self.gradients.into_iter().unzip();
        own.push(place(Tensor::cat(&self.numbers, 0)?)?);
        if !group.is_solo() {
            own.push(Tensor::full(f32::from(u8::from(self.asked_to_stop)), 1, device)?);
        }
        if !self.ws.is_empty() {
            own.push(place(Tensor::cat(&self.ws, 0)?)?);
        }
        let mut sums = group.sum(&own).map_err(candle_core::Error::wrap)?.into_iter();
        let gradients = sums.by_ref().take(names.len()).collect::<Vec<_>>();
        let gradients = names.into_iter().zip(gradients).collect();
        let Some(rows) = sums.next() else { candle_core::bail!("the numbers were not added up") };
        let stops = if group.is_solo() { None } else { sums.next() };
        let weights = self.weights.repeat(group.size());
        let numbers = weighted_mean(&rows.to_dtype(DType::F64)?, &weights)?;
        Ok(Joined { gradients, w: sums.next(), numbers, stops })
    }
}

/// Rows `[n, k]` with a weight each -> `[k]`. The weights stay here: a GPU is handed no tensor of them.
fn weighted_mean(rows: &Tensor, weights: &[f64]) -> Result<Tensor> {
    let mut mean = None;
    for (index, &weight) in weights.iter().enumerate() {
        let row = rows.get(index)?.affine(weight, 0.0)?;
        mean = Some(match mean {
            Some(sum) => (sum + row)?,
            None => row,
        });
    }
    mean.map_or_else(|| candle_core::bail!("a batch has no parts"), Ok)
}

#[cfg(test)]
mod tests {
    use stylegan_distributed::ThreadTransport;

    use super::*;
    use crate::training::parts::parts;

    /// A gradient, rows of w and numbers, which only depend on the part's number.
    fn find(sizes: &[usize], group: &Group) -> (Vec<u32>, Vec<Vec<f32>>, Vec<f64>) {
        let cpu = Device::Cpu;
        let mut found = Found::default();
        for part in parts(sizes, group) {
            let value = 1.0 / (part.index as f32 + 3.0);
            let gradient = Tensor::new(&[value, -value], &cpu).unwrap();
            let gradients = [("weight".to_owned(), gradient)].into_iter().collect();
            let w = Tensor::full(value, (part.size, 2), &cpu).unwrap();
            let number = Tensor::new(value, &cpu).unwrap();
            let twice = (&number * 2.0).unwrap();
            found.add(part, gradients, Some(w), &[&number, &twice]).unwrap();
        }
        let joined = found.join(group, &cpu).unwrap();
        let gradient = joined.gradients.get("weight").unwrap().to_vec1::<f32>().unwrap();
        let w = joined.w.unwrap().to_vec2().unwrap();
        let bits = gradient.into_iter().map(f32::to_bits).collect();
        (bits, w, joined.numbers.to_vec1().unwrap())
    }

    #[test]
    fn two_ranks_find_the_very_bits_of_one() {
        let alone = find(&[3, 3], &Group::solo());
        std::thread::scope(|scope| {
            let ranks = ThreadTransport::of(2).into_iter();
            let ranks = ranks.map(|rank| scope.spawn(move || find(&[3], &Group::over(rank))));
            for rank in ranks.collect::<Vec<_>>() {
                assert_eq!(rank.join().unwrap(), alone);
            }
        });
        let (_, w, numbers) = alone;
        assert_eq!(w.len(), 6);
        let mean = f64::from(1f32 / 3.0) / 2.0 + f64::from(1f32 / 4.0) / 2.0;
        assert_eq!(numbers, [mean, 2.0 * mean]);
    }
}
