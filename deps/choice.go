package deps

import (
	"cmp"
	"slices"
	"strings"

	"github.com/cavaliergopher/rpm"
)

// A package manager knows one build of each package: the newest.
func newestBuilds(all []candidate) []candidate {
	var newest []candidate
	for _, c := range all {
		at := slices.IndexFunc(newest, func(n candidate) bool { return n.name == c.name })
		switch {
		case at < 0:
			newest = append(newest, c)
		case newest[at].evr.compare(c.evr) < 0:
			newest[at] = c
		}
	}
	return newest
}

// chosen returns what apt installs for both bounds of a pin; ok is false when
// it would take a package that the pin is not met by.
//
// apt goes through a package's requirements one by one, and skips those
// that what it has taken meets already. A package that it takes puts out the
// ones taken before that it conflicts with. An RPM has its requirements in no
// order that could be relied on, so both have to end well.
// Source: apt-rpm of ALT (0.5.15lorg2-alt72), apt-pkg/depcache.cc,
// pkgDepCache::MarkInstall.
func (p Pin) chosen(all []candidate) (c candidate, ok bool) {
	bounds := p.relations()
	for _, order := range [][]relation{bounds, reversed(bounds)} {
		if c, ok = p.taken(order, all); !ok {
			return c, false
		}
	}
	return c, true
}

func (p Pin) taken(order []relation, all []candidate) (c candidate, ok bool) {
	for i, bound := range order {
		next, found := takes(bound, all)
		if !found {
			return c, false
		}
		if i > 0 && bound.metBy(c) {
			continue
		}
		if i > 0 && !conflict(c, next) {
			return c, false // both would be there
		}
		c = next
	}
	return c, p.metBy(c)
}

// takes returns what apt takes for one requirement: the package of that very
// name when it meets it, else of those that do the one with the highest name.
// Source: as for chosen, and apt-pkg/algorithms.cc, PrioComp.
func takes(bound relation, all []candidate) (candidate, bool) {
	var meeting []candidate
	for _, c := range all {
		if bound.metBy(c) {
			meeting = append(meeting, c)
		}
	}
	if len(meeting) == 0 {
		return candidate{}, false
	}
	return slices.MaxFunc(meeting, func(a, b candidate) int {
		return cmp.Or(boolCompare(a.name == bound.name, b.name == bound.name), compareNames(a.name, b.name))
	}), true
}

func boolCompare(a, b bool) int {
	switch {
	case a == b:
		return 0
	case a:
		return 1
	default:
		return -1
	}
}

// compareNames orders names of packages with their numbers as numbers, so
// that gcc10 is above gcc9. A name that another one begins with is as high.
// Source: apt-rpm of ALT, apt-pkg/algorithms.cc, nameCompare.
func compareNames(a, b string) int {
	for a != "" && b != "" {
		if isDigit(rune(a[0])) && isDigit(rune(b[0])) {
			var one, two string
			one, a = segment(a)
			two, b = segment(b)
			if c := compareSegments(one, two); c != 0 {
				return c
			}
			continue
		}
		if a[0] != b[0] {
			return strings.Compare(a[:1], b[:1])
		}
		a, b = a[1:], b[1:]
	}
	return 0
}

// relations returns the pin's bounds; one without bounds is a relation that
// every version meets.
func (p Pin) relations() []relation {
	var all []relation
	if p.Before != "" {
		all = append(all, relation{p.Name, rpm.DepFlagLesser, p.Before})
	}
	if p.From != "" || p.Before == "" {
		sense := int64(rpm.DepFlagGreaterOrEqual)
		if p.From == "" {
			sense = rpm.DepFlagAny
		}
		all = append(all, relation{p.Name, sense, p.From})
	}
	return all
}

// metBy reports whether one package meets all of a pin.
func (p Pin) metBy(c candidate) bool {
	return !slices.ContainsFunc(p.relations(), func(r relation) bool { return !r.metBy(c) })
}
