package finished

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// How each shell is asked for the completions of a command line, whose words
// follow the package's root; one completion a line, before its description.
func askers() map[string]string {
	return map[string]string{
		"bash": `PATH=$1/usr/bin:$PATH; . "$1/usr/share/bash-completion/completions/$2"; shift
COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _podsec_k8s; printf '%s\n' "${COMPREPLY[@]}"`,
		// zsh completes at a terminal only, so these stand for its own functions.
		"zsh": `PATH=$1/usr/bin:$PATH; dir=$1/usr/share/zsh/site-functions; shift
compdef() { :; }; _default() { :; }; _describe() { print -rl -- "${(P@)2}"; }
. $dir/_podsec-k8s; words=("$@"); CURRENT=$#words; _podsec_k8s | sed 's/:.*//' | grep "^${words[CURRENT]}"`,
		"fish": `set -x PATH $argv[1]/usr/bin $PATH; source $argv[1]/usr/share/fish/vendor_completions.d/$argv[2].fish
complete -C (string join -- ' ' $argv[2..]) | string replace -r '\t.*' ''`,
	}
}

// TestCompletion asks each shell to complete, by the package's own files.
func TestCompletion(t *testing.T) {
	root := t.TempDir()
	run(t, "sh", "-c", `cd "$1" && rpm2cpio "$2" | cpio -id --quiet --no-absolute-filenames`, "sh", root, built(t))
	if err := os.WriteFile(filepath.Join(root, "usr/bin/rm"), []byte("#!/bin/sh\necho ran\n"), 0o700); err != nil {
		t.Fatal(err)
	}
	for shell, script := range askers() {
		for _, c := range []struct{ name, words, want string }{
			{"command", "podsec-k8s sta", "status"},
			{"subcommand", "podsec-k8s deps ver", "verify"},
			{"flag", "podsec-k8s deps list --ku", "--kubernetes"},
			{"another name", "podsec-k8s-create-master --netw", "--network"},
			{"another program's words", "podsec-k8s exec rm -x", ""},
			{"after the end of flags", "podsec-k8s status -- -x", ""},
			{"of kubectl", "podsec-k8s kubectl delete --al", ""},
		} {
			t.Run(shell+"/"+c.name, func(t *testing.T) {
				args := []string{"-c", script, shell, root}
				if shell == "fish" { // it has no word for itself
					args = []string{"--no-config", "-c", script, root}
				}
				out, err := try(t, shell, append(args, strings.Fields(c.words)...)...)
				if got := strings.TrimSpace(out); got != c.want {
					t.Errorf("%q completes to %q, want %q (%v)", c.words, got, c.want, err)
				}
			})
		}
	}
}
