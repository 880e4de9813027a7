package ports

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	rkport "github.com/rootless-containers/rootlesskit/v3/pkg/port"

	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/usernetes/kubeapi"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
	"github.com/alt-cloud/podsec-k8s/usernetes/portdriver"
)

// portNode is a master at 192.0.2.10, which has other addresses, too.
func portNode(mode string) machineState {
	return machineState{
		node: node.Node{Name: "m1", IP: netip.MustParseAddr("192.0.2.10"), APIPort: 6443, Network: mode},
		addresses: []netip.Addr{
			netip.MustParseAddr("127.0.0.1"), netip.MustParseAddr("192.0.2.10"), netip.MustParseAddr("198.51.100.7"), netip.MustParseAddr("2001:db8::7"),
		},
	}
}

// decode reads the items of a list as the API sends them.
func decode[T any](t *testing.T, text string) (items []T) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), &items); err != nil {
		t.Fatal(err)
	}
	return items
}

// describe is a line for each port: what, where to, whose clients, and why not.
func describe(m machineState) (lines []string) {
	for _, p := range wantedPorts(m) {
		where := fmt.Sprintf("any:%d", p.TargetPort())
		if p.Child.IsValid() {
			where = fmt.Sprintf("%s:%d", p.Child, p.TargetPort())
		}
		line := p.Key() + " -> " + where
		if p.Sources != nil {
			line += fmt.Sprint(" for ", p.Sources)
		}
		for mark, text := range map[string]string{" FAULT ": p.Fault.String(), " NOTE ": p.Note.String()} {
			if text != "" {
				words := strings.Fields(text)
				line += mark + strings.Join(words[:min(4, len(words))], " ")
			}
		}
		lines = append(lines, line)
	}
	return lines
}

