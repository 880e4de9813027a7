package usernetes

import (
	"encoding/json"
	"net/netip"
	"slices"
	"strings"
	"testing"
)

// portNode is a master at 192.0.2.10.
func portNode() Node {
	return Node{Name: "m1", IP: netip.MustParseAddr("192.0.2.10"), APIPort: 6443}
}

// decode reads the items of a list as the API sends them.
func decode[T any](t *testing.T, text string) (items []T) {
	t.Helper()
	if err := json.Unmarshal([]byte(text), &items); err != nil {
		t.Fatal(err)
	}
	return items
}

const testServices = `[
 {"metadata":{"namespace":"a","name":"young","uid":"2","creationTimestamp":"2026-01-02T00:00:00Z"},
  "spec":{"type":"LoadBalancer","ports":[{"protocol":"TCP","port":80,"nodePort":30002}]}},
 {"metadata":{"namespace":"a","name":"old","uid":"1","creationTimestamp":"2026-01-01T00:00:00Z"},
  "spec":{"type":"LoadBalancer","ports":[{"protocol":"TCP","port":80,"nodePort":30001},{"protocol":"UDP","port":53}]}},
 {"metadata":{"namespace":"a","name":"inner","uid":"3","creationTimestamp":"2026-01-01T00:00:00Z"},
  "spec":{"type":"ClusterIP","ports":[{"protocol":"TCP","port":81}]}},
 {"metadata":{"namespace":"a","name":"other-class","uid":"4","creationTimestamp":"2026-01-01T00:00:00Z"},
  "spec":{"type":"LoadBalancer","loadBalancerClass":"x/y","ports":[{"protocol":"TCP","port":82,"nodePort":30004}]}},
 {"metadata":{"namespace":"a","name":"node","uid":"5","creationTimestamp":"2026-01-03T00:00:00Z"},
  "spec":{"type":"NodePort","ports":[{"port":83,"nodePort":30005},{"protocol":"SCTP","port":84,"nodePort":30006}]}},
 {"metadata":{"namespace":"a","name":"api","uid":"6","creationTimestamp":"2026-01-03T00:00:00Z"},
  "spec":{"type":"LoadBalancer","ports":[{"protocol":"TCP","port":6443}]}}]`

const testPods = `[
 {"metadata":{"namespace":"b","name":"web","uid":"7"},"spec":{"containers":[{"ports":[{"hostPort":8080},{"containerPort":1}]},{"ports":[{"hostPort":8081,"protocol":"UDP","hostIP":"192.0.2.10"},{"hostPort":8082,"hostIP":"127.0.0.1"}]}]},"status":{"phase":"Running"}},
 {"metadata":{"namespace":"b","name":"over","uid":"8"},"spec":{"containers":[{"ports":[{"hostPort":8083}]}]},"status":{"phase":"Succeeded"}},
 {"metadata":{"namespace":"kube-system","name":"kube-scheduler-m1","uid":"9","annotations":{"kubernetes.io/config.mirror":"x","podsec-k8s/manifest-sha256":"x"}},"spec":{"containers":[{"ports":[{"hostPort":10259}]}]},"status":{"phase":"Running"}},
 {"metadata":{"namespace":"kube-system","name":"vip-m1","uid":"10","annotations":{"kubernetes.io/config.mirror":"x"}},"spec":{"containers":[{"ports":[{"hostPort":2112}]}]},"status":{"phase":"Running"}}]`

func TestWantedPorts(t *testing.T) {
	var got []string
	for _, p := range wantedPorts(portNode(), decode[service](t, testServices), decode[pod](t, testPods)) {
		got = append(got, p.key()+" "+p.Owner.String()+" "+p.Fault)
	}
	want := []string{
		"30001/tcp Service a/old ",
		"80/tcp Service a/old ",
		"53/udp Service a/old ",
		"30004/tcp Service a/other-class ",
		"30002/tcp Service a/young ",
		"80/tcp Service a/young it belongs to Service a/old",
		"6443/tcp Service a/api it belongs to the node",
		"30005/tcp Service a/node ",
		"30006/sctp Service a/node RootlessKit has no SCTP",
		"8080/tcp Pod b/web ",
		"8081/udp Pod b/web ",
		"2112/tcp Pod kube-system/vip-m1 ",
	}
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

func TestChangePorts(t *testing.T) {
	open := func(id, number int, proto string) openPort {
		return openPort{ID: id, Spec: portSpec{Proto: proto, ParentPort: number}}
	}
	c := changePorts(portNode(),
		[]openPort{open(1, 6443, "tcp"), open(2, 8472, "udp"), open(3, 30001, "tcp"), open(4, 30002, "tcp"), open(5, 30003, "udp")},
		[]port{{Proto: "tcp", Number: 30001}, {Proto: "tcp", Number: 30002, Fault: "x"}, {Proto: "tcp", Number: 30003}})
	if len(c.close) != 2 || c.close[0].ID != 4 || c.close[1].ID != 5 {
		t.Errorf("closes %v, not what nobody wants any more", c.close)
	}
	if len(c.open) != 1 || c.open[0].key() != "30003/tcp" {
		t.Errorf("opens %v, not 30003/tcp", c.open)
	}
}

func TestReadyAddresses(t *testing.T) {
	nodes := decode[clusterNode](t, `[
	 {"status":{"addresses":[{"type":"InternalIP","address":"192.0.2.12"},{"type":"Hostname","address":"b"}],"conditions":[{"type":"Ready","status":"True"}]}},
	 {"status":{"addresses":[{"type":"InternalIP","address":"192.0.2.13"}],"conditions":[{"type":"Ready","status":"Unknown"}]}},
	 {"status":{"addresses":[{"type":"InternalIP","address":"192.0.2.11"}],"conditions":[{"type":"MemoryPressure","status":"False"},{"type":"Ready","status":"True"}]}}]`)
	if got, want := readyAddresses(nodes), []ingress{{"192.0.2.11"}, {"192.0.2.12"}}; !slices.Equal(got, want) {
		t.Errorf("got %v, want %v", got, want)
	}
}
