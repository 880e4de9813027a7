package main

import (
	"io"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/urfave/cli/v2"
)

// sectionNames has the Russian name of each section that has one of its own.
func sectionNames() map[string]string {
	return map[string]string{
		"NAME": "ИМЯ", "SYNOPSIS": "СИНТАКСИС", "DESCRIPTION": "ОПИСАНИЕ", "COMMANDS": "КОМАНДЫ", "OPTIONS": "ФЛАГИ", "CHECKS": "ПРОВЕРКИ",
		"ANSWERS FOR PROGRAMS": "ОТВЕТЫ ДЛЯ ПРОГРАММ", "USERS": "ПОЛЬЗОВАТЕЛИ", "AUDIT LOG": "ЖУРНАЛ АУДИТА",
		"CONFIGURATION": "КОНФИГУРАЦИЯ", "LEAVING": "ВЫХОД ИЗ КЛАСТЕРА", "BACKUPS": "РЕЗЕРВНЫЕ КОПИИ", "UPGRADES": "ОБНОВЛЕНИЕ", "CONTROL PLANE": "УПРАВЛЯЮЩИЙ УЗЕЛ", "STATIC PODS": "СТАТИЧЕСКИЕ ПОДЫ", "PORTS": "ПОРТЫ",
		"WHAT PODS REACH OF THE MACHINE": "ЧТО НА МАШИНЕ ДОСТУПНО ПОДАМ", "NETWORK REPAIR": "ИСПРАВЛЕНИЕ СЕТИ", "NETWORK MODES": "РЕЖИМЫ СЕТИ", "NETWORK POLICIES": "СЕТЕВЫЕ ПОЛИТИКИ",
		"PROXY": "ПРОКСИ", "LIMITS": "ПРЕДЕЛЫ", "FILES OF THE HOST": "ФАЙЛЫ МАШИНЫ", "IMAGES": "ОБРАЗЫ", "COMING FROM PODSEC-K8S 1.X": "ПЕРЕХОД С PODSEC-K8S 1.X",
		"HOST CHANGES": "ИЗМЕНЕНИЯ НА МАШИНЕ", "A file system for the node": "Файловая система для узла", "SECURITY": "БЕЗОПАСНОСТЬ", "FILES": "ФАЙЛЫ",
		"CERTIFICATES": "СЕРТИФИКАТЫ", "A cluster that was off until its certificates expired": "Кластер, выключенный до конца срока сертификатов", "Certificate authorities": "Удостоверяющие центры",
		"LOGS": "ЖУРНАЛЫ", "INTERRUPTED RUNS": "ПРЕРВАННЫЕ ЗАПУСКИ", "EXIT STATUS": "КОД ЗАВЕРШЕНИЯ", "ENVIRONMENT": "ОКРУЖЕНИЕ", "EXAMPLES": "ПРИМЕРЫ", "SEE ALSO": "СМ. ТАКЖЕ",
	}
}

// A manSection is a section of a manual page. Its items are paragraphs with a tag,
// which is their first line.
type manSection struct {
	name  string
	text  string
	items []string
}

// readMan reads a page. Source: man(7).
func readMan(t *testing.T, page string) (all []manSection) {
	t.Helper()
	data, err := os.ReadFile(filepath.Join("man", page))
	if err != nil {
		t.Fatal(err)
	}
	text := strings.ReplaceAll(string(data), `\-`, "-")
	for _, part := range regexp.MustCompile(`(?m)^\.S[HS] `).Split(text, -1)[1:] {
		name, text, _ := strings.Cut(part, "\n")
		all = append(all, manSection{name, text, strings.Split(text, ".TP\n")[1:]})
	}
	return all
}

func sectionOf(t *testing.T, all []manSection, name string) manSection {
	t.Helper()
	at := slices.IndexFunc(all, func(s manSection) bool { return s.name == name })
	if at < 0 {
		t.Fatalf("no section %s", name)
	}
	return all[at]
}

var longFlag = regexp.MustCompile(`(?:^|[^\w-])(--[a-z][a-z-]*[a-z])`)

