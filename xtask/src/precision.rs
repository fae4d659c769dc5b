//! The format that networks compute in: `--precision float32`, `bfloat16` or `float16`.

use stylegan::FloatFormat;
use stylegan_ops::half_supported;

use crate::device;
use crate::failure::Failure;
use crate::printer::Printer;

/// Says what a format means on the device of this process.
///
/// # Errors
///
/// When the GPU cannot compute in it.
pub fn check(format: FloatFormat, printer: Printer) -> Result<(), Failure> {
    let device = device::chosen();
    half_supported(device, format.dtype()).map_err(device::failure)?;
    if format.is_half() && device.is_cpu() {
        printer.note(&format!(
            "{format} is slower than float32 on the processor, which converts every number: it shows what a GPU would compute"
        ));
    }
    Ok(())
}
