//! Owns every number that decides whether an alert fires. Must hold no PromQL: change a number here, run
//! `cargo xtask rules`, and all rules and texts follow.

/// How unlikely a fall has to be before it is an alert, as a squared z-score: 22 is one in 740,000 for one look, in the
/// windows of an hour and less, which have some 20,000 independent looks a month at an option. Higher is quieter and
/// slower.
pub const FAST_SCORE: u32 = 22;
/// The same in the longer windows, which look a tenth as often.
pub const SLOW_SCORE: u32 = 16;
/// How long the longer windows must hold on: two polls, so that one poll's chance does not decide.
pub const SLOW_HOLD: &str = "10m";
/// The score from which on a whole routing point has fallen.
pub const COLLAPSE_SCORE: u32 = 22;
/// What a day that no calendar knew leaves of an operation, at the least that is believed: below it, all routing points
/// have fallen, and that is told.
pub const OPERATION_LEAST: f64 = 0.4;
/// The score of rises (surge, abandonment, retries, loops, no-input): more of them look at each option.
pub const RISE_SCORE: u32 = 30;

/// Windows in which counts are compared, name and seconds. An option that is entered 500 times an hour is judged in
/// the first, one of 15 in the later ones: to see a fall to zero takes about 18 expected hits.
pub const WINDOWS: [(&str, u32); 10] = [
    ("10m", 600),
    ("20m", 1200),
    ("30m", 1800),
    ("45m", 2700),
    ("1h", 3600),
    ("90m", 5400),
    ("2h", 7200),
    ("3h", 10800),
    ("5h", 18000),
    ("8h", 28800),
];
/// The windows whose alert is the fast one; the others make the slow one.
pub const FAST: &str = "10m|20m|30m|45m|1h";
/// The others.
pub const SLOW: &str = "90m|2h|3h|5h|8h";
/// The windows, of those above, in which a whole routing point is judged.
pub const POINT_WINDOWS: &str = "10m|20m|30m|1h|3h";
/// Windows of a surge, of those above: one for a campaign that hits at once, one for a small option.
pub const SURGE_WINDOWS: &str = "30m|3h";
/// Windows, of those above, in which shares (abandonment, retries, ...) are judged.
pub const SHARE_WINDOWS: [&str; 2] = ["1h", "3h"];

/// Weeks that the expectation looks back; it takes their median.
pub const WEEKS: u32 = 4;
/// Minutes before and after the same moment of an earlier week that count as the same hour.
pub const NEIGHBOURHOOD_MINUTES: u32 = 30;

/// Variation that is not chance, as a share of what is expected: of an option within its routing point,
pub const OPTION_NOISE: f64 = 0.05;
/// of a routing point from week to week (0.2 makes a fall to less than about a fifth an alert, a fall to 40 % none),
pub const POINT_NOISE: f64 = 0.2;
/// of a surge,
pub const SURGE_NOISE: f64 = 0.15;
/// and of shares from day to day.
pub const SHARE_NOISE: f64 = 0.15;

/// The routing point's level of today is held to be that of the whole operation as if so many hits had already said so:
/// 25 stands for a level that varies by a fifth. Without it, a few other hits more or less would decide about an option.
pub const LEVEL_PRIOR: u32 = 25;
/// Rises are judged only where at least so many are expected: an option that is new is not a surge.
pub const RISE_LEAST: u32 = 3;
/// A surge is judged only against so many weeks: one alone may have been a holiday.
pub const SURGE_WEEKS: u32 = 2;

/// A surge is at least so many times the expectation.
pub const SURGE_FACTOR: f64 = 2.0;
/// A share has risen when it is at least so many times its usual value.
pub const SHARE_FACTOR: f64 = 1.5;
/// The p90 of the time to an option: so many times the usual one, by at least so many seconds, over so many hits.
pub const TIME_FACTOR: f64 = 1.5;
/// Seconds, see [`TIME_FACTOR`].
pub const TIME_SECONDS: u32 = 15;
/// Hits within an hour, see [`TIME_FACTOR`].
pub const TIME_HITS: u32 = 100;

/// Seconds without new data that are too many: three polls of five minutes.
pub const DATA_LATE_SECONDS: u32 = 900;
/// Seconds by which the server's clock and ours may differ.
pub const CLOCK_SKEW_SECONDS: u32 = 30;
/// Share of the rows of a day that may come later than a day.
pub const LATE_SHARE: f64 = 0.001;
/// Share of the limit of series from which on it is nearly reached.
pub const SERIES_SHARE: f64 = 0.9;
/// The servers' zone, hours from UTC: when the quota's day ends.
pub const ZONE_HOURS: i32 = -5;
/// The job of the exporter in `scrape_configs`.
pub const JOB: &str = "wolkvox";
