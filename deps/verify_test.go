package deps_test

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/alt-cloud/podsec-k8s/deps"
	"github.com/alt-cloud/podsec-k8s/message"
)

// somePins stand for the table: one minor's package, and a plain one.
func somePins() []deps.Pin {
	return []deps.Pin{
		{Name: "kubernetes-kubeadm", From: "1.26.3", Before: "1.27", Why: "creates the cluster"},
		{Name: "etcd", From: "3.4.15", Why: "keeps the cluster"},
	}
}

var (
	kubeadm = pkg{name: "kubernetes-kubeadm", version: "1.26.3"}
	etcd    = pkg{name: "etcd", version: "3.5.9"}
)

// minorKubeadm is one of a minor as ALT has it.
// Source: ALT's kubernetes1.26.spec.
func minorKubeadm(minor, version string) pkg {
	p := lonelyKubeadm(minor, version)
	p.conflicts = []string{"kubernetes-kubeadm < " + version + "-alt1", "kubernetes-kubeadm > " + version + "-alt1"}
	return p
}

// lonelyKubeadm is one that others may stand beside.
func lonelyKubeadm(minor, version string) pkg {
	return pkg{name: "kubernetes" + minor + "-kubeadm", version: version, provides: []string{"kubernetes-kubeadm = " + version + "-alt1"}}
}

// minorKubeadms are those that ALT has had.
func minorKubeadms(versions ...string) []pkg {
	all := []pkg{etcd}
	for _, version := range versions {
		all = append(all, minorKubeadm(version[:len("1.26")], version))
	}
	return all
}

