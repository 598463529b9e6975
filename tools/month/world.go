package main

import (
	"fmt"
	"math"
	"math/rand/v2"
)

const (
	step         = 300 // seconds between two readings
	stepsPerDay  = 24 * 3600 / step
	stepsPerWeek = 7 * stepsPerDay
	// A journey is over so many seconds after its last row.
	idle = 1800
)

// Upper bounds of the histograms, as the exporter has them.
var (
	secondBounds  = []float64{5, 10, 20, 30, 45, 60, 90, 120, 180, 300, 600}
	journeyBounds = []float64{1, 2, 3, 4, 5, 7, 10, 15, 20, 50}
)

// way leads to an option, with a weight; what is missing to 1 is the journey's end.
type way struct {
	to     int
	weight float64
}

type option struct {
	code, name, kind string
	// Median seconds from the option before.
	pause float64
	next  []way
	// What happened in each step.
	hits, attempts, retries, entries, finals, repeats, seconds []float32
	within                                                     [][]float32
}

type point struct {
	id, name, channel string
	perDay            float64
	entry             []way
	options           []*option
	interactions      []float32
	journeys, length  []float32
	upTo              [][]float32
	opened, closed    []float32
	steps             map[[2]int][]float32
}

// incident is a time in which nobody chooses an option: from so many steps before the end until so many before it.
type incident struct {
	point, option int
	from, until   int
}

type world struct {
	points []*point
	// How many steps there are; the last one ends at `end`.
	steps int
	// The first is the largest of those that last until the end.
	incidents []incident
}

// fallen tells whether nobody chooses an option in a step.
func (w *world) fallen(point, option, k int) bool {
	for _, one := range w.incidents {
		left := w.steps - k
		if one.point == point && one.option == option && left <= one.from && left > one.until {
			return true
		}
	}
	return false
}

// clinic has three menus that share codes: "1", "2", "3", AGENTE and PULSE mean something else in each. Its codes and ids
// are those of real accounts, which look like numbers, and some that are hard to write: quotes, and two that differ in
// case. At the end two options fall; a third fell last night, and is chosen again.
func clinic() *world {
	o := func(code, name, kind string, pause float64, next ...way) *option {
		return &option{code: code, name: name, kind: kind, pause: pause, next: next}
	}
	line := &point{id: "4628", name: "Línea principal", channel: "voice", perDay: 5200,
		entry: []way{{0, .3295}, {1, .24}, {2, .14}, {3, .11}, {4, .13}, {5, .05}, {10, .0005}},
		options: []*option{
			o("1", "Opción 1", "option", 12, way{6, .48}, way{8, .24}, way{4, .08}),
			o("2", "Opción 2", "option", 12, way{6, .6}, way{7, .08}, way{4, .06}),
			o("3", "Opción 3", "option", 14, way{6, .35}),
			o("1000", "Repetir el menú", "option", 6, way{0, .4}, way{1, .3}, way{2, .14}),
			o("PULSE", "No marcó nada", "no_input", 9, way{0, .3}, way{1, .2}, way{4, .25}, way{2, .06}),
			o("N/D", "Opción no válida", "option", 7, way{0, .35}, way{1, .25}, way{4, .12}),
			o("AGENTE", "Hablar con un asesor", "opt_out", 25, way{7, .06}),
			o("BUZON", "Buzón de voz", "option", 60, way{9, .6}),
			o("01", "Consulta de saldo", "terminal", 20),
			o("CV_BUZON", "Dejó mensaje en el buzón", "terminal", 40),
			o("agente", "agente", "option", 25),
		}}
	sales := &point{id: "0712", name: "Ventas y cotización", channel: "voice", perDay: 3900,
		entry: []way{{0, .4}, {1, .3}, {2, .18}, {3, .12}},
		options: []*option{
			o("1", "Opción 1", "option", 11, way{4, .5}, way{3, .07}),
			o("2", "Opción 2", "option", 13, way{4, .7}),
			o("3", "Opción 3", "option", 16, way{4, .3}, way{5, .4}),
			o("PULSE", "No marcó nada", "no_input", 9, way{0, .35}, way{1, .2}, way{3, .2}),
			o("AGENTE", "Hablar con un asesor", "opt_out", 22),
			o(`COTIZA "en línea"`, "Cotización enviada", "terminal", 70),
		}}
	chat := &point{id: "61083", name: "WhatsApp atención al cliente", channel: "chat-whatsapp", perDay: 3800,
		entry: []way{{0, .6993}, {1, .12}, {2, .1}, {3, .08}, {6, .0007}},
		options: []*option{
			o("hola", "Saludo sin opción", "option", 5, way{1, .3}, way{2, .25}, way{3, .2}, way{0, .05}),
			o("1", "Opción 1", "option", 30, way{4, .45}, way{5, .3}),
			o("2", "Opción 2", "option", 28, way{4, .3}, way{5, .4}),
			o("3", "Opción 3", "option", 26, way{4, .5}),
			o("AGENTE", "Hablar con un asesor", "opt_out", 40),
			o("CIERRE", "Cierre por inactividad", "terminal", 200),
			o("HOLA", "HOLA", "option", 5),
		}}
	const hour = 3600 / step
	return &world{points: []*point{line, sales, chat}, incidents: []incident{
		{point: 0, option: 2, from: 2 * hour},
		{point: 0, option: 3, from: 2 * hour},
		{point: 1, option: 0, from: 23 * hour, until: 21 * hour},
	}}
}

