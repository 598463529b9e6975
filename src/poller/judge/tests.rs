//! Tests of the judge as tables: an answer or a failure, the known rows, and the verdict.

use super::*;
use crate::{
    ledger::RowBatch,
    model::LocalSecond,
    wolkvox::{Rejection, Row, RowLabels},
};

const CAP: u64 = 5000;
const HOUR: i64 = 3600;
/// The last moment that has been read, in Unix seconds.
const READ_TO: i64 = 1_768_780_800;

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(READ_TO + second).unwrap()
}

fn range(from: i64, to: i64) -> TimeRange {
    TimeRange { from: at(from), to: at(to) }
}

/// Returns a complete answer of `rows` rows.
fn answer(rows: u64) -> Answer {
    let mut batch = RowBatch::default();
    for fingerprint in 0..rows {
        batch.push(Ok(Row {
            labels: RowLabels::new("10", "voice", "1"),
            fingerprint,
            interaction: None,
            began: None,
            date: LocalSecond::new(READ_TO),
            second: None,
            attempts: 0,
        }));
    }
    Answer { batch, received: rows, ..Answer::default() }
}

/// Returns an answer of `rows` rows that announces `promised`.
fn short(rows: u64, promised: u64) -> Answer {
    let error = ApiError::TooFewRows { received: rows, promised, server_time: None };
    Answer { short: Some(error), ..answer(rows) }
}

fn unreadable(rows: u64) -> Answer {
    let mut answer = answer(rows);
    (0..rows).for_each(|_| answer.batch.push(Err(Rejection::BadDate.into())));
    let error = ApiError::RowsRejected {
        rejected: rows,
        total: rows * 2,
        field: "date",
        pattern: "9".to_owned(),
    };
    Answer { unreadable: Some(error), received: rows * 2, ..answer }
}

/// A judge and the current moment.
struct Court {
    judge: Judge,
    now: Instant,
    asked: Duration,
}

impl Court {
    fn new() -> Self {
        let now = Instant::now();
        Self { judge: Judge::new(CAP, Unanswerable::default()), now, asked: Duration::ZERO }
    }

    fn context(&self, range: TimeRange) -> Context {
        let (reading, read_to, now) = (Reading::Live, at(0), self.now);
        Context { reading, range, read_to, asked: now - self.asked, now, clock: range.to }
    }

    fn answered(&mut self, range: TimeRange, mut answer: Answer) -> String {
        let context = self.context(range);
        name(&self.judge.answered(&context, &mut answer))
    }

    fn failed(&mut self, range: TimeRange, error: ApiError) -> String {
        let context = self.context(range);
        name(&self.judge.failed(&context, error))
    }

    fn contradicted(&mut self, range: TimeRange, evidence: Evidence) -> String {
        let context = self.context(range);
        let narrowed = self.judge.contradicted(&context, evidence, at(0));
        name(&narrowed.map_or_else(Verdict::Fail, Verdict::Narrow))
    }

    fn wait(&mut self, wait: Duration) {
        self.now += wait;
    }
}

/// Returns a verdict as a text with its values.
fn name(verdict: &Verdict) -> String {
    match verdict {
        Verdict::Accept(Accepted { lost: 0, only_inside: false, .. }) => "accept".to_owned(),
        Verdict::Accept(Accepted { lost: 0, only_inside: true, .. }) => {
            "accept what lies inside".to_owned()
        }
        Verdict::Accept(Accepted { lost, .. }) => format!("accept, {lost} lost"),
        Verdict::Narrow(cause) => format!("narrow: {}", cause.as_str()),
        Verdict::Confirm => "confirm".to_owned(),
        Verdict::AskIsUp { .. } => "ask whether it is up".to_owned(),
        Verdict::AskForRows(_) => "ask for rows elsewhere".to_owned(),
        Verdict::GiveUp { lost, .. } => format!("give up, {lost} lost"),
        Verdict::PassOver => "pass over".to_owned(),
        Verdict::Stuck(_) => "stuck".to_owned(),
        Verdict::FailAndNarrow(..) => "fail and narrow".to_owned(),
        Verdict::Fail(error) => format!("fail: {}", error.class().as_str()),
    }
}

