// Command month writes weeks of what an exporter would have shown as blocks of Prometheus' storage: believable traffic
// with the shape of a day and of a week, several routing points whose menus use the same codes, an outage of the vendor, a
// token that is refused, a hole in the scrapes, half an hour without the exporter, an option that nobody chose last night,
// and at the end an incident: two options that nobody chooses for two hours, with their alerts firing.
//
//	month DIRECTORY                      31 days of three routing points, read every five minutes
//	month -young DIRECTORY               an exporter that was installed three quarters of an hour ago
//	month -continued 26h -scrape 1m DIRECTORY
//	                                     samples every 150 s, as a backfill writes them, and then those of scrapes; with
//	                                     them the windows become shorter
//	month -points 10 -options 34 -scrape 1m DIRECTORY
//	                                     ten thousand series, for timing queries (scripts/dashboards-load)
//
// It prints the truth about the last day as JSON. The same arguments give the same month, always up to the same
// Wednesday afternoon. tests/prometheus/dashboards reads both.
package main

import (
	"encoding/json"
	"flag"
	"fmt"
	"os"
	"time"
)

// end is Wednesday, 4 March 2026, 16:00 in Bogota.
const end = int64(1772658000)

func main() {
	if err := run(); err != nil {
		fmt.Fprintln(os.Stderr, "month:", err)
		os.Exit(1)
	}
}

func run() error {
	days := flag.Int("days", 31, "how many days")
	points := flag.Int("points", 0, "so many routing points with generated menus, in place of the three")
	options := flag.Int("options", 34, "options of each generated menu")
	scrape := flag.Duration("scrape", 5*time.Minute, "between two samples, at most five minutes")
	young := flag.Bool("young", false, "only the last three quarters of an hour, without history")
	continued := flag.Duration("continued", 0, "how long before the end the samples of a backfill end")
	flag.Parse()
	if flag.NArg() != 1 || *scrape > step*time.Second || *scrape < time.Second {
		return fmt.Errorf("usage: month [-days N] [-points N -options N] [-scrape 1m] [-young] [-continued 26h] DIRECTORY")
	}
	menus := clinic()
	if *points > 0 {
		menus = generated(*points, *options)
	}
	world := simulate(menus, *days*stepsPerDay)
	scrapedSteps := int(continued.Seconds()) / step
	shown := expose(world, *young, scrapedSteps)
	interval := func(k int) time.Duration {
		if scrapedSteps > 0 && k < world.steps-scrapedSteps {
			return 150 * time.Second
		}
		return *scrape
	}
	if err := write(flag.Arg(0), shown, world, interval, *young); err != nil {
		return err
	}
	return json.NewEncoder(os.Stdout).Encode(truth(world, len(shown)))
}
