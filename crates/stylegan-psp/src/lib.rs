//! The pixel2style2pixel encoder: images to the latent codes of a generator.
