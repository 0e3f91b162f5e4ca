//! How long a program ran and how much memory it held at most.

use std::process::{Child, Command, ExitStatus};
use std::time::{Duration, Instant};

use anyhow::Context;

/// How often the memory of the running program is read. The kernel keeps the peak for us, so only
/// growth in the last of these moments can be missed.
const PAUSE: Duration = Duration::from_millis(5);

pub(crate) struct Usage {
    pub(crate) status: ExitStatus,
    pub(crate) time: Duration,
    /// Bytes; `None` where the system does not tell (it does on Linux).
    pub(crate) peak: Option<u64>,
}

/// Runs a program to its end.
pub(crate) fn measure(command: &mut Command) -> anyhow::Result<Usage> {
    let start = Instant::now();
    let mut child = command.spawn().with_context(|| format!("cannot run {:?}", command.get_program()))?;
    let mut peak = None;
    let status = loop {
        peak = peak_of(&child).max(peak);
        match child.try_wait()? {
            Some(status) => break status,
            None => std::thread::sleep(PAUSE),
        }
    };
    Ok(Usage { status, time: start.elapsed(), peak })
}

fn peak_of(child: &Child) -> Option<u64> {
    peak_in(&std::fs::read_to_string(format!("/proc/{}/status", child.id())).ok()?)
}

/// The peak resident memory in the kernel's status page of a process.
fn peak_in(status: &str) -> Option<u64> {
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    let kibibytes: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    Some(kibibytes * 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn peak_is_read_from_the_status_page() {
        assert_eq!(
            peak_in("Name:\tx\nVmPeak:\t   99 kB\nVmHWM:\t  2048 kB\nVmRSS:\t   10 kB\n"),
            Some(2 * 1024 * 1024)
        );
        assert_eq!(peak_in("Name:\tx\nState:\tZ (zombie)\n"), None);
    }
}
