//! Differentiable augmentation for little data: ADA's adaptive pipeline and DiffAugment.
