package usernetes

import (
	"net/netip"
	"net/url"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/alt-cloud/podsec-k8s/host/played"
	"github.com/alt-cloud/podsec-k8s/host/roottest"
	"github.com/alt-cloud/podsec-k8s/units"
	cluster "github.com/alt-cloud/podsec-k8s/usernetes/kubeapi/played"
	"github.com/alt-cloud/podsec-k8s/usernetes/namespace"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
	"github.com/alt-cloud/podsec-k8s/usernetes/staticpod"
)

// TestMain gives the tests a network, a /var/lib and a /run of their own.
func TestMain(m *testing.M) {
	roottest.EnterOwn("/var/lib", "/run")
	os.Exit(m.Run())
}

// A site is a machine on which a node is made: its systemd, its programs and the
// cluster are played.
type site struct {
	t       *testing.T
	dir     string // of the played programs and what they leave
	node    node.Node
	systemd *played.Systemd
	api     *cluster.API
}

// playSite plays a machine without a node. The programs that run in a node note their
// command lines; kubeadm makes and takes away the files that others look for. One
// that is named in the file "fails" fails.
func playSite(t *testing.T) *site {
	t.Helper()
	if err := os.RemoveAll(node.Home); err != nil {
		t.Fatal(err)
	}
	s := &site{t: t, dir: t.TempDir(), systemd: played.Start(t), api: cluster.Start(t)}
	address, err := url.Parse(s.api.URL)
	if err != nil {
		t.Fatal(err)
	}
	port, err := strconv.Atoi(address.Port())
	if err != nil {
		t.Fatal(err)
	}
	s.node = node.Node{
		Name: "m1", IP: netip.MustParseAddr("127.0.0.1"), Kubernetes: "v1.26.3", APIPort: port, ImageRepository: "registry.example", MTU: 1500,
		PodCIDR: netip.MustParsePrefix("10.244.0.0/16"), ServiceCIDR: netip.MustParsePrefix("10.96.0.0/16"), SlirpCIDR: netip.MustParsePrefix("10.41.0.0/24"),
	}
	t.Setenv("XDG_RUNTIME_DIR", s.systemd.Dir)
	t.Setenv("PATH", s.dir+":"+os.Getenv("PATH"))
	s.api.WriteKubeconfig(t, s.dir+"/kubeconfig")
	roottest.WriteFile(t, namespace.ChildPIDFile(), strconv.Itoa(os.Getpid()))
	roottest.WriteFile(t, s.dir+"/nsenter", `#!/bin/sh
while [ "$1" != -- ]; do shift; done; shift
cd `+s.dir+`
echo "$@" >> log
kubernetes=`+node.StatePath("/etc/kubernetes")+`
if [ -e fails ] && echo "$@" | grep -q "$(cat fails)"; then echo "error: it fails" >&2; exit 1; fi
case "$*" in
*" answers") echo '{}' ;;
"kubeadm init phase control-plane apiserver"*) mkdir -p $kubernetes/tmp/kubeadm-init-dryrun1; cat > config
	{ cat manifest; sed -n 's/^ *\(audit-[a-z-]*\): "*\([^"]*\)"*$/    - --\1=\2/p' config; } > $kubernetes/tmp/kubeadm-init-dryrun1/kube-apiserver.yaml ;;
"kubeadm init phase control-plane "*) name=kube-${5}; mkdir -p $kubernetes/tmp/kubeadm-init-dryrun1; cat > config
	sed "s/kube-apiserver/$name/" manifest > $kubernetes/tmp/kubeadm-init-dryrun1/$name.yaml ;;
"kubeadm init phase kubelet-start "*) mkdir -p $kubernetes/tmp/kubeadm-init-dryrun1; cat > config
	{ awk -v RS='---\n' '/kind: KubeletConfiguration/' config | sed '/^containerRuntimeEndpoint/d;/^---/d;/^$/d'; cat machine; } > $kubernetes/tmp/kubeadm-init-dryrun1/config.yaml ;;
"kubectl get nodes --selector"*) cat planes ;;
"kubectl"*) cat >> applied ;;
"kubeadm init phase"*) echo 0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef ;;
"kubeadm init"*) mkdir -p $kubernetes; cp kubeconfig $kubernetes/admin.conf; cp kubeconfig $kubernetes/kubelet.conf ;;
"kubeadm join"*) mkdir -p $kubernetes; cp kubeconfig $kubernetes/kubelet.conf ;;
"kubeadm reset"*) rm -rf $kubernetes ;;
"etcdctl member list"*) cat members ;;
"kubeadm token create"*) [ -e token ] && cat token ;;
esac
`)
	roottest.WriteFile(t, s.dir+"/rootlesskit", "#!/bin/sh\nrm -rf "+node.GoneStateDir+"\n")
	s.api.Has("/api/v1/nodes/m1", `{"metadata":{"name":"m1"},"status":{"conditions":[{"type":"Ready","status":"True"}]}}`)
	for _, unit := range append([]string{units.Kubelet}, components()...) { // kubeadm starts them, and its manifests do
		s.systemd.Set(unit, played.Properties{"ActiveState": "active"})
	}
	return s
}

func components() (all []string) {
	for _, name := range staticpod.Components() {
		all = append(all, units.Component(name))
	}
	return all
}

// ran lists what has run in the node since the last call, but for what asks the
// parts for how they are: the first three words each.
func (s *site) ran() (all []string) {
	s.t.Helper()
	text, err := os.ReadFile(s.dir + "/log")
	if err != nil && !os.IsNotExist(err) {
		s.t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if words := strings.Fields(line); !strings.HasSuffix(strings.TrimSpace(line), " answers") {
			all = append(all, strings.Join(words[:min(3, len(words))], " "))
		}
	}
	roottest.WriteFile(s.t, s.dir+"/log", "")
	return all
}

// fails lets the programs fail whose command line has a text; "" ends that.
func (s *site) fails(text string) {
	s.t.Helper()
	roottest.WriteFile(s.t, s.dir+"/fails", text)
	if text == "" {
		if err := os.Remove(s.dir + "/fails"); err != nil {
			s.t.Fatal(err)
		}
	}
}
