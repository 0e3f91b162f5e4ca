//! No secret shows in what can be printed.

use sinch_batch_auth::{
    AccessToken, ClientCredentials, FetchToken, IssuedToken, KeyId, KeySecret, TokenCache, TokenSource,
};

/// Does not compile if a type has a trait: then two of our impls fit, and none can be chosen.
macro_rules! lacks {
    ($kind:ty: $($ability:path),+) => {$(
        const _: fn() = || {
            struct WithIt;
            trait Fits<Way> {
                fn chosen() {}
            }
            impl<T: ?Sized> Fits<()> for T {}
            impl<T: ?Sized + $ability> Fits<WithIt> for T {}
            <$kind as Fits<_>>::chosen();
        };
    )+};
}

lacks!(KeySecret: std::fmt::Display, PartialEq, PartialOrd, std::hash::Hash, AsRef<str>, serde::Serialize);
lacks!(AccessToken: std::fmt::Display, PartialEq, PartialOrd, std::hash::Hash, AsRef<str>, serde::Serialize);
lacks!(IssuedToken: std::fmt::Display, PartialEq, PartialOrd, std::hash::Hash, serde::Serialize);
lacks!(ClientCredentials: std::fmt::Display, PartialEq, PartialOrd, std::hash::Hash, serde::Serialize);

const SECRET: &str = "very-secret-indeed";

#[track_caller]
fn check(printed: &str) {
    // The secret, and the key pair as HTTP Basic.
    for hidden in [SECRET, "aWQ6dmVyeS1zZWNyZXQtaW5kZWVk"] {
        assert!(!printed.contains(hidden), "{printed}");
    }
}

#[tokio::test(start_paused = true)]
async fn debug_and_errors_show_no_secret() {
    check(&format!("{:?} {:#?}", KeySecret::new(SECRET), AccessToken::new(SECRET)));
    check(&format!("{:?}", IssuedToken::new(AccessToken::new(SECRET))));
    let credentials = ClientCredentials::new(KeyId::new("id"), KeySecret::new(SECRET));
    check(&format!("{credentials:?}"));

    let issuer = || async { Ok(IssuedToken::new(AccessToken::new(SECRET))) };
    let cache = TokenCache::new(issuer);
    cache.token().await.unwrap();
    check(&format!("{cache:?}"));

    for (status, body) in [
        (200, format!(r#"{{"access_token":"{SECRET}","token_type":"{SECRET}"}}"#)),
        (200, format!(r#"{{"access_token":"{SECRET}","token_type":"bearer","expires_in":"{SECRET}"}}"#)),
        (400, format!(r#"{{"error":"{SECRET}","error_description":"{SECRET}"}}"#)),
        (401, SECRET.to_owned()),
        (503, SECRET.to_owned()),
    ] {
        let printed = std::sync::Arc::new(std::sync::Mutex::new(String::new()));
        let requests = std::sync::Arc::clone(&printed);
        let credentials = credentials.clone().with_transport(move |request| {
            requests.lock().unwrap().push_str(&format!("{request:?}"));
            let answer = http::Response::builder().status(status).body(body.clone().into_bytes()).unwrap();
            std::future::ready(Ok::<_, std::io::Error>(answer))
        });
        let error = credentials.fetch().await.unwrap_err();
        let mut chain: Option<&dyn std::error::Error> = Some(&error);
        let mut texts = Vec::new();
        while let Some(link) = chain {
            texts.push(link.to_string());
            check(&format!("{link} {link:?}"));
            chain = link.source();
        }
        // No text repeats the text of its cause.
        assert!(texts.windows(2).all(|pair| !pair[0].contains(&pair[1])), "{texts:?}");
        check(&printed.lock().unwrap());
    }
}
