//! Answers as real servers break them, over a socket and through the real client: which are read,
//! and which are refused with which class. An answer that was not understood must never pass for an
//! empty window.
//!
//! | file | shows |
//! | --- | --- |
//! | `shapes` | envelopes, statuses, kinds of `data`, words |
//! | `bytes` | character sets, codings, framing, heads |
//! | `damage` | a whole answer with random damage |

mod bytes;
mod damage;
mod shapes;

use std::{sync::Arc, time::Duration};

use crate::support::front::Front;
use jiff::civil::date;
use wolkvox_exporter::{
    ledger::RowBatch,
    model::Fingerprints,
    wolkvox::{Admission, ApiError, Client, ClientLimits, Query, ReportName, RowParser},
};

/// Returns one good row with this option.
pub(crate) fn row(option: &str) -> String {
    format!(
        r#"{{"rp_id":"10","conn_id":"6000.10.1040.1795640000.7","customer_id":"C","channel":"voice","attempt":"1","telephone":"57300","date":"2026-11-25 16:00:00","second_event":"7","cod_opc_menu":"{option}"}}"#
    )
}

/// Returns a whole answer with a correct head and this body.
pub(crate) fn answer(status: &str, headers: &str, body: &[u8]) -> Vec<u8> {
    let head = format!(
        "HTTP/1.1 {status}\r\n{headers}Content-Length: {}\r\nConnection: close\r\n\r\n",
        body.len()
    );
    [head.into_bytes(), body.to_vec()].concat()
}

/// The exporter's reading of a successful answer: options of the rows that it would commit, and the
/// number of rows that it could not read.
#[derive(Debug, PartialEq)]
pub(crate) struct Read {
    pub(crate) options: Vec<String>,
    /// Keys by which the ledger tells rows of one date apart.
    pub(crate) fingerprints: Vec<u64>,
    pub(crate) unread: u64,
}

/// Asks a server that answers with these bytes, as the poller asks.
pub(crate) async fn ask(bytes: Vec<u8>) -> Result<Read, ApiError> {
    let front = Front::start(vec![bytes], None).await;
    ask_at(&front.url()).await
}

pub(crate) async fn ask_at(url: &str) -> Result<Read, ApiError> {
    ask_with(&client(url)?).await
}

pub(crate) fn client(url: &str) -> Result<Client, ApiError> {
    let limits = ClientLimits { connect: Duration::from_secs(5), ..ClientLimits::default() };
    Client::new(&url.parse().expect("a URL"), &Default::default(), limits)
}

pub(crate) async fn ask_with(client: &Client) -> Result<Read, ApiError> {
    let query = Query {
        report: ReportName::Diagram13,
        from: date(2026, 11, 25).at(16, 0, 0, 0),
        to: date(2026, 11, 25).at(16, 5, 0, 0),
    };
    let parser = RowParser::new(Fingerprints::new([7; 16]), 128);
    let (mut batch, mut options, mut fingerprints) =
        (RowBatch::new(Arc::default()), Vec::new(), Vec::new());
    let result = client
        .read(query, "t0ken", &mut Admission::default(), &mut |element| {
            let row = parser.parse(element);
            options.extend(row.iter().map(|row| row.labels.option.to_string()));
            fingerprints.extend(row.iter().map(|row| row.fingerprint));
            batch.push(row);
        })
        .await;
    // As in `poller::request`.
    match result {
        Ok(_) => batch.verdict().map(|()| Read { options, fingerprints, unread: batch.unread() }),
        Err(fault) => Err(fault),
    }
}

/// Returns the class of a failure, or `ok` and the options.
pub(crate) fn told(result: &Result<Read, ApiError>) -> String {
    match result {
        Ok(read) => format!("ok {}", read.options.join(" ")).trim().to_owned(),
        Err(fault) => fault.class().as_str().to_owned(),
    }
}
