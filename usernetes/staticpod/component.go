package staticpod

import (
	"context"
	"os"
	"path/filepath"
	"regexp"
	"strings"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/usernetes/audit"
	"github.com/alt-cloud/podsec-k8s/usernetes/namespace"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
)

// A process is how the container of a component runs without being one: the
// program of the package, in the node's namespaces, with what the manifest
// says of its command line, environment, working folder and host paths.
type process struct {
	argv   []string
	env    []string // NAME=VALUE
	dir    string   // "" means that it does not matter
	mounts []HostMount
}

// process reads all that the manifest says of its container. What a service
// can't have is a fault: nothing is skipped.
func (m Manifest) process(n node.Node) (process, error) {
	container, err := m.Container()
	if err != nil {
		return process{}, err
	}
	if err := m.checkFields(); err != nil {
		return process{}, err
	}
	env, err := ContainerEnv(container, m.FieldValues(n))
	if err != nil {
		return process{}, err
	}
	argv, err := m.Command()
	if err != nil {
		return process{}, err
	}
	for i, word := range argv {
		argv[i] = expand(word, env)
	}
	p := process{argv: argv}
	p.dir, _ = container["workingDir"].(string)
	for _, v := range env {
		p.env = append(p.env, v.name+"="+v.value)
	}
	p.mounts, err = m.mounts(env)
	return p, err
}

// loadProcess reads how a component is to run, and from which manifest.
func loadProcess(name string, n node.Node) (process, Manifest, error) {
	m, err := ReadManifest(name)
	if err != nil {
		return process{}, m, err
	}
	p, err := m.process(n)
	if err != nil {
		return p, m, message.Errorf("reading the manifest of %s: %w", name, err)
	}
	return p, m, nil
}

// RunComponent is what the unit of a component runs: it notes which manifest
// it runs by, and becomes the component in the node, with a child that
// carries what it prints.
func RunComponent(ctx context.Context, name string, n node.Node) error {
	_, m, err := loadProcess(name, n)
	if err != nil {
		return err
	}
	cmd, err := namespace.Program{Name: node.Self, Args: []string{"unit", "component", name}}.UnitCommand(ctx)
	if err != nil {
		return err
	}
	if err := saveDigest(name, m.Digest); err != nil {
		return err
	}
	return cmd.ExecLogged(host.Command{Path: node.Self, Args: []string{"unit", "log", name}})
}

// BecomeComponent replaces this process, which is in the node, by the
// component.
func BecomeComponent(name string, n node.Node) error {
	p, m, err := loadProcess(name, n)
	if err != nil {
		return err
	}
	if err := mountAll(p.mounts); err != nil {
		return message.Errorf("mounting the volumes of %s: %w", name, err)
	}
	if err := audit.Share(p.argv); err != nil {
		return message.Errorf("creating the audit log: %w", err)
	}
	return host.Command{Path: m.program(p.argv[0]), Args: p.argv[1:], Dir: p.dir, Env: node.MergeVariables(os.Environ(), node.WithoutProxies(p.env))}.Exec()
}

// program returns the path of a component's program: of the version that the
// manifest's image names, whichever the node is of. So a package that brings another
// version changes nothing that runs, and who changes a manifest, as kubeadm does, gets
// the program of that manifest.
func (m Manifest) program(name string) string { return node.ProgramOf(m.version(), name) }

// version returns the Kubernetes version that the manifest's image is of, or "": that
// of etcd has another one. Source: kubeadm's images package.
func (m Manifest) version() string {
	container, err := m.Container()
	if err != nil {
		return ""
	}
	image, _ := container["image"].(string)
	_, tag, _ := strings.Cut(filepath.Base(image), ":")
	if !kubernetesVersion.MatchString(tag) {
		return ""
	}
	return tag
}

var kubernetesVersion = regexp.MustCompile(`^v[0-9]+\.[0-9]+\.[0-9]+[0-9A-Za-z.-]*$`)
