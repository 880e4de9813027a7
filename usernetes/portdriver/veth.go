package portdriver

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/alt-cloud/podsec-k8s/host/veth"
)

// A vethPorts opens ports by the service of the mode veth, and those that
// it can't lead by RootlessKit's port driver beside it.
type vethPorts struct {
	conn   *veth.Conn
	open   []veth.Port
	beside Driver
}

// VethPort returns a port as the service of the mode veth takes it.
func VethPort(p Port) veth.Port {
	return veth.Port{Proto: p.Proto, Number: p.Number, Target: p.TargetPort(), Sources: p.Sources}
}

// List returns the ports that are open, of both.
func (v *vethPorts) List(ctx context.Context) ([]OpenPort, error) {
	if err := v.publish(v.open, ""); err != nil { // anew, for the service may have been started again
		return nil, err
	}
	all, err := v.beside.List(ctx)
	for _, p := range v.open {
		all = append(all, OpenPort{Key: p.Key(), Lead: rootLead(p), root: true})
	}
	return all, err
}

// Lead says where a port is to lead.
func (v *vethPorts) Lead(p Port) string {
	if p.byRoot() {
		return rootLead(VethPort(p))
	}
	return v.beside.Lead(p)
}

func rootLead(p veth.Port) string { return fmt.Sprintf("%d for %v", p.Target, p.Sources) }

// OpenPort opens a port by the one that can lead it.
func (v *vethPorts) OpenPort(ctx context.Context, p Port) error {
	if !p.byRoot() {
		return v.beside.OpenPort(ctx, p)
	}
	one := VethPort(p)
	return v.publish(append(slices.Clone(v.open), one), one.Key())
}

// ClosePort closes one that List has returned.
func (v *vethPorts) ClosePort(ctx context.Context, p OpenPort) error {
	if !p.root {
		return v.beside.ClosePort(ctx, p)
	}
	return v.publish(slices.DeleteFunc(slices.Clone(v.open), func(o veth.Port) bool { return o.Key() == p.Key }), "")
}

// publish asks for a set of ports and keeps it; the fault of one that is new
// is returned, and that one not asked for again.
func (v *vethPorts) publish(ports []veth.Port, fresh string) error {
	faults, err := v.ask(ports)
	if err != nil {
		return err
	}
	v.open = slices.DeleteFunc(ports, func(p veth.Port) bool { return faults[p.Key()] != "" })
	if fault := faults[fresh]; fault != "" {
		return errors.New(fault)
	}
	return nil
}

// ask connects again when the connection has ended.
func (v *vethPorts) ask(ports []veth.Port) (map[string]string, error) {
	if v.conn != nil {
		if faults, err := v.conn.Publish(ports); err == nil {
			return faults, nil
		}
		v.conn.Close() //nolint:errcheck // it has ended
		v.conn = nil
	}
	conn, err := veth.Dial()
	if err != nil {
		return nil, err
	}
	v.conn = conn
	return conn.Publish(ports)
}
