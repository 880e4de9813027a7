package preflight

import (
	"errors"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/usernetes/document"
	"github.com/alt-cloud/podsec-k8s/usernetes/kubeadm"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
	"github.com/alt-cloud/podsec-k8s/usernetes/staticpod"
)

// readPatches reads the patches in the folder that a configuration names. One
// that can't be read is told of as a file.
// Source: kubeadm's documentation of --patches: target[suffix][+type].extension.
func readPatches(c kubeadm.Config) (all []patchFile) {
	for _, kind := range []string{kubeadm.KindInit, kubeadm.KindJoin} {
		folder, _ := document.Lookup(c[kind], "patches", "directory").(string)
		if folder == "" {
			continue
		}
		entries, _ := os.ReadDir(nodePlace(folder))
		for _, entry := range entries {
			component := patchTarget(entry.Name())
			if component == "" {
				continue
			}
			path := filepath.Join(folder, entry.Name())
			if data, err := host.ReadFile(nodePlace(path)); err == nil {
				all = append(all, patchFile{path, component, data})
			}
		}
	}
	return all
}

// patchTarget returns the component that a patch file is for, or "".
func patchTarget(name string) string {
	if !slices.Contains([]string{".yaml", ".json"}, filepath.Ext(name)) {
		return ""
	}
	for _, component := range staticpod.Components() {
		if strings.HasPrefix(name, component) {
			return component
		}
	}
	return ""
}

// checkPatches refuses what patches, and the environment in a cluster's
// configuration, would have a service do that only a container can.
func checkPatches(f Facts, n node.Node) error {
	var faults []error
	for _, p := range f.Patches {
		if err := p.check(); err != nil {
			faults = append(faults, placed("patch "+p.Path, err))
		}
	}
	if document.Lookup(f.Config[kubeadm.KindCluster], "featureGates", "RootlessControlPlane") == true {
		faults = append(faults, host.NewFault("remove it: the whole node is rootless", "featureGates RootlessControlPlane: the control plane runs as services"))
	}
	fields := staticpod.Manifest{Digest: strings.Repeat("0", 64)}.FieldValues(n)
	for _, part := range staticpod.ComponentParts() {
		if _, err := staticpod.ContainerEnv(document.Document{"env": part.Of(f.Config)["extraEnvs"]}, fields); err != nil {
			faults = append(faults, placed(part.Name+".extraEnvs", err))
		}
	}
	return errors.Join(faults...)
}

func (p patchFile) check() error {
	pods, err := p.pods()
	if err != nil {
		return host.NewFault("correct the file; see kubeadm init --help, --patches", "%w", err)
	}
	for _, pod := range pods {
		if refused := append(staticpod.RefusedFields(pod), p.sidecars(pod)...); len(refused) > 0 {
			return host.NewFault(staticpod.NotForService, "a service cannot have %s", strings.Join(refused, ", "))
		}
		if _, err := staticpod.HostPaths(pod); err != nil {
			return err
		}
	}
	return nil
}

// sidecars lists the containers of a patch that are not the component.
func (p patchFile) sidecars(pod document.Document) (names []string) {
	containers, _ := staticpod.Nested(pod, "spec")["containers"].([]any)
	for _, item := range containers {
		container, _ := item.(document.Document)
		if name, ok := container["name"].(string); ok && name != p.Component {
			names = append(names, "a container "+name)
		}
	}
	return names
}

// pods returns the parts of a pod that the patch sets: its documents, or one
// for each operation of a JSON patch. Source: RFC 6902.
func (p patchFile) pods() (pods []document.Document, err error) {
	var operations []document.Document
	if yaml.Unmarshal(p.Data, &operations) != nil {
		return document.Parse(p.Data)
	}
	for _, op := range operations {
		path, _ := op["path"].(string)
		if op["op"] == "remove" || op["op"] == "test" {
			continue
		}
		value := op["value"]
		for _, part := range slices.Backward(strings.Split(strings.TrimPrefix(path, "/"), "/")) {
			value = patchPart(part, value)
		}
		if pod, ok := value.(document.Document); ok {
			pods = append(pods, pod)
		}
	}
	return pods, nil
}

// patchPart puts a value where one part of a JSON pointer says: into a list,
// or under a name. Source: RFC 6901.
func patchPart(part string, value any) any {
	if _, err := strconv.Atoi(part); err == nil || part == "-" {
		return []any{value}
	}
	return document.Document{strings.NewReplacer("~1", "/", "~0", "~").Replace(part): value}
}
