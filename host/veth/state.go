package veth

import (
	"encoding/json"
	"errors"
	"io/fs"
	"regexp"
	"slices"
	"time"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/message"
)

// returnTime is how long a node may take to come back to a server that was
// started again; then what it had is taken back.
const returnTime = 30 * time.Second

// given is what a server that is started again has to know.
type given struct {
	Link  Link
	Ports []Port
	Table string // as nft lists it
}

// Published returns the ports that a server has given, by its note at path.
// There is none while the node has no link: none are published then.
func Published(path string) ([]Port, error) {
	now, err := loadGiven(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	return now.Ports, err
}

func (s *Server) save() error {
	if s.link == nil {
		return host.Remove(s.State)
	}
	data, err := json.Marshal(given{*s.link, s.allPorts(), s.table})
	if err != nil {
		return message.Errorf("recording the link: %w", err)
	}
	return host.WriteFile(s.State, data, 0o600)
}

// maxState bounds the file of a server, in bytes: thousands of ports, each with
// some networks.
const maxState = 4 << 20

// loadGiven reads what a server has noted. There is nothing while no node has
// a link: then the error is fs.ErrNotExist. Root reads it, and the server has
// less rights than root: so it is read only where it has the form of such a
// file.
func loadGiven(path string) (was given, err error) {
	data, err := host.ReadRegular(path, maxState)
	if err != nil {
		return was, message.Errorf("reading the earlier link: %w", err)
	}
	if err = json.Unmarshal(data, &was); err == nil {
		err = was.check()
	}
	if err != nil {
		return given{}, message.Errorf("reading the earlier link from %q: %w", path, err)
	}
	return was, nil
}

// errForm says that a note is none of a server's.
var errForm = message.New("it does not have the form that podsec-k8s writes")

// deviceName is a device as messages may name it.
var deviceName = regexp.MustCompile(`^[A-Za-z0-9._-]{1,15}$`)

// check compares a note with the form of one.
func (g given) check() error {
	l := g.Link
	if !l.Address.Is4() || !l.Subnet.IsValid() || !l.Subnet.Addr().Is4() || l.Subnet.Bits() != 30 || l.Default.IsValid() && !l.Default.Is4() || !deviceName.MatchString(l.Device) {
		return errForm
	}
	if len(g.Ports) > maxPorts || slices.ContainsFunc(g.Ports, func(p Port) bool { return p.check() != nil }) {
		return errForm
	}
	return nil
}
