//! The ranks of a run, as training sees them.

use std::ops::Range;
use std::rc::Rc;

use candle_core::{DType, Device, Tensor};

use crate::buckets::{BUCKET, join, plan, split};
use crate::{DistributedError, Transport};

/// All ranks of a run, or the only one. Copies are the same group.
#[derive(Clone, Default)]
pub struct Group {
    transport: Option<Rc<dyn Transport>>,
}

impl Group {
    /// The group of one process alone.
    pub fn solo() -> Self {
        Self::default()
    }

    /// The group of a transport's ranks.
    pub fn over(transport: impl Transport + 'static) -> Self {
        Self { transport: Some(Rc::new(transport)) }
    }

    /// This rank, from 0.
    pub fn rank(&self) -> usize {
        self.transport.as_ref().map_or(0, |transport| transport.rank())
    }

    /// All ranks.
    pub fn size(&self) -> usize {
        self.transport.as_ref().map_or(1, |transport| transport.size())
    }

    /// Whether this is rank 0, which writes and prints.
    pub fn is_first(&self) -> bool {
        self.rank() == 0
    }

    /// Whether there is no other rank.
    pub fn is_solo(&self) -> bool {
        self.size() == 1
    }

    /// This rank's share of `count` things: neighbours, and as many as any other rank's, or one less.
    pub fn share(&self, count: usize) -> Range<usize> {
        let (rank, size) = (self.rank(), self.size());
        count * rank / size..count * (rank + 1) / size
    }

    /// Adds tensors up over the ranks, each with its counterparts of the same place, shape and type, in buckets of 25 MB. The same bits on every rank.
    ///
    /// # Errors
    /// Those of the transport.
    pub fn sum(&self, own: &[Tensor]) -> Result<Vec<Tensor>, DistributedError> {
        let Some(transport) = self.transport.as_ref().filter(|_| !self.is_solo()) else {
            return Ok(own.to_vec());
        };
        let sizes: Vec<usize> = own.iter().map(Tensor::elem_count).collect();
        let mut sums = Vec::with_capacity(own.len());
        for bucket in plan(&sizes, BUCKET) {
            let own = &own[bucket];
            sums.extend(split(&transport.sum(join(own)?)?, own)?);
        }
        Ok(sums)
    }

    /// This rank's rows `[n, ...]` among `total` of which they are those from `start` on, and zeros where the others' are: in a sum, all rows.
    ///
    /// # Errors
    /// Rows beyond the last.
    pub fn placed(&self, rows: &Tensor, start: usize, total: usize) -> candle_core::Result<Tensor> {
        let n = rows.dim(0)?;
        let Some(after) = total.checked_sub(start + n) else {
            candle_core::bail!("rows {start} to {} do not fit among {total}", start + n)
        };
        rows.pad_with_zeros(0, start, after)
    }

    /// All rows `[total, ...]`, of which this rank has those from `start` on.
    ///
    /// # Errors
    /// Those of the transport.
    pub fn gather(
        &self,
        rows: &Tensor,
        start: usize,
        total: usize,
    ) -> Result<Tensor, DistributedError> {
        let placed = self.placed(rows, start, total)?;
        let mut sums = self.sum(std::slice::from_ref(&placed))?;
        Ok(sums.pop().unwrap_or(placed))
    }

    /// Whether any rank says yes.
    ///
    /// # Errors
    /// Those of the transport.
    pub fn any(&self, yes: bool, device: &Device) -> Result<bool, DistributedError> {
        let own = Tensor::new(&[f32::from(u8::from(yes))], device)?;
        let sums = self.sum(&[own])?;
        Ok(sums
            .iter()
            .map(Tensor::sum_all)
            .map(|sum| sum?.to_scalar::<f32>())
            .sum::<Result<f32, _>>()?
            > 0.0)
    }

    /// The first rank's text, on every rank.
    ///
    /// # Errors
    /// Those of the transport.
    pub fn tell(&self, text: &str, device: &Device) -> Result<String, DistributedError> {
        let own = if self.is_first() { text.as_bytes() } else { &[] };
        let (length, own) = (own.len() as f32, own.iter().map(|&byte| f32::from(byte)));
        let lengths = self.sum(&[Tensor::new(&[length], device)?])?;
        let length = lengths[0].to_vec1::<f32>()?[0] as usize;
        if length == 0 {
            return Ok(String::new());
        }
        let mut bytes: Vec<f32> = own.collect();
        bytes.resize(length, 0.0);
        let sums = self.sum(&[Tensor::from_vec(bytes, length, device)?])?;
        let bytes: Vec<u8> = sums[0].to_vec1::<f32>()?.into_iter().map(|byte| byte as u8).collect();
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    }

