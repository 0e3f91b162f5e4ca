//! `doctor`: whether everything is set up to send.

use std::time::{Duration, Instant};

use serde::Serialize;
use sinch_batch::auth::{AuthErrorKind, TOKEN_URL, TokenSource};
use sinch_batch::client::{Client, ErrorKind, Region, RetryPolicy};
use sinch_batch::models::{BatchId, Timestamp};

use crate::args::{DoctorArgs, ServiceArgs};
use crate::environment::{self, Origin, is_quoted};
use crate::fail::{Failure, output, sentence};
use crate::output::{out, write_json_line};
use crate::receiver::SECRET;
use crate::service::{Service, hint_of_endpoint};
use crate::{exit, say};

/// A batch that nobody has: to ask for it shows whether the door opens.
const NO_BATCH: &str = "00000000000000000000000000";

/// How long one step may take; the doctor does not wait as long as a send would.
const PATIENCE: Duration = Duration::from_secs(10);

/// Up to here clocks may differ without anybody noticing; receivers take callbacks of five minutes.
const SKEW: (i64, i64) = (30, 240);

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum Verdict {
    Ok,
    Warn,
    Fail,
}

#[derive(Debug, Serialize)]
struct Finding {
    check: &'static str,
    result: Verdict,
    message: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    hint: Option<String>,
    /// What the command ends with if this fails.
    #[serde(skip)]
    code: u8,
}

impl Finding {
    fn ok(check: &'static str, message: impl Into<String>) -> Self {
        Self { check, result: Verdict::Ok, message: message.into(), hint: None, code: exit::OK }
    }

    fn warn(check: &'static str, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { result: Verdict::Warn, hint: Some(hint.into()), ..Self::ok(check, message) }
    }

    fn fail(check: &'static str, code: u8, message: impl Into<String>, hint: impl Into<String>) -> Self {
        Self { result: Verdict::Fail, code, ..Self::warn(check, message, hint) }
    }
}

#[derive(Serialize)]
struct Report<'a> {
    ok: bool,
    findings: &'a [Finding],
}

pub(crate) async fn run(args: DoctorArgs) -> Result<u8, Failure> {
    let findings = examine(&args.service).await;
    let failed: Vec<&Finding> = findings.iter().filter(|finding| finding.result == Verdict::Fail).collect();
    if args.json.json {
        write_json_line(&Report { ok: failed.is_empty(), findings: &findings })?;
    } else {
        out(findings.iter().map(line).collect::<String>().as_bytes()).map_err(output)?;
    }
    let Some(first) = failed.first() else { return Ok(exit::OK) };
    say!("error: {} of {} checks failed", failed.len(), findings.len());
    say!("hint: {}", first.hint.as_deref().unwrap_or("fix the first one and run it again"));
    Ok(first.code)
}

fn line(finding: &Finding) -> String {
    let Finding { check, result, message, hint, .. } = finding;
    let result = match result {
        Verdict::Ok => "ok  ",
        Verdict::Warn => "warn",
        Verdict::Fail => "fail",
    };
    let hint = hint.as_ref().map_or_else(String::new, |hint| format!("; {hint}"));
    format!("{result}  {check:<12} {message}{hint}\n")
}

async fn examine(args: &ServiceArgs) -> Vec<Finding> {
    let mut findings = Vec::new();
    let env = environment::var;
    let key = [
        ("SINCH_PROJECT_ID", args.project.clone()),
        ("SINCH_KEY_ID", env("SINCH_KEY_ID")),
        ("SINCH_KEY_SECRET", env("SINCH_KEY_SECRET")),
    ];
    let missing: Vec<&str> =
        key.iter().filter(|(_, value)| is_blank(value.as_deref())).map(|(name, _)| *name).collect();
    findings.push(if missing.is_empty() {
        let origins = from(&["SINCH_PROJECT_ID", "SINCH_KEY_ID", "SINCH_KEY_SECRET"]);
        Finding::ok("credentials", format!("project, key id and key secret are set{origins}"))
    } else {
        let hint = "make an access key in the Sinch dashboard and export its parts";
        Finding::fail("credentials", exit::BAD_CREDENTIALS, format!("not set: {}", missing.join(", ")), hint)
    });
    findings.push(app(args.app.as_deref()));
    findings.push(place(args));
    let able = findings.iter().all(|finding| finding.result != Verdict::Fail);
    match Service::read(args) {
        Ok(service) if able => ask(args, &service, &mut findings).await,
        _ => findings.extend(["token", "reach", "clock"].map(not_tried)),
    }
    findings.extend(quoted());
    findings.push(if is_blank(env(SECRET).as_deref()) {
        let hint = format!("export {SECRET} before you run sinch-batch listen");
        Finding::warn("webhook", format!("{SECRET} is not set, so no callback can be received here"), hint)
    } else {
        Finding::ok("webhook", format!("{SECRET} is set{}", from(&[SECRET])))
    });
    findings
}

