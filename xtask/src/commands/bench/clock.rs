//! The time of a piece of work: by the clock, and of the processor.

use std::fs;
use std::ops::AddAssign;
use std::time::Instant;

/// Ticks a second in `/proc`, on every Linux.
const TICKS: f64 = 100.0;

/// What work took.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Spent {
    /// Seconds by the clock.
    pub seconds: f64,
    /// Seconds of the processor, all threads together, where the system tells.
    pub processor: Option<f64>,
}

impl Spent {
    /// Does work that is done once in `interval` steps, and counts that share of it.
    ///
    /// # Errors
    ///
    /// Those of the work.
    pub fn on<E>(interval: u64, work: impl FnOnce() -> Result<(), E>) -> Result<Self, E> {
        let (started, before) = (Instant::now(), processor());
        work()?;
        let share = 1.0 / interval as f64;
        let spent = before.zip(processor()).map(|(before, after)| share * (after - before));
        Ok(Self { seconds: share * started.elapsed().as_secs_f64(), processor: spent })
    }
}

impl AddAssign for Spent {
    fn add_assign(&mut self, other: Self) {
        self.seconds += other.seconds;
        self.processor = self.processor.zip(other.processor).map(|(a, b)| a + b);
    }
}

/// Seconds that this process has had of the processor, on systems that have Linux's `/proc`.
fn processor() -> Option<f64> {
    of_stat(&fs::read_to_string("/proc/self/stat").ok()?)
}

/// The time of user and system, fields 14 and 15; the name before them, in brackets, may hold anything.
fn of_stat(stat: &str) -> Option<f64> {
    let mut fields = stat.rsplit_once(')')?.1.split_whitespace().skip(11);
    let mut ticks = || fields.next()?.parse::<f64>().ok();
    Some((ticks()? + ticks()?) / TICKS)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn processor_time_is_read_past_odd_names() {
        let stat = "12 (a) b) R 1 2 3 4 5 6 7 8 9 10 250 50 0 0";
        assert_eq!(of_stat(stat), Some(3.0));
        assert_eq!(of_stat("nothing"), None);
    }

    #[test]
    fn shares_add_up() {
        let mut spent = Spent { seconds: 1.0, processor: Some(2.0) };
        spent += Spent { seconds: 0.5, processor: Some(0.25) };
        assert_eq!(spent, Spent { seconds: 1.5, processor: Some(2.25) });
        let failed = Spent::on(4, || Err("no"));
        assert_eq!(failed, Err("no"));
    }
}
