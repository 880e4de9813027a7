package played

import (
	"bufio"
	"io"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/godbus/dbus/v5"
)

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
