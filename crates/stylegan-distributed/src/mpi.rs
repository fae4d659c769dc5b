//! Sums over MPI: of tensors on any device, through main memory.

use std::cell::RefCell;
use std::mem::ManuallyDrop;
use std::net::TcpListener;

use candle_core::{Device, Tensor};
use mpi::Threading;
use mpi::collective::SystemOperation;
use mpi::environment::{Universe, processor_name};
use mpi::topology::SimpleCommunicator;
use mpi::traits::{Communicator, CommunicatorCollectives};

use crate::{DistributedError, Group, Launch, Meeting, Transport};

/// The ranks that `mpirun` started. One a process; to be used on the thread that made it.
pub struct MpiTransport {
    /// MPI ends when this is dropped, which waits for all ranks: so it is only in [`Transport::finish`].
    universe: RefCell<Option<ManuallyDrop<Universe>>>,
    world: SimpleCommunicator,
}

impl MpiTransport {
    /// Begins MPI.
    ///
    /// # Errors
    /// If it was begun before, or sees other ranks than the environment.
    pub fn begin(launch: &Launch) -> Result<Self, DistributedError> {
        // Other threads compute and load images; this one alone speaks.
        let universe = mpi::initialize_with_threading(Threading::Funneled);
        let (universe, _) = universe.ok_or_else(|| failed("it was begun before"))?;
        let world = universe.world();
        let universe = RefCell::new(Some(ManuallyDrop::new(universe)));
        let own = Self { universe, world };
        let (rank, size) = (own.rank(), own.size());
        if (rank, size) != (launch.rank, launch.size) {
            let expected = launch.describe();
            return Err(DistributedError::OtherRank { transport: "MPI", rank, size, expected });
        }
        Ok(own)
    }
}

impl Transport for MpiTransport {
    fn rank(&self) -> usize {
        self.world.rank() as usize
    }

    fn size(&self) -> usize {
        self.world.size() as usize
    }

    fn sum(&self, own: Tensor) -> Result<Tensor, DistributedError> {
        let values = own.to_vec1::<f32>()?;
        let mut sum = vec![0f32; values.len()];
        self.world.all_reduce_into(&values[..], &mut sum[..], SystemOperation::sum());
        Ok(Tensor::from_vec(sum, values.len(), own.device())?)
    }

    fn finish(&self) -> Result<(), DistributedError> {
        if let Some(universe) = self.universe.borrow_mut().take() {
            drop(ManuallyDrop::into_inner(universe));
        }
        Ok(())
    }
}

/// Meets where no address was given: the first rank tells the others over MPI where it listens.
///
/// # Errors
/// As [`Meeting::at`].
pub fn meet_over_mpi(group: &Group, launch: &Launch) -> Result<Meeting, DistributedError> {
    let machine = processor_name().map_err(|error| failed(&error.to_string()))?;
    if group.is_first() {
        let listener = TcpListener::bind(("0.0.0.0", 0))?;
        let port = listener.local_addr()?.port();
        group.tell(&format!("{port} {machine}"), &Device::Cpu)?;
        return Meeting::host(&listener, launch);
    }
    let told = group.tell("", &Device::Cpu)?;
    let (port, host) = told.split_once(' ').ok_or_else(|| failed("no address was told"))?;
    // Not every machine knows itself by its name.
    let host = if host == machine { "127.0.0.1" } else { host };
    Meeting::join(&format!("{host}:{port}"), launch)
}

fn failed(reason: &str) -> DistributedError {
    DistributedError::Transport { transport: "MPI", reason: reason.to_owned() }
}
