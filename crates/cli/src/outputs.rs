//! The one rule for files that are written: they are new, and never a file that is read.

use std::fs::{self, File};
use std::io::Read;
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::exit;
use crate::fail::Failure;

/// Refuses an output that is one of the files that are read, by any name.
pub(crate) fn is_none_of<'a>(
    output: &Path,
    flag: &str,
    read: impl IntoIterator<Item = (&'a str, &'a Path)>,
) -> Result<(), Failure> {
    for (what, path) in read {
        if is_same(output, path) {
            return Err(Failure::new(
                exit::USAGE,
                format!("{} is the {what}, which would be overwritten; nothing was sent", output.display()),
            )
            .hint(format!("name a new file: {flag} FILE")));
        }
    }
    Ok(())
}

/// Whether two names are of one file: the same path, a link to it, or a second name of it.
fn is_same(one: &Path, other: &Path) -> bool {
    let absolute = |path: &Path| {
        path.canonicalize().ok().or_else(|| {
            // Of a file that is not there yet the folder is.
            let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
            Some(folder.canonicalize().ok()?.join(path.file_name()?))
        })
    };
    match (absolute(one), absolute(other)) {
        (Some(one), Some(other)) if one == other => true,
        _ => has_same_inode(one, other),
    }
}

#[cfg(unix)]
fn has_same_inode(one: &Path, other: &Path) -> bool {
    use std::os::unix::fs::MetadataExt;
    match (fs::metadata(one), fs::metadata(other)) {
        (Ok(one), Ok(other)) => one.is_file() && (one.dev(), one.ino()) == (other.dev(), other.ino()),
        _ => false,
    }
}

#[cfg(not(unix))]
fn has_same_inode(_: &Path, _: &Path) -> bool {
    false
}

/// Whether a file is there with other content than this.
pub(crate) fn has_other_content(path: &Path, content: &NamedTempFile) -> std::io::Result<bool> {
    let there = match fs::metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => return Ok(false),
        Err(error) => return Err(error),
    };
    if there.len() != content.as_file().metadata()?.len() {
        return Ok(true);
    }
    let (mut old, mut new) = (File::open(path)?, content.reopen()?);
    let (mut before, mut now) = ([0; 8192], [0; 8192]);
    loop {
        let count = old.read(&mut before)?;
        if count == 0 {
            return Ok(false);
        }
        new.read_exact(&mut now[..count])?;
        if before[..count] != now[..count] {
            return Ok(true);
        }
    }
}

/// The first name of its kind that no file has: `a.csv`, `a-2.csv`, `a-3.csv`…
pub(crate) fn free_name(path: &Path) -> PathBuf {
    let stem = path.file_stem().unwrap_or_default().to_string_lossy();
    let extension = path.extension().map_or_else(String::new, |extension| format!(".{}", extension.to_string_lossy()));
    std::iter::once(path.to_owned())
        .chain((2_u64..).map(|number| path.with_file_name(format!("{stem}-{number}{extension}"))))
        .find(|path| !path.exists())
        .unwrap_or_else(|| path.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_file_is_recognized_by_any_name() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("p.csv");
        fs::write(&file, "x").unwrap();
        let refused = |output: &Path| is_none_of(output, "--skipped-file", [("input", file.as_path())]).is_err();
        assert!(refused(&file) && refused(&folder.path().join(".").join("p.csv")));
        assert!(!refused(&folder.path().join("q.csv")));
        #[cfg(unix)]
        {
            std::os::unix::fs::symlink(&file, folder.path().join("link.csv")).unwrap();
            fs::hard_link(&file, folder.path().join("second.csv")).unwrap();
            assert!(refused(&folder.path().join("link.csv")) && refused(&folder.path().join("second.csv")));
        }
        assert_eq!(free_name(&file), folder.path().join("p-2.csv"));
    }
}
