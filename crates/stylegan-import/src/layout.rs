//! How a tensor of another program is laid out, and what its numbers mean there.

/// The other side's layout, seen from the native one: the native shape is split into axes; axis `j` of those is the other
/// side's axis `order[j]`; the axes in `flipped` run backwards.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Layout {
    split: fn(&[usize]) -> Vec<usize>,
    order: &'static [usize],
    flipped: &'static [usize],
}

/// What the other side's numbers are multiplied with, or shifted by, to become native ones.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Numbers {
    /// Nothing.
    Same,
    /// A factor that may depend on the native shape.
    Times(fn(&[usize]) -> f64),
    /// Style biases whose first half is the scale itself: natively 1 is added at run time.
    ScaleMinusOne,
    /// Biases to which 1 is added at run time there, but not natively.
    PlusOne,
}

fn whole(shape: &[usize]) -> Vec<usize> {
    shape.to_vec()
}

impl Layout {
    /// As the native one.
    pub(crate) const SAME: Self = Self::of(whole, &[]);
    /// A dense layer as `[in, out]`.
    pub(crate) const TRANSPOSED: Self = Self::of(whole, &[1, 0]);
    /// A convolution as TensorFlow has it: `[height, width, in, out]`.
    pub(crate) const HWIO: Self = Self::of(whole, &[3, 2, 0, 1]);
    /// `[height, width, out, in]`, as in the first Progressive GAN.
    pub(crate) const HWOI: Self = Self::of(whole, &[2, 3, 0, 1]);
    /// A transposed convolution as PyTorch has it: `[in, out, height, width]`.
    pub(crate) const IOHW: Self = Self::of(whole, &[1, 0, 2, 3]);
    /// TensorFlow's, turned by half a turn.
    pub(crate) const HWIO_FLIPPED: Self =
        Self { split: whole, order: &[3, 2, 0, 1], flipped: &[2, 3] };
    /// A dense layer to a 4x4 map as a convolution `[C, in, 4, 4]` of a 1x1 map with padding 3, which turns it.
    pub(crate) const DENSE_AS_CONVOLUTION: Self =
        Self { split: as_map, order: &[0, 2, 3, 1], flipped: &[1, 2] };

    /// The same numbers in the same order, in the shape that `shape` gives for the native one.
    pub(crate) const fn reshaped(shape: fn(&[usize]) -> Vec<usize>) -> Self {
        Self::of(shape, &[])
    }

    const fn of(split: fn(&[usize]) -> Vec<usize>, order: &'static [usize]) -> Self {
        Self { split, order, flipped: &[] }
    }

    /// The other side's shape.
    pub(crate) fn foreign_shape(&self, native: &[usize]) -> Vec<usize> {
        let split = (self.split)(native);
        if self.order.len() != split.len() {
            return split;
        }
        let mut foreign = vec![0; split.len()];
        for (axis, &size) in split.iter().enumerate() {
            foreign[self.order[axis]] = size;
        }
        foreign
    }

    /// For each native number in turn, where the other side has it; `None` where the order is the same.
    fn each(&self, native: &[usize], mut visit: impl FnMut(usize)) -> Option<()> {
        let split = (self.split)(native);
        if self.order.is_empty() || self.order.len() != split.len() || split.contains(&0) {
            return None;
        }
        let foreign = self.foreign_shape(native);
        let mut strides = vec![1isize; foreign.len()];
        for axis in (1..foreign.len()).rev() {
            strides[axis - 1] = strides[axis] * foreign[axis] as isize;
        }
        let mut steps: Vec<isize> = self.order.iter().map(|&axis| strides[axis]).collect();
        let mut at = 0;
        for &axis in self.flipped {
            at += steps[axis] * (split[axis] as isize - 1);
            steps[axis] = -steps[axis];
        }
        let last = split.len() - 1;
        let mut index = vec![0usize; split.len()];
        loop {
            let mut inner = at;
            for _ in 0..split[last] {
                visit(inner as usize);
                inner += steps[last];
            }
            let Some(axis) = (0..last).rev().find(|&axis| index[axis] + 1 < split[axis]) else {
                return Some(());
            };
            index[axis] += 1;
            at += steps[axis];
            for axis in axis + 1..last {
                at -= steps[axis] * index[axis] as isize;
                index[axis] = 0;
            }
        }
    }

    /// The other side's numbers in native order.
    pub(crate) fn to_native(self, values: Vec<f32>, native: &[usize]) -> Vec<f32> {
        let mut ordered = Vec::with_capacity(values.len());
        match self.each(native, |at| ordered.push(values.get(at).copied().unwrap_or_default())) {
            Some(()) => ordered,
            None => values,
        }
    }

    /// Native numbers in the other side's order.
    pub(crate) fn to_foreign(self, values: Vec<f32>, native: &[usize]) -> Vec<f32> {
        let mut ordered = vec![0.0; values.len()];
        let mut numbers = values.iter();
        let moved = self.each(native, |at| {
            if let (Some(place), Some(&number)) = (ordered.get_mut(at), numbers.next()) {
                *place = number;
            }
        });
        match moved {
            Some(()) => ordered,
            None => values,
        }
    }
}

/// A dense layer's `[C * 16, in]` as `[C, 4, 4, in]`.
fn as_map(native: &[usize]) -> Vec<usize> {
    match native {
        &[outputs, inputs] => vec![outputs / 16, 4, 4, inputs],
        other => other.to_vec(),
    }
}

impl Numbers {
    /// Makes native numbers of the other side's, or with `back` the reverse.
    pub(crate) fn convert(self, values: &mut [f32], native: &[usize], back: bool) {
        let shift = |values: &mut [f32], by: f32| {
            let by = if back { -by } else { by };
            values.iter_mut().for_each(|value| *value += by);
        };
        match self {
            Self::Same => {}
            Self::Times(factor) => {
                let factor = factor(native);
                let factor = if back { 1.0 / factor } else { factor };
                values.iter_mut().for_each(|value| *value = (f64::from(*value) * factor) as f32);
            }
            Self::ScaleMinusOne => {
                let half = values.len() / 2;
                shift(&mut values[..half], -1.0);
            }
            Self::PlusOne => shift(values, 1.0),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layouts_go_there_and_back() {
        let shape = [2, 3, 4, 5];
        let values: Vec<f32> = (0..120).map(|i| i as f32).collect();
        for layout in [Layout::SAME, Layout::HWIO, Layout::HWOI, Layout::IOHW, Layout::HWIO_FLIPPED]
        {
            let native = layout.to_native(values.clone(), &shape);
            assert_eq!(layout.to_foreign(native, &shape), values);
        }
        assert_eq!(Layout::HWIO.foreign_shape(&shape), [4, 5, 3, 2]);
        // Native [o, i, h, w] = [1, 2, 3, 4] lies at [h, w, i, o] = [3, 4, 2, 1].
        let native = Layout::HWIO.to_native(values.clone(), &shape);
        assert_eq!(native[60 + 2 * 20 + 3 * 5 + 4], values[3 * 30 + 4 * 6 + 2 * 2 + 1]);
        let flipped = Layout::HWIO_FLIPPED.to_native(values.clone(), &shape);
        assert_eq!(flipped[60 + 2 * 20], native[60 + 2 * 20 + 3 * 5 + 4]);
        let transposed = Layout::TRANSPOSED.to_native(vec![0., 1., 2., 3., 4., 5.], &[2, 3]);
        assert_eq!(transposed, [0., 2., 4., 1., 3., 5.]);
    }
}
