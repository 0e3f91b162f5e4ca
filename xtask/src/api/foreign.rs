//! Types of others in our API, against the table in `docs/stability.md`.

use std::collections::BTreeSet;

use anyhow::bail;

const BEGIN: &str = "<!-- foreign: begin -->";
const END: &str = "<!-- foreign: end -->";

/// One line of the table: `http::*` or one path, and the crates of ours that may show it.
#[derive(Debug)]
pub(super) struct Allowed {
    pattern: String,
    crates: BTreeSet<String>,
}

impl Allowed {
    fn covers(&self, path: &str) -> bool {
        match self.pattern.strip_suffix('*') {
            Some(start) => path.starts_with(start),
            None => path == self.pattern,
        }
    }
}

/// Reads the table.
///
/// # Errors
/// When it is not there, or a line of it cannot be read.
pub(super) fn read(page: &str) -> anyhow::Result<Vec<Allowed>> {
    let Some((_, rest)) = page.split_once(BEGIN) else { bail!("there is no table after {BEGIN}") };
    let Some((table, _)) = rest.split_once(END) else { bail!("no {END} ends the table") };
    let mut allowed = Vec::new();
    for line in table.lines().filter(|line| line.starts_with("| `")) {
        let cells: Vec<&str> = line.split('|').map(str::trim).collect();
        let [_, pattern, crates, _reason, _] = cells.as_slice() else { bail!("a line without three cells: {line}") };
        let names = |cell: &str| -> Vec<String> { cell.split('`').skip(1).step_by(2).map(str::to_owned).collect() };
        let [pattern] =
            <[String; 1]>::try_from(names(pattern)).map_err(|_| anyhow::anyhow!("not one pattern: {line}"))?;
        // A crate that is re-exported stands there by its name alone.
        let is_crate = pattern.chars().all(|letter| letter.is_ascii_lowercase() || letter == '_');
        if !is_crate && !pattern.contains("::") {
            bail!("{pattern} is neither a path, nor a crate, nor of the kind CRATE::*");
        }
        allowed.push(Allowed { pattern, crates: names(crates).into_iter().collect() });
    }
    Ok(allowed)
}

/// Types that no line covers, and lines nobody needs.
pub(super) fn faults(allowed: &[Allowed], found: &[(String, String)]) -> Vec<String> {
    // Our own crates are released in one version: they are not foreign to each other.
    let found: Vec<&(String, String)> = found.iter().filter(|(_, path)| !path.starts_with("sinch_batch")).collect();
    let covered = |line: &Allowed, of: &str, path: &str| line.crates.contains(of) && line.covers(path);
    let mut faults: Vec<String> = found
        .iter()
        .filter(|(of, path)| !allowed.iter().any(|line| covered(line, of, path)))
        .map(|(of, path)| format!("{of} shows {path} in its API, and the table does not allow it"))
        .collect();
    for line in allowed {
        for of in &line.crates {
            if !found.iter().any(|(crate_, path)| crate_ == of && line.covers(path)) {
                faults.push(format!("the table lets {of} show {}, and it does not", line.pattern));
            }
        }
    }
    faults
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "text\n<!-- foreign: begin -->\n| Types | In | Why |\n| --- | --- | --- |\n\
        | `http::*` | `auth`, `client` | the word |\n| `url::Url` | `client` | the address |\n<!-- foreign: end -->\n";

    fn found(pairs: &[(&str, &str)]) -> Vec<(String, String)> {
        pairs.iter().map(|(of, path)| ((*of).to_owned(), (*path).to_owned())).collect()
    }

    #[test]
    fn what_the_table_covers_passes() -> anyhow::Result<()> {
        let seen =
            [("auth", "http::A"), ("client", "http::b::C"), ("client", "url::Url"), ("auth", "sinch_batch_models::X")];
        assert_eq!(faults(&read(PAGE)?, &found(&seen)), Vec::<String>::new());
        Ok(())
    }

    #[test]
    fn foreign_types_and_unused_lines_are_named() -> anyhow::Result<()> {
        let seen = [("auth", "http::A"), ("client", "http::b::C"), ("auth", "url::Url"), ("client", "url::Urls")];
        let told = faults(&read(PAGE)?, &found(&seen));
        assert_eq!(
            told,
            [
                "auth shows url::Url in its API, and the table does not allow it",
                "client shows url::Urls in its API, and the table does not allow it",
                "the table lets client show url::Url, and it does not",
            ]
        );
        Ok(())
    }

    #[test]
    fn page_without_the_table_is_refused() {
        assert!(read("no table").is_err());
        assert!(read(&PAGE.replace("http::*", "Http")).is_err());
    }
}
