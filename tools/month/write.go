package main

import (
	"context"
	"io"
	"log/slog"
	"math"
	"time"

	"github.com/prometheus/prometheus/model/value"
	"github.com/prometheus/prometheus/tsdb"
)

// write makes a block per day, as Prometheus would have compacted them.
func write(directory string, all []*series, w *world, scrape func(k int) time.Duration, young bool) error {
	const day = int64(24 * 3600)
	first := 0
	if young {
		first = w.steps - youngSteps
	}
	for begin := first; begin < w.steps; {
		until := begin
		for until < w.steps && w.at(until)/day == w.at(begin)/day {
			until++
		}
		if err := block(directory, all, w, begin, until, scrape); err != nil {
			return err
		}
		begin = until
	}
	return nil
}

func block(directory string, all []*series, w *world, begin, until int, scrape func(k int) time.Duration) error {
	// The writer takes at most half its size at once, and a day reaches over its end by the scrapes of a step.
	const size = int64(4 * 24 * 3600 * 1000)
	writer, err := tsdb.NewBlockWriter(slog.New(slog.NewTextHandler(io.Discard, nil)), directory, size)
	if err != nil {
		return err
	}
	defer writer.Close()
	for _, one := range all {
		one.ref = 0
	}
	ctx := context.Background()
	for k := begin; k < until; k++ {
		// Between two readings nothing changes.
		for _, one := range all {
			was := one.there
			one.now, one.there = one.value(k)
			if w.gone(k) && one.scraped() {
				one.there = false
			}
			// As Prometheus does when a series is not there any more.
			if was && !one.there {
				one.now, one.ends = math.Float64frombits(value.StaleNaN), true
			}
		}
		if w.hole(k) {
			continue
		}
		for at := w.at(k) * 1000; at < (w.at(k)+step)*1000; at += scrape(k).Milliseconds() {
			appender := writer.Appender(ctx)
			for _, one := range all {
				if !one.there && !one.ends {
					continue
				}
				one.ends = false
				if one.ref, err = appender.Append(one.ref, one.labels, at, one.now); err != nil {
					return err
				}
			}
			if err := appender.Commit(); err != nil {
				return err
			}
		}
	}
	_, err = writer.Flush(ctx)
	return err
}
