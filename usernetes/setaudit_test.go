package usernetes

import (
	"context"
	"crypto/sha256"
	"crypto/x509"
	"encoding/hex"
	"encoding/json"
	"encoding/pem"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/alt-cloud/podsec-k8s/host/played"
	"github.com/alt-cloud/podsec-k8s/host/roottest"
	"github.com/alt-cloud/podsec-k8s/units"
	"github.com/alt-cloud/podsec-k8s/usernetes/audit"
	"github.com/alt-cloud/podsec-k8s/usernetes/kubeadm"
	cluster "github.com/alt-cloud/podsec-k8s/usernetes/kubeapi/played"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
	"github.com/alt-cloud/podsec-k8s/usernetes/staticpod"
	"github.com/alt-cloud/podsec-k8s/usernetes/steps"
)

// aManifest is kube-apiserver's, to which arguments may be added.
const aManifest = "apiVersion: v1\nkind: Pod\nmetadata: {name: kube-apiserver}\nspec:\n  hostNetwork: true\n  containers:\n  - name: kube-apiserver\n    command:\n    - kube-apiserver\n"

const aPolicy = "apiVersion: audit.k8s.io/v1\nkind: Policy\nrules: [{level: %s}]\n"

// playControlPlane plays a control plane whose kube-apiserver runs by its manifest, if
// that does not have the word spoiled: then it ends again and again.
func playControlPlane(t *testing.T, spoiled string) *site {
	t.Helper()
	s := playSite(t)
	if err := s.node.Save(); err != nil {
		t.Fatal(err)
	}
	asked := steps.Asked{Config: "kind: InitConfiguration\npatches: {directory: /etc/patches}\n"}
	if err := (steps.Steps{Finished: true, Done: []string{steps.PhaseInit}, Asked: &asked}).Save(); err != nil {
		t.Fatal(err)
	}
	s.api.WriteKubeconfig(t, node.StatePath(node.AdminConf), node.StatePath(node.KubeletConf))
	roottest.WriteFile(t, s.dir+"/manifest", aManifest)
	roottest.WriteFile(t, staticpod.ManifestFile("kube-apiserver"), aManifest)
	s.clusterHas(t, "kind: ClusterConfiguration\napiVersion: kubeadm.k8s.io/v1beta3\nclusterName: x\n")
	s.api.Answers("PUT "+configPath, func(sent cluster.Sent) any { s.api.Has(configPath, sent.Body); return sent.Body })
	s.api.Has("/api/v1/nodes", `{"items":[{"metadata":{"name":"m1"}},{"metadata":{"name":"m2"}}]}`)
	ctx, end := context.WithCancel(t.Context())
	done := make(chan struct{})
	go func() { defer close(done); s.runAPIServer(ctx, t, spoiled) }()
	t.Cleanup(func() { end(); <-done })
	return s
}

// clusterHas gives the played cluster a configuration.
func (s *site) clusterHas(t *testing.T, config string) {
	t.Helper()
	data, err := json.Marshal(map[string]any{"metadata": map[string]any{"resourceVersion": "7"}, "data": map[string]string{kubeadm.KindCluster: config}})
	if err != nil {
		t.Fatal(err)
	}
	s.api.Has(configPath, string(data))
}

func (s *site) runAPIServer(ctx context.Context, t *testing.T, spoiled string) {
	digest := filepath.Join(node.OwnRuntimeDir(), "u7s/manifests/kube-apiserver")
	for restarts := uint32(0); ctx.Err() == nil; time.Sleep(20 * time.Millisecond) {
		text, err := os.ReadFile(staticpod.ManifestFile("kube-apiserver"))
		if err != nil {
			continue
		}
		state := "active"
		if spoiled != "" && strings.Contains(string(text), spoiled) {
			state, restarts = "activating", restarts+1
		}
		sum := sha256.Sum256(text)
		if err := errors.Join(os.MkdirAll(filepath.Dir(digest), 0o700), os.WriteFile(digest, []byte(hex.EncodeToString(sum[:])), 0o600)); err != nil {
			t.Error(err)
		}
		s.systemd.Set(units.Component("kube-apiserver"), played.Properties{"ActiveState": state, "NRestarts": restarts})
	}
}

