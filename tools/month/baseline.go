package main

import "math"

// A score compares the counts of so many steps: two hours.
const scored = 24

// baseline shows what was usual for an option, from the weeks before, and how far from it the present is. It is simpler
// than the exporter's own: here the traffic is known to be tame, and only the shape of what is shown has to be right.
func (e *exposition) baseline(o *option, labelled func(pairs ...string) []string) {
	expected := e.usual(o.hits)
	weeks := func(k int) float64 {
		if e.young {
			return 0
		}
		return math.Min(4, math.Floor(float64(k)/stepsPerWeek))
	}
	known := func(value func(k int) (float64, bool)) func(k int) (float64, bool) {
		return e.during(func(k int) (float64, bool) {
			if weeks(k) == 0 {
				return 0, false
			}
			return value(k)
		})
	}
	e.add(func(k int) (float64, bool) { return weeks(k), true }, "wolkvox_baseline_observations", labelled()...)
	e.add(known(func(k int) (float64, bool) { return expected[k] * float64(e.window(k)) / step, true }),
		"wolkvox_menu_window_option_expected_hits", labelled()...)

	observed, usual := sums(o.hits), sums64(expected)
	score := func(k int) float64 {
		if weeks(k) < 2 || usual[k] <= observed[k] {
			return 0
		}
		// In standard deviations: of counts, and of 15 % of what is usual. The alert's limit is five.
		z := (usual[k] - observed[k]) / math.Sqrt(usual[k]+math.Pow(.15*usual[k], 2))
		return z * z / 25
	}
	for _, anomaly := range []string{"surge", "abandonment", "retries", "loops", "time_to_option"} {
		e.add(known(gauge(.1)), "wolkvox_menu_option_anomaly_score", labelled("anomaly", anomaly)...)
	}
	e.add(known(func(k int) (float64, bool) { return score(k), true }),
		"wolkvox_menu_option_anomaly_score", labelled("anomaly", "drop_off")...)
	while := func(limit float64, value func(k int) float64) func(k int) (float64, bool) {
		return known(func(k int) (float64, bool) { return value(k), score(k) >= limit })
	}
	near := labelled("anomaly", "drop_off")
	e.add(while(.5, func(k int) float64 { return observed[k] }), "wolkvox_menu_anomaly_observed", near...)
	e.add(while(.5, func(k int) float64 { return usual[k] }), "wolkvox_menu_anomaly_expected", near...)
	e.add(while(.5, func(int) float64 { return scored * step }), "wolkvox_menu_anomaly_window_seconds", near...)

	// What Prometheus makes of the rule, with the labels of rules/wolkvox-alerts.yaml.
	alert := labelled("alertname", "WolkvoxMenuOptionDropOff", "severity", "warning")
	since := func(k int) float64 {
		for k > 0 && score(k-1) >= 1 {
			k--
		}
		return float64(e.world.at(k))
	}
	e.addBare(while(1, func(int) float64 { return 1 }), "ALERTS", append(alert, "alertstate", "firing")...)
	e.addBare(while(1, since), "ALERTS_FOR_STATE", alert...)
}

// usual is the mean of the half hours around the same time of up to four weeks before.
func (e *exposition) usual(hits []float32) []float64 {
	expected := make([]float64, len(hits))
	for k := range hits {
		sum, seen := 0., 0.
		for week := 1; week <= 4 && k-week*stepsPerWeek >= 0; week++ {
			for around := -3; around <= 3; around++ {
				if at := k - week*stepsPerWeek + around; at >= 0 {
					sum, seen = sum+float64(hits[at]), seen+1
				}
			}
		}
		if seen > 0 {
			expected[k] = sum / seen
		}
	}
	return expected
}

// sums gives for each step what the scored steps up to it add up to.
func sums64(counts []float64) []float64 {
	all, sum := make([]float64, len(counts)), 0.
	for k := range counts {
		sum += counts[k]
		if k >= scored {
			sum -= counts[k-scored]
		}
		all[k] = sum
	}
	return all
}

func sums(counts []float32) []float64 {
	wide := make([]float64, len(counts))
	for k, count := range counts {
		wide[k] = float64(count)
	}
	return sums64(wide)
}
