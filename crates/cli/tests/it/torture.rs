//! The whole program under kills and faults, played by itself; and whether its judge sees harm.

use std::collections::BTreeSet;

use crate::support::{Running, binary, run};

const KEYS: [&str; 14] = [
    "bound",
    "cancels",
    "contradictions",
    "doubled",
    "faults",
    "kills",
    "lost",
    "recalled",
    "receipts_lost",
    "retries",
    "rows",
    "runs",
    "seeds",
    "unknown",
];

#[test]
fn torture_doubles_nothing_and_loses_nothing() {
    let folder = tempfile::tempdir().unwrap();
    let said = run(binary(folder.path()).args(["torture", "--seeds", "4", "--json"]).env("TMPDIR", folder.path()));
    let said = said.ends(0);
    let totals = said.json();
    let keys: BTreeSet<&str> = totals.as_object().unwrap().keys().map(String::as_str).collect();
    assert_eq!(keys, BTreeSet::from(KEYS), "{totals}");
    assert_eq!(totals["seeds"], 4, "{totals}");
    assert_eq!(totals["bound"], "1s", "{totals}");
    for harm in ["doubled", "lost", "unknown", "receipts_lost", "contradictions"] {
        assert_eq!(totals[harm], 0, "{totals}");
    }
    for done in ["kills", "faults", "rows", "cancels", "retries"] {
        assert!(totals[done].as_u64() > Some(0), "{totals}");
    }
    // Each campaign has its first run, and one at the end that finds nothing to do.
    assert!(totals["runs"].as_u64() >= Some(8), "{totals}");
    assert!(said.stderr.contains("seed 4: "), "{said:?}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "nothing is left behind");
}

#[test]
fn torture_proves_that_its_judge_sees() {
    let folder = tempfile::tempdir().unwrap();
    let said = run(binary(folder.path()).args(["torture", "--prove", "--json"]).env("TMPDIR", folder.path())).ends(0);
    let totals = said.json();
    assert_eq!((&totals["doubled"], &totals["receipts_lost"]), (&20.into(), &1.into()), "{said:?}");
    assert_eq!((&totals["lost"], &totals["unknown"]), (&0.into(), &0.into()), "{said:?}");
    assert_eq!(std::fs::read_dir(folder.path()).unwrap().count(), 0, "nothing is left behind");
}

#[cfg(target_os = "linux")]
#[test]
fn torture_that_is_interrupted_leaves_no_process_behind() {
    let folder = tempfile::tempdir().unwrap();
    let mut command = binary(folder.path());
    command.args(["torture", "--seeds", "50", "--json"]).env("TMPDIR", folder.path());
    let mut torture = Running::start(&mut command);
    // Its children stand in the folders of their stories.
    let children = || {
        let processes = std::fs::read_dir("/proc").unwrap().flatten();
        let folders = processes.filter_map(|process| std::fs::read_link(process.path().join("cwd")).ok());
        folders.filter(|cwd| cwd.starts_with(folder.path()) && cwd != folder.path()).count()
    };
    torture.until("children", || children() > 1);
    torture.signal("INT");
    let said = torture.end().ends(130);
    assert!(said.stderr.contains("all processes were ended"), "{said:?}");
    assert_eq!(children(), 0, "{said:?}");
}
