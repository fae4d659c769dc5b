//! Several processes that train together: joining the others, and ending with them.
//!
//! A launcher (`torchrun`, `mpirun`, `srun`) starts the same command once a GPU or processor. Only the first rank prints; another one that fails tells the
//! first, which says so and ends all.

use std::path::PathBuf;
use std::sync::{Arc, OnceLock};

use stylegan_dataset::Dataset;
use stylegan_distributed::{DistributedError, End, Group, Launch, Meeting};
use stylegan_trainer::run_dir::RunDir;

use crate::device::{self, Choice};
use crate::failure::Failure;
#[cfg(feature = "nccl")]
use crate::libraries;
use crate::place::Place;
use crate::printer::Printer;

/// What to try where ranks no longer do the same.
pub const HINT: &str = "the same program, images and options have to run on all ranks; resuming goes on from the last snapshot";

/// The ranks that train together; one alone by default.
#[derive(Default)]
pub struct Ranks {
    /// What adds up over them.
    pub group: Group,
    /// The run's folder, once it is known.
    run: Arc<OnceLock<PathBuf>>,
}

/// How a group adds up, before it is known on which device.
enum Means {
    #[cfg(feature = "mpi")]
    Mpi(Group),
    /// With the id of the group.
    #[cfg(feature = "nccl")]
    Nccl(Vec<u8>),
}

/// Opens the device, and does a command's work among all ranks that the environment tells of, or alone.
///
/// # Errors
///
/// Those of the work, and ranks that do not come together.
pub fn all(
    choice: Choice,
    printer: Printer,
    work: impl FnOnce(&Ranks, Printer) -> Result<(), Failure>,
) -> Result<(), Failure> {
    let Some(launch) = launch()? else {
        device::choose(choice, 0)?;
        return work(&Ranks::default(), printer);
    };
    let first = launch.rank == 0;
    let (means, meeting) = begin(&launch, choice)?;
    let run = Arc::new(OnceLock::new());
    let known = Arc::clone(&run);
    let say = move |end| {
        if let Some(failure) = said(&end, known.get()) {
            printer.note(&failure.to_string());
        }
    };
    let watch = meeting.watch(say, || std::process::exit(1)).map_err(failure)?;
    let outcome = device::choose(choice, launch.local_rank)
        .and_then(|()| means.group(&launch))
        .and_then(|group| {
            let ranks = Ranks { group, run };
            work(&ranks, if first { printer } else { printer.silent() })?;
            // Waits for all: the watch goes on meanwhile.
            ranks.group.finish().map_err(failure)
        });
    match outcome {
        Ok(()) => watch.leave(),
        Err(failure) => {
            watch.fail(&failure.to_string(), || {
                if failure.is_news() {
                    printer.note(&failure.to_string());
                }
            });
            return Err(failure.said());
        }
    }
    Ok(())
}

/// Refuses to do a command in several processes, which would each do the same.
///
/// # Errors
///
/// If the environment tells of several ranks.
pub fn none(command: &str) -> Result<(), Failure> {
    match launch()? {
        None => Ok(()),
        Some(launch) => {
            let said =
                format!("`{command}` runs in one process, and this is {}", launch.describe());
            Err(Failure::user(said)
                .hint("start it without torchrun, mpirun or srun; `train` is what runs in several"))
        }
    }
}

fn launch() -> Result<Option<Launch>, Failure> {
    Launch::from_environment(&|name| std::env::var(name).ok()).map_err(|error| {
        Failure::user_error(error).hint(
            "torchrun, mpirun and srun set such variables all together; unset what is left of them to train in one process",
        )
    })
}

impl Ranks {
    /// The run's folder, which the first rank makes or locks, and what all prepare.
    ///
    /// # Errors
    ///
    /// Those of the folder and of `prepare`.
    pub fn around(
        &self,
        place: &Place,
        prepare: impl FnOnce() -> Result<Arc<dyn Dataset>, Failure>,
    ) -> Result<(RunDir, Arc<dyn Dataset>), Failure> {
        let (run, data) = if self.group.is_first() {
            let (run, data) = place.around(prepare)?;
            let path = run.path().to_string_lossy();
            self.group.tell(&path, device::chosen()).map_err(failure)?;
            (run, data)
        } else {
            let data = prepare()?;
            let path = self.group.tell("", device::chosen()).map_err(failure)?;
            (RunDir::followed(&PathBuf::from(path)), data)
        };
        // The first to know is right.
        self.run.get_or_init(|| run.path().to_owned());
        Ok((run, data))
    }
}

impl Means {
    #[cfg_attr(not(feature = "nccl"), allow(unused_variables, reason = "MPI knows its ranks"))]
    fn group(self, launch: &Launch) -> Result<Group, Failure> {
        match self {
            #[cfg(feature = "mpi")]
            Self::Mpi(group) => Ok(group),
            #[cfg(feature = "nccl")]
            Self::Nccl(id) => {
                let joined =
                    stylegan_distributed::NcclTransport::join(&id, launch, device::chosen());
                joined.map(Group::over).map_err(failure)
            }
        }
    }
}

