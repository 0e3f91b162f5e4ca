//! From the words of the command line, and the environment, to [`Cli`].

use std::ffi::OsString;

use clap::parser::ValueSource;
use clap::{Arg, ArgMatches, Command, CommandFactory, FromArgMatches};

use super::Cli;
use crate::environment;

/// The command line as it can be typed, without what the environment says.
pub(crate) fn command() -> Command {
    Cli::command()
}

/// Reads the command line; a flag that is not given has the value of its variable.
pub(crate) fn parse() -> Result<Cli, clap::Error> {
    let mut variables = Vec::new();
    let mut command = with_environment(command(), &mut variables);
    let matches = command.try_get_matches_from_mut(std::env::args_os())?;
    note_flags(&matches, &variables);
    Cli::from_arg_matches(&matches).map_err(|error| error.format(&mut command))
}

/// A flag and the variable that stands for it.
struct Variable {
    flag: String,
    name: String,
}

/// Gives each flag the value of its variable as its default, instead of clap's own reading, which takes an
/// empty variable for a value.
fn with_environment(mut command: Command, variables: &mut Vec<Variable>) -> Command {
    let flags: Vec<String> =
        command.get_arguments().filter(|flag| flag.get_env().is_some()).map(|flag| flag.get_id().to_string()).collect();
    for id in flags {
        command = command.mut_arg(&id, |flag| from_environment(flag, variables));
    }
    let names: Vec<String> = command.get_subcommands().map(|command| command.get_name().to_owned()).collect();
    for name in names {
        command = command.mut_subcommand(name, |command| with_environment(command, variables));
    }
    command
}

fn from_environment(flag: Arg, variables: &mut Vec<Variable>) -> Arg {
    let Some(name) = flag.get_env().map(ToOwned::to_owned) else { return flag };
    let shown = name.to_string_lossy().into_owned();
    variables.push(Variable { flag: flag.get_id().to_string(), name: shown.clone() });
    let help = flag.get_help().map(ToString::to_string).unwrap_or_default();
    let flag = flag.env(None::<&str>).help(format!("{help} [env: {shown}]")).hide_default_value(true);
    match environment::for_flag(&name) {
        Some(value) => flag.default_value(value),
        None => flag,
    }
}

/// Remembers which flags took the place of their variables.
fn note_flags(matches: &ArgMatches, variables: &[Variable]) {
    for Variable { flag, name } in variables {
        if matches.try_contains_id(flag).is_ok() && matches.value_source(flag) == Some(ValueSource::CommandLine) {
            environment::note_flag(name, &flag.replace('_', "-"));
        }
    }
    if let Some((_, matches)) = matches.subcommand() {
        note_flags(matches, variables);
    }
}

/// Whether the arguments ask for JSON, even if they cannot be understood otherwise.
pub(crate) fn asks_for_json(args: impl IntoIterator<Item = OsString>) -> bool {
    args.into_iter().take_while(|argument| argument != "--").any(|argument| argument == "--json")
}
