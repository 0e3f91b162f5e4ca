//! The service to talk to, from flags and environment.

use std::sync::Arc;
use std::time::Duration;

use sinch_batch::auth::{
    AuthError, AuthErrorKind, ClientCredentials, KeyId, KeySecret, TOKEN_URL, TokenCache, TokenSource,
};
use sinch_batch::client::{Client, Disposition, Error, Region};
use sinch_batch::models::{AppId, ProjectId};

use crate::args::ServiceArgs;
use crate::fail::{Failure, call_sentence};
use crate::{environment, exit};

/// Where to send, as whom.
pub(crate) struct Service {
    pub(crate) base_url: String,
    pub(crate) auth_url: String,
    /// The one host to which plain http is meant.
    pub(crate) insecure_host: Option<String>,
    pub(crate) project_id: String,
    pub(crate) key_id: String,
    pub(crate) key_secret: String,
    pub(crate) timeout: Duration,
    /// How long a campaign waits before it sends a batch again: nothing may be on its way for longer.
    pub(crate) resend_after: Option<Duration>,
}

impl Service {
    /// Reads flags and environment; says what is missing.
    pub(crate) fn read(args: &ServiceArgs) -> Result<Self, Failure> {
        let base_url = match (&args.base_url, &args.region) {
            (Some(url), _) => url.clone(),
            (None, Some(region)) => match region.parse::<Region>() {
                Ok(region) => region.base_url().to_owned(),
                Err(error) => {
                    return Err(Failure::because(exit::USAGE, "SINCH_REGION (or --region) is wrong", &error)
                        .hint("use the region in which the app was made: us, eu or br"));
                }
            },
            (None, None) => {
                return Err(Failure::new(exit::USAGE, "no region is given: set SINCH_REGION to us, eu or br")
                    .hint("try locally, without an account: sinch-batch send FILE --message FILE --simulate"));
            }
        };
        Ok(Self {
            base_url,
            auth_url: args.auth_url.clone().unwrap_or_else(|| TOKEN_URL.to_owned()),
            insecure_host: args.insecure_plain_http_to.clone().filter(|host| !host.is_empty()),
            project_id: given(args.project.as_ref(), "SINCH_PROJECT_ID")?,
            key_id: given(environment::text("SINCH_KEY_ID")?.as_ref(), "SINCH_KEY_ID")?,
            key_secret: given(environment::text("SINCH_KEY_SECRET")?.as_ref(), "SINCH_KEY_SECRET")?,
            timeout: args.timeout,
            resend_after: None,
        })
    }

    /// A client for it, which has a token already: wrong credentials show before anything begins.
    pub(crate) async fn connect(&self) -> Result<Client, Failure> {
        let tokens = self.tokens()?;
        let client = self.client(tokens.clone())?;
        tokens.token().await.map_err(|error| no_token(&error))?;
        Ok(client)
    }

    /// Where its tokens come from. None is asked for yet.
    pub(crate) fn tokens(&self) -> Result<Arc<TokenCache<ClientCredentials>>, Failure> {
        let mut credentials =
            ClientCredentials::new(KeyId::new(self.key_id.clone()), KeySecret::new(self.key_secret.clone()));
        if let Some(host) = &self.insecure_host {
            credentials = credentials.with_insecure_plain_http_to(host);
        }
        let credentials = credentials
            .with_token_url(&self.auth_url)
            .map_err(|error| {
                Failure::because(exit::USAGE, "the token URL cannot be used", &error)
                    .hint("set SINCH_AUTH_URL (or --auth-url) to the whole URL, or leave it out for Sinch's own")
            })?
            .with_timeout(self.timeout);
        Ok(Arc::new(TokenCache::new(credentials)))
    }

    /// A client for it. Nothing is asked yet.
    pub(crate) fn client(&self, tokens: Arc<TokenCache<ClientCredentials>>) -> Result<Client, Failure> {
        let kernel =
            Duration::from_secs(30).min(self.resend_after.unwrap_or(Duration::MAX)).max(Duration::from_secs(1));
        let mut builder = Client::builder(ProjectId::new(self.project_id.clone()), tokens);
        if let Some(host) = &self.insecure_host {
            builder = builder.with_insecure_plain_http_to(host);
        }
        builder
            .with_tcp_user_timeout(kernel)
            .with_base_url(&self.base_url)
            .with_attempt_timeout(self.timeout)
            .with_timeout(self.timeout * 4)
            .build()
            .map_err(|error| {
                Failure::because(exit::USAGE, "the service's URL cannot be used", &error)
                    .hint("set SINCH_BATCH_BASE_URL (or --base-url) to http(s)://HOST, or SINCH_REGION alone")
            })
    }
}

/// A value that must be given, and must not be blank.
fn given(value: Option<&String>, name: &str) -> Result<String, Failure> {
    match value.map(|value| value.trim()) {
        Some(value) if !value.is_empty() => Ok(value.to_owned()),
        _ => Err(Failure::new(exit::BAD_CREDENTIALS, format!("{name} is not set"))
            .hint("export SINCH_PROJECT_ID, SINCH_KEY_ID, SINCH_KEY_SECRET and SINCH_APP_ID from the Sinch dashboard")),
    }
}

/// The app that sends.
pub(crate) fn app_id(args: &ServiceArgs) -> Result<AppId, Failure> {
    given(args.app.as_ref(), "SINCH_APP_ID").map(AppId::new)
}

fn no_token(error: &AuthError) -> Failure {
    if *error.kind() == AuthErrorKind::Refused {
        return Failure::because(exit::BAD_CREDENTIALS, "no token", error)
            .hint("check SINCH_KEY_ID and SINCH_KEY_SECRET; nothing was sent");
    }
    let hint = hint_of_endpoint(error, "check the network and SINCH_AUTH_URL");
    Failure::because(exit::SERVICE, "no token", error)
        .hint(format!("{hint}, then run the same command again; nothing was sent"))
}

/// What to do where the token endpoint gave no token: what answers something else is at another address.
pub(crate) fn hint_of_endpoint(error: &AuthError, otherwise: &str) -> String {
    if *error.kind() == AuthErrorKind::InvalidResponse {
        format!("SINCH_AUTH_URL (or --auth-url) is the whole URL, path included, such as {TOKEN_URL}; check it")
    } else {
        otherwise.to_owned()
    }
}

/// What a single call to the service came to.
pub(crate) fn call_failed(what: &str, error: &Error) -> Failure {
    let (code, hint) = match error.disposition() {
        Disposition::Credentials | Disposition::TokenExpired => {
            (exit::BAD_CREDENTIALS, "check SINCH_KEY_ID, SINCH_KEY_SECRET and SINCH_PROJECT_ID")
        }
        Disposition::Credit => (exit::SERVICE, "settle the balance in the Sinch dashboard"),
        _ if error.is_not_found() => (exit::SERVICE, "check the id, SINCH_PROJECT_ID and SINCH_REGION"),
        _ if error.is_transient() => (exit::SERVICE, "try again later"),
        _ => (exit::SERVICE, "check SINCH_REGION, SINCH_PROJECT_ID and the request"),
    };
    Failure::new(code, format!("{what}: {}", call_sentence(error))).hint(hint)
}
