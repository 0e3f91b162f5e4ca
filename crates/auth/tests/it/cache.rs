use std::sync::atomic::{AtomicI64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use jiff::Timestamp;
use sinch_batch_auth::{
    AccessToken, AuthError, AuthErrorKind, BoxFuture, FetchToken, IssuedToken, TokenCache, TokenSource,
};
use tokio::sync::Semaphore;

/// Issues `token-1`, `token-2`, … of a given lifetime, one per permit; fails on demand.
struct Issuer {
    fetches: AtomicUsize,
    permits: Semaphore,
    failure: Mutex<Option<AuthErrorKind>>,
    lifetime: Duration,
}

impl Issuer {
    fn fetches(&self) -> usize {
        self.fetches.load(Ordering::SeqCst)
    }

    fn fail(&self, kind: impl Into<Option<AuthErrorKind>>) {
        *self.failure.lock().unwrap() = kind.into();
    }
}

struct Shared(Arc<Issuer>);

impl FetchToken for Shared {
    fn fetch(&self) -> BoxFuture<'_, Result<IssuedToken, AuthError>> {
        Box::pin(async {
            let number = self.0.fetches.fetch_add(1, Ordering::SeqCst) + 1;
            self.0.permits.acquire().await.unwrap().forget();
            match self.0.failure.lock().unwrap().clone() {
                Some(kind) => Err(AuthError::new(kind)),
                None => {
                    let token = AccessToken::new(format!("token-{number}"));
                    Ok(IssuedToken::new(token).with_lifetime(self.0.lifetime))
                }
            }
        })
    }
}

struct Scene {
    issuer: Arc<Issuer>,
    now: Arc<AtomicI64>,
    cache: Arc<TokenCache<Shared>>,
}

impl Scene {
    /// A cache at second 1000, over tokens of one hour.
    fn new(permits: usize) -> Self {
        Self::with_lifetime(permits, Duration::from_secs(3600))
    }

    fn with_lifetime(permits: usize, lifetime: Duration) -> Self {
        let issuer = Arc::new(Issuer {
            fetches: AtomicUsize::new(0),
            permits: Semaphore::new(permits),
            failure: Mutex::new(None),
            lifetime,
        });
        let now = Arc::new(AtomicI64::new(1000));
        let clock = Arc::clone(&now);
        let cache = TokenCache::new(Shared(Arc::clone(&issuer)))
            .with_clock(move || Timestamp::from_second(clock.load(Ordering::SeqCst)).unwrap());
        Self { issuer, now, cache: Arc::new(cache) }
    }

    fn wait(&self, seconds: i64) {
        self.now.fetch_add(seconds, Ordering::SeqCst);
    }

    async fn token(&self) -> String {
        self.cache.token().await.unwrap().expose().to_owned()
    }

    fn ask(&self) -> tokio::task::JoinHandle<Result<AccessToken, AuthError>> {
        let cache = Arc::clone(&self.cache);
        tokio::spawn(async move { cache.token().await })
    }
}

