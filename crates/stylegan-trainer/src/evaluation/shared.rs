//! Measuring among ranks: each computes a share, and all of them have the whole.

use candle_core::{Device, Tensor};
use stylegan_distributed::Group;
use stylegan_metrics::MetricError;

/// The rows `[total, k]` that all ranks found, of which this rank's `own` are those from `start` on. All ranks come to this, also those that could not
/// find theirs: who stayed away would be waited for.
///
/// # Errors
/// This rank's own, or that of another.
pub(super) fn gathered(
    group: &Group,
    own: Result<Tensor, MetricError>,
    start: usize,
    total: usize,
    device: &Device,
) -> Result<Tensor, MetricError> {
    if group.any(own.is_err(), device).map_err(candle_core::Error::wrap)? {
        let another = || MetricError::Settings("another rank could not measure its share".into());
        return Err(own.err().unwrap_or_else(another));
    }
    let rows = group.gather(&own?.to_device(device)?, start, total);
    Ok(rows.map_err(candle_core::Error::wrap)?)
}
