//! Ranks that are threads of one process: for tests, where no launcher is at hand.

use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};

use candle_core::Tensor;

use crate::{DistributedError, Transport};

/// One of a group of ranks that are threads.
pub struct ThreadTransport {
    rank: usize,
    meeting: Arc<Meeting>,
}

/// Where the threads add up.
struct Meeting {
    round: Mutex<Round>,
    changed: Condvar,
}

struct Round {
    /// What each rank brought.
    brought: Vec<Option<Vec<f32>>>,
    /// The sum, and how many have yet to take it.
    sum: Option<(Arc<Vec<f32>>, usize)>,
    /// Whether a rank is gone.
    broken: bool,
}

impl ThreadTransport {
    /// A group of so many ranks, each for a thread of its own.
    pub fn of(size: usize) -> Vec<Self> {
        let round = Round { brought: vec![None; size], sum: None, broken: false };
        let meeting = Arc::new(Meeting { round: Mutex::new(round), changed: Condvar::new() });
        (0..size).map(|rank| Self { rank, meeting: Arc::clone(&meeting) }).collect()
    }
}

impl Meeting {
    /// Nothing that can panic runs under the lock, so a poisoned one is whole too.
    fn lock(&self) -> MutexGuard<'_, Round> {
        self.round.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Waits until `ready`.
    fn wait(
        &self,
        ready: impl Fn(&Round) -> bool,
    ) -> Result<MutexGuard<'_, Round>, DistributedError> {
        let mut round = self.lock();
        while !ready(&round) {
            if round.broken {
                return Err(failed("a rank is gone"));
            }
            round = self.changed.wait(round).unwrap_or_else(PoisonError::into_inner);
        }
        Ok(round)
    }
}

impl Transport for ThreadTransport {
    fn rank(&self) -> usize {
        self.rank
    }

    fn size(&self) -> usize {
        self.meeting.lock().brought.len()
    }

    fn sum(&self, own: Tensor) -> Result<Tensor, DistributedError> {
        let (values, device) = (own.to_vec1::<f32>()?, own.device());
        // The last sum has been taken by all.
        let mut round = self.meeting.wait(|round| round.sum.is_none())?;
        round.brought[self.rank] = Some(values);
        if round.brought.iter().all(Option::is_some) {
            let size = round.brought.len();
            let brought: Vec<Vec<f32>> =
                round.brought.iter_mut().filter_map(Option::take).collect();
            round.sum = Some((Arc::new(add(&brought)?), size));
        }
        drop(round);
        self.meeting.changed.notify_all();

        let mut round = self.meeting.wait(|round| round.sum.is_some())?;
        let Some((sum, left)) = round.sum.take() else { return Err(failed("there is no sum")) };
        if left > 1 {
            round.sum = Some((Arc::clone(&sum), left - 1));
        }
        drop(round);
        self.meeting.changed.notify_all();
        Ok(Tensor::from_slice(&sum, sum.len(), device)?)
    }
}

impl Drop for ThreadTransport {
    fn drop(&mut self) {
        self.meeting.lock().broken = true;
        self.meeting.changed.notify_all();
    }
}

/// In the order of the ranks.
fn add(brought: &[Vec<f32>]) -> Result<Vec<f32>, DistributedError> {
    let (first, others) = brought.split_first().ok_or_else(|| failed("it has no ranks"))?;
    let mut sum = first.clone();
    for other in others {
        if other.len() != sum.len() {
            let (one, another) = (sum.len(), other.len());
            return Err(failed(&format!("one rank brought {one} values, another {another}")));
        }
        sum.iter_mut().zip(other).for_each(|(sum, value)| *sum += value);
    }
    Ok(sum)
}

fn failed(reason: &str) -> DistributedError {
    DistributedError::Transport { transport: "the group of threads", reason: reason.to_owned() }
}

#[cfg(test)]
mod tests {
    use candle_core::Device;

    use super::*;

    #[test]
    fn threads_add_up_again_and_again() {
        let work = |transport: ThreadTransport| {
            let mut sums = Vec::new();
            for step in 0..50 {
                let own = Tensor::full((step * 10 + transport.rank()) as f32, 2, &Device::Cpu);
                sums.extend(transport.sum(own?)?.to_vec1::<f32>()?);
            }
            Ok::<_, DistributedError>(sums)
        };
        std::thread::scope(|scope| {
            let ranks =
                ThreadTransport::of(3).into_iter().map(|rank| scope.spawn(move || work(rank)));
            for rank in ranks.collect::<Vec<_>>() {
                let expected: Vec<f32> = (0..100).map(|i| (i / 2 * 30 + 3) as f32).collect();
                assert_eq!(rank.join().unwrap().unwrap(), expected);
            }
        });
    }

    #[test]
    fn a_rank_that_is_gone_ends_the_wait() {
        let mut ranks = ThreadTransport::of(2);
        let other = ranks.pop().unwrap();
        let waiting = std::thread::spawn(move || {
            let own = Tensor::zeros(2, candle_core::DType::F32, &Device::Cpu).unwrap();
            ranks[0].sum(own).unwrap_err().to_string()
        });
        drop(other);
        assert_eq!(waiting.join().unwrap(), "the group of threads failed: a rank is gone");
    }
}
