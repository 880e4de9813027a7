// Package played is for tests: it plays systemd to programs that speak to one
// by its private socket. Nothing is started; units change their state as asked.
package played

import (
	"bytes"
	"encoding/binary"
	"maps"
	"net"
	"slices"
	"sync"

	"github.com/godbus/dbus/v5"
)

// Properties are those of a unit, by systemd's names.
// Source: org.freedesktop.systemd1(5).
type Properties map[string]any

// A Systemd is the manager of a user, or of the system.
type Systemd struct {
	Dir string // its XDG_RUNTIME_DIR

	mutex   sync.Mutex
	units   map[string]Properties
	files   map[string]string // state of unit files
	state   string            // of the whole system
	env     []string
	results map[string][]string // of the next jobs, by call
	fails   map[string]string   // calls that are answered by an error
	calls   []string
	jobs    uint32
	waiting map[string]uint32 // jobs that do not end, by call
	conns   map[*peer]bool
}

// Set gives a unit properties, beside those that it has.
func (s *Systemd) Set(unit string, p Properties) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.set(unit, p)
}

func (s *Systemd) set(unit string, p Properties) {
	if s.units[unit] == nil {
		s.units[unit] = Properties{"LoadState": "loaded", "ActiveState": "inactive", "SubState": "dead"}
	}
	maps.Copy(s.units[unit], p)
	changed := map[string]dbus.Variant{"ActiveState": dbus.MakeVariant(s.units[unit]["ActiveState"])}
	s.tell(unitPrefix+escape(unit), "org.freedesktop.DBus.Properties", "PropertiesChanged", "org.freedesktop.systemd1.Unit", changed, []string{})
}

// Forget unloads a unit.
func (s *Systemd) Forget(unit string) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	delete(s.units, unit)
}

// Active is a unit's state; "" when it is not loaded.
func (s *Systemd) Active(unit string) string {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	active, _ := s.units[unit]["ActiveState"].(string)
	return active
}

// SetFile gives a unit a file in a state, such as enabled.
func (s *Systemd) SetFile(unit, state string) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.files[unit] = state
}

// SetState sets the state of the whole system, such as stopping.
func (s *Systemd) SetState(state string) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.state = state
}

// SetEnvironment sets what every unit is given, as KEY=VALUE.
func (s *Systemd) SetEnvironment(env ...string) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.env = env
}

// Ends lets the next jobs of a call, such as "start a.service", end with these
// results and not with done. A job with the result "" never ends.
func (s *Systemd) Ends(call string, results ...string) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.results[call] = results
}

// Refuses answers a call by an error; with the text "" it no longer does.
func (s *Systemd) Refuses(call, text string) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	s.fails[call] = text
}

// Calls lists what was asked for so far: a verb and a unit each.
func (s *Systemd) Calls() []string {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	return slices.Clone(s.calls)
}

// Hangup ends all connections.
func (s *Systemd) Hangup() {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	for p := range s.conns {
		p.conn.Close() //nolint:errcheck // the reader tells
	}
}

// A peer is a connection.
type peer struct {
	conn net.Conn
	next uint32 // serial of what is sent next
}

// send sends a message, with a body or without.
func (p *peer) send(m *dbus.Message, body ...any) {
	if len(body) > 0 {
		m.Body = body
		m.Headers[dbus.FieldSignature] = dbus.MakeVariant(dbus.SignatureOf(body...))
	}
	var data bytes.Buffer
	if err := m.EncodeTo(&data, binary.LittleEndian); err != nil {
		panic(err) // a test asks for what can't be sent
	}
	p.next++
	binary.LittleEndian.PutUint32(data.Bytes()[8:], p.next) // the serial
	p.conn.Write(data.Bytes())                              //nolint:errcheck // who has gone hears nothing
}

// tell sends a signal to all.
func (s *Systemd) tell(path, iface, member string, body ...any) {
	for p := range s.conns {
		p.send(&dbus.Message{Type: dbus.TypeSignal, Flags: dbus.FlagNoReplyExpected, Headers: map[dbus.HeaderField]dbus.Variant{
			dbus.FieldPath: dbus.MakeVariant(dbus.ObjectPath(path)), dbus.FieldInterface: dbus.MakeVariant(iface), dbus.FieldMember: dbus.MakeVariant(member),
		}}, body...)
	}
}
