//! Closed forms, and what must hold whatever the images.

mod extraction;
mod gaussians;
mod images;
mod neighbours;
