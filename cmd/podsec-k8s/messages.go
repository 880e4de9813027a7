package main

import (
	_ "embed"
	"strings"

	"github.com/leonelquinteros/gotext"

	"github.com/alt-cloud/podsec-k8s/message"
)

//go:embed russian.po
var russianPO []byte

// russian is the catalogue of the Russian texts.
// Source: gettext's manual, "The Format of PO Files".
func russian() message.Language {
	po := gotext.NewPo()
	po.Parse(russianPO)
	return message.Language{Catalogue: po}
}

// languageFor picks a language: the first of LANGUAGE that there is, where the
// locale is one of a country at all, or else that of the locale.
// Source: gettext's manual, "Locale Environment Variables" and "The LANGUAGE
// variable".
func languageFor(getenv func(string) string) message.Language {
	locale := ""
	for _, key := range []string{"LC_ALL", "LC_MESSAGES", "LANG"} {
		if locale = getenv(key); locale != "" {
			break
		}
	}
	if name, _, _ := strings.Cut(locale, "."); name == "" || name == "C" || name == "POSIX" {
		return message.Language{}
	}
	for wanted := range strings.SplitSeq(getenv("LANGUAGE")+":"+locale, ":") {
		switch name := strings.FieldsFunc(wanted, func(r rune) bool { return strings.ContainsRune("_.@", r) }); {
		case len(name) == 0:
		case name[0] == "ru":
			return russian()
		case name[0] == "en":
			return message.Language{}
		}
	}
	return message.Language{}
}
