package main

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strconv"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/usernetes/kubeapi"
)

// kubeconfigLimit is how many bytes one may have that is looked at.
const kubeconfigLimit = 1 << 20

// A kubeconfigNote says where a kubeconfig was written for an administrator, and
// for which cluster.
type kubeconfigNote struct {
	Path string
	CA   string // SHA-256 of the cluster's certificate authority, in hexadecimal
}

// lastAccess asks for the access to a cluster that is about to go. A node that is
// broken has none to tell of, and goes all the same.
func lastAccess(ctx context.Context) kubeapi.Access {
	node, err := accessQuestion.askBeside(ctx, nothing{}, io.Discard)
	if err != nil {
		return kubeapi.Access{}
	}
	return node.Access
}

func caSum(access kubeapi.Access) string {
	sum := sha256.Sum256(access.CA)
	return hex.EncodeToString(sum[:])
}

func loadNotes() (notes []kubeconfigNote, err error) {
	data, err := os.ReadFile(kubeconfigNotes)
	if errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	if err == nil {
		err = json.Unmarshal(data, &notes)
	}
	if err != nil {
		return nil, message.Errorf("reading the list of written kubeconfigs: %w", err)
	}
	return notes, nil
}

// noteKubeconfig notes it before it is written: reset takes it away.
func noteKubeconfig(path string, access kubeapi.Access) error {
	notes, err := loadNotes()
	if err != nil {
		return err
	}
	notes = slices.DeleteFunc(notes, func(n kubeconfigNote) bool { return n.Path == path })
	data, err := json.Marshal(append(notes, kubeconfigNote{path, caSum(access)}))
	if err != nil {
		return message.Errorf("recording the path of the kubeconfig: %w", err)
	}
	if err := host.MkdirAll(host.StateDir, 0o700); err != nil {
		return message.Errorf("recording the path of the kubeconfig: %w", err)
	}
	return host.WriteFile(kubeconfigNotes, data, 0o600)
}

// readOwn reads a kubeconfig that is exactly as we write them. One that a person
// has changed, or made a link, is that person's.
func readOwn(path string) (access kubeapi.Access, ours bool) {
	info, err := os.Lstat(path)
	if err != nil || !info.Mode().IsRegular() {
		return access, false
	}
	file, err := os.Open(path)
	if err != nil {
		return access, false
	}
	defer file.Close() //nolint:errcheck // opened for reading
	data, err := io.ReadAll(io.LimitReader(file, kubeconfigLimit))
	if err != nil {
		return access, false
	}
	if access, err = kubeapi.ParseKubeconfig(data); err != nil {
		return access, false
	}
	again, err := access.Kubeconfig()
	return access, err == nil && bytes.Equal(again, data)
}

// writeKubeconfig writes the caller's kubeconfig at path, or when that is empty
// at a free place in the caller's home. beside says that another one has the
// usual place.
func writeKubeconfig(ctx context.Context, access kubeapi.Access, path string) (written string, beside bool, err error) {
	data, err := kubeconfigOf(access)
	if err != nil {
		return "", false, err
	}
	if path == "" {
		if path, beside, err = freePlace(ctx, access); err != nil {
			return "", false, err
		}
	}
	if path, err = filepath.Abs(path); err != nil {
		return "", false, message.Errorf("writing the kubeconfig: %w", err)
	}
	if err := noteKubeconfig(path, access); err != nil {
		return "", false, err
	}
	if err := host.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return "", false, message.Errorf("writing the kubeconfig: %w", err)
	}
	if err := host.RemoveCutWrites(path); err != nil {
		return "", false, err
	}
	return path, beside, host.WriteFile(path, data, 0o600)
}

// kubeconfigOf makes a kubeconfig of fields that were checked.
func kubeconfigOf(access kubeapi.Access) ([]byte, error) {
	data, err := access.Kubeconfig()
	if err != nil {
		return nil, message.Errorf("creating the kubeconfig: %w", err)
	}
	return data, nil
}

