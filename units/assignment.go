package units

import "strings"

// An Assignment is a line KEY=VALUE. Of one without a = it is all key.
type Assignment struct {
	Line       int // from 1 on
	Key, Value string
}

// Assignments lists those of a text, without the blanks around keys and values.
// Comments begin with # or ;.
// Source: systemd.syntax(7); systemd.exec(5), "EnvironmentFile="; sysctl.d(5).
func Assignments(text string) (all []Assignment) {
	number := 0
	for line := range strings.Lines(text) {
		number++
		line = strings.TrimSpace(line)
		if line == "" || line[0] == '#' || line[0] == ';' {
			continue
		}
		key, value, _ := strings.Cut(line, "=")
		all = append(all, Assignment{number, strings.TrimSpace(key), strings.TrimSpace(value)})
	}
	return all
}

// Unquote returns a value without the quotes around it.
func Unquote(value string) string {
	if n := len(value); n >= 2 && (value[0] == '"' || value[0] == '\'') && value[n-1] == value[0] {
		return value[1 : n-1]
	}
	return value
}
