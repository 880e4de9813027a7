package veth

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"os"
	"time"

	"github.com/alt-cloud/podsec-k8s/host"
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
	data, err := os.ReadFile(path)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("reading the published ports: %w", err)
	}
	var now given
	if err := json.Unmarshal(data, &now); err != nil {
		return nil, fmt.Errorf("reading the published ports from %q: %w", path, err)
	}
	return now.Ports, nil
}

func (s *Server) save() error {
	if s.link == nil {
		return host.Remove(s.State)
	}
	data, err := json.Marshal(given{*s.link, s.allPorts(), s.table})
	if err != nil {
		return fmt.Errorf("noting the link: %w", err)
	}
	return host.WriteFile(s.State, data, 0o600)
}

// loadGiven reads what a server has noted. There is nothing while no node has
// a link: then the error is fs.ErrNotExist.
func loadGiven(path string) (was given, err error) {
	data, err := os.ReadFile(path)
	if err != nil {
		return was, fmt.Errorf("reading the earlier link: %w", err)
	}
	if err := json.Unmarshal(data, &was); err != nil {
		return was, fmt.Errorf("reading the earlier link from %q: %w", path, err)
	}
	return was, nil
}

// restore takes over what an earlier server gave and did not take back.
func (s *Server) restore(ctx context.Context) error {
	was, err := loadGiven(s.State)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	s.link, s.ports[nil], s.table = &was.Link, was.Ports, was.Table
	slog.Info("link taken over", "address", was.Link.Address)
	time.AfterFunc(returnTime, func() { s.expire(ctx) })
	return nil
}

// expire gives up on what nobody has come back for.
func (s *Server) expire(ctx context.Context) {
	s.mutex.Lock()
	defer s.mutex.Unlock()
	delete(s.ports, nil)
	if s.link == nil || ctx.Err() != nil {
		return
	}
	var err error
	if s.owner == nil {
		err = s.drop(ctx)
	} else {
		err = s.update(ctx)
	}
	if err != nil {
		slog.Error("taking back", "error", err)
	}
}
