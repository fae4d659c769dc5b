//! Fetching a file: what is there already is kept, what comes is checked, and the file appears whole or not at all.

#[cfg(test)]
mod tests;

use std::fs::{self, File, OpenOptions};
use std::io::{self, Read, Write};
use std::path::{Path, PathBuf};
use std::time::Duration;

use ureq::Agent;

/// Why a file was not fetched.
#[derive(Debug)]
pub enum DownloadError {
    /// The server's answer was no file.
    Status { url: String, status: u16 },
    /// The connection failed again and again.
    Connection { url: String, done: u64, source: Box<ureq::Error> },
    /// The connection broke off again and again.
    CutOff { url: String, done: u64, total: Option<u64>, source: Option<io::Error> },
    /// What came is not what was published.
    Checksum { url: String, expected: String, found: String },
    /// The disk refused.
    Disk { path: PathBuf, source: io::Error },
    /// The person who watches asked to stop; what came stays.
    Stopped { done: u64 },
}

impl std::fmt::Display for DownloadError {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Self::Status { url, status } => write!(f, "{url}: the server answered {status}"),
            Self::Connection { url, done, .. } => {
                write!(f, "{url}: no connection ({done} bytes are kept)")
            }
            Self::CutOff { url, done, total, .. } => match total {
                Some(total) => {
                    write!(f, "{url} broke off after {done} of {total} bytes, which are kept")
                }
                None => write!(f, "{url} broke off after {done} bytes, which are kept"),
            },
            Self::Checksum { url, expected, found } => write!(
                f,
                "{url} gave another file than was published: SHA-256 begins with {expected} there, got {found}"
            ),
            Self::Disk { path, .. } => write!(f, "cannot write {}", path.display()),
            Self::Stopped { done } => write!(f, "stopped after {done} bytes, which are kept"),
        }
    }
}

impl std::error::Error for DownloadError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Connection { source, .. } => Some(source.as_ref()),
            Self::CutOff { source: Some(source), .. } | Self::Disk { source, .. } => Some(source),
            _ => None,
        }
    }
}

/// How a file is fetched.
#[derive(Clone, Debug)]
pub struct Download<'a> {
    /// Where from.
    pub url: &'a str,
    /// The first digits of its SHA-256.
    pub sha256: &'a str,
    /// Where to.
    pub path: &'a Path,
    /// Tries that bring nothing before it gives up.
    pub tries: u32,
    /// How long one connection may take to answer, and to bring all; what came until then is kept, and asked for no more.
    pub patience: Duration,
}

/// What one connection brought.
enum Outcome {
    Whole,
    Broken { total: Option<u64>, source: Option<io::Error> },
}

