package scenarios

import (
	"regexp"
	"strings"
)

// inRussian runs a command in a Russian locale: no sentence of it is English but
// what other programs say.
func (m *machine) inRussian(command string) {
	m.t.Helper()
	out, _ := m.try("export LANG=ru_RU.UTF-8; " + command)
	if english := englishIn(out); len(english) > 0 {
		m.t.Errorf("%s: in English is said %q:\n%s", command, english, out)
	}
}

var (
	// commands are what a remedy tells to type: to the end of the sentence, or to
	// the next Russian word.
	commands = regexp.MustCompile(`\b(podsec-k8s(-create-master)?|systemctl|kubeadm|kubectl|skopeo|ch(own|grp|mod)|u?mount|df|fuser|ip|sysctl|hostnamectl|timedatectl|apt-get|nft|iptables|journalctl|man|rm|mv|printf|getent|control) [^;,А-Яа-я]*`)
	// names are quoted, or values of flags and settings.
	names = regexp.MustCompile("\"[^\"]*\"|`[^`]*`|'[^']*'|[^ ]*[/=:_.-][^ ]*")
	// others are what packages of Go and programs say, which stays as it is.
	others = regexp.MustCompile(`unable to parse IP|executable file not found in|invalid reference format`)
	// words are what a sentence is made of.
	words = regexp.MustCompile(`\b[a-z]{2,}( [a-z]{2,}){2,}\b`)
)

// englishIn lists the pieces of a text that read like an English sentence: three
// small words after each other.
func englishIn(text string) (found []string) {
	for line := range strings.Lines(text) {
		rest := names.ReplaceAllString(others.ReplaceAllString(commands.ReplaceAllString(line, "; "), "; "), "; ")
		found = append(found, words.FindAllString(rest, -1)...)
	}
	return found
}
