package deps

import (
	"context"
	"fmt"
	"slices"
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
			return Report{}, fmt.Errorf("reading the repository %q: %w", redacted(repo), err)
		}
		all = append(all, found...)
	}
	return judge(pins, all), nil
}

// judge compares pins with candidates.
func judge(pins []Pin, all []candidate) Report {
	var r Report
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

// judge picks the candidates of one pin, and says how they meet it.
func (p Pin) judge(all []candidate) Result {
	r := Result{Pin: p}
	by := make(map[State][]candidate)
	for _, c := range all {
		versions := c.versions(p.Name)
		if versions == nil {
			continue
		}
		version, state := p.meet(c, versions)
		by[state] = append(by[state], c)
		found := c.found(state)
		if e := parseEVR(version); version != "" && e.compare(c.evr) != 0 {
			found.As = e.String()
		}
		r.Found = append(r.Found, found)
	}
	r.State = p.overall(by)
	return r
}

// meet says how well one candidate meets the pin, by the best of the
// versions that it provides.
func (p Pin) meet(c candidate, versions []string) (version string, state State) {
	if c.fault != nil {
		return "", Altered
	}
	for _, version := range versions {
		if p.meetVersion(version) == OK {
			return version, OK
		}
	}
	return versions[0], p.meetVersion(versions[0])
}

// meetVersion does as rpm: a name without a version meets every demand.
// Source: rpm's lib/rpmds.c, rpmdsCompare.
func (p Pin) meetVersion(version string) State {
	v := parseEVR(version)
	switch {
	case version == "":
		return OK
	case p.From != "" && v.compare(parseEVR(p.From)) < 0:
		return TooOld
	case p.Before != "" && v.compare(parseEVR(p.Before)) >= 0:
		return TooNew
	default:
		return OK
	}
}

// overall is the state of a pin, from those of its candidates.
func (p Pin) overall(by map[State][]candidate) State {
	switch {
	case by[Altered] != nil:
		return Altered
	case by[OK] == nil && by[TooNew] != nil:
		return TooNew
	case by[OK] == nil && by[TooOld] != nil:
		return TooOld
	case by[OK] == nil:
		return Missing
	case p.Before != "" && !superseded(slices.Concat(by[TooOld], by[TooNew]), by[OK]):
		return Ambiguous
	default:
		return OK
	}
}

// superseded tells whether all of old are older builds of packages in use,
// as a repository keeps them: a package manager won't take those.
func superseded(old, used []candidate) bool {
	for _, o := range old {
		if !slices.ContainsFunc(used, func(u candidate) bool { return u.name == o.name && o.evr.compare(u.evr) < 0 }) {
			return false
		}
	}
	return true
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

func (c candidate) found(state State) Found {
	f := Found{Package: c.name, Version: c.evr.String(), File: c.file, State: state}
	if c.fault != nil {
		f.Why = c.fault.Error()
	}
	return f
}
