package main

import (
	_ "embed"

	"github.com/leonelquinteros/gotext"
)

//go:embed russian.po
var russianPO []byte

// russian returns the Russian words for the English ones.
// Source: gettext's manual, "The Format of PO Files".
func russian() map[string]string {
	po := gotext.NewPo()
	po.Parse(russianPO)
	pairs := map[string]string{}
	for english, translation := range po.GetDomain().GetTranslations() {
		pairs[english] = translation.Get()
	}
	delete(pairs, "") // the file's header
	return pairs
}
