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
