package main

import (
	"bytes"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/rpmpack"

	"github.com/alt-cloud/podsec-k8s/deps"
)

// stockedFolder has one package that provides every pinned name, but those
// that without names.
func stockedFolder(t *testing.T, without ...string) string {
	t.Helper()
	pins, err := deps.Pins(minor)
	if err != nil {
		t.Fatal(err)
	}
	meta := rpmpack.RPMMetaData{Name: "stock", Arch: "x86_64", Version: "1", Release: "alt1", Epoch: rpmpack.NoEpoch}
	for _, p := range pins {
		if slices.Contains(without, p.Name) {
			continue
		}
		provided := p.Name
		if p.From != "" {
			provided += " = " + p.From
		}
		if err := meta.Provides.Set(provided); err != nil {
			t.Fatal(err)
		}
	}
	file, err := rpmpack.NewRPM(meta)
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if err := file.Write(&out); err != nil {
		t.Fatal(err)
	}
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "stock-1-alt1.x86_64.rpm"), out.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	return folder
}

func TestDepsCommand(t *testing.T) {
	stocked, without := stockedFolder(t), stockedFolder(t, "etcd")
	for _, c := range []struct {
		name     string
		args     []string
		status   int
		out, err string
	}{
		{"all there", []string{"verify", stocked}, exitDone, "ok     etcd", ""},
		{"one missing", []string{"verify", without}, exitFault, "no package provides it", "1 of "},
		{"no time", []string{"verify", "--timeout", "1ns", stocked}, exitFault, "", "--timeout TIME"},
		{"second repository has it", []string{"verify", without, stocked}, exitDone, "ok     etcd", ""},
		{"another minor", []string{"verify", "--kubernetes", "1.34", stocked}, exitFault, "too old", "remedy: "},
		{"as JSON", []string{"verify", "-o", "json", without}, exitFault, `"state":"missing"`, "1 of "},
		{"no repository named", []string{"verify"}, exitUsage, "", "REPO is missing"},
		{"no such folder", []string{"verify", filepath.Join(stocked, "none")}, exitFault, "", "no such file or directory"},
		{"unknown minor", []string{"verify", "--kubernetes", "1.2", stocked}, exitUsage, "", `"1.2": this podsec-k8s does not know that Kubernetes version`},
		{"unknown form", []string{"list", "-o", "xml"}, exitUsage, "", `flag --output: "xml" is not one of text, json, yaml`},
		{"list", []string{"list"}, exitDone, "kubernetes-kubeadm >= 1.26.3, < 1.27", ""},
		{"list as JSON", []string{"list", "-o", "json"}, exitDone, `{"name":"kubernetes-kubeadm","from":"1.26.3","before":"1.27"`, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			var out, errOut bytes.Buffer
			p := newPrinter(&out, &errOut, func(string) string { return "" })
			err := app(p).RunContext(t.Context(), append([]string{"podsec-k8s", "deps"}, c.args...))
			p.fault(err)
			if status := exitStatus(err); status != c.status || !strings.Contains(out.String(), c.out) || !strings.Contains(errOut.String(), c.err) {
				t.Errorf("status %d, want %d; %q not in\n%s\nor %q not in\n%s", status, c.status, c.out, out.String(), c.err, errOut.String())
			}
			if strings.Contains(c.name, "JSON") && !json.Valid(out.Bytes()) {
				t.Errorf("not JSON: %s", out.String())
			}
		})
	}
}

// TestDepsInRussian: the table has Russian words, in columns that begin below each
// other.
func TestDepsInRussian(t *testing.T) {
	var out, errOut bytes.Buffer
	p := newPrinter(&out, &errOut, func(key string) string { return map[string]string{"LANG": "ru_RU.UTF-8"}[key] })
	p.fault(app(p).RunContext(t.Context(), []string{"podsec-k8s", "deps", "verify", stockedFolder(t, "etcd")}))
	for _, line := range []string{
		"СОСТОЯНИЕ    ТРЕБОВАНИЕ                            НАЙДЕНО\n",
		"\nотсутствует  etcd >= 3.4.15                        его не предоставляет ни один пакет\n",
		"\nподходит     kmod                                  stock-1-alt1\n",
	} {
		if !strings.Contains(out.String(), line) {
			t.Errorf("%q is not in\n%s", line, out.String())
		}
	}
	if want := "1 пакет из "; !strings.Contains(errOut.String(), want) {
		t.Errorf("%q is not in %q", want, errOut.String())
	}
}