// generated has menus of any number and size, all alike.
func generated(points, options int) *world {
	w := &world{incidents: []incident{{option: 2, from: 2 * 3600 / step}}}
	for p := range points {
		menu := &point{id: fmt.Sprint(100 + p), name: fmt.Sprintf("Point %d", p), channel: "voice", perDay: 4000}
		for o := range options {
			kind := []string{"option", "no_input", "opt_out", "terminal"}[min((o+2)%options, 3)]
			one := &option{code: fmt.Sprint(o), name: fmt.Sprintf("Option %d", o), kind: kind, pause: 10 + float64(o%30)}
			if kind == "option" || kind == "no_input" {
				one.next = []way{{(3*o + 7) % options, .6}}
			}
			menu.options = append(menu.options, one)
			menu.entry = append(menu.entry, way{o, 1 / float64(options)})
		}
		w.points = append(w.points, menu)
	}
	return w
}

// load is the share of a day's interactions that begin in a step, in Bogota, and by the day of the week.
func load(at int64) float64 {
	local := at - 5*3600
	hour := float64(local%86400) / 3600
	bump := func(middle, wide float64) float64 { return math.Exp(-math.Pow((hour-middle)/wide, 2) / 2) }
	// The first of January 1970 was a Thursday.
	week := []float64{1, 1, .5, .25, 1, .97, .95}[local/86400%7]
	return week * (.02 + bump(10, 2) + .85*bump(15.5, 2.2)) / (stepsPerDay * .405)
}

func simulate(w *world, steps int) *world {
	w.steps = steps
	random := rand.New(rand.NewPCG(17, 2026))
	for p, menu := range w.points {
		menu.make(steps)
		day, hour := 1., 1.
		for k := range steps {
			if k%stepsPerDay == 0 {
				day = math.Exp(.05 * random.NormFloat64())
			}
			if k%12 == 0 {
				hour = math.Exp(.04 * random.NormFloat64())
			}
			for range poisson(random, menu.perDay*load(w.at(k))*day*hour) {
				menu.journey(random, k, func(option int) bool { return w.fallen(p, option, k) })
			}
		}
	}
	return w
}

// at is when a step ends and is read.
func (w *world) at(k int) int64 { return end - int64(w.steps-1-k)*step }

func (p *point) make(steps int) {
	row := func() []float32 { return make([]float32, steps) }
	rows := func(n int) [][]float32 {
		all := make([][]float32, n)
		for i := range all {
			all[i] = row()
		}
		return all
	}
	p.interactions, p.journeys, p.length, p.opened, p.closed = row(), row(), row(), row(), row()
	p.upTo, p.steps = rows(len(journeyBounds)), map[[2]int][]float32{}
	for from, o := range p.options {
		o.hits, o.attempts, o.retries, o.entries = row(), row(), row(), row()
		o.finals, o.repeats, o.seconds = row(), row(), row()
		o.within = rows(len(secondBounds))
		for _, way := range o.next {
			p.steps[[2]int{from, way.to}] = row()
		}
	}
}

// journey walks through the menu; what would lead to a fallen option leads to the first other one in its place.
func (p *point) journey(random *rand.Rand, begun int, fallen func(option int) bool) {
	start := float64(begun*step) + step*random.Float64()
	at, here := start, choose(random, p.entry, fallen)
	var path []int
	for here >= 0 && len(path) < 30 {
		o := p.options[here]
		at += o.pause * math.Exp(.6*random.NormFloat64())
		attempt := float32(1)
		for random.Float64() < .1 {
			attempt++
		}
		o.count(int(at/step), float32(math.Round(at-start)), attempt)
		path = append(path, here)
		here = choose(random, o.next, fallen)
	}
	add(p.interactions, begun, 1)
	add(p.opened, begun, 1)
	p.close(int((at+idle)/step), path)
}

func (p *point) close(k int, path []int) {
	add(p.closed, k, 1)
	add(p.journeys, k, 1)
	add(p.length, k, float32(len(path)))
	for i, bound := range journeyBounds {
		if float64(len(path)) <= bound {
			add(p.upTo[i], k, 1)
		}
	}
	seen := map[int]bool{}
	for i, here := range path {
		if seen[here] {
			add(p.options[here].repeats, k, 1)
		}
		seen[here] = true
		if i > 0 {
			way := [2]int{path[i-1], here}
			if p.steps[way] == nil {
				p.steps[way] = make([]float32, len(p.closed))
			}
			add(p.steps[way], k, 1)
		}
	}
	add(p.options[path[0]].entries, k, 1)
	add(p.options[path[len(path)-1]].finals, k, 1)
}

func (o *option) count(k int, seconds, attempt float32) {
	add(o.hits, k, 1)
	add(o.attempts, k, attempt)
	add(o.seconds, k, seconds)
	if attempt > 1 {
		add(o.retries, k, 1)
	}
	for i, bound := range secondBounds {
		if float64(seconds) <= bound {
			add(o.within[i], k, 1)
		}
	}
}

// add counts what happens before the end.
func add(counts []float32, k int, by float32) {
	if k < len(counts) {
		counts[k] += by
	}
}

// choose gives -1 for the end of the journey.
func choose(random *rand.Rand, ways []way, fallen func(option int) bool) int {
	left := random.Float64()
	for _, chosen := range ways {
		if left -= chosen.weight; left >= 0 {
			continue
		}
		if !fallen(chosen.to) {
			return chosen.to
		}
		for _, other := range ways {
			if !fallen(other.to) {
				return other.to
			}
		}
		return -1
	}
	return -1
}

func poisson(random *rand.Rand, mean float64) int {
	if mean > 50 {
		return max(0, int(math.Round(mean+math.Sqrt(mean)*random.NormFloat64())))
	}
	n, product, limit := 0, random.Float64(), math.Exp(-mean)
	for product > limit {
		n++
		product *= random.Float64()
	}
	return n
}
