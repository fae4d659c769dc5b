//! Linear separability (Karras et al. 2019, section 4.2): how well a plane in a latent space tells who has an attribute and who has not.
//!
//! Classifiers judge many generated images. For each attribute, the half of which its classifier is most sure is kept, and a linear
//! support vector machine is fitted to the latents; what its side leaves unknown of the classifier's verdict is the attribute's
//! conditional entropy. The score is `2^(sum over attributes)`: 1 where every attribute is separable.
//!
//! [`Targets`] says who is kept, [`linear_svm`] fits, [`tables`] and [`separability_score`] count. [`linear_discriminants`] is another separator,
//! [`extreme_distances`] a diagnostic. [`evaluate`] runs all of it on latents and scores.

mod cholesky;
mod conjugate;
mod distances;
mod entropy;
mod evaluate;
mod lda;
mod machine;
mod passes;
mod svm;
mod targets;
#[cfg(test)]
mod tests;

pub use distances::{Extremes, extreme_distances};
pub use entropy::{Table, score_with_interval, separability_score, tables};
pub use evaluate::{AttributeSeparability, Separability, SeparabilitySettings, evaluate};
pub use lda::linear_discriminants;
pub use svm::{Separator, SvmSettings, linear_svm};
pub use targets::Targets;
