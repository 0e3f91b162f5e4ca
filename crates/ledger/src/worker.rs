//! Who sends: a run of a program, and whether it is still there.
//!
//! ```text
//! alive ──▶ said goodbye ─┐
//!   │                     ├─▶ gone: its batches are free at once
//!   ├─────▶ proved dead ──┘      (same boot and process namespace; no such process, a zombie,
//!   │                             or another process under its id)
//!   └─────▶ silent: its leases must lapse, and what it tried waits for the takeover grace
//! ```

use std::collections::BTreeSet;
use std::fmt;
use std::hash::{BuildHasher, Hasher, RandomState};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use serde::{Deserialize, Serialize};

/// A worker as ledgers know it.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Worker {
    name: Arc<str>,
    process: Option<ProcessId>,
}

/// The identity of a process, distinct also from a later one with the same number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[non_exhaustive]
pub struct ProcessId {
    /// Names the start of the machine.
    pub boot: String,
    /// Names the space in which process numbers count.
    pub namespace: String,
    /// The number of the process.
    pub pid: u32,
    /// When it started, in ticks since the machine did.
    pub started: u64,
}

impl ProcessId {
    /// The process with that number, on that boot and in that namespace, started then.
    pub fn new(boot: impl Into<String>, namespace: impl Into<String>, pid: u32, started: u64) -> Self {
        Self { boot: boot.into(), namespace: namespace.into(), pid, started }
    }

    /// This process; `None` where the system does not say, which is anywhere but on Linux.
    pub fn own() -> Option<Self> {
        static OWN: Mutex<Option<ProcessId>> = Mutex::new(None);
        let mut own = OWN.lock().unwrap_or_else(PoisonError::into_inner);
        // A fork has another number than what it remembers.
        if own.as_ref().is_none_or(|own| own.pid != std::process::id()) {
            *own = system::own();
        }
        own.clone()
    }
}

impl Worker {
    /// A worker of that name. Without a process, only its goodbye or its leases show its end; one
    /// of this process counts as gone unless a [`Presence`] stands for it.
    pub fn new(name: impl Into<Arc<str>>, process: Option<ProcessId>) -> Self {
        Self { name: name.into(), process }
    }

    /// The worker's name, as in `--dead NAME`.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Its process, if it is known.
    pub fn process(&self) -> Option<&ProcessId> {
        self.process.as_ref()
    }

    /// Whether it is certain that nothing of this worker runs any more.
    ///
    /// `false` proves nothing: a worker on another machine, or one that may not be looked at, counts as
    /// there until its leases lapse.
    pub fn is_gone(&self) -> bool {
        let Some(process) = &self.process else { return false };
        match ProcessId::own() {
            // A worker of this process says goodbye when its handle is dropped.
            Some(own) if *process == own => !present().contains(&*self.name),
            Some(own) => process.boot == own.boot && process.namespace == own.namespace && system::is_gone(process),
            None => false,
        }
    }
}

impl fmt::Debug for Worker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Worker").field("name", &self.name).finish_non_exhaustive()
    }
}

/// A worker of this process, as long as this is kept. Dropping it is its goodbye: whatever it held is
/// free at once.
#[derive(Debug)]
pub struct Presence {
    worker: Worker,
}

impl Presence {
    /// A new worker, with a name that no other has: host, process and a random number.
    pub fn new() -> Self {
        let random = RandomState::new().build_hasher().finish() & 0xff_ffff;
        Self::named(format!("{}-{}-{random:06x}", system::host(), std::process::id()))
    }

    /// A worker of that name, which nobody else may have at the same time.
    pub fn named(name: impl Into<Arc<str>>) -> Self {
        let name = name.into();
        present().insert(Arc::clone(&name));
        Self { worker: Worker::new(name, ProcessId::own()) }
    }

    /// The worker.
    pub fn worker(&self) -> &Worker {
        &self.worker
    }
}

impl Default for Presence {
    fn default() -> Self {
        Self::new()
    }
}

impl Drop for Presence {
    fn drop(&mut self) {
        present().remove(&*self.worker.name);
    }
}

/// The workers of this process that have not said goodbye.
fn present() -> MutexGuard<'static, BTreeSet<Arc<str>>> {
    static PRESENT: Mutex<BTreeSet<Arc<str>>> = Mutex::new(BTreeSet::new());
    // A set is whole between any two calls, so a poisoned lock holds nothing half done.
    PRESENT.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(target_os = "linux")]
mod system {
    use std::fs;
    use std::io::ErrorKind;

    use super::ProcessId;

    pub(super) fn own() -> Option<ProcessId> {
        let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").ok()?;
        let namespace = fs::read_link("/proc/self/ns/pid").ok()?;
        let stat = fs::read_to_string("/proc/self/stat").ok()?;
        let stat = Stat::read(&stat)?;
        // A /proc of another namespace would list other processes.
        (stat.pid == std::process::id())
            .then(|| ProcessId::new(boot.trim(), namespace.to_string_lossy(), stat.pid, stat.started))
    }

