//! The screens as terminals of several widths show them.

use std::fs::File;
use std::io::Read;
use std::os::fd::OwnedFd;
use std::process::{Command, Stdio};

use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{Winsize, tcsetwinsize};

use crate::support::{Stage, binary, run, write_recipients};

/// What a command prints on a terminal of that width.
fn on_terminal(command: &mut Command, width: u16) -> String {
    let master: OwnedFd = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
    grantpt(&master).unwrap();
    unlockpt(&master).unwrap();
    let size = Winsize { ws_row: 40, ws_col: width, ws_xpixel: 0, ws_ypixel: 0 };
    tcsetwinsize(&master, size).unwrap();
    let name = ptsname(&master, Vec::new()).unwrap().into_string().unwrap();
    let slave = File::options().read(true).write(true).open(name).unwrap();
    let mut child = command.stdin(Stdio::null()).stderr(Stdio::null()).stdout(slave).spawn().unwrap();
    // The command's end of it is the last one that is open.
    command.stdout(Stdio::null());
    let mut shown = Vec::new();
    let mut master = File::from(master);
    let mut block = [0; 4096];
    // At the end a terminal answers with an error.
    while let Ok(count @ 1..) = master.read(&mut block) {
        shown.extend_from_slice(&block[..count]);
    }
    child.wait().unwrap();
    String::from_utf8(shown).unwrap().replace("\r\n", "\n")
}

/// At each width, with nothing wider than it where words allow.
fn at_widths(name: &str, mut command: impl FnMut() -> Command, scrub: impl Fn(&str) -> String) {
    for width in [60, 80, 200] {
        let shown = scrub(&on_terminal(&mut command(), width));
        for line in shown.lines().filter(|line| line.starts_with(['│', '┌', '╞', '└'])) {
            assert!(line.chars().count() <= usize::from(width), "{width}: {line}");
        }
        insta::assert_snapshot!(format!("{name}-at-{width}"), shown);
    }
}

/// Without what differs from run to run: the folder, times, and what was received when.
fn without_times(shown: &str, folder: &str) -> String {
    let shown = shown.replace(folder, "[folder]");
    let mut lines = Vec::new();
    let mut is_left_out = false;
    for line in shown.lines() {
        is_left_out = line.starts_with("callbacks received") || is_left_out && !line.starts_with("next:");
        let masked = |letter: char| if letter.is_ascii_digit() { '0' } else { letter };
        if !is_left_out {
            lines.push(if line.contains(" UTC") { line.chars().map(masked).collect() } else { line.to_owned() });
        }
    }
    lines.join("\n")
}

#[test]
fn check_fits_60_80_and_200_columns() {
    let folder = tempfile::tempdir().unwrap();
    let mut csv = String::from("SMS,name,a_column_with_a_very_long_name_that_is_cut\n");
    for row in 0..25 {
        csv.push_str(&format!("+1 555 000-{row:04},#REF!,\n"));
    }
    std::fs::write(folder.path().join("people.csv"), csv).unwrap();
    let command = || {
        let mut command = binary(folder.path());
        let text = "Hi ${name} ${a_column_with_a_very_long_name_that_is_cut} {{name}}";
        command.args(["check", "people.csv", "--text", text]);
        command
    };
    for width in [60, 80, 200] {
        let shown = on_terminal(&mut command(), width);
        let table = shown.lines().take_while(|line| !line.is_empty());
        assert!(table.clone().count() > 3, "{shown}");
        table.for_each(|line| assert!(line.chars().count() <= usize::from(width), "{width}: {line}"));
    }
    at_widths("check", command, str::to_owned);
}

#[test]
fn status_and_report_fit_60_80_and_200_columns() {
    let stage = Stage::with(&["--fail-percent", "0", "--read-percent", "0", "--outcome", "+15559000001=failed:@CODE"]);
    write_recipients(stage.path(), 50);
    let folder = stage.path().display().to_string();
    let scrub = |shown: &str| without_times(shown, &folder);
    let send = ["send", "people.csv", "--message", "message.json", "--campaign", "c1"];
    run(&mut stage.command(&send)).ends(0);
    at_widths("status", || stage.command_without_service(&["status", "c1"]), scrub);
    at_widths("status-of-all", || stage.command_without_service(&["status"]), scrub);
    at_widths("report", || stage.command_without_service(&["report", "c1"]), scrub);
    // The codes of others are text in a spreadsheet, whoever wrote them.
    let report = |args: &[&str]| run(stage.command_without_service(&["report", "c1"]).args(args)).ends(0).stdout;
    assert!(report(&["--format", "csv"]).contains(",\"'@CODE\","), "{}", report(&["--format", "csv"]));
    let rows = report(&["--rows", "failed", "--with-file"]);
    assert!(
        rows.lines().nth(1).is_some_and(|row| row.starts_with("+15559000001,") && row.contains(",\"'@CODE\",")),
        "{rows}"
    );
}