/// Lets every other task of this single-threaded runtime run until it waits.
async fn settle() {
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn thousand_waiting_tasks_share_one_fetch() {
    let scene = Scene::new(0);
    let tasks: Vec<_> = (0..1000).map(|_| scene.ask()).collect();
    settle().await;
    // One permit a task: a second fetch would succeed, and be counted.
    scene.issuer.permits.add_permits(1000);
    for task in tasks {
        assert_eq!(task.await.unwrap().unwrap().expose(), "token-1");
    }
    assert_eq!(scene.issuer.fetches(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn thousand_tasks_on_several_threads_share_one_fetch() {
    for _ in 0..20 {
        let scene = Scene::new(1000);
        let tasks: Vec<_> = (0..1000).map(|_| scene.ask()).collect();
        for task in tasks {
            assert_eq!(task.await.unwrap().unwrap().expose(), "token-1");
        }
        assert_eq!(scene.issuer.fetches(), 1);
    }
}

#[tokio::test(start_paused = true)]
async fn renewal_that_hangs_does_not_keep_its_task_while_the_old_token_lives() {
    let scene = Scene::new(1);
    assert_eq!(scene.token().await, "token-1");
    scene.wait(3550);
    let before = tokio::time::Instant::now();
    assert_eq!(scene.token().await, "token-1");
    assert_eq!(before.elapsed(), Duration::from_secs(10));
    // No caller tries again at once.
    assert_eq!(scene.token().await, "token-1");
    assert_eq!(scene.issuer.fetches(), 2);
}

#[tokio::test]
async fn tasks_that_wait_share_the_error_too_and_the_next_one_tries_again() {
    let scene = Scene::new(0);
    scene.issuer.fail(AuthErrorKind::Refused);
    let tasks: Vec<_> = (0..100).map(|_| scene.ask()).collect();
    settle().await;
    scene.issuer.permits.add_permits(100);
    for task in tasks {
        assert_eq!(task.await.unwrap().unwrap_err().kind(), &AuthErrorKind::Refused);
    }
    assert_eq!(scene.issuer.fetches(), 1);
    scene.issuer.fail(None);
    assert_eq!(scene.token().await, "token-2");
}

#[tokio::test]
async fn token_cache_next_caller_takes_over_a_dropped_fetch() {
    let scene = Scene::new(0);
    let first = scene.ask();
    settle().await;
    let others: Vec<_> = (0..10).map(|_| scene.ask()).collect();
    settle().await;
    first.abort();
    scene.issuer.permits.add_permits(10);
    for task in others {
        assert_eq!(task.await.unwrap().unwrap().expose(), "token-2");
    }
    assert_eq!(scene.issuer.fetches(), 2);
}

#[tokio::test]
async fn token_is_kept_and_renewed_before_its_end() {
    let scene = Scene::new(10);
    assert_eq!(scene.token().await, "token-1");
    scene.wait(3539);
    assert_eq!(scene.token().await, "token-1");
    scene.wait(1);
    assert_eq!(scene.token().await, "token-2");
    assert_eq!(scene.token().await, "token-2");
}

#[tokio::test]
async fn while_one_task_renews_the_others_go_on_with_the_old_token() {
    let scene = Scene::new(1);
    assert_eq!(scene.token().await, "token-1");
    scene.wait(3550);
    let renewing = scene.ask();
    settle().await;
    assert_eq!(scene.token().await, "token-1");
    scene.issuer.permits.add_permits(1);
    assert_eq!(renewing.await.unwrap().unwrap().expose(), "token-2");
    assert_eq!(scene.token().await, "token-2");
}

#[tokio::test]
async fn token_renewal_that_fails_keeps_the_valid_token_and_pauses() {
    let scene = Scene::new(100);
    assert_eq!(scene.token().await, "token-1");
    scene.wait(3550);
    scene.issuer.fail(AuthErrorKind::Unreachable);
    for _ in 0..10 {
        assert_eq!(scene.token().await, "token-1");
    }
    assert_eq!(scene.issuer.fetches(), 2);
    scene.wait(5);
    assert_eq!(scene.token().await, "token-1");
    assert_eq!(scene.issuer.fetches(), 3);
    scene.wait(45);
    assert_eq!(scene.cache.token().await.unwrap_err().kind(), &AuthErrorKind::Unreachable);
    scene.issuer.fail(None);
    assert_eq!(scene.token().await, "token-5");
}

#[tokio::test]
async fn token_cache_drops_only_the_token_that_failed() {
    let scene = Scene::new(100);
    let first = scene.cache.token().await.unwrap();
    scene.cache.expired(&first);
    assert_eq!(scene.token().await, "token-2");
    // A slow task reports the first token's end only now.
    scene.cache.expired(&first);
    assert_eq!(scene.token().await, "token-2");
    assert_eq!(scene.issuer.fetches(), 2);
}

#[tokio::test]
async fn token_that_expires_while_it_is_renewed_is_not_given_out_when_the_renewal_fails() {
    let scene = Scene::new(1);
    let first = scene.cache.token().await.unwrap();
    scene.wait(3550);
    scene.issuer.fail(AuthErrorKind::Server);
    let renewing = scene.ask();
    settle().await;
    scene.cache.expired(&first);
    scene.issuer.permits.add_permits(1);
    assert_eq!(renewing.await.unwrap().unwrap_err().kind(), &AuthErrorKind::Server);
}

#[tokio::test]
async fn token_without_any_life_serves_those_who_waited_and_is_not_kept() {
    let scene = Scene::with_lifetime(0, Duration::ZERO);
    let tasks: Vec<_> = (0..10).map(|_| scene.ask()).collect();
    settle().await;
    scene.issuer.permits.add_permits(20);
    for task in tasks {
        assert_eq!(task.await.unwrap().unwrap().expose(), "token-1");
    }
    assert_eq!(scene.token().await, "token-2");
}

#[tokio::test]
async fn fixed_token_a_shared_source_and_a_closure_are_sources() {
    async fn ask(source: impl TokenSource) -> String {
        source.token().await.unwrap().expose().to_owned()
    }
    assert_eq!(ask(AccessToken::new("fixed")).await, "fixed");
    assert_eq!(ask(Arc::new(AccessToken::new("shared"))).await, "shared");
    assert_eq!(ask(|| async { Ok(AccessToken::new("closure")) }).await, "closure");
    let cache = TokenCache::new(|| async { Ok(IssuedToken::new(AccessToken::new("issued"))) });
    assert_eq!(ask(cache).await, "issued");
}
