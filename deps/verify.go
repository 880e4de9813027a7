package deps

import (
	"context"
	"slices"

	"github.com/alt-cloud/podsec-k8s/message"
)

// Verify checks pins against what the repositories have together, as a
// package manager sees them. A repository is a folder, or a file, http or
// https URL, with repodata/repomd.xml; a folder may also just hold RPM files.
// Every package that a pin may be met by is read in full and compared with
// its own digests, and with the metadata's.
//
// What is wrong with a package is in the report; the error is for a
// repository that can't be read as one, and for the end of ctx.
func Verify(ctx context.Context, pins []Pin, repos ...string) (Report, error) {
	wanted := make(map[string]bool)
	for _, p := range pins {
		wanted[p.Name] = true
	}
	var all []candidate
	for _, repo := range repos {
		found, err := readRepository(ctx, repo, wanted)
		if err != nil {
			return Report{}, message.Errorf("reading the repository %q: %w", redacted(repo), err)
		}
		all = append(all, found...)
	}
	return judge(pins, all), nil
}

// judge compares pins with candidates.
func judge(pins []Pin, all []candidate) Report {
	r := Report{Damaged: []Found{}}
	for _, p := range pins {
		r.Pins = append(r.Pins, p.judge(all))
	}
	for _, c := range all {
		if !slices.ContainsFunc(pins, func(p Pin) bool { return c.versions(p.Name) != nil }) {
			r.Damaged = append(r.Damaged, c.found(Altered))
		}
	}
	return r
}

// judge picks the candidates of one pin, and says how they meet it. What is
// taken when it is met comes first.
func (p Pin) judge(all []candidate) Result {
	r := Result{Pin: p, Found: []Found{}}
	by := make(map[State][]candidate)
	var sound []candidate
	for _, c := range all {
		if len(p.versionsOf(c)) == 0 {
			continue
		}
		if c.fault == nil {
			sound = append(sound, c)
			continue
		}
		by[Altered] = append(by[Altered], c)
		r.Found = append(r.Found, p.found(c, Altered))
	}
	sound = newestBuilds(sound)
	for _, c := range sound {
		state := p.meet(c)
		by[state] = append(by[state], c)
		r.Found = append(r.Found, p.found(c, state))
	}
	taken, ok := p.chosen(sound)
	r.State = p.overall(by, ok)
	if r.State == OK {
		at := slices.IndexFunc(r.Found, func(f Found) bool { return f.File == taken.file })
		r.Found = slices.Insert(slices.Delete(r.Found, at, at+1), 0, p.found(taken, OK))
	}
	return r
}

// meet says how well one sound candidate meets the pin.
func (p Pin) meet(c candidate) State {
	switch {
	case p.metBy(c):
		return OK
	case p.Before != "" && !p.relations()[0].metBy(c):
		return TooNew
	default:
		return TooOld
	}
}

// overall is the state of a pin, from those of its candidates. ok says that
// what is taken meets it.
func (p Pin) overall(by map[State][]candidate, ok bool) State {
	switch {
	case by[Altered] != nil:
		return Altered
	case ok:
		return OK
	case by[OK] != nil:
		return Ambiguous
	case by[TooNew] != nil:
		return TooNew
	case by[TooOld] != nil:
		return TooOld
	default:
		return Missing
	}
}

// versionsOf lists the versions in which a candidate provides the pin's name.
// A set of symbols is no version that bounds could be compared with.
func (p Pin) versionsOf(c candidate) []string {
	all := c.versions(p.Name)
	if p.From == "" && p.Before == "" {
		return all
	}
	return slices.DeleteFunc(all, isSet)
}

// versions lists the versions of a name that a candidate provides, nil when
// it does not. One that can't be trusted at all is taken for its own name.
func (c candidate) versions(name string) []string {
	var all []string
	for _, p := range c.provides {
		if p.name == name {
			all = append(all, p.version)
		}
	}
	if c.fault != nil && all == nil && c.name == name {
		all = []string{""}
	}
	return all
}

// found is a candidate's line of the report.
func (p Pin) found(c candidate, state State) Found {
	f := c.found(state)
	versions := p.versionsOf(c)
	if c.fault != nil || len(versions) == 0 {
		return f
	}
	version := versions[0]
	if at := slices.IndexFunc(versions, func(v string) bool { return p.metBy(candidate{provides: []provide{{p.Name, v}}}) }); at >= 0 {
		version = versions[at]
	}
	if e := parseEVR(version); version != "" && e.compare(c.evr) != 0 {
		f.As = e.String()
	}
	return f
}

func (c candidate) found(state State) Found {
	f := Found{Package: c.name, Version: c.evr.String(), File: c.file, State: state}
	if c.fault != nil {
		f.Why, f.fault = c.fault.Error(), c.fault
	}
	return f
}
