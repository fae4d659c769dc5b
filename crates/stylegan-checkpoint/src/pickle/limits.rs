//! How much of a file is believed.

/// Bounds on what reading a pickle may cost, whatever the file says. Arrays and tensors are not counted: their bytes stay
/// where they are in the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Values: numbers, strings, lists and so on (2^20; a training checkpoint with its optimizers has some ten
    /// thousand).
    pub values: usize,
    /// Instructions (2^22).
    pub steps: usize,
    /// Values inside each other (256).
    pub depth: usize,
    /// Files inside files: `stylegan2-ada-pytorch` writes each tensor as a PyTorch file inside the pickle (2).
    pub nested: usize,
    /// Bytes that have to be copied out of the file to be decoded (2^26; in protocol 2, Python 3 writes arrays so).
    pub copied: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { values: 1 << 20, steps: 1 << 22, depth: 256, nested: 2, copied: 1 << 26 }
    }
}
