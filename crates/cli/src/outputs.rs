//! The one rule for files that are written.
//!
//! A file appears whole or not at all: it is written beside its place and gets its name at the end. It is never a file
//! that is read, and takes the place of a file with other content only if that was asked for. What holds personal data
//! can be read by its user only. Pipes and devices are written to as they are, and `-` is standard output.

use std::fs::{self, File, OpenOptions};
use std::io::{self, ErrorKind, Read, Write};
use std::path::{Path, PathBuf};

use tempfile::NamedTempFile;

use crate::exit;
use crate::fail::Failure;
use crate::output::Stdout;

/// A file that somebody wants to have.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Wanted<'a> {
    pub(crate) path: &'a Path,
    /// The flag that names it.
    pub(crate) flag: &'static str,
    /// What is in it, such as "the report".
    pub(crate) what: &'static str,
    /// Whether people are in it.
    pub(crate) is_personal: bool,
    pub(crate) existing: Existing,
}

/// What happens if a file of that name is there already, with other content.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Existing {
    /// It stays, and the command fails; the hint is what to type.
    Refuse(&'static str),
    /// It is replaced: that was asked for.
    Replace,
    /// It stays, and the new one gets the next free name.
    Number,
}

/// A file that is being written.
#[derive(Debug)]
pub(crate) struct NewFile {
    path: PathBuf,
    flag: &'static str,
    what: &'static str,
    existing: Existing,
    sink: Sink,
}

#[derive(Debug)]
enum Sink {
    /// A file that gets its name at the end.
    Beside(NamedTempFile),
    /// A pipe or a device.
    Stream(File),
    Stdout,
}

impl NewFile {
    /// Begins a file; what is there under its name stays as it is.
    pub(crate) fn begin(wanted: &Wanted<'_>) -> Result<Self, Failure> {
        let Wanted { path, flag, what, is_personal, existing } = *wanted;
        let new = |path: &Path, sink| Self { path: path.to_owned(), flag, what, existing, sink };
        if is_dash(path) {
            return Ok(new(path, Sink::Stdout));
        }
        if path.is_dir() {
            return Err(Failure::new(exit::USAGE, format!("{} is a folder", path.display()))
                .hint(format!("name a file in it: {flag} FILE")));
        }
        let failed = |error: &io::Error| cannot_write(path, flag, what, error);
        if path.exists() && !path.is_file() {
            let stream = OpenOptions::new().write(true).open(path).map_err(|error| failed(&error))?;
            return Ok(new(path, Sink::Stream(stream)));
        }
        // What a link leads to is replaced, not the link.
        let place = match existing {
            Existing::Replace => path.canonicalize().unwrap_or_else(|_| path.to_owned()),
            Existing::Refuse(_) | Existing::Number => path.to_owned(),
        };
        // The error would name the temporary file, which nobody asked for.
        let file = beside(&place, is_personal).map_err(|error| failed(&without_path(&error)))?;
        Ok(new(&place, Sink::Beside(file)))
    }

    /// Takes the name that it will have: after this it is known which.
    pub(crate) fn settle(&mut self) -> Result<&Path, Failure> {
        self.flush().map_err(|error| self.failed(&error))?;
        if let Sink::Beside(file) = &self.sink {
            file.as_file().sync_all().map_err(|error| self.failed(&error))?;
            if self.existing != Existing::Replace
                && has_other_content(&self.path, file).map_err(|error| self.failed(&error))?
            {
                match self.existing {
                    Existing::Refuse(hint) => return Err(self.is_there(hint)),
                    Existing::Number => self.path = free_name(&self.path),
                    Existing::Replace => {}
                }
            }
        }
        Ok(&self.path)
    }

    /// Gives the file its name.
    pub(crate) fn keep(mut self) -> Result<(), Failure> {
        self.settle()?;
        let Self { path, flag, what, existing, sink } = self;
        let Sink::Beside(file) = sink else { return Ok(()) };
        let persisted = match existing {
            Existing::Replace => file.persist(&path),
            Existing::Refuse(_) | Existing::Number => file.persist_noclobber(&path),
        };
        match persisted {
            Ok(_) => Ok(()),
            // `settle` has compared it: it is the same.
            Err(error) if error.error.kind() == ErrorKind::AlreadyExists && path.is_file() => {
                match has_other_content(&path, &error.file) {
                    Ok(false) => Ok(()),
                    Ok(true) => Err(is_there(&path, &format!("name a new file: {flag} FILE"))),
                    Err(error) => Err(cannot_write(&path, flag, what, &error)),
                }
            }
            Err(error) => Err(cannot_write(&path, flag, what, &error.error)),
        }
    }

    /// The failure for an error while it was written.
    pub(crate) fn failed(&self, error: &io::Error) -> Failure {
        match self.sink {
            Sink::Stdout => crate::fail::output(error.kind().into()),
            Sink::Beside(_) | Sink::Stream(_) => cannot_write(&self.path, self.flag, self.what, error),
        }
    }

