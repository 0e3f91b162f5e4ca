//! One exchange with the token endpoint: `oauth2` writes the request and parses the response; in between stands
//! our transport, which judges the status first, because `oauth2` loses it.

use std::error::Error;
use std::sync::Arc;
#[cfg(feature = "reqwest")]
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use http::header::{AUTHORIZATION, USER_AGENT};
use http::{HeaderValue, Request, Response, StatusCode};
use jiff::Timestamp;
use oauth2::basic::{
    BasicErrorResponse, BasicRevocationErrorResponse, BasicTokenIntrospectionResponse, BasicTokenType,
};
use oauth2::{
    AsyncHttpClient, AuthType, ClientId, ClientSecret, RequestTokenError, Scope, StandardRevocableToken,
    TokenResponse as _, TokenUrl,
};

use crate::response::GrantedToken;
use crate::source::{BoxFuture, IssuedToken};
use crate::{AccessToken, AuthError, AuthErrorKind, KeyId, KeySecret, retry_after};

/// Who asks.
const AGENT: HeaderValue = HeaderValue::from_static(concat!("sinch-batch/", env!("CARGO_PKG_VERSION")));

type BoxError = Box<dyn Error + Send + Sync>;

/// One HTTP exchange.
pub(crate) type Exchange =
    Arc<dyn Fn(Request<Vec<u8>>) -> BoxFuture<'static, Result<Response<Vec<u8>>, BoxError>> + Send + Sync>;

/// `oauth2`'s client with our type for the token.
type GrantClient = oauth2::Client<
    BasicErrorResponse,
    GrantedToken,
    BasicTokenIntrospectionResponse,
    StandardRevocableToken,
    BasicRevocationErrorResponse,
>;

/// What a request for a token says beside the key.
#[derive(Clone, Default)]
pub(crate) struct Asked {
    pub(crate) scopes: Vec<String>,
    pub(crate) parameters: Vec<(String, String)>,
    pub(crate) secret_in_body: bool,
}

pub(crate) async fn fetch(
    key_id: &KeyId,
    secret: &KeySecret,
    token_url: &TokenUrl,
    asked: &Asked,
    exchange: &Exchange,
) -> Result<IssuedToken, AuthError> {
    let client = GrantClient::new(ClientId::new(key_id.as_str().to_owned())).set_token_uri(token_url.clone());
    let (client, authorization) = if asked.secret_in_body {
        let secret = ClientSecret::new(secret.expose().to_owned());
        (client.set_client_secret(secret).set_auth_type(AuthType::RequestBody), None)
    } else {
        // `oauth2` gets an empty secret: it would form-encode it, which Sinch's own SDKs do not.
        (client.set_client_secret(ClientSecret::new(String::new())), Some(basic(key_id, secret)?))
    };
    let mut request = client.exchange_client_credentials();
    for scope in &asked.scopes {
        request = request.add_scope(Scope::new(scope.clone()));
    }
    for (name, value) in &asked.parameters {
        request = request.add_extra_param(name.clone(), value.clone());
    }
    let transport = StatusFirst { authorization, exchange: Arc::clone(exchange) };
    let response = request.request_async(&transport).await.map_err(|error| match error {
        RequestTokenError::Request(error) => error,
        // The body goes no further.
        RequestTokenError::Parse(error, _) => invalid(unreadable(&error.path().to_string(), error.inner())),
        RequestTokenError::ServerResponse(_) | RequestTokenError::Other(_) => invalid("the body is empty"),
    })?;
    if *response.token_type() != BasicTokenType::Bearer {
        return Err(invalid("`token_type` is not bearer"));
    }
    let token = response.access_token().secret();
    if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(invalid("`access_token` does not fit into a header"));
    }
    let issued = IssuedToken::new(AccessToken::new(token.clone()));
    Ok(match response.expires_in() {
        Some(lifetime) => issued.with_lifetime(lifetime),
        None => issued,
    })
}

fn invalid(why: &'static str) -> AuthError {
    AuthError::because(AuthErrorKind::InvalidResponse, why)
}

/// Names the field at fault; the parser's own words could repeat its value.
fn unreadable(field: &str, error: &serde_json::Error) -> &'static str {
    match field {
        _ if !error.is_data() => "the body is not JSON",
        "access_token" => "`access_token` is not a text",
        "token_type" => "`token_type` is not a text",
        "expires_in" => "`expires_in` is not a number of seconds",
        _ if error.to_string().starts_with("missing field `access_token`") => "`access_token` is missing",
        _ => "the body is not a JSON object",
    }
}

/// The key pair as HTTP Basic, as it is.
fn basic(key_id: &KeyId, secret: &KeySecret) -> Result<HeaderValue, AuthError> {
    let pair = BASE64_STANDARD.encode(format!("{}:{}", key_id.as_str(), secret.expose()));
    let mut value = HeaderValue::try_from(format!("Basic {pair}"))
        .map_err(|_| AuthError::because(AuthErrorKind::Refused, "they do not fit into a header"))?;
    value.set_sensitive(true);
    Ok(value)
}

