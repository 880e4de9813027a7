package staticpod

import (
	"slices"
	"strings"
	"testing"

	"github.com/alt-cloud/podsec-k8s/usernetes/document"
	"github.com/alt-cloud/podsec-k8s/usernetes/kubeadm"
)

const filesConfig = `kind: ClusterConfiguration
apiServer:
  extraArgs: ARGS
  extraVolumes:
  - {name: policies, hostPath: /srv/policies, mountPath: /policies, readOnly: true, pathType: Directory}
  - {name: one, hostPath: /srv/one, mountPath: /policies/one, pathType: File}
etcd: {external: {caFile: /srv/etcd/ca.crt, certFile: /etc/kubernetes/pki/apiserver-etcd-client.crt, keyFile: ""}}
---
kind: InitConfiguration
patches: {directory: /srv/patches}
nodeRegistration: {kubeletExtraArgs: KUBELET}
---
kind: KubeletConfiguration
authentication: {x509: {clientCAFile: /etc/kubernetes/pki/ca.crt}}
tlsCertFile: /srv/kubelet.crt
`

// TestConfigFiles: every file that a configuration names is found, in both
// forms of extra arguments, where the node has it.
func TestConfigFiles(t *testing.T) {
	want := []string{
		"KubeletConfiguration tlsCertFile /srv/kubelet.crt 0",
		"apiServer.extraArgs audit-log-path /var/log/audit.log 2",
		"apiServer.extraArgs audit-policy-file /srv/policies/audit.yaml 0",
		"apiServer.extraArgs oidc-ca-file /etc/kubernetes/pki/oidc.crt 0",
		"apiServer.extraArgs token-auth-file /srv/one 0",
		"apiServer.extraVolumes one hostPath /srv/one 4",
		"apiServer.extraVolumes policies hostPath /srv/policies 4",
		"etcd.external.caFile /srv/etcd/ca.crt 0",
		"nodeRegistration.kubeletExtraArgs image-credential-provider-bin-dir /usr/local/bin 1",
		"patches.directory /srv/patches 1",
	}
	for form, text := range map[string]string{
		"mapping": strings.NewReplacer("ARGS", `{audit-policy-file: /policies/audit.yaml, audit-log-path: /var/log/audit.log, token-auth-file: /policies/one,
    oidc-ca-file: /etc/kubernetes/pki/oidc.crt, etcd-prefix: /registry, authorization-always-allow-paths: "/healthz,/readyz", tls-min-version: VersionTLS12,
    service-account-key-file: /etc/kubernetes/pki/sa.pub}`, "KUBELET", "{image-credential-provider-bin-dir: /usr/local/bin}").Replace(filesConfig),
		"list": strings.NewReplacer("ARGS", `[{name: audit-policy-file, value: /policies/audit.yaml}, {name: audit-log-path, value: /var/log/audit.log},
    {name: token-auth-file, value: /policies/one}, {name: oidc-ca-file, value: /etc/kubernetes/pki/oidc.crt}, {name: etcd-prefix, value: /registry}]`,
			"KUBELET", "[{name: image-credential-provider-bin-dir, value: /usr/local/bin}]").Replace(filesConfig),
	} {
		t.Run(form, func(t *testing.T) {
			config := kubeadm.Config{}
			docs, err := document.Parse([]byte(text))
			if err != nil {
				t.Fatal(err)
			}
			for _, doc := range docs {
				config[doc["kind"].(string)] = doc
			}
			var got []string
			for _, f := range Files(config) {
				got = append(got, f.By+" "+f.Path+" "+string('0'+rune(f.Use)))
			}
			if !slices.Equal(got, want) {
				t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
			}
		})
	}
}
