//! Where rows come from.

use std::collections::BTreeMap;

use crate::{
    config::{Secret, TokenSource, TokenVersion},
    model::NameKind,
    wolkvox::{Answer, ApiError, Client, Element, Query, TokenInfo},
};

/// The API, or a test's idea of it.
pub trait Source: Send + Sync + 'static {
    /// As [`Client::read`], with the token found anew.
    fn read(
        &self,
        query: Query,
        each: &mut (dyn FnMut(Element<'_>) + Send),
    ) -> impl Future<Output = Result<Answer, ApiError>> + Send;

    /// Whether [`Source::token_info`] can be asked.
    fn tells_quota(&self) -> bool {
        false
    }

    /// What the vendor says of the day's quota. Costs a request of it.
    fn token_info(&self) -> impl Future<Output = Result<TokenInfo, ApiError>> + Send {
        async { Err(ApiError::Internal("this source tells no quota".to_owned())) }
    }

    /// What routing points or options are called, each name of at most `length` characters; `None` from a source
    /// that has no names.
    fn names(
        &self,
        _kind: NameKind,
        _length: usize,
    ) -> impl Future<Output = Result<Option<BTreeMap<String, String>>, ApiError>> + Send {
        async { Ok(None) }
    }

    /// Changes when the token does, so that a refused one is tried again at once when it has been replaced.
    fn credentials(&self) -> Option<TokenVersion>;
}

/// The vendor's API, asked with the token that its source has at that moment.
#[derive(Debug, Clone)]
pub struct Api {
    /// Asks.
    pub client: Client,
    /// Read anew at every use.
    pub token: TokenSource,
}

impl Api {
    async fn read_token(&self) -> Result<Secret, ApiError> {
        let source = self.token.clone();
        // A token file may lie on a disk that hangs; scrapes must not.
        tokio::task::spawn_blocking(move || source.read())
            .await
            .map_err(|panic| ApiError::Internal(format!("reading the token broke off: {panic}")))?
            .map_err(|error| ApiError::TokenUnreadable(error.to_string()))
    }
}

impl Source for Api {
    async fn read(
        &self,
        query: Query,
        each: &mut (dyn FnMut(Element<'_>) + Send),
    ) -> Result<Answer, ApiError> {
        let token = self.read_token().await?;
        self.client.read(query, token.expose(), each).await
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
    ) -> Result<Option<BTreeMap<String, String>>, ApiError> {
        let token = self.read_token().await?;
        self.client.names(kind, length, token.expose()).await.map(Some)
    }

    fn credentials(&self) -> Option<TokenVersion> {
        self.token.fingerprint()
    }
}
