//! `completions` and `man`: what a shell and `man` read.

use crate::args::{self, CompletionsArgs};
use crate::exit;
use crate::fail::{Failure, output};
use crate::output::data_out;

/// The script by which a shell completes the command line.
pub(crate) fn completions(args: &CompletionsArgs) -> Result<u8, Failure> {
    let mut script = Vec::new();
    clap_complete::generate(args.shell, &mut args::command(), "sinch-batch", &mut script);
    data_out(&script).map_err(output)?;
    Ok(exit::OK)
}

/// The manual page: the program's, then that of each command.
pub(crate) fn man() -> Result<u8, Failure> {
    let mut page = Vec::new();
    let mut command = args::command();
    command.build();
    clap_mangen::Man::new(command.clone()).render(&mut page).map_err(output)?;
    for command in command.get_subcommands().filter(|command| !command.is_hide_set() && command.get_name() != "help") {
        let man = clap_mangen::Man::new(command.clone().disable_help_subcommand(true));
        man.render(&mut page).map_err(output)?;
    }
    data_out(&page).map_err(output)?;
    Ok(exit::OK)
}
