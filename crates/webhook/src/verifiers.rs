//! Choosing the verifier of a request: by tenant, or as secrets change.

#[cfg(feature = "tower")]
use std::any::Any;
use std::convert::Infallible;
use std::fmt;
#[cfg(feature = "tower")]
use std::pin::Pin;
use std::sync::Arc;

use http::request::Parts;

use crate::Verifier;

/// Gives the verifier of a request, by its head.
///
/// | Implemented by | For |
/// | --- | --- |
/// | [`Verifier`] | one webhook |
/// | a closure `Fn(&Parts) -> Option<Verifier>` | a map of tenants in memory |
/// | `tokio::sync::watch::Receiver<Verifier>` (feature `tower`) | secrets that change while the program runs |
/// | a type of your own | a database |
///
/// ```
/// use std::collections::HashMap;
///
/// use http::request::Parts;
/// use sinch_batch_webhook::{CallbackReceiver, Verifier, WebhookSecret};
///
/// # fn main() -> Result<(), Box<dyn std::error::Error>> {
/// let tenants = HashMap::from([
///     ("/north".to_owned(), Verifier::new(WebhookSecret::new("the secret of north"))?),
///     ("/south".to_owned(), Verifier::new(WebhookSecret::new("the secret of south"))?),
/// ]);
/// // An unknown path is answered 401.
/// let receiver = CallbackReceiver::new(move |head: &Parts| tenants.get(head.uri.path()).cloned());
/// # drop(receiver);
/// # Ok(())
/// # }
/// ```
pub trait Verifiers: Send + Sync + 'static {
    /// Why no verifier could be looked up. The callback is answered 503, so that it comes again.
    type Error: fmt::Display + Send;

    /// The verifier of a request; `None` if there is none, which is answered 401 as a forged one is.
    fn verifier(&self, head: &Parts) -> impl Future<Output = Result<Option<Verifier>, Self::Error>> + Send;
}

impl Verifiers for Verifier {
    type Error = Infallible;

    async fn verifier(&self, _: &Parts) -> Result<Option<Self>, Infallible> {
        Ok(Some(self.clone()))
    }
}

impl<F: Fn(&Parts) -> Option<Verifier> + Send + Sync + 'static> Verifiers for F {
    type Error = Infallible;

    async fn verifier(&self, head: &Parts) -> Result<Option<Verifier>, Infallible> {
        Ok(self(head))
    }
}

/// The latest verifier that was sent. After the sender has gone, the last one stays.
#[cfg(feature = "tower")]
impl Verifiers for tokio::sync::watch::Receiver<Verifier> {
    type Error = Infallible;

    async fn verifier(&self, _: &Parts) -> Result<Option<Verifier>, Infallible> {
        Ok(Some(self.borrow().clone()))
    }
}

impl<V: Verifiers> Verifiers for Arc<V> {
    type Error = V::Error;

    fn verifier(&self, head: &Parts) -> impl Future<Output = Result<Option<Verifier>, V::Error>> + Send {
        V::verifier(self, head)
    }
}

/// [`Verifiers`] of any type, so that a receiver's own type does not name them.
#[cfg(feature = "tower")]
pub(crate) trait AnyVerifiers: Send + Sync {
    /// The verifier of every request, if there is one only: it is not waited for.
    fn only(&self) -> Option<&Verifier>;
    fn choose<'a>(&'a self, head: &'a Parts) -> Choice<'a>;
}

#[cfg(feature = "tower")]
type Choice<'a> = Pin<Box<dyn Future<Output = Result<Option<Verifier>, Arc<str>>> + Send + 'a>>;

#[cfg(feature = "tower")]
impl<V: Verifiers> AnyVerifiers for V {
    fn only(&self) -> Option<&Verifier> {
        (self as &dyn Any).downcast_ref()
    }

    fn choose<'a>(&'a self, head: &'a Parts) -> Choice<'a> {
        Box::pin(async move { self.verifier(head).await.map_err(|error| error.to_string().into()) })
    }
}
