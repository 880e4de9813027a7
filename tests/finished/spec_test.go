package finished

import (
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// altMacros are those that the spec uses and Debian's rpm lacks, or has
// otherwise. ALT's brp-compress packs man pages with xz.
// Source: ALT's rpm-build, platform.in; rpm-macros-systemd.
func altMacros() map[string]string {
	return map[string]string{
		"_sysconfdir": "/etc", "_localstatedir": "/var/lib", "_unitdir": "/lib/systemd/system", "_sysctldir": "/lib/sysctl.d",
		"_modulesloaddir": "/lib/modules-load.d", "_man8dir": "/usr/share/man/man8", "nil": "%{!?nil:}",
		"__os_install_post": "xz %{buildroot}/usr/share/man/man8/*.8 %{buildroot}/usr/share/man/ru/man8/*.8",
		"debug_package":     "%nil", "_binary_payload": "w2.xzdio", "_buildhost": "localhost",
		"_build_id_links": "none", "vendor": "podsec-k8s project",
	}
}

// bySpec builds the package with rpmbuild from the spec in the checkout, and
// from a tarball as gear makes it: the tree, with the modules below vendor.
func bySpec(t *testing.T) string {
	t.Helper()
	top := t.TempDir()
	version := strings.TrimSpace(run(t, "rpmspec", "-q", "--qf", "%{VERSION}", "rpm/podsec-k8s.spec"))
	tree := "podsec-k8s-" + version
	if err := os.MkdirAll(filepath.Join(top, "SOURCES"), 0o700); err != nil {
		t.Fatal(err)
	}
	run(t, "sh", "-euc", `git ls-files -co --exclude-standard | grep -v '^tests/' | tar cf - -T - | (mkdir "$1/$2" && tar xf - -C "$1/$2")
go mod vendor -o "$1/$2/vendor"
tar cf "$1/SOURCES/$2.tar" -C "$1" "$2"`, "sh", top, tree)
	args := []string{"-bb", "--nodeps", "--define", "_topdir " + top}
	for name, value := range altMacros() {
		args = append(args, "--define", name+" "+value)
	}
	run(t, "rpmbuild", append(args, "rpm/podsec-k8s.spec")...)
	path, err := onlyRPM(filepath.Join(top, "RPMS/*"))
	if err != nil {
		t.Fatal(err)
	}
	return path
}

// TestSpec: the package that ALT's own build makes is the one that ours does.
func TestSpec(t *testing.T) {
	ours, theirs := built(t), bySpec(t)
	for _, c := range []struct{ name, format string }{
		{"tags", "%{NEVRA}\n%{SUMMARY}\n%{LICENSE}\n%{GROUP}\n%{URL}\n%{PACKAGER}\n%{VENDOR}\n%{BUILDHOST}\n%{PAYLOADCOMPRESSOR}\n%{SOURCERPM}\n%{DESCRIPTION}\n"},
		{"files", "[%{FILEMODES:octal} %{FILEFLAGS:fflags} %{FILEUSERNAME}:%{FILEGROUPNAME} %{FILENAMES} %{FILELINKTOS}\n]"},
		{"provides", "[%{PROVIDENAME} %{PROVIDEFLAGS:depflags} %{PROVIDEVERSION}\n]"},
		{"requires", "[%{REQUIRENAME} %{REQUIREFLAGS:depflags} %{REQUIREVERSION} %{REQUIREFLAGS:deptype}\n]"},
		{"obsoletes", "[%{OBSOLETENAME}\n][%{CONFLICTNAME}\n]"},
		{"scriptlets", "%{PREIN}\n%{POSTINPROG}\n%{POSTIN}\n%{PREUNPROG}\n%{PREUN}\n%{POSTUNPROG}\n%{POSTUN}\n%{PRETRANS}%{POSTTRANS}"},
		{"changelog", "[%{CHANGELOGTIME} %{CHANGELOGNAME}\n%{CHANGELOGTEXT}\n]"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got, want := lines(t, theirs, c.format), lines(t, ours, c.format)
			if !slices.Equal(got, want) {
				t.Errorf("only by the spec:\n%s\nonly ours:\n%s", strings.Join(without(got, want), "\n"), strings.Join(without(want, got), "\n"))
			}
		})
	}
	if same := lines(t, ours, "%{SIZE}"); len(same) != 1 || same[0] == "0" {
		t.Errorf("sizes %q", same)
	}
}

// rpmsOwn are names that Debian's rpm adds by itself, and ALT's does not have
// to: its own features, the architecture, and configuration files.
var rpmsOwn = regexp.MustCompile(`^(rpmlib\(|config\(|podsec-k8s\(x86-64\))`)

// lines queries a package, without what rpm adds by itself, sorted.
func lines(t *testing.T, path, format string) []string {
	t.Helper()
	all := strings.Split(strings.TrimSpace(run(t, "rpm", "-qp", "--qf", format, path)), "\n")
	for i, line := range all {
		all[i] = strings.TrimRight(line, " ")
	}
	all = slices.DeleteFunc(all, func(line string) bool { return line == "" || rpmsOwn.MatchString(line) })
	slices.Sort(all)
	return all
}

func without(all, known []string) []string {
	return slices.DeleteFunc(slices.Clone(all), func(line string) bool { return slices.Contains(known, line) })
}
