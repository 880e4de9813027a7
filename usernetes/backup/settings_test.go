package backup

import (
	"strings"
	"testing"
)

// TestMerged: what is of one machine stays there, in either form of extra arguments.
func TestMerged(t *testing.T) {
	const cluster = "apiVersion: kubeadm.k8s.io/v1beta4\nkind: ClusterConfiguration\ncertificatesDir: /etc/kubernetes/pki\netcd: {local: {dataDir: /var/lib/etcd}}\n"
	const kubelet = "kind: KubeletConfiguration\nresolvConf: /run/systemd/resolve/resolv.conf\nmaxPods: 50\n"
	for name, asked := range map[string]string{
		"made here, as a list": "kind: InitConfiguration\nskipPhases: [addon/kube-proxy]\nlocalAPIEndpoint: {advertiseAddress: 192.0.2.10, bindPort: 7443}\nnodeRegistration: {name: m1, taints: [], kubeletExtraArgs: [{name: node-ip, value: 192.0.2.10}, {name: v, value: '2'}]}\n",
		"made here, as a map":  "kind: InitConfiguration\nskipPhases: [addon/kube-proxy]\nlocalAPIEndpoint: {advertiseAddress: 192.0.2.10, bindPort: 7443}\nnodeRegistration: {name: m1, taints: [], kubeletExtraArgs: {node-ip: 192.0.2.10, v: '2'}}\n",
		"joined":               "kind: JoinConfiguration\nskipPhases: [x]\ncontrolPlane: {localAPIEndpoint: {advertiseAddress: 192.0.2.10, bindPort: 7443}}\nnodeRegistration: {name: m1, taints: [], kubeletExtraArgs: [{name: node-ip, value: 192.0.2.10}, {name: v, value: '2'}]}\n",
	} {
		data, err := merged([]byte(cluster), []byte(kubelet), []byte(asked+"---\nkind: ClusterConfiguration\nold: true\n"))
		if err != nil {
			t.Fatal(err)
		}
		text := string(data)
		for _, gone := range []string{"192.0.2.10", "m1", "resolvConf", "certificatesDir", "JoinConfiguration", "old"} {
			if strings.Contains(text, gone) {
				t.Errorf("%s: %s is in\n%s", name, gone, text)
			}
		}
		for _, there := range []string{"bindPort: 7443", "taints: []", "maxPods: 50", "dataDir: /var/lib/etcd", "v", "kind: InitConfiguration"} {
			if !strings.Contains(text, there) {
				t.Errorf("%s: %s is not in\n%s", name, there, text)
			}
		}
		if strings.Contains(text, "skipPhases") != strings.HasPrefix(asked, "kind: Init") {
			t.Errorf("%s: the phases of another command:\n%s", name, text)
		}
	}
	if _, err := merged([]byte("kind: ClusterConfiguration\netcd: {external: {endpoints: [x]}}\n"), nil, nil); err == nil {
		t.Error("an etcd that is elsewhere is backed up")
	}
	if _, err := merged([]byte("{"), nil, nil); err == nil {
		t.Error("what can't be read is kept")
	}
}