// TestServicePorts goes through every field of ServiceSpec and ServiceStatus
// that asks for a port of the node or for one of its addresses.
func TestServicePorts(t *testing.T) {
	const tcp80 = `"ports":[{"protocol":"TCP","port":80}]`
	const udp53at30053 = `"ports":[{"protocol":"UDP","port":53,"nodePort":30053}]`
	const tcp80at30080 = `"ports":[{"protocol":"TCP","port":80,"nodePort":30080}]`
	for _, c := range []struct {
		field, spec string
		want        []string // of a stack in user space
		veth        []string // of the mode veth; nil is the same
	}{
		{"type ClusterIP", `"type":"ClusterIP",` + tcp80, nil, nil},
		{"type ExternalName", `"type":"ExternalName","externalIPs":["192.0.2.10"],` + tcp80, nil, nil},
		{"headless", `"type":"ClusterIP","clusterIP":"None","externalIPs":["192.0.2.10"],` + tcp80, nil, nil},
		{"nodePort", `"type":"NodePort",` + tcp80at30080, []string{"30080/tcp -> any:30080"}, nil},
		{"nodePort without protocol", `"type":"NodePort","ports":[{"port":80,"nodePort":30080}]`, []string{"30080/tcp -> any:30080"}, nil},
		{"nodePort UDP", `"type":"NodePort",` + udp53at30053, []string{"30053/udp -> any:30053"}, nil},
		{"nodePort SCTP", `"type":"NodePort","ports":[{"protocol":"SCTP","port":80,"nodePort":30080}]`, []string{"30080/sctp -> any:30080 FAULT SCTP is not published:"}, nil},
		{"type LoadBalancer", `"type":"LoadBalancer",` + tcp80at30080, []string{"30080/tcp -> any:30080", "80/tcp -> any:30080"}, nil},
		{"allocateLoadBalancerNodePorts false", `"type":"LoadBalancer",` + tcp80, []string{"80/tcp -> 192.0.2.10:80"}, nil},
		{"loadBalancerClass", `"type":"LoadBalancer","loadBalancerClass":"x/y",` + tcp80at30080, []string{"30080/tcp -> any:30080"}, nil},
		{
			"loadBalancerIP, the machine's", `"type":"LoadBalancer","loadBalancerIP":"198.51.100.7",` + tcp80at30080,
			[]string{"30080/tcp -> any:30080", "80/tcp -> any:30080", "198.51.100.7:80/tcp -> any:30080"},
			nil,
		},
		{
			"loadBalancerIP, the node's", `"type":"LoadBalancer","loadBalancerIP":"192.0.2.10",` + tcp80at30080,
			[]string{"30080/tcp -> any:30080", "80/tcp -> any:30080"},
			nil,
		},
		{
			"loadBalancerIP, not the machine's", `"type":"LoadBalancer","loadBalancerIP":"203.0.113.1",` + tcp80at30080,
			[]string{"30080/tcp -> any:30080", "80/tcp -> any:30080"},
			nil,
		},
		{
			"loadBalancerSourceRanges", `"type":"LoadBalancer","loadBalancerSourceRanges":["203.0.113.0/24"," 10.1.2.3/8","2001:db8::/32"],` + tcp80at30080,
			[]string{"30080/tcp -> any:30080", "80/tcp -> any:30080 FAULT loadBalancerSourceRanges cannot be checked:"},
			[]string{"30080/tcp -> any:30080", "80/tcp -> any:30080 for [203.0.113.0/24 10.0.0.0/8]"},
		},
		{
			"loadBalancerSourceRanges of everybody", `"type":"LoadBalancer","loadBalancerSourceRanges":["203.0.113.0/24","0.0.0.0/0"],` + tcp80at30080,
			[]string{"30080/tcp -> any:30080", "80/tcp -> any:30080"},
			nil,
		},
		{
			"loadBalancerSourceRanges of IPv6 alone", `"type":"LoadBalancer","loadBalancerSourceRanges":["2001:db8::/32"],` + tcp80at30080,
			[]string{"30080/tcp -> any:30080", "80/tcp -> any:30080 FAULT loadBalancerSourceRanges cannot be checked:"},
			[]string{"30080/tcp -> any:30080", "80/tcp -> any:30080 FAULT loadBalancerSourceRanges has no IPv4"},
		},
		{
			"loadBalancerSourceRanges without node ports", `"type":"LoadBalancer","loadBalancerSourceRanges":["203.0.113.0/24"],` + tcp80,
			[]string{"80/tcp -> 192.0.2.10:80 FAULT loadBalancerSourceRanges cannot be checked:"},
			nil,
		},
		{
			"externalIPs, the node's", `"type":"ClusterIP","clusterIP":"10.96.0.9","externalIPs":["192.0.2.10"],` + tcp80,
			[]string{"80/tcp -> 192.0.2.10:80"},
			nil,
		},
		{
			"externalIPs, the machine's", `"type":"ClusterIP","clusterIP":"10.96.0.9","externalIPs":["198.51.100.7","203.0.113.1"],` + tcp80,
			[]string{"198.51.100.7:80/tcp -> 10.96.0.9:80"},
			nil,
		},
		{
			"externalIPs with a node port", `"type":"NodePort","clusterIP":"10.96.0.9","externalIPs":["192.0.2.10","198.51.100.7"],` + tcp80at30080,
			[]string{"30080/tcp -> any:30080", "80/tcp -> any:30080", "198.51.100.7:80/tcp -> any:30080"},
			nil,
		},
		{
			"externalIPs, IPv6", `"type":"ClusterIP","clusterIP":"10.96.0.9","externalIPs":["2001:db8::7"],` + tcp80,
			[]string{"[2001:db8::7]:80/tcp -> any:80 FAULT a node publishes no"},
			nil,
		},
		{
			"internalTrafficPolicy Local", `"type":"ClusterIP","clusterIP":"10.96.0.9","internalTrafficPolicy":"Local","externalIPs":["198.51.100.7"],` + tcp80,
			[]string{"198.51.100.7:80/tcp -> 10.96.0.9:80 NOTE only pods of this"},
			nil,
		},
		{
			"externalTrafficPolicy Local", `"type":"LoadBalancer","externalTrafficPolicy":"Local","healthCheckNodePort":31000,` + tcp80at30080,
			[]string{"30080/tcp -> any:30080", "80/tcp -> any:30080", "31000/tcp -> any:31000"},
			nil,
		},
		{
			"externalTrafficPolicy Local of UDP", `"type":"NodePort","externalTrafficPolicy":"Local",` + udp53at30053,
			[]string{"30053/udp -> any:30053 NOTE pods do not see"},
			[]string{"30053/udp -> any:30053"},
		},
		{"sessionAffinity ClientIP", `"type":"NodePort","sessionAffinity":"ClientIP",` + tcp80at30080, []string{"30080/tcp -> any:30080"}, nil},
		{
			"sessionAffinity ClientIP of UDP", `"type":"NodePort","sessionAffinity":"ClientIP",` + udp53at30053,
			[]string{"30053/udp -> any:30053 NOTE all outside clients seem"},
			[]string{"30053/udp -> any:30053"},
		},
		{"sessionAffinity ClientIP without node ports", `"type":"LoadBalancer","sessionAffinity":"ClientIP",` + tcp80, []string{"80/tcp -> 192.0.2.10:80"}, nil},
		{
			"sessionAffinity ClientIP at the Service's own address",
			`"type":"ClusterIP","clusterIP":"10.96.0.9","sessionAffinity":"ClientIP","externalIPs":["198.51.100.7"],` + tcp80,
			[]string{"198.51.100.7:80/tcp -> 10.96.0.9:80 NOTE all outside clients seem"},
			nil,
		},
		{"a port of the node", `"type":"LoadBalancer","ports":[{"port":6443}]`, []string{"6443/tcp -> 192.0.2.10:6443 FAULT it belongs to the"}, nil},
	} {
		for _, mode := range []string{node.SlirpMode, node.PastaMode, node.VethMode} {
			m := portNode(mode)
			m.services = decode[kubeapi.Service](t, `[{"metadata":{"namespace":"a","name":"s","uid":"1"},"spec":{`+c.spec+`}}]`)
			want := c.want
			if mode == node.VethMode && c.veth != nil {
				want = c.veth
			}
			if got := describe(m); !slices.Equal(got, want) {
				t.Errorf("%s in mode %s: got\n%s\nwant\n%s", c.field, mode, strings.Join(got, "\n"), strings.Join(want, "\n"))
			}
		}
	}
}

