//! The discriminator of Progressive GAN and StyleGAN.

mod block;
mod network;

pub(crate) use network::Network;
