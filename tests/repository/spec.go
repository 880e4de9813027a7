package repository

import (
	"cmp"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// definitions make rpmbuild pack as ALT's does, with xz, which its rpm 4.13
// can read, and leave the programs as they are.
func definitions(top string) []string {
	return []string{
		"_topdir " + top, "_rpmdir " + top, "_builddir " + top, "_binary_payload w1T0.xzdio", "__os_install_post %nil",
		"nil %{!?nil:}", "debug_package %nil", "_build_id_links none", "_buildhost localhost",
	}
}

// write makes the RPM in a folder.
func (p pkg) write(ctx context.Context, dir string) error {
	top, err := os.MkdirTemp(dir, ".rpmbuild-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(top) //nolint:errcheck // nothing but links in it
	text, err := p.spec(top)
	if err != nil {
		return err
	}
	spec := filepath.Join(top, p.name+".spec")
	if err := os.WriteFile(spec, []byte(text), 0o644); err != nil {
		return err
	}
	args := []string{"-bb", "--quiet", "--nodeps", "--target", "x86_64", "--buildroot", filepath.Join(top, "root")}
	for _, d := range definitions(top) {
		args = append(args, "--define", d)
	}
	cmd := exec.CommandContext(ctx, "rpmbuild", append(args, spec)...)
	cmd.Env = append(os.Environ(), "SOURCE_DATE_EPOCH=1700000000")
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("rpmbuild: %w\n%s", err, out)
	}
	name := fmt.Sprintf("%s-%s.x86_64.rpm", p.name, p.evr())
	return os.Rename(filepath.Join(top, "x86_64", name), filepath.Join(dir, name))
}

// spec describes the package; files that have no source of their own are
// written to a folder.
func (p pkg) spec(texts string) (string, error) {
	var head, install, files strings.Builder
	fmt.Fprintf(&head, "Name: %s\nVersion: %s\nRelease: %s\nSummary: Of podsec-k8s' test repository\nLicense: test\nGroup: Other\nAutoReqProv: no\n",
		p.name, p.version, cmp.Or(p.release, "alt1"))
	for tag, all := range map[string][]string{"Provides": p.provides, "Conflicts": p.conflicts, "Obsoletes": p.obsoletes, "Requires": p.requires} {
		for _, relation := range all {
			fmt.Fprintf(&head, "%s: %s\n", tag, relation)
		}
	}
	for i, f := range p.files {
		source := f.source
		if f.text != "" {
			source = filepath.Join(texts, fmt.Sprint("text", i))
			if err := os.WriteFile(source, []byte(f.text), 0o644); err != nil {
				return "", err
			}
		}
		to := "%{buildroot}" + f.path
		kind := ""
		switch {
		case f.folder:
			kind = "%dir "
			fmt.Fprintf(&install, "mkdir -p %s\n", to)
		case f.config:
			kind = "%config(noreplace) "
			fallthrough
		default:
			fmt.Fprintf(&install, "mkdir -p %s && cp -L --reflink=auto %s %s\n", filepath.Dir(to), source, to)
		}
		fmt.Fprintf(&files, "%s%%attr(%#o,%s,%s) %s\n", kind, f.mode, cmp.Or(f.owner, "root"), cmp.Or(f.group, "root"), f.path)
	}
	var scripts strings.Builder
	for _, s := range [][2]string{{"pre", p.pre}, {"post", p.post}, {"preun", p.preun}, {"posttrans", p.posttrans}} {
		if s[1] != "" {
			fmt.Fprintf(&scripts, "\n%%%s\n%s\n", s[0], s[1])
		}
	}
	return head.String() + "%description\nOf podsec-k8s' test repository.\n\n%install\n" + install.String() + scripts.String() + "\n%files\n" + files.String(), nil
}
