//! Networks of one shape, whose names are kept: torchvision's, ArcFace's, FID's, and pixel2style2pixel's encoder.

use std::collections::BTreeMap;

use stylegan_checkpoint::pickle::Tensor;

use super::{Known, Settings, infer};
use crate::features::FeatureNetwork;
use crate::table::Table;
use crate::{Dialect, Model, Network, Role};

/// Names are the same on both sides.
pub(super) const TABLE: Table =
    Table { rules: &[], ignored: &["*.num_batches_tracked"], optional: &[] };

pub(super) fn kind(tensors: &BTreeMap<String, Tensor>) -> Option<Known> {
    let has = |name: &str| tensors.contains_key(name);
    type Configure = fn(&Network, Settings) -> Result<Model, String>;
    let features =
        |dialect, configure: Configure| Some((dialect, &TABLE, configure, Role::Features));
    if has("features.28.weight") {
        return features(Dialect::Torchvision, |_, _| fixed(FeatureNetwork::Vgg16));
    }
    if has("features.3.squeeze.weight") {
        return features(Dialect::Torchvision, |_, _| fixed(FeatureNetwork::SqueezeNet));
    }
    if has("features.10.weight") && has("classifier.6.weight") {
        return features(Dialect::Torchvision, |_, _| fixed(FeatureNetwork::AlexNet));
    }
    if has("Conv2d_1a_3x3.conv.weight") {
        return features(Dialect::FidInception, |_, _| fixed(FeatureNetwork::FidInception));
    }
    if has("input_layer.0.weight") && has("output_layer.3.weight") {
        return features(Dialect::ArcFace, |_, _| fixed(FeatureNetwork::ArcFace));
    }
    let known = has("input_layer.0.weight") && has("latlayer1.weight");
    known.then_some((Dialect::Psp, &TABLE, psp_encoder as _, Role::Encoder))
}

fn fixed(network: FeatureNetwork) -> Result<Model, String> {
    Ok(Model::Features(network))
}

/// The encoder that gives each style from the maps of a feature pyramid.
pub(super) fn psp_encoder(network: &Network, settings: Settings) -> Result<Model, String> {
    let kind = settings.get("encoder_type").and_then(|kind| kind.as_str());
    if let Some(kind) = kind.filter(|kind| *kind != "GradualStyleEncoder") {
        return Err(format!("its encoder is a {kind}, and only the GradualStyleEncoder is known"));
    }
    Ok(Model::Features(FeatureNetwork::PspEncoder {
        styles: infer::count(network, "styles.{i}.linear.weight"),
        channels: infer::dim(network, "input_layer.0.weight", 1)?,
        latent_avg: network.tensors.contains_key("latent_avg"),
    }))
}
