//! Against a server on loopback that is slow, breaks off, lies, redirects or has nothing.

use std::io::{BufRead, BufReader, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread;

use super::*;

/// What the file holds, and the first digits of its SHA-256.
const CONTENT: &[u8] = b"the weights of a network, as published\n";

fn sha256() -> String {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("file"), CONTENT).unwrap();
    stylegan_features::sha256(&folder.path().join("file")).unwrap()[..8].to_owned()
}

/// A request: its path, and the first byte it asks for.
struct Request {
    path: String,
    from: Option<usize>,
}

/// A server that answers each connection with `answer(number, request, stream)`.
struct Server {
    url: String,
    asked: Arc<AtomicUsize>,
    ranges: Arc<Mutex<Vec<Option<usize>>>>,
}

impl Server {
    fn start(answer: impl Fn(usize, &Request, &mut TcpStream) + Send + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}/weights.pth", listener.local_addr().unwrap());
        let (asked, ranges) = (Arc::new(AtomicUsize::new(0)), Arc::new(Mutex::new(Vec::new())));
        let (count, seen) = (asked.clone(), ranges.clone());
        // The thread ends with the process.
        thread::spawn(move || {
            for stream in listener.incoming() {
                let Ok(mut stream) = stream else { return };
                let Some(request) = read(&stream) else { continue };
                seen.lock().unwrap().push(request.from);
                answer(count.fetch_add(1, Ordering::SeqCst), &request, &mut stream);
            }
        });
        Self { url, asked, ranges }
    }

    fn fetch(&self, path: &Path) -> Result<(), DownloadError> {
        let sha256 = sha256();
        let download = Download {
            url: &self.url,
            sha256: &sha256,
            path,
            tries: 3,
            patience: Duration::from_secs(20),
        };
        download.run(&mut |_, _| true)
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::SeqCst)
    }
}

fn read(stream: &TcpStream) -> Option<Request> {
    let mut lines = BufReader::new(stream).lines();
    let first = lines.next()?.ok()?;
    let mut from = None;
    for line in lines {
        let line = line.ok()?.to_lowercase();
        if line.is_empty() {
            break;
        }
        if let Some(range) = line.strip_prefix("range: bytes=") {
            from = range.trim_end_matches('-').parse().ok();
        }
    }
    Some(Request { path: first.split(' ').nth(1)?.to_owned(), from })
}

/// Sends a head and some of a body, and closes the connection. Whoever no longer listens is no failure.
fn send(stream: &mut TcpStream, head: &str, body: &[u8]) {
    let _ = write!(stream, "HTTP/1.1 {head}\r\nConnection: close\r\n\r\n");
    let _ = stream.write_all(body);
}

/// The file from the byte that was asked for, as servers that know ranges do; at most `limit` bytes of it.
fn serve(request: &Request, stream: &mut TcpStream, limit: usize) {
    let (from, total) = (request.from.unwrap_or(0), CONTENT.len());
    let rest = &CONTENT[from.min(total)..];
    let head = match request.from {
        Some(from) if from >= total => {
            format!(
                "416 Range Not Satisfiable\r\nContent-Range: bytes */{total}\r\nContent-Length: 0"
            )
        }
        Some(from) => format!(
            "206 Partial Content\r\nContent-Range: bytes {from}-{}/{total}\r\nContent-Length: {}",
            total - 1,
            rest.len()
        ),
        None => format!("200 OK\r\nContent-Length: {total}"),
    };
    send(stream, &head, &rest[..limit.min(rest.len())]);
}

#[test]
fn a_file_comes_whole_and_is_asked_for_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("deep/weights.pth");
    let server = Server::start(|_, request, stream| serve(request, stream, usize::MAX));
    server.fetch(&path).unwrap();
    assert_eq!(fs::read(&path).unwrap(), CONTENT);
    assert!(!Download::part(&path).exists());
    assert_eq!(server.asked(), 1);
}

#[test]
fn what_breaks_off_is_continued_where_it_broke() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("weights.pth");
    let server = Server::start(|_, request, stream| serve(request, stream, 10));
    server.fetch(&path).unwrap();
    assert_eq!(fs::read(&path).unwrap(), CONTENT);
    let ranges = server.ranges.lock().unwrap().clone();
    assert_eq!(ranges, [None, Some(10), Some(20), Some(30)]);
}

#[test]
fn a_slow_server_is_waited_for() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("weights.pth");
    let server = Server::start(|_, _, stream| {
        let _ = write!(stream, "HTTP/1.1 200 OK\r\nContent-Length: {}\r\n\r\n", CONTENT.len());
        // A byte at a time, each its own packet.
        let _ = stream.set_nodelay(true);
        for byte in CONTENT {
            let _ = stream.write_all(&[*byte]);
            let _ = stream.flush();
            thread::yield_now();
        }
    });
    let sha256 = sha256();
    let mut heard = Vec::new();
    let download = Download {
        url: &server.url,
        sha256: &sha256,
        path: &path,
        tries: 3,
        patience: Duration::from_secs(20),
    };
    let progress = &mut |done, total| {
        heard.push((done, total));
        true
    };
    download.run(progress).unwrap();
    assert_eq!(fs::read(&path).unwrap(), CONTENT);
    assert!(heard.is_sorted() && heard[0] == (0, Some(CONTENT.len() as u64)), "{heard:?}");
    assert_eq!(heard.last().unwrap().0, CONTENT.len() as u64);
}