#[test]
fn the_first_answer_of_a_server() {
    let outside = |rows, outside| Answer { outside, ..answer(rows) };
    let live = range(-300, 300);
    let second = range(0, 1);
    for (what, range, answer, verdict) in [
        ("some rows", live, answer(7), "accept"),
        ("none, of a window", live, answer(0), "accept"),
        ("none, of an hour", range(0, HOUR), answer(0), "accept"),
        ("none, of more than an hour never read", range(0, HOUR + 1), answer(0), "confirm"),
        ("none, where all but an hour was read", range(-24 * HOUR, HOUR), answer(0), "accept"),
        ("as many as the limit", live, answer(CAP), "narrow: cap"),
        ("more, in one second", second, answer(CAP + 7), "accept, 1 lost"),
        ("a round number, which some limit may be", live, answer(2000), "narrow: cap"),
        ("a round number, in one second", second, answer(2000), "accept"),
        ("fewer than announced", live, short(7, 9), "narrow: truncated"),
        ("none of those announced", live, short(0, 9), "fail: truncated"),
        ("fewer than announced, in one second", second, short(7, 9), "fail: truncated"),
        (
            "the limit, fewer than announced, in one second",
            second,
            short(CAP, CAP + 9),
            "accept, 1 lost",
        ),
        ("all outside of the times", live, outside(7, 7), "fail: schema"),
        ("half outside of the times", live, outside(8, 4), "accept what lies inside"),
        ("a few outside of the times", live, outside(8, 3), "accept"),
        ("unreadable in a large share", live, unreadable(3), "fail: schema"),
    ] {
        assert_eq!(Court::new().answered(range, answer), verdict, "{what}");
    }
}

#[test]
fn the_first_failure_of_a_server() {
    let second = Duration::from_secs(1);
    let refused = || ApiError::Refused { status: 400, message: "too much".to_owned() };
    for (what, range, error, verdict) in [
        ("a server error", range(0, 300), ApiError::Http5xx(500), "fail: http_5xx"),
        ("a server error, of one second", range(0, 1), ApiError::Http5xx(500), "fail: http_5xx"),
        (
            "a broken connection",
            range(0, 300),
            ApiError::Connect("reset".to_owned()),
            "fail: connect",
        ),
        ("no answer in time", range(0, 300), ApiError::Timeout(second), "fail and narrow"),
        (
            "no answer in time, of one second",
            range(0, 1),
            ApiError::Timeout(second),
            "fail: timeout",
        ),
        ("too many bytes", range(0, 300), ApiError::TooLarge(9), "narrow: size"),
        ("a refusal in unknown words", range(0, 300), refused(), "narrow: refused"),
        ("a refused token", range(0, 300), ApiError::TokenInvalid, "fail: token_invalid"),
        ("asked to wait", range(0, 300), ApiError::Throttled(Some(second)), "fail: throttled"),
        (
            "nobody there",
            range(0, 300),
            ApiError::ConnectionRefused(String::new()),
            "fail: connect",
        ),
    ] {
        assert_eq!(Court::new().failed(range, error), verdict, "{what}");
    }
}

#[test]
fn a_failure_that_lasts_asks_whether_the_server_is_up_before_ranges_are_halved() {
    let error = || ApiError::Http5xx(500);
    for (up, then) in [(true, "narrow: failure"), (false, "fail: http_5xx")] {
        let mut court = Court::new();
        let range = range(0, 300);
        assert_eq!(court.failed(range, error()), "fail: http_5xx");
        assert_eq!(court.failed(range, error()), "ask whether it is up");
        let context = court.context(range);
        assert_eq!(name(&court.judge.is_up(&context, up, error())), then);
        let narrower = court.judge.next(Reading::Live, range.from, range.to, court.now, range.to);
        let length = if up { 150 } else { 300 };
        assert_eq!(narrower, NextRange::Ask(TimeRange { from: at(0), to: at(length) }), "{up}");
        // One answer proves for a minute that the server is up; while it is down, it is probed ever
        // more rarely.
        let next = court.failed(TimeRange { from: at(0), to: at(length) }, error());
        assert_eq!(next, if up { "narrow: failure" } else { "fail: http_5xx" });
        assert_eq!(
            court.failed(range, error()),
            if up { "narrow: failure" } else { "ask whether it is up" }
        );
    }
}

#[test]
fn a_second_that_fails_alone_is_given_up_after_three_polls_and_the_next_one_at_once() {
    let error = || ApiError::Http5xx(500);
    let mut court = Court::new();
    let fails = |court: &mut Court, second: i64| {
        let range = range(second, second + 1);
        match court.failed(range, error()).as_str() {
            "ask for rows elsewhere" => {
                let context = court.context(range);
                name(&court.judge.rows_elsewhere(&context, Elsewhere::Answers, error()))
            }
            other => other.to_owned(),
        }
    };
    let polls: Vec<String> = (0..4).map(|_| fails(&mut court, 10)).collect();
    assert_eq!(polls, ["fail: http_5xx", "stuck", "stuck", "give up, 1 lost"]);
    assert_eq!(fails(&mut court, 100), "give up, 1 lost");
    let skipped = court.judge.next(Reading::Live, at(10), at(11), court.now, at(300));
    assert_eq!(skipped, NextRange::Skip(at(11)));
}

