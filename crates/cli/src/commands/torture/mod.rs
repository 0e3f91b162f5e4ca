//! `torture`: the whole program under kills and faults, judged by the simulator's own list.

#[cfg(unix)]
mod dice;
#[cfg(unix)]
mod evidence;
#[cfg(unix)]
mod judge;
#[cfg(unix)]
mod life;
#[cfg(unix)]
mod line;
#[cfg(unix)]
mod processes;
#[cfg(unix)]
mod run;
#[cfg(unix)]
mod setup;
#[cfg(unix)]
mod stage;
#[cfg(unix)]
mod story;

#[cfg(unix)]
pub(crate) use self::run::run;

/// Elsewhere there is nothing to kill with.
#[cfg(not(unix))]
pub(crate) async fn run(_: crate::args::TortureArgs) -> Result<u8, crate::fail::Failure> {
    Err(crate::fail::Failure::new(crate::exit::USAGE, "torture needs the signals of Unix")
        .hint("run it on Linux or macOS"))
}
