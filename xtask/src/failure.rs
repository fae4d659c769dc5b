//! What a command ends with when it cannot do what was asked: whose fault it is, the chain of
//! causes, and what to try.

use std::error::Error;
use std::fmt;

/// An error of any library.
pub type Cause = Box<dyn Error + Send + Sync>;

/// Whose mistake a failure is, which decides the exit code.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Blame {
    /// Something in what was typed, in a file that was named or in the machine: exit code 1.
    User,
    /// Something this program should not have run into: exit code 2.
    Program,
    /// The reader of our standard output went away, as `| head` does: exit code 0.
    ReaderGone,
}

/// A failure as `main` prints it: `error:`, `caused by:` and `hint:` lines.
#[derive(Debug)]
pub struct Failure {
    blame: Blame,
    cause: Cause,
    hint: Option<String>,
    said: bool,
}

impl Failure {
    /// The user's mistake, said in one sentence.
    pub fn user(message: impl Into<String>) -> Self {
        Self { blame: Blame::User, cause: message.into().into(), hint: None, said: false }
    }

    /// The user's mistake, as a library found it; or a GPU without room.
    pub fn user_error(cause: impl Into<Cause>) -> Self {
        Self::of(Blame::User, cause.into())
    }

    /// A mistake of this program; or a GPU without room, whatever was being done there.
    pub fn program(cause: impl Into<Cause>) -> Self {
        Self::of(Blame::Program, cause.into())
    }

    fn of(blame: Blame, cause: Cause) -> Self {
        if is_out_of_memory(cause.as_ref()) {
            return Self::user("the GPU's memory is full").hint(
                "take smaller batches (schedule.part=N computes a training batch in parts of N images, --batch sets others), or end what else runs on it",
            );
        }
        Self { blame, cause, hint: None, said: false }
    }

    /// Nobody reads what we print any more.
    pub fn reader_gone() -> Self {
        Self {
            blame: Blame::ReaderGone,
            cause: "standard output was closed".into(),
            hint: None,
            said: false,
        }
    }

    /// Adds what to try; a hint that is there already stays, since it was nearer to the cause.
    #[must_use]
    pub fn hint(mut self, hint: impl Into<String>) -> Self {
        self.hint.get_or_insert(hint.into());
        self
    }

    /// Said elsewhere, by another rank: not to be printed again.
    #[must_use]
    pub fn said(self) -> Self {
        Self { said: true, ..self }
    }

    /// Whether there is something to print.
    pub fn is_news(&self) -> bool {
        !self.said && self.blame != Blame::ReaderGone
    }

    /// The exit code: 0, 1 or 2.
    pub fn exit_code(&self) -> u8 {
        match self.blame {
            Blame::ReaderGone => 0,
            Blame::User => 1,
            Blame::Program => 2,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut last = words(self.cause.as_ref());
        write!(f, "error: {last}")?;
        let mut next = self.cause.source();
        while let Some(cause) = next {
            let said = words(cause);
            // A transparent error repeats its source word for word, others end in it.
            if !last.ends_with(&said) {
                write!(f, "\ncaused by: {said}")?;
                last = said;
            }
            next = cause.source();
        }
        match (&self.hint, self.blame) {
            (Some(hint), _) => write!(f, "\nhint: {hint}"),
            (None, Blame::Program) => write!(
                f,
                "\nhint: this looks like a mistake in the program; please report it with the \
                 command line and the lines above"
            ),
            (None, _) => {
                write!(f, "\nhint: `cargo xtask help` lists the commands and what they take")
            }
        }
    }
}

/// Whether the driver said that a GPU has no room, somewhere in the chain.
fn is_out_of_memory(error: &(dyn Error + 'static)) -> bool {
    let mut next = Some(error);
    while let Some(error) = next {
        if words(error).contains("CUDA_ERROR_OUT_OF_MEMORY") {
            return true;
        }
        next = error.source();
    }
    false
}

/// What an error says, without the backtrace that candle appends where the environment asks for
/// backtraces.
fn words(error: &dyn Error) -> String {
    let said = error.to_string();
    said.split("\n   0: ").next().unwrap_or_default().trim_end().to_owned()
}

impl From<candle_core::Error> for Failure {
    fn from(cause: candle_core::Error) -> Self {
        Self::program(cause)
    }
}

/// Says whose mistake an error is.
pub trait OrFail<T> {
    /// The user's mistake, with the library's own words.
    fn or_user(self) -> Result<T, Failure>;
    /// The user's mistake: `message` above the library's words.
    fn or_user_with(self, message: impl FnOnce() -> String) -> Result<T, Failure>;
}

impl<T, E: Into<Cause>> OrFail<T> for Result<T, E> {
    fn or_user(self) -> Result<T, Failure> {
        self.map_err(Failure::user_error)
    }

    fn or_user_with(self, message: impl FnOnce() -> String) -> Result<T, Failure> {
        self.map_err(|cause| Failure::user_error(While { message: message(), cause: cause.into() }))
    }
}

/// What was being done when an error came up.
#[derive(Debug)]
struct While {
    message: String,
    cause: Cause,
}

impl fmt::Display for While {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.message)
    }
}

impl Error for While {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(self.cause.as_ref())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_chain_is_printed_once_and_ends_in_a_hint() {
        let missing = std::io::Error::new(std::io::ErrorKind::NotFound, "no such file");
        let failure = Err::<(), _>(missing)
            .or_user_with(|| "cannot read `a.png`".to_owned())
            .unwrap_err()
            .hint("check the path")
            .hint("a hint further from the cause");
        let said = failure.to_string();
        assert_eq!(
            said,
            "error: cannot read `a.png`\ncaused by: no such file\nhint: check the path"
        );
        assert_eq!(failure.exit_code(), 1);
    }

    #[test]
    fn a_full_gpu_is_told_from_a_mistake_of_the_program() {
        let cause = candle_core::Error::Msg("DriverError(CUDA_ERROR_OUT_OF_MEMORY)".to_owned());
        let failure = Failure::from(cause.context("allocating a tensor"));
        assert_eq!(failure.exit_code(), 1);
        let said = failure.to_string();
        assert!(said.starts_with("error: the GPU's memory is full\nhint: "), "{said}");
    }

    #[test]
    fn a_mistake_of_the_program_has_code_two_and_still_a_hint() {
        let failure = Failure::program("an invariant does not hold");
        assert_eq!(failure.exit_code(), 2);
        assert!(failure.to_string().lines().last().unwrap().starts_with("hint: "));
    }
}