// manifest returns the arguments for the audit in kube-apiserver's manifest.
func manifest(t *testing.T) audit.Arguments {
	t.Helper()
	m, err := staticpod.ReadManifest("kube-apiserver")
	if err != nil {
		t.Fatal(err)
	}
	argv, err := m.Command()
	if err != nil {
		t.Fatal(err)
	}
	return audit.OfCommand(argv)
}

func rotated(s audit.Setting) audit.Setting {
	s.Log = node.AuditLog{MaxSize: 1, MaxAge: 2, Backups: 3}
	return s
}

// TestSetAudit: the manifest and the cluster's configuration change together, with
// the patches of the node, and a policy comes and goes with its mode.
func TestSetAudit(t *testing.T) {
	s := playControlPlane(t, "")
	set := func(setting audit.Setting, want audit.Mode) {
		t.Helper()
		if err := SetAudit(t.Context(), setting); err != nil {
			t.Fatal(err)
		}
		state, err := AskAudit(t.Context())
		if err != nil || state.Node != state.Cluster || state.Node.Mode != want || len(state.Others) != 1 || state.Others[0] != "m2" {
			t.Errorf("%s: %+v, %v", want, state, err)
		}
		files, _ := filepath.Glob(node.StatePath(node.PolicyDir) + "/*")
		if (len(files) == 1) != (want == audit.Own) {
			t.Errorf("%s: policies %q", want, files)
		}
	}
	set(rotated(audit.Setting{Mode: audit.Metadata}), audit.Metadata)
	config, err := os.ReadFile(s.dir + "/config")
	if err != nil || !strings.Contains(string(config), "directory: /etc/patches") || !strings.Contains(string(config), "advertiseAddress: 127.0.0.1") {
		t.Errorf("kubeadm has made it of %s, %v", config, err)
	}
	sent := s.api.Sent()
	last := sent[len(sent)-1]
	if version := last.Body["metadata"].(map[string]any)["resourceVersion"]; last.Call != "PUT "+configPath || version != "7" {
		t.Errorf("%+v", last)
	}
	set(rotated(audit.Setting{Mode: audit.Own, Policy: []byte(strings.Replace(aPolicy, "%s", "None", 1))}), audit.Own)
	if applied, err := os.ReadFile(s.dir + "/applied"); err != nil || !strings.Contains(string(applied), "level: None") {
		t.Errorf("the cluster keeps %s, %v", applied, err)
	}
	set(audit.Setting{Mode: audit.Off}, audit.Off)
}

// TestApplyAudit: another control plane takes over what the cluster has, and changes
// nothing there.
func TestApplyAudit(t *testing.T) {
	s := playControlPlane(t, "")
	policy := []byte(strings.Replace(aPolicy, "%s", "Metadata", 1))
	path := (audit.Setting{Mode: audit.Own, Policy: policy}).PolicyPath()
	s.clusterHas(t, "kind: ClusterConfiguration\napiVersion: kubeadm.k8s.io/v1beta3\napiServer:\n  extraArgs:\n    audit-policy-file: "+path+"\n    audit-log-path: "+audit.Log+"\n")
	if err := SetAudit(t.Context(), audit.Setting{}); err == nil || !strings.Contains(err.Error(), "getting the cluster's audit policy") {
		t.Errorf("without the policy: %v", err)
	}
	s.api.Has(audit.PolicyObjectPath, map[string]any{"data": map[string]string{audit.PolicyKey: "another"}})
	if err := SetAudit(t.Context(), audit.Setting{}); err == nil || !strings.Contains(err.Error(), "is not the one that its configuration names") {
		t.Errorf("with another policy: %v", err)
	}
	s.api.Has(audit.PolicyObjectPath, map[string]any{"data": map[string]string{audit.PolicyKey: string(policy)}})
	if err := SetAudit(t.Context(), audit.Setting{}); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(node.StatePath(path)); err != nil || string(got) != string(policy) || manifest(t).Mode != audit.Own {
		t.Errorf("%q, %v, %+v", got, err, manifest(t))
	}
	if sent := s.api.Sent(); len(sent) > 0 {
		t.Errorf("changed in the cluster: %+v", sent)
	}
}

