package ports

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/usernetes/images"
	"github.com/alt-cloud/podsec-k8s/usernetes/kubeapi/played"
	"github.com/alt-cloud/podsec-k8s/usernetes/netpolicy"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
	"github.com/alt-cloud/podsec-k8s/usernetes/portdriver"
)

// A playedOpener opens every port but those that it refuses.
type playedOpener struct {
	open    []portdriver.OpenPort
	refuses map[string]string // why, by key
	broken  bool
	calls   []string
}

func (o *playedOpener) List(context.Context) ([]portdriver.OpenPort, error) {
	if o.broken {
		return nil, errors.New("no answer")
	}
	return slices.Clone(o.open), nil
}

func (o *playedOpener) Lead(p portdriver.Port) string { return fmt.Sprint(p.TargetPort()) }

func (o *playedOpener) OpenPort(_ context.Context, p portdriver.Port) error {
	o.calls = append(o.calls, "open "+p.Key())
	if text := o.refuses[p.Key()]; text != "" {
		return errors.New(text)
	}
	o.open = append(o.open, portdriver.OpenPort{Key: p.Key(), Lead: o.Lead(p)})
	return nil
}

func (o *playedOpener) ClosePort(_ context.Context, p portdriver.OpenPort) error {
	o.calls = append(o.calls, "close "+p.Key)
	o.open = slices.DeleteFunc(o.open, func(q portdriver.OpenPort) bool { return q.Key == p.Key })
	return nil
}

// published is a publisher of a control plane that asks a played API.
func published(t *testing.T) (*publisher, *played.API, *playedOpener) {
	t.Helper()
	playNamespaces(t)
	api, opener := played.Start(t), &playedOpener{}
	n := portNode(node.SlirpMode).node
	const none = `{"items":[]}`
	api.Has("/api/v1/services", none)
	api.Has("/api/v1/pods", none)
	api.Has("/api/v1/nodes", none)
	api.Has(netpolicy.Policies, none)
	return &publisher{
		node: n, api: api.Client(), admin: api.Client(), driver: opener, reported: map[string]string{}, sockets: newPodSockets(n), lackIDs: map[string]images.IDFault{},
		policies: policyReport{absent: func() bool { return true }, reported: map[string]bool{}},
	}, api, opener
}

// note reads what the publisher has left for the status command.
func note(t *testing.T) (r Report) {
	t.Helper()
	if err := node.NotePorts.Load(&r); err != nil {
		t.Fatal(err)
	}
	return r
}

// events are the reasons and messages of the events that were sent.
func events(api *played.API) (all []string) {
	for _, s := range api.Sent() {
		if strings.HasSuffix(s.Call, "/events") {
			all = append(all, fmt.Sprint(s.Body["reason"], ": ", s.Body["message"]))
		}
	}
	return all
}

const webService = `{"metadata":{"namespace":"shop","name":"web","uid":"w"},"spec":{"type":"NodePort","ports":[{"port":80,"nodePort":30080},{"port":81,"nodePort":30081}]}}`

// TestSync: what the cluster asks for is opened, once, and closed when it no
// longer does. Of what can't be opened the object and the status command are told,
// once for each reason.
func TestSync(t *testing.T) {
	p, api, opener := published(t)
	opener.open = []portdriver.OpenPort{{Key: "10250/tcp"}, {Key: "31000/tcp"}}
	opener.refuses = map[string]string{"30081/tcp": "listen: address already in use"}
	api.Has("/api/v1/services", `{"items":[`+webService+`]}`)
	for range 2 {
		if err := p.sync(t.Context()); err != nil {
			t.Fatal(err)
		}
	}
	if want := []string{"close 31000/tcp", "open 30080/tcp", "open 30081/tcp", "open 30081/tcp"}; !slices.Equal(opener.calls, want) {
		t.Errorf("%q, want %q", opener.calls, want)
	}
	const why = "another program of the machine listens there: ss -lntup"
	if r := note(t); len(r.Ports) != 2 || !r.Ports[0].Fault.Empty() || r.Ports[1].Fault.String() != why || portsReport(r.Ports) != "1 ports published, 1 not" {
		t.Errorf("noted: %+v", r)
	}
	if want := []string{"PortNotPublished: node m1 (192.0.2.10) does not publish port 30081/tcp: " + why}; !slices.Equal(events(api), want) {
		t.Errorf("told: %q", events(api))
	}
	opener.refuses["30081/tcp"] = "permission denied"
	if err := p.sync(t.Context()); err != nil || len(events(api)) != 2 || !strings.Contains(events(api)[1], "sysctl net.ipv4.ip_unprivileged_port_start=30081") {
		t.Errorf("for another reason: %q, %v", events(api), err)
	}
	api.Has("/api/v1/services", `{"items":[]}`)
	opener.calls = nil
	if err := p.sync(t.Context()); err != nil || !slices.Equal(opener.calls, []string{"close 30080/tcp"}) || len(p.reported) > 0 {
		t.Errorf("no longer asked for: %q, %v, %v", opener.calls, p.reported, err)
	}
}

