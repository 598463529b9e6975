package main

// The truth is about so many steps: those between the samples that a range of a day holds, when it is asked for between
// two of them.
const told = stepsPerDay - 1

// Told is what tests hold the dashboards against. Counts of the last day, and of the same day a week before.
type Told struct {
	End    int64 `json:"end"` // seconds; the last sample
	Step   int64 `json:"step"`
	Series int   `json:"series"`
	// The options that nobody chooses for the last two hours, the largest first.
	Fallen []Key `json:"fallen"`
	// The routing point of the option that nobody chose last night.
	FallenBefore string       `json:"fallen_before"`
	Interactions float64      `json:"interactions"`
	Before       float64      `json:"interactions_before"`
	Journeys     float64      `json:"journeys"`
	UpTo4        float64      `json:"journeys_up_to_4"`
	Options      []ToldOption `json:"options"`
}

// Key is what an option is told apart by.
type Key struct {
	RpID       string `json:"rp_id"`
	Channel    string `json:"channel"`
	CodOpcMenu string `json:"cod_opc_menu"`
}

// ToldOption is of one routing point.
type ToldOption struct {
	Key
	Kind    string  `json:"kind"`
	Hits    float64 `json:"hits"`
	Before  float64 `json:"hits_before"`
	Retries float64 `json:"retries"`
	Finals  float64 `json:"finals"`
	Repeats float64 `json:"repeats"`
	// Entries and steps to it, of the same journeys as the finals.
	Visits float64 `json:"visits"`
}

func truth(w *world, series int) Told {
	day := func(counts []float32, weeks int) float64 {
		sum, until := 0., len(counts)-weeks*stepsPerWeek
		for k := max(0, until-told); k < until; k++ {
			sum += float64(counts[k])
		}
		return sum
	}
	all := Told{End: end, Step: step, Series: series}
	for _, one := range w.incidents {
		p := w.points[one.point]
		if one.until > 0 {
			all.FallenBefore = p.id
			continue
		}
		all.Fallen = append(all.Fallen, Key{p.id, p.channel, p.options[one.option].code})
	}
	for _, p := range w.points {
		all.Interactions += day(p.interactions, 0)
		all.Before += day(p.interactions, 1)
		all.Journeys += day(p.journeys, 0)
		all.UpTo4 += day(p.upTo[3], 0)
		for i, o := range p.options {
			visits := day(o.entries, 0)
			for way, counts := range p.steps {
				if way[1] == i {
					visits += day(counts, 0)
				}
			}
			all.Options = append(all.Options, ToldOption{
				Key: Key{p.id, p.channel, o.code}, Kind: o.kind,
				Hits: day(o.hits, 0), Before: day(o.hits, 1), Retries: day(o.retries, 0),
				Finals: day(o.finals, 0), Repeats: day(o.repeats, 0), Visits: visits,
			})
		}
	}
	return all
}
