//! `sign`: the headers that go with a body.

use std::collections::BTreeMap;
use std::fmt::Write;
use std::io::Read;
use std::path::Path;

use sinch_batch::models::Timestamp;

use crate::args::SignArgs;
use crate::fail::{Failure, output};
use crate::output::{out, write_json_line};
use crate::receiver::all_secrets;
use crate::{exit, samples};

pub(crate) fn run(args: &SignArgs) -> Result<u8, Failure> {
    let secrets = all_secrets(&args.secrets)?;
    let body = read(&args.file)?;
    let now = Timestamp::now();
    let nonce = args.nonce.clone().unwrap_or_else(|| samples::fresh_id(now));
    let second = args.timestamp.unwrap_or_else(|| now.as_second());
    let verifier = crate::receiver::verifier(secrets)?;
    let signature = verifier.sign(&body, &nonce, second);
    let headers = signature.headers();
    if args.json.json {
        let headers: BTreeMap<&str, &str> = headers.iter().map(|(name, value)| (name.as_str(), *value)).collect();
        write_json_line(&headers)?;
    } else {
        let mut lines = String::new();
        for (name, value) in headers {
            // Writing to a string cannot fail.
            let _ = writeln!(lines, "{name}: {value}");
        }
        out(lines.as_bytes()).map_err(output)?;
    }
    Ok(exit::OK)
}

fn read(path: &Path) -> Result<Vec<u8>, Failure> {
    let mut body = Vec::new();
    let read = if path == Path::new("-") {
        std::io::stdin().lock().read_to_end(&mut body)
    } else {
        std::fs::File::open(path).and_then(|mut file| file.read_to_end(&mut body))
    };
    let sentence = || format!("the body {} cannot be read", path.display());
    read.map_err(|error| {
        Failure::because(exit::BAD_INPUT, sentence(), &error).hint("name a file, or `-` for standard input")
    })?;
    Ok(body)
}
