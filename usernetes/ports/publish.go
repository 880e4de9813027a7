package ports

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"log/slog"
	"net/netip"
	"os/signal"
	"slices"
	"strings"
	"time"

	"golang.org/x/sys/unix"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/usernetes/images"
	"github.com/alt-cloud/podsec-k8s/usernetes/kubeapi"
	"github.com/alt-cloud/podsec-k8s/usernetes/netpolicy"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
	"github.com/alt-cloud/podsec-k8s/usernetes/portdriver"
	"github.com/alt-cloud/podsec-k8s/usernetes/wait"
)

// How long to wait after a fault, and how often to look what pods with the
// node's network listen on, when there are any.
const (
	retryInterval  = 2 * time.Second
	listenInterval = 3 * time.Second
)

// Publish runs until it is told to end. It runs beside the namespaces.
func Publish(ctx context.Context, n node.Node) error {
	ctx, stop := signal.NotifyContext(ctx, unix.SIGTERM, unix.SIGINT)
	defer stop()
	api, err := kubeapi.NewClient(node.KubeletConf)
	if err != nil {
		return err
	}
	p := &publisher{node: n, api: api, driver: portdriver.NewOpener(n), reported: map[string]string{}, sockets: newPodSockets(n), lackIDs: map[string]images.IDFault{}, policies: newPolicyReport()}
	if p.admin, err = kubeapi.NewClient(node.AdminConf); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	changes := make(chan struct{}, 1)
	for _, path := range []string{"/api/v1/services", p.podsPath(), netpolicy.Policies} {
		go p.watch(ctx, path, changes)
	}
	return p.follow(ctx, changes)
}

// follow compares after every change, and now and then without one.
func (p *publisher) follow(ctx context.Context, changes chan struct{}) error {
	if err := host.Ready("publishing ports"); err != nil {
		return err
	}
	for {
		interval := wait.ResyncInterval
		if err := p.sync(ctx); err != nil && ctx.Err() == nil {
			slog.Error("publishing ports", "error", err)
			if err := node.NotePorts.Save(Report{Fault: message.OfError(err)}); err != nil {
				return err
			}
			interval = retryInterval
		}
		if !p.wait(ctx, interval, changes) {
			return nil
		}
	}
}

// wait returns when something may have changed, or after an interval; false
// when ctx has ended.
func (p *publisher) wait(ctx context.Context, interval time.Duration, changes <-chan struct{}) bool {
	timeout := time.After(interval)
	for {
		select {
		case <-ctx.Done():
			return false
		case <-timeout:
			return true
		case <-time.After(listenInterval):
			if p.sockets.changed(p.pods, p.hostIPs) {
				return true
			}
		case <-changes:
			select { // what belongs together often comes together
			case <-ctx.Done():
				return false
			case <-time.After(wait.Debounce):
				return true
			}
		}
	}
}

// watch tells of changes until ctx ends.
func (p *publisher) watch(ctx context.Context, path string, changes chan<- struct{}) {
	for ctx.Err() == nil {
		err := p.api.Watch(ctx, withQuery(path, "watch=1&timeoutSeconds=600"), func() {
			select {
			case changes <- struct{}{}:
			default:
			}
		})
		slog.Debug("watching ended", "path", path, "error", err)
		select {
		case <-ctx.Done():
		case <-time.After(time.Second):
		}
	}
}

// sync opens and closes ports, says on the objects what could not be, and
// notes all for the status command.
func (p *publisher) sync(ctx context.Context) error {
	var services struct{ Items []kubeapi.Service }
	var pods struct{ Items []kubeapi.Pod }
	if err := errors.Join(p.api.Get(ctx, "/api/v1/services", &services), p.api.Get(ctx, p.podsPath(), &pods)); err != nil {
		return err
	}
	open, err := p.driver.List(ctx)
	if err != nil {
		return err
	}
	p.pods = pods.Items
	state := machineState{node: p.node, addresses: ownAddresses(), services: services.Items, pods: pods.Items}
	if err := p.giveHostIPs(ctx, state.hostIPs()); err != nil {
		return err
	}
	state.listeners = p.sockets.look(pods.Items, p.hostIPs)
	wanted := wantedPorts(state)
	p.apply(ctx, changePorts(p.node, open, wanted, p.driver.Lead), wanted)
	faults := []error{node.NotePorts.Save(Report{Ports: wanted}), host.Status(portsReport(wanted))}
	if p.admin != nil {
		unknown, err := p.balance(ctx, state)
		faults = append(faults, err, p.dropOldRights(ctx))
		wanted = append(wanted, unknown...)
	}
	if err := p.reportIDs(ctx); err != nil {
		slog.Error("looking for pods that lack ids", "error", err) // the ports are kept up all the same
	}
	if err := p.reportPolicies(ctx); err != nil {
		slog.Error("looking for NetworkPolicies that are not enforced", "error", err) // the same
	}
	return errors.Join(append(faults, p.emitEvents(ctx, wanted))...)
}

