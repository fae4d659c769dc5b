//! Perceptual path length, linear separability, FID and their kin, by named protocols.
