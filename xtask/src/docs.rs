//! The pages: links resolve, commands are ones that a test runs, and the README opens with its two.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};

use crate::workspace;

/// What the README shows first: the whole job without an account.
const DEMO: &str =
    "cargo run --release -p sinch-batch-cli -- send demo/recipients.csv --message demo/message.json --simulate";
/// What the README shows second; the gate runs these words, with all features.
pub(crate) const TESTS: &str = "cargo test --workspace";

/// How a command in a `sh` block may begin, because something runs it: the command line's own tests
/// (the first two), or this gate, whose step `package` compares the last with the manifests.
const RUN_BY_SOMETHING: [&str; 5] =
    ["cargo run --release -p sinch-batch-cli -- ", "sinch-batch ", TESTS, "cargo xtask ", "cargo add "];

/// Checks the pages.
///
/// # Errors
/// When something is wrong with one; each fault is named.
pub(crate) fn run() -> anyhow::Result<()> {
    let root = workspace::root();
    let mut pages = Vec::new();
    collect(&root, &root, &mut pages)?;
    let mut faults = Vec::new();
    for page in &pages {
        let text =
            std::fs::read_to_string(root.join(page)).with_context(|| format!("cannot read {}", page.display()))?;
        faults.extend(link_faults(&root, page, &text));
        if page == Path::new("README.md") {
            faults.extend(readme_faults(&text));
        }
        if has_commands(page) {
            faults.extend(command_faults(page, &text));
        }
    }
    if faults.is_empty() {
        println!("{} pages: links resolve, commands are run by something", pages.len());
        return Ok(());
    }
    for fault in &faults {
        eprintln!("  {fault}");
    }
    bail!("{} faults in the pages", faults.len());
}

/// The README, the guide, and both of each crate.
fn has_commands(page: &Path) -> bool {
    page == Path::new("README.md") || page.starts_with("docs/guide") || page.starts_with("crates")
}

fn collect(root: &Path, folder: &Path, pages: &mut Vec<PathBuf>) -> anyhow::Result<()> {
    let entries = std::fs::read_dir(folder).with_context(|| format!("cannot list {}", folder.display()))?;
    let mut paths: Vec<PathBuf> = entries.map(|entry| Ok(entry?.path())).collect::<std::io::Result<_>>()?;
    paths.sort();
    for path in paths {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        if path.is_dir() && name != "target" && !name.starts_with('.') {
            collect(root, &path, pages)?;
        } else if path.extension().is_some_and(|extension| extension == "md") {
            pages.push(path.strip_prefix(root).unwrap_or(&path).to_owned());
        }
    }
    Ok(())
}

/// The commands of the README in the order a reader meets them.
fn readme_faults(readme: &str) -> Option<String> {
    let commands: Vec<&str> = commands(readme).into_iter().map(|(_, command)| command).take(2).collect();
    (commands != [DEMO, TESTS])
        .then(|| format!("README.md opens with {commands:?}, it should with {DEMO:?} and {TESTS:?}"))
}

fn command_faults(page: &Path, text: &str) -> Vec<String> {
    commands(text)
        .into_iter()
        .filter(|(_, command)| !RUN_BY_SOMETHING.iter().any(|start| command.starts_with(start)))
        .map(|(line, command)| {
            format!("{}:{line}: nothing runs `{command}`; show it in a `console` block", page.display())
        })
        .collect()
}

/// The lines of the `sh` blocks with their line numbers, without comments and empty lines.
fn commands(text: &str) -> Vec<(usize, &str)> {
    blocks(text)
        .into_iter()
        .filter(|line| line.block == Some("sh"))
        .map(|line| (line.number, line.text.trim()))
        .filter(|(_, text)| !text.is_empty() && !text.starts_with('#'))
        .collect()
}

/// A line of a page and the language of the fenced block it stands in.
struct Line<'a> {
    number: usize,
    text: &'a str,
    block: Option<&'a str>,
}

/// All lines but the fences themselves.
fn blocks(text: &str) -> Vec<Line<'_>> {
    let mut block = None;
    let mut lines = Vec::new();
    for (index, line) in text.lines().enumerate() {
        match (line.trim_start().strip_prefix("```"), block) {
            (Some(language), None) => block = Some(language.trim()),
            (Some(_), Some(_)) => block = None,
            (None, _) => lines.push(Line { number: index + 1, text: line, block }),
        }
    }
    lines
}