// giveHostIPs asks the namespaces only where there may be something to do.
func (p *publisher) giveHostIPs(ctx context.Context, want []netip.Addr) error {
	if p.given && len(want) == 0 && len(p.hostIPs) == 0 {
		return nil
	}
	p.given, p.hostIPs = false, want
	err := giveHostIPs(ctx, want)
	p.given = err == nil
	return err
}

// ownAddresses lists the machine's addresses.
func ownAddresses() (all []netip.Addr) {
	for _, prefix := range node.HostAddresses() {
		all = append(all, prefix.Addr())
	}
	return all
}

// apply changes the ports and notes in wanted what failed.
func (p *publisher) apply(ctx context.Context, c portChange, wanted []portdriver.Port) {
	for _, one := range c.close {
		if err := p.driver.ClosePort(ctx, one); err != nil {
			slog.Error("closing a port", "port", one.Key, "error", err)
		}
	}
	for _, one := range c.open {
		err := p.driver.OpenPort(ctx, one)
		if err == nil {
			slog.Info("port opened", "port", one.Key(), "for", one.Owner.String())
			continue
		}
		at := slices.IndexFunc(wanted, func(w portdriver.Port) bool { return w.Fault.Empty() && w.Key() == one.Key() })
		wanted[at].Fault = portFault(one, err)
	}
}

// portFault words why a port could not be opened, with what to do.
func portFault(p portdriver.Port, err error) message.Text {
	text := err.Error()
	switch {
	case strings.Contains(text, "permission denied"):
		return message.Of("only root can open ports below net.ipv4.ip_unprivileged_port_start; to allow it: sysctl net.ipv4.ip_unprivileged_port_start=%d", p.Number)
	case strings.Contains(text, "address already in use"):
		return message.Of("another program of the machine listens there: ss -lntup")
	default:
		return message.OfError(err)
	}
}

// emitEvents puts a warning on every object whose port is not open, or not quite as
// it was asked for, once for each reason.
func (p *publisher) emitEvents(ctx context.Context, wanted []portdriver.Port) error {
	var faults []error
	now := map[string]bool{}
	for _, one := range wanted {
		key, text := one.OwnerKey(), cmp.Or(one.Fault.String(), one.Note.String())
		now[key] = text != ""
		if text == "" || p.reported[key] == text {
			continue
		}
		slog.Warn("port not published as asked for", "port", one.Key(), "for", one.Owner.String(), "fault", one.Fault, "note", one.Note)
		if err := p.event(ctx, one); err != nil {
			faults = append(faults, err)
			continue
		}
		p.reported[key] = text
	}
	for key := range p.reported {
		if !now[key] {
			delete(p.reported, key)
		}
	}
	return errors.Join(faults...)
}

func (p *publisher) event(ctx context.Context, one portdriver.Port) error {
	reason, text := "PortNotPublished", fmt.Sprintf("node %s (%s) does not publish port %s: %s", p.node.Name, p.node.IP, one.Key(), one.Fault)
	if one.Fault.Empty() {
		reason, text = "PortLimited", fmt.Sprintf("node %s (%s) publishes port %s, but: %s", p.node.Name, p.node.IP, one.Key(), one.Note)
	}
	return p.warn(ctx, one.Owner, reason, text)
}

func portsReport(wanted []portdriver.Port) string {
	failed := 0
	for _, p := range wanted {
		if !p.Fault.Empty() {
			failed++
		}
	}
	return fmt.Sprintf("%d ports published, %d not", len(wanted)-failed, failed)
}

// Report is what the publisher leaves for the status command.
type Report struct {
	Ports []portdriver.Port
	Fault message.Text // why they can't be kept up; nothing when all is well
}
