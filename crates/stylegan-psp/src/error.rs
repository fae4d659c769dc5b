//! What can be wrong.

/// An encoder, a task or an input that cannot be used.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum PspError {
    /// A configuration that no network can have.
    #[error("the encoder's configuration cannot be used: {reason}")]
    Config {
        /// What is wrong.
        reason: String,
    },
    /// The decoder takes other codes than the encoder gives.
    #[error(
        "the decoder's layers do not match the encoder: the encoder gives {} styles of {} \
         components, the decoder takes {} of {}",
        encoder.0, encoder.1, decoder.0, decoder.1
    )]
    Decoder {
        /// Styles and components of the encoder.
        encoder: (usize, usize),
        /// Those of the decoder.
        decoder: (usize, usize),
    },
    /// A task that there is not.
    #[error("there is no task `{name}`; the nearest is `{nearest}`")]
    UnknownTask {
        /// What was asked for.
        name: String,
        /// The task with the most similar name.
        nearest: &'static str,
    },
    /// A mask of classes with a class that is none of the task's.
    #[error("the mask is not one-hot: {problem}")]
    Mask {
        /// Where and what.
        problem: String,
    },
    /// A style that the codes do not have.
    #[error("there is no style {layer}: the codes have styles 0 to {}", styles.saturating_sub(1))]
    Layer {
        /// The style that was asked for.
        layer: usize,
        /// How many there are.
        styles: usize,
    },
    /// Terms of the loss that cannot be together, or lack their network.
    #[error("the losses cannot be used: {reason}")]
    Losses {
        /// What is wrong.
        reason: String,
    },
    /// A computation.
    #[error(transparent)]
    Compute(#[from] candle_core::Error),
}
