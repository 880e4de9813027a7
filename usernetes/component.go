package usernetes

import (
	"context"
	"fmt"
	"os"

	"github.com/alt-cloud/podsec-k8s/host"
)

// A process is how the container of a component runs without being one: the
// program of the package, in the node's namespaces, with what the manifest
// says of its command line, environment, working folder and host paths.
type process struct {
	argv   []string
	env    []string // NAME=VALUE
	dir    string   // "" means that it does not matter
	mounts []hostMount
}

// process reads all that the manifest says of its container. What a service
// can't have is a fault: nothing is passed over.
func (m manifest) process(n Node) (process, error) {
	container, err := m.container()
	if err != nil {
		return process{}, err
	}
	if err := m.checkFields(); err != nil {
		return process{}, err
	}
	env, err := containerEnv(container, m.fieldValues(n))
	if err != nil {
		return process{}, err
	}
	argv, err := m.command()
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
func loadProcess(name string, n Node) (process, manifest, error) {
	m, err := readManifest(name)
	if err != nil {
		return process{}, m, err
	}
	p, err := m.process(n)
	if err != nil {
		return p, m, fmt.Errorf("reading the manifest of %s: %w", name, err)
	}
	return p, m, nil
}

// runComponent is what the unit of a component runs: it notes which manifest
// it runs by, and becomes the component in the node, with a child that
// carries what it prints.
func runComponent(ctx context.Context, name string, n Node) error {
	_, m, err := loadProcess(name, n)
	if err != nil {
		return err
	}
	cmd, err := Program{Self, []string{"unit", "component", name}}.unitCommand(ctx)
	if err != nil {
		return err
	}
	if err := noteRunning(name, m.digest); err != nil {
		return err
	}
	return cmd.ExecLogged(host.Command{Path: Self, Args: []string{"unit", "log", name}})
}

// becomeComponent replaces this process, which is in the node, by the
// component.
func becomeComponent(name string, n Node) error {
	p, _, err := loadProcess(name, n)
	if err != nil {
		return err
	}
	if err := mountAll(p.mounts); err != nil {
		return fmt.Errorf("mounting the volumes of %s: %w", name, err)
	}
	return host.Command{Path: p.argv[0], Args: p.argv[1:], Dir: p.dir, Env: mergeVariables(os.Environ(), withoutProxies(p.env))}.Exec()
}