// TestBalancerOfOthers: what another's load balancer has on this machine's
// addresses, by the Service's status, and the ranges by the older annotation.
func TestBalancerOfOthers(t *testing.T) {
	m := portNode(node.SlirpMode)
	m.services = decode[kubeapi.Service](t, `[{"metadata":{"namespace":"a","name":"s","uid":"1"},
	 "spec":{"type":"LoadBalancer","loadBalancerClass":"x/y","clusterIP":"10.96.0.9","ports":[{"port":80,"nodePort":30080}]},
	 "status":{"loadBalancer":{"ingress":[{"ip":"192.0.2.10"},{"ip":"198.51.100.7","ipMode":"VIP"},{"ip":"203.0.113.1"},{"hostname":"x"}]}}},
	 {"metadata":{"namespace":"a","name":"t","uid":"2"},
	 "spec":{"type":"LoadBalancer","loadBalancerClass":"x/y","ports":[{"port":81}]},
	 "status":{"loadBalancer":{"ingress":[{"ip":"192.0.2.10","ipMode":"Proxy"}]}}},
	 {"metadata":{"namespace":"a","name":"u","uid":"3","annotations":{"service.beta.kubernetes.io/load-balancer-source-ranges":"203.0.113.0/24, 10.0.0.0/8"}},
	 "spec":{"type":"LoadBalancer","ports":[{"port":82}]}}]`)
	want := []string{
		"30080/tcp -> any:30080", "80/tcp -> any:30080", "198.51.100.7:80/tcp -> any:30080",
		"82/tcp -> 192.0.2.10:82 FAULT loadBalancerSourceRanges cannot be checked:",
	}
	if got := describe(m); !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// TestPodPorts goes through every field of a Pod that asks for a port of the
// node or for one of its addresses.
func TestPodPorts(t *testing.T) {
	for _, c := range []struct {
		field, pod string // what a pod has beside its name
		want       []string
	}{
		{"containerPort", `"spec":{"containers":[{"ports":[{"containerPort":80}]}]}`, nil},
		{"hostPort", `"spec":{"containers":[{"ports":[{"containerPort":80,"hostPort":8080}]}]}`, []string{"8080/tcp -> any:8080"}},
		{"of every container", `"spec":{"containers":[{"ports":[{"hostPort":1080}]},{"ports":[{"hostPort":1081},{"hostPort":1081,"protocol":"UDP"}]}]}`, []string{"1080/tcp -> any:1080", "1081/tcp -> any:1081", "1081/udp -> any:1081"}},
		{"SCTP", `"spec":{"containers":[{"ports":[{"hostPort":8080,"protocol":"SCTP"}]}]}`, []string{"8080/sctp -> any:8080 FAULT SCTP is not published:"}},
		{"pending", `"spec":{"containers":[{"ports":[{"hostPort":8080}]}]},"status":{"phase":"Pending"}`, []string{"8080/tcp -> any:8080"}},
		{"terminating", `"metadata":{"name":"p","namespace":"b","uid":"7","deletionTimestamp":"2026-01-01T00:00:00Z"},"spec":{"containers":[{"ports":[{"hostPort":8080}]}]},"status":{"phase":"Running"}`, []string{"8080/tcp -> any:8080"}},
		{"succeeded", `"spec":{"containers":[{"ports":[{"hostPort":8080}]}]},"status":{"phase":"Succeeded"}`, nil},
		{"failed", `"spec":{"containers":[{"ports":[{"hostPort":8080}]}]},"status":{"phase":"Failed"}`, nil},
		{"hostIP 0.0.0.0", `"spec":{"containers":[{"ports":[{"hostPort":8080,"hostIP":"0.0.0.0"}]}]}`, []string{"8080/tcp -> any:8080"}},
		{"hostIP ::", `"spec":{"containers":[{"ports":[{"containerPort":80,"hostPort":8080,"hostIP":"::"}]}]},"status":{"podIP":"10.244.0.9"}`, []string{"8080/tcp -> 10.244.0.9:80"}},
		{"hostIP, the node's", `"spec":{"containers":[{"ports":[{"containerPort":80,"hostPort":8080,"hostIP":"192.0.2.10"}]}]},"status":{"podIP":"10.244.0.9"}`, []string{"8080/tcp -> 10.244.0.9:80"}},
		{"hostIP, the machine's", `"spec":{"containers":[{"ports":[{"containerPort":80,"hostPort":8080,"hostIP":"198.51.100.7"}]}]},"status":{"podIP":"10.244.0.9"}`, []string{"198.51.100.7:8080/tcp -> 10.244.0.9:80"}},
		{"hostIP 127.0.0.1", `"spec":{"containers":[{"ports":[{"containerPort":80,"hostPort":8080,"hostIP":"127.0.0.1"}]}]},"status":{"podIP":"10.244.0.9"}`, []string{"127.0.0.1:8080/tcp -> 10.244.0.9:80"}},
		{"hostIP before the pod has an address", `"spec":{"containers":[{"ports":[{"containerPort":80,"hostPort":8080,"hostIP":"127.0.0.1"}]}]}`, nil},
		{"hostIP of nobody", `"spec":{"containers":[{"ports":[{"containerPort":80,"hostPort":8080,"hostIP":"203.0.113.1"}]}]}`, []string{"203.0.113.1:8080/tcp -> any:8080 FAULT this machine does not"}},
		{"hostIP, IPv6", `"spec":{"containers":[{"ports":[{"containerPort":80,"hostPort":8080,"hostIP":"2001:db8::7"}]}]}`, []string{"[2001:db8::7]:8080/tcp -> any:8080 FAULT a node publishes no"}},
		{"initContainers", `"spec":{"containers":[{}],"initContainers":[{"restartPolicy":"Always","ports":[{"hostPort":8080}]}]}`, []string{"8080/tcp -> any:8080 FAULT the kubelet ignores host"}},
		{"hostNetwork", `"spec":{"hostNetwork":true,"containers":[{"ports":[{"containerPort":8080,"hostPort":8080}]}],"initContainers":[{"ports":[{"hostPort":8081}]}]}`, []string{"8080/tcp -> any:8080", "8081/tcp -> any:8081"}},
		{"hostNetwork, of loopback", `"spec":{"hostNetwork":true,"containers":[{"ports":[{"hostPort":8080,"hostIP":"127.0.0.1"}]}]}`, nil},
		{"a port of the node", `"spec":{"containers":[{"ports":[{"hostPort":10250}]}]}`, []string{"10250/tcp -> any:10250 FAULT it belongs to the"}},
		{"a static pod of the administrator's", `"metadata":{"name":"p","namespace":"b","uid":"7","annotations":{"kubernetes.io/config.mirror":"x"}},"spec":{"hostNetwork":true,"containers":[{"ports":[{"hostPort":8404}]}]}`, []string{"8404/tcp -> any:8404"}},
		{"a stand-in", `"metadata":{"name":"p","namespace":"b","uid":"7","annotations":{"podsec-k8s/manifest-sha256":"x"}},"spec":{"hostNetwork":true,"containers":[{"ports":[{"hostPort":10259}]}]}`, nil},
	} {
		text := c.pod
		if !strings.HasPrefix(text, `"metadata"`) {
			text = `"metadata":{"name":"p","namespace":"b","uid":"7"},` + text
		}
		for _, mode := range []string{node.SlirpMode, node.VethMode} {
			m := portNode(mode)
			m.pods = decode[kubeapi.Pod](t, "[{"+text+"}]")
			if got := describe(m); !slices.Equal(got, c.want) {
				t.Errorf("%s in mode %s: got\n%s\nwant\n%s", c.field, mode, strings.Join(got, "\n"), strings.Join(c.want, "\n"))
			}
		}
	}
}

// TestListeningPorts: what pods with the node's network listen on is theirs,
// declared or not.
func TestListeningPorts(t *testing.T) {
	m := portNode(node.SlirpMode)
	m.pods = decode[kubeapi.Pod](t, `[
	 {"metadata":{"namespace":"b","name":"proxy","uid":"7"},"spec":{"hostNetwork":true,"containers":[{"ports":[{"hostPort":8080},{"hostPort":8081}]}]}},
	 {"metadata":{"namespace":"b","name":"static","uid":"8","annotations":{"kubernetes.io/config.hash":"h"}},"spec":{"hostNetwork":true}},
	 {"metadata":{"namespace":"b","name":"stand-in","uid":"9","annotations":{"podsec-k8s/manifest-sha256":"x"}},"spec":{"hostNetwork":true}},
	 {"metadata":{"namespace":"b","name":"web","uid":"10"},"spec":{}}]`)
	m.listeners = []listener{
		{Pod: "7", Proto: "tcp", Number: 8080},
		{Pod: "7", Proto: "tcp", Number: 8081, Address: m.node.IP},
		{Pod: "7", Proto: "udp", Number: 8080},
		{Pod: "7", Proto: "tcp", Number: 9000, Address: m.node.IP},
		{Pod: "7", Proto: "tcp", Number: 6443},
		{Pod: "h", Proto: "tcp", Number: 8404},
		{Pod: "9", Proto: "tcp", Number: 1},
		{Pod: "10", Proto: "tcp", Number: 2},
		{Pod: "gone", Proto: "tcp", Number: 3},
	}
	want := []string{
		"8080/tcp -> any:8080", "8081/tcp -> 192.0.2.10:8081", "8080/udp -> any:8080", "9000/tcp -> 192.0.2.10:9000",
		"6443/tcp -> any:6443 FAULT it belongs to the", "8404/tcp -> any:8404",
	}
	if got := describe(m); !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
	for number := range 2 * maxListeners {
		m.listeners = append(m.listeners, listener{Pod: "h", Proto: "tcp", Number: 20000 + number})
	}
	if got := describe(m); len(got) != len(want)+maxListeners || !strings.Contains(got[len(got)-1], "FAULT the pod listens on") {
		t.Errorf("%d ports, the last %q", len(got), got[len(got)-1])
	}
}

// TestOlderHasThePort: of several that ask for one port the oldest has it.
func TestOlderHasThePort(t *testing.T) {
	m := portNode(node.SlirpMode)
	m.services = decode[kubeapi.Service](t, `[
	 {"metadata":{"namespace":"a","name":"young","uid":"2","creationTimestamp":"2026-01-02T00:00:00Z"},"spec":{"type":"LoadBalancer","ports":[{"port":80,"nodePort":30002}]}},
	 {"metadata":{"namespace":"a","name":"old","uid":"1","creationTimestamp":"2026-01-01T00:00:00Z"},"spec":{"type":"LoadBalancer","ports":[{"port":80,"nodePort":30001},{"protocol":"UDP","port":80}]}}]`)
	want := []string{
		"30001/tcp -> any:30001", "80/tcp -> any:30001", "80/udp -> 192.0.2.10:80",
		"30002/tcp -> any:30002", "80/tcp -> any:30002 FAULT it belongs to Service",
	}
	if got := describe(m); !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestUnknownAddresses(t *testing.T) {
	m := portNode(node.SlirpMode)
	m.services = decode[kubeapi.Service](t, `[
	 {"metadata":{"namespace":"a","name":"s","uid":"1"},"spec":{"type":"LoadBalancer","loadBalancerIP":"203.0.113.1","externalIPs":["192.0.2.11","198.51.100.7","203.0.113.2"],"ports":[{"port":80}]}},
	 {"metadata":{"namespace":"a","name":"t","uid":"2"},"spec":{"type":"ClusterIP","clusterIP":"None","externalIPs":["203.0.113.3"],"ports":[{"port":80}]}}]`)
	nodes := decode[kubeapi.ClusterNode](t, `[{"status":{"addresses":[{"type":"InternalIP","address":"192.0.2.11"}]}}]`)
	var got []string
	for _, p := range m.unknownAddresses(nodes) {
		got = append(got, p.Key())
	}
	if want := []string{"203.0.113.2:80/tcp", "203.0.113.1:80/tcp"}; !slices.Equal(got, want) {
		t.Errorf("got %q, want %q", got, want)
	}
}

// TestChangePorts, with RootlessKit's answer as it is: what is open and not
// wanted is closed, and so is what leads elsewhere now.
func TestChangePorts(t *testing.T) {
	n := portNode(node.SlirpMode).node
	driver := portdriver.Driver{Node: n}
	var open []portdriver.OpenPort
	for _, one := range decode[rkport.Status](t, `[
	 {"id":1,"spec":{"proto":"tcp","parentIP":"192.0.2.10","parentPort":6443,"childPort":6443}},
	 {"id":2,"spec":{"proto":"udp","parentIP":"192.0.2.10","parentPort":8472,"childPort":8472}},
	 {"id":3,"spec":{"proto":"tcp","parentIP":"192.0.2.10","parentPort":30001,"childIP":"192.0.2.10","childPort":30001}},
	 {"id":4,"spec":{"proto":"tcp","parentIP":"192.0.2.10","parentPort":30002,"childIP":"192.0.2.10","childPort":30002}},
	 {"id":5,"spec":{"proto":"udp","parentIP":"192.0.2.10","parentPort":30003,"childIP":"192.0.2.10","childPort":30003}},
	 {"id":6,"spec":{"proto":"tcp","parentIP":"192.0.2.10","parentPort":80,"childIP":"192.0.2.10","childPort":30001}},
	 {"id":7,"spec":{"proto":"tcp","parentIP":"198.51.100.7","parentPort":80,"childIP":"10.96.0.9","childPort":80}}]`) {
		open = append(open, portdriver.OpenPortOf(n, one))
	}
	c := changePorts(n, open, []portdriver.Port{
		{Proto: "tcp", Number: 30001},
		{Proto: "tcp", Number: 30002, Fault: message.Of("x")},
		{Proto: "tcp", Number: 30003},
		{Proto: "tcp", Number: 80, Target: 30004},
		{Address: netip.MustParseAddr("198.51.100.7"), Proto: "tcp", Number: 80, Child: netip.MustParseAddr("10.96.0.9")},
	}, driver.Lead)
	var closed []int
	for _, p := range c.close {
		closed = append(closed, p.ID)
	}
	if want := []int{4, 5, 6}; !slices.Equal(closed, want) {
		t.Errorf("closes %v, want %v", closed, want)
	}
	var opened []string
	for _, p := range c.open {
		opened = append(opened, p.Key())
	}
	if want := []string{"30003/tcp", "80/tcp"}; !slices.Equal(opened, want) {
		t.Errorf("opens %q, want %q", opened, want)
	}
}

func TestReadyAddresses(t *testing.T) {
	nodes := decode[kubeapi.ClusterNode](t, `[
	 {"status":{"addresses":[{"type":"InternalIP","address":"192.0.2.12"},{"type":"Hostname","address":"b"}],"conditions":[{"type":"Ready","status":"True"}]}},
	 {"status":{"addresses":[{"type":"InternalIP","address":"192.0.2.13"}],"conditions":[{"type":"Ready","status":"Unknown"}]}},
	 {"status":{"addresses":[{"type":"InternalIP","address":"192.0.2.11"}],"conditions":[{"type":"MemoryPressure","status":"False"},{"type":"Ready","status":"True"}]}}]`)
	if got, want := ReadyAddresses(nodes), []kubeapi.Ingress{{IP: "192.0.2.11"}, {IP: "192.0.2.12"}}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}

func TestHasEndpoint(t *testing.T) {
	all := decode[kubeapi.EndpointSlice](t, `[{"endpoints":[{"nodeName":"a","conditions":{"ready":true}},{"nodeName":"b","conditions":{"ready":false}},{"nodeName":"c","conditions":{}}]}]`)
	for node, want := range map[string]bool{"a": true, "b": false, "c": true, "d": false} {
		if got := hasEndpoint(all, node); got != want {
			t.Errorf("node %s: %v", node, got)
		}
	}
}
