//! Training in several processes: which rank this is, sums of tensors over the ranks, and a watch for ranks that die.
//!
//! Everything that ranks tell each other in training is a sum ([`Group::sum`]): gradients as they are, and rows of which each rank
//! has a share as sums of rows and zeros ([`Group::placed`]). So a transport has one operation, and what is added up has the same bits on
//! every rank.

mod buckets;
mod error;
mod group;
mod launch;
mod meeting;
#[cfg(feature = "mpi")]
mod mpi;
#[cfg(feature = "nccl")]
mod nccl;
mod threads;
mod transport;
mod watch;

pub use error::{DistributedError, LaunchError};
pub use group::Group;
pub use launch::Launch;
pub use meeting::Meeting;
#[cfg(feature = "mpi")]
pub use mpi::{MpiTransport, meet_over_mpi};
#[cfg(feature = "nccl")]
pub use nccl::{NcclTransport, new_id};
pub use threads::ThreadTransport;
pub use transport::Transport;
pub use watch::{End, Watch};
