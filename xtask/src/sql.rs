//! The SQL of the Postgres ledger: nothing in it that a pooler, or another engine that speaks the wire, cannot do.

use std::path::Path;

use anyhow::{Context, bail};

use crate::workspace;

/// Where our SQL is.
const FOLDER: &str = "crates/ledger/src/postgres";

/// Words that do not occur in it, and why.
const UNWRITTEN: &[(&str, &str)] = &[
    ("pg_advisory", "advisory locks are empty words in CockroachDB"),
    ("skip locked", "not reliable elsewhere; batches are claimed under the campaign's lock"),
    ("listen", "needs the session"),
    ("notify", "a commit that notifies takes a lock of the whole database"),
    ("trigger", "what a fact means is decided in one place"),
    ("plpgsql", "what a fact means is decided in one place"),
    ("function", "what a fact means is decided in one place"),
    ("do language", "what a fact means is decided in one place"),
    ("copy", "slower than unnest here, and needs temporary tables"),
    ("temp", "temporary tables need the session"),
    ("temporary", "temporary tables need the session"),
    ("unlogged", "lost in a crash"),
    ("xmin", "of one engine only"),
    ("deferrable", "not in every engine"),
    ("partition by", "not needed: rows are deleted by key"),
    ("partition of", "not needed: rows are deleted by key"),
    ("returning old", "Postgres 18 only"),
    ("returning new", "Postgres 18 only"),
    ("serializable", "the campaign's lock is enough"),
    ("search_path", "needs the session; the schema is in each statement"),
    ("set session", "needs the session"),
    ("prepare", "needs the session"),
    ("deallocate", "needs the session"),
    ("discard", "needs the session"),
    ("declare", "cursors need the session"),
];

/// What the code does not call.
const UNCALLED: &[&str] = &[".prepare", "simple_query", "copy_in", "copy_out", "notifications"];

/// Looks through all SQL.
///
/// # Errors
/// When something is in it that is not to be written; each place is named.
pub(crate) fn run() -> anyhow::Result<()> {
    let folder = workspace::root().join(FOLDER);
    let entries = std::fs::read_dir(&folder).with_context(|| format!("cannot list {FOLDER}"))?;
    let (mut n_files, mut faults) = (0, Vec::new());
    for entry in entries {
        let path = entry?.path();
        let text = std::fs::read_to_string(&path).with_context(|| format!("cannot read {}", path.display()))?;
        n_files += 1;
        faults.extend(faults_of(&path, &text));
    }
    if n_files == 0 {
        bail!("there is no SQL in {FOLDER}");
    }
    if faults.is_empty() {
        println!("{n_files} files of SQL: nothing that a pooler or another engine cannot do");
        return Ok(());
    }
    for fault in &faults {
        eprintln!("  {fault}");
    }
    bail!("{} faults in our SQL", faults.len());
}

fn faults_of(path: &Path, text: &str) -> Vec<String> {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let is_sql = path.extension().is_some_and(|extension| extension == "sql");
    let literals = if is_sql { vec![without_comments(text)] } else { literals(text) };
    let mut faults = Vec::new();
    for literal in literals {
        let words = words(&literal);
        for (unwritten, why) in UNWRITTEN {
            // A name may go on, such as that of a function.
            if words.contains(&format!(" {unwritten}")) && is_whole(&words, unwritten) {
                faults.push(format!("{name}: {unwritten}: {why}"));
            }
        }
    }
    if !is_sql {
        let called = UNCALLED.iter().filter(|call| code(text).contains(**call));
        faults.extend(called.map(|call| format!("{name}: {call} needs the session")));
    }
    faults
}

/// Whether a word stands alone, or is the beginning of a name such as `pg_advisory_lock`.
fn is_whole(words: &str, unwritten: &str) -> bool {
    words.contains(&format!(" {unwritten} ")) || (unwritten == "pg_advisory" && words.contains(" pg_advisory_"))
}

/// Lower-case words with one blank between and around them.
fn words(text: &str) -> String {
    let is_word = |c: char| c.is_alphanumeric() || c == '_';
    let words: Vec<String> =
        text.split(|c| !is_word(c)).filter(|word| !word.is_empty()).map(str::to_lowercase).collect();
    format!(" {} ", words.join(" "))
}

fn without_comments(sql: &str) -> String {
    sql.lines().map(|line| line.split("--").next().unwrap_or_default()).collect::<Vec<_>>().join("\n")
}

/// Rust without its comments.
fn code(text: &str) -> String {
    text.lines().filter(|line| !line.trim_start().starts_with("//")).collect::<Vec<_>>().join("\n")
}

/// The text literals that hold SQL: those with a keyword of it in capitals.
fn literals(text: &str) -> Vec<String> {
    const KEYWORDS: [&str; 9] = ["SELECT", "INSERT", "UPDATE", "DELETE", "BEGIN", "SET ", "CREATE", "WITH ", "LOCK"];
    let code = code(text);
    let mut found = Vec::new();
    let mut rest = code.chars();
    while rest.by_ref().any(|c| c == '"') {
        let mut literal = String::new();
        while let Some(c) = rest.next() {
            match c {
                '\\' => {
                    // A line that goes on, or a character.
                    rest.next();
                    literal.push(' ');
                }
                '"' => break,
                c => literal.push(c),
            }
        }
        found.push(literal);
    }
    found.retain(|literal| KEYWORDS.iter().any(|keyword| literal.contains(keyword)));
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn faults(name: &str, text: &str) -> usize {
        faults_of(Path::new(name), text).len()
    }

    #[test]
    fn sql_that_needs_a_session_is_found() {
        for (name, text) in [
            (
                "a.rs",
                r#"run("SELECT number FROM batch FOR UPDATE SKIP \
                 LOCKED")"#,
            ),
            ("a.rs", r#"run("SELECT pg_advisory_xact_lock(1)")"#),
            ("a.rs", r#"run("SET search_path = x")"#),
            ("a.rs", "client.prepare(sql)"),
            ("a.sql", "CREATE TEMPORARY TABLE x ()"),
            ("a.sql", "copy message from stdin"),
        ] {
            assert_eq!(faults(name, text), 1, "{text}");
        }
    }

    #[test]
    fn words_outside_of_strings_are_not_sql() {
        for (name, text) in [
            ("a.rs", "// no LISTEN, no COPY\nlet listen = 1;"),
            ("a.rs", r#"error("a copy of the ledger")"#),
            ("a.rs", r#"run("INSERT INTO message AS t SELECT 1 ON CONFLICT DO UPDATE SET n = t.n")"#),
            ("a.sql", "CREATE TABLE x (template text); -- no TRIGGER"),
        ] {
            assert_eq!(faults(name, text), 0, "{text}");
        }
    }
}
