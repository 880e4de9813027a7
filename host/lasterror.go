package host

import (
	"encoding/json"
	"regexp"
	"strconv"
	"strings"
	"unicode"
)

// maxReason is how many characters of a reason are shown.
const maxReason = 600

// Printable makes one line of any text: what a terminal could take for a
// command is left out, and so is what goes beyond maxReason characters.
func Printable(text string) string {
	var b strings.Builder
	count := 0
	for _, r := range strings.TrimSpace(text) {
		if count++; count > maxReason {
			return b.String() + "…"
		}
		switch {
		case r == '\n' || r == '\t':
			b.WriteByte(' ')
		case r == unicode.ReplacementChar || !unicode.IsPrint(r):
		default:
			b.WriteRune(r)
		}
	}
	return b.String()
}

// LastError returns, of what a program printed before it ended, the line that
// says best why: kubeadm's own errors, else the last line that tells of
// something fatal, else the last one that tells of an error, else the last
// line. It is "" when there is none.
func LastError(text string) string {
	reason, _ := lastError(text)
	return reason
}

// lastError also reports whether the line tells of an error.
func lastError(text string) (reason string, isError bool) {
	if errors := kubeadmErrors(text); errors != "" {
		return Printable(errors), true
	}
	best := noRank
	for line := range strings.Lines(text) {
		line = strings.TrimRight(line, " \t\r\n")
		if r := rank(line); r != noRank && r >= best {
			best, reason = r, line
		}
	}
	return Printable(plain(reason)), best >= errorRank
}

// How much a line says of the end of a program.
const (
	noRank    = iota // nothing: a hint, a stack, a usage text
	someRank         // something
	errorRank        // an error that it could live with
	fatalRank        // what ended it
)

// The forms of lines. Source: klog's header format; logrus' text formatter;
// zap's JSON; the Go runtime's stacks; cobra's usage texts.
var (
	emptyLine = regexp.MustCompile(`^\s*$|^\s|^[A-Z ]+:$|^\[rootlesskit:\w+ *\] error: .*exit status \d+$|^To see the stack trace of this error|^See '|^Usage:|^goroutine \d|^created by |^\[signal |^exit status \d+$|^[.\w/-]+\(.*\)$|^(\[kubelet-check\] )?The HTTP call equal to`)
	fatalLine = regexp.MustCompile(`^F\d{4} |level=fatal|"level":"fatal"|^panic: |^fatal error: |(?i:^(error|fatal|fata)\b)|"command failed"|^podsec-k8s: |\] error: |failed to run `)
	errorLine = regexp.MustCompile(`^E\d{4} |level=error|"level":"error"| ERROR |[Ee]rror: `)
)

func rank(line string) int {
	switch {
	case emptyLine.MatchString(line):
		return noRank
	case fatalLine.MatchString(line):
		return fatalRank
	case errorLine.MatchString(line):
		return errorRank
	default:
		return someRank
	}
}

var (
	klogHeader  = regexp.MustCompile(`^[IWEF]\d{4} [\d:.]+ +\d+ [\w./-]+:\d+\] `)
	klogMessage = regexp.MustCompile(`^"((?:[^"\\]|\\.)*)"(?: err="((?:[^"\\]|\\.)*)")?`)
	logrusText  = regexp.MustCompile(`level=\w+ msg=("(?:[^"\\]|\\.)*"|\S+)(?: .*?error=("(?:[^"\\]|\\.)*"|\S+))?`)
)

// plain takes the message out of a line of a log.
func plain(line string) string {
	if header := klogHeader.FindString(line); header != "" {
		line = line[len(header):]
		if parts := klogMessage.FindStringSubmatch(line); parts != nil {
			return joined(unquoted(`"`+parts[1]+`"`), unquoted(`"`+parts[2]+`"`))
		}
		return line
	}
	if parts := logrusText.FindStringSubmatch(line); parts != nil {
		return joined(unquoted(parts[1]), unquoted(parts[2]))
	}
	var zap struct{ Msg, Error string }
	if strings.HasPrefix(line, "{") && json.Unmarshal([]byte(line), &zap) == nil && zap.Msg != "" {
		return joined(zap.Msg, zap.Error)
	}
	return line
}

func unquoted(text string) string {
	if plain, err := strconv.Unquote(text); err == nil {
		return plain
	}
	return text
}

func joined(message, cause string) string {
	if cause == "" {
		return message
	}
	return message + ": " + cause
}

// kubeadmErrors returns what kubeadm says of its failure: the phase, and each
// check that failed. It is "" for any other text.
// Source: kubeadm's cmd/phases/workflow and preflight.Error.
func kubeadmErrors(text string) string {
	var phase string
	var checks []string
	for line := range strings.Lines(text) {
		line = strings.TrimSpace(line)
		if at := strings.Index(line, "error execution phase "); at >= 0 {
			phase = strings.TrimSuffix(line[at:], ": [preflight] Some fatal errors occurred:")
		}
		if strings.HasPrefix(line, "[ERROR ") {
			checks = append(checks, line)
		}
	}
	if phase == "" {
		return strings.Join(checks, "; ")
	}
	return joined(phase, strings.Join(checks, "; "))
}
