package usernetes

import "testing"

func TestConfigFault(t *testing.T) {
	for said, want := range map[string]string{
		"": "no reason was given",
		"W1127 22:27:58.063878   28854 utils.go:69] The recommended value\nversion \"x\" doesn't match\nTo see the stack trace of this error execute with --v=5 or higher\n":               `version "x" doesn't match`,
		"error: a: b\nTo see the stack trace of this error execute with --v=5 or higher\n":                                                                                                 "a: b",
		"W1127 22:27:58.201870   28882 initconfiguration.go:305] error unmarshaling configuration schema.GroupVersionKind{}: strict decoding error: unknown field \"networkink\"\nW11 x\n": `unknown field "networkink"`,
	} {
		if got := configFault(said); got != want {
			t.Errorf("%q: %q, want %q", said, got, want)
		}
	}
}
