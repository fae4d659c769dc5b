//! The discriminator of StyleGAN2 (Karras et al. 2020).

mod block;
mod head;
mod labels;
mod network;

pub(crate) use network::Network;
