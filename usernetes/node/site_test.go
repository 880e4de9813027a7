package node

import (
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/alt-cloud/podsec-k8s/host"
)

func TestLoadSite(t *testing.T) {
	dir := t.TempDir()
	files := map[string]string{
		"10-a.conf":  "# a comment\nNODE_IP=192.0.2.1\nMTU=1500\n",
		"90-b.conf":  "NODE_IP='192.0.2.2'\nIMAGE_ARCHIVES=/a.tar:/b.tar\nIMAGE_REPOSITORY=\"r.example/x/\"\n",
		"ignored.sh": "NODE_IP=192.0.2.3\n",
	}
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	site, err := LoadSite(dir)
	if err != nil {
		t.Fatal(err)
	}
	if site.NodeIP.String() != "192.0.2.2" || site.MTU != 1500 || site.ImageRepository != "r.example/x" {
		t.Errorf("got %+v", site)
	}
	if want := []string{"/a.tar", "/b.tar"}; !slices.Equal(site.ImageArchives, want) {
		t.Errorf("archives %q", site.ImageArchives)
	}
}

// TestSiteGoesToTheUser: what root has read comes to u7s-admin, but for the
// proxy, which may have a password.
func TestSiteGoesToTheUser(t *testing.T) {
	file := filepath.Join(t.TempDir(), "a.conf")
	text := "NODE_IP=192.0.2.2\nPOD_CIDR=10.1.0.0/16\nIMAGE_ARCHIVES=/a.tar\nIMAGE_AUTH_FILE=/auth\nNETWORK=veth\nMTU=1500\nHTTPS_PROXY=http://user:secret@proxy.example:3128\n"
	if err := os.WriteFile(file, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	loaded, err := LoadSite(filepath.Dir(file))
	if err != nil || len(loaded.Exposed) != 1 {
		t.Fatalf("%+v, %v", loaded, err)
	}
	for _, site := range []Site{DefaultSite(), loaded} {
		data, err := json.Marshal(site)
		if err != nil {
			t.Fatal(err)
		}
		var got Site
		if err := json.Unmarshal(data, &got); err != nil {
			t.Fatal(err)
		}
		if site.Proxy = (Proxy{}); !reflect.DeepEqual(got, site) || strings.Contains(string(data), "secret") {
			t.Errorf("got %+v of %s", got, data)
		}
	}
}

func TestLoadSiteNamesEveryFault(t *testing.T) {
	file := filepath.Join(t.TempDir(), "a.conf")
	if err := os.WriteFile(file, []byte("NODE_IP=x\nPOD_CIDR=10.0.0.0\nMTU=9\nCOLOUR=red\nPOD_CIDR=10.0.0.0/8\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := LoadSite(filepath.Dir(file))
	for _, part := range []string{":1: ", ":2: ", ":3: ", ":4: unknown setting \"COLOUR\""} {
		if err == nil || !strings.Contains(err.Error(), part) {
			t.Errorf("%v does not say %q", err, part)
		}
	}
	if strings.Contains(err.Error(), ":5:") {
		t.Errorf("%v blames a good line", err)
	}
}

func TestSlirpCIDR(t *testing.T) {
	for value, want := range map[string]string{"": "10.41.0.0/24", "10.50.0.0/24": "10.50.0.0/24"} {
		if got, err := SlirpCIDR(func(key string) string { return map[string]string{slirpCIDR: value}[key] }); err != nil || got.String() != want {
			t.Errorf("%q: %s, %v", value, got, err)
		}
	}
	var known *host.Fault
	if _, err := SlirpCIDR(func(string) string { return "nonsense" }); !errors.As(err, &known) {
		t.Errorf("nonsense: %v", err)
	}
}

func TestSubordinateIDs(t *testing.T) {
	for text, good := range map[string]bool{"65536": true, "131072": true, "70000": true, "65535": false, "-1": false, "x": false, "": false, "4294967296": false, "3000000000": false} {
		if _, err := loaded(t, "SUBORDINATE_IDS="+text+"\n"); (err == nil) != good {
			t.Errorf("SUBORDINATE_IDS=%s: %v", text, err)
		}
	}
}

func TestAuditLog(t *testing.T) {
	for text, good := range map[string]bool{
		"AUDIT_GROUP=adm": true, "AUDIT_GROUP=_log-1": true, "AUDIT_GROUP=": false, "AUDIT_GROUP=a b": false, "AUDIT_GROUP=-x": false, "AUDIT_GROUP=0": false,
		"AUDIT_MAX_SIZE=1": true, "AUDIT_MAX_SIZE=0": false, "AUDIT_MAX_SIZE=x": false, "AUDIT_MAX_AGE=0": true, "AUDIT_MAX_AGE=-1": false,
		"AUDIT_MAX_BACKUPS=100001": false, "AUDIT_MAX_BACKUPS=3": true,
	} {
		if _, err := loaded(t, text+"\n"); (err == nil) != good {
			t.Errorf("%s: %v", text, err)
		}
	}
	if got, err := LoadAuditLog(t.TempDir()); err != nil || got != (AuditLog{MaxSize: 100, MaxAge: 30, Backups: 10}) {
		t.Errorf("without a setting %+v, %v", got, err)
	}
}

func TestUserLifetime(t *testing.T) {
	for text, good := range map[string]bool{"8760h": true, "10m": true, "9m59s": false, "-1h": false, "x": false, "": false, "720": false, "600000h": false} {
		if _, err := loaded(t, "USER_MAX_LIFETIME="+text+"\n"); (err == nil) != good {
			t.Errorf("USER_MAX_LIFETIME=%s: %v", text, err)
		}
	}
	if got, err := LoadUserLifetime(t.TempDir()); err != nil || got.Hours() != 8760 {
		t.Errorf("without a setting %s, %v", got, err)
	}
}

// TestLoadImageAuth: the file of the logins is known, whatever else the settings have.
func TestLoadImageAuth(t *testing.T) {
	dir := t.TempDir()
	for text, want := range map[string]string{"": "", "MTU=x\nIMAGE_AUTH_FILE=/etc/auth.json\n": "/etc/auth.json"} {
		if err := os.WriteFile(filepath.Join(dir, "a.conf"), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		if got, err := LoadImageAuth(dir); got != want || err != nil {
			t.Errorf("%q, %v, not %q", got, err, want)
		}
	}
	if err := os.WriteFile(filepath.Join(dir, "a.conf"), []byte("IMAGE_AUTH_FILE=auth.json\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	if _, err := LoadImageAuth(dir); err == nil {
		t.Error("it is not an absolute path")
	}
}
