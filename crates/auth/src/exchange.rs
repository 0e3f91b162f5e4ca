//! One exchange with the token endpoint: `oauth2` writes the request and reads the answer, and in
//! between stands our transport, which looks at the status first because `oauth2` loses it.

use std::error::Error;
use std::sync::Arc;
#[cfg(feature = "reqwest")]
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use http::header::{AUTHORIZATION, USER_AGENT};
use http::{HeaderValue, Request, Response, StatusCode};
use jiff::Timestamp;
use oauth2::basic::{BasicClient, BasicTokenType};
use oauth2::{AsyncHttpClient, ClientId, ClientSecret, RequestTokenError, TokenResponse as _, TokenUrl};

use crate::source::{BoxFuture, IssuedToken};
use crate::{AccessToken, AuthError, AuthErrorKind, KeyId, KeySecret, retry_after};

/// Who asks.
const AGENT: HeaderValue = HeaderValue::from_static(concat!("sinch-batch/", env!("CARGO_PKG_VERSION")));

type BoxError = Box<dyn Error + Send + Sync>;

/// One HTTP exchange.
pub(crate) type Exchange =
    Arc<dyn Fn(Request<Vec<u8>>) -> BoxFuture<'static, Result<Response<Vec<u8>>, BoxError>> + Send + Sync>;

pub(crate) async fn fetch(
    key_id: &KeyId,
    secret: &KeySecret,
    token_url: &TokenUrl,
    exchange: &Exchange,
) -> Result<IssuedToken, AuthError> {
    let endpoint = Endpoint { authorization: basic(key_id, secret)?, exchange: Arc::clone(exchange) };
    // `oauth2` gets no secret: it would form-encode it, and keep a copy that nobody wipes.
    let client = BasicClient::new(ClientId::new(key_id.as_str().to_owned()))
        .set_client_secret(ClientSecret::new(String::new()))
        .set_token_uri(token_url.clone());
    let answer = client.exchange_client_credentials().request_async(&endpoint).await.map_err(|error| match error {
        RequestTokenError::Request(error) => error,
        // The rest holds the body of the answer, so it goes no further.
        _ => AuthError::new(AuthErrorKind::InvalidResponse),
    })?;
    if *answer.token_type() != BasicTokenType::Bearer {
        return Err(AuthError::because(AuthErrorKind::InvalidResponse, "its token type is not bearer"));
    }
    let token = answer.access_token().secret();
    if token.is_empty() || !token.bytes().all(|byte| byte.is_ascii_graphic()) {
        return Err(AuthError::because(AuthErrorKind::InvalidResponse, "its token does not fit into a header"));
    }
    let issued = IssuedToken::new(AccessToken::new(token.clone()));
    Ok(match answer.expires_in() {
        Some(lifetime) => issued.with_lifetime(lifetime),
        None => issued,
    })
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
struct Endpoint {
    authorization: HeaderValue,
    exchange: Exchange,
}

impl<'c> AsyncHttpClient<'c> for Endpoint {
    type Error = AuthError;
    type Future = BoxFuture<'c, Result<Response<Vec<u8>>, AuthError>>;

    fn call(&'c self, mut request: Request<Vec<u8>>) -> Self::Future {
        request.headers_mut().insert(AUTHORIZATION, self.authorization.clone());
        request.headers_mut().insert(USER_AGENT, AGENT);
        Box::pin(async move {
            let answer = (self.exchange)(request)
                .await
                .map_err(|source| AuthError::with_source(AuthErrorKind::Unreachable, source))?;
            judge(answer, Timestamp::now())
        })
    }
}

/// Lets success through, stripped of all that `oauth2` would stumble over, and names the rest.
fn judge(answer: Response<Vec<u8>>, now: Timestamp) -> Result<Response<Vec<u8>>, AuthError> {
    let status = answer.status();
    let kind = match status {
        status if status.is_success() => return Ok(Response::new(answer.into_body())),
        StatusCode::BAD_REQUEST | StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => AuthErrorKind::Refused,
        StatusCode::TOO_MANY_REQUESTS => {
            AuthErrorKind::RateLimited { retry_after: retry_after::read(answer.headers(), now) }
        }
        StatusCode::REQUEST_TIMEOUT => AuthErrorKind::Server,
        status if status.is_server_error() => AuthErrorKind::Server,
        _ => AuthErrorKind::InvalidResponse,
    };
    let why = if status.is_redirection() { Some("redirects are not followed") } else { named(answer.body()) };
    Err(AuthError::from_status(kind, status, why))
}

/// The OAuth2 error code in a body, if it is one of the RFC's: anything else might quote the request.
fn named(body: &[u8]) -> Option<&'static str> {
    use oauth2::basic::{BasicErrorResponse, BasicErrorResponseType as Code};
    let answer: BasicErrorResponse = serde_json::from_slice(body).ok()?;
    Some(match answer.error() {
        Code::InvalidClient => "invalid_client",
        Code::InvalidGrant => "invalid_grant",
        Code::InvalidRequest => "invalid_request",
        Code::InvalidScope => "invalid_scope",
        Code::UnauthorizedClient => "unauthorized_client",
        Code::UnsupportedGrantType => "unsupported_grant_type",
        Code::Extension(_) => return None,
    })
}

/// The transport of those who bring none.
#[cfg(feature = "reqwest")]
pub(crate) fn default() -> Exchange {
    Arc::new(|request| Box::pin(over_reqwest(request)))
}

/// The transport of those who bring none.
#[cfg(not(feature = "reqwest"))]
pub(crate) fn default() -> Exchange {
    Arc::new(|_| {
        let why = "there is no transport: bring one or enable feature `reqwest`";
        Box::pin(std::future::ready(Err(why.into())))
    })
}

/// Sends one request on a connection of its own: at one token an hour there is nothing to keep.
#[cfg(feature = "reqwest")]
async fn over_reqwest(request: Request<Vec<u8>>) -> Result<Response<Vec<u8>>, BoxError> {
    /// The longest answer that is read; a token has one or two kilobytes.
    const LONGEST: usize = 64 * 1024;

    let request = reqwest::Request::try_from(request).map_err(reqwest::Error::without_url)?;
    let mut client = reqwest::Client::builder()
        .redirect(reqwest::redirect::Policy::none())
        .retry(reqwest::retry::never())
        .connect_timeout(Duration::from_secs(10));
    if crate::credentials::is_loopback(request.url()) {
        client = client.no_proxy();
    }
    let mut answer = client.build()?.execute(request).await.map_err(reqwest::Error::without_url)?;
    let status = answer.status();
    let headers = std::mem::take(answer.headers_mut());
    let mut body = Vec::new();
    while let Some(chunk) = answer.chunk().await.map_err(reqwest::Error::without_url)? {
        // What is cut off here is no token, and will be found to be none.
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
