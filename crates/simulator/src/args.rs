//! The command line of a simulator that runs on its own.
//!
//! Owns flags and their texts. It must never hold behaviour of the simulator.

use super::incident::{WrittenIncident, share};
use super::options::{Options, TooManyRows};
use super::{SimulatedServer, serve};
use anyhow::Context;
use jiff::Timestamp;
use jiff::tz::TimeZone;
use tokio::net::TcpListener;

/// The arguments of `simulate`.
#[derive(Clone, Debug, clap::Args)]
pub struct SimulateArgs {
    /// Address to listen on; port 0 takes a free one
    #[arg(
        long = "simulate.listen-address",
        value_name = "ADDRESS",
        env = "WOLKVOX_SIMULATE_LISTEN_ADDRESS",
        default_value = "127.0.0.1:8013"
    )]
    pub listen_address: String,

    /// Seed of the traffic: the same one gives the same rows
    #[arg(
        long = "simulate.seed",
        value_name = "NUMBER",
        env = "WOLKVOX_SIMULATE_SEED",
        default_value_t = 1
    )]
    pub seed: u64,

    /// The token that is accepted; it guards nothing but invented rows
    #[arg(
        long = "simulate.token",
        value_name = "TEXT",
        env = "WOLKVOX_SIMULATE_TOKEN",
        default_value = "simulator-token"
    )]
    pub token: String,

    /// Zone of the server's local time, as in the IANA database
    #[arg(
        long = "simulate.timezone",
        value_name = "ZONE",
        env = "WOLKVOX_SIMULATE_TIMEZONE",
        default_value = "America/Bogota",
        value_parser = zone
    )]
    pub timezone: TimeZone,

    /// Amount of traffic; 1 gives about one row a second in the busiest hour
    #[arg(
        long = "simulate.scale",
        value_name = "FACTOR",
        env = "WOLKVOX_SIMULATE_SCALE",
        default_value_t = 1.0,
        value_parser = scale
    )]
    pub scale: f64,

    /// Most rows in one answer
    #[arg(
        long = "simulate.rows-limit",
        value_name = "NUMBER",
        env = "WOLKVOX_SIMULATE_ROWS_LIMIT",
        default_value_t = 60_000
    )]
    pub rows_limit: u64,

    /// What a window of more rows gives
    #[arg(
        long = "simulate.over-limit",
        value_name = "WAY",
        env = "WOLKVOX_SIMULATE_OVER_LIMIT",
        value_enum,
        default_value_t
    )]
    pub over_limit: TooManyRows,

    /// Share of rows, 0 to 1, that appear minutes to hours after their date
    #[arg(
        long = "simulate.late-share",
        value_name = "SHARE",
        env = "WOLKVOX_SIMULATE_LATE_SHARE",
        default_value_t = 0.02,
        value_parser = share
    )]
    pub late_share: f64,

    /// Requests in one local day; unlimited if not given
    #[arg(
        long = "simulate.daily-limit",
        value_name = "NUMBER",
        env = "WOLKVOX_SIMULATE_DAILY_LIMIT"
    )]
    pub daily_limit: Option<u64>,

    /// An option that is chosen less for some time; repeat it for several. The share that is left
    /// is 0 and the end never where not given; times are from the start, or moments of the server's
    /// clock such as 2026-11-30T10:50
    #[arg(
        long = "simulate.incident",
        value_name = "from=TIME,until=TIME,left=SHARE,rp_id=ID,cod_opc_menu=CODE",
        env = "WOLKVOX_SIMULATE_INCIDENT",
        value_parser = WrittenIncident::parse
    )]
    pub incidents: Vec<WrittenIncident>,
}

/// Serves a simulator until `shutdown`.
pub async fn run(args: SimulateArgs, shutdown: impl Future<Output = ()>) -> anyhow::Result<()> {
    let address = &args.listen_address;
    let listener = TcpListener::bind(address)
        .await
        .map_err(|error| anyhow::anyhow!("cannot listen on {address}: {error}"))?;
    let bound = listener.local_addr()?;
    tracing::info!(address = %bound, "the simulator listens on http://{bound}");
    serve(listener, SimulatedServer::new(args.into()), shutdown)
        .await
        .context("the simulator cannot accept connections")
}

impl From<SimulateArgs> for Options {
    fn from(args: SimulateArgs) -> Self {
        let start = Timestamp::now();
        let incidents =
            args.incidents.into_iter().map(|incident| incident.resolve(start, &args.timezone));
        Self {
            incidents: incidents.collect(),
            seed: args.seed,
            token: args.token,
            zone: args.timezone,
            scale: args.scale,
            rows_limit: args.rows_limit,
            over_limit: args.over_limit,
            late_share: args.late_share,
            daily_limit: args.daily_limit,
            ..Self::default()
        }
    }
}

fn zone(name: &str) -> Result<TimeZone, String> {
    TimeZone::get(name).map_err(|error| error.to_string())
}

fn scale(text: &str) -> Result<f64, String> {
    // A minute's interactions are held in memory; with a larger scale they would not fit.
    match text.parse() {
        Ok(number) if (0.0..=10_000.0).contains(&number) => Ok(number),
        _ => Err("not a number from 0 to 10000".to_owned()),
    }
}