func TestVerify(t *testing.T) {
	for _, c := range []struct {
		name     string
		packages []pkg
		damage   func(t *testing.T, folder string)
		kubeadm  deps.State
		etcd     deps.State
		words    string // of the table
	}{
		{"all there", []pkg{kubeadm, etcd}, nil, deps.OK, deps.OK, "kubernetes-kubeadm-1.26.3-alt1"},
		{"virtual name", []pkg{minorKubeadm("1.26", "1.26.15"), etcd}, nil, deps.OK, deps.OK, "kubernetes1.26-kubeadm-1.26.15-alt1"},
		{"missing package", []pkg{kubeadm}, nil, deps.OK, deps.Missing, "missing etcd >= 3.4.15 no package provides it"},
		{"old package", []pkg{kubeadm, {name: "etcd", version: "3.4.9"}}, nil, deps.OK, deps.TooOld, "too old etcd >= 3.4.15"},
		{"old minor", []pkg{{name: "kubernetes-kubeadm", version: "1.25.9"}, etcd}, nil, deps.TooOld, deps.OK, "too old kubernetes-kubeadm"},
		{"new minor", []pkg{minorKubeadm("1.27", "1.27.0"), etcd}, nil, deps.TooNew, deps.OK, "too new kubernetes-kubeadm"},
		{"release does not count", []pkg{{name: "kubernetes-kubeadm", version: "1.27"}, etcd}, nil, deps.TooNew, deps.OK, "too new"},
		{"five minors", minorKubeadms("1.26.15", "1.27.16", "1.28.14", "1.30.5", "1.31.1"), nil, deps.OK, deps.OK, "ok kubernetes-kubeadm >= 1.26.3, < 1.27 kubernetes1.26-kubeadm-1.26.15-alt1 ok"},
		{"ten minors", minorKubeadms("1.22.17", "1.25.16", "1.26.15", "1.27.16", "1.31.1"), nil, deps.OK, deps.OK, "< 1.27 kubernetes1.26-kubeadm-1.26.15-alt1 ok"},
		{"minors without the one", minorKubeadms("1.25.16", "1.27.16"), nil, deps.TooNew, deps.OK, "too new kubernetes-kubeadm"},
		{"minors that stand beside each other", []pkg{lonelyKubeadm("1.26", "1.26.15"), lonelyKubeadm("1.34", "1.34.4"), etcd}, nil, deps.Ambiguous, deps.OK, "apt would not choose the package that fits: kubernetes1.26-kubeadm-1.26.15-alt1, kubernetes1.34-kubeadm-1.34.4-alt1"},
		{"older package of the very name", []pkg{{name: "kubernetes-kubeadm", version: "1.25.9"}, minorKubeadm("1.26", "1.26.15"), etcd}, nil, deps.OK, deps.OK, "kubernetes1.26-kubeadm-1.26.15-alt1"},
		{"newer package of the very name", []pkg{{name: "kubernetes-kubeadm", version: "1.27.1"}, minorKubeadm("1.26", "1.26.15"), etcd}, nil, deps.OK, deps.OK, "kubernetes1.26-kubeadm-1.26.15-alt1"},
		{"very name and others around the minor", append(minorKubeadms("1.26.15", "1.28.14"), pkg{name: "kubernetes-kubeadm", version: "1.25.9"}), nil, deps.Ambiguous, deps.OK, "apt would not choose"},
		{"newest build is too new", []pkg{kubeadm, {name: "kubernetes-kubeadm", version: "1.27.1"}, etcd}, nil, deps.TooNew, deps.OK, "too new kubernetes-kubeadm"},
		{"older build beside", []pkg{kubeadm, {name: "kubernetes-kubeadm", version: "1.25.9"}, etcd}, nil, deps.OK, deps.OK, "ok kubernetes-kubeadm"},
		{"older etcd of another name", []pkg{kubeadm, etcd, {name: "etcd3.3", version: "3.3.1", provides: []string{"etcd = 3.3.1"}}}, nil, deps.OK, deps.OK, "etcd-3.5.9"},
		{"epoch is ignored", []pkg{kubeadm, {name: "etcd", epoch: "1", version: "2.0", provides: []string{"etcd = 1:2.0-alt1"}}}, nil, deps.OK, deps.TooOld, "etcd-1:2.0-alt1"},
		{"epoch is no hindrance", []pkg{kubeadm, {name: "etcd", epoch: "1", version: "3.5.9", provides: []string{"etcd = 1:3.5.9-alt1"}}}, nil, deps.OK, deps.OK, "etcd-1:3.5.9-alt1"},
		{"set of symbols is no version", []pkg{kubeadm, {name: "libetcd", version: "1", provides: []string{"etcd = set:kgXYZ"}}}, nil, deps.OK, deps.Missing, "missing etcd"},
		{"tag of the branch", []pkg{kubeadm, {name: "etcd3.5", version: "3.5.9", provides: []string{"etcd = 3.5.9-alt0.p10.1:p10+299225.100.2.1"}}}, nil, deps.OK, deps.OK, "etcd3.5-3.5.9-alt1"},
		{"name without a version", []pkg{kubeadm, {name: "base", version: "1", provides: []string{"etcd"}}}, nil, deps.OK, deps.OK, "base-1-alt1"},
		{"truncated payload", []pkg{kubeadm, etcd}, cut(etcd, 20), deps.OK, deps.Altered, "etcd-3.5.9-alt1.x86_64.rpm: truncated: only "},
		{"truncated in its header", []pkg{kubeadm, etcd}, cut(etcd, 5000), deps.OK, deps.Altered, "etcd-3.5.9-alt1.x86_64.rpm: truncated"},
		{"empty file", []pkg{kubeadm, etcd}, cut(etcd, 1<<20), deps.OK, deps.Altered, "truncated"},
		{"flipped byte of the payload", []pkg{kubeadm, etcd}, flip(etcd, -10), deps.OK, deps.Altered, "altered: the payload's SHA-256 is"},
		{"flipped byte of the header", []pkg{kubeadm, etcd}, flip(etcd, 2000), deps.OK, deps.Altered, "altered: the header's SHA-256 is"},
		{"flipped byte of the signature", []pkg{kubeadm, etcd}, flip(etcd, 180), deps.OK, deps.Altered, "altered: "},
		{"not an RPM", []pkg{kubeadm, etcd}, flip(etcd, 0), deps.OK, deps.Altered, "etcd-3.5.9-alt1.x86_64.rpm: not an RPM"},
		{"altered beside a good one", []pkg{kubeadm, etcd, {name: "etcd", version: "3.5.1"}}, flip(etcd, -10), deps.OK, deps.Altered, "altered etcd >="},
	} {
		for _, form := range forms() {
			t.Run(c.name+"/"+form.name, func(t *testing.T) {
				folder := folderOf(t, c.packages)
				if form.pack != nil {
					describe(t, folder, c.packages, form.pack)
				}
				if c.damage != nil {
					c.damage(t, folder)
				}
				report, err := deps.Verify(t.Context(), somePins(), form.repo(t, folder))
				if err != nil {
					t.Fatal(err)
				}
				table := tableOf(t, report)
				if report.Pins[0].State != c.kubeadm || report.Pins[1].State != c.etcd || !strings.Contains(strings.Join(strings.Fields(table), " "), c.words) {
					t.Errorf("kubeadm %v, want %v; etcd %v, want %v; want %q in\n%s",
						report.Pins[0].State, c.kubeadm, report.Pins[1].State, c.etcd, c.words, table)
				}
				if wrong := countNot(deps.OK, c.kubeadm, c.etcd); report.Failed() != wrong {
					t.Errorf("%d failed, want %d:\n%s", report.Failed(), wrong, table)
				}
			})
		}
	}
}

// A form is one way to put a repository somewhere.
type form struct {
	name string
	pack func(testing.TB, []byte) []byte // nil for a folder without metadata
	repo func(testing.TB, string) string
}

func forms() []form {
	itself := func(_ testing.TB, folder string) string { return folder }
	return []form{
		{"folder", nil, itself},
		{"repodata", gzipped, itself},
		{"http", gzipped, serve},
	}
}

// cut takes bytes off the end of a package.
func cut(p pkg, bytes int) func(*testing.T, string) {
	return func(t *testing.T, folder string) {
		damage(t, filepath.Join(folder, p.file()), func(data []byte) []byte { return data[:max(0, len(data)-bytes)] })
	}
}

// flip changes one byte; a negative place counts from the end.
func flip(p pkg, at int) func(*testing.T, string) {
	return func(t *testing.T, folder string) {
		damage(t, filepath.Join(folder, p.file()), func(data []byte) []byte {
			data[(at+len(data))%len(data)] ^= 0x10
			return data
		})
	}
}

func damage(t *testing.T, path string, change func([]byte) []byte) {
	t.Helper()
	data, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	write(t, path, change(data))
}

func tableOf(t *testing.T, r deps.Report) string {
	t.Helper()
	var table strings.Builder
	if err := r.WriteTable(&table, message.Language{}); err != nil {
		t.Fatal(err)
	}
	return table.String()
}

func countNot(unwanted deps.State, all ...deps.State) int {
	return len(slices.DeleteFunc(all, func(s deps.State) bool { return s == unwanted }))
}
