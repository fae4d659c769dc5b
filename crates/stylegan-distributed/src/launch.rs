//! Which rank this process is, from what launchers leave in the environment.

use crate::LaunchError;

/// What a launcher says of this process.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Launch {
    /// This process, from 0.
    pub rank: usize,
    /// All processes.
    pub size: usize,
    /// This process among those on its machine, from 0: the number of its GPU.
    pub local_rank: usize,
    /// Where the first rank listens, host and port, if the launcher says so.
    pub address: Option<(String, u16)>,
}

/// The variables of a launcher.
struct Names {
    rank: &'static str,
    size: &'static str,
    local: &'static str,
}

const TORCHRUN: Names = Names { rank: "RANK", size: "WORLD_SIZE", local: "LOCAL_RANK" };

/// Those that start the very process; they must agree.
const LAUNCHERS: [Names; 3] = [
    TORCHRUN,
    Names {
        rank: "OMPI_COMM_WORLD_RANK",
        size: "OMPI_COMM_WORLD_SIZE",
        local: "OMPI_COMM_WORLD_LOCAL_RANK",
    },
    Names { rank: "PMI_RANK", size: "PMI_SIZE", local: "MPI_LOCALRANKID" },
];

/// Slurm's count for one another launcher too, and then of that launcher's daemons; so the others go first. A batch script has
/// `SLURM_PROCID` and `SLURM_NTASKS` as well, though it is one process: only a step has `SLURM_STEP_NUM_TASKS`.
const SLURM: Names =
    Names { rank: "SLURM_PROCID", size: "SLURM_STEP_NUM_TASKS", local: "SLURM_LOCALID" };

