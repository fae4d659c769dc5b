//! Event files for TensorBoard.
//!
//! A file is a sequence of records (`TFRecord`: length, its checksum, data, their checksum); a record is an `Event` in the
//! protocol-buffer encoding, of which the few fields written here are spelt out: the crates for such files bring a
//! protocol-buffer runtime and an image codec of another version along.

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::grid::Grid;
use crate::run_dir::RunDirError;

mod crc32c;
mod message;

use message::Message;

/// Writes one event file. A run that is resumed writes another into the same folder; TensorBoard shows them as one.
#[derive(Debug)]
pub struct EventWriter {
    path: PathBuf,
    file: File,
}

// Field numbers of event.proto and summary.proto of TensorFlow.
const EVENT_WALL_TIME: u32 = 1;
const EVENT_STEP: u32 = 2;
const EVENT_FILE_VERSION: u32 = 3;
const EVENT_SUMMARY: u32 = 5;
const EVENT_SESSION_LOG: u32 = 7;
const SESSION_STATUS: u32 = 1;
const SESSION_START: u64 = 1;
const SUMMARY_VALUE: u32 = 1;
const VALUE_TAG: u32 = 1;
const VALUE_SIMPLE: u32 = 2;
const VALUE_IMAGE: u32 = 4;
const IMAGE_HEIGHT: u32 = 1;
const IMAGE_WIDTH: u32 = 2;
const IMAGE_COLORSPACE: u32 = 3;
const IMAGE_ENCODED: u32 = 4;

impl EventWriter {
    /// Makes a new file in `folder`, which is made where there is none. `step` is where the run begins or resumes:
    /// TensorBoard then hides what an earlier file says about later steps.
    ///
    /// # Errors
    /// [`RunDirError::Io`].
    pub fn create(folder: &Path, step: u64) -> Result<Self, RunDirError> {
        fs::create_dir_all(folder).map_err(RunDirError::io("create", folder))?;
        // The names sort by time.
        let now = since_1970();
        let stem = format!("events.out.tfevents.{:010}.{:09}", now.as_secs(), now.subsec_nanos());
        let mut copy = 0;
        let (path, file) = loop {
            let path = folder.join(format!("{stem}.{copy}.stylegan"));
            match File::create_new(&path) {
                Ok(file) => break (path, file),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => copy += 1,
                Err(error) => return Err(RunDirError::io("create", &path)(error)),
            }
        };
        let mut writer = Self { path, file };
        let version = Message::new().bytes(EVENT_FILE_VERSION, b"brain.Event:2");
        writer.record(version.double(EVENT_WALL_TIME, now.as_secs_f64()))?;
        let start = Message::new().varint(SESSION_STATUS, SESSION_START);
        writer.event(step, EVENT_SESSION_LOG, start)?;
        Ok(writer)
    }

    /// Writes scalars of one step, each under its name; slashes make groups.
    ///
    /// # Errors
    /// [`RunDirError::Io`].
    pub fn scalars(&mut self, step: u64, values: &[(&str, f64)]) -> Result<(), RunDirError> {
        let summary = values.iter().fold(Message::new(), |summary, (tag, value)| {
            let value =
                Message::new().bytes(VALUE_TAG, tag.as_bytes()).float(VALUE_SIMPLE, *value as f32);
            summary.message(SUMMARY_VALUE, value)
        });
        self.event(step, EVENT_SUMMARY, summary)
    }

    /// Writes an image of one step.
    ///
    /// # Errors
    /// [`RunDirError::Io`].
    pub fn image(&mut self, step: u64, tag: &str, grid: &Grid) -> Result<(), RunDirError> {
        let png = grid.to_png().map_err(RunDirError::io("write", &self.path))?;
        let image = Message::new()
            .varint(IMAGE_HEIGHT, grid.height as u64)
            .varint(IMAGE_WIDTH, grid.width as u64)
            .varint(IMAGE_COLORSPACE, grid.channels as u64)
            .bytes(IMAGE_ENCODED, &png);
        let value = Message::new().bytes(VALUE_TAG, tag.as_bytes()).message(VALUE_IMAGE, image);
        self.event(step, EVENT_SUMMARY, Message::new().message(SUMMARY_VALUE, value))
    }

    fn event(&mut self, step: u64, field: u32, content: Message) -> Result<(), RunDirError> {
        let event = Message::new()
            .double(EVENT_WALL_TIME, since_1970().as_secs_f64())
            .varint(EVENT_STEP, step);
        self.record(event.message(field, content))
    }

    fn record(&mut self, event: Message) -> Result<(), RunDirError> {
        let data = event.into_bytes();
        let length = (data.len() as u64).to_le_bytes();
        let mut record = Vec::with_capacity(data.len() + 16);
        record.extend_from_slice(&length);
        record.extend_from_slice(&crc32c::masked(&length).to_le_bytes());
        record.extend_from_slice(&data);
        record.extend_from_slice(&crc32c::masked(&data).to_le_bytes());
        // In one call, so that a kill seldom leaves a part; readers stop at a torn record.
        self.file.write_all(&record).map_err(RunDirError::io("write", &self.path))
    }
}

/// The time since 1970. A clock before that counts as 1970: it is for display only.
fn since_1970() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

#[cfg(test)]
mod tests;
