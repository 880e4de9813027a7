package netpolicy

import (
	"bytes"
	"slices"
	"testing"
)

// TestSyncLog: each comparison ends well or with its fault, and only what is wrong is
// passed on, however the text comes.
func TestSyncLog(t *testing.T) {
	const log = `I1129 11:31:04.000001       7 network_policy_controller.go:245] Starting sync of iptables with version: 1
I1129 11:31:04.000002       7 network_policy_controller.go:240] sync iptables took 12ms
I1129 11:31:05.000001       7 network_policy_controller.go:245] Starting sync of iptables with version: 2
E1129 11:31:05.000002       7 network_policy_controller.go:321] Aborting sync. Failed to run iptables-restore: exit status 2
*filter
:INPUT ACCEPT [0:0]
-A INPUT -j KUBE-ROUTER-INPUT
COMMIT
I1129 11:31:05.000003       7 network_policy_controller.go:240] sync iptables took 3ms
E1129 11:31:06.000002       7 reflector.go:147] Failed to watch *v1.Pod
I1129 11:31:07.000001       7 network_policy_controller.go:245] Starting sync of iptables with version: 3
I1129 11:31:07.000003       7 network_policy_controller.go:240] sync iptables took 3ms
panic: something
`
	for _, size := range []int{1, 100, len(log)} {
		var out bytes.Buffer
		var faults []string
		l := &syncLog{out: &out, ended: func(fault string) { faults = append(faults, fault) }}
		for chunk := range slices.Chunk([]byte(log), size) {
			if n, err := l.Write(chunk); n != len(chunk) || err != nil {
				t.Fatal(n, err)
			}
		}
		if want := []string{"", "Failed to run iptables-restore: exit status 2", ""}; !slices.Equal(faults, want) {
			t.Errorf("got %q", faults)
		}
		const passed = `E1129 11:31:05.000002       7 network_policy_controller.go:321] Aborting sync. Failed to run iptables-restore: exit status 2
E1129 11:31:06.000002       7 reflector.go:147] Failed to watch *v1.Pod
panic: something
`
		if out.String() != passed {
			t.Errorf("passed on: %s", out.String())
		}
	}
}

// TestLongLine: a line without an end takes no more memory than it may.
func TestLongLine(t *testing.T) {
	var out bytes.Buffer
	l := &syncLog{out: &out, ended: func(string) {}}
	for range 10 {
		if _, err := l.Write(bytes.Repeat([]byte("x"), maxLine)); err != nil {
			t.Fatal(err)
		}
	}
	if len(l.begun) >= 2*maxLine {
		t.Errorf("%d bytes are kept", len(l.begun))
	}
}
