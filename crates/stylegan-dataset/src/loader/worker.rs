//! Threads that prepare pictures ahead of their delivery.

use std::collections::VecDeque;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::JoinHandle;

use super::order::Order;
use super::share::Sequence;
use crate::dataset::{Dataset, Sample};
use crate::error::DatasetError;

type Outcome = Result<Sample, DatasetError>;

/// A window of pictures: those in work and those finished but not yet delivered.
struct Window {
    /// Which positions are delivered.
    sequence: Sequence,
    /// Number in the sequence of the first slot.
    base: u64,
    /// Level of resolution of the pictures.
    level: usize,
    /// One slot a claimed position; `None` while a thread works on it.
    slots: VecDeque<Option<Outcome>>,
    /// Goes up with every restart: what was claimed before is not wanted any more.
    generation: u64,
    closing: bool,
}

struct Shared {
    window: Mutex<Window>,
    /// Told when there is room for another claim, or on closing.
    room: Condvar,
    /// Told when the first slot is filled.
    ready: Condvar,
    prefetch: usize,
}

impl Shared {
    /// The window. Nothing that can panic runs under the lock, so a poisoned one is whole too.
    fn lock(&self) -> MutexGuard<'_, Window> {
        self.window.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Worker threads; they end when this is dropped.
pub(super) struct Pool {
    shared: Arc<Shared>,
    threads: Vec<JoinHandle<()>>,
}

impl Pool {
    pub(super) fn start(
        dataset: Arc<dyn Dataset>,
        order: Order,
        workers: usize,
        prefetch: usize,
        (sequence, level): (Sequence, usize),
    ) -> Result<Self, DatasetError> {
        let slots = VecDeque::new();
        let window = Window { sequence, base: 0, level, slots, generation: 0, closing: false };
        let shared = Arc::new(Shared {
            window: Mutex::new(window),
            room: Condvar::new(),
            ready: Condvar::new(),
            prefetch: prefetch.max(1),
        });
        let mut pool = Self { shared, threads: Vec::with_capacity(workers) };
        for number in 0..workers {
            let (shared, dataset) = (Arc::clone(&pool.shared), Arc::clone(&dataset));
            let thread = std::thread::Builder::new()
                .name(format!("loader-{number}"))
                .spawn(move || work(&shared, dataset.as_ref(), order))
                .map_err(|error| DatasetError::Worker {
                    index: order.index(sequence.position(0)),
                    reason: format!("it could not be started: {error}"),
                })?;
            pool.threads.push(thread);
        }
        Ok(pool)
    }

    /// The next sample of the sequence, as soon as it is there.
    pub(super) fn take(&self) -> Outcome {
        let mut window = self.shared.lock();
        loop {
            if let Some(Some(_)) = window.slots.front()
                && let Some(outcome) = window.slots.pop_front().flatten()
            {
                window.base += 1;
                drop(window);
                self.shared.room.notify_one();
                return outcome;
            }
            window = self.shared.ready.wait(window).unwrap_or_else(PoisonError::into_inner);
        }
    }

    /// Forgets what is ahead and goes on with another sequence, at a level of resolution.
    pub(super) fn restart(&self, sequence: Sequence, level: usize) {
        let mut window = self.shared.lock();
        window.slots.clear();
        window.sequence = sequence;
        window.base = 0;
        window.level = level;
        window.generation += 1;
        drop(window);
        self.shared.room.notify_all();
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.shared.lock().closing = true;
        self.shared.room.notify_all();
        for thread in self.threads.drain(..) {
            // A thread catches the panics of its work; there is nothing to learn from its end.
            let _ = thread.join();
        }
    }
}

fn work(shared: &Shared, dataset: &dyn Dataset, order: Order) {
    let mut window = shared.lock();
    while !window.closing {
        if window.slots.len() >= shared.prefetch {
            window = shared.room.wait(window).unwrap_or_else(PoisonError::into_inner);
            continue;
        }
        let (generation, level) = (window.generation, window.level);
        let number = window.base + window.slots.len() as u64;
        let index = order.index(window.sequence.position(number));
        window.slots.push_back(None);
        drop(window);

        let outcome = catch_unwind(AssertUnwindSafe(|| dataset.get_at(index, level)))
            .unwrap_or_else(|_| {
                let reason = String::from("preparing it ended in a panic");
                Err(DatasetError::Worker { index, reason })
            });

        window = shared.lock();
        if window.generation == generation {
            let ahead = (number - window.base) as usize;
            if let Some(slot) = window.slots.get_mut(ahead) {
                *slot = Some(outcome);
            }
            if ahead == 0 {
                shared.ready.notify_one();
            }
        }
    }
}
