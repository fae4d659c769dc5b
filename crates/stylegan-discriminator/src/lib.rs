//! Discriminators: images to scores, with input gradients that are exact to the second order.
//!
//! One network covers Progressive GAN and StyleGAN (Karras et al. 2018, table 2; Karras et al.
//! 2019, section 2): see [`DiscriminatorConfig`]. Its key `stylegan2` selects StyleGAN2's network (Karras et al. 2020, figure 7).
//! [`Discriminator::forward_with_vjp`] gives the
//! score and a [`Tape`], whose input gradient is an ordinary tracked tensor.

mod config;
mod discriminator;
mod head;
mod layer;
mod projection;
mod stylegan1;
mod stylegan2;

#[cfg(test)]
mod tests;

pub use config::{DiscriminatorConfig, Downscale, LabelHead};
pub use discriminator::{Discriminator, Scores, Tape};
