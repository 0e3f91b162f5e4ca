//! A server of a test's own, from the binaries of this machine, on a socket in a temporary folder.

use std::io::{BufRead, BufReader};
use std::os::unix::fs::{MetadataExt, PermissionsExt, chown};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

/// Starts the server, says so, and stops it when the test process is gone, however that ended.
const KEEPER: &str = r#"
"$1"/pg_ctl -D "$2"/data -w -l "$2"/log -o "$3" start >/dev/null </dev/null || { cat "$2"/log >&2; exit 1; }
echo ready
read _
"$1"/pg_ctl -D "$2"/data -m immediate stop >/dev/null 2>&1 </dev/null
rm -rf "$2"
"#;

/// A server that lives as long as this.
#[derive(Debug)]
pub(crate) struct Server {
    binaries: PathBuf,
    folder: PathBuf,
    user: Option<(u32, u32)>,
    schemas: AtomicU32,
    /// The end of its input ends the server.
    keeper: Child,
}

/// The one server of this process; `None`, said once a test, if there are no binaries.
pub(crate) fn server() -> Option<&'static Server> {
    static SERVER: OnceLock<Option<Server>> = OnceLock::new();
    let server = SERVER.get_or_init(|| Some(Server::start(&binaries()?, None)));
    if server.is_none() {
        missing("postgres");
    }
    server.as_ref()
}

/// A server for one test alone, which may stop it.
pub(crate) fn own_server() -> Option<Server> {
    let Some(binaries) = binaries() else {
        missing("postgres");
        return None;
    };
    Some(Server::start(&binaries, None))
}

/// A server at that port of this machine, with a certificate and its key.
#[cfg(feature = "postgres-tls")]
pub(crate) fn own_server_with_tls(port: u16, pem: [&str; 2]) -> Option<Server> {
    let Some(binaries) = binaries() else {
        missing("postgres");
        return None;
    };
    Some(Server::start(&binaries, Some((port, pem))))
}

/// Says that a test did nothing; where it has to do something, that is a failure.
pub(crate) fn missing(program: &str) {
    let required = std::env::var("SINCH_TEST_PG").is_ok_and(|word| word == "require");
    assert!(!required, "SINCH_TEST_PG=require, and there is no {program}");
    let mut stderr = std::io::stderr();
    let _ = std::io::Write::write_fmt(&mut stderr, format_args!("not tested: there is no {program}\n"));
}

fn binaries() -> Option<PathBuf> {
    let named = std::env::var_os("SINCH_TEST_PG_BIN").map(PathBuf::from);
    let on_path = std::env::var_os("PATH").map(|path| std::env::split_paths(&path).collect::<Vec<_>>());
    let debian = std::fs::read_dir("/usr/lib/postgresql").ok();
    let mut debian: Vec<PathBuf> =
        debian.into_iter().flatten().filter_map(|entry| Some(entry.ok()?.path().join("bin"))).collect();
    debian.sort();
    let all = named.into_iter().chain(on_path.unwrap_or_default()).chain(debian.into_iter().rev());
    // A link on the path leads to where all of them are.
    let mut folders =
        all.into_iter().filter_map(|folder| Some(folder.join("initdb").canonicalize().ok()?.parent()?.to_owned()));
    folders.find(|folder| ["pg_ctl", "psql"].iter().all(|program| folder.join(program).is_file()))
}

/// Postgres does not run as root: then as somebody who owns nothing.
fn nobody(folder: &Path) -> Option<(u32, u32)> {
    if std::fs::metadata(folder).unwrap().uid() != 0 {
        return None;
    }
    let users = std::fs::read_to_string("/etc/passwd").unwrap();
    let find = |name: &str| {
        let fields: Vec<&str> = users.lines().find(|line| line.split(':').next() == Some(name))?.split(':').collect();
        Some((fields.get(2)?.parse().ok()?, fields.get(3)?.parse().ok()?))
    };
    Some(find("postgres").or_else(|| find("nobody")).expect("a user for the server"))
}

