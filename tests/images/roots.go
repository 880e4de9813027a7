package images

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/alt-cloud/podsec-k8s/tests/generation"
)

// debianPackages is what pods of the suite call by name, and what the small root has.
const debianPackages = "bash,bash-static,bind9-dnsutils,busybox-static,curl,iperf,iproute2,iputils-ping,netcat-openbsd,passwd,procps,wget"

// debianUsers makes the user and the group that tests of supplemental groups ask for.
// Source: test/images/agnhost/Dockerfile of Kubernetes.
const debianUsers = `chroot "$1" sh -c 'useradd -u 1000 -m user-defined-in-image && groupadd -g 50000 group-defined-in-image && usermod -aG group-defined-in-image user-defined-in-image'`

// makeRoots makes a layer of each root, in a folder. What Debian's tools copy from this
// machine, and devices, are no part of it.
func makeRoots(ctx context.Context, g generation.Generation, dir string) (map[root]string, error) {
	roots := map[root]string{small: filepath.Join(dir, "small.layer"), debian: filepath.Join(dir, "debian.layer")}
	tree := filepath.Join(dir, "debian")
	out, err := exec.CommandContext(ctx, "mmdebstrap", "--quiet", "--variant=essential", "--include="+debianPackages,
		"--dpkgopt=path-exclude=/usr/share/doc/*", "--dpkgopt=path-exclude=/usr/share/man/*", "--dpkgopt=path-exclude=/usr/share/locale/*",
		"--customize-hook="+debianUsers, g.Suite, tree).CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("installing %s (are Debian's packages reachable?): %w\n%s", g.Suite, err, out)
	}
	if out, err := exec.CommandContext(ctx, "tar", "-C", tree, "--exclude=./dev/*", "--exclude=./etc/resolv.conf", "--exclude=./etc/hostname", "--numeric-owner", "-cf", roots[debian], ".").CombinedOutput(); err != nil {
		return nil, fmt.Errorf("packing the root of images: %w\n%s", err, out)
	}
	entries, err := smallRoot(ctx, filepath.Join(tree, "usr/bin/busybox"), filepath.Join(tree, "usr/bin/bash-static"))
	if err != nil {
		return nil, err
	}
	if err := writeTarFile(roots[small], entries); err != nil {
		return nil, err
	}
	return roots, os.RemoveAll(tree)
}

// smallRoot is busybox with a link for each of its programs, a shell, and users that need
// no password. Debian's busybox takes variables such as data-1, which a Secret may have,
// out of the environment.
func smallRoot(ctx context.Context, busybox, shell string) ([]entry, error) {
	list, err := exec.CommandContext(ctx, busybox, "--list").Output()
	if err != nil {
		return nil, fmt.Errorf("asking busybox what it has: %w", err)
	}
	text, err := os.ReadFile(busybox)
	if err != nil {
		return nil, fmt.Errorf("reading busybox: %w", err)
	}
	entries := []entry{{name: "bin/", mode: 0o755}, {name: "bin/busybox", mode: 0o755, data: text}, {name: "bin/sh", mode: 0o755, file: shell}}
	for _, name := range strings.Fields(string(list)) {
		if name != "busybox" && name != "sh" {
			entries = append(entries, entry{name: "bin/" + name, mode: 0o777, link: "busybox"})
		}
	}
	for _, folder := range []string{"etc/", "home/", "root/", "usr/", "usr/bin/", "usr/sbin/", "var/"} {
		entries = append(entries, entry{name: folder, mode: 0o755})
	}
	return append(entries,
		entry{name: "usr/bin/env", mode: 0o777, link: "../../bin/env"},
		entry{name: "tmp/", mode: 0o1777},
		entry{name: "etc/passwd", mode: 0o644, data: []byte("root:x:0:0:root:/root:/bin/sh\nnobody:x:65534:65534:nobody:/home:/bin/false\n")},
		entry{name: "etc/group", mode: 0o644, data: []byte("root:x:0:\nnobody:x:65534:\n")},
		entry{name: "etc/nsswitch.conf", mode: 0o644, data: []byte("passwd: files\ngroup: files\nhosts: files dns\n")},
	), nil
}
