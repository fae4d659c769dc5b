//! Feature networks with published weights: VGG16, AlexNet, SqueezeNet, Inception-v3, and LPIPS on them.
