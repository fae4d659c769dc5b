//! The discriminator of Progressive GAN and StyleGAN.

mod block;
mod head;
mod network;

pub(crate) use network::Network;
