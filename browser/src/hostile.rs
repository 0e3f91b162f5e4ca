//! A report whose texts would like to be more than texts.

use sinch_batch_models::Timestamp;
use sinch_batch_pages::report::{BatchView, FailureView, ReasonView, ReportView, RetryAdvice};

pub(crate) const TEXTS: [&str; 6] = [
    "<img src=x onerror=\"window.hostile = 1\">",
    "\"><script>window.hostile = 1</script>",
    "</style></title><svg onload='window.hostile = 1'>",
    "javascript:window.hostile=1",
    "\u{202e}gnp.ecioffvni\u{202d} then \u{0} and \u{200b}nothing",
    "a-word-without-a-break-a-word-without-a-break-a-word-without-a-break-a-word-without-a-break",
];

pub(crate) fn report() -> String {
    let [image, script, svg, url, direction, long] = TEXTS.map(str::to_owned);
    let mut view = ReportView::new(image.clone(), Timestamp::UNIX_EPOCH);
    view.phase = svg.clone();
    view.practice = true;
    view.message_kind = script.clone();
    view.message_fingerprint = long.clone();
    view.input = direction.clone();
    (view.rows, view.accepted, view.unknown, view.doubled, view.planned) = (1_000_000_000_000, 5, 1, 1, 7);
    view.messages.failed = 5;
    view.next = Some(script.clone());
    view.all_failures = long.clone();
    view.reasons = vec![
        ReasonView::new(long.clone(), 3, RetryAdvice::Never, svg.clone()),
        ReasonView::new(image.clone(), 2, RetryAdvice::TryAgain, direction.clone()),
    ];
    view.failures = TEXTS
        .iter()
        .zip(1..)
        .map(|(text, row)| FailureView { row, line: row, code: url.clone(), description: (*text).to_owned() })
        .collect();
    view.odd_batches =
        vec![BatchView { number: 1, status: image, batch_id: long, why: script, doubled: 1, ..BatchView::default() }];
    view.render()
}
