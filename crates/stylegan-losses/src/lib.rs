//! Adversarial losses and gradient penalties.
//!
//! A discriminator is seen through the trait [`Critic`] alone: scores, and scores with the gradient of their sum with
//! respect to the images. That gradient must be made of tracked operations (the network's own vector-Jacobian
//! product), so that one `backward()` of a loss that contains it is exact in the second order.
//!
//! All losses are computed per sample, as vectors `[N]`; means are taken at the end.
//!
//! | discriminator | generator | source |
//! |---|---|---|
//! | `f - r` with gradient penalty and drift | [`GeneratorLoss::Wgan`]: `-f` | Gulrajani et al. 2017; Karras et al. 2018 |
//! | `softplus(f) + softplus(-r)` | [`GeneratorLoss::NonSaturating`]: `softplus(-f)` | Goodfellow et al. 2014 |
//! | the same | [`GeneratorLoss::Saturating`]: `-softplus(f)` | the same |
//! | `relu(1 + f) + relu(1 - r)` | [`GeneratorLoss::Hinge`]: `-f` | Lim and Ye 2017 |
//!
//! `r` and `f` are the scores of real and generated images. R1 and R2 (Mescheder et al. 2018) add
//! `gamma / 2 * |d score / d image|^2` at real and at generated images to any of them.
//! [`ClassLoss`] is what an auxiliary classifier adds for labels (Progressive GAN).
//! [`PathLength`] (Karras et al. 2020) is the generator's own penalty.

mod classes;
mod critic;
mod discriminator;
mod generator;
mod math;
mod path_length;
mod penalty;

pub use classes::ClassLoss;
pub use critic::{Critic, Judgement, Origin};
pub use discriminator::{DiscriminatorEvaluation, DiscriminatorLoss, DiscriminatorObjective};
pub use generator::GeneratorLoss;
pub use math::softplus;
pub use path_length::{PathLength, PathLengthEvaluation, path_cotangent, path_lengths};
pub use penalty::{gradient_penalty, interpolate, squared_norms};
