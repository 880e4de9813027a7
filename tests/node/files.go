package node

import (
	"context"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// fill makes the node's folder. Its /var/lib is a folder of the machine's
// own file system: CRI-O of the older generation takes no overlay for its
// layers' base.
func (n *Node) fill(ctx context.Context, parts Parts) error {
	for _, name := range []string{"up", "work", "root"} {
		if err := os.MkdirAll(filepath.Join(n.dir(), name), 0o755); err != nil {
			return err
		}
	}
	_, varLib := parts.layers()
	out, err := exec.CommandContext(ctx, "cp", "-a", varLib, filepath.Join(n.dir(), "lib")).CombinedOutput()
	if err != nil {
		return fmt.Errorf("copying /var/lib: %w: %s", err, out)
	}
	files := n.files()
	if files["etc/login.defs"], err = n.loginDefs(parts); err != nil {
		return err
	}
	return writeFiles(filepath.Join(n.dir(), "up"), files)
}

// idsOfNode is how many subordinate ids are set aside for each node.
const idsOfNode = 1000000

// FirstSubID returns the first subordinate id that a user of the node gets.
// Every node has ids of its own, as machines have: the kernel counts keys,
// inotify instances and more by user, over all nodes.
func (n *Node) FirstSubID() int { return idsOfNode * n.number() }

// number tells nodes of one network apart: the last byte of the address.
func (n *Node) number() int { return int(n.Address.As4()[3]) }

// loginDefs returns the settings by which user tools pick the node's ids.
// Source: login.defs(5).
func (n *Node) loginDefs(parts Parts) (string, error) {
	data, err := os.ReadFile(filepath.Join(parts.Root, "etc/login.defs"))
	if err != nil {
		return "", err
	}
	var text strings.Builder
	for line := range strings.Lines(string(data)) {
		if key, _, _ := strings.Cut(line, "\t"); key != "SUB_UID_MIN" && key != "SUB_GID_MIN" {
			text.WriteString(line)
		}
	}
	system := 999 - n.number()
	fmt.Fprintf(&text, "SYS_UID_MAX\t%d\nSYS_GID_MAX\t%d\nSUB_UID_MIN\t%d\nSUB_GID_MIN\t%d\n", system, system, n.FirstSubID(), n.FirstSubID())
	return text.String(), nil
}

// files is what a bare node has beside its root file system.
func (n *Node) files() map[string]string {
	files := map[string]string{
		"etc/hostname":                         n.Name + "\n",
		"etc/hosts":                            "127.0.0.1 localhost\n" + n.Address.String() + " " + n.Name + "\n",
		"etc/resolv.conf":                      "nameserver " + gateway.String() + "\n", // nobody answers there
		"etc/systemd/network/10-host0.network": fmt.Sprintf("[Match]\nName=host0\n\n[Network]\nAddress=%s/24\nGateway=%s\nLinkLocalAddressing=no\n", n.Address, gateway),
		"etc/tmpfiles.d/tun.conf":              "z /dev/net/tun 0666 root root\n",
	}
	maps.Copy(files, packageManager())
	return files
}

// packageManager is the settings of rpm and dnf.
func packageManager() map[string]string {
	return map[string]string{
		"etc/yum.repos.d/alt.repo": "[alt]\nname=alt\nbaseurl=file:///srv/repo\ngpgcheck=0\n\n[podsec-k8s]\nname=podsec-k8s\nbaseurl=file:///srv/podsec-k8s\ngpgcheck=0\nmetadata_expire=1\n",
		"etc/rpm/macros":           "%_dbpath /var/lib/rpm\n", // where ALT's rpm has it; Debian's has it in root's home
	}
}

// writeFiles puts files into a layer.
func writeFiles(layer string, files map[string]string) error {
	for name, text := range files {
		path := filepath.Join(layer, name)
		if err := os.MkdirAll(filepath.Dir(path), 0o755); err != nil {
			return err
		}
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			return err
		}
	}
	return nil
}