/// Brings the ranks together: over NCCL where they compute on GPUs and the program has it, otherwise over MPI.
fn begin(launch: &Launch, choice: Choice) -> Result<(Means, Meeting), Failure> {
    #[cfg(feature = "nccl")]
    if let Choice::Cuda(_) = choice {
        return begin_nccl(launch);
    }
    begin_mpi(launch, choice)
}

#[cfg(feature = "nccl")]
fn begin_nccl(launch: &Launch) -> Result<(Means, Meeting), Failure> {
    let Some((host, port)) = &launch.address else {
        return Err(Failure::user("the ranks do not know where to meet").hint(
            "export MASTER_ADDR, a name of the first rank's machine, and MASTER_PORT, a free port there; torchrun does so itself",
        ));
    };
    libraries::find_nccl().map_err(device::failure)?;
    let meeting = Meeting::at(launch, (host, *port)).map_err(failure)?;
    let own = if launch.rank == 0 {
        stylegan_distributed::new_id().map_err(failure)?
    } else {
        Vec::new()
    };
    let id = meeting.share(&own).map_err(failure)?;
    Ok((Means::Nccl(id), meeting))
}

#[cfg(feature = "mpi")]
fn begin_mpi(launch: &Launch, _: Choice) -> Result<(Means, Meeting), Failure> {
    let transport = stylegan_distributed::MpiTransport::begin(launch).map_err(failure)?;
    let group = Group::over(transport);
    let meeting = match &launch.address {
        Some((host, port)) => Meeting::at(launch, (host, *port)),
        None => stylegan_distributed::meet_over_mpi(&group, launch),
    };
    Ok((Means::Mpi(group), meeting.map_err(failure)?))
}

#[cfg(not(feature = "mpi"))]
fn begin_mpi(launch: &Launch, choice: Choice) -> Result<(Means, Meeting), Failure> {
    let said = format!(
        "this is {}, but the program was not built for several ranks on {choice}",
        launch.describe()
    );
    let failure = Failure::user(said).hint(
        "build it with `--features mpi` for processors, or `--features cuda,nccl` for GPUs (README.md); or start one process, without the launcher",
    );
    // The first rank's words are those of all others.
    Err(if launch.rank == 0 { failure } else { failure.said() })
}

/// What to say of the end of another rank; nothing where the first rank does.
fn said(end: &End, run: Option<&PathBuf>) -> Option<Failure> {
    let message = match end {
        End::Lost { rank } => format!("rank {rank} was lost, and with it the run on all others"),
        End::Failed { rank: 0, .. } | End::Told => return None,
        End::Failed { rank, reason } => {
            let lines = reason.lines().map(|line| format!("\nrank {rank}: {line}"));
            format!("rank {rank} failed, and with it all others{}", lines.collect::<String>())
        }
    };
    Some(match run {
        Some(run) => Failure::user(message).hint(format!(
            "`cargo xtask train --run {}` goes on from the last snapshot, on any number of ranks",
            run.display()
        )),
        None => Failure::user(message).hint("training had not begun"),
    })
}

/// What to try against ranks that do not come together, or drift apart.
pub fn failure(error: DistributedError) -> Failure {
    let hint = match &error {
        DistributedError::Launch(_) | DistributedError::OtherRank { .. } => {
            "start all ranks with one launcher: mpirun for processors; torchrun, srun or mpirun for GPUs"
        }
        DistributedError::Unreachable { .. } | DistributedError::CannotListen { .. } => {
            "MASTER_ADDR has to name the first rank's machine as the others reach it, MASTER_PORT a port that is free there"
        }
        DistributedError::Missing { .. } | DistributedError::Stranger { .. } => {
            "start every rank once, all with the same number of ranks"
        }
        DistributedError::Differ { .. } => HINT,
        DistributedError::Compute(_) => return Failure::program(error),
        _ => "the launcher's own lines may say more",
    };
    let hint = hint.to_owned();
    Failure::user_error(error).hint(hint)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_rank_is_said_once_and_how_the_run_goes_on() {
        let run = PathBuf::from("runs/00003-faces");
        let lost = said(&End::Lost { rank: 2 }, Some(&run)).unwrap();
        assert_eq!(lost.exit_code(), 1);
        let lost = lost.to_string();
        assert!(lost.starts_with("error: rank 2 was lost"), "{lost}");
        assert!(lost.contains("`cargo xtask train --run runs/00003-faces`"), "{lost}");
        assert!(lost.contains("any number of ranks"), "{lost}");
        let reason = "error: the disk is full\nhint: make room".to_owned();
        let failed = said(&End::Failed { rank: 1, reason: reason.clone() }, None).unwrap();
        assert_eq!(
            failed.to_string(),
            "error: rank 1 failed, and with it all others\nrank 1: error: the disk is full\n\
             rank 1: hint: make room\nhint: training had not begun"
        );
        assert!(said(&End::Told, Some(&run)).is_none());
        assert!(said(&End::Failed { rank: 0, reason }, Some(&run)).is_none());
    }
}
