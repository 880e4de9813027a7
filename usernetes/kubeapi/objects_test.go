package kubeapi

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"testing"
)

// object reads one as the API sends it.
func object[T any](t *testing.T, text string) (o T) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), &o); err != nil {
		t.Fatal(err)
	}
	return o
}

func TestObjectString(t *testing.T) {
	m := Metadata{Namespace: "shop", Name: "web", UID: "u"}
	if got := m.Object("Service").String(); got != "Service shop/web" {
		t.Errorf("%q", got)
	}
	if got := (Object{}).String(); got != "the node" {
		t.Errorf("%q", got)
	}
}

func TestNodeReady(t *testing.T) {
	for _, c := range []struct {
		conditions, why string
		ready           bool
	}{
		{`[]`, "its kubelet has said nothing yet", false},
		{`[{"type":"DiskPressure","status":"True"},{"type":"Ready","status":"False","reason":"KubeletNotReady","message":"no CNI"}]`, "KubeletNotReady: no CNI", false},
		{`[{"type":"Ready","status":"True","reason":"KubeletReady","message":"well"}]`, "KubeletReady: well", true},
	} {
		n := object[ClusterNode](t, `{"status":{"addresses":[{"type":"InternalIP","address":"192.0.2.10"}],"conditions":`+c.conditions+`}}`)
		if n.Ready() != c.ready || n.Unreadiness() != c.why {
			t.Errorf("%s: ready %v, %q", c.conditions, n.Ready(), n.Unreadiness())
		}
		if !n.At(netip.MustParseAddr("192.0.2.10")) || n.At(netip.MustParseAddr("192.0.2.11")) {
			t.Error("the node is at another address")
		}
	}
}

func TestPod(t *testing.T) {
	p := object[Pod](t, `{"metadata":{"uid":"mirror"},"status":{"phase":"Running"}}`)
	if p.KubeletUID() != "mirror" || p.Ended() {
		t.Errorf("%+v", p)
	}
	p = object[Pod](t, `{"metadata":{"uid":"mirror","annotations":{"kubernetes.io/config.hash":"static"}},"status":{"phase":"Failed"}}`)
	if p.KubeletUID() != "static" || !p.Ended() {
		t.Errorf("%+v", p)
	}
}

func TestBalanced(t *testing.T) {
	for spec, want := range map[string]bool{
		`{"type":"LoadBalancer"}`: true, `{"type":"LoadBalancer","loadBalancerClass":"x"}`: false, `{"type":"NodePort"}`: false,
	} {
		if got := object[Service](t, `{"spec":`+spec+`}`).Balanced(); got != want {
			t.Errorf("%s: %v", spec, got)
		}
	}
}

func TestSourceRanges(t *testing.T) {
	for _, c := range []struct {
		service, want string
		restricted    bool
	}{
		{`{}`, "[]", false},
		{`{"spec":{"loadBalancerSourceRanges":["203.0.113.9/24","2001:db8::/32","x"]}}`, "[203.0.113.0/24]", true},
		{`{"spec":{"loadBalancerSourceRanges":["203.0.113.0/24","0.0.0.0/0"]}}`, "[]", false},
		{`{"metadata":{"annotations":{"service.beta.kubernetes.io/load-balancer-source-ranges":"203.0.113.0/24, 198.51.100.0/24"}}}`, "[203.0.113.0/24 198.51.100.0/24]", true},
		{`{"metadata":{"annotations":{"service.beta.kubernetes.io/load-balancer-source-ranges":" "}}}`, "[]", false},
		{`{"spec":{"loadBalancerSourceRanges":["2001:db8::/32"]}}`, "[]", true},
	} {
		sources, restricted := object[Service](t, c.service).SourceRanges()
		if fmt.Sprint(sources) != c.want || restricted != c.restricted {
			t.Errorf("%s: %v, restricted %v", c.service, sources, restricted)
		}
	}
}
