//! A run that sizes itself by the images it is given.

use stylegan_dataset::Source;
use stylegan_trainer::config::{Budget, ImageSet, Sizing, TrainConfig};
use stylegan_trainer::estimate::{Machine, Workload};

use super::Args;
use super::settings;
use crate::collection;
use crate::device;
use crate::failure::Failure;

/// Images that are looked at, spread over all of them.
const LOOKED_AT: usize = 64;

/// The hours of a run for which neither --hours nor --kimg was given.
const HOURS: f64 = 1.0;

/// A sized configuration, where images of one's own are named and nothing else says how to train on them.
///
/// # Errors
///
/// When the images cannot be looked at, or are too small.
pub fn resolve(args: &Args) -> Result<Option<Sizing>, Failure> {
    let Some(source) = args.data.as_deref().filter(|source| !source.starts_with("faces")) else {
        return Ok(None);
    };
    if args.preset.is_some() || args.config.is_some() {
        return Ok(None);
    }
    args.hours.map_or(Ok(()), check)?;
    let collection = collection::open(source, args.classes)?;
    let images = look(collection.as_ref(), args)?;
    let budget = match (args.hours, args.kimg) {
        (Some(hours), _) => Budget::Hours(hours),
        (None, Some(kimg)) => Budget::Kimg(kimg),
        (None, None) => Budget::Hours(HOURS),
    };
    let machine = Machine::measure(device::chosen()).map_err(Failure::program)?;
    let sizing = Sizing::new(&images, args.resolution, budget, &machine);
    sizing.map(Some).map_err(settings::failure)
}

/// Gives a configuration the length of so many hours on this machine.
///
/// # Errors
///
/// When that is no length of a run.
pub fn last(config: &mut TrainConfig, hours: f64) -> Result<(), Failure> {
    check(hours)?;
    let machine = Machine::measure(device::chosen()).map_err(Failure::program)?;
    let kimg = Workload::kimg_within(config, hours, &machine).map_err(settings::failure)?;
    let share = kimg / config.run.total_kimg;
    config.optimizer.rampdown_kimg *= share;
    config.run.total_kimg = kimg;
    Ok(())
}

fn check(hours: f64) -> Result<(), Failure> {
    if hours > 0.0 && hours.is_finite() {
        return Ok(());
    }
    let said = format!("--hours {hours} is no length of a run");
    Err(Failure::user(said).hint("an example: --hours 0.5"))
}

/// What the images are, by some of them.
fn look(source: &dyn Source, args: &Args) -> Result<ImageSet, Failure> {
    let count = source.len();
    let looked_at = LOOKED_AT.min(count);
    let (mut smallest, mut aspects, mut colour) = ((usize::MAX, usize::MAX), Vec::new(), false);
    for at in 0..looked_at {
        let index = at * count / looked_at;
        let picture = match source.read(index).and_then(|raw| raw.decode(None)) {
            Ok(picture) => picture,
            Err(_) if args.skip_bad => continue,
            Err(problem) => {
                let said = format!("`{}` cannot be read: {problem}", source.name(index));
                return Err(Failure::user(said).hint("--skip-bad goes on without such images"));
            }
        };
        smallest = (smallest.0.min(picture.height), smallest.1.min(picture.width));
        aspects.push(picture.height as f64 / picture.width as f64);
        colour |= picture.channels != 1;
    }
    if aspects.is_empty() {
        let said = format!("{} holds no image that can be read", source.describe());
        return Err(Failure::user(said).hint("`cargo xtask data stats` says what is in it"));
    }
    aspects.sort_by(f64::total_cmp);
    let label_dim = if args.classes { source.labels().dim() } else { 0 };
    Ok(ImageSet {
        count,
        smallest,
        aspect: aspects[aspects.len() / 2],
        channels: if colour { 3 } else { 1 },
        label_dim,
    })
}
