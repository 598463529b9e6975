//! Owns the shorthand of the annotations: `<option>` and its like become Prometheus templates that look names and
//! figures up when the alert fires. Must not hold sentences.

/// Replaces every shorthand.
///
/// | shorthand | becomes |
/// | --- | --- |
/// | `<option>`, `<point>` | the code, and the name in brackets if there is one |
/// | `<channel>`, `<server>`, `<class>` | the label |
/// | `<share>` | the alert's value as a percentage |
/// | `<seconds>`, `<value>` | the alert's value as a duration, or as it is |
/// | `<weeks>` | how many weeks the expectation stands on |
/// | `<option-counts SCORE OBSERVED EXPECTED>` | `3 of 41 within 30m`, of the window with the highest score |
/// | `<point-counts ...>` | the same for a routing point |
pub fn template(text: &str) -> String {
    let mut out = text.to_owned();
    while let Some(start) = out.find("-counts ") {
        let (Some(open), Some(end)) = (out[..start].rfind('<'), out[start..].find('>')) else { break };
        let shorthand = out[open + 1..start + end].to_owned();
        out.replace_range(open..=start + end, &counts(&shorthand));
    }
    for (short, long) in [
        (
            "<option>",
            "{{ $labels.cod_opc_menu }}{{ with printf \"wolkvox_menu_option_info{server=%q,cod_opc_menu=%q}\" \
             $labels.server $labels.cod_opc_menu | query }} ({{ . | first | label \"description\" }}){{ end }}",
        ),
        (
            "<point>",
            "{{ $labels.rp_id }}{{ with printf \"wolkvox_routing_point_info{server=%q,rp_id=%q}\" \
             $labels.server $labels.rp_id | query }} ({{ . | first | label \"rp_name\" }}){{ end }}",
        ),
        (
            "<weeks>",
            "{{ with printf \"server_rp_id_channel_cod_opc_menu:wolkvox_menu_option_hits:baseline_weeks\
             {server=%q,rp_id=%q,channel=%q,cod_opc_menu=%q}\" $labels.server $labels.rp_id $labels.channel \
             $labels.cod_opc_menu | query }}{{ . | first | value }}{{ end }}",
        ),
        ("<option-code>", "{{ $labels.cod_opc_menu | urlquery }}"),
        ("<point-code>", "{{ $labels.rp_id | urlquery }}"),
        ("<server-code>", "{{ $labels.server | urlquery }}"),
        ("<channel>", "{{ $labels.channel }}"),
        ("<server>", "{{ $labels.server }}"),
        ("<instance>", "{{ $labels.instance }}"),
        ("<class>", "{{ $labels.class }}"),
        ("<share>", "{{ $value | humanizePercentage }}"),
        ("<seconds>", "{{ $value | humanizeDuration }}"),
        ("<value>", "{{ $value | humanize }}"),
    ] {
        out = out.replace(short, long);
    }
    out
}

/// `option-counts SCORE OBSERVED EXPECTED`: finds the window of the highest score, then both counts in it.
fn counts(shorthand: &str) -> String {
    let mut words = shorthand.split_whitespace();
    let option = words.next() == Some("option-counts");
    let (score, observed, expected) = (
        words.next().unwrap_or_default(),
        words.next().unwrap_or_default(),
        words.next().unwrap_or_default(),
    );
    let (labels, values) = if option {
        (
            "server=%q,rp_id=%q,channel=%q,cod_opc_menu=%q",
            "$labels.server $labels.rp_id $labels.channel $labels.cod_opc_menu",
        )
    } else {
        ("server=%q,rp_id=%q,channel=%q", "$labels.server $labels.rp_id $labels.channel")
    };
    let count = |metric: &str| {
        format!(
            "{{{{ with printf \"{metric}{{{labels},window=%q}}\" {values} $window | query }}}}\
             {{{{ . | first | value | printf \"%.0f\" }}}}{{{{ end }}}}"
        )
    };
    format!(
        "{{{{ with printf \"topk(1, {score}{{{labels}}})\" {values} | query }}}}\
         {{{{ $window := . | first | label \"window\" }}}}{} / {} ({{{{ $window }}}}){{{{ end }}}}",
        count(observed),
        count(expected)
    )
}
