package main

// names shows what routing points and options are called.
func (e *exposition) names() {
	seen := map[string]bool{}
	for _, p := range e.world.points {
		e.add(gauge(1), "wolkvox_routing_point_info", "server", server, "rp_id", p.id, "rp_name", p.name)
		for _, o := range p.options {
			e.add(gauge(1), "wolkvox_routing_point_option_info",
				"server", server, "rp_id", p.id, "cod_opc_menu", o.code, "description", o.name)
			if !seen[o.code] {
				seen[o.code] = true
				e.add(gauge(1), "wolkvox_menu_option_info",
					"server", server, "cod_opc_menu", o.code, "description", o.name, "kind", o.kind)
			}
		}
	}
}

// health shows the exporter itself: an hour without answers, and otherwise an ordinary life.
func (e *exposition) health() {
	of := func(pairs ...string) []string { return append([]string{"server", server}, pairs...) }
	w := e.world
	e.add(func(k int) (float64, bool) {
		if e.outage(k) {
			return 0, true
		}
		return 1, true
	}, "wolkvox_up", of()...)
	e.addBare(func(k int) (float64, bool) {
		if w.gone(k) {
			return 0, true
		}
		return 1, true
	}, "up", "job", "wolkvox", "instance", "exporter:10013")
	read := func(k int) (float64, bool) { return float64(w.at(e.read(k))), true }
	e.add(read, "wolkvox_watermark_timestamp_seconds", of()...)
	e.add(read, "wolkvox_last_row_timestamp_seconds", of()...)
	e.add(e.during(read), "wolkvox_menu_window_end_timestamp_seconds", of()...)
	e.add(e.during(func(k int) (float64, bool) { return float64(w.at(k) - e.window(k)), true }),
		"wolkvox_menu_window_start_timestamp_seconds", of()...)
	e.add(func(k int) (float64, bool) {
		if e.young {
			return youngSteps * step, true
		}
		return float64(k+1) * step, true
	}, "wolkvox_baseline_history_seconds", of()...)

	failures := func(class string, by float64) func(k int) (float64, bool) {
		last, sum := -1, 0.
		return func(k int) (float64, bool) {
			for ; last < k; last++ {
				for _, one := range troubles {
					if one.class == class && e.in(one, last+1) {
						sum += by
					}
				}
			}
			return sum, true
		}
	}
	for _, class := range []string{"connect", "timeout", "throttled", "schema", "token_invalid"} {
		e.add(failures(class, 1), "wolkvox_poll_failures_total", of("class", class)...)
		e.add(failures(class, 3), "wolkvox_api_errors_total", of("class", class)...)
	}
	e.add(e.steady(1), "wolkvox_polls_total", of()...)
	e.add(e.steady(1.2), "wolkvox_api_requests_total", of()...)
	for outcome, by := range map[string]float64{"new": 200, "repeated": 1200, "rejected": .1, "out_of_range": 0} {
		e.add(e.steady(by), "wolkvox_rows_total", of("outcome", outcome)...)
	}
	e.add(e.steady(.1), "wolkvox_rows_rejected_total", of("reason", "no_identity")...)
	e.add(e.steady(.5), "wolkvox_late_rows_total", of()...)
	e.add(e.steady(.01), "wolkvox_window_splits_total", of("cause", "truncated")...)
	e.add(gauge(0), "wolkvox_windows_incomplete_total", of()...)
	e.add(gauge(0), "wolkvox_series_overflow_total", of("label", "cod_opc_menu")...)
	e.add(gauge(.2), "wolkvox_clock_skew_seconds", of()...)
	e.add(gauge(float64(len(e.all)/20)), "wolkvox_series", of()...)
	e.add(gauge(10000), "wolkvox_series_limit", of()...)
	e.add(func(k int) (float64, bool) { return float64((w.at(k) - 5*3600) % 86400 / step), true },
		"wolkvox_quota_requests_used", of()...)
	e.add(gauge(2000), "wolkvox_quota_requests_limit", of()...)
	for _, name := range []string{"wolkvox_row_lateness_seconds", "wolkvox_poll_duration_seconds", "wolkvox_api_request_duration_seconds"} {
		for i, upper := range []string{"1", "5", "60", "600", "+Inf"} {
			e.add(e.steady(float64(i+1)), name+"_bucket", of("le", upper)...)
		}
		e.add(e.steady(5), name+"_count", of()...)
		e.add(e.steady(90), name+"_sum", of()...)
	}
	e.add(gauge(1), "wolkvox_exporter_build_info", "version", "0.0.0")
	e.add(gauge(1), "wolkvox_exporter_runbooks_info", "url", "http://exporter:10013/runbooks")
	e.add(gauge(2e7), "process_resident_memory_bytes")
	e.add(gauge(.004), "scrape_duration_seconds")
	e.add(gauge(float64(len(e.all))), "scrape_samples_scraped")
	// As the rules would have told of the hours without rows.
	for _, one := range troubles {
		alert := of("alertname", one.alert, "class", one.class, "severity", one.severity)
		fires := func(value func(k int) float64) func(k int) (float64, bool) {
			return func(k int) (float64, bool) { return value(k), e.in(one, k) }
		}
		e.addBare(fires(func(int) float64 { return 1 }), "ALERTS", append(alert, "alertstate", "firing")...)
		e.addBare(fires(func(k int) float64 { return float64(w.at(e.read(k) + 1)) }), "ALERTS_FOR_STATE", alert...)
	}
}

// addBare is without the labels of a target.
func (e *exposition) addBare(value func(k int) (float64, bool), name string, pairs ...string) {
	e.all = append(e.all, &series{labels: labelsOf(append(pairs, "__name__", name)), value: value})
}