impl Launch {
    /// Reads the variables through `look_up`; `None` for a process that was started alone, or as the only one of its group.
    ///
    /// # Errors
    /// Variables that are incomplete, no numbers or do not agree.
    pub fn from_environment(
        look_up: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Option<Self>, LaunchError> {
        let mut found: Option<(&'static str, Self)> = None;
        for names in &LAUNCHERS {
            let Some(launch) = names.read(look_up)? else { continue };
            match &found {
                None => found = Some((names.rank, launch)),
                Some((first, known)) if (known.rank, known.size) != (launch.rank, launch.size) => {
                    return Err(LaunchError::Contradiction { first, second: names.rank });
                }
                Some(_) => {}
            }
        }
        let launch = match found {
            Some((_, launch)) => Some(launch),
            None if look_up(SLURM.size).is_some() => SLURM.read(look_up)?,
            None => None,
        };
        let Some(mut launch) = launch.filter(|launch| launch.size > 1) else { return Ok(None) };
        launch.address = address(look_up)?;
        Ok(Some(launch))
    }

    /// Rank and number in words: `rank 1 of 4`.
    pub fn describe(&self) -> String {
        format!("rank {} of {}", self.rank, self.size)
    }
}

impl Names {
    fn read(
        &self,
        look_up: &dyn Fn(&str) -> Option<String>,
    ) -> Result<Option<Launch>, LaunchError> {
        let number = |name: &'static str| number(look_up, name);
        let (rank, size, local) = (number(self.rank)?, number(self.size)?, number(self.local)?);
        let partial = |present, missing| LaunchError::Partial { present, missing };
        let (rank, size) = match (rank, size) {
            (Some(rank), Some(size)) => (rank, size),
            (Some(_), None) => return Err(partial(self.rank, self.size)),
            (None, Some(_)) => return Err(partial(self.size, self.rank)),
            (None, None) if local.is_some() => return Err(partial(self.local, self.rank)),
            (None, None) => return Ok(None),
        };
        // Without it, all ranks are taken to be on one machine.
        let local_rank = local.unwrap_or(rank);
        for (name, value) in [(self.rank, rank), (self.local, local_rank)] {
            if value >= size {
                return Err(LaunchError::OutOfRange { name, value, size });
            }
        }
        Ok(Some(Launch { rank, size, local_rank, address: None }))
    }
}

/// Where the first rank listens: `MASTER_ADDR` and `MASTER_PORT`.
fn address(look_up: &dyn Fn(&str) -> Option<String>) -> Result<Option<(String, u16)>, LaunchError> {
    const HOST: &str = "MASTER_ADDR";
    const PORT: &str = "MASTER_PORT";
    let (host, port) = match (look_up(HOST), number(look_up, PORT)?) {
        (Some(host), Some(port)) => (host, port),
        (Some(_), None) => return Err(LaunchError::Partial { present: HOST, missing: PORT }),
        (None, Some(_)) => return Err(LaunchError::Partial { present: PORT, missing: HOST }),
        (None, None) => return Ok(None),
    };
    // There torchrun listens itself.
    let taken = look_up("TORCHELASTIC_USE_AGENT_STORE").is_some_and(|yes| yes == "True");
    let port = port + usize::from(taken);
    match u16::try_from(port) {
        Ok(port) => Ok(Some((host, port))),
        Err(_) => Err(LaunchError::NotANumber { name: PORT, value: format!("{port} (a port)") }),
    }
}

fn number(
    look_up: &dyn Fn(&str) -> Option<String>,
    name: &'static str,
) -> Result<Option<usize>, LaunchError> {
    let Some(value) = look_up(name).filter(|value| !value.is_empty()) else { return Ok(None) };
    match value.trim().parse() {
        Ok(number) => Ok(Some(number)),
        Err(_) => Err(LaunchError::NotANumber { name, value }),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(set: &[(&str, &str)]) -> Result<Option<Launch>, LaunchError> {
        let look_up = |name: &str| {
            set.iter().find(|(known, _)| *known == name).map(|(_, value)| (*value).to_owned())
        };
        Launch::from_environment(&look_up)
    }

    fn launch(rank: usize, size: usize, local_rank: usize) -> Launch {
        Launch { rank, size, local_rank, address: None }
    }

    #[test]
    fn each_launcher_is_understood() {
        let torchrun = [
            ("RANK", "5"),
            ("WORLD_SIZE", "8"),
            ("LOCAL_RANK", "1"),
            ("MASTER_ADDR", "node0"),
            ("MASTER_PORT", "29500"),
        ];
        let at = |port| Launch { address: Some(("node0".to_owned(), port)), ..launch(5, 8, 1) };
        assert_eq!(read(&torchrun), Ok(Some(at(29500))));
        let agent = [&torchrun[..], &[("TORCHELASTIC_USE_AGENT_STORE", "True")]].concat();
        assert_eq!(read(&agent), Ok(Some(at(29501))));
        let mpirun = [
            ("OMPI_COMM_WORLD_RANK", "1"),
            ("OMPI_COMM_WORLD_SIZE", "2"),
            ("OMPI_COMM_WORLD_LOCAL_RANK", "0"),
        ];
        assert_eq!(read(&mpirun), Ok(Some(launch(1, 2, 0))));
        assert_eq!(read(&[("PMI_RANK", "1"), ("PMI_SIZE", "2")]), Ok(Some(launch(1, 2, 1))));
        let srun = [("SLURM_PROCID", "3"), ("SLURM_STEP_NUM_TASKS", "4"), ("SLURM_LOCALID", "1")];
        assert_eq!(read(&srun), Ok(Some(launch(3, 4, 1))));
        // mpirun's daemons are Slurm's tasks, one a machine.
        let both = [&mpirun[..], &[("SLURM_PROCID", "0"), ("SLURM_STEP_NUM_TASKS", "1")]].concat();
        assert_eq!(read(&both), Ok(Some(launch(1, 2, 0))));
    }

    #[test]
    fn one_process_is_no_group() {
        assert_eq!(read(&[]), Ok(None));
        assert_eq!(read(&[("RANK", "0"), ("WORLD_SIZE", "1"), ("LOCAL_RANK", "0")]), Ok(None));
        // A batch script.
        assert_eq!(read(&[("SLURM_PROCID", "0"), ("SLURM_NTASKS", "4")]), Ok(None));
        // Some shells cannot unset.
        assert_eq!(read(&[("RANK", ""), ("WORLD_SIZE", "")]), Ok(None));
    }

    #[test]
    fn what_does_not_fit_is_named() {
        let said = |set: &[(&str, &str)]| read(set).unwrap_err().to_string();
        assert_eq!(said(&[("RANK", "1")]), "RANK is set, but WORLD_SIZE is not");
        assert_eq!(said(&[("WORLD_SIZE", "2")]), "WORLD_SIZE is set, but RANK is not");
        assert_eq!(said(&[("LOCAL_RANK", "0")]), "LOCAL_RANK is set, but RANK is not");
        let one = said(&[("RANK", "one"), ("WORLD_SIZE", "2")]);
        assert_eq!(one, "RANK is `one`, which is no number");
        let beyond = said(&[("RANK", "2"), ("WORLD_SIZE", "2")]);
        assert_eq!(beyond, "RANK is 2, but there are 2 ranks, counted from 0");
        let two = [("RANK", "0"), ("WORLD_SIZE", "2"), ("PMI_RANK", "1"), ("PMI_SIZE", "2")];
        assert!(said(&two).starts_with("RANK and PMI_RANK name different ranks"));
        let no_port = [("RANK", "0"), ("WORLD_SIZE", "2"), ("MASTER_ADDR", "a")];
        assert_eq!(said(&no_port), "MASTER_ADDR is set, but MASTER_PORT is not");
        let port = [&no_port[..], &[("MASTER_PORT", "65536")]].concat();
        assert!(said(&port).contains("MASTER_PORT"));
    }
}