fn link_faults(root: &Path, page: &Path, text: &str) -> Vec<String> {
    let mut faults = Vec::new();
    for line in blocks(text).into_iter().filter(|line| line.block.is_none()) {
        for target in links(line.text) {
            if let Err(why) = resolve(root, page, text, target) {
                faults.push(format!("{}:{}: {why}", page.display(), line.number));
            }
        }
    }
    faults
}

/// The targets of `[text](target)` in a line, outside `code`.
fn links(line: &str) -> Vec<&str> {
    let mut found = Vec::new();
    // A link's text may hold code, so only code that is no link's text is left out.
    for (position, _) in line.match_indices("](") {
        let rest = &line[position + 2..];
        let in_code = line[..position].matches('`').count() % 2 == 1;
        if let (Some((target, _)), false) = (rest.split_once(')'), in_code) {
            found.push(target.split_whitespace().next().unwrap_or_default());
        }
    }
    found
}

fn resolve(root: &Path, page: &Path, own_text: &str, target: &str) -> Result<(), String> {
    if target.contains("://") || target.starts_with("mailto:") {
        return Ok(());
    }
    let (path, anchor) = match target.split_once('#') {
        Some((path, anchor)) => (path, Some(anchor)),
        None => (target, None),
    };
    let file = root.join(page.parent().unwrap_or(Path::new(""))).join(path);
    if !path.is_empty() && !file.exists() {
        return Err(format!("the link {target} leads nowhere"));
    }
    let Some(anchor) = anchor else { return Ok(()) };
    let known = if path.is_empty() {
        anchors(own_text)
    } else {
        anchors(&std::fs::read_to_string(&file).map_err(|error| format!("{target}: {error}"))?)
    };
    if known.contains(anchor) { Ok(()) } else { Err(format!("the link {target} names no heading")) }
}

/// Headings as the usual Markdown sites turn them into anchors.
fn anchors(text: &str) -> BTreeSet<String> {
    blocks(text)
        .into_iter()
        .filter(|line| line.block.is_none() && line.text.starts_with('#'))
        .map(|line| {
            line.text
                .trim_start_matches('#')
                .trim()
                .to_lowercase()
                .chars()
                .filter(|letter| letter.is_alphanumeric() || matches!(letter, ' ' | '-' | '_'))
                .map(|letter| if letter == ' ' { '-' } else { letter })
                .collect()
        })
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn readme_opens_with_its_two_commands() {
        let good = format!("# T\n```sh\n{DEMO}\n# and then\n{TESTS}\n```\n```sh\ncargo xtask ci\n```\n");
        assert_eq!(readme_faults(&good), None);
        assert!(readme_faults(&good.replace(" --simulate", "")).is_some());
        assert!(readme_faults("# T\n").is_some());
    }

    #[test]
    fn command_nothing_runs_is_found() {
        let text = "```sh\nsinch-batch status\ncurl example.org\n```\n```console\n$ curl example.org\n```\n";
        let faults = command_faults(Path::new("docs/guide/x.md"), text);
        assert_eq!(faults.len(), 1, "{faults:?}");
        assert!(faults[0].starts_with("docs/guide/x.md:3: nothing runs `curl"), "{faults:?}");
    }

    #[test]
    fn links_are_found_outside_code() {
        let line = "See [a](one.md), [`b`](two.md#part \"title\") and `[c](three.md)`.";
        assert_eq!(links(line), ["one.md", "two.md#part"]);
    }

    #[test]
    fn dead_link_is_named_with_its_line() {
        let page = "# Top\n\n## Exit codes\n\n[in](#exit-codes) [out](#nothing)\n[file](no-such-file.md)\n";
        let faults = link_faults(&workspace::root(), Path::new("README.md"), page);
        assert_eq!(faults.len(), 2, "{faults:?}");
        assert!(faults[0].contains("README.md:5") && faults[0].contains("#nothing"), "{faults:?}");
        assert!(faults[1].contains("README.md:6") && faults[1].contains("leads nowhere"), "{faults:?}");
    }

    #[test]
    fn headings_become_anchors() {
        let known = anchors("## The way of the data\n### `check`: what is found\n```text\n# no heading\n```\n");
        assert_eq!(known.into_iter().collect::<Vec<_>>(), ["check-what-is-found", "the-way-of-the-data"]);
    }
}
