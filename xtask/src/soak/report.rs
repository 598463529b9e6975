//! Prints the findings of a soak, and decides if they are good.

#![expect(clippy::print_stdout, reason = "printing is what it is for")]

use super::findings::Findings;

/// Most lines shown of each list.
const SHOWN: usize = 20;

/// Prints a line.
pub fn say(line: &str) {
    println!("{line}");
}

/// Prints everything. Returns true if everything is right.
pub fn print(findings: &Findings) -> bool {
    let verdict = &findings.verdict;
    let faults = findings
        .requests
        .iter()
        .filter_map(|(kind, n)| kind.strip_prefix("fault_").map(|f| (f, n)));
    let faults: Vec<_> = faults.map(|(fault, count)| format!("{fault} {count}")).collect();
    let good = findings.requests.iter().filter(|(kind, _)| !kind.starts_with("fault_"));
    let good: Vec<_> = good.map(|(kind, count)| format!("{kind} {count}")).collect();
    let outcomes: Vec<_> =
        findings.outcomes.iter().map(|(name, rows)| format!("{name} {rows}")).collect();
    let memory = findings.most_memory.map_or("not known here".to_owned(), |bytes| {
        format!("{:.1} MiB", bytes as f64 / f64::from(1 << 20))
    });
    let count = |name: &str, value: &dyn std::fmt::Display| println!("{name:<32}{value}");
    println!();
    count("real rows", &verdict.rows);
    count("rows received", &outcomes.join(", "));
    count("kills", &findings.kills);
    count("reloads", &findings.reloads);
    count("requests", &findings.requests.values().sum::<u64>());
    count("  without a fault", &good.join(", "));
    count("  with one", &faults.join(", "));
    count("scrapes", &findings.scrapes);
    count("  while down or starting", &findings.while_down);
    count("  slowest", &format!("{} ms", findings.slowest_scrape.as_millis()));
    count("largest memory", &memory);
    count("furthest behind", &format!("{:.0} s", findings.largest_lag));
    if let Some(lines) = findings.unheard_lines {
        count("log lines nobody read", &format!("{lines} dropped in a life of a minute"));
    }
    println!();
    count("lost", &verdict.lost);
    count("doubled", &verdict.doubled);
    count("given up for now, and said so", &verdict.given_up);
    count("series not as they should be", &verdict.wrong.len());
    list(&verdict.wrong);
    count("counters that went back", &findings.gone_back.len());
    list(&findings.gone_back);
    count("scrapes failed, targets stuck", &findings.failed_scrapes.len());
    list(&findings.failed_scrapes);
    count("redirects followed", &findings.redirects_followed);
    verdict.rows > 0
        && verdict.wrong.is_empty()
        && findings.gone_back.is_empty()
        && findings.failed_scrapes.is_empty()
        && findings.redirects_followed == 0
        // If the pipe was never full, nothing was tested.
        && findings.unheard_lines != Some(0.0)
}

fn list(lines: &[String]) {
    for line in lines.iter().take(SHOWN) {
        println!("    {line}");
    }
    if lines.len() > SHOWN {
        println!("    and {} more", lines.len() - SHOWN);
    }
}
