//! The numbers of an array or tensor.

use super::element::Element;

/// A numpy array or PyTorch tensor in a file that is not read yet.
#[derive(Debug, Clone)]
pub struct Tensor<'a> {
    element: Element,
    big_endian: bool,
    shape: &'a [usize],
    /// In numbers, not bytes.
    strides: Vec<usize>,
    bytes: &'a [u8],
}

impl<'a> Tensor<'a> {
    pub(crate) fn new(
        element: Element,
        big_endian: bool,
        shape: &'a [usize],
        strides: Vec<usize>,
        bytes: &'a [u8],
    ) -> Self {
        Self { element, big_endian, shape, strides, bytes }
    }

    /// Zeros, which take no memory: a tensor of which only the shape matters.
    pub fn zeros(element: Element, shape: &'a [usize]) -> Self {
        Self::new(element, false, shape, vec![0; shape.len()], &[0; 8])
    }

    /// The type of its numbers.
    pub fn element(&self) -> Element {
        self.element
    }

    /// Its shape.
    pub fn shape(&self) -> &'a [usize] {
        self.shape
    }

    /// How many numbers it has.
    pub fn elements(&self) -> usize {
        self.shape.iter().product()
    }

    /// The first of the tensors along the first axis; itself where there is but one axis.
    pub fn first(&self) -> Self {
        let mut first = self.clone();
        if self.shape.len() > 1 {
            first.shape = &self.shape[1..];
            first.strides.remove(0);
        }
        first
    }

    /// All numbers in row-major order, in single precision.
    pub fn to_f32(&self) -> Vec<f32> {
        if self.element == Element::F32 && !self.big_endian && self.is_contiguous() {
            let (words, _) = self.bytes.as_chunks::<4>();
            return words[..self.elements().min(words.len())]
                .iter()
                .map(|&word| f32::from_le_bytes(word))
                .collect();
        }
        let mut numbers = Vec::with_capacity(self.elements());
        self.each(|number| numbers.push(number as f32));
        numbers
    }

    /// All numbers in row-major order, in double precision.
    pub fn to_f64(&self) -> Vec<f64> {
        let mut numbers = Vec::with_capacity(self.elements());
        self.each(|number| numbers.push(number));
        numbers
    }

    fn is_contiguous(&self) -> bool {
        let mut step = 1;
        self.shape.iter().zip(&self.strides).rev().all(|(&size, &stride)| {
            let fits = size == 1 || (stride == step && step > 0);
            step *= size;
            fits
        })
    }

    fn each(&self, mut visit: impl FnMut(f64)) {
        if self.elements() == 0 {
            return;
        }
        let size = self.element.size();
        let mut index = vec![0; self.shape.len()];
        loop {
            let at: usize = index.iter().zip(&self.strides).map(|(i, stride)| i * stride).sum();
            // Shapes were checked against their storages when the file was read.
            let bytes = self.bytes.get(at * size..).unwrap_or_default();
            visit(self.element.read(bytes, self.big_endian));
            let Some(axis) =
                (0..index.len()).rev().find(|&axis| index[axis] + 1 < self.shape[axis])
            else {
                return;
            };
            index[axis] += 1;
            index[axis + 1..].fill(0);
        }
    }
}