/// Values in quotes: most likely nothing has taken the quotes from them.
fn quoted() -> Vec<Finding> {
    let quoted = ENVIRONMENT.iter().filter(|name| environment::var(name).is_some_and(|value| is_quoted(&value)));
    let found = quoted.filter_map(|name| Some((name, environment::origin(name)?)));
    found
        .filter(|(_, origin)| !matches!(origin, Origin::Flag(_)))
        .map(|(name, origin)| {
            let hint = "take the quotes away: a shell removes them, Docker's --env-file does not";
            Finding::warn("quotes", format!("the value of {name} has quotes around it ({origin})"), hint)
        })
        .collect()
}

/// Where values come from, each origin once: `from the environment; SINCH_KEY_ID from .env, line 2`.
fn from(names: &[&str]) -> String {
    let mut origins: Vec<(String, Vec<&str>)> = Vec::new();
    for (name, origin) in names.iter().filter_map(|name| Some((*name, environment::origin(name)?.to_string()))) {
        match origins.iter_mut().find(|(known, _)| *known == origin) {
            Some((_, names)) => names.push(name),
            None => origins.push((origin, vec![name])),
        }
    }
    match origins.as_slice() {
        [] => String::new(),
        [(origin, _)] => format!(" (from {origin})"),
        several => {
            let several: Vec<String> =
                several.iter().map(|(origin, names)| format!("{} from {origin}", names.join(" and "))).collect();
            format!(" ({})", several.join("; "))
        }
    }
}

/// Every variable that is read.
const ENVIRONMENT: [&str; 12] = [
    "SINCH_PROJECT_ID",
    "SINCH_KEY_ID",
    "SINCH_KEY_SECRET",
    "SINCH_APP_ID",
    "SINCH_REGION",
    "SINCH_BATCH_BASE_URL",
    "SINCH_AUTH_URL",
    "SINCH_WEBHOOK_SECRET",
    "SINCH_WEBHOOK_SECRETS",
    "SINCH_WEBHOOK_FORWARD_SECRET",
    "SINCH_BATCH_LEDGER",
    "SINCH_BATCH_LOG",
];

fn not_tried(check: &'static str) -> Finding {
    Finding::warn(check, "not tried", "fix what failed above first")
}

/// What our own preparations failed with.
fn of_failure(check: &'static str, failure: &Failure) -> Finding {
    let hint = failure.hint_text().unwrap_or("check the environment");
    Finding::fail(check, failure.code(), failure.sentence(), hint)
}

fn is_blank(value: Option<&str>) -> bool {
    value.is_none_or(|value| value.trim().is_empty())
}

fn app(app: Option<&str>) -> Finding {
    let hint = "export SINCH_APP_ID: the id of the app in the Sinch dashboard, a ULID";
    match app.map(str::trim) {
        None | Some("") => Finding::warn("app", "SINCH_APP_ID is not set, which sending needs", hint),
        Some(app) if app.len() != 26 || !app.bytes().all(|byte| byte.is_ascii_alphanumeric()) => {
            Finding::warn("app", "SINCH_APP_ID is not a ULID, which has 26 letters and digits", hint)
        }
        Some(_) => Finding::ok("app", format!("SINCH_APP_ID is set and looks like one{}", from(&["SINCH_APP_ID"]))),
    }
}