#[test]
fn a_server_that_always_breaks_off_is_given_up_and_what_came_is_kept() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("weights.pth");
    // The first connection brings ten bytes, later ones none.
    let server = Server::start(|number, request, stream| {
        serve(request, stream, if number == 0 { 10 } else { 0 });
    });
    let error = server.fetch(&path).unwrap_err();
    assert!(matches!(error, DownloadError::CutOff { done: 10, .. }), "{error:?}");
    assert!(error.to_string().contains("10 of 39 bytes"), "{error}");
    assert!(!path.exists());
    assert_eq!(fs::read(Download::part(&path)).unwrap(), CONTENT[..10]);
    assert_eq!(server.asked(), 4);
    // The next try needs the rest only.
    let server = Server::start(|_, request, stream| serve(request, stream, usize::MAX));
    server.fetch(&path).unwrap();
    assert_eq!(*server.ranges.lock().unwrap(), [Some(10)]);
    assert_eq!(fs::read(&path).unwrap(), CONTENT);
}

#[test]
fn wrong_bytes_are_refused_and_not_kept() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("weights.pth");
    let server =
        Server::start(|_, _, stream| send(stream, "200 OK\r\nContent-Length: 5", b"wrong"));
    let error = server.fetch(&path).unwrap_err();
    assert!(matches!(error, DownloadError::Checksum { .. }), "{error:?}");
    assert!(error.to_string().contains(&sha256()), "{error}");
    assert!(!path.exists() && !Download::part(&path).exists());
}

#[test]
fn a_redirect_is_followed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("weights.pth");
    let server = Server::start(|_, request, stream| match request.path.as_str() {
        "/weights.pth" => send(stream, "302 Found\r\nLocation: /moved\r\nContent-Length: 0", b""),
        _ => serve(request, stream, usize::MAX),
    });
    server.fetch(&path).unwrap();
    assert_eq!(fs::read(&path).unwrap(), CONTENT);
}

#[test]
fn a_file_that_is_not_there_is_said_at_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("weights.pth");
    let server =
        Server::start(|_, _, stream| send(stream, "404 Not Found\r\nContent-Length: 4", b"none"));
    let error = server.fetch(&path).unwrap_err();
    assert!(matches!(error, DownloadError::Status { status: 404, .. }), "{error:?}");
    assert_eq!(server.asked(), 1);
    assert!(!Download::part(&path).exists());
}

#[test]
fn a_server_without_ranges_is_read_from_the_start() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("weights.pth");
    fs::write(Download::part(&path), b"old beginning").unwrap();
    let server = Server::start(|_, _, stream| {
        send(stream, &format!("200 OK\r\nContent-Length: {}", CONTENT.len()), CONTENT);
    });
    server.fetch(&path).unwrap();
    assert_eq!(fs::read(&path).unwrap(), CONTENT);
}

#[test]
fn a_part_that_is_the_whole_file_needs_nothing_more_and_one_that_is_too_long_is_dropped() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("weights.pth");
    let server = Server::start(|_, request, stream| serve(request, stream, usize::MAX));
    fs::write(Download::part(&path), CONTENT).unwrap();
    server.fetch(&path).unwrap();
    assert_eq!(fs::read(&path).unwrap(), CONTENT);
    fs::remove_file(&path).unwrap();
    fs::write(Download::part(&path), [CONTENT, b"more"].concat()).unwrap();
    server.fetch(&path).unwrap();
    assert_eq!(fs::read(&path).unwrap(), CONTENT);
}

#[test]
fn nobody_there_is_an_error_that_keeps_what_came() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("weights.pth");
    let free = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let url = format!("http://{free}/weights.pth");
    let patience = Duration::from_secs(5);
    let download = Download { url: &url, sha256: "00", path: &path, tries: 2, patience };
    let error = download.run(&mut |_, _| true).unwrap_err();
    assert!(matches!(error, DownloadError::Connection { .. }), "{error:?}");
}

#[test]
fn a_request_to_stop_keeps_what_came() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("weights.pth");
    let server = Server::start(|_, request, stream| serve(request, stream, usize::MAX));
    let sha256 = sha256();
    let patience = Duration::from_secs(20);
    let download = Download { url: &server.url, sha256: &sha256, path: &path, tries: 3, patience };
    let error = download.run(&mut |done, _| done == 0).unwrap_err();
    assert!(matches!(error, DownloadError::Stopped { done } if done > 0), "{error:?}");
    assert_eq!(fs::read(Download::part(&path)).unwrap(), CONTENT);
}
