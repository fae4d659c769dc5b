//! How the ranks find each other: a connection of every rank to the first, which passes bytes on and is then watched.

use std::io::{self, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::time::{Duration, Instant};

use socket2::{SockRef, TcpKeepalive};

use crate::{DistributedError, Launch};

/// How long ranks wait for each other: machines read their programs and open their GPUs at different speeds.
const PATIENCE: Duration = Duration::from_secs(300);

/// Between two looks.
const PAUSE: Duration = Duration::from_millis(20);

/// How long a process that connects has to say which rank it is.
const HELLO: Duration = Duration::from_secs(10);

/// How long nothing comes from a machine before it is asked whether it is there.
const QUIET: Duration = Duration::from_secs(10);

/// The longest message between ranks, in bytes.
const LONGEST: usize = 1 << 16;

/// What a message is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Kind {
    /// Rank and number of ranks of a process that connects.
    Hello,
    /// Bytes of the first rank for all.
    Shared,
    /// A rank ends in order.
    Goodbye,
    /// A rank ends with an error: its words.
    Failed,
    /// The first rank has said why all end.
    Ended,
}

/// Every message's first byte beside its kind: other programs that connect send something else.
const MARK: u8 = 0xa5;

const KINDS: [Kind; 5] = [Kind::Hello, Kind::Shared, Kind::Goodbye, Kind::Failed, Kind::Ended];

/// Writes a message; one that is too long is cut.
pub(crate) fn send(mut stream: &TcpStream, kind: Kind, bytes: &[u8]) -> io::Result<()> {
    let bytes = &bytes[..bytes.len().min(LONGEST)];
    let number = KINDS.iter().position(|known| *known == kind).unwrap_or_default();
    let mut message = vec![MARK, number as u8];
    message.extend((bytes.len() as u32).to_le_bytes());
    message.extend(bytes);
    stream.write_all(&message)
}

/// Reads a message.
pub(crate) fn receive(mut stream: &TcpStream) -> io::Result<(Kind, Vec<u8>)> {
    let strange = || io::Error::new(io::ErrorKind::InvalidData, "it is no message of a rank");
    let mut head = [0; 6];
    stream.read_exact(&mut head)?;
    let [mark, kind, length @ ..] = head;
    let length = u32::from_le_bytes(length) as usize;
    let kind = KINDS.get(usize::from(kind)).filter(|_| mark == MARK && length <= LONGEST);
    let kind = *kind.ok_or_else(strange)?;
    let mut bytes = vec![0; length];
    stream.read_exact(&mut bytes)?;
    Ok((kind, bytes))
}

/// The connections of this process: of the first rank to all others, of another to the first.
#[derive(Debug)]
pub struct Meeting {
    pub(crate) first: bool,
    /// The rank at the other end, and the connection.
    pub(crate) links: Vec<(usize, TcpStream)>,
}

impl Meeting {
    /// Meets at a host and port, where the first rank listens.
    ///
    /// # Errors
    /// An address that cannot be used, ranks that do not come within five minutes, processes that are of another group.
    pub fn at(launch: &Launch, (host, port): (&str, u16)) -> Result<Self, DistributedError> {
        let address = format!("{host}:{port}");
        if launch.rank > 0 {
            return Self::join(&address, launch);
        }
        // The address may be that of a door in front of this machine.
        let listener =
            TcpListener::bind((host, port)).or_else(|_| TcpListener::bind(("0.0.0.0", port)));
        let listener =
            listener.map_err(|source| DistributedError::CannotListen { address, source })?;
        Self::host(&listener, launch)
    }

