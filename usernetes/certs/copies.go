package certs

import (
	"crypto/tls"
	"path/filepath"
	"strings"

	"github.com/alt-cloud/podsec-k8s/host"
	"github.com/alt-cloud/podsec-k8s/message"
	"github.com/alt-cloud/podsec-k8s/usernetes/kubeapi"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
)

// copies is the folder of what kubeadm renews, as it was before. It is there while
// a renewal is not complete.
const copies = node.StateDir + "/certificates.before"

// copiesDraft is what it is called while it is made or deleted.
var copiesDraft = node.DraftOf(copies)

// Interrupted reports whether a renewal was begun and is not complete.
func Interrupted() bool { return host.Exists(copies) }

// BeginRenewal copies what kubeadm is going to write. kubeadm empties each file
// before it writes it, and writes a key and its certificate one after the other: of
// a renewal that was cut, what is not whole gets its copy back.
// Source: client-go's util/cert and util/keyutil, WriteCert and WriteKey.
func BeginRenewal() error {
	if Interrupted() {
		return mend()
	}
	if err := host.RemoveAll(copiesDraft); err != nil {
		return message.Errorf("copying the certificates: %w", err)
	}
	for _, s := range renewed() {
		for _, path := range s.files() {
			if err := node.CopyFile(node.StatePath(path), filepath.Join(copiesDraft, path)); err != nil {
				return message.Errorf("copying the certificates: %w", err)
			}
		}
	}
	if err := host.MkdirAll(copiesDraft, 0o700); err != nil { // all may be elsewhere
		return message.Errorf("copying the certificates: %w", err)
	}
	return host.Rename(copiesDraft, copies)
}

// EndRenewal notes that all is written and in use.
func EndRenewal() error {
	if err := host.SyncFileSystem(node.StateDir); err != nil { // kubeadm does not wait for the disk
		return err
	}
	if err := host.RemoveAll(copiesDraft); err != nil {
		return message.Errorf("deleting the copies of certificates: %w", err)
	}
	if err := host.Rename(copies, copiesDraft); err != nil {
		return message.Errorf("deleting the copies of certificates: %w", err)
	}
	return host.RemoveAll(copiesDraft)
}

// renewed lists what kubeadm renews.
func renewed() (all []source) {
	for _, s := range sources() {
		if s.keeper == KeptByKubeadm {
			all = append(all, s)
		}
	}
	return all
}

// files lists the certificate and its key, or the kubeconfig that has both.
func (s source) files() []string {
	if name, found := strings.CutSuffix(s.path, ".crt"); found {
		return []string{s.path, name + ".key"}
	}
	return []string{s.path}
}

// mend puts back what a renewal has left half written.
func mend() error {
	for _, s := range renewed() {
		for _, path := range s.files() {
			if err := host.RemoveCutWrites(node.StatePath(path)); err != nil {
				return err
			}
		}
		if s.whole() {
			continue
		}
		for _, path := range s.files() {
			if err := node.CopyFile(filepath.Join(copies, path), node.StatePath(path)); err != nil {
				return message.Errorf("restoring a certificate: %w", err)
			}
		}
	}
	return nil
}

// whole reports whether the certificate and its key are of each other.
func (s source) whole() bool {
	data, err := host.ReadFile(node.StatePath(s.path))
	if err != nil {
		return false
	}
	files := s.files()
	if len(files) == 1 {
		_, err = kubeapi.ParseKubeconfig(data)
		return err == nil
	}
	key, err := host.ReadFile(node.StatePath(files[1]))
	if err == nil {
		_, err = tls.X509KeyPair(data, key)
	}
	return err == nil
}
