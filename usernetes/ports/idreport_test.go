package ports

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/alt-cloud/podsec-k8s/usernetes/images"
	"github.com/alt-cloud/podsec-k8s/usernetes/node"
)

func TestPodLacksIDs(t *testing.T) {
	const storage = "writing blob: adding layer: processing tar file(potentially insufficient UIDs or GIDs available in user namespace (requested 70000:80000 for /etc/big): Check /etc/subuid: lchown /etc/big: invalid argument): exit status 1"
	waiting := func(message string) string {
		data, err := json.Marshal(message)
		if err != nil {
			t.Fatal(err)
		}
		return `{"status":{"containerStatuses":[{"name":"web","state":{"waiting":{"reason":"X","message":` + string(data) + `}}}]}}`
	}
	have := images.NodeIDs{UIDs: 65537, GIDs: 65537}
	for _, c := range []struct {
		name, pod, says, remedy string // "" for no fault
	}{
		{"none asked", `{}`, "", ""},
		{"the last ones", `{"spec":{"securityContext":{"runAsUser":65536,"runAsGroup":65536,"fsGroup":0,"supplementalGroups":[65536]}}}`, "", ""},
		{"user", `{"spec":{"securityContext":{"runAsUser":65537}}}`, "runAsUser 65537", "=131072 "},
		{"a user of OpenShift", `{"spec":{"securityContext":{"runAsUser":1000680000}}}`, "runAsUser 1000680000", "=1000734720 "},
		{"group", `{"spec":{"securityContext":{"runAsGroup":70000}}}`, "runAsGroup 70000", "=131072 "},
		{"fsGroup", `{"spec":{"securityContext":{"fsGroup":131072}}}`, "fsGroup 131072", "=131072 "},
		{"fsGroup behind it", `{"spec":{"securityContext":{"fsGroup":131073}}}`, "fsGroup 131073", "=196608 "},
		{"further groups", `{"spec":{"securityContext":{"supplementalGroups":[5,70000]}}}`, "supplementalGroups 70000", "=131072 "},
		{"container", `{"spec":{"containers":[{"name":"a"},{"name":"b","securityContext":{"runAsUser":70000}}]}}`, "container b, runAsUser 70000", "=131072 "},
		{"init container", `{"spec":{"initContainers":[{"name":"i","securityContext":{"runAsGroup":70000}}]}}`, "container i, runAsGroup 70000", "=131072 "},
		{"ephemeral container", `{"spec":{"ephemeralContainers":[{"name":"e","securityContext":{"runAsUser":70000}}]}}`, "container e, ", "=131072 "},
		{"users of its own", `{"spec":{"hostUsers":false},"status":{"phase":"Pending"}}`, "hostUsers: false", "remove hostUsers"},
		{"users of its own, and it runs", `{"spec":{"hostUsers":false},"status":{"phase":"Running"}}`, "", ""},
		{"the node's users", `{"spec":{"hostUsers":true}}`, "", ""},
		{"more than there can be", `{"spec":{"securityContext":{"runAsUser":4000000000}}}`, "runAsUser 4000000000", "lower ids"},
		{"files of the image", waiting(storage), "container web, image (", "=131072 "},
		{"user of the image", waiting("container create failed: cannot setresuid to 200000: Invalid argument\n"), "container web, image (", "=262144 "},
		{"group of the image", waiting("container create failed: setgroups: Invalid argument\n"), "container web, image (", "=131072 or more"},
		{"chown", waiting("chown /var/lib/x: invalid argument"), "container web, image (", "=131072 or more"},
		{"another fault", waiting("open /x: invalid argument"), "", ""},
		{"ended", `{"spec":{"securityContext":{"runAsUser":70000}},"status":{"phase":"Succeeded"}}`, "", ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			var pod idPod
			if err := json.Unmarshal([]byte(c.pod), &pod); err != nil {
				t.Fatal(err)
			}
			f := pod.lacking(have)
			if (f == nil) != (c.says == "") {
				t.Fatalf("got %+v", f)
			}
			if f == nil {
				return
			}
			if text := f.Text(node.Node{Name: "m1"}, have).String(); !strings.Contains(text, c.says) || !strings.Contains(text, "node m1 has the user and group ids 0 to 65536") || strings.Contains(text, "\n") {
				t.Errorf("got %q", text)
			}
			if !strings.Contains(f.Remedy().String(), c.remedy) {
				t.Errorf("got the remedy %q, want %q", f.Remedy(), c.remedy)
			}
		})
	}
}

func TestMappedIDs(t *testing.T) {
	for text, want := range map[string]uint64{
		"         0        988          1\n         1   11000000      65536\n":                                   65537,
		"         0        988          1\n         1   11000000      65536\n     65537   12000000      65536\n": 131073,
		"         0        988          1\n         5   11000000      65536\n":                                   1,
		"         0          0 4294967295\n":                                                                     4294967295,
		"":                                                                                                       0,
		"x y z\n":                                                                                                0,
	} {
		if got := mappedIDs(text); got != want {
			t.Errorf("%q: got %d, want %d", text, got, want)
		}
	}
}

// TestReportIDs: a pod that asks for an id which the node lacks is told of once,
// and for as long as the kubelet does not say why it waits.
func TestReportIDs(t *testing.T) {
	p, api, _ := published(t)
	pod := func(status string) string {
		return `{"items":[{"metadata":{"namespace":"shop","name":"web-1","uid":"u"},` + status + `}]}`
	}
	lines := func() (lines []node.Problem) {
		if err := node.NoteIDs.Load(&lines); err != nil {
			t.Fatal(err)
		}
		return lines
	}
	const chown = `"status":{"containerStatuses":[{"name":"c","state":{"waiting":{"reason":"ErrImagePull","message":"lchown /x: invalid argument"}}}]}`
	const backOff = `"status":{"containerStatuses":[{"name":"c","state":{"waiting":{"reason":"ImagePullBackOff"}}}]}`
	for _, c := range []struct {
		name, status string
		lines        int
	}{
		{"well", `"spec":{}`, 0},
		{"of its image", chown, 1},
		{"between two tries", backOff, 1},
		{"well again", `"spec":{}`, 0},
		{"between two tries, for another reason", backOff, 0},
	} {
		api.Has("/api/v1/pods", pod(c.status))
		if err := p.reportIDs(t.Context()); err != nil || len(lines()) != c.lines {
			t.Errorf("%s: %+v, %v", c.name, lines(), err)
		}
	}
	if all := events(api); len(all) != 1 || !strings.HasPrefix(all[0], "NotEnoughIDs: ") {
		t.Errorf("told: %q", all)
	}
	api.Has("/api/v1/pods", pod(`"spec":{"securityContext":{"runAsUser":5}}`)) // the test's namespace has one
	if err := p.reportIDs(t.Context()); err != nil || len(lines()) != 1 || !strings.HasPrefix(lines()[0].Fault.String(), "Pod shop/web-1: ") {
		t.Errorf("%+v, %v", lines(), err)
	}
}