#[test]
fn a_second_is_not_given_up_while_rows_elsewhere_fail_too() {
    let error = || ApiError::Http5xx(500);
    for (elsewhere, after_an_hour) in
        [(Elsewhere::Fails, "fail: http_5xx"), (Elsewhere::NothingKnown, "give up, 1 lost")]
    {
        let mut court = Court::new();
        let range = range(10, 11);
        court.failed(range, error());
        let ask = |court: &mut Court| {
            assert_eq!(court.failed(range, error()), "ask for rows elsewhere");
            let context = court.context(range);
            name(&court.judge.rows_elsewhere(&context, elsewhere, error()))
        };
        assert_eq!(ask(&mut court), "fail: http_5xx");
        court.wait(GIVES_WAY);
        assert_eq!(ask(&mut court), after_an_hour, "{elsewhere:?}");
    }
}

#[test]
fn hours_of_which_nothing_is_known_are_asked_for_in_two_halves_and_then_believed() {
    for hours in [2, 3, 24, 24 * 29] {
        // Not a multiple of any unit.
        let end = hours * HOUR + 1;
        let mut court = Court::new();
        let (mut from, mut requests) = (at(0), Vec::new());
        while from < at(end) {
            let next = court.judge.next(Reading::Live, from, at(end), court.now, at(end));
            let NextRange::Ask(range) = next else { panic!("nothing was given up") };
            requests.push(range.length().as_secs());
            if court.answered(range, answer(0)) == "confirm" {
                continue;
            }
            let context = court.context(range);
            let accepted = Accepted { few: true, ..Accepted::default() };
            court.judge.committed(&context, &accepted, Evidence::default(), Agreement::Agrees);
            from = range.to;
        }
        assert_eq!(requests, [end, end / 2, end - end / 2], "{hours}");
    }
}

#[test]
fn weeks_of_which_nothing_is_known_cost_two_requests_more_for_each_empty_answer() {
    let mut judge = Court::new().judge;
    let (begin, mut next) = (LocalSecond::new(0), LocalSecond::new(28 * 24 * HOUR + 17));
    let mut requests = 0;
    let mut accepted = 0;
    while let Some(stretch) = judge.next_week(begin, next) {
        requests += 1;
        if judge.week_answered(stretch, &mut answer(0), true, Instant::now()) == WeekVerdict::Accept
        {
            accepted += 1;
            next = stretch.0;
        }
    }
    // One day, four days, three weeks, and the rest.
    assert_eq!((requests, accepted), (3 * 6, 2 * 6));
}

#[test]
fn an_unreadable_share_fails_for_an_hour_and_then_gives_way() {
    let mut court = Court::new();
    let live = range(-300, 300);
    assert_eq!(court.answered(live, unreadable(3)), "fail: schema");
    court.wait(GIVES_WAY - Duration::from_secs(1));
    assert_eq!(court.answered(live, unreadable(3)), "fail: schema");
    court.wait(Duration::from_secs(1));
    assert_eq!(court.answered(live, unreadable(3)), "accept, 1 lost");
    assert_eq!(court.answered(live, answer(0)), "accept", "an empty answer proves nothing");
    assert_eq!(court.answered(live, unreadable(3)), "accept, 1 lost");
    assert_eq!(court.answered(live, answer(3)), "accept");
    assert_eq!(court.answered(live, unreadable(3)), "fail: schema", "it was readable in between");
}

#[test]
fn an_announced_number_that_is_never_right_is_believed_no_more() {
    let mut court = Court::new();
    assert_eq!(court.answered(range(0, 1), short(7, 9)), "fail: truncated");
    assert_eq!(
        court.answered(range(1, 2), short(7, 9)),
        "accept",
        "a second one: the number is wrong"
    );
    assert_eq!(court.answered(range(0, 300), short(7, 9)), "accept");
    assert_eq!(court.answered(range(0, 300), answer(7)), "accept", "whole");
    assert_eq!(court.answered(range(0, 300), short(7, 9)), "narrow: truncated", "believed again");
}

#[test]
fn a_server_that_ignores_the_times_is_found_out_by_a_wide_range() {
    let mut court = Court::new();
    let ask = |court: &mut Court| {
        let next = court.judge.next(Reading::Live, at(0), at(600), court.now, at(600));
        let NextRange::Ask(range) = next else { panic!("nothing was given up") };
        range
    };
    let wide = ask(&mut court);
    assert_eq!(court.failed(wide, ApiError::Timeout(Duration::from_secs(65))), "fail and narrow");
    let narrow = ask(&mut court);
    assert!(narrow.length() < wide.length());
    assert_eq!(court.answered(narrow, Answer { outside: 9, ..answer(9) }), "fail: schema");
    assert_eq!(ask(&mut court), wide);
    assert_eq!(court.answered(wide, Answer { outside: 7, ..answer(9) }), "accept what lies inside");
    let others = || Answer { outside: 9, ..answer(9) };
    court.wait(IGNORES_TIMES_FOR - Duration::from_secs(1));
    assert_eq!(court.answered(wide, others()), "accept what lies inside");
    court.wait(Duration::from_secs(1));
    assert_eq!(court.answered(wide, others()), "fail: schema", "nothing has shown it since");
}

