// Command month writes thirty days of an exporter's metrics as blocks of Prometheus' storage: ten routing points with
// fifty options each, ten thousand series of options, scraped once a minute, and what the recording rules make of them.
//
//	month DIRECTORY [DAYS]
//
// The numbers are plausible and nothing more: they are for timing queries. scripts/dashboards-load runs it.
package main

import (
	"context"
	"fmt"
	"io"
	"log/slog"
	"os"
	"strconv"
	"strings"
	"time"

	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb"
)

const (
	points  = 10
	options = 50
	minute  = int64(60_000)
	day     = 24 * 60 * minute
)

var bounds = []string{"5", "10", "20", "30", "45", "60", "90", "120", "180", "300", "600", "+Inf"}

// series grows by step every five minutes; a gauge stays at it; what a rule recorded is there every four minutes.
type series struct {
	labels   labels.Labels
	step     float64
	gauge    bool
	recorded bool
	ref      storage.SeriesRef
}

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "month:", err)
		os.Exit(1)
	}
}

func run() error {
	if len(os.Args) < 2 {
		return fmt.Errorf("usage: month DIRECTORY [DAYS]")
	}
	days := int64(30)
	if len(os.Args) > 2 {
		var err error
		if days, err = strconv.ParseInt(os.Args[2], 10, 64); err != nil {
			return err
		}
	}
	all := model()
	fmt.Printf("%d series, %d days\n", len(all), days)
	// Whole days, up to the last midnight: a block per day, as Prometheus would have compacted them.
	end := time.Now().UnixMilli() / day * day
	for start := end - days*day; start < end; start += day {
		if err := block(os.Args[1], all, start); err != nil {
			return err
		}
	}
	return nil
}

func model() []*series {
	var all []*series
	add := func(name string, step float64, gauge bool, pairs ...string) {
		pairs = append(pairs, "__name__", name, "server", "load", "job", "wolkvox", "instance", "exporter:10013")
		all = append(all, &series{
			labels: labels.FromStrings(pairs...), step: step, gauge: gauge,
			recorded: strings.Contains(name, ":"),
		})
	}
	add("wolkvox_up", 1, true)
	add("wolkvox_exporter_build_info", 1, true, "version", "load")
	for p := range points {
		point := []string{"rp_id", strconv.Itoa(p), "channel", "voice"}
		with := func(pairs ...string) []string { return append(append([]string{}, point...), pairs...) }
		add("wolkvox_routing_point_info", 1, true, "rp_id", strconv.Itoa(p), "rp_name", fmt.Sprintf("Point %d", p))
		add("wolkvox_menu_interactions_total", 200, false, point...)
		add("wolkvox_menu_journeys_open", 7, true, point...)
		add("wolkvox_menu_window_interactions", 200, true, point...)
		add("wolkvox_menu_journey_late_rows_total", 0, false, point...)
		for i, le := range []string{"1", "2", "3", "5", "10", "+Inf"} {
			add("wolkvox_menu_journey_options_bucket", float64(30*(i+1)), false, with("le", le)...)
		}
		add("wolkvox_menu_journey_options_sum", 400, false, point...)
		add("wolkvox_menu_journey_options_count", 180, false, point...)
		for i, le := range bounds {
			add("server_rp_id_channel:wolkvox_menu_time_to_option_seconds_bucket:increase1h",
				float64(12*options*(i+1)), true, with("le", le)...)
		}
		for o := range options {
			code := strconv.Itoa(o)
			option := with("cod_opc_menu", code)
			step := float64(o%7 + 1)
			if p == 0 {
				kind := []string{"option", "no_input", "opt_out", "terminal"}[min(o, 3)]
				add("wolkvox_menu_option_info", 1, true,
					"cod_opc_menu", code, "description", "Option "+code, "kind", kind)
			}
			for _, name := range []string{"hits", "attempts", "retries", "entry", "final", "repeats"} {
				add("wolkvox_menu_option_"+name+"_total", step, false, option...)
			}
			for i, le := range bounds {
				add("wolkvox_menu_time_to_option_seconds_bucket", step*float64(i+1)/12, false,
					with("cod_opc_menu", code, "le", le)...)
			}
			add("wolkvox_menu_time_to_option_seconds_sum", step*40, false, option...)
			add("wolkvox_menu_time_to_option_seconds_count", step, false, option...)
			add("wolkvox_menu_transitions_total", step, false,
				with("from_opc_menu", code, "to_opc_menu", strconv.Itoa((o+1)%options))...)
			add("server_rp_id_channel_cod_opc_menu:wolkvox_menu_option_hits:increase1h", step*12, true, option...)
		}
	}
	return all
}

func block(directory string, all []*series, start int64) error {
	// Prometheus' writer takes blocks of half its size argument at most in one go; a day is one block of two.
	writer, err := tsdb.NewBlockWriter(slog.New(slog.NewTextHandler(io.Discard, nil)), directory, 2*day)
	if err != nil {
		return err
	}
	defer writer.Close()
	for _, one := range all {
		one.ref = 0
	}
	ctx := context.Background()
	for at := start; at < start+day; at += minute {
		appender := writer.Appender(ctx)
		// Every five minutes of the clock a step, as with the exporter; within, the value stays.
		steps := float64(at / (5 * minute))
		for _, one := range all {
			if one.recorded && at%(4*minute) != 0 {
				continue
			}
			value := one.step
			if !one.gauge {
				value *= steps
			}
			if one.ref, err = appender.Append(one.ref, one.labels, at, value); err != nil {
				return err
			}
		}
		if err := appender.Commit(); err != nil {
			return err
		}
	}
	_, err = writer.Flush(ctx)
	return err
}