    /// The first rank: waits for all others.
    ///
    /// # Errors
    /// As [`Self::at`].
    pub fn host(listener: &TcpListener, launch: &Launch) -> Result<Self, DistributedError> {
        let (size, since) = (launch.size, Instant::now());
        let mut links: Vec<(usize, TcpStream)> = Vec::new();
        listener.set_nonblocking(true)?;
        while links.len() + 1 < size {
            let stream = match listener.accept() {
                Ok((stream, _)) => stream,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    if since.elapsed() > PATIENCE {
                        let (came, seconds) = (links.len() + 1, PATIENCE.as_secs());
                        return Err(DistributedError::Missing { came, size, seconds });
                    }
                    std::thread::sleep(PAUSE);
                    continue;
                }
                Err(error) => return Err(error.into()),
            };
            // Whoever says nothing that a rank would say is none of ours.
            let Ok((rank, theirs)) = hello(&stream) else { continue };
            let known = links.iter().any(|(other, _)| *other == rank);
            let expected = match (theirs == size, rank > 0 && rank < size && !known) {
                (true, true) => {
                    links.push((rank, stream));
                    continue;
                }
                (true, false) => "that rank is there already, or cannot be".to_owned(),
                (false, _) => format!("the first rank says that there are {size}"),
            };
            return Err(DistributedError::Stranger { rank, size: theirs, expected });
        }
        links.sort_by_key(|(rank, _)| *rank);
        Ok(Self { first: true, links })
    }

    /// Another rank: connects to the first, which may not listen yet.
    ///
    /// # Errors
    /// As [`Self::at`].
    pub fn join(address: &str, launch: &Launch) -> Result<Self, DistributedError> {
        let since = Instant::now();
        let stream = loop {
            match TcpStream::connect(address) {
                Ok(stream) => break stream,
                Err(_) if since.elapsed() < PATIENCE => std::thread::sleep(PAUSE),
                Err(source) => {
                    let address = address.to_owned();
                    return Err(DistributedError::Unreachable { address, source });
                }
            }
        };
        prepare(&stream)?;
        send(&stream, Kind::Hello, format!("{} {}", launch.rank, launch.size).as_bytes())?;
        Ok(Self { first: false, links: vec![(0, stream)] })
    }

    /// The first rank's bytes, 64 kB at most, on every rank.
    ///
    /// # Errors
    /// [`DistributedError::Connection`].
    pub fn share(&self, own: &[u8]) -> Result<Vec<u8>, DistributedError> {
        if self.first {
            for (_, stream) in &self.links {
                send(stream, Kind::Shared, own)?;
            }
            return Ok(own.to_vec());
        }
        for (_, stream) in &self.links {
            if let (Kind::Shared, bytes) = receive(stream)? {
                return Ok(bytes);
            }
        }
        Err(io::Error::new(io::ErrorKind::InvalidData, "the first rank shared nothing").into())
    }
}

/// Messages go out at once; and a machine that is no longer there, which cannot say so, is asked by the system, so that reading fails some 30 seconds later.
fn prepare(stream: &TcpStream) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let asked = TcpKeepalive::new().with_time(QUIET).with_interval(QUIET / 2).with_retries(4);
    SockRef::from(stream).set_tcp_keepalive(&asked)
}

/// Rank and number of ranks of who connects.
fn hello(stream: &TcpStream) -> io::Result<(usize, usize)> {
    stream.set_nonblocking(false)?;
    prepare(stream)?;
    stream.set_read_timeout(Some(HELLO))?;
    let (kind, bytes) = receive(stream)?;
    stream.set_read_timeout(None)?;
    let text = String::from_utf8_lossy(&bytes);
    let numbers = text.split_once(' ').filter(|_| kind == Kind::Hello);
    let numbers = numbers.and_then(|(rank, size)| Some((rank.parse().ok()?, size.parse().ok()?)));
    numbers.ok_or_else(|| io::Error::new(io::ErrorKind::InvalidData, "it does not say its rank"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn launch(rank: usize, size: usize) -> Launch {
        Launch { rank, size, local_rank: rank, address: None }
    }

    /// A first rank of `size` that listens, and its address.
    fn host(size: usize) -> (std::thread::JoinHandle<Result<Meeting, DistributedError>>, String) {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        (std::thread::spawn(move || Meeting::host(&listener, &launch(0, size))), address)
    }

    #[test]
    fn ranks_meet_past_a_stranger_and_share_bytes() {
        let (first, address) = host(3);
        let mut stranger = TcpStream::connect(&address).unwrap();
        stranger.write_all(b"GET / HTTP/1.1\r\n\r\n").unwrap();
        let second = Meeting::join(&address, &launch(2, 3)).unwrap();
        let other = Meeting::join(&address, &launch(1, 3)).unwrap();
        let first = first.join().unwrap().unwrap();
        assert_eq!(first.links.iter().map(|(rank, _)| *rank).collect::<Vec<_>>(), [1, 2]);
        assert_eq!(first.share(b"an id").unwrap(), b"an id");
        for rank in [&second, &other] {
            assert_eq!(rank.share(b"").unwrap(), b"an id");
        }
        for (_, stream) in first.links.iter().chain(&second.links) {
            let stream = SockRef::from(stream);
            assert!(stream.keepalive().unwrap(), "machines that are gone are noticed");
            assert_eq!(stream.tcp_keepalive_retries().unwrap(), 4);
        }
    }

    #[test]
    fn a_rank_of_another_group_is_named() {
        for (rank, size, reason) in [(1, 3, "says that there are 2"), (0, 2, "is there already")] {
            let (first, address) = host(2);
            let _other = Meeting::join(&address, &launch(rank, size)).unwrap();
            let said = first.join().unwrap().unwrap_err().to_string();
            assert!(
                said.starts_with(&format!("a process came as rank {rank} of {size}")),
                "{said}"
            );
            assert!(said.contains(reason), "{said}");
        }
    }

    #[test]
    fn the_address_that_is_taken_is_named() {
        let taken = TcpListener::bind("0.0.0.0:0").unwrap();
        let port = taken.local_addr().unwrap().port();
        let said = Meeting::at(&launch(0, 2), ("127.0.0.1", port)).unwrap_err().to_string();
        assert_eq!(said, format!("the first rank cannot listen at 127.0.0.1:{port}"));
    }
}
