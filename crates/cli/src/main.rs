//! The command line: arguments to plain structs, one call of the libraries, render.

mod args;
mod bar;
mod bytes;
mod commands;
mod environment;
mod exit;
mod fail;
mod findings;
mod input;
mod journals;
mod ledgers;
mod log;
mod message;
mod output;
mod outputs;
mod pace;
mod post;
mod progress;
mod receiver;
mod render;
mod run;
mod samples;
mod service;
mod settings;
mod signals;
mod suppress;
mod terminal;
mod url_file;

use std::process::ExitCode;

use clap::error::ErrorKind;
use tracing_subscriber::EnvFilter;

use crate::args::Command;
use crate::fail::Failure;

fn main() -> ExitCode {
    if let Err(failure) = environment::read_file_of(std::env::args_os().skip(1)) {
        return end(Err(failure));
    }
    let cli = match args::parse() {
        Ok(cli) => cli,
        Err(error) => return not_understood(&error),
    };
    output::use_color(cli.color);
    if cli.quiet {
        output::be_quiet();
    }
    let filter = environment::var("SINCH_BATCH_LOG").and_then(|filter| EnvFilter::try_new(filter).ok());
    log::start(filter.unwrap_or_else(|| EnvFilter::new("warn")));
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
    let told = told.strip_prefix("error: ").unwrap_or(told);
    let mut path = args::command();
    let mut typed = String::from("sinch-batch");
    for argument in std::env::args_os().skip(1) {
        let Some(next) = path.find_subcommand(&argument).cloned() else { break };
        typed.push(' ');
        typed.push_str(next.get_name());
        path = next;
    }
    end(Err(Failure::new(exit::USAGE, told).hint(format!("see {typed} --help"))))
}

fn end(result: Result<u8, Failure>) -> ExitCode {
    output::set_bar(None);
    match result {
        Ok(code) => ExitCode::from(code),
        Err(failure) => {
            output::complain(&failure);
            if args::asks_for_json(std::env::args_os().skip(1)) && !output::is_json_written() {
                // What cannot be written was said on standard error.
                let _ = output::write_json_line(&failure.json());
            }
            ExitCode::from(failure.code())
        }
    }
}

async fn dispatch(command: Command) -> Result<u8, Failure> {
    match command {
        Command::Check(args) => commands::check::run(args).await,
        Command::Preview(args) => commands::preview::run(args).await,
        Command::Send(args) => Box::pin(commands::send::run(*args)).await,
        Command::Resume(args) => Box::pin(commands::resume::run(*args)).await,
        Command::Work(args) => Box::pin(commands::work::run(*args)).await,
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
        Command::OptOuts(args) => commands::opt_outs::run(args.command).await,
        Command::Prune(args) => commands::prune::run(args).await,
        Command::Forget(args) => commands::forget::run(args).await,
        Command::Ledger(args) => commands::ledger::run(args.command).await,
        Command::Doctor(args) => commands::doctor::run(args).await,
        Command::Completions(args) => commands::shell::completions(&args),
        Command::Man => commands::shell::man(),
    }
}
