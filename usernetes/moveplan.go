package usernetes

import (
	"cmp"
	"context"
	"errors"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/usernetes/kubeapi"
	"github.com/alt-cloud/podsec-k8s/usernetes/namespace"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
	"github.com/alt-cloud/podsec-k8s/usernetes/preflight"
	"github.com/alt-cloud/podsec-k8s/usernetes/steps"
	"github.com/alt-cloud/podsec-k8s/usernetes/upgrade"
	"github.com/alt-cloud/podsec-k8s/usernetes/wait"
)

// An AddressRequest is what root asks of u7s-admin.
type AddressRequest struct {
	NodeIP  string     // by a flag; "" for that of the settings, or of the default route
	Server  string     // by a flag, HOST or HOST:PORT; "" where the cluster's API is where it was
	Setting netip.Addr // NODE_IP in the site's settings
}

// A MovePlan is what a change of the node's address is going to do.
type MovePlan struct {
	Name         string
	From, To     netip.Addr
	Server       string // where a worker asks from then on, as HOST:PORT; "" where it does now
	ControlPlane bool
	Resumed      bool // an earlier run has begun it

	// The version from which an upgrade came that could still be undone; "" where there
	// is none. That ends, for what the node would go back to has the address of before.
	Forgets string
}

// Same reports whether there is nothing to do.
func (p MovePlan) Same() bool { return !p.Resumed && p.From == p.To && p.Server == "" }

// Check reports whether what u7s-admin hands to root has its form.
func (p MovePlan) Check() error {
	if !p.From.IsValid() || !p.To.IsValid() || p.Server != "" && node.CheckEndpoint(p.Server) != nil {
		return message.Errorf("the node reports an invalid change of its address")
	}
	if p.Forgets != "" {
		if _, err := upgrade.ParseVersion(p.Forgets); err != nil {
			return err
		}
	}
	return node.CheckNames(p.Name)
}

// CheckCall tells what in a call can't be understood. The error is a *Misuse.
func (r AddressRequest) CheckCall() error {
	if err := (Options{NodeIP: r.NodeIP}).CheckCall(nil); err != nil || r.Server == "" {
		return err
	}
	if err := node.CheckEndpoint(withPort(r.Server, "")); err != nil {
		return node.NewMisuse("specify an address or a name, such as 192.0.2.10 or 192.0.2.10:6443", "flag --%s: %w", "server", err)
	}
	return nil
}

// withPort is a server with its port, or with that of another server's URL, or the
// default one.
func withPort(server, url string) string {
	if _, _, err := net.SplitHostPort(server); err == nil {
		return server
	}
	_, port, err := net.SplitHostPort(strings.TrimPrefix(url, "https://"))
	if err != nil {
		port = strconv.Itoa(node.APIPort)
	}
	return net.JoinHostPort(strings.Trim(server, "[]"), port)
}

// otherThan reports whether an interrupted change has to be undone before this one.
func (m *moving) otherThan(r AddressRequest) bool {
	return m.record.Begun() && (m.record.Back || r.NodeIP != "" && r.NodeIP != m.record.To.String() || r.Server != "" && r.Server != m.record.Asked)
}

// AskMove finds out what a change of the node's address would do, as u7s-admin. What
// keeps it from being done is a fault.
func AskMove(ctx context.Context, r AddressRequest) (p MovePlan, err error) {
	err = withFinished(ctx, func(w *Work) error {
		record, err := steps.LoadMove()
		if err != nil {
			return err
		}
		if m := (&moving{record: record}); record.Begun() && !m.otherThan(r) {
			n := w.Plan.Node
			p = MovePlan{Name: n.Name, From: record.From, To: record.To, Server: record.Server, ControlPlane: n.APIPort != 0}
		} else if p, err = planMove(ctx, r, w.Plan.Node); err != nil {
			return err
		}
		p.Resumed = record.Begun()
		upgraded, err := upgrade.LoadRecord()
		p.Forgets = upgraded.From
		return err
	})
	return p, err
}

// planMove decides it for a node as it is.
func planMove(ctx context.Context, r AddressRequest, n node.Node) (p MovePlan, err error) {
	record, err := upgrade.LoadRecord()
	if err == nil && record.Unfinished() {
		err = host.NewFault("podsec-k8s upgrade resume", "an upgrade of this node is not finished")
	}
	if err != nil {
		return p, err
	}
	p = MovePlan{Name: n.Name, From: n.IP, ControlPlane: n.APIPort != 0}
	f := preflight.Facts{Addresses: node.HostAddresses()}
	f.Routes, f.DefaultIP = node.HostRoutes()
	if p.To, err = r.address(f, n); err != nil {
		return p, err
	}
	if p.ControlPlane && r.Server != "" {
		return p, host.NewFault("leave out --server", "this machine is a control plane: the cluster's API is here")
	}
	if !p.ControlPlane {
		p.Server, err = askServer(ctx, r, n.Name)
	}
	if err != nil || p.Same() {
		return p, err
	}
	moved := (&moving{record: steps.Move{From: p.From, To: p.To, Server: p.Server}}).node(n)
	if err := checkPlace(f, moved, p); err != nil || !p.ControlPlane {
		return p, err
	}
	return p, errors.Join(checkAuthorities(), checkAlone(ctx, n), checkName(ctx, moved, p.From))
}