// TestSyncFails when the cluster or the driver does not answer, and changes
// nothing then.
func TestSyncFails(t *testing.T) {
	p, api, opener := published(t)
	api.Has("/api/v1/services", `{"items":[`+webService+`]}`)
	opener.broken = true
	if err := p.sync(t.Context()); err == nil || err.Error() != "no answer" {
		t.Errorf("%v", err)
	}
	opener.broken = false
	api.Refuses("GET /api/v1/pods", 503)
	if err := p.sync(t.Context()); err == nil || len(opener.calls) > 0 {
		t.Errorf("%q, %v", opener.calls, err)
	}
	api.Refuses("GET /api/v1/pods", 0)
	api.Refuses("POST /api/v1/namespaces/shop/events", 403)
	opener.refuses = map[string]string{"30080/tcp": "no room"}
	for range 2 { // an event that was not taken is sent again
		if err := p.sync(t.Context()); err == nil || !strings.Contains(err.Error(), "403") {
			t.Errorf("%v", err)
		}
	}
	if len(events(api)) != 2 || len(p.reported) > 0 {
		t.Errorf("told: %q, %v", events(api), p.reported)
	}
}

// TestLimited: a port that is open, but not as it was asked for, is told of, too.
func TestLimited(t *testing.T) {
	p, api, _ := published(t)
	one := portdriver.Port{Proto: "tcp", Number: 80, Note: message.Of("it is slow")}
	if err := p.event(t.Context(), one); err != nil {
		t.Fatal(err)
	}
	if want := []string{"PortLimited: node m1 (192.0.2.10) publishes port 80/tcp, but: it is slow"}; !slices.Equal(events(api), want) {
		t.Errorf("%q", events(api))
	}
}

// TestHostIPs: the namespaces are given the addresses that pods ask for, and they
// are taken away again.
func TestHostIPs(t *testing.T) {
	p, _, _ := published(t)
	have := func() (all []string) {
		for _, prefix := range ownAddresses() {
			if prefix.Is4() && !prefix.IsLoopback() {
				all = append(all, prefix.String())
			}
		}
		return all
	}
	for _, want := range [][]string{{"198.51.100.7", "198.51.100.8"}, {"198.51.100.8"}, nil} {
		var addresses []netip.Addr
		for _, text := range want {
			addresses = append(addresses, netip.MustParseAddr(text))
		}
		if err := p.giveHostIPs(t.Context(), addresses); err != nil || !slices.Equal(have(), want) {
			t.Errorf("want %q, have %q, %v", want, have(), err)
		}
	}
	if err := p.giveHostIPs(t.Context(), []netip.Addr{netip.MustParseAddr("198.51.100.9")}); err != nil {
		t.Fatal(err)
	}
	p.given, p.hostIPs = false, nil // a publisher that was started again
	if err := p.giveHostIPs(t.Context(), nil); err != nil || len(have()) > 0 {
		t.Errorf("of an earlier one are left %q, %v", have(), err)
	}
	t.Setenv("XDG_RUNTIME_DIR", t.TempDir()) // nobody can be asked, and there is nothing to ask
	if err := p.giveHostIPs(t.Context(), nil); err != nil {
		t.Errorf("%v", err)
	}
	if err := p.giveHostIPs(t.Context(), []netip.Addr{netip.MustParseAddr("198.51.100.7")}); err == nil || p.given {
		t.Errorf("given %v, %v", p.given, err)
	}
}

// TestFollow: a change is followed, a fault is noted, and the end is no fault.
func TestFollow(t *testing.T) {
	p, api, opener := published(t)
	opener.broken = true
	ctx, cancel := context.WithCancel(t.Context())
	changes := make(chan struct{}, 1)
	ended := make(chan error)
	go func() { ended <- p.follow(ctx, changes) }()
	for {
		var r Report
		if err := node.NotePorts.Load(&r); err == nil && r.Fault.String() == "no answer" {
			break
		}
		time.Sleep(time.Millisecond)
	}
	api.Refuses("GET /api/v1/services", 503)
	changes <- struct{}{}
	for r := note(t); !strings.Contains(r.Fault.String(), "503"); r = note(t) {
		time.Sleep(time.Millisecond)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}

// TestPublish: it asks as the node, and on a control plane as the administrator,
// too.
func TestPublish(t *testing.T) {
	_, api, _ := published(t)
	n := portNode(node.SlirpMode).node
	if err := os.RemoveAll(node.Home); err != nil {
		t.Fatal(err)
	}
	if err := Publish(t.Context(), n); !node.IsMissing(err) {
		t.Errorf("without an identity: %v", err)
	}
	api.WriteKubeconfig(t, node.StatePath(node.KubeletConf), node.StatePath(node.AdminConf))
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan error)
	go func() { ended <- Publish(ctx, n) }()
	for {
		var r Report
		if err := node.NotePorts.Load(&r); err == nil && strings.HasPrefix(r.Fault.String(), "listing open ports: ") {
			break
		}
		time.Sleep(time.Millisecond)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Error(err)
	}
}