    fn is_there(&self, hint: &str) -> Failure {
        is_there(&self.path, hint)
    }
}

impl Write for NewFile {
    fn write(&mut self, data: &[u8]) -> io::Result<usize> {
        match &mut self.sink {
            Sink::Beside(file) => file.write(data),
            Sink::Stream(file) => file.write(data),
            Sink::Stdout => Stdout.write(data),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match &mut self.sink {
            Sink::Beside(file) => file.flush(),
            Sink::Stream(file) => file.flush(),
            Sink::Stdout => Stdout.flush(),
        }
    }
}

/// A temporary file in the folder of its place.
fn beside(place: &Path, is_personal: bool) -> io::Result<NamedTempFile> {
    let folder = place.parent().filter(|folder| !folder.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut builder = tempfile::Builder::new();
    // A temporary file is closed to others; what nobody is in is as any new file of this user.
    #[cfg(unix)]
    if !is_personal {
        builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    }
    builder.tempfile_in(folder)
}

/// The error of the system, without the name of a temporary file around it.
fn without_path(error: &io::Error) -> io::Error {
    let inner = std::error::Error::source(error).and_then(|error| error.downcast_ref::<io::Error>()).unwrap_or(error);
    inner.raw_os_error().map_or_else(|| error.kind().into(), io::Error::from_raw_os_error)
}

fn is_there(path: &Path, hint: &str) -> Failure {
    Failure::new(exit::USAGE, format!("{} is there already with other content, and stays", path.display())).hint(hint)
}

fn cannot_write(path: &Path, flag: &str, what: &str, error: &io::Error) -> Failure {
    Failure::because(exit::UNEXPECTED, format!("{what} {} cannot be written", path.display()), error)
        .hint(format!("check that its folder is there and can be written, or name another: {flag} FILE"))
}

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
                format!("{} is the {what}, which would be overwritten", output.display()),
            )
            .hint(format!("name a new file: {flag} FILE")));
        }
    }
    Ok(())
}

/// The name that stands for standard output.
pub(crate) fn is_dash(path: &Path) -> bool {
    path == Path::new("-")
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
fn has_other_content(path: &Path, content: &NamedTempFile) -> io::Result<bool> {
    let there = match fs::metadata(path) {
        Ok(metadata) => metadata,
        Err(error) if error.kind() == ErrorKind::NotFound => return Ok(false),
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
fn free_name(path: &Path) -> PathBuf {
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

    fn wanted(path: &Path, existing: Existing) -> Wanted<'_> {
        Wanted { path, flag: "--output", what: "the report", is_personal: true, existing }
    }

    #[test]
    fn existing_file_stays_unless_it_is_to_be_replaced() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("r.csv");
        let write = |text: &str, existing| {
            let mut file = NewFile::begin(&wanted(&place, existing))?;
            file.write_all(text.as_bytes()).unwrap();
            let path = file.settle()?.to_owned();
            file.keep()?;
            Ok::<_, Failure>(path)
        };
        let refuse = Existing::Refuse("name a new file");
        assert_eq!(write("one", refuse).unwrap(), place);
        assert_eq!(write("one", refuse).unwrap(), place, "the same content is no loss");
        assert_eq!(write("two", refuse).unwrap_err().code(), exit::USAGE);
        assert_eq!(fs::read_to_string(&place).unwrap(), "one");
        assert_eq!(write("two", Existing::Number).unwrap(), folder.path().join("r-2.csv"));
        assert_eq!(fs::read_to_string(&place).unwrap(), "one");
        write("three", Existing::Replace).unwrap();
        assert_eq!(fs::read_to_string(&place).unwrap(), "three");
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 2, "nothing temporary is left");
    }

    #[test]
    fn file_that_is_not_finished_never_appears() {
        let folder = tempfile::tempdir().unwrap();
        let place = folder.path().join("r.csv");
        let mut file = NewFile::begin(&wanted(&place, Existing::Replace)).unwrap();
        file.write_all(b"half").unwrap();
        drop(file);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[cfg(unix)]
    #[test]
    fn personal_data_is_for_its_user_only_and_a_link_stays_a_link() {
        use std::os::unix::fs::PermissionsExt;
        let folder = tempfile::tempdir().unwrap();
        let (place, link) = (folder.path().join("r.csv"), folder.path().join("link.csv"));
        fs::write(&place, "old").unwrap();
        std::os::unix::fs::symlink(&place, &link).unwrap();
        let mut file = NewFile::begin(&wanted(&link, Existing::Replace)).unwrap();
        file.write_all(b"new").unwrap();
        file.keep().unwrap();
        assert!(fs::symlink_metadata(&link).unwrap().is_symlink());
        assert_eq!(fs::read_to_string(&place).unwrap(), "new");
        assert_eq!(fs::metadata(&place).unwrap().permissions().mode() & 0o777, 0o600);
    }
}