// flagsIn lists the flags that a text names.
func flagsIn(text string) (all []string) {
	for _, found := range longFlag.FindAllStringSubmatch(text, -1) {
		all = append(all, found[1])
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// TestManualsSayTheSame: a page has the same sections in both languages, in their
// order, and in each of them the same flags.
func TestManualsSayTheSame(t *testing.T) {
	for _, page := range []string{"podsec-k8s.8", "podsec-k8s-create-master.8"} {
		english, russian := readMan(t, page), readMan(t, filepath.Join("ru", page))
		if len(english) != len(russian) {
			t.Fatalf("%s: %d sections, and %d in Russian", page, len(english), len(russian))
		}
		for i, s := range english {
			name := s.name
			if other, ok := sectionNames()[name]; ok {
				name = other
			}
			if russian[i].name != name {
				t.Errorf("%s: section %q is %q in Russian, want %q", page, s.name, russian[i].name, name)
			}
			if a, b := flagsIn(s.text), flagsIn(russian[i].text); !slices.Equal(a, b) {
				t.Errorf("%s: section %s has %q, and in Russian %q", page, s.name, a, b)
			}
		}
	}
}

// TestManualsHaveEveryFlag: each flag of a command that people type is where the
// manual tells of that command, and no tag there has a flag that none of its
// commands has.
func TestManualsHaveEveryFlag(t *testing.T) {
	for folder, names := range map[string][2]string{"": {"COMMANDS", "OPTIONS"}, "ru": {"КОМАНДЫ", "ФЛАГИ"}} {
		commands := sectionOf(t, readMan(t, filepath.Join(folder, "podsec-k8s.8")), names[0])
		options := sectionOf(t, readMan(t, filepath.Join(folder, "podsec-k8s-create-master.8")), names[1])
		flags := map[string][]string{} // by item
		var visit func(path string, all []*cli.Command)
		visit = func(path string, all []*cli.Command) {
			for _, c := range all {
				items := itemsOf(commands, path+c.Name)
				switch {
				case c.Hidden:
					continue
				case len(c.Subcommands) > 0:
					visit(c.Name+" ", c.Subcommands)
					continue
				case c.Name == createMaster:
					items = options.items
				}
				checkFlags(t, path+c.Name, c, strings.Join(items, "\n"))
				for _, item := range items {
					flags[item] = append(flags[item], longNames(c)...)
				}
			}
		}
		visit("", app(newPrinter(io.Discard, io.Discard, os.Getenv)).Commands)
		for _, item := range slices.Concat(commands.items, options.items) {
			tag, _, _ := strings.Cut(item, "\n")
			for _, flag := range flagsIn(tag) {
				if !slices.Contains(flags[item], flag) {
					t.Errorf("%s: no command of %q has %s", names, tag, flag)
				}
			}
		}
	}
}

func longNames(c *cli.Command) (all []string) {
	for _, f := range c.Flags {
		all = append(all, "--"+f.Names()[0])
	}
	return all
}

// itemsOf returns the items whose tag names a command, alone or as in host
// plan|apply|status.
func itemsOf(s manSection, command string) (all []string) {
	group, name, below := strings.Cut(command, " ")
	for _, item := range s.items {
		tag, _, _ := strings.Cut(item, "\n")
		words := regexp.MustCompile(`[a-z][a-z0-9-]*`).FindAllString(tag[3:], -1)
		if slices.Contains(words, group) && (!below || slices.Contains(words, name)) {
			all = append(all, item)
		}
	}
	return all
}

var anyFlag = regexp.MustCompile(`(?:^|[^\w-])(--?[a-z][a-z-]*)`)

// checkFlags looks for each flag of a command in what the manual says of it.
func checkFlags(t *testing.T, name string, c *cli.Command, text string) {
	t.Helper()
	if text == "" {
		t.Errorf("the manual has nothing of %s", name)
	}
	found := anyFlag.FindAllStringSubmatch(text, -1)
	for _, f := range c.Flags {
		long, short := "--"+f.Names()[0], "-"+f.Names()[len(f.Names())-1]
		if long != "--help" && !slices.ContainsFunc(found, func(w []string) bool { return w[1] == long || w[1] == short }) {
			t.Errorf("what the manual says of %s does not have %s", name, long)
		}
	}
}
