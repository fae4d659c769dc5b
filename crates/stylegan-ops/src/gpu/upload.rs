//! Bytes to a device, without waiting for what it computes.

use candle_core::{Device, Result, Shape, Tensor};

/// A tensor of bytes on `device`.
///
/// To a GPU they go through page-locked memory, a few buffers of which are kept: the copy is queued behind the work that was asked for before, and this
/// returns at once. From a program's ordinary memory a copy would wait until the GPU has come to it.
///
/// # Errors
/// If there are more or fewer bytes than elements; those of the device.
pub fn upload(bytes: &[u8], shape: impl Into<Shape>, device: &Device) -> Result<Tensor> {
    let shape = shape.into();
    #[cfg(feature = "cuda")]
    if let Device::Cuda(gpu) = device {
        return super::pinned::upload(bytes, shape, gpu);
    }
    Tensor::from_slice(bytes, shape, device)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_keep_their_order_and_their_number() -> Result<()> {
        let tensor = upload(&[1, 2, 3, 4, 5, 6], (2, 3), &Device::Cpu)?;
        assert_eq!(tensor.to_vec2::<u8>()?, [[1, 2, 3], [4, 5, 6]]);
        assert!(upload(&[1, 2], 3, &Device::Cpu).is_err());
        Ok(())
    }
}
