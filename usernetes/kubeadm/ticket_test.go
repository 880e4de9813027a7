package kubeadm

import (
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

const (
	goodToken = "zyxwvu.0123456789abcdef"
	goodHash  = "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
)

func TestParseTicket(t *testing.T) {
	line := "kubeadm join 192.0.2.1:6443 --token " + goodToken + " --discovery-token-ca-cert-hash " + goodHash
	key := strings.Repeat("0a", 32)
	for name, c := range map[string]struct {
		out  string
		good bool
	}{
		"a worker's":            {line + " \n", true},
		"over several lines":    {strings.ReplaceAll(line, " --", " \n\t--"), true},
		"a control plane's":     {line + " --control-plane --certificate-key " + key, true},
		"an IPv6 endpoint":      {strings.Replace(line, "192.0.2.1:6443", "[fd00::1]:6443", 1), true},
		"a name":                {strings.Replace(line, "192.0.2.1:6443", "api.example:6443", 1), true},
		"nothing":               {"", false},
		"another program":       {strings.Replace(line, "kubeadm", "rm", 1), false},
		"no hash":               {"kubeadm join 192.0.2.1:6443 --token " + goodToken, false},
		"a command in the hash": {"kubeadm join 192.0.2.1:6443 --token " + goodToken + " --discovery-token-ca-cert-hash sha256:00$(touch /tmp/x)", false},
		"a command for a name":  {strings.Replace(line, "192.0.2.1", "$(reboot)", 1), false},
		"an escape sequence":    {line + "\x1b[8m", false},
		"a broken token":        {strings.Replace(line, goodToken, "abcdef", 1), false},
		"a broken key":          {line + " --control-plane --certificate-key 00", false},
		"another flag":          {line + " --ignore-preflight-errors all", false},
		"a flag without value":  {line + " --token", false},
	} {
		t.Run(name, func(t *testing.T) {
			ticket, err := ParseTicket(c.out)
			if (err == nil) != c.good {
				t.Errorf("%+v, %v", ticket, err)
			}
			if err != nil && strings.Contains(err.Error(), goodToken) {
				t.Errorf("the token is told: %v", err)
			}
		})
	}
}

// TestTicketCommand pastes the command into shells: the secrets come by standard
// input, each on a line of its own, and are in no argument.
func TestTicketCommand(t *testing.T) {
	folder := t.TempDir()
	fake := "#!/bin/sh\nprintf '%s\\n' \"$*\"; cat\n"
	if err := os.WriteFile(filepath.Join(folder, "podsec-k8s"), []byte(fake), 0o700); err != nil { //nolint:gosec // a program
		t.Fatal(err)
	}
	key := strings.Repeat("0a", 32)
	for _, c := range []struct {
		ticket JoinTicket
		want   string
	}{
		{
			JoinTicket{"192.0.2.1:6443", goodToken, []string{goodHash}, ""},
			"join 192.0.2.1:6443 --token-file - --discovery-token-ca-cert-hash " + goodHash + "\n" + goodToken + "\nafter\n",
		},
		{
			JoinTicket{"[fd00::1]:6443", goodToken, []string{goodHash, goodHash}, key},
			"join [fd00::1]:6443 --control-plane --certificate-key-file - --token-file - --discovery-token-ca-cert-hash " + goodHash +
				" --discovery-token-ca-cert-hash " + goodHash + "\n" + goodToken + "\n" + key + "\nafter\n",
		},
	} {
		for _, shell := range []string{"sh", "bash"} {
			cmd := exec.CommandContext(t.Context(), shell)
			cmd.Dir, cmd.Env = folder, []string{"PATH=" + folder + ":/usr/bin:/bin"}
			cmd.Stdin = strings.NewReader(c.ticket.Command() + "\necho after\n")
			if out, err := cmd.CombinedOutput(); err != nil || string(out) != c.want {
				t.Errorf("%s: %v\n%s\nwant\n%s", shell, err, out, c.want)
			}
		}
	}
}
