// Package played is for tests: it plays systemd to programs that speak to one
// by its private socket. Nothing is started; units change their state as asked.
package played

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"io"
	"maps"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"

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

// Start plays a systemd until the test has ended.
func Start(t testing.TB) *Systemd {
	t.Helper()
	dir, err := os.MkdirTemp("", "systemd") //nolint:usetesting // a socket's path is short
	if err != nil {
		t.Fatal(err)
	}
	s := &Systemd{
		Dir: dir, state: "running", units: map[string]Properties{}, files: map[string]string{}, results: map[string][]string{},
		fails: map[string]string{}, waiting: map[string]uint32{}, conns: map[*peer]bool{},
	}
	if err := os.Mkdir(filepath.Join(dir, "systemd"), 0o700); err != nil {
		t.Fatal(err)
	}
	listener, err := net.Listen("unix", filepath.Join(dir, "systemd", "private"))
	if err != nil {
		t.Fatal(err)
	}
	var all sync.WaitGroup
	all.Go(func() {
		for {
			c, err := listener.Accept()
			if err != nil {
				return
			}
			all.Go(func() { s.serve(c) })
		}
	})
	t.Cleanup(func() {
		listener.Close() //nolint:errcheck // Accept tells
		s.Hangup()
		all.Wait()
		os.RemoveAll(dir) //nolint:errcheck // the test has ended
	})
	return s
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

func (s *Systemd) serve(c net.Conn) {
	defer c.Close() //nolint:errcheck // it has ended
	in := bufio.NewReader(c)
	if err := authenticate(in, c); err != nil {
		return
	}
	p := &peer{conn: c}
	s.mutex.Lock()
	s.conns[p] = true
	s.mutex.Unlock()
	defer func() {
		s.mutex.Lock()
		delete(s.conns, p)
		s.mutex.Unlock()
	}()
	for {
		m, err := dbus.DecodeMessage(in)
		if err != nil {
			return
		}
		s.mutex.Lock()
		s.answer(p, m)
		s.mutex.Unlock()
	}
}

// authenticate believes everyone.
// Source: D-Bus Specification, "Authentication Protocol".
func authenticate(in *bufio.Reader, out io.Writer) error {
	if _, err := in.ReadByte(); err != nil {
		return err
	}
	for {
		line, err := in.ReadString('\n')
		if err != nil {
			return err
		}
		answer := ""
		switch {
		case strings.HasPrefix(line, "AUTH EXTERNAL"):
			answer = "OK 0123456789abcdef0123456789abcdef\r\n"
		case strings.HasPrefix(line, "BEGIN"):
			return nil
		case strings.HasPrefix(line, "NEGOTIATE_UNIX_FD"):
			answer = "AGREE_UNIX_FD\r\n"
		case strings.HasPrefix(line, "AUTH"):
			answer = "REJECTED EXTERNAL\r\n"
		default:
			answer = "ERROR\r\n"
		}
		if _, err := io.WriteString(out, answer); err != nil {
			return err
		}
	}
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