// TestJoinTakesPolicy: a control plane that joins has the site's policy before it
// begins, by its token.
func TestJoinTakesPolicy(t *testing.T) {
	s := playSite(t)
	access := s.api.Access()
	block, _ := pem.Decode(access.CA)
	ca, err := x509.ParseCertificate(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	sum := sha256.Sum256(ca.RawSubjectPublicKeyInfo)
	j := kubeadm.JoinRequest{Endpoint: strings.TrimPrefix(s.api.URL, "https://"), Token: "abcdef.0123456789abcdef", CAHashes: []string{"sha256:" + hex.EncodeToString(sum[:])}}
	kubeconfig, err := access.Kubeconfig()
	if err != nil {
		t.Fatal(err)
	}
	policy := strings.Replace(aPolicy, "%s", "Metadata", 1)
	path := (audit.Setting{Mode: audit.Own, Policy: []byte(policy)}).PolicyPath()
	s.clusterHas(t, "kind: ClusterConfiguration\napiVersion: kubeadm.k8s.io/v1beta3\napiServer:\n  extraArgs:\n    audit-policy-file: "+path+"\n    audit-log-path: "+audit.Log+"\n")
	if err := takePolicy(t.Context(), j); err != nil {
		t.Errorf("a cluster that can't be proved: %v", err) // kubeadm join tells
	}
	s.api.Has("/api/v1/namespaces/kube-public/configmaps/cluster-info", map[string]any{"data": map[string]string{"kubeconfig": string(kubeconfig)}})
	s.api.Has("/api/v1/namespaces/kube-system/configmaps/kubelet-config", map[string]any{"data": map[string]string{"kubelet": "kind: KubeletConfiguration"}})
	if err := takePolicy(t.Context(), j); err == nil || !strings.Contains(err.Error(), "getting the cluster's audit policy") {
		t.Errorf("without the policy: %v", err)
	}
	s.api.Has(audit.PolicyObjectPath, map[string]any{"data": map[string]string{audit.PolicyKey: policy}})
	if err := takePolicy(t.Context(), j); err != nil {
		t.Fatal(err)
	}
	if got, err := os.ReadFile(node.StatePath(path)); err != nil || string(got) != policy {
		t.Errorf("%q, %v", got, err)
	}
}

// TestAuditGoesBack: where kube-apiserver does not come up, it has the manifest before
// again, and the cluster's configuration stays.
func TestAuditGoesBack(t *testing.T) {
	s := playControlPlane(t, "requests.yaml")
	if err := SetAudit(t.Context(), rotated(audit.Setting{Mode: audit.Requests})); err == nil || !strings.Contains(err.Error(), "it has the previous ones again") {
		t.Errorf("got %v", err)
	}
	if text, err := os.ReadFile(staticpod.ManifestFile("kube-apiserver")); err != nil || string(text) != aManifest {
		t.Errorf("%s, %v", text, err)
	}
	if sent := s.api.Sent(); len(sent) > 0 {
		t.Errorf("changed in the cluster: %+v", sent)
	}
}

// TestAuditIsCut: the next run undoes what a run that was cut has begun.
func TestAuditIsCut(t *testing.T) {
	playControlPlane(t, "")
	if err := staticpod.ReplaceManifest("kube-apiserver", []byte(aManifest+"    - --v=9\n")); err != nil {
		t.Fatal(err)
	}
	if err := SetAudit(t.Context(), audit.Setting{Mode: audit.Off}); err != nil {
		t.Fatal(err)
	}
	if text, err := os.ReadFile(staticpod.ManifestFile("kube-apiserver")); err != nil || string(text) != aManifest {
		t.Errorf("%s, %v", text, err)
	}
	ctx, end := context.WithCancel(t.Context())
	end()
	if err := SetAudit(ctx, rotated(audit.Setting{Mode: audit.Metadata})); err == nil || manifest(t).Mode != audit.Off {
		t.Errorf("interrupted: %v, %+v", err, manifest(t))
	}
}

// TestAuditOfTheSite: what a site has written into the configuration itself stays.
func TestAuditOfTheSite(t *testing.T) {
	s := playControlPlane(t, "")
	s.clusterHas(t, "kind: ClusterConfiguration\napiVersion: kubeadm.k8s.io/v1beta3\napiServer: {extraArgs: {audit-webhook-config-file: /x}}\n")
	if err := SetAudit(t.Context(), audit.Setting{Mode: audit.Off}); err == nil || !strings.Contains(err.Error(), "arguments of its own") {
		t.Errorf("got %v", err)
	}
	s.api.Has(configPath, `{"data":{}}`)
	if err := SetAudit(t.Context(), audit.Setting{Mode: audit.Off}); err == nil || !strings.Contains(err.Error(), "it has no ClusterConfiguration") {
		t.Errorf("got %v", err)
	}
	if state, err := AskAudit(t.Context()); err != nil || state.Cluster.Mode != "" || state.Check() != nil {
		t.Errorf("%+v, %v", state, err)
	}
	s.fails("kubeadm init phase")
	s.clusterHas(t, "kind: ClusterConfiguration\napiVersion: kubeadm.k8s.io/v1beta3\n")
	if err := SetAudit(t.Context(), audit.Setting{Mode: audit.Metadata}); err == nil || !strings.Contains(err.Error(), "creating the manifest of kube-apiserver") {
		t.Errorf("got %v", err)
	}
	s.fails("")
	if err := os.RemoveAll(node.StateDir); err != nil {
		t.Fatal(err)
	}
	if err := SetAudit(t.Context(), audit.Setting{Mode: audit.Off}); err == nil {
		t.Error("without a node it is done")
	}
}

// TestPlanAudit: a new cluster has an audit log, of which a site's own configuration
// has the last word.
func TestPlanAudit(t *testing.T) {
	own := []byte("{apiVersion: kubeadm.k8s.io/v1beta3, kind: ClusterConfiguration, apiServer: {extraArgs: {audit-policy-file: /x, audit-log-path: /y}}}")
	site := []byte("{apiVersion: kubeadm.k8s.io/v1beta3, kind: ClusterConfiguration, apiServer: {extraArgs: {v: \"4\"}}}")
	for name, c := range map[string]struct {
		options Options
		want    audit.Arguments
	}{
		"by default":      {Options{}, audit.Arguments{Mode: audit.Metadata, Policy: "/usr/share/podsec-k8s/audit/metadata.yaml", Log: audit.Log, MaxSize: "100", MaxAge: "30", Backups: "10"}},
		"off":             {Options{Audit: audit.Setting{Mode: audit.Off}, SiteConfig: site}, audit.Arguments{Mode: audit.Off}},
		"the site's own":  {Options{SiteConfig: own}, audit.Arguments{Mode: audit.Other, Policy: "/x", Log: "/y"}},
		"the file's own":  {Options{Config: own, SiteConfig: site}, audit.Arguments{Mode: audit.Other, Policy: "/x", Log: "/y"}},
		"other arguments": {Options{SiteConfig: site, Audit: audit.Setting{Mode: audit.Requests}}, audit.Arguments{Mode: audit.Requests, Policy: "/usr/share/podsec-k8s/audit/requests.yaml", Log: audit.Log, MaxSize: "100", MaxAge: "30", Backups: "10"}},
	} {
		_, docs := planned(t, "v1.26.3", c.options)
		if got := audit.OfCluster(docs[kubeadm.KindCluster]); got != c.want {
			t.Errorf("%s: %+v, want %+v", name, got, c.want)
		}
		if err := c.options.CheckAudit(); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := (Options{Config: own, Audit: audit.Setting{Mode: audit.Metadata}}).CheckAudit(); err == nil {
		t.Error("both are taken")
	}
}