impl Download<'_> {
    /// Where the beginning of a file lies until it is whole.
    pub fn part(path: &Path) -> PathBuf {
        let mut name = path.file_name().unwrap_or_default().to_owned();
        name.push(".part");
        path.with_file_name(name)
    }

    /// Fetches the file. `progress` hears how many bytes there are, and of how many; it says whether to go on.
    pub fn run(
        &self,
        progress: &mut dyn FnMut(u64, Option<u64>) -> bool,
    ) -> Result<(), DownloadError> {
        let part = Self::part(self.path);
        let disk = |path: &Path| {
            let path = path.to_owned();
            move |source| DownloadError::Disk { path, source }
        };
        if let Some(folder) = self.path.parent() {
            fs::create_dir_all(folder).map_err(disk(folder))?;
        }
        let agent: Agent = Agent::config_builder()
            .http_status_as_error(false)
            .max_redirects(8)
            .timeout_connect(Some(self.patience.min(Duration::from_secs(30))))
            .timeout_recv_response(Some(self.patience))
            .timeout_recv_body(Some(self.patience))
            .build()
            .into();
        let mut fruitless = 0;
        loop {
            let before = length(&part);
            let outcome = self.connect(&agent, &part, progress);
            let done = length(&part);
            fruitless = if done > before { 0 } else { fruitless + 1 };
            let last = fruitless >= self.tries;
            match outcome {
                Ok(Outcome::Whole) => break,
                Ok(Outcome::Broken { total, source }) if last => {
                    return Err(DownloadError::CutOff {
                        url: self.url.to_owned(),
                        done,
                        total,
                        source,
                    });
                }
                Err(error @ DownloadError::Connection { .. }) if last => return Err(error),
                Ok(Outcome::Broken { .. }) | Err(DownloadError::Connection { .. }) => {}
                Err(error) => return Err(error),
            }
        }
        let found = stylegan_features::sha256(&part).map_err(disk(&part))?;
        if !found.starts_with(self.sha256) {
            // Nothing of it is worth keeping.
            fs::remove_file(&part).map_err(disk(&part))?;
            let (url, expected) = (self.url.to_owned(), self.sha256.to_owned());
            return Err(DownloadError::Checksum { url, expected, found });
        }
        fs::rename(&part, self.path).map_err(disk(self.path))
    }

    /// One connection: asks for what is missing, and appends it.
    fn connect(
        &self,
        agent: &Agent,
        part: &Path,
        progress: &mut dyn FnMut(u64, Option<u64>) -> bool,
    ) -> Result<Outcome, DownloadError> {
        let url = self.url.to_owned();
        let disk = |source| DownloadError::Disk { path: part.to_owned(), source };
        let mut done = length(part);
        let mut request = agent.get(self.url);
        if done > 0 {
            request = request.header("Range", format!("bytes={done}-"));
        }
        let response = match request.call() {
            Ok(response) => response,
            Err(error) => {
                let source = Box::new(error);
                return Err(DownloadError::Connection { url, done, source });
            }
        };
        let header = |name: &str| -> Option<String> {
            Some(response.headers().get(name)?.to_str().ok()?.to_owned())
        };
        let status = response.status().as_u16();
        let left: Option<u64> = header("content-length").and_then(|value| value.parse().ok());
        let continued = status == 206 && begins_at(header("content-range").as_deref(), done);
        match status {
            206 if continued => {}
            200 => done = 0,
            // The part is as long as the file or longer, or another part came than was asked for.
            206 | 416 if done > 0 => {
                let whole = total_of(header("content-range").as_deref()) == Some(done);
                if whole {
                    return Ok(Outcome::Whole);
                }
                fs::remove_file(part).map_err(disk)?;
                return Ok(Outcome::Broken { total: None, source: None });
            }
            status => return Err(DownloadError::Status { url, status }),
        }
        let total = left.map(|left| done + left);
        let mut file = if continued {
            OpenOptions::new().append(true).open(part).map_err(disk)?
        } else {
            File::create(part).map_err(disk)?
        };
        let mut body = response.into_body().into_reader();
        let mut buffer = vec![0; 1 << 16];
        loop {
            if !progress(done, total) {
                file.sync_data().map_err(disk)?;
                return Err(DownloadError::Stopped { done });
            }
            match body.read(&mut buffer) {
                Ok(0) => break,
                Ok(count) => {
                    file.write_all(&buffer[..count]).map_err(disk)?;
                    done += count as u64;
                }
                Err(source) => {
                    file.sync_data().map_err(disk)?;
                    return Ok(Outcome::Broken { total, source: Some(source) });
                }
            }
        }
        file.sync_all().map_err(disk)?;
        Ok(match total {
            Some(total) if done < total => Outcome::Broken { total: Some(total), source: None },
            _ => Outcome::Whole,
        })
    }
}

fn length(path: &Path) -> u64 {
    fs::metadata(path).map_or(0, |metadata| metadata.len())
}

/// Whether a range `bytes FIRST-LAST/TOTAL` begins at a byte.
fn begins_at(range: Option<&str>, first: u64) -> bool {
    let range = range.and_then(|range| range.strip_prefix("bytes "));
    let start = range.and_then(|range| range.split('-').next());
    start.and_then(|start| start.trim().parse().ok()) == Some(first)
}

/// The total of a range `bytes FIRST-LAST/TOTAL` or `bytes */TOTAL`.
fn total_of(range: Option<&str>) -> Option<u64> {
    range?.rsplit('/').next()?.trim().parse().ok()
}
