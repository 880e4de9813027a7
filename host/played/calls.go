package played

import (
	"path"
	"slices"
	"strconv"
	"strings"

	"github.com/godbus/dbus/v5"
)

// unitOf is the unit with a path; systemd loads one that is asked for.
func (s *Systemd) unitOf(p string) Properties {
	for name, unit := range s.units {
		if unitPrefix+escape(name) == p {
			return unit
		}
	}
	return Properties{"LoadState": "not-found", "ActiveState": "inactive", "SubState": "dead"}
}

// verbs are the calls that make a job, as Calls lists them, and what becomes of
// the unit.
func verbs() map[string]struct{ name, active, sub string } {
	return map[string]struct{ name, active, sub string }{
		"StartUnit":           {"start", "active", "running"},
		"StopUnit":            {"stop", "inactive", "dead"},
		"RestartUnit":         {"restart", "active", "running"},
		"TryRestartUnit":      {"try-restart", "", ""},
		"ReloadOrRestartUnit": {"reload", "active", "running"},
		"StartTransientUnit":  {"run", "active", "running"},
	}
}

// answer does what a message asks for.
func (s *Systemd) answer(p *peer, m *dbus.Message) {
	member, _ := m.Headers[dbus.FieldMember].Value().(string)
	at, _ := m.Headers[dbus.FieldPath].Value().(dbus.ObjectPath)
	if verb, ok := verbs()[member]; ok {
		unit, _ := m.Body[0].(string)
		s.job(p, m, verb.name+" "+unit, unit, Properties{"ActiveState": verb.active, "SubState": verb.sub})
		return
	}
	switch member {
	case "GetAll":
		all := map[string]dbus.Variant{}
		for name, value := range s.unitOf(string(at)) {
			all[name] = dbus.MakeVariant(value)
		}
		reply(p, m, all)
	case "Get":
		reply(p, m, dbus.MakeVariant(map[string]any{"SystemState": s.state, "Environment": s.env}[m.Body[1].(string)]))
	case "ListUnitsByPatterns":
		reply(p, m, s.list(m.Body[1].([]string)))
	case "ListUnitFilesByPatterns":
		reply(p, m, s.listFiles(m.Body[1].([]string)))
	case "ListJobs":
		reply(p, m, s.listJobs())
	case "ResetFailedUnit", "KillUnit":
		s.do(p, m, map[string]string{"ResetFailedUnit": "reset-failed ", "KillUnit": "kill "}[member]+m.Body[0].(string))
	case "Reload":
		s.do(p, m, "daemon-reload")
	default: // Subscribe, AddMatch
		reply(p, m)
	}
}

// reply answers a message.
func reply(p *peer, m *dbus.Message, body ...any) {
	p.send(&dbus.Message{Type: dbus.TypeMethodReply, Headers: map[dbus.HeaderField]dbus.Variant{dbus.FieldReplySerial: dbus.MakeVariant(m.Serial())}}, body...)
}

// do notes a call, and reports whether it is not refused. Without a body it is
// answered.
func (s *Systemd) do(p *peer, m *dbus.Message, call string, body ...any) bool {
	s.calls = append(s.calls, call)
	if text := s.fails[call]; text != "" {
		p.send(&dbus.Message{Type: dbus.TypeError, Headers: map[dbus.HeaderField]dbus.Variant{
			dbus.FieldReplySerial: dbus.MakeVariant(m.Serial()), dbus.FieldErrorName: dbus.MakeVariant("org.freedesktop.systemd1.Fault"),
		}}, text)
		return false
	}
	reply(p, m, body...)
	return true
}

// job does what a call asks for, and tells everyone of its end.
func (s *Systemd) job(p *peer, m *dbus.Message, call, unit string, after Properties) {
	s.jobs++
	job := dbus.ObjectPath("/org/freedesktop/systemd1/job/" + strconv.FormatUint(uint64(s.jobs), 10))
	if !s.do(p, m, call, job) {
		return
	}
	result := "done"
	if results := s.results[call]; len(results) > 0 {
		result, s.results[call] = results[0], results[1:]
	}
	switch {
	case result == "":
		s.waiting[call] = s.jobs
		return
	case s.units[unit]["ConditionResult"] == false: // left out, which is done as well
	case result == "done" && after["ActiveState"] != "":
		s.set(unit, after)
	case result == "failed":
		s.set(unit, Properties{"ActiveState": "failed", "SubState": "failed"})
	}
	s.tell("/org/freedesktop/systemd1", "org.freedesktop.systemd1.Manager", "JobRemoved", s.jobs, job, unit, result)
}

// What systemd lists, a structure each. Source: org.freedesktop.systemd1(5),
// "ListUnits", "ListUnitFiles", "ListJobs".
type (
	unitStatus struct {
		Name, Description, Load, Active, Sub, Followed string
		Path                                           dbus.ObjectPath
		JobID                                          uint32
		JobType                                        string
		JobPath                                        dbus.ObjectPath
	}
	unitFile  struct{ Path, State string }
	jobStatus struct {
		ID                uint32
		Unit, Type        string
		State             string
		JobPath, UnitPath dbus.ObjectPath
	}
)

// list lists the loaded units that match one of some patterns.
func (s *Systemd) list(patterns []string) []unitStatus {
	found := []unitStatus{}
	for name, unit := range s.units {
		if matches(name, patterns) {
			load, _ := unit["LoadState"].(string)
			active, _ := unit["ActiveState"].(string)
			sub, _ := unit["SubState"].(string)
			found = append(found, unitStatus{Name: name, Load: load, Active: active, Sub: sub, Path: dbus.ObjectPath(unitPrefix + escape(name)), JobPath: "/"})
		}
	}
	return found
}

func (s *Systemd) listFiles(patterns []string) []unitFile {
	found := []unitFile{}
	for name, state := range s.files {
		if matches(name, patterns) {
			found = append(found, unitFile{"/etc/systemd/user/" + name, state})
		}
	}
	return found
}

// listJobs lists the jobs that do not end.
func (s *Systemd) listJobs() []jobStatus {
	found := []jobStatus{}
	for call, id := range s.waiting {
		verb, unit, _ := strings.Cut(call, " ")
		found = append(found, jobStatus{id, unit, verb, "running", "/", dbus.ObjectPath(unitPrefix + escape(unit))})
	}
	return found
}

func matches(name string, patterns []string) bool {
	return slices.ContainsFunc(patterns, func(pattern string) bool {
		ok, err := path.Match(pattern, name)
		return ok && err == nil
	})
}
