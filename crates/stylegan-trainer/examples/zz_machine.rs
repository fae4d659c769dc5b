//! Temporary.
fn main() {
    let m = stylegan_trainer::estimate::Machine::measure(&candle_core::Device::Cpu).unwrap();
    eprintln!("{m:?}");
}
