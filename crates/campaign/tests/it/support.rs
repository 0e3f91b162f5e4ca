//! A service made of closures, and recipients in a file.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sinch_batch_campaign::{
    BatchSender, BoxFuture, Campaign, CampaignError, CampaignRequest, CheckedCampaign, LookUpFailure, SendFailure,
    SentBatch, Service,
};
use sinch_batch_client::transport::SendUntil;
use sinch_batch_ledger::Ledger;
use sinch_batch_models::{AppId, BatchId, Message, SendBatchRequest};
use sinch_batch_recipients::{CheckOptions, Format, RecipientFile};
use sinch_batch_tracking::{BATCH_KEY, BatchKey};

/// The response of the service, by batch key.
pub(crate) type Books = BTreeMap<String, Vec<BatchId>>;

type OnSend = dyn Fn(&str) -> Result<(), SendFailure> + Send + Sync;

/// Accepts what its closure lets pass, after some time.
#[derive(Clone)]
pub(crate) struct Acceptor {
    books: Arc<Mutex<Books>>,
    project: String,
    on_send: Arc<OnSend>,
    takes: Duration,
}

impl Acceptor {
    pub(crate) fn new() -> Self {
        Self::with(|_| Ok(()))
    }

    pub(crate) fn with(on_send: impl Fn(&str) -> Result<(), SendFailure> + Send + Sync + 'static) -> Self {
        Self {
            books: Arc::default(),
            project: "a-project".to_owned(),
            on_send: Arc::new(on_send),
            takes: Duration::from_millis(50),
        }
    }

    pub(crate) fn of_project(self, project: &str) -> Self {
        Self { project: project.to_owned(), ..self }
    }

    pub(crate) fn slow(self, takes: Duration) -> Self {
        Self { takes, ..self }
    }

    /// How many times each batch was accepted, by number.
    pub(crate) fn accepted(&self) -> BTreeMap<u32, usize> {
        let books = self.books.lock().unwrap();
        books.iter().map(|(key, ids)| (number_of(key), ids.len())).collect()
    }
}

pub(crate) fn number_of(key: &str) -> u32 {
    key.rsplit_once(".b").unwrap().1.parse().unwrap()
}

impl Acceptor {
    /// Waits until so many batches have arrived.
    pub(crate) async fn has_accepted(&self, batches: usize) {
        while self.books.lock().unwrap().len() < batches {
            tokio::task::yield_now().await;
        }
    }
}

impl BatchSender for Acceptor {
    fn service(&self) -> Service {
        Service { project: self.project.clone(), url: "https://example.com".to_owned() }
    }

    fn send<'a>(
        &'a self,
        request: &'a SendBatchRequest,
        _: SendUntil,
    ) -> BoxFuture<'a, Result<SentBatch, SendFailure>> {
        let metadata = serde_json::to_value(&request.batch_metadata).unwrap();
        let key = metadata[BATCH_KEY].as_str().unwrap().to_owned();
        Box::pin(async move {
            (self.on_send)(&key)?;
            let id = {
                let mut books = self.books.lock().unwrap();
                let ids = books.entry(key.clone()).or_default();
                let id = BatchId::new(format!("{key}-{}", ids.len()));
                ids.push(id.clone());
                id
            };
            tokio::time::sleep(self.takes).await;
            Ok(id.into())
        })
    }

    fn look_up<'a>(&'a self, key: &'a BatchKey) -> BoxFuture<'a, Result<Vec<BatchId>, LookUpFailure>> {
        let found = self.books.lock().unwrap().get(&key.to_string()).cloned().unwrap_or_default();
        Box::pin(async move { Ok(found) })
    }
}

/// A file of that many recipients.
pub(crate) fn write_rows(path: &Path, rows: u32) {
    let rows = (1..=rows).map(|row| format!("+1555{row:07},Ines\n"));
    std::fs::write(path, std::iter::once("SMS,name\n".to_owned()).chain(rows).collect::<String>()).unwrap();
}

pub(crate) fn file(path: &Path) -> RecipientFile {
    RecipientFile::open_as(path, Format::Csv).unwrap()
}

pub(crate) struct Place {
    pub(crate) path: PathBuf,
    _folder: tempfile::TempDir,
}

/// A folder with a file of ten rows.
pub(crate) fn place() -> Place {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("customers.csv");
    write_rows(&path, 10);
    Place { path, _folder: folder }
}

pub(crate) fn request() -> CampaignRequest {
    CampaignRequest::new(AppId::new("01KZ4EBHKN27EZJ4Q91V5C36G1"), Message::text("Hello ${name}"))
}

/// Ten batches of one row.
pub(crate) fn checked(path: &Path) -> CheckedCampaign {
    let options = CheckOptions::default().with_batch_size(1);
    request().check_with(file(path), &options, |finding| panic!("{finding}")).unwrap()
}

pub(crate) async fn begin(
    ledger: &Arc<impl Ledger>,
    acceptor: &Acceptor,
    path: &Path,
) -> Result<Campaign, CampaignError> {
    Campaign::begin(ledger.clone(), "autumn", acceptor.clone(), checked(path)).await
}
