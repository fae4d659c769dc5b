//! `cargo xtask docs`: writes docs/cli.md, the reference of the command line, from the very
//! definitions that parse it.

use std::fmt::Write;
use std::fs;

use clap::{Arg, ArgAction, Command, CommandFactory};

use crate::cli::Cli;
use crate::failure::{Failure, OrFail};
use crate::printer::Printer;
use crate::tidy;

/// Where the reference lies in the workspace.
const FILE: &str = "docs/cli.md";

/// What was typed.
#[derive(clap::Args, Debug)]
pub struct Args {
    /// Only say whether the file is up to date
    #[arg(long)]
    pub check: bool,
}

/// Writes or checks the file.
///
/// # Errors
///
/// When the file cannot be written, or with `--check` when it is out of date.
pub fn run(args: &Args, printer: Printer) -> Result<(), Failure> {
    let path = tidy::workspace_root().join(FILE);
    let wanted = reference();
    if args.check {
        if fs::read_to_string(&path).unwrap_or_default() == wanted {
            return Ok(());
        }
        return Err(Failure::user(format!("{FILE} is out of date")).hint("run `cargo xtask docs`"));
    }
    fs::write(&path, wanted).or_user_with(|| format!("cannot write `{}`", path.display()))?;
    printer.data(FILE, &FILE)
}

/// The whole reference in Markdown.
fn reference() -> String {
    let mut cli = Cli::command();
    cli.build();
    let mut page = String::from(
        "# Command line\n\nWritten by `cargo xtask docs`; a test keeps it up to date.\n\n\
         Data go to standard output, everything else to standard error. The exit code is 0, or 1 \
         for a mistake in what was asked (a missing folder, an unknown key), or 2 for a mistake \
         in the program. Errors end in a `hint:` line.\n\n## Every command\n\n",
    );
    for arg in cli.get_arguments().filter(|arg| arg.is_global_set()) {
        option(&mut page, arg);
    }
    for command in cli.get_subcommands().filter(|command| command.get_name() != "help") {
        section(&mut page, command);
    }
    page
}

fn section(page: &mut String, command: &Command) {
    // Writing to a String cannot fail.
    let _ = write!(page, "\n## {}\n\n", command.get_name());
    let about = command.get_long_about().or(command.get_about());
    let about = about.map(ToString::to_string).unwrap_or_default();
    let _ = writeln!(page, "{}{}", about, if about.ends_with('.') { "" } else { "." });
    let own = command.get_arguments().filter(|arg| !arg.is_global_set());
    let own: Vec<_> = own.filter(|arg| arg.get_id() != "help").collect();
    if !own.is_empty() {
        page.push('\n');
    }
    for arg in own {
        option(page, arg);
    }
}

fn option(page: &mut String, arg: &Arg) {
    let takes_value = matches!(arg.get_action(), ArgAction::Set | ArgAction::Append);
    let names: Vec<_> = arg.get_value_names().unwrap_or_default().iter().collect();
    let name = names.first().map(|name| name.as_str()).unwrap_or_default();
    let term = match arg.get_long() {
        Some(long) if takes_value => format!("--{long} {name}"),
        Some(long) => format!("--{long}"),
        None => name.to_owned(),
    };
    let help = arg.get_long_help().or(arg.get_help()).map(ToString::to_string).unwrap_or_default();
    let _ = write!(page, "- `{term}`: {}", help.replace("\n\n", " ").replace('\n', " "));
    if takes_value {
        let values: Vec<_> =
            arg.get_possible_values().iter().map(|v| v.get_name().to_owned()).collect();
        if !values.is_empty() {
            let _ = write!(page, " [one of: {}]", values.join(", "));
        }
        let defaults: Vec<_> =
            arg.get_default_values().iter().map(|v| v.to_string_lossy()).collect();
        if !defaults.is_empty() {
            let _ = write!(page, " [default: {}]", defaults.join(", "));
        }
        if matches!(arg.get_action(), ArgAction::Append) {
            page.push_str(" (may be repeated)");
        }
    }
    page.push('\n');
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_committed_reference_is_up_to_date() {
        let committed = fs::read_to_string(tidy::workspace_root().join(FILE)).unwrap_or_default();
        assert!(committed == reference(), "{FILE} is out of date: run `cargo xtask docs`");
    }

    #[test]
    fn every_option_explains_itself() {
        let mut cli = Cli::command();
        cli.build();
        for command in cli.get_subcommands().filter(|command| command.get_name() != "help") {
            assert!(command.get_about().is_some(), "{} has no help", command.get_name());
            for arg in command.get_arguments() {
                assert!(arg.get_help().is_some(), "{} {}", command.get_name(), arg.get_id());
            }
        }
    }
}
