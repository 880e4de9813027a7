package main

import (
	"bytes"
	"io"
	"slices"
)

// kubeadmEnd is the line after which kubeadm init tells how to go on without
// us: where its kubeconfig is on an ordinary node, and a join command.
const kubeadmEnd = "Your Kubernetes control-plane has initialized successfully!"

// pullNotices are what kubeadm prints before its check of images, even when it
// has to pull none. Source: kubeadm's cmd/phases/init/preflight.go.
func pullNotices() []string {
	return []string{
		"[preflight] Pulling images required for setting up a Kubernetes cluster",
		"[preflight] This might take a minute or two, depending on the speed of your internet connection",
		"[preflight] You can also perform this action ",
		"[upgrade/preflight] Pulling images required for setting up a Kubernetes cluster",
		"[upgrade/preflight] This might take a minute or two, depending on the speed of your internet connection",
		"[upgrade/preflight] You can also perform this action ",
	}
}

// A kubeadmFilter passes lines on until kubeadm's last words, and shows them
// indented. Notices of pulls that are not made are left out.
type kubeadmFilter struct {
	to    io.Writer
	line  []byte
	quiet bool
}

func newKubeadmFilter(to io.Writer) *kubeadmFilter { return &kubeadmFilter{to: to} }

// Write takes any part of a line or several lines.
func (f *kubeadmFilter) Write(p []byte) (int, error) {
	f.line = append(f.line, p...)
	for {
		line, rest, found := bytes.Cut(f.line, []byte{'\n'})
		if !found {
			return len(p), nil
		}
		f.line = rest
		if err := f.pass(line); err != nil {
			return 0, err
		}
	}
}

func (f *kubeadmFilter) pass(line []byte) error {
	f.quiet = f.quiet || bytes.Contains(line, []byte(kubeadmEnd))
	notice := slices.ContainsFunc(pullNotices(), func(text string) bool { return bytes.HasPrefix(line, []byte(text)) })
	if f.quiet || notice || len(bytes.TrimSpace(line)) == 0 {
		return nil
	}
	_, err := f.to.Write(append(append([]byte("      "), line...), '\n'))
	return err
}
