package kubeadm

import (
	"slices"
	"strings"
	"testing"

	"github.com/alt-cloud/podsec-k8s/deps"
	"github.com/alt-cloud/podsec-k8s/usernetes/document"
)

// TestPlanUpgrade: each generation's kubeadm is called in its own way.
func TestPlanUpgrade(t *testing.T) {
	made, err := document.Parse([]byte("kind: ClusterConfiguration\n---\nkind: JoinConfiguration\nnodeRegistration: {ignorePreflightErrors: [SystemVerification]}\npatches: {directory: /srv/patches}\n"))
	if err != nil {
		t.Fatal(err)
	}
	plan := func(version, to string, first bool) Upgrade {
		t.Helper()
		minor, err := deps.MinorOf(version)
		if err != nil {
			t.Fatal(err)
		}
		u, err := PlanUpgrade(minor, to, first, made)
		if err != nil {
			t.Fatal(err)
		}
		return u
	}
	old := plan("1.26", "v1.26.13", true)
	want := "upgrade apply v1.26.13 --yes --ignore-preflight-errors=CreateJob,SystemVerification,ImagePull --patches=/srv/patches"
	if got := strings.Join(old.Args, " "); got != want || old.Config != nil {
		t.Errorf("got %s", got)
	}
	if got := plan("1.26", "v1.26.13", false).Args; !slices.Equal(got[:2], []string{"upgrade", "node"}) {
		t.Errorf("got %q", got)
	}
	now := plan("1.34", "v1.34.4", true)
	if got := strings.Join(now.Args, " "); got != "upgrade apply v1.34.4 --yes --config=/var/lib/u7s-admin/state/kubeadm-upgrade.yaml" {
		t.Errorf("got %s", got)
	}
	for _, line := range []string{"kind: UpgradeConfiguration", "imagePullPolicy: Never", "directory: /srv/patches", "- SystemVerification", "upgradeManifests: 1m30s", "apiVersion: kubeadm.k8s.io/v1beta4"} {
		if !strings.Contains(string(now.Config), line+"\n") {
			t.Errorf("without %s:\n%s", line, now.Config)
		}
	}
}
