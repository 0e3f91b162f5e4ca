//! The gate and the other chores of this workspace, as one program.
//!
//! `cargo xtask help` lists them. Modules in reading order: [`workspace`] (what cargo knows about our
//! crates), [`layers`] (the arrows between them), [`docs`] (the pages), [`mod@api`] (the public API), [`mod@package`] (what is published),
//! [`minimal`] (the oldest dependencies), [`ci`] (the whole gate), [`mod@bench`] (measurements),
//! [`seeds`] (stories of the whole system), [`browser`] (pages in Chromium), [`setup`] (the tools of the gate).
#![expect(clippy::print_stdout, clippy::print_stderr, reason = "a program that talks to a terminal")]

mod workspace;

mod layers;

mod docs;

mod api;

mod package;

mod minimal;

mod ci;

mod bench;

mod seeds;

mod browser;

mod setup;
mod sql;

use std::process::ExitCode;

const HELP: &str = "\
Chores of the sinch-batch workspace.

cargo xtask ci [STEP..]       the whole gate, or only the named steps
cargo xtask layers            arrows between crates against the table in docs/architecture.md
cargo xtask api               the public API of each library against docs/api
cargo xtask api --bless       writes docs/api anew
cargo xtask docs              links between pages, and the README's two commands
cargo xtask sql               our SQL needs no session and no one engine
cargo xtask bench             every criterion bench of the workspace
cargo xtask bench ack         durable acknowledgements of callbacks, beside one fdatasync each
cargo xtask bench road [RUN..] [--rows N]
                              the release binary over N rows (1000000): check, send, simulate
cargo xtask bench client [--rows N] [--rounds N]
                              reading and sending N rows (1000000) beside a loop written by hand
cargo xtask bench webhook     callbacks a CPU second beside a bare axum handler, and in memory
cargo xtask bench simulator   batches a minute that the simulator takes, and the pages of its inbox over them
cargo xtask bench pages [--rows N]
                              the report as one file, of a campaign of N rows (10000000)
cargo xtask bench ledger [--rows N]
                              receipts through the ledger beside the bare statement, with 10000 and 1000000 rows
cargo xtask seeds [N] [--from SEED]
                              N stories of the whole system (10000), in one thread each, on all cores
cargo xtask seeds --seed SEED one of them, line by line
cargo xtask setup             install the tools of the gate that are missing
cargo xtask browser           our pages in Chromium: widths, light and dark, keyboard, accessibility
cargo xtask browser --keep    the same, and the pictures of the README into docs/images
";

fn main() -> ExitCode {
    if let Some(code) = api::as_rustdoc() {
        return code;
    }
    let args: Vec<String> = std::env::args().skip(1).collect();
    match run(&args) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run(args: &[String]) -> anyhow::Result<()> {
    let args: Vec<&str> = args.iter().map(String::as_str).collect();
    match args.as_slice() {
        ["ci", steps @ ..] => ci::run(steps),
        ["layers"] => layers::run(),
        ["docs"] => docs::run(),
        ["sql"] => sql::run(),
        ["api"] => api::run(false).map_err(api::Unlisted::into_error),
        ["api", "--bless"] => api::run(true).map_err(api::Unlisted::into_error),
        ["bench", "ack"] => bench::ack(),
        ["bench", "road", rest @ ..] => bench::road(rest),
        ["bench", "client", rest @ ..] => bench::client(rest),
        ["bench", "webhook"] => bench::webhook(),
        ["bench", "simulator"] => bench::simulator(),
        ["bench", "pages", rest @ ..] => bench::pages(rest),
        ["bench", "ledger", rest @ ..] => bench::ledger(rest),
        ["bench"] => bench::criterion(),
        ["seeds", rest @ ..] => seeds::run(rest),
        ["browser"] => browser::run(false),
        ["browser", "--keep"] => browser::keep(),
        ["setup"] => setup::run(),
        [] | ["help" | "--help" | "-h"] => {
            print!("{HELP}");
            Ok(())
        }
        other => anyhow::bail!("no such chore: {}\n\n{HELP}", other.join(" ")),
    }
}