    /// Makes sure that a number, a checksum say, is the same on all ranks.
    ///
    /// # Errors
    /// [`DistributedError::Differ`], with `what` it is that differs, on every rank.
    pub fn agree(&self, what: &str, bits: u64, device: &Device) -> Result<(), DistributedError> {
        // Quarters are exact as floating-point numbers.
        let quarters = (0..4).map(|quarter| ((bits >> (16 * quarter)) & 0xffff) as f32);
        let own = Tensor::from_vec(quarters.collect(), (1, 4), device)?;
        let all = self.gather(&own, self.rank(), self.size())?.to_dtype(DType::F32)?;
        let all = all.to_vec2::<f32>()?;
        match all.iter().position(|other| *other != all[0]) {
            None => Ok(()),
            Some(rank) => Err(DistributedError::Differ { rank, what: what.to_owned() }),
        }
    }

    /// Says that this rank ends in order; all ranks do.
    ///
    /// # Errors
    /// Those of the transport.
    pub fn finish(&self) -> Result<(), DistributedError> {
        self.transport.as_ref().map_or(Ok(()), |transport| transport.finish())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ThreadTransport;

    /// What each of `size` ranks makes of `work`.
    fn each<T: Send>(size: usize, work: impl Fn(Group) -> T + Sync) -> Vec<T> {
        let work = &work;
        std::thread::scope(|scope| {
            let ranks = ThreadTransport::of(size).into_iter();
            let ranks = ranks.map(|rank| scope.spawn(move || work(Group::over(rank))));
            let ranks: Vec<_> = ranks.collect();
            ranks.into_iter().map(|rank| rank.join().unwrap()).collect()
        })
    }

    #[test]
    fn shares_cover_everything_once() {
        for (size, count) in [(1, 5), (2, 5), (3, 7), (4, 2), (5, 0)] {
            let mut shares = each(size, |group| group.share(count));
            shares.sort_by_key(|share| share.start);
            let covered: Vec<usize> = shares.into_iter().flatten().collect();
            assert_eq!(covered, (0..count).collect::<Vec<_>>());
        }
    }

    #[test]
    fn rows_are_gathered_in_their_order() {
        let device = Device::Cpu;
        let found = each(3, |group| {
            let share = group.share(7);
            let rows = Tensor::arange(share.start as f32, share.end as f32, &device).unwrap();
            let rows = rows.reshape((share.len(), 1)).unwrap();
            group
                .gather(&rows, share.start, 7)
                .unwrap()
                .flatten_all()
                .unwrap()
                .to_vec1::<f32>()
                .unwrap()
        });
        assert!(found.iter().all(|all| *all == [0.0, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0]), "{found:?}");
        let rows = Tensor::zeros((2, 1), DType::F32, &device).unwrap();
        assert!(Group::solo().gather(&rows, 6, 7).unwrap_err().to_string().contains("failed"));
    }

    #[test]
    fn the_first_rank_is_heard_and_anyone_can_say_yes() {
        let device = Device::Cpu;
        let found = each(2, |group| {
            let said =
                if group.is_first() { "runs/00003-Ä" } else { "something longer than that" };
            let yes = group.any(group.rank() == 1, &device).unwrap();
            (group.tell(said, &device).unwrap(), group.tell("", &device).unwrap(), yes)
        });
        for (said, nothing, yes) in found {
            assert_eq!((said.as_str(), nothing.as_str(), yes), ("runs/00003-Ä", "", true));
        }
        assert!(!Group::solo().any(false, &device).unwrap());
        assert_eq!(Group::solo().tell("alone", &device).unwrap(), "alone");
    }

    #[test]
    fn one_bit_that_differs_is_found_on_every_rank() {
        let device = Device::Cpu;
        for bit in [0, 31, 63] {
            let found = each(3, |group| {
                let bits = 0x0123_4567_89ab_cdef ^ (u64::from(group.rank() == 2) << bit);
                group.agree("weights", bits, &device).unwrap_err().to_string()
            });
            let expected = "rank 2 has other weights than the first rank";
            assert!(found.iter().all(|said| said == expected), "{found:?}");
        }
        assert!(
            each(2, |group| group.agree("weights", u64::MAX, &device)).iter().all(Result::is_ok)
        );
    }

    #[test]
    fn sums_have_the_shapes_and_places_of_what_was_added() {
        let device = Device::Cpu;
        let found = each(2, |group| {
            let own = group.rank() as f32 + 1.0;
            let tensors = [Tensor::full(own, (2, 2), &device), Tensor::new(&[10.0 * own], &device)];
            let sums = group.sum(&tensors.map(Result::unwrap)).unwrap();
            (sums[0].to_vec2::<f32>().unwrap(), sums[1].to_vec1::<f32>().unwrap())
        });
        assert!(found.iter().all(|sums| *sums == (vec![vec![3.0; 2]; 2], vec![30.0])), "{found:?}");
    }
}
