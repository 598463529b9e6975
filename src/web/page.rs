//! The landing page: plain HTML by hand, for a person who opened the exporter's address in a browser.
//!
//! No script, nothing from elsewhere. Every value that comes from configuration or state is escaped.

use std::fmt::{self, Display, Write as _};

use super::{Readiness, Site};

const HEAD: &str = "<!doctype html>
<html lang=\"en\">
<head>
<meta charset=\"utf-8\">
<meta name=\"viewport\" content=\"width=device-width\">
<title>Wolkvox exporter</title>
<link rel=\"icon\" href=\"data:,\">
<style>
:root { color-scheme: light dark; }
body { font: 1rem/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 45rem; padding: 0 1rem; }
dt { font-weight: bold; overflow-wrap: anywhere; }
dd { margin: 0 0 1rem; overflow-wrap: anywhere; }
.bad { border-left: .25rem solid #c33; padding-left: .75rem; }
</style>
</head>
<body>
";

/// The page at `/`.
pub(super) fn landing(site: &Site) -> String {
    let mut page = String::from(HEAD);
    // Writing to a `String` cannot fail.
    let _ = body(site, &mut page);
    page
}

fn body(site: &Site, page: &mut String) -> fmt::Result {
    writeln!(page, "<h1>Wolkvox exporter</h1>\n<p>Version {}.", Escaped(&site.version))?;
    if let Readiness::NotReady(reason) = &**site.readiness.load() {
        writeln!(page, "Not ready: {}", Escaped(reason))?;
    }
    let metrics = Escaped(&site.telemetry_path);
    writeln!(page, "</p>\n<ul>\n<li><a href=\"{metrics}\">Metrics</a></li>")?;
    writeln!(page, "<li><a href=\"/-/healthy\">Healthy?</a></li>")?;
    writeln!(page, "<li><a href=\"/-/ready\">Ready?</a></li>\n</ul>\n<h2>Targets</h2>")?;
    let targets = (site.targets)();
    if targets.is_empty() {
        writeln!(page, "<p>None yet.</p>")?;
    }
    writeln!(page, "<dl>")?;
    for target in &targets {
        let class = if target.ok { "" } else { " class=\"bad\"" };
        write!(page, "<dt>{}</dt>\n<dd{class}>{}", Escaped(&target.name), Escaped(&target.sentence))?;
        match target.watermark {
            Some(watermark) => writeln!(page, "<br>Complete up to {watermark:.0}.</dd>")?,
            None => writeln!(page, "<br>Nothing committed yet.</dd>")?,
        }
    }
    writeln!(page, "</dl>\n</body>\n</html>")
}

/// Text made safe between tags and inside a quoted attribute.
struct Escaped<'a>(&'a str);

impl Display for Escaped<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for c in self.0.chars() {
            match c {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                c => f.write_char(c)?,
            }
        }
        Ok(())
    }
}
