//! Trains a preset from library code: `train_preset RUN_DIR [section.key=value]...`.

use std::path::Path;
use std::sync::atomic::AtomicBool;

use candle_core::Device;
use stylegan_dataset::OpenOptions;
use stylegan_trainer::Training;
use stylegan_trainer::config::TrainConfig;
use stylegan_trainer::events::Event;
use stylegan_trainer::run_dir::RunDir;

#[allow(clippy::print_stderr)]
fn main() -> Result<(), Box<dyn std::error::Error>> {
    let mut arguments = std::env::args().skip(1);
    let folder = arguments.next().ok_or("usage: train_preset RUN_DIR [section.key=value]...")?;
    let mut config = TrainConfig::default();
    for setting in arguments {
        config.set(&setting)?;
    }
    let (resolution, channels) = (config.image_size(), config.network.channels);
    let options = OpenOptions { resolution, channels, ..OpenOptions::default() };
    let dataset = stylegan_dataset::open(&config.data.source, &options, &|_| {})?;
    let run = RunDir::at(Path::new(&folder))?;
    let mut training = Training::new(config, dataset.into(), run, &Device::Cpu)?;
    let mut observer = |event: &Event| {
        if !matches!(event, Event::Step(_)) {
            eprintln!("{event}");
        }
    };
    training.run(&mut observer, &AtomicBool::new(false))?;
    Ok(())
}
