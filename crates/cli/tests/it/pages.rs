//! What the pages show is what happens.

use crate::support::{Stage, binary, root, run};

const PREFIX: &str = "cargo run --release -p sinch-batch-cli -- ";

#[test]
fn commands_of_the_readme_run_as_they_stand() {
    let readme = std::fs::read_to_string(root().join("README.md")).unwrap();
    let commands: Vec<&str> = readme.lines().filter_map(|line| line.strip_prefix(PREFIX)).collect();
    assert!(!commands.is_empty());
    for command in commands {
        let scratch = tempfile::tempdir().unwrap();
        let demo = scratch.path().join("demo");
        std::fs::create_dir(&demo).unwrap();
        for file in std::fs::read_dir(root().join("demo")).unwrap() {
            let file = file.unwrap();
            std::fs::copy(file.path(), demo.join(file.file_name())).unwrap();
        }
        run(binary(scratch.path()).args(command.split_whitespace())).ends(0);
    }
}

/// The README of the package: its two files and its commands, in the order it shows them.
#[test]
fn readme_of_the_package_runs_as_it_stands() {
    let readme = std::fs::read_to_string(root().join("crates/cli/README.md")).unwrap();
    let blocks = |language: &str| -> Vec<String> {
        let start = format!("```{language}\n");
        readme.split(&start).skip(1).filter_map(|rest| Some(rest.split_once("```")?.0.to_owned())).collect()
    };
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("people.csv"), blocks("csv").concat()).unwrap();
    std::fs::write(folder.path().join("message.json"), blocks("json").concat()).unwrap();
    let commands = blocks("sh").concat();
    assert_eq!(commands.lines().count(), 2, "{commands}");
    for command in commands.lines() {
        let words: Vec<&str> = command.strip_prefix("sinch-batch ").unwrap().split_whitespace().collect();
        run(binary(folder.path()).args(words)).ends(0);
    }
}

#[test]
fn commands_of_the_operations_page_run_as_they_stand() {
    let page = std::fs::read_to_string(root().join("docs/guide/operations.md")).unwrap();
    let mut commands = Vec::new();
    let mut block = "";
    for line in page.lines() {
        match line.strip_prefix("```") {
            Some(language) => block = language,
            None if block == "sh" => commands.push(line),
            None => {}
        }
    }
    assert!(commands.len() >= 6, "{commands:?}");
    let stage = Stage::new();
    for command in commands {
        let words: Vec<&str> = command.strip_prefix("sinch-batch ").unwrap().split_whitespace().collect();
        let said = run(stage.api(&words).current_dir(root())).ends(0);
        assert!(!said.stdout.is_empty(), "{command}: {said:?}");
    }
    assert_eq!((stage.messages().len(), stage.there("/contacts").len(), stage.there("/consents").len()), (1, 2, 2));
}

#[test]
fn every_exit_code_of_the_help_is_in_the_readme() {
    let folder = tempfile::tempdir().unwrap();
    let help = run(binary(folder.path()).arg("--help")).ends(0).stdout;
    let readme = std::fs::read_to_string(root().join("README.md")).unwrap();
    let codes: Vec<&str> = help
        .lines()
        .skip_while(|line| !line.starts_with("Exit codes"))
        .filter_map(|line| line.trim_start().split("  ").next())
        .filter(|word| word.len() == 1)
        .collect();
    assert_eq!(codes, ["0", "1", "2", "3", "4", "5", "6", "7"]);
    for code in codes {
        assert!(readme.contains(&format!("| {code} |")) || readme.contains(&format!("| `{code}` |")), "{code}");
    }
}

/// Every command and flag that the page about a campaign's life shows.
#[test]
fn guide_to_campaigns_names_flags_of_the_help() {
    let guide = std::fs::read_to_string(root().join("docs/guide/campaigns.md")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut checked = 0;
    for line in guide.lines().filter_map(|line| line.strip_prefix("$ sinch-batch ")) {
        let words: Vec<&str> = line.split(' ').collect();
        let help = help_of(folder.path(), &words);
        for flag in words.iter().filter(|word| word.starts_with("--")) {
            assert!(help.contains(&format!("{flag} ")) || help.contains(&format!("{flag}\n")), "{flag}: {help}");
            checked += 1;
        }
    }
    assert!(checked >= 8, "{checked}");
}

/// The commands of the guide that wait for somebody cannot be run here; what they name is there.
#[test]
fn guide_to_receiving_names_flags_of_the_help() {
    let guide = std::fs::read_to_string(root().join("crates/webhook/docs/receiving.md")).unwrap();
    let folder = tempfile::tempdir().unwrap();
    let mut checked = 0;
    for line in guide.lines().filter_map(|line| line.strip_prefix("$ ")) {
        let Some((_, command)) = line.split_once("sinch-batch ") else { continue };
        let words: Vec<&str> = command.split([' ', ')']).collect();
        let help = run(binary(folder.path()).args([words[0], "--help"])).ends(0).stdout;
        for flag in words.iter().take_while(|word| **word != "-H").filter(|word| word.starts_with("--")) {
            assert!(help.contains(&format!("{flag} ")) || help.contains(&format!("{flag}\n")), "{flag}: {help}");
            checked += 1;
        }
    }
    assert!(checked > 8, "{checked}");
    let listen = run(binary(folder.path()).args(["listen", "--help"])).ends(0).stdout;
    for flag in ["--algorithm-optional", "--forward", "--journal-files", "--journal-file-size", "--secret-file"] {
        assert!(guide.contains(flag) && listen.contains(flag), "{flag}");
    }
}

/// What runs all year: commands of the page and of the unit are in the help, and its alerts name what `/metrics` shows.
#[test]
fn guide_to_operating_names_flags_and_metrics() {
    let read = |path: &str| std::fs::read_to_string(root().join(path)).unwrap();
    let guide = read("docs/guide/operating.md");
    let unit = read("deploy/sinch-batch-listen.service");
    let commands: Vec<&str> = guide
        .lines()
        .filter_map(|line| line.strip_prefix("$ sinch-batch "))
        .chain(unit.lines().filter_map(|line| line.strip_prefix("ExecStart=/usr/local/bin/sinch-batch ")))
        .collect();
    assert!(commands.len() > 9, "{commands:?}");
    let folder = tempfile::tempdir().unwrap();
    for command in commands {
        let words: Vec<&str> = command.split(' ').collect();
        let help = help_of(folder.path(), &words);
        for flag in words.iter().filter(|word| word.starts_with("--")) {
            assert!(help.contains(&format!("{flag} ")) || help.contains(&format!("{flag}\n")), "{flag}: {help}");
        }
    }
    let shown = read("crates/cli/src/receiver/metrics.rs");
    let mut named = 0;
    for word in guide.split(|letter: char| !letter.is_ascii_lowercase() && letter != '_') {
        let Some(metric) = word.strip_prefix("sinch_batch_") else { continue };
        assert!(shown.contains(&format!("\"{metric}\"")), "no {word} at /metrics");
        named += 1;
    }
    assert!(named > 8, "{named}");
}

/// The help of the command that a line begins with, or of the command below it.
fn help_of(folder: &std::path::Path, words: &[&str]) -> String {
    let help = run(binary(folder).args([words[0], "--help"])).ends(0).stdout;
    if help.contains("\nCommands:\n") {
        return run(binary(folder).args([words[0], words[1], "--help"])).ends(0).stdout;
    }
    help
}
