package main

import (
	"math"
	"strconv"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"
)

// Of a real account: four digits, of which the first may be 0.
const server = "0042"

// What an exporter that was installed three quarters of an hour ago has read, and after which of it the first journeys
// are over.
const (
	youngSteps   = 45 * 60 / step
	firstJourney = 30 * 60 / step
)

// series has a value after each step, or none.
type series struct {
	labels labels.Labels
	value  func(k int) (float64, bool)
	ref    storage.SeriesRef
	now    float64
	there  bool
	// Its last sample says that it is gone.
	ends bool
}

// scraped tells whether a series comes from the exporter, and not from Prometheus itself.
func (s *series) scraped() bool {
	name := s.labels.Get("__name__")
	return name != "up" && name != "ALERTS" && name != "ALERTS_FOR_STATE"
}

// exposition makes the series of an exporter that reads a world.
type exposition struct {
	world *world
	young bool
	// So many steps before the end the windows became shorter; 0 for never.
	continued int
	all       []*series
}

func expose(w *world, young bool, continued int) []*series {
	e := &exposition{world: w, young: young, continued: continued}
	for _, menu := range w.points {
		e.point(menu)
		for _, o := range menu.options {
			e.option(menu, o)
		}
	}
	e.names()
	e.health()
	return e.all
}

func (e *exposition) add(value func(k int) (float64, bool), name string, pairs ...string) {
	pairs = append(pairs, "__name__", name, "job", "wolkvox", "instance", "exporter:10013")
	e.all = append(e.all, &series{labels: labelsOf(pairs), value: value})
}

// labelsOf copies, because some of these lists share their beginning.
func labelsOf(pairs []string) labels.Labels {
	return labels.FromStrings(append([]string{}, pairs...)...)
}

// trouble is a morning in which the vendor gives no rows.
type trouble struct {
	days, minutes          int
	class, alert, severity string
}

// troubles are an hour without answers twelve days before the end, and a token that is refused nine days before it.
var troubles = []trouble{
	{days: 12, minutes: 60, class: "timeout", alert: "WolkvoxUnreachable", severity: "critical"},
	{days: 9, minutes: 45, class: "token_invalid", alert: "WolkvoxTokenRejected", severity: "critical"},
}

func (e *exposition) in(one trouble, k int) bool {
	begin := e.world.steps - one.days*stepsPerDay - 6*3600/step
	return k >= begin && k < begin+one.minutes*60/step
}

// outage tells whether a step is one without rows.
func (e *exposition) outage(k int) bool {
	for _, one := range troubles {
		if e.in(one, k) {
			return true
		}
	}
	return false
}

// gone is half an hour, six days before the end, in which the exporter does not run.
func (w *world) gone(k int) bool {
	begin := w.steps - 6*stepsPerDay
	return k >= begin && k < begin+30*60/step
}

// window is the length of the window that a step reads, in seconds.
func (e *exposition) window(k int) int64 {
	if k >= e.world.steps-e.continued {
		return 5
	}
	return step
}

// hole is when Prometheus does not scrape.
func (w *world) hole(k int) bool {
	begin := w.steps - 16*stepsPerDay
	return k >= begin && k < begin+2*3600/step
}

// read is the last step whose rows the exporter has read.
func (e *exposition) read(k int) int {
	for e.outage(k) {
		k--
	}
	return k
}

// counter adds up what happened; a young exporter began at its origin.
func (e *exposition) counter(counts []float32) func(k int) (float64, bool) {
	last, sum := -1, 0.
	if e.young {
		last = e.world.steps - 1 - youngSteps
	}
	return func(k int) (float64, bool) {
		for until := e.read(k); last < until; {
			last++
			sum += float64(counts[last])
		}
		return sum, true
	}
}

// journeys is a counter of journeys that are over; of a young exporter there are none before the first is.
func (e *exposition) journeys(counts []float32) func(k int) (float64, bool) {
	counter := e.counter(counts)
	return func(k int) (float64, bool) {
		value, _ := counter(k)
		return value, !e.young || k >= e.world.steps-youngSteps+firstJourney
	}
}

