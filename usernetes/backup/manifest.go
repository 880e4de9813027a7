package backup

import (
	"bytes"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"net/netip"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
)

// What the first entry of a backup says of its form.
const (
	kind    = "ClusterBackup"
	version = 1
)

// apiVersion is the form's version, as all that is for programs has it.
var apiVersion = fmt.Sprintf("podsec-k8s/v%d", version)

// Names of the entries. Those of a site's settings follow SiteFolder.
const (
	ManifestName = "manifest.json"
	Snapshot     = "etcd.db"
	KubeadmName  = "kubeadm.yaml"
	NodeName     = "node.json"
	PolicyName   = "audit-policy.yaml" // the site's, where the cluster has one
	SiteFolder   = "site/"
	sumName      = "sha256sum"
)

// keys lists what a cluster's certificates are made by, below kubeadm's folder.
// Source: the Kubernetes documentation, "PKI certificates and requirements".
func keys() []string {
	return []string{
		"ca.crt", "ca.key", "front-proxy-ca.crt", "front-proxy-ca.key", "sa.key", "sa.pub", "etcd/ca.crt", "etcd/ca.key",
	}
}

// The folder of certificates, in a backup, and kubeadm's as the node sees it.
const (
	pkiFolder = "pki/"
	pki       = node.PKIDir + "/"
)

// required lists the entries that every backup has.
func required() []string {
	all := []string{NodeName, KubeadmName, Snapshot}
	for _, name := range keys() {
		all = append(all, pkiFolder+name)
	}
	return all
}

// Bounds of what a backup may have. A tar header says no size of 8 GiB, and etcd's
// documentation advises against more data than that.
const (
	maxManifest = 1 << 20
	maxSmall    = 1 << 20
	maxSnapshot = 8<<30 - 1
	maxFiles    = 128
	maxOutside  = 256
)

// A File is an entry of a backup.
type File struct {
	Name   string `json:"name"`
	Size   int64  `json:"size"` // bytes
	SHA256 string `json:"sha256"`
}

// A Manifest says what is in a backup. Nothing in it is secret.
type Manifest struct {
	Kind       string     `json:"kind"`
	APIVersion string     `json:"apiVersion"`
	Created    time.Time  `json:"created"`
	PodsecK8s  string     `json:"podsecK8s"` // version of the program
	Kubernetes string     `json:"kubernetes"`
	Etcd       string     `json:"etcd"`
	Node       string     `json:"node"` // the control plane that it was made on
	Address    netip.Addr `json:"address"`
	Revision   int64      `json:"revision"` // of etcd's data
	Keys       int64      `json:"keys"`     // in etcd's data
	Files      []File     `json:"files"`    // in their order

	// What the configuration names and is not in the backup, as the machine has it.
	Outside []string `json:"outside,omitempty"`
}

// File finds an entry by its name.
func (m Manifest) File(name string) (File, bool) {
	at := slices.IndexFunc(m.Files, func(f File) bool { return f.Name == name })
	if at < 0 {
		return File{}, false
	}
	return m.Files[at], true
}

// Digest tells backups apart.
func (m Manifest) Digest() string {
	data, _ := json.Marshal(m) // it has no value that JSON lacks
	sum := sha256.Sum256(data)
	return hex.EncodeToString(sum[:])
}

// stamped is the manifest as it is written.
func (m Manifest) stamped() Manifest {
	m.Kind, m.APIVersion = kind, apiVersion
	return m
}

// parseManifest reads the first entry. What a newer version has made is told apart
// from what is damaged.
func parseManifest(data []byte) (m Manifest, err error) {
	var form struct{ Kind, APIVersion string }
	if err := json.Unmarshal(data, &form); err != nil {
		return m, damaged("its manifest: %w", err)
	}
	number, err := strconv.Atoi(strings.TrimPrefix(form.APIVersion, "podsec-k8s/v"))
	switch {
	case form.Kind != kind || err != nil || number < 1:
		return m, noBackup()
	case number > version:
		return m, host.NewFault("update podsec-k8s on this machine, then run the command again",
			"a newer podsec-k8s made this backup: its format is %s, and this version knows %s", form.APIVersion, apiVersion)
	}
	d := json.NewDecoder(bytes.NewReader(data))
	d.DisallowUnknownFields()
	if err := d.Decode(&m); err != nil {
		return m, damaged("its manifest: %w", err)
	}
	return m, m.check()
}

// Forms of what a manifest says. Source: semver.org.
var (
	versionForm = regexp.MustCompile(`^v?[0-9]+\.[0-9]+[0-9A-Za-z.+~-]{0,60}$`)
	programForm = regexp.MustCompile(`^[0-9A-Za-z.+~-]{1,64}$`)
	sumForm     = regexp.MustCompile(`^[0-9a-f]{64}$`)
	outsideForm = regexp.MustCompile(`^/[ -~]{1,1000}$`)
	siteForm    = regexp.MustCompile(`^(crio\.conf\.d/)?[A-Za-z0-9_][A-Za-z0-9._-]{0,79}$`)
)

// check reports whether every part has its form. u7s-admin may have written it.
func (m Manifest) check() error {
	for _, text := range []string{m.Kubernetes, m.Etcd} {
		if !versionForm.MatchString(text) {
			return damaged("its manifest: %w", message.Errorf("%q is not a version", text))
		}
	}
	if !programForm.MatchString(m.PodsecK8s) || !node.IsName(m.Node) || !m.Address.IsValid() || m.Created.IsZero() || m.Revision < 1 || m.Keys < 1 {
		return damaged("its manifest: %w", message.New("a field is missing or has a wrong value"))
	}
	if len(m.Outside) > maxOutside || slices.ContainsFunc(m.Outside, func(path string) bool { return !outsideForm.MatchString(path) }) {
		return damaged("its manifest: %w", message.New("it names paths that are none"))
	}
	if len(m.Files) > maxFiles {
		return damaged("its manifest: %w", message.New("it lists too many files"))
	}
	seen := map[string]bool{}
	for _, f := range m.Files {
		if err := f.Check(); err != nil || seen[f.Name] {
			return damaged("its manifest: %w", message.Errorf("the file %q is not one of a backup, is too large, or is there twice", f.Name))
		}
		seen[f.Name] = true
	}
	for _, name := range required() {
		if !seen[name] {
			return damaged("its manifest: %w", message.Errorf("the file %s is missing", name))
		}
	}
	return nil
}

var errForeign = message.New("it does not belong into a backup")

// Check reports whether a backup may have such a file.
func (f File) Check() error {
	limit := int64(maxSmall)
	if f.Name == Snapshot {
		limit = maxSnapshot
	}
	known := f.Name == PolicyName || slices.Contains(required(), f.Name)
	if name, found := strings.CutPrefix(f.Name, SiteFolder); found {
		known = siteForm.MatchString(name)
	}
	if !known || f.Size < 0 || f.Size > limit || !sumForm.MatchString(f.SHA256) {
		return errForeign
	}
	return nil
}

// damaged is the fault of a backup that is not as it was written.
func damaged(format message.Format, args ...any) error {
	return host.NewFault("use another backup: podsec-k8s backup list", "the backup is damaged or incomplete: %w", message.Errorf(format, args...))
}

// noBackup is the fault of a file that is none.
func noBackup() error {
	return host.NewFault("specify a file that podsec-k8s backup create made", "this file is not a backup of podsec-k8s")
}