/// Where the service is.
fn place(args: &ServiceArgs) -> Finding {
    let url = args.base_url.as_deref().filter(|url| !url.is_empty());
    match (url, args.region.as_deref()) {
        (Some(url), _) if !is_service_url(url) => Finding::fail(
            "service",
            exit::USAGE,
            format!("the base URL is not a URL of a service{}", from(&["SINCH_BATCH_BASE_URL"])),
            "write it such as https://eu.example.com, or leave it out and export SINCH_REGION",
        ),
        (Some(url), _) => Finding::ok(
            "service",
            format!("{} (a base URL, not a region's host){}", host(url), from(&["SINCH_BATCH_BASE_URL"])),
        ),
        (None, None | Some("")) => Finding::fail(
            "service",
            exit::USAGE,
            "neither SINCH_REGION nor a base URL is set",
            "export SINCH_REGION: us, eu or br, where the app was made",
        ),
        (None, Some(region)) => match region.parse::<Region>() {
            Ok(region) => Finding::ok("service", format!("{}{}", host(region.base_url()), from(&["SINCH_REGION"]))),
            Err(error) => Finding::fail(
                "service",
                exit::USAGE,
                sentence(&error),
                "export SINCH_REGION: us, eu or br, where the app was made",
            ),
        },
    }
}

fn is_service_url(url: &str) -> bool {
    url::Url::parse(url).is_ok_and(|url| matches!(url.scheme(), "http" | "https") && url.has_host())
}

/// Of a URL, what may be shown: neither a user nor a query.
fn host(url: &str) -> String {
    url::Url::parse(url).map_or_else(
        |_| "something that is not a URL".to_owned(),
        |url| {
            url.host_str().map_or_else(
                || "a URL without a host".to_owned(),
                |host| match url.port() {
                    Some(port) => format!("{host}:{port}"),
                    None => host.to_owned(),
                },
            )
        },
    )
}

/// What only the network can tell.
async fn ask(args: &ServiceArgs, service: &Service, findings: &mut Vec<Finding>) {
    let tokens = match service.tokens() {
        Ok(tokens) => tokens,
        Err(failure) => {
            findings.push(of_failure("token", &failure));
            return findings.extend(["reach", "clock"].map(not_tried));
        }
    };
    let client = match service.client(tokens.clone()) {
        Ok(client) => client,
        Err(failure) => {
            findings.retain(|finding| finding.check != "service");
            findings.push(of_failure("service", &failure));
            return findings.extend(["token", "reach", "clock"].map(not_tried));
        }
    };
    let patience = PATIENCE.min(service.timeout);
    let began = Instant::now();
    let at = host(args.auth_url.as_deref().unwrap_or(TOKEN_URL));
    let token = match tokio::time::timeout(patience, tokens.token()).await {
        Ok(Ok(_)) => Finding::ok(
            "token",
            format!("{at} gave one in {} ms{}", began.elapsed().as_millis(), from(&["SINCH_AUTH_URL"])),
        ),
        Ok(Err(error)) if *error.kind() == AuthErrorKind::Refused => Finding::fail(
            "token",
            exit::BAD_CREDENTIALS,
            format!("{at}: {}", sentence(&error)),
            "check SINCH_KEY_ID and SINCH_KEY_SECRET: the pair must belong together and be enabled",
        ),
        Ok(Err(error)) => Finding::fail(
            "token",
            exit::SERVICE,
            format!("{at}: {}", sentence(&error)),
            hint_of_endpoint(&error, "check the network, a proxy in HTTPS_PROXY, and SINCH_AUTH_URL if it is set"),
        ),
        Err(_) => Finding::fail(
            "token",
            exit::SERVICE,
            format!("{at} did not answer in {} s", patience.as_secs()),
            "check the network, a proxy in HTTPS_PROXY, and SINCH_AUTH_URL if it is set",
        ),
    };
    let has_token = token.result == Verdict::Ok;
    findings.push(token);
    if !has_token {
        return findings.extend(["reach", "clock"].map(not_tried));
    }
    let client = client.with_retry(RetryPolicy::none()).with_attempt_timeout(patience).with_timeout(patience);
    let before = Timestamp::now();
    let (reach, date) = reach(&client).await;
    // The service wrote its time somewhere between the two.
    let clock = match date {
        Some(date) => clock(date, (before, Timestamp::now())),
        None => {
            Finding::warn("clock", "there was no answer that tells the time", "compare this machine's clock by hand")
        }
    };
    findings.extend([reach, clock]);
}

