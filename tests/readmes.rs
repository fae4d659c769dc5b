//! The examples of the pages in Markdown, run as documentation tests.

macro_rules! pages {
    ($($name:ident: $path:literal),* $(,)?) => {$(
        #[cfg(doctest)]
        #[doc = include_str!($path)]
        struct $name;
    )*};
}

pages! {
    Project: "../README.md",
    Augment: "../crates/stylegan-augment/README.md",
    Checkpoint: "../crates/stylegan-checkpoint/README.md",
    Discriminator: "../crates/stylegan-discriminator/README.md",
    Distributed: "../crates/stylegan-distributed/README.md",
    Facade: "../crates/stylegan/README.md",
    Features: "../crates/stylegan-features/README.md",
    Layers: "../crates/stylegan-layers/README.md",
    Losses: "../crates/stylegan-losses/README.md",
    Mapping: "../crates/stylegan-mapping/README.md",
    Metrics: "../crates/stylegan-metrics/README.md",
    Ops: "../crates/stylegan-ops/README.md",
    Progressive: "../crates/stylegan-progressive/README.md",
    Synthesis: "../crates/stylegan-synthesis/README.md",
    Testkit: "../crates/stylegan-testkit/README.md",
    Trainer: "../crates/stylegan-trainer/README.md",
}
