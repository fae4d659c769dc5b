//! Numbers that are read from a device while it goes on computing.

use candle_core::{DType, Result, Tensor};

/// Numbers on their way from a device. The copy is queued behind the work that makes them, into memory of its own; whoever waits for it waits for that
/// work, and not for what was queued since.
#[derive(Debug)]
pub struct Later(Numbers);

#[derive(Debug)]
enum Numbers {
    Here(Vec<f64>),
    #[cfg(feature = "cuda")]
    Coming(super::pinned::Reading),
}

impl Later {
    /// Begins to read a tensor of any shape, as float64 in row-major order. On the CPU its numbers are there at once.
    ///
    /// # Errors
    /// Those of the device.
    pub fn read(tensor: &Tensor) -> Result<Self> {
        let flat = tensor.detach().flatten_all()?.to_dtype(DType::F64)?;
        #[cfg(feature = "cuda")]
        if flat.device().is_cuda() {
            return Ok(Self(Numbers::Coming(super::pinned::Reading::begin(&flat)?)));
        }
        Ok(Self(Numbers::Here(flat.to_vec1()?)))
    }

    /// The numbers, once they are there.
    ///
    /// # Errors
    /// Those of the device, among them what went wrong in the work that made the numbers.
    pub fn wait(self) -> Result<Vec<f64>> {
        match self.0 {
            Numbers::Here(numbers) => Ok(numbers),
            #[cfg(feature = "cuda")]
            Numbers::Coming(reading) => reading.wait(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use candle_core::Device;

    #[test]
    fn numbers_come_in_row_major_order() -> Result<()> {
        let tensor = Tensor::new(&[[1f32, 2.0], [3.0, 4.0]], &Device::Cpu)?.t()?;
        assert_eq!(Later::read(&tensor)?.wait()?, [1.0, 3.0, 2.0, 4.0]);
        Ok(())
    }
}
