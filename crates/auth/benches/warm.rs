//! What it costs to ask a cache for a token that is fresh, by tasks that all ask at once.

use std::hint::black_box;
use std::sync::Arc;
use std::time::{Duration, Instant};

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use sinch_batch_auth::{AccessToken, IssuedToken, TokenCache, TokenSource};

fn warm(criterion: &mut Criterion) {
    let runtime = tokio::runtime::Runtime::new().expect("a runtime can be had");
    // As long as Sinch's are.
    let issuer = || async {
        let token = AccessToken::new("a".repeat(1200));
        Ok(IssuedToken::new(token).with_lifetime(Duration::from_secs(3600)))
    };
    let cache = Arc::new(TokenCache::new(issuer));
    runtime.block_on(cache.token()).expect("the issuer never fails");

    let mut group = criterion.benchmark_group("auth/warm token");
    group.throughput(Throughput::Elements(1));
    for tasks in [1u64, 8, 64] {
        group.bench_function(format!("{tasks} tasks"), |bench| {
            bench.iter_custom(|reads| {
                runtime.block_on(async {
                    let each = reads.div_ceil(tasks);
                    let start = Instant::now();
                    let asking: Vec<_> = (0..tasks)
                        .map(|_| {
                            let cache = Arc::clone(&cache);
                            tokio::spawn(async move {
                                for _ in 0..each {
                                    black_box(cache.token().await).expect("the token is warm");
                                }
                            })
                        })
                        .collect();
                    for task in asking {
                        task.await.expect("no task panics");
                    }
                    start.elapsed()
                })
            });
        });
    }
    group.finish();
}

criterion_group!(benches, warm);
criterion_main!(benches);
