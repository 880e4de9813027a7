package main

import (
	"testing"

	"github.com/alt-cloud/podsec-k8s/message"
)

// TestLanguageFor: the environment is read as gettext reads it.
func TestLanguageFor(t *testing.T) {
	const english, russian = "the node", "узел"
	for _, c := range []struct {
		name string
		env  map[string]string
		want string
	}{
		{"nothing set", nil, english},
		{"Russian", map[string]string{"LANG": "ru_RU.UTF-8"}, russian},
		{"LC_ALL wins", map[string]string{"LANG": "ru_RU.UTF-8", "LC_ALL": "C"}, english},
		{"LC_MESSAGES wins over LANG", map[string]string{"LANG": "C", "LC_MESSAGES": "ru"}, russian},
		{"an empty one is not set", map[string]string{"LANG": "ru_RU.UTF-8", "LC_ALL": ""}, russian},
		{"LANGUAGE wins over all", map[string]string{"LANGUAGE": "ru", "LC_ALL": "en_US.UTF-8"}, russian},
		{"LANGUAGE is a list", map[string]string{"LANGUAGE": "be:ru_RU:en", "LANG": "en_US.UTF-8"}, russian},
		{"English is a language of the list", map[string]string{"LANGUAGE": "en:ru", "LANG": "ru_RU.UTF-8"}, english},
		{"no language of the list is there", map[string]string{"LANGUAGE": "be", "LANG": "ru_RU.UTF-8"}, russian},
		{"a program's locale has no language", map[string]string{"LANGUAGE": "ru", "LANG": "C.UTF-8"}, english},
		{"no locale", map[string]string{"LANGUAGE": "ru"}, english},
		{"another word that begins alike", map[string]string{"LANG": "run"}, english},
	} {
		t.Run(c.name, func(t *testing.T) {
			language := languageFor(func(key string) string { return c.env[key] })
			if got := language.Text(message.Of("the node")); got != c.want {
				t.Errorf("got %q, want %q", got, c.want)
			}
		})
	}
}

// TestPlurals: the words around a number are right in both languages.
func TestPlurals(t *testing.T) {
	for _, c := range []struct {
		number           int
		english, russian string
	}{
		{1, "the host has 1 entry in /d; the node does not see 1 of them", "на хосте 1 запись в /d; узел не видит из них: 1"},
		{2, "the host has 2 entries in /d; the node does not see 1 of them", "на хосте 2 записи в /d; узел не видит из них: 1"},
		{5, "the host has 5 entries in /d; the node does not see 1 of them", "на хосте 5 записей в /d; узел не видит из них: 1"},
		{11, "the host has 11 entries in /d; the node does not see 1 of them", "на хосте 11 записей в /d; узел не видит из них: 1"},
		{21, "the host has 21 entries in /d; the node does not see 1 of them", "на хосте 21 запись в /d; узел не видит из них: 1"},
	} {
		text := message.Count(c.number, "the host has %d entry in %s; the node does not see %d of them",
			"the host has %d entries in %s; the node does not see %d of them", c.number, "/d", 1)
		if got := text.String(); got != c.english {
			t.Errorf("got %q, want %q", got, c.english)
		}
		if got := russian().Text(text); got != c.russian {
			t.Errorf("got %q, want %q", got, c.russian)
		}
	}
}
