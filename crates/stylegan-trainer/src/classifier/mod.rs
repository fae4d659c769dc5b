//! Classifiers of attributes, for linear separability (Karras et al. 2019, section 4.2 and appendix C): one network an attribute, of
//! the discriminator's architecture, whose score is half a logit.

mod error;
mod set;
#[cfg(test)]
mod tests;
mod train;

pub use error::ClassifierError;
pub use set::{About, Classifier, ClassifierSet};
pub use train::{ClassifierConfig, Trained, network_config, train};