/// The transport as `oauth2` sees it.
struct StatusFirst {
    authorization: Option<HeaderValue>,
    exchange: Exchange,
}

impl<'c> AsyncHttpClient<'c> for StatusFirst {
    type Error = AuthError;
    type Future = BoxFuture<'c, Result<Response<Vec<u8>>, AuthError>>;

    fn call(&'c self, mut request: Request<Vec<u8>>) -> Self::Future {
        if let Some(basic) = &self.authorization {
            request.headers_mut().insert(AUTHORIZATION, basic.clone());
        }
        request.headers_mut().insert(USER_AGENT, AGENT);
        Box::pin(async move {
            let response = (self.exchange)(request)
                .await
                .map_err(|source| AuthError::with_source(AuthErrorKind::Unreachable, source))?;
            judge(response, Timestamp::now())
        })
    }
}

/// Lets success through, stripped of all that `oauth2` would stumble over, and names the rest.
fn judge(response: Response<Vec<u8>>, now: Timestamp) -> Result<Response<Vec<u8>>, AuthError> {
    let status = response.status();
    let kind = match status {
        status if status.is_success() => return Ok(Response::new(response.into_body())),
        StatusCode::BAD_REQUEST | StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => AuthErrorKind::Refused,
        StatusCode::TOO_MANY_REQUESTS => {
            AuthErrorKind::RateLimited { retry_after: retry_after::read(response.headers(), now) }
        }
        StatusCode::REQUEST_TIMEOUT => AuthErrorKind::Server,
        status if status.is_server_error() => AuthErrorKind::Server,
        _ => AuthErrorKind::InvalidResponse,
    };
    let why = if status.is_redirection() { Some("redirects are not followed") } else { named(response.body()) };
    Err(AuthError::from_status(kind, status, why))
}

/// The OAuth2 error code in a body, if it is one of the RFC's: anything else might quote the request.
fn named(body: &[u8]) -> Option<&'static str> {
    use oauth2::basic::BasicErrorResponseType as Code;
    let response: BasicErrorResponse = serde_json::from_slice(body).ok()?;
    Some(match response.error() {
        Code::InvalidClient => "invalid_client",
        Code::InvalidGrant => "invalid_grant",
        Code::InvalidRequest => "invalid_request",
        Code::InvalidScope => "invalid_scope",
        Code::UnauthorizedClient => "unauthorized_client",
        Code::UnsupportedGrantType => "unsupported_grant_type",
        Code::Extension(_) => return None,
    })
}

/// The transport of those who bring none: each request on a connection of its own, because at one token an hour
/// there is nothing to keep.
#[cfg(feature = "reqwest")]
pub(crate) fn default() -> Exchange {
    Arc::new(|request| {
        Box::pin(async move {
            let mut builder = reqwest::Client::builder()
                .redirect(reqwest::redirect::Policy::none())
                .retry(reqwest::retry::never())
                .connect_timeout(Duration::from_secs(10));
            if request.uri().host().is_some_and(crate::endpoint::is_loopback) {
                builder = builder.no_proxy();
            }
            over_reqwest(&builder.build()?, request).await
        })
    })
}

/// The transport of those who bring none.
#[cfg(not(feature = "reqwest"))]
pub(crate) fn default() -> Exchange {
    Arc::new(|_| {
        let why = "there is no transport: bring one or enable feature `reqwest`";
        Box::pin(std::future::ready(Err(why.into())))
    })
}

/// An HTTP client of the caller's as the transport.
#[cfg(feature = "reqwest")]
pub(crate) fn over(http: reqwest::Client) -> Exchange {
    Arc::new(move |request| {
        let http = http.clone();
        Box::pin(async move { over_reqwest(&http, request).await })
    })
}

/// Sends one request and reads its response, but not more than a token can have.
#[cfg(feature = "reqwest")]
async fn over_reqwest(http: &reqwest::Client, request: Request<Vec<u8>>) -> Result<Response<Vec<u8>>, BoxError> {
    /// The most that is read of a response; a token has one or two kilobytes.
    const LONGEST: usize = 64 * 1024;

    let request = reqwest::Request::try_from(request).map_err(reqwest::Error::without_url)?;
    let url = request.url().clone();
    let mut response = http.execute(request).await.map_err(reqwest::Error::without_url)?;
    if *response.url() != url {
        return Err("the HTTP client followed a redirect; build it with `redirect::Policy::none()`".into());
    }
    let status = response.status();
    let headers = std::mem::take(response.headers_mut());
    let mut body = Vec::new();
    while let Some(chunk) = response.chunk().await.map_err(reqwest::Error::without_url)? {
        // What is cut off here is not a token, and will be found not to be one.
        body.extend_from_slice(&chunk[..chunk.len().min(LONGEST - body.len())]);
        if body.len() == LONGEST {
            break;
        }
    }
    let mut read = Response::new(body);
    *read.status_mut() = status;
    *read.headers_mut() = headers;
    Ok(read)
}
