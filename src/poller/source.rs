//! The source of rows: the vendor's API, or that of a test.

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

/// The API of one target's server, or a test's replacement of it.
pub trait Source: Send + Sync + 'static {
    /// Reads like [`Client::read`], with a token that is read again for each request.
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

    /// Requests the day's quota, which itself counts against it.
    fn token_info(&self) -> impl Future<Output = Result<TokenInfo, ApiError>> + Send {
        async { Err(ApiError::Internal("this source tells no quota".to_owned())) }
    }

    /// Requests the names of routing points or options, each cut to `length` characters.
    fn names(
        &self,
        _kind: NameKind,
        _length: usize,
    ) -> impl Future<Output = Result<BTreeMap<String, String>, ApiError>> + Send {
        async { Ok(BTreeMap::new()) }
    }

    /// Returns the version of the token. A change means that the token was replaced, so that a
    /// refused one is tried again soon. Must not wait for a disk.
    fn credentials(&self) -> Option<TokenVersion>;
}

/// The vendor's API, with the token that its source has at the moment of each request.
#[derive(Debug, Clone)]
pub struct Api {
    client: Client,
    token: TokenSource,
    seen: Arc<SeenVersion>,
    large_answers: Arc<Semaphore>,
}

/// The last seen version of a token file. The file may be on a hanging disk, which must not block
/// scrapes, so another thread checks it, one check at a time, and callers get the version seen
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
    /// Makes a source whose `token` is read at every use. `large_answers` has the places for large
    /// answers, which all targets share.
    pub fn new(client: Client, token: TokenSource, large_answers: Arc<Semaphore>) -> Self {
        Self { client, token, seen: Arc::default(), large_answers }
    }

    async fn read_token(&self) -> Result<Secret, ApiError> {
        let source = self.token.clone();
        let seen = self.seen.clone();
        let read = tokio::task::spawn_blocking(move || {
            // The version is read before the token: if the token is replaced in between, it looks
            // changed later, and a change is never missed.
            seen.look(&source);
            source.read()
        });
        timeout(TOKEN_TIMEOUT, read)
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
