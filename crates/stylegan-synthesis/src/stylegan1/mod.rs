//! StyleGAN and Progressive GAN: configurations A to F.

mod conv;
mod epilogue;
mod network;

pub(crate) use network::Network;