impl Server {
    fn start(binaries: &Path, tls: Option<(u16, [&str; 2])>) -> Self {
        let folder = tempfile::Builder::new().prefix("ledger").tempdir().unwrap().keep();
        let user = nobody(&folder);
        if let Some((uid, gid)) = user {
            chown(&folder, Some(uid), Some(gid)).unwrap();
        }
        // Whoever tests may come in, as a pooler of another user does.
        std::fs::set_permissions(&folder, std::fs::Permissions::from_mode(0o755)).unwrap();
        let mut initdb = as_user(binaries.join("initdb"), user);
        initdb.arg("-D").arg(folder.join("data")).args(["-U", "tester", "--auth=trust", "--no-sync", "-E", "UTF8"]);
        let made = initdb.current_dir(&folder).stdout(Stdio::null()).status().unwrap();
        assert!(made.success(), "initdb failed");
        let mut options = options(&folder);
        if let Some((port, pem)) = tls {
            for (name, text) in ["server.crt", "server.key"].iter().zip(pem) {
                let file = folder.join("data").join(name);
                std::fs::write(&file, text).unwrap();
                std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o600)).unwrap();
                if let Some((uid, gid)) = user {
                    chown(&file, Some(uid), Some(gid)).unwrap();
                }
            }
            options = format!("{options} -c ssl=on -c listen_addresses=127.0.0.1 -c port={port}");
        }
        let mut keeper = as_user("sh", user);
        keeper.args(["-c", KEEPER, "sh"]).arg(binaries).arg(&folder).arg(options);
        keeper.current_dir(&folder).process_group(0).stdin(Stdio::piped()).stdout(Stdio::piped());
        let mut keeper = keeper.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(keeper.stdout.take().unwrap()).read_line(&mut line).unwrap();
        assert_eq!(line, "ready\n", "the server did not start");
        Self { binaries: binaries.to_owned(), folder, user, schemas: AtomicU32::new(0), keeper }
    }

    /// Where the sockets are.
    pub(crate) fn folder(&self) -> &Path {
        &self.folder
    }

    pub(crate) fn user(&self) -> Option<(u32, u32)> {
        self.user
    }

    /// A schema that nobody else has, on the socket of that port.
    pub(crate) fn schema_at(&self, port: u16) -> String {
        let number = self.schemas.fetch_add(1, Ordering::Relaxed);
        let folder = self.folder.to_str().unwrap();
        format!("postgres://tester@/postgres?host={folder}&port={port}&schema=test_{number}")
    }

    pub(crate) fn schema(&self) -> String {
        self.schema_at(5432)
    }

    /// Runs SQL as an administrator would.
    pub(crate) fn psql(&self, sql: &str) -> String {
        self.psql_at(5432, sql)
    }

    pub(crate) fn psql_at(&self, port: u16, sql: &str) -> String {
        let mut psql = Command::new(self.binaries.join("psql"));
        psql.arg("-h").arg(&self.folder).args(["-U", "tester", "-d", "postgres", "-X", "-q", "-A", "-t", "-c", sql]);
        psql.args(["-v", "ON_ERROR_STOP=1", "-p", &port.to_string()]);
        let output = psql.output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }

    /// As if the machine had lost power, and started again.
    pub(crate) fn crash(&self) {
        self.lose_power();
        self.power_on();
    }

    /// It is away until it is started.
    pub(crate) fn lose_power(&self) {
        self.pg_ctl(&["-m", "immediate", "stop"]);
    }

    pub(crate) fn power_on(&self) {
        self.pg_ctl(&["-w", "start"]);
    }

    /// Starts as a standby that nobody sends anything, and only reads until it is promoted.
    pub(crate) fn power_on_as_standby(&self) {
        std::fs::write(self.folder.join("data/standby.signal"), "").unwrap();
        self.power_on();
    }

    pub(crate) fn promote(&self) {
        self.pg_ctl(&["-w", "promote"]);
    }

    fn pg_ctl(&self, arguments: &[&str]) {
        let mut pg_ctl = as_user(self.binaries.join("pg_ctl"), self.user);
        pg_ctl.arg("-D").arg(self.folder.join("data")).arg("-l").arg(self.folder.join("log"));
        pg_ctl.arg("-o").arg(options(&self.folder)).args(arguments);
        pg_ctl.current_dir(&self.folder).stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        assert!(pg_ctl.status().unwrap().success(), "pg_ctl {arguments:?}");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.keeper.stdin.take());
        let _ = self.keeper.wait();
    }
}

/// `fsync` stays as it is: a ledger refuses a server without.
fn options(folder: &Path) -> String {
    format!("-k {} -c listen_addresses= -c max_connections=200", folder.to_str().unwrap())
}

/// A command that runs as that user, and sees none of our sockets.
pub(crate) fn as_user(program: impl AsRef<std::ffi::OsStr>, user: Option<(u32, u32)>) -> Command {
    let mut command = Command::new(program);
    command.env("LC_ALL", "C");
    if let Some((uid, gid)) = user {
        command.uid(uid).gid(gid);
    }
    command
}