/// Returns evidence: known rows of the answer's seconds, those of them that it holds, and new rows.
fn evidence(known: u64, held: u64, unseen: u64) -> Evidence {
    Evidence { known, held, unseen }
}

#[test]
fn an_answer_contradicts_what_is_known() {
    use Agreement::{Agrees, Contradicts};
    let check = |so_far, in_doubt| KnownRowsCheck {
        so_far,
        in_doubt,
        gives_way: false,
        known_before: None,
    };
    let nothing = Evidence::default();
    for (what, so_far, in_doubt, of_answer, agreement) in [
        ("all known rows are there", nothing, false, evidence(10, 10, 3), Agrees),
        ("half of them are", nothing, false, evidence(10, 5, 0), Agrees),
        ("most of ten are missing", nothing, false, evidence(10, 4, 0), Contradicts),
        ("most of nine are missing: too few to tell", nothing, false, evidence(9, 0, 20), Agrees),
        (
            "nine and one before it in the same poll",
            evidence(1, 0, 0),
            false,
            evidence(9, 0, 0),
            Contradicts,
        ),
        (
            "missing before it, and all there now",
            evidence(30, 0, 0),
            false,
            evidence(10, 10, 0),
            Contradicts,
        ),
        ("in doubt, and one is missing", nothing, true, evidence(1, 0, 0), Contradicts),
        ("in doubt, and it is there", nothing, true, evidence(1, 1, 5), Agrees),
        (
            "in doubt, with rows nobody knows and none that is known",
            nothing,
            true,
            evidence(0, 0, 1),
            Contradicts,
        ),
        ("in doubt, and nothing", nothing, true, nothing, Agrees),
    ] {
        assert_eq!(check(so_far, in_doubt).compare(of_answer), agreement, "{what}");
        let late = KnownRowsCheck { gives_way: true, ..check(so_far, in_doubt) };
        let after_an_hour = if agreement == Contradicts { Agreement::GivesWay } else { Agrees };
        assert_eq!(late.compare(of_answer), after_an_hour, "{what}");
    }
}

#[test]
fn a_contradiction_lasts_until_known_rows_come_or_an_hour_is_over() {
    let live = range(-600, 300);
    for (foreign, verdicts) in [
        // The rows of another report are the same in halves; an answer that only lacks some rows
        // may have been too much for the server.
        (true, ["fail: truncated", "fail: truncated"]),
        (false, ["fail: truncated", "narrow: failure"]),
    ] {
        let mut court = Court::new();
        let of_answer = evidence(20, 0, if foreign { 20 } else { 0 });
        for verdict in verdicts {
            assert_eq!(court.contradicted(live, of_answer), verdict, "{foreign}");
        }
        let check = |court: &mut Court| {
            let context = court.context(live);
            court.judge.check(&context)
        };
        let doubted = check(&mut court);
        assert!(doubted.in_doubt && !doubted.gives_way);
        assert_eq!(doubted.known_before, Some(at(0)), "rows committed since are no evidence");
        court.wait(GIVES_WAY);
        assert!(check(&mut court).gives_way);
        let context = court.context(live);
        let accepted = Accepted::default();
        court.judge.committed(&context, &accepted, evidence(20, 12, 0), Agreement::Agrees);
        assert!(!check(&mut court).in_doubt, "known rows are there again");
    }
}

#[test]
fn an_answer_that_lacks_rows_is_asked_for_in_halves_down_to_a_minute_once_an_hour() {
    let mut court = Court::new();
    let whole = range(-1800, 300);
    let lacks_all = evidence(20, 0, 0);
    assert_eq!(court.contradicted(whole, lacks_all), "fail: truncated");
    let mut requests = 0;
    loop {
        let next = court.judge.next(Reading::Live, whole.from, whole.to, court.now, whole.to);
        let NextRange::Ask(range) = next else { panic!("nothing was given up") };
        requests += 1;
        if court.contradicted(range, lacks_all) != "narrow: failure" {
            break;
        }
    }
    assert_eq!(requests, 7);
    assert_eq!(court.contradicted(whole, lacks_all), "fail: truncated", "not in the next poll");
    court.wait(Duration::from_secs(3600));
    assert_eq!(court.contradicted(whole, lacks_all), "narrow: failure");
}