// steady grows by so much with each step.
func (e *exposition) steady(by float64) func(k int) (float64, bool) {
	return func(k int) (float64, bool) { return by * float64(k), true }
}

func gauge(value float64) func(k int) (float64, bool) {
	return func(int) (float64, bool) { return value, true }
}

// during is there while the last window could be read.
func (e *exposition) during(value func(k int) (float64, bool)) func(k int) (float64, bool) {
	return func(k int) (float64, bool) {
		if e.outage(k) {
			return 0, false
		}
		return value(k)
	}
}

func bound(value float64) string { return strconv.FormatFloat(value, 'g', -1, 64) }

func (e *exposition) point(p *point) {
	labelled := func(pairs ...string) []string {
		return append([]string{"server", server, "rp_id", p.id, "channel", p.channel}, pairs...)
	}
	e.add(e.counter(p.interactions), "wolkvox_menu_interactions_total", labelled()...)
	e.add(e.during(last(p.interactions)), "wolkvox_menu_window_interactions", labelled()...)
	for i, upper := range journeyBounds {
		e.add(e.journeys(p.upTo[i]), "wolkvox_menu_journey_options_bucket", labelled("le", bound(upper))...)
	}
	e.add(e.journeys(p.journeys), "wolkvox_menu_journey_options_bucket", labelled("le", "+Inf")...)
	e.add(e.journeys(p.journeys), "wolkvox_menu_journey_options_count", labelled()...)
	e.add(e.journeys(p.length), "wolkvox_menu_journey_options_sum", labelled()...)
	opened, closed := e.counter(p.opened), e.counter(p.closed)
	e.add(func(k int) (float64, bool) {
		open, _ := opened(k)
		over, _ := closed(k)
		return math.Max(0, open-over), true
	}, "wolkvox_menu_journeys_open", labelled()...)
	e.add(gauge(0), "wolkvox_menu_journey_late_rows_total", labelled()...)
	for way, counts := range p.steps {
		from, to := p.options[way[0]].code, p.options[way[1]].code
		e.add(e.journeys(counts), "wolkvox_menu_transitions_total", labelled("from_opc_menu", from, "to_opc_menu", to)...)
	}
	for _, anomaly := range []string{"collapse", "no_input"} {
		e.add(e.during(gauge(.1)), "wolkvox_menu_routing_point_anomaly_score", labelled("anomaly", anomaly)...)
	}
}

func last(counts []float32) func(k int) (float64, bool) {
	return func(k int) (float64, bool) { return float64(counts[k]), true }
}

func (e *exposition) option(p *point, o *option) {
	labelled := func(pairs ...string) []string {
		return append([]string{"server", server, "rp_id", p.id, "channel", p.channel, "cod_opc_menu", o.code}, pairs...)
	}
	for name, counts := range map[string][]float32{
		"hits": o.hits, "attempts": o.attempts, "retries": o.retries,
	} {
		e.add(e.counter(counts), "wolkvox_menu_option_"+name+"_total", labelled()...)
	}
	for name, counts := range map[string][]float32{
		"entry": o.entries, "final": o.finals, "repeats": o.repeats,
	} {
		e.add(e.journeys(counts), "wolkvox_menu_option_"+name+"_total", labelled()...)
	}
	const seconds = "wolkvox_menu_time_to_option_seconds"
	for i, upper := range secondBounds {
		e.add(e.counter(o.within[i]), seconds+"_bucket", labelled("le", bound(upper))...)
	}
	e.add(e.counter(o.hits), seconds+"_bucket", labelled("le", "+Inf")...)
	e.add(e.counter(o.hits), seconds+"_count", labelled()...)
	e.add(e.counter(o.seconds), seconds+"_sum", labelled()...)
	e.add(e.during(last(o.hits)), "wolkvox_menu_window_option_hits", labelled()...)
	e.baseline(o, labelled)
}
