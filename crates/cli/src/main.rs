//! The command line: arguments to plain structs, one call of the libraries, render.

mod args;
mod commands;
mod exit;
mod fail;
mod input;
mod ledgers;
mod output;
mod post;
mod receiver;
mod render;
mod run;
mod samples;
mod service;
mod signals;

use std::process::ExitCode;

use clap::error::ErrorKind;
use clap::{CommandFactory, Parser};

use crate::args::{Cli, Command};
use crate::fail::Failure;

fn main() -> ExitCode {
    let cli = match Cli::try_parse() {
        Ok(cli) => cli,
        Err(error) => return not_understood(&error),
    };
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_env_filter(
            tracing_subscriber::EnvFilter::try_from_env("SINCH_BATCH_LOG")
                .unwrap_or_else(|_| tracing_subscriber::EnvFilter::new("warn")),
        )
        .init();
    if cli.quiet {
        output::be_quiet();
    }
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return end(Err(Failure::because(exit::UNEXPECTED, "no runtime", &error))),
    };
    let result = runtime.block_on(dispatch(cli.command));
    // A thread may still read the file: it must not keep the program from ending.
    runtime.shutdown_background();
    end(result)
}

/// Help that was asked for; or what is wrong with the arguments, and where to read about them.
fn not_understood(error: &clap::Error) -> ExitCode {
    if !error.use_stderr() || error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
        error.exit();
    }
    let text = error.render().to_string();
    // clap ends with advice of its own, and with a usage line that calls whatever the environment gives required.
    let told = text.split("\n\nUsage: ").next().unwrap_or(&text);
    let told = told.split("\n\nFor more information").next().unwrap_or(told).trim_end();
    let mut path = Cli::command();
    let mut typed = String::from("sinch-batch");
    for argument in std::env::args_os().skip(1) {
        let Some(next) = path.find_subcommand(&argument).cloned() else { break };
        typed.push(' ');
        typed.push_str(next.get_name());
        path = next;
    }
    output::complain(&format_args!("{told}\nhint: see {typed} --help"));
    ExitCode::from(exit::USAGE)
}

fn end(result: Result<u8, Failure>) -> ExitCode {
    match result {
        Ok(code) => ExitCode::from(code),
        Err(failure) => {
            output::complain(&failure);
            ExitCode::from(failure.code())
        }
    }
}

async fn dispatch(command: Command) -> Result<u8, Failure> {
    match command {
        Command::Check(args) => commands::check::run(args).await,
        Command::Preview(args) => commands::preview::run(args).await,
        Command::Send(args) => Box::pin(commands::send::run(*args)).await,
        Command::Resume(args) => commands::resume::run(*args).await,
        Command::Retry(args) => Box::pin(commands::retry::run(*args)).await,
        Command::Pause(args) => commands::pause::run(args).await,
        Command::Cancel(args) => commands::end::run(args).await,
        Command::Status(args) => commands::status::run(args).await,
        Command::Report(args) => commands::report::run(args).await,
        Command::Listen(args) => commands::listen::run(*args).await,
        Command::Sign(args) => commands::sign::run(&args),
        Command::Trigger(args) => commands::trigger::run(&args).await,
        Command::Replay(args) => commands::replay::run(&args).await,
        Command::Simulate(args) => commands::simulate::run(args).await,
        Command::Torture(args) => commands::torture::run(args).await,
        Command::Inspect(args) => commands::inspect::run(&args),
        Command::Batch(args) => commands::batch::run(args.command).await,
        Command::Contacts(args) => commands::lists::contacts(args.command).await,
        Command::Consents(args) => commands::lists::consents(args.command).await,
        Command::Doctor(args) => commands::doctor::run(args).await,
    }
}
