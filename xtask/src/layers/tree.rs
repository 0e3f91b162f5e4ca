//! What a crate pulls in, asked of `cargo tree`: a manifest shows its own lines only.

use std::collections::BTreeSet;

use crate::workspace::{cargo, output};

/// A crate with some features, and what must not stand below it.
const WITHOUT: &[(&str, &[&str], &[&str])] = &[
    ("sinch-batch-models", &[], &["tokio", "http", "reqwest"]),
    ("sinch-batch-recipients", &["--no-default-features"], &["tokio", "http", "csv-core"]),
    ("sinch-batch-auth", &["--no-default-features"], TLS),
    ("sinch-batch-client", &["--no-default-features"], TLS),
    ("sinch-batch-webhook", &["--no-default-features"], &["axum", "axum-core", "hyper", "tokio"]),
    ("sinch-batch-tracking", &[], &["tokio", "http", "rusqlite"]),
    ("sinch-batch-pages", &[], &["tokio", "axum", "hyper", "http"]),
    ("sinch-batch-ledger", &["--no-default-features"], &["rusqlite", "libsqlite3-sys", "tokio-postgres", "rustls"]),
    ("sinch-batch-ledger", &["--features=postgres"], TLS),
    ("sinch-batch-campaign", &[], &["axum", "csv", "rusqlite", "rustls", "reqwest"]),
    ("sinch-batch-simulator", &[], &["rustls", "rusqlite"]),
];

const TLS: &[&str] = &["reqwest", "hyper", "rustls", "native-tls", "openssl", "aws-lc-sys", "ring"];

/// Every crate that pulls in what it must not.
pub(crate) fn breaches() -> anyhow::Result<Vec<String>> {
    let mut found = Vec::new();
    for (package, flags, unwanted) in WITHOUT {
        let below = below(package, flags)?;
        found.extend(unwanted_in(&below, unwanted).map(|name| {
            let flags = flags.join(" ");
            format!("{package} pulls in {name}: cargo tree -e normal -p {package} {flags} -i {name}")
        }));
    }
    let models = below("sinch-batch-models", &[])?;
    let tracking = below("sinch-batch-tracking", &[])?;
    found.extend(
        tracking
            .difference(&models)
            .filter(|name| *name != "sinch-batch-tracking")
            .map(|name| format!("sinch-batch-tracking pulls in {name}, which models does without")),
    );
    Ok(found)
}

fn below(package: &str, flags: &[&str]) -> anyhow::Result<BTreeSet<String>> {
    let tree = ["tree", "--edges", "normal", "--prefix", "none", "--format", "{p}", "--package", package];
    Ok(names(&output(cargo().args(tree).args(flags))?))
}

/// The first word of each line is a crate's name.
fn names(tree: &str) -> BTreeSet<String> {
    tree.lines().filter_map(|line| line.split_whitespace().next()).map(str::to_owned).collect()
}

fn unwanted_in<'a>(below: &'a BTreeSet<String>, unwanted: &'a [&'a str]) -> impl Iterator<Item = &'a str> {
    unwanted.iter().copied().filter(|name| below.contains(*name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn planted_crate_is_found_below() {
        let below =
            names("sinch-batch-client v0.1.0 (/w/crates/client)\nhttp v1.5.0\nrustls v0.23.1\nhttp v1.5.0 (*)\n");
        assert_eq!(unwanted_in(&below, TLS).collect::<Vec<_>>(), ["rustls"]);
        assert_eq!(unwanted_in(&below, &["tokio"]).count(), 0);
    }
}
