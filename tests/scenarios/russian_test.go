package scenarios

import (
	"regexp"
	"strings"
)

// russian: the commands that end well say it in Russian, each of them. The
// cluster is new, and is lost.
func russian(m *machine) {
	for _, command := range []string{
		create, create + " --dry-run", "podsec-k8s status", "podsec-k8s host plan", "podsec-k8s host apply", "podsec-k8s host status",
		"podsec-k8s deps list", "podsec-k8s deps verify /srv/repo", "podsec-k8s image list", "podsec-k8s image load /srv/images/web.tar",
		"podsec-k8s token create", "podsec-k8s token list", "podsec-k8s token create --print-join-command", "podsec-k8s token delete $(podsec-k8s token create)",
		"podsec-k8s version", "podsec-k8s kubectl get nodes", "podsec-k8s exec true",
		"rpm -U --replacepkgs /srv/podsec-k8s/*.rpm 2>&1 | grep -v ^rpm:",
		"out=$(podsec-k8s reset --yes) && echo \"$out\" | tail -n 2", "podsec-k8s status || test $? = 3", "podsec-k8s reset --yes",
	} {
		if status := m.inRussian(command); status != 0 {
			m.t.Errorf("%s: exit status %d", command, status)
		}
	}
}

// inRussian runs a command in a Russian locale, and returns its exit status: no
// sentence of it is English but what other programs say.
func (m *machine) inRussian(command string) (status int) {
	m.t.Helper()
	out, status := m.try("export LANG=ru_RU.UTF-8; " + command)
	if english := englishIn(out); len(english) > 0 {
		m.t.Errorf("%s: in English is said %q:\n%s", command, english, out)
	}
	return status
}

// outputOfOthers begins each line of what a program prints that a phase runs.
const outputOfOthers = "      "

var (
	// commands are what a remedy tells to type: to the end of the sentence, or to
	// the next Russian word.
	commands = regexp.MustCompile(`\b(podsec-k8s(-create-master)?|systemctl|kubeadm|kubectl|skopeo|ch(own|grp|mod)|u?mount|df|fuser|ip|sysctl|hostnamectl|timedatectl|apt-get|nft|iptables|journalctl|man|rm|mv|printf|getent|control) [^;,А-Яа-я]*`)
	// names are quoted, or values of flags and settings.
	names = regexp.MustCompile("\"[^\"]*\"|`[^`]*`|'[^']*'|[^ ]*[/=:_.-][^ ]*")
	// others are lists of kernel modules, and what packages of Go and programs say,
	// which stays as it is.
	others = regexp.MustCompile(`tun fuse overlay bridge|unable to parse IP|executable file not found in|invalid reference format`)
	// words are what a sentence is made of.
	words = regexp.MustCompile(`\b[a-z]{2,}( [a-z]{2,}){2,}\b`)
)

// englishIn lists the pieces of a text that read like an English sentence: three
// small words after each other.
func englishIn(text string) (found []string) {
	for line := range strings.Lines(text) {
		if strings.HasPrefix(line, outputOfOthers) {
			continue
		}
		rest := names.ReplaceAllString(others.ReplaceAllString(commands.ReplaceAllString(line, "; "), "; "), "; ")
		found = append(found, words.FindAllString(rest, -1)...)
	}
	return found
}