/// Asks for a batch that is not there, and the time by the service's clock.
async fn reach(client: &Client) -> (Finding, Option<Timestamp>) {
    let began = Instant::now();
    let asked = client.batch_status(&BatchId::new(NO_BATCH)).await;
    let took = began.elapsed().as_millis();
    let error = match asked {
        Ok(answer) => return (Finding::ok("reach", format!("the Batch API answered in {took} ms")), answer.date),
        Err(error) => error,
    };
    let finding = match error.kind() {
        ErrorKind::Api { status: 404, body } if body.status == "NOT_FOUND" || body.code == Some(404) => {
            Finding::ok("reach", format!("the Batch API knows no made-up batch, as it should, in {took} ms"))
        }
        ErrorKind::Api { status: 404, .. } => Finding::fail(
            "reach",
            exit::SERVICE,
            "what answers there is not the Batch API: a 404 without its error object",
            "check SINCH_REGION, or SINCH_BATCH_BASE_URL if it is set",
        ),
        _ if error.is_credentials() => Finding::fail(
            "reach",
            exit::BAD_CREDENTIALS,
            sentence(&error),
            "check that the key has access to SINCH_PROJECT_ID, and that the project may use the Batch API",
        ),
        _ if error.is_credit_limit() => {
            Finding::fail("reach", exit::SERVICE, sentence(&error), "settle the balance in the Sinch dashboard")
        }
        _ if error.is_rate_limited() => {
            Finding::warn("reach", sentence(&error), "the door works, and others are in it: try again later")
        }
        _ if error.is_server_fault() => Finding::fail("reach", exit::SERVICE, sentence(&error), "try again later"),
        _ => Finding::fail(
            "reach",
            exit::SERVICE,
            sentence(&error),
            "check the network, a proxy in HTTPS_PROXY, and SINCH_BATCH_BASE_URL if it is set",
        ),
    };
    (finding, error.date())
}

/// How far the clocks are apart. `Date` has whole seconds, and was written between two moments of ours.
fn clock(date: Timestamp, (before, after): (Timestamp, Timestamp)) -> Finding {
    let ahead = before.as_second() - (date.as_second() + 1);
    let behind = date.as_second() - after.as_second();
    let (skew, side) = if ahead > 0 { (ahead, "ahead of") } else { (behind.max(0), "behind") };
    let (fine, most) = SKEW;
    let message = format!("this machine's clock is {skew} s {side} the service's");
    let hint = "set the clock, or let it be kept by NTP: signatures of callbacks are held against it";
    match skew {
        0 => Finding::ok("clock", "this machine and the service have the same time"),
        skew if skew <= fine => Finding::ok("clock", message),
        skew if skew <= most => Finding::warn("clock", message, hint),
        _ => Finding::fail("clock", exit::USAGE, message, hint),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn clocks_are_compared_as_well_as_whole_seconds_allow() {
        let at = |second| Timestamp::from_second(second).unwrap();
        for (date, before, after, verdict, said) in [
            (100, 100, 100, Verdict::Ok, "same time"),
            (100, 101, 103, Verdict::Ok, "same time"),
            (103, 101, 103, Verdict::Ok, "same time"),
            (100, 120, 121, Verdict::Ok, "19 s ahead of"),
            (200, 100, 101, Verdict::Warn, "99 s behind"),
            (1000, 100, 101, Verdict::Fail, "899 s behind"),
            (100, 1000, 1001, Verdict::Fail, "899 s ahead of"),
        ] {
            let finding = clock(at(date), (at(before), at(after)));
            assert_eq!(finding.result, verdict, "{finding:?}");
            assert!(finding.message.contains(said), "{finding:?}");
        }
    }

    #[test]
    fn of_a_url_only_the_host_is_shown() {
        assert_eq!(host("https://user:secret@eu.example:8443/path?token=1"), "eu.example:8443");
        assert_eq!(host("eu.example"), "something that is not a URL");
    }
}
