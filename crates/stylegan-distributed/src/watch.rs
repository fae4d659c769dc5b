//! The end of all ranks where one of them dies.
//!
//! A rank that waits for another one's gradients does not notice that it is gone; NCCL waits for ever. So a thread listens on each connection
//! of the [`Meeting`]: one that ends without a goodbye is a rank that died.

use std::net::{Shutdown, TcpStream};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use crate::meeting::{Kind, receive, send};
use crate::{DistributedError, Meeting};

/// How long a rank that failed waits until the first one has said so.
const LAST_WORDS: Duration = Duration::from_secs(10);

/// Why this process has to end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum End {
    /// A rank is gone without a word: killed, crashed, its machine lost.
    Lost {
        /// Which.
        rank: usize,
    },
    /// A rank ended with an error.
    Failed {
        /// Which.
        rank: usize,
        /// In its words.
        reason: String,
    },
    /// The first rank has said why.
    Told,
}

/// Listens for ranks that end, until this one does.
pub struct Watch {
    shared: Arc<Shared>,
    /// Ends with the last listening thread.
    listening: Receiver<()>,
}

struct Shared {
    first: bool,
    links: Vec<(usize, TcpStream)>,
    /// Whether this rank is ending, for whatever reason. Who holds the lock says why; all others are silent.
    ending: Mutex<bool>,
    say: Box<dyn Fn(End) + Send + Sync>,
    end: Box<dyn Fn() + Send + Sync>,
}

impl Meeting {
    /// Watches from now on. When another rank ends before its time, `say` is called, once and on a thread of the watch; then the first rank tells all others; then `end` is
    /// called, which should end the process. In this order, since launchers kill all ranks as soon as one has ended.
    ///
    /// # Errors
    /// If no thread can be started.
    pub fn watch(
        self,
        say: impl Fn(End) + Send + Sync + 'static,
        end: impl Fn() + Send + Sync + 'static,
    ) -> Result<Watch, DistributedError> {
        let shared = Arc::new(Shared {
            first: self.first,
            links: self.links,
            ending: Mutex::new(false),
            say: Box::new(say),
            end: Box::new(end),
        });
        let (open, listening) = channel();
        for (index, (rank, _)) in shared.links.iter().enumerate() {
            let (shared, open) = (Arc::clone(&shared), open.clone());
            let name = format!("watch-{rank}");
            std::thread::Builder::new().name(name).spawn(move || shared.listen(index, open))?;
        }
        Ok(Watch { shared, listening })
    }
}

impl Watch {
    /// Ends in order. All ranks do, but one need not wait for another.
    pub fn leave(self) {
        self.shared.end_of_this_rank(Kind::Goodbye, "", || {});
    }

    /// Ends with an error, which the others are told; they end too. The first rank says it before, with `say`, unless it has said already how another one ended; another
    /// rank waits here until the first has said it, ten seconds at most.
    pub fn fail(self, reason: &str, say: impl FnOnce()) {
        let first = self.shared.first;
        self.shared.end_of_this_rank(Kind::Failed, reason, || {
            if first {
                say()
            }
        });
        if !self.shared.first {
            let _ = self.listening.recv_timeout(LAST_WORDS);
        }
    }
}

impl Drop for Watch {
    /// Without [`Self::leave`] or [`Self::fail`], this rank is lost to the others.
    fn drop(&mut self) {
        let mut ending = self.shared.lock();
        if !*ending {
            *ending = true;
            self.shared.close();
        }
    }
}

impl Shared {
    /// Nothing that can panic runs under the lock but what says the end, and then the process ends.
    fn lock(&self) -> MutexGuard<'_, bool> {
        self.ending.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn end_of_this_rank(&self, kind: Kind, reason: &str, say: impl FnOnce()) {
        let mut ending = self.lock();
        if !*ending {
            *ending = true;
            say();
            self.send_to_all(kind, reason);
            self.close();
        }
    }

    fn send_to_all(&self, kind: Kind, reason: &str) {
        for (_, stream) in &self.links {
            // Who cannot be told has ended already.
            let _ = send(stream, kind, reason.as_bytes());
        }
    }

    /// Says that no more will be sent; what was, arrives.
    fn close(&self) {
        for (_, stream) in &self.links {
            let _ = stream.shutdown(Shutdown::Write);
        }
    }

    fn listen(&self, index: usize, _open: Sender<()>) {
        let (rank, stream) = &self.links[index];
        let end = match receive(stream) {
            Ok((Kind::Goodbye, _)) => return,
            Ok((Kind::Failed, reason)) => {
                let reason = String::from_utf8_lossy(&reason).into_owned();
                End::Failed { rank: *rank, reason }
            }
            Ok((Kind::Ended, _)) => End::Told,
            Ok(_) | Err(_) => End::Lost { rank: *rank },
        };
        let mut ending = self.lock();
        if *ending {
            drop(ending);
            // Until the other end is closed, which is when it has said what it has to say.
            while receive(stream).is_ok() {}
            return;
        }
        *ending = true;
        (self.say)(end);
        if self.first {
            self.send_to_all(Kind::Ended, "");
        }
        (self.end)();
    }
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;
    use std::sync::mpsc::{Receiver, channel};

    use super::*;
    use crate::Launch;

    /// The watches of three ranks, and what each of them is told.
    fn three() -> Vec<(Watch, Receiver<End>)> {
        let launch = |rank| Launch { rank, size: 3, local_rank: rank, address: None };
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap().to_string();
        let first = std::thread::spawn(move || Meeting::host(&listener, &launch(0)));
        let others = [1, 2].map(|rank| Meeting::join(&address, &launch(rank)).unwrap());
        let ranks = std::iter::once(first.join().unwrap().unwrap()).chain(others);
        let watched = ranks.map(|meeting| {
            let (said, heard) = channel();
            let said = Mutex::new(said);
            let say = move |end| drop(said.lock().unwrap().send(end));
            (meeting.watch(say, || {}).unwrap(), heard)
        });
        watched.collect()
    }

    #[test]
    fn a_rank_that_is_lost_or_fails_ends_all_others() {
        let mut ranks = three();
        drop(ranks.pop());
        assert_eq!(ranks[0].1.recv(), Ok(End::Lost { rank: 2 }));
        assert_eq!(ranks[1].1.recv(), Ok(End::Told));

        let mut ranks = three();
        let failing = ranks.remove(1).0;
        let failing = std::thread::spawn(move || failing.fail("no memory", || {}));
        assert_eq!(ranks[0].1.recv(), Ok(End::Failed { rank: 1, reason: "no memory".to_owned() }));
        assert_eq!(ranks[1].1.recv(), Ok(End::Told));
        // It waits for the end of the first.
        drop(ranks);
        failing.join().unwrap();

        let mut ranks = three();
        drop(ranks.remove(0));
        for (_, heard) in &ranks {
            assert_eq!(heard.recv(), Ok(End::Lost { rank: 0 }));
        }
    }

    #[test]
    fn ranks_that_say_goodbye_are_not_missed() {
        let mut heard = Vec::new();
        for (watch, ends) in three() {
            watch.leave();
            heard.push(ends);
        }
        // The listening threads have gone, and with them who could say anything.
        for ends in heard {
            assert!(ends.recv().is_err());
        }
    }
}
