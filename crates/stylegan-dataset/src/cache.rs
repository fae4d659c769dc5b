//! A memory of finished pictures, filled as they are asked for.

use std::sync::OnceLock;

/// Default limit of what a data set keeps in memory: 2 GiB.
pub(crate) const DEFAULT_BYTES: u64 = 2 << 30;

/// One slot a picture; or none at all if the pictures together are over the limit.
#[derive(Debug)]
pub(crate) struct Cache<T> {
    slots: Vec<OnceLock<T>>,
}

impl<T: Clone> Cache<T> {
    /// Slots for `count` pictures of `bytes` each, unless they take more than `limit` bytes.
    pub(crate) fn new(count: usize, bytes: usize, limit: u64) -> Self {
        let fits = (count as u128) * (bytes as u128) <= u128::from(limit);
        let slots = if fits { count } else { 0 };
        Self { slots: (0..slots).map(|_| OnceLock::new()).collect() }
    }

    /// The value of a slot, made on the first call; always made anew without slots.
    pub(crate) fn get_or<E>(
        &self,
        index: usize,
        make: impl FnOnce() -> Result<T, E>,
    ) -> Result<T, E> {
        let Some(slot) = self.slots.get(index) else { return make() };
        if let Some(value) = slot.get() {
            return Ok(value.clone());
        }
        let value = make()?;
        // Another thread may have been faster, with the same value.
        Ok(slot.get_or_init(|| value).clone())
    }

    /// Puts a value into its slot, if there are slots.
    pub(crate) fn put(&self, index: usize, value: T) {
        if let Some(slot) = self.slots.get(index) {
            let _ = slot.set(value);
        }
    }
}
