//! Where rows come from.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use tokio::{sync::Semaphore, time::timeout};

use crate::{
    config::{Secret, TokenSource, TokenVersion},
    model::NameKind,
    wolkvox::{Admission, Answer, ApiError, Client, Element, Query, TokenInfo},
};

/// Longest time that reading a token may take.
const TOKEN_TIMEOUT: Duration = Duration::from_secs(10);

/// The API, or a test's idea of it.
pub trait Source: Send + Sync + 'static {
    /// Reads like [`Client::read`], with the token read anew.
    fn read(
        &self,
        query: Query,
        admission: &mut Admission,
        each: &mut (dyn FnMut(Element<'_>) + Send),
    ) -> impl Future<Output = Result<Answer, ApiError>> + Send;

    /// Returns true if [`Source::token_info`] is supported.
    fn tells_quota(&self) -> bool {
        false
    }

    /// Asks for the day's quota. Costs one request of it.
    fn token_info(&self) -> impl Future<Output = Result<TokenInfo, ApiError>> + Send {
        async { Err(ApiError::Internal("this source tells no quota".to_owned())) }
    }

    /// Asks for the names of routing points or options, each of at most `length` characters.
    fn names(
        &self,
        _kind: NameKind,
        _length: usize,
    ) -> impl Future<Output = Result<BTreeMap<String, String>, ApiError>> + Send {
        async { Ok(BTreeMap::new()) }
    }

    /// Changes when the token does, so that a refused one is tried again soon when it has been
    /// replaced. Must not wait for a disk.
    fn credentials(&self) -> Option<TokenVersion>;
}

/// The vendor's API, asked with the token that its source has at that moment.
#[derive(Debug, Clone)]
pub struct Api {
    client: Client,
    token: TokenSource,
    seen: Arc<SeenVersion>,
    large_answers: Arc<Semaphore>,
}

/// The last seen version of a token file. The file may lie on a hanging disk, which must not block
/// scrapes, so another thread looks at it, one look at a time, and callers get the version seen
/// before.
#[derive(Debug, Default)]
struct SeenVersion {
    version: Mutex<Option<TokenVersion>>,
    looking: AtomicBool,
}

impl SeenVersion {
    fn look(&self, token: &TokenSource) {
        let version = token.version();
        *self.version.lock().unwrap_or_else(PoisonError::into_inner) = version;
    }
}

impl Api {
    /// `token` is read at every use; `large_answers` has the places for answers that are large,
    /// shared by all targets.
    pub fn new(client: Client, token: TokenSource, large_answers: Arc<Semaphore>) -> Self {
        Self { client, token, seen: Arc::default(), large_answers }
    }

    async fn read_token(&self) -> Result<Secret, ApiError> {
        let source = self.token.clone();
        let seen = self.seen.clone();
        let read = move || {
            // Before it is read: one that is replaced in between looks changed later, and never the
            // other way round.
            seen.look(&source);
            source.read()
        };
        timeout(TOKEN_TIMEOUT, tokio::task::spawn_blocking(read))
            .await
            .map_err(|_| {
                ApiError::TokenUnreadable(format!(
                    "reading the token took longer than {} s: does its file lie on a disk that hangs?",
                    TOKEN_TIMEOUT.as_secs()
                ))
            })?
            .map_err(|panic| ApiError::Internal(format!("reading the token broke off: {panic}")))?
            .map_err(|error| ApiError::TokenUnreadable(error.to_string()))
    }
}

impl Source for Api {
    async fn read(
        &self,
        query: Query,
        admission: &mut Admission,
        each: &mut (dyn FnMut(Element<'_>) + Send),
    ) -> Result<Answer, ApiError> {
        let token = self.read_token().await?;
        admission.among(self.large_answers.clone());
        self.client.read(query, token.expose(), admission, each).await
    }

    fn tells_quota(&self) -> bool {
        true
    }

    async fn token_info(&self) -> Result<TokenInfo, ApiError> {
        let token = self.read_token().await?;
        self.client.token_info(token.expose()).await
    }

    async fn names(
        &self,
        kind: NameKind,
        length: usize,
    ) -> Result<BTreeMap<String, String>, ApiError> {
        let token = self.read_token().await?;
        self.client.names(kind, length, token.expose()).await
    }

    fn credentials(&self) -> Option<TokenVersion> {
        if !self.seen.looking.swap(true, Ordering::AcqRel) {
            let token = self.token.clone();
            let seen = self.seen.clone();
            tokio::task::spawn_blocking(move || {
                seen.look(&token);
                seen.looking.store(false, Ordering::Release);
            });
        }
        *self.seen.version.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
