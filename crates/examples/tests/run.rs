//! Every example runs to its end and says what it should, and the README lists all of them.

use std::fs;
use std::path::Path;
use std::process::Command;

#[track_caller]
fn check(program: &str, words: &[&str]) {
    let output = Command::new(program).output().expect("the example runs");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{output:?}");
    if said.starts_with("not run: ") {
        assert!(std::env::var_os("SINCH_TEST_NATS").is_none_or(|word| word != "require"), "{said}");
        // Seen with `cargo test -- --nocapture`; there is nothing else to check.
        let mut stderr = std::io::stderr();
        let _ = std::io::Write::write_all(&mut stderr, &output.stdout);
        return;
    }
    for word in words {
        assert!(said.contains(word), "{word}: {said}");
    }
}

/// Writes a test for each program, and the list of them in reading order.
macro_rules! programs {
    ($( $name:ident: $words:expr, )+) => {
        $(
            #[test]
            fn $name() {
                check(env!(concat!("CARGO_BIN_EXE_", stringify!($name))), &$words);
            }
        )+

        const PROGRAMS: &[&str] = &[$(stringify!($name)),+];
    };
}

programs! {
    send_one_batch: ["accepted as batch ", "it is "],
    every_message: [
        "text_message: Hello Ines\n",
        "media_message: ",
        "card_message: ",
        "carousel_message: ",
        "choice_message: ",
        "list_message: ",
        "template_message: ",
        "location_message: ",
        "contact_info_message: ",
    ],
    unknown_outcome: ["order-4711: accepted as ", "order-4712: not accepted; send it again ", "1 message at the service"],
    receive_callbacks: ["a message is QUEUED_ON_CHANNEL"],
    existing_app: [
        "a genuine callback: 200, by the shop of \"autumn\"",
        "a forged callback: 401, by the shop of \"autumn\"",
        "m1 is DELIVERED",
    ],
    without_axum: [
        "hyper received a callback of kind ",
        "hyper answered 200",
        "by hand: nonce a-nonce, ",
        "forged: ",
    ],
    tenants: [
        "north: 200",
        "south, its own app: 200",
        "south, another app: 401",
        "nobody: 401",
        "north, new secret: 200",
        "north, old secret: 200",
    ],
    own_database: [
        "order-4711 is Queued\nQUEUED_ON_CHANNEL: 200\n",
        "order-4711 is Read\nREAD: 200\norder-4711: nothing new\nDELIVERED: 200\n",
        "1 row in the table",
    ],
    to_jetstream: [
        "callback 1 of the stream\nanswered 200\ncallback 1 of the stream, again\nanswered 200\n",
        "1 message in the stream",
    ],
    full_campaign: ["3 rows, 3 accepted"],
    rows_from_database: ["2500 rows, 2500 accepted in 3 batches", "the last one is for person \"7500\""],
    own_ledger: [" tests passed, and that of limits", "after a crash: 2 rows of unknown outcome"],
    another_identity_provider: ["the provider was asked\na token that is never shown: ", "\nthe provider was asked\n"],
}

/// The programs in a folder, by name.
fn sources() -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/bin");
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let source = |path: &Path| if path.is_dir() { path.join("main.rs") } else { path.to_owned() };
    entries
        .map(|path| {
            (path.file_stem().unwrap().to_string_lossy().into_owned(), fs::read_to_string(source(&path)).unwrap())
        })
        .collect()
}

#[test]
fn every_program_is_run_and_short() {
    for (name, source) in sources() {
        assert!(PROGRAMS.contains(&&*name), "no test runs {name}");
        let lines = source.lines().count();
        assert!(lines < 80, "{name} has {lines} lines");
    }
}

#[test]
fn readme_lists_every_program_in_reading_order() {
    let readme = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("README.md")).unwrap();
    let listed: Vec<&str> = readme
        .lines()
        .filter_map(|line| line.strip_prefix("| ")?.split_once("(src/bin/")?.0.split('`').nth(1))
        .collect();
    assert_eq!(listed, PROGRAMS);
}
