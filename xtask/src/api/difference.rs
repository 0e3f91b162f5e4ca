//! What changed between two listings: lines that went with `-`, lines that came with `+`.

use std::collections::BTreeSet;

/// The lines that are in one of both only, in order of their text so that a changed item stands
/// beside what it was.
pub(super) fn of(old: &str, new: &str) -> Vec<String> {
    let (old, new): (BTreeSet<&str>, BTreeSet<&str>) = (old.lines().collect(), new.lines().collect());
    let gone = old.difference(&new).map(|line| (*line, '-'));
    let come = new.difference(&old).map(|line| (*line, '+'));
    let mut lines: Vec<(&str, char)> = gone.chain(come).collect();
    lines.sort_unstable();
    lines.into_iter().map(|(line, sign)| format!("{sign} {line}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gone_and_new_lines_stand_side_by_side() {
        let told = of("fn a::b(u8)\nfn a::c()\nfn a::z()\n", "fn a::b(u16)\nfn a::c()\nfn a::d()\n");
        assert_eq!(told, ["+ fn a::b(u16)", "- fn a::b(u8)", "+ fn a::d()", "- fn a::z()"]);
        assert!(of("fn a::b()\n", "fn a::b()\n").is_empty());
    }
}