    pub(super) fn is_gone(process: &ProcessId) -> bool {
        match fs::read_to_string(format!("/proc/{}/stat", process.pid)) {
            Ok(stat) => Stat::read(&stat)
                .is_some_and(|stat| matches!(stat.state, 'Z' | 'X' | 'x') || stat.started != process.started),
            Err(error) if error.kind() == ErrorKind::NotFound => !may_hide_processes(),
            // It ended while it was being read, or may not be looked at: nothing is proved.
            Err(_) => false,
        }
    }

    pub(super) fn host() -> String {
        let host = fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
        let host: String = host.trim().chars().filter(|c| c.is_ascii_alphanumeric() || *c == '-').take(32).collect();
        if host.is_empty() { "worker".to_owned() } else { host }
    }

    /// Whether /proc leaves out the processes of others, so that absence proves nothing.
    fn may_hide_processes() -> bool {
        let Ok(mounts) = fs::read_to_string("/proc/self/mountinfo") else { return true };
        mounts.lines().any(hides)
    }

    fn hides(mount: &str) -> bool {
        let options = || mount.split([' ', ',']);
        mount.contains(" - proc ")
            && options().any(|option| {
                option.strip_prefix("hidepid=").is_some_and(|how| !matches!(how, "0" | "off")) || option == "subset=pid"
            })
    }

    struct Stat {
        pid: u32,
        state: char,
        started: u64,
    }

    impl Stat {
        /// `pid (name) state …`: the name may hold anything, parentheses too.
        fn read(text: &str) -> Option<Self> {
            let (pid, rest) = text.split_once(" (")?;
            let (_, rest) = rest.rsplit_once(") ")?;
            let mut fields = rest.split(' ');
            let state = fields.next()?.chars().next()?;
            // The state is the third field, the start the 22nd.
            let started = fields.nth(18)?.parse().ok()?;
            Some(Self { pid: pid.parse().ok()?, state, started })
        }
    }

    #[cfg(test)]
    mod tests {
        use super::*;

        #[test]
        fn stat_line_is_read_whatever_the_process_is_called() {
            let line = "77 (a) b (c)) Z 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 4242 20 21\n";
            let stat = Stat::read(line).unwrap();
            assert_eq!((stat.pid, stat.state, stat.started), (77, 'Z', 4242));
            assert!(Stat::read("77 (a").is_none());
        }

        #[test]
        fn proc_that_hides_processes_is_known() {
            let mount = |options: &str| format!("22 61 0:21 / /proc rw,nosuid shared:12 - proc proc rw{options}");
            assert!(!hides(&mount("")));
            assert!(!hides(&mount(",hidepid=0")));
            assert!(!hides(&mount(",hidepid=off,gid=4")));
            assert!(hides(&mount(",hidepid=2")));
            assert!(hides(&mount(",hidepid=invisible,gid=4")));
        }
    }
}

#[cfg(not(target_os = "linux"))]
mod system {
    use super::ProcessId;

    pub(super) fn own() -> Option<ProcessId> {
        None
    }

    pub(super) fn is_gone(_: &ProcessId) -> bool {
        false
    }

    pub(super) fn host() -> String {
        "worker".to_owned()
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::process::{Command, Stdio};

    use super::*;

    fn process_of(pid: u32) -> ProcessId {
        let own = ProcessId::own().unwrap();
        let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
        let started = stat.rsplit_once(") ").unwrap().1.split(' ').nth(19).unwrap().parse().unwrap();
        ProcessId { pid, started, ..own }
    }

    #[test]
    fn worker_is_gone_when_its_handle_is_dropped() {
        let presence = Presence::new();
        let worker = presence.worker().clone();
        assert!(!worker.is_gone());
        drop(presence);
        assert!(worker.is_gone());
    }

    #[test]
    fn another_process_is_gone_when_it_is_dead_a_zombie_or_another_one() {
        let mut child = Command::new("sleep").arg("600").stdin(Stdio::null()).spawn().unwrap();
        let process = process_of(child.id());
        let worker = Worker::new("w", Some(process.clone()));
        assert!(!worker.is_gone());
        let later = ProcessId { started: process.started + 1, ..process.clone() };
        assert!(Worker::new("w", Some(later)).is_gone(), "the number has been given to another process");
        child.kill().unwrap();
        // Until it is waited for it is a zombie, which sends nothing. The kernel needs a moment to make it one.
        while !worker.is_gone() {
            std::thread::yield_now();
        }
        child.wait().unwrap();
        assert!(worker.is_gone());
        for elsewhere in [
            ProcessId { boot: "another".to_owned(), ..process.clone() },
            ProcessId { namespace: "pid:[1]".to_owned(), ..process },
        ] {
            assert!(!Worker::new("w", Some(elsewhere)).is_gone(), "what is not here cannot be judged");
        }
        assert!(!Worker::new("w", None).is_gone());
    }
}
