package main

import (
	"fmt"
	"strings"
	"testing"
)

// TestKubeadmFilter: notices of pulls that are not made are left out, and so
// is all that comes after kubeadm's last words, however the lines arrive.
func TestKubeadmFilter(t *testing.T) {
	text := "[init] Using Kubernetes version: v1.26.3\n\n" + strings.Join(pullNotices(), "x\n") + "x\n[certs] done\n" + kubeadmEnd + "\nTo start using your cluster\n"
	for _, size := range []int{1, 7, len(text)} {
		var out strings.Builder
		f := newKubeadmFilter(&out)
		for rest := text; rest != ""; {
			n := min(size, len(rest))
			if _, err := fmt.Fprint(f, rest[:n]); err != nil {
				t.Fatal(err)
			}
			rest = rest[n:]
		}
		if got, want := out.String(), "      [init] Using Kubernetes version: v1.26.3\n      [certs] done\n"; got != want {
			t.Errorf("in pieces of %d: %q", size, got)
		}
	}
}
