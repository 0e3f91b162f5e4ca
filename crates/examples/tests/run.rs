//! Every example runs to its end and says what it should.

use std::process::Command;

#[track_caller]
fn check(program: &str, words: &[&str]) {
    let output = Command::new(program).output().expect("the example runs");
    let said = String::from_utf8_lossy(&output.stdout);
    assert!(output.status.success(), "{output:?}");
    for word in words {
        assert!(said.contains(word), "{word}: {said}");
    }
}

#[test]
fn send_one_batch() {
    check(env!("CARGO_BIN_EXE_send_one_batch"), &["accepted as batch ", "it is "]);
}

#[test]
fn receive_callbacks() {
    check(env!("CARGO_BIN_EXE_receive_callbacks"), &["a message is QUEUED_ON_CHANNEL"]);
}

#[test]
fn existing_app() {
    let words = ["a genuine callback: 200, by the shop", "a forged one: 401, by the shop", "m1 is DELIVERED"];
    check(env!("CARGO_BIN_EXE_existing_app"), &words);
}

#[test]
fn full_campaign() {
    check(env!("CARGO_BIN_EXE_full_campaign"), &["3 rows, 3 accepted"]);
}

#[test]
fn own_ledger() {
    let words = [" tests passed, and that of limits", "after a crash: 2 rows of unknown outcome"];
    check(env!("CARGO_BIN_EXE_own_ledger"), &words);
}