// address is the one that the node is to have. Where only the cluster has moved, it
// keeps the one that the machine still has.
func (r AddressRequest) address(f preflight.Facts, n node.Node) (netip.Addr, error) {
	if r.NodeIP == "" && r.Server != "" && node.CheckAddress(n, f.Addresses) == nil {
		return n.IP, nil
	}
	is, err := siteNode(node.Site{Network: n.Mode().Name, NodeIP: r.Setting}, f, Options{NodeIP: r.NodeIP})
	return is.IP, err
}

// checkPlace looks whether the machine can have a node with that address.
func checkPlace(f preflight.Facts, moved node.Node, p MovePlan) error {
	checks := preflight.PlaceChecks()
	if p.From != p.To {
		f = f.WithPorts(moved)
	}
	var faults []error
	for _, finding := range preflight.Run(checks, f, moved, nil) {
		if finding.Fault != nil {
			faults = append(faults, finding.Fault)
		}
	}
	return errors.Join(faults...)
}

// askServer looks where a worker is to ask the cluster's API: what answers there has to
// be of its cluster, and to know this node. It is "" where that is as it was.
func askServer(ctx context.Context, r AddressRequest, name string) (string, error) {
	api, err := kubeapi.NewClient(node.KubeletConf)
	if err != nil {
		return "", err
	}
	server, remedy := "", message.Format("start the control plane; or if it has another address now: podsec-k8s change-address --server HOST:PORT")
	if r.Server != "" {
		if is := withPort(r.Server, api.Server); "https://"+is != api.Server {
			server, api.Server = is, "https://"+is
		}
		remedy = "check the address, and that the control plane is running there: podsec-k8s status"
	}
	ctx, cancel := context.WithTimeout(ctx, wait.LookTimeout)
	defer cancel()
	if _, err := api.Node(ctx, name); err != nil {
		if kubeapi.HasStatus(err, http.StatusUnauthorized) {
			remedy = "renew the kubelet's certificate: podsec-k8s certs renew"
		}
		return "", host.WithRemedy(message.Errorf("the API of this node's cluster does not answer at %s: %w", strings.TrimPrefix(api.Server, "https://"), err), remedy)
	}
	return server, nil
}

// checkAlone is a fault where the cluster has other control planes, as far as it
// answers: it is asked in the node, which may run while its address is gone. Where it
// does not, etcd tells later.
func checkAlone(ctx context.Context, n node.Node) error {
	if _, err := namespace.ChildPID(); err != nil || !n.EtcdPeers {
		return nil //nolint:nilerr // nothing runs that could be asked
	}
	ctx, cancel := context.WithTimeout(ctx, wait.LookTimeout)
	defer cancel()
	out, err := outputInNode(ctx, "kubectl", "get", "nodes", "--selector="+kubeapi.ControlPlaneLabel, "--output=name", "--request-timeout=5s")
	if err == nil && len(strings.Fields(out)) > 1 {
		return leaveAndJoin()
	}
	return nil
}

// checkName is a fault where the cluster is asked at a name that leads to the address
// of before: the node itself would not find its cluster.
func checkName(ctx context.Context, moved node.Node, from netip.Addr) error {
	if moved.EndpointName() == "" {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, wait.LookTimeout)
	defer cancel()
	found, err := net.DefaultResolver.LookupNetIP(ctx, "ip4", moved.Endpoint)
	if err == nil && !slices.ContainsFunc(found, func(a netip.Addr) bool { return a.Unmap() == from }) {
		return nil
	}
	return host.WithRemedy(message.Errorf("the name of the cluster's endpoint, %s, does not lead to %s yet", moved.Endpoint, moved.IP),
		"change it in DNS, or in /etc/hosts of this machine and of the other nodes; then run the same command again")
}

// Moved is what a change of the address leaves to do. It is only shown.
type Moved struct {
	Server   string   // where the cluster's API is, as HOST:PORT; "" on a worker
	Endpoint string   // the name at which the nodes ask for it; "" where that is an address
	Others   []string // the other nodes
}

// AskMoved finds it out, as u7s-admin.
func AskMoved(ctx context.Context) (r Moved, err error) {
	n, err := node.LoadNode()
	if err != nil || n.APIPort == 0 {
		return r, err
	}
	r.Server, r.Endpoint = n.APIAddress(), n.EndpointName()
	api, err := kubeapi.NewClient(node.AdminConf)
	if err != nil {
		return r, err
	}
	r.Others, err = otherNodes(ctx, api, n)
	return r, err
}

// Check reports whether what u7s-admin hands to root has its form.
func (r Moved) Check() error {
	for _, place := range []string{r.Server, cmp.Or(r.Endpoint, "none") + ":1"} {
		if place != "" && node.CheckEndpoint(place) != nil {
			return message.Errorf("the node reports the invalid endpoint %q", place)
		}
	}
	return node.CheckNames(r.Others...)
}