// usualPlaces lists where kubeconfigs of the caller are written: where kubectl
// looks, and beside that.
func usualPlaces() ([]string, error) {
	home, err := os.UserHomeDir()
	if err != nil {
		return nil, message.Errorf("finding your home directory: %w", err)
	}
	first := filepath.Join(home, ".kube/config")
	places := []string{first, first + ".podsec-k8s"}
	for i := 2; i <= 9; i++ {
		places = append(places, first+".podsec-k8s."+strconv.Itoa(i))
	}
	return places, nil
}

// freePlace picks the first place that has nothing, or a kubeconfig of ours that
// is of no use to anyone.
func freePlace(ctx context.Context, access kubeapi.Access) (path string, beside bool, err error) {
	places, err := usualPlaces()
	if err != nil {
		return "", false, err
	}
	for i, place := range places {
		if mayReplace(ctx, place, access) {
			return place, i > 0, nil
		}
	}
	return "", false, host.NewFault("choose another place: --write-kubeconfig FILE", "all paths from %s to %s are kubeconfigs of other clusters", places[0], places[len(places)-1])
}

// mayReplace reports whether a kubeconfig is ours to replace: one that we wrote,
// of the same cluster or of one that is gone.
func mayReplace(ctx context.Context, path string, access kubeapi.Access) bool {
	if _, err := os.Lstat(path); errors.Is(err, fs.ErrNotExist) {
		return true
	}
	old, ours := readOwn(path)
	return ours && (old.SameCluster(access) || !old.Lives(ctx))
}

// writtenPlaces lists where kubeconfigs of ours may be. An earlier version noted
// none.
func writtenPlaces(notes []kubeconfigNote) []string {
	places, err := usualPlaces()
	if err != nil {
		places = nil // no home: there are the noted ones
	}
	for _, n := range notes {
		places = append(places, n.Path)
	}
	slices.Sort(places)
	return slices.Compact(places)
}

// refreshKubeconfigs makes those of the node's cluster anew that are as we wrote
// them, when the node's own has changed, as when certificates were renewed.
func refreshKubeconfigs(p *printer, access kubeapi.Access) error {
	notes, err := loadNotes()
	if err != nil {
		return err
	}
	data, err := kubeconfigOf(access)
	if err != nil {
		return err
	}
	for _, place := range writtenPlaces(notes) {
		old, ours := readOwn(place)
		if !ours || !old.SameCluster(access) || (bytes.Equal(old.Cert, access.Cert) && old.Server == access.Server) {
			continue
		}
		if err := host.WriteFile(place, data, 0o600); err != nil {
			return err
		}
		p.aside("podsec-k8s: your kubeconfig %s was written again, because the node's has changed", place)
	}
	return nil
}

// removeKubeconfigs takes away those that we wrote for the cluster that goes.
// last is how its access was, and may be empty.
func removeKubeconfigs(p *printer, last kubeapi.Access) error {
	notes, err := loadNotes()
	if err != nil {
		return err
	}
	for _, place := range writtenPlaces(notes) {
		old, ours := readOwn(place)
		noted := slices.ContainsFunc(notes, func(n kubeconfigNote) bool { return n.Path == place })
		matches := slices.Contains(notes, kubeconfigNote{place, caSum(old)}) || (len(last.CA) > 0 && old.SameCluster(last))
		switch {
		case ours && matches:
			if err := host.Remove(place); err != nil {
				return message.Errorf("deleting your kubeconfig: %w", err)
			}
			p.say("Your kubeconfig %s belonged to that cluster and is deleted too.", place)
		case noted && exists(place):
			p.say("Your kubeconfig %s was changed by someone else, so it stays.", place)
		}
		if !noted {
			continue
		}
		if err := host.RemoveCutWrites(place); err != nil {
			return err
		}
	}
	return host.Remove(kubeconfigNotes)
}

func exists(path string) bool {
	_, err := os.Lstat(path)
	return err == nil
}
