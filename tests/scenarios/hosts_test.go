package scenarios

import (
	_ "embed" // the drop-in that sets everything
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/alt-cloud/podsec-k8s/tests/generation"
)

// TestHosts: machines that differ from a fresh one. Each is refused with cause
// and remedy, and unchanged, or the right thing comes of it; and erase gives
// back what was.
func TestHosts(t *testing.T) {
	parallel(t)
	g := generation.All()[0]
	m := boot(t, g, "t-hosts")
	m.run(install + " && " + remove) // the account tools keep the files that they wrote before
	for _, c := range refusedHosts() {
		t.Run(c.name, func(t *testing.T) { c.run(m.on(t)) })
	}
	for _, c := range []struct {
		name string
		run  func(*machine)
	}{
		{"no files of subordinate ids", noSubIDFiles},
		{"account tools killed half way", killedTools},
		{"mask", masked},
		{"foreign settings", foreignSettings},
		{"a drop-in that wins", lateDropIn},
		{"unit file of an older podsec-k8s", olderLayout},
		{"a kubelet of its own", ownKubelet},
		{"a user that does not want to go", attackedErase},
		{"a process that does not end", unendingProcess},
		{"file system and node", fileSystem},
	} {
		t.Run(c.name, func(t *testing.T) {
			m := m.on(t)
			before := hostTree(m)
			c.run(m)
			sameHost(m, before)
		})
	}
}

// The package comes and goes by rpm itself: dnf -q does not show what scriptlets
// say.
const (
	install = "rpm -i /srv/podsec-k8s/podsec-k8s-*.rpm"
	remove  = "rpm -e podsec-k8s"
	dropIns = "/etc/systemd/system/kubelet.service.d/"
)

// hostTree lists what podsec-k8s may change on a machine, with its accounts and
// the state of kubelet.service.
func hostTree(m *machine) map[string]string {
	m.t.Helper()
	folders := "$(ls -d /etc /usr/local /var/lib/systemd /var/lib/podsec-k8s /var/lib/u7s-admin 2>/dev/null)" // those that there are
	return m.listed(listFiles(folders+" -xdev") + "; systemctl show kubelet -p FragmentPath -p UnitFileState -p MainPID -p DropInPaths | sed 's/=/\\t/'")
}

func sameHost(m *machine, before map[string]string) {
	m.t.Helper()
	if all := differences(before, hostTree(m), toolCaches()...); len(all) > 0 {
		m.t.Errorf("it is not as it was:\n%s", strings.Join(all, "\n"))
	}
}

// A refusedHost is a machine that podsec-k8s does not change.
type refusedHost struct {
	name  string
	spoil string   // makes it so
	words []string // of cause and remedy
	mend  string   // what the remedy says
	clean string   // takes away what the mended machine had besides
}

func refusedHosts() []refusedHost {
	const ranges = "cp -a /etc/subuid /etc/subgid /root/; for f in subuid subgid; do echo u7s-admin:300000:65536 >> /etc/$f; done; "
	const back = "cp -a /root/subuid /root/subgid /etc/"
	return []refusedHost{
		{
			"ids of another user", ranges + "echo alice:310000:65536 >> /etc/subuid",
			[]string{"subordinate uids of u7s-admin, 300000 to 365535 in /etc/subuid, also belong to alice", "podsec-k8s host apply"},
			"sed -i /alice/d /etc/subuid", back,
		},
		{
			"ids of another user by number", ranges + "echo 4242:200000:100001 >> /etc/subgid",
			[]string{"subordinate gids of u7s-admin, 300000 to 365535 in /etc/subgid, also belong to 4242", "/etc/subgid"},
			"sed -i /u7s-admin/d /etc/subuid /etc/subgid", back,
		},
		{
			"ids of a real user", ranges + "useradd --no-create-home --uid 300007 bob",
			[]string{"bob, 300007", "/etc/subuid"},
			"userdel bob", back,
		},
		{
			"half a user of the administrator", "useradd --system --no-create-home u7s-admin; sed -i /u7s-admin/d /etc/shadow",
			[]string{"account u7s-admin is incomplete", "userdel u7s-admin"},
			"userdel u7s-admin", "true",
		},
		{"a home that is a link", "mkdir /srv/u7s; ln -s /srv/u7s /var/lib/u7s-admin", []string{"/var/lib/u7s-admin is not a directory", "mount --bind"}, "rm /var/lib/u7s-admin", "rmdir /srv/u7s"},
		{"a home of somebody else", "mkdir /var/lib/u7s-admin; chown nobody /var/lib/u7s-admin", []string{"belongs to the user id 65534", "chown root"}, "rmdir /var/lib/u7s-admin", "true"},
	}
}

// run installs the package on the machine, finishes what the remedy says, and
// erases it.
func (c refusedHost) run(m *machine) {
	clean := hostTree(m)
	m.run(c.spoil)
	before := hostTree(m)
	out := m.run(install + " 2>&1")
	for i, word := range c.words {
		if n := strings.Count(out, word); n == 0 || i == 0 && n > 1 {
			m.t.Errorf("the scriptlet says %q %d times:\n%s", word, n, out)
		}
	}
	for _, command := range []string{"status", "kubectl get nodes", "create-master", "reset --yes", "token list", "image load /srv/images/pause.tar", "exec true"} {
		if _, status := m.try("id u7s-admin"); status != 0 {
			m.fails("podsec-k8s "+command, exitFault, "not completed when podsec-k8s was installed", "remedy: podsec-k8s host apply")
		}
	}
	if all := differences(before, hostTree(m), append(toolCaches(), "/etc/podsec-k8s", "/etc/podsec-k8s/*", "/var/lib/podsec-k8s")...); len(all) > 0 {
		m.t.Errorf("something was changed:\n%s", strings.Join(all, "\n"))
	}
	m.run(c.mend)
	m.says("podsec-k8s host apply", "create the system user u7s-admin")
	m.says("systemctl show kubelet -p FragmentPath", "/usr/local/lib/systemd/system/kubelet.service")
	m.run(remove + " && " + c.clean)
	sameHost(m, clean)
}

// noSubIDFiles: subordinate ids are given where no file has any.
func noSubIDFiles(m *machine) {
	m.run("mv /etc/subuid /etc/subgid /root/")
	before := hostTree(m)
	m.says(install, "podsec-k8s is installed")
	m.says("cat /etc/subuid /etc/subgid", "u7s-admin:", ":65536")
	m.run(remove)
	sameHost(m, before)
	m.run("mv /root/subuid /root/subgid /etc/")
}

// killedTools: what killed tools and runs leave behind is mended by the next
// run, and none of it is left after erase.
func killedTools(m *machine) {
	m.run(install)
	// useradd and groupadd were killed between the files that they write.
	m.run("loginctl disable-linger u7s-admin; systemctl stop user@$(id -u u7s-admin); sed -i /^u7s-admin/d /etc/shadow /etc/gshadow")
	leftovers := "/etc/passwd.lock /etc/subuid+ /etc/passwd+ /var/lib/podsec-k8s/journal/.0006-sysctl.json123 /var/lib/podsec-k8s/saved/ids.json /etc/systemd/system/.kubelet.service42 " +
		dropIns + ".zz-podsec-k8s.conf7"
	m.run("mkdir /var/lib/podsec-k8s/saved; for f in " + leftovers + "; do echo '{}' > $f; done; printf '1\\0' > /etc/passwd.lock")
	m.run("podsec-k8s host apply")
	m.says("getent shadow u7s-admin", "u7s-admin:!")
	m.says("getent gshadow u7s-admin", "u7s-admin:!")
	m.says("systemctl is-active user@$(id -u u7s-admin)", "active")
	if out, _ := m.try("ls -d " + leftovers + " 2>/dev/null"); out != "" {
		m.t.Errorf("left behind: %s", out)
	}
	m.run("for f in " + leftovers + "; do mkdir -p $(dirname $f); echo '{}' > $f; done; printf '1\\0' > /etc/passwd.lock")
	m.run(remove)
	if out := m.run("ls -d " + leftovers + " /var/lib/podsec-k8s 2>/dev/null; true"); out != "" {
		m.t.Errorf("left behind: %s", out)
	}
}

// masked: an administrator's mask counts, before the install and after it.
func masked(m *machine) {
	m.run("systemctl mask kubelet")
	before := hostTree(m)
	m.says(install+" 2>&1", "kubelet.service is masked", "remedy: systemctl unmask kubelet", "podsec-k8s is installed")
	m.says("systemctl is-enabled kubelet || true", "masked")
	m.fails(create, exitPreflight, "[kubelet-service] kubelet.service is masked", "systemctl unmask kubelet")
	m.run(remove)
	sameHost(m, before)

	m.run(install + " && systemctl unmask kubelet")
	m.says("systemctl show kubelet -p FragmentPath", "=/usr/local/lib/systemd/system/kubelet.service")
	m.run("systemctl start kubelet && systemctl mask kubelet && podsec-k8s host apply || systemctl stop kubelet")
	m.says("systemctl is-enabled kubelet || true", "masked")
	m.fails("systemctl start kubelet", 1, "masked")
	m.run("systemctl unmask kubelet && systemctl start kubelet")
	m.says("systemctl show kubelet -p User -p ActiveState", "=u7s-admin", "=active")
	m.run(remove)
}

//go:embed testdata/kubelet-foreign.conf
var foreignConf string

// foreignSettings: nothing that another drop-in sets is in force for the guard.
func foreignSettings(m *machine) {
	// An administrator's own unit file counts for nothing either.
	m.run("printf '[Unit]\\nRequires=nowhere.service\\n[Service]\\nExecStart=/bin/false\\n' > /etc/systemd/system/kubelet.service")
	m.run(install)
	want := kubeletProperties(m)
	m.run("cat > " + dropIns + "10-site.conf <<'C'\n" + foreignConf + "\nC\nsystemctl daemon-reload")
	have := kubeletProperties(m)
	for name, value := range want {
		if have[name] != value {
			m.t.Errorf("%s is %q with a foreign drop-in, %q without", name, have[name], value)
		}
	}
	m.run("systemctl start kubelet")
	m.says("ps -o user:20= -p $(systemctl show -P MainPID kubelet)", "u7s-admin")
	if out := m.run("journalctl -q -b --no-pager _PID=1 | grep zz-podsec-k8s.conf || true"); out != "" {
		m.t.Errorf("systemd does not like the drop-in:\n%s", out)
	}
	m.run("for k in $(/lib/systemd/systemd --dump-configuration-items | sed -n '/^.Service.$/,/^$/s/=.*//p'); do grep -q ^$k= " + dropIns + "10-site.conf || echo $k; done > /run/keys")
	for key := range strings.FieldsSeq(m.run("cat /run/keys; rm /run/keys")) {
		if !slices.Contains(notCleared(), key) {
			m.t.Errorf("systemd knows %s=, which is not tried here", key)
		}
	}
	m.run("rm " + dropIns + "10-site.conf && " + remove)
	m.says("systemctl cat kubelet", "/bin/false")
	m.run("rm /etc/systemd/system/kubelet.service && systemctl daemon-reload")
}

// notCleared lists what a drop-in can't or need not take back: other names of
// settings that are tried, what has no effect on this type of service, settings
// of cgroup v1, and those newer than systemd 249.
func notCleared() []string {
	return strings.Fields(`TimeoutSec StartLimitInterval StartLimitBurst StartLimitAction FailureAction RebootArgument BusName Sockets
		ReadWriteDirectories ReadOnlyDirectories InaccessibleDirectories CPUShares StartupCPUShares MemoryLimit BlockIOAccounting BlockIOWeight
		StartupBlockIOWeight BlockIODeviceWeight BlockIOReadBandwidth BlockIOWriteBandwidth ExitType RuntimeRandomizedExtraSec ExtensionDirectories
		TTYRows TTYColumns RestrictFileSystems ExecSearchPath SetCredentialEncrypted LoadCredentialEncrypted StartupAllowedCPUs
		StartupAllowedMemoryNodes RestrictNetworkInterfaces`)
}

// kubeletProperties returns what systemd has in force for kubelet.service, but
// for how it came to that. The order of dependencies means nothing.
func kubeletProperties(m *machine) map[string]string {
	all := map[string]string{}
	for line := range strings.Lines(m.run("systemctl show kubelet")) {
		name, value, _ := strings.Cut(strings.TrimSpace(line), "=")
		words := strings.Fields(value)
		slices.Sort(words)
		all[name] = strings.Join(words, " ")
	}
	maps.DeleteFunc(all, func(name, _ string) bool {
		return name == "DropInPaths" || strings.Contains(name, "Timestamp")
	})
	return all
}

// lateDropIn: a drop-in that sorts behind ours is named, at the install too.
func lateDropIn(m *machine) {
	const conf = dropIns + "zzz.conf"
	words := []string{conf + " overrides it with ExecStart, User", "sorts before zz-podsec-k8s.conf", "systemctl daemon-reload"}
	m.run("printf '[Service]\\nExecStart=\\nExecStart=/bin/sleep infinity\\nUser=root\\n' > " + conf + " && systemctl daemon-reload")
	m.says(install+" 2>&1", append(words, "podsec-k8s is installed")...)
	m.fails("podsec-k8s host apply", exitFault, words...)
	m.fails(create+" --ignore-preflight=all", exitPreflight, append(words, "[kubelet-service]")...)
	m.run("mv " + conf + " " + dropIns + "05-site.conf && systemctl daemon-reload && podsec-k8s host apply")
	m.says("systemctl show kubelet -p User -p ExecStart", "User=u7s-admin", "kubelet-guard")
	m.run("rm " + dropIns + "05-site.conf && " + remove)
}

// olderLayout: version 0.1.0 wrote its unit file to /etc/systemd/system. An
// upgrade moves it, and erase gives back what was there before that version.
func olderLayout(m *machine) {
	m.run("printf '[Unit]\\nDescription=of the administrator\\n' > /etc/systemd/system/kubelet.service; systemctl daemon-reload")
	before := hostTree(m)
	m.run(install)
	const unit, link = "/etc/systemd/system/kubelet.service", "/etc/systemd/system/multi-user.target.wants/kubelet.service"
	// What that version left, with the journal's records of it.
	m.run(`cd /var/lib/podsec-k8s/journal && python3 - <<'P'
import base64, glob, json, os
[name] = [n for n in glob.glob("*-file.json") if json.load(open(n))["Key"] == "` + unit + `"]
record = json.load(open(name))
text = b"[Service]\nExecStart=/bin/true\n"
record["Changes"] = [{"Path": record["Key"], "Data": base64.b64encode(text).decode(), "Mode": 0o644}]
json.dump(record, open(name, "w"))
open(record["Key"], "wb").write(text)
for n in glob.glob("*-file.json"):
    if json.load(open(n))["Key"].startswith("/usr/local"):
        os.remove(n)
link = {"Version": 1, "Number": 900, "Kind": "link", "Key": "` + link + `", "Changes": [{"Path": "` + link + `", "Target": "` + unit + `"}], "Before": {"Exists": False, "Mode": 0, "UID": 0, "GID": 0}}
json.dump(link, open("0900-link.json", "w"))
P
	rm -r /usr/local/lib/systemd && ln -s ` + unit + " " + link + " && systemctl daemon-reload")
	m.run("podsec-k8s scriptlet post 2")
	m.says("systemctl show kubelet -p FragmentPath", "=/usr/local/lib/systemd/system/kubelet.service")
	m.says("systemctl is-enabled kubelet", "enabled")
	m.run("systemctl disable kubelet && podsec-k8s scriptlet post 2")
	m.says("systemctl is-enabled kubelet || true", "disabled")
	m.run(remove)
	sameHost(m, before)
	m.run("rm " + unit + " && systemctl daemon-reload")
}

// ownKubelet: a kubelet of the machine's own goes on as it is, whatever is done
// with the package, until the administrator takes it away.
func ownKubelet(m *machine) {
	m.run("printf '[Service]\\nExecStart=/bin/sleep infinity\\n[Install]\\nWantedBy=multi-user.target\\n' > /etc/systemd/system/kubelet.service")
	// kubeadm's drop-in would need its files; here it has to let the kubelet run.
	m.run("mv " + dropIns + "kubeadm.conf /root/ && systemctl daemon-reload && systemctl enable --now kubelet")
	before := hostTree(m)
	own := []string{"belongs to another kubelet of this machine, /bin/sleep", "kubeadm reset; systemctl disable --now kubelet; podsec-k8s host apply"}
	m.says(install+" 2>&1", append(own, "podsec-k8s is installed")...)
	m.fails(create+" --ignore-preflight=all", exitPreflight, append(own, "[kubelet-service]")...)
	m.fails("podsec-k8s host apply", exitFault, own...)
	m.run(remove)
	sameHost(m, before)

	// Stopped for now, it is still a node's.
	m.run("mkdir -p /etc/kubernetes && touch /etc/kubernetes/kubelet.conf && systemctl stop kubelet")
	m.says(install+" 2>&1", own...)
	m.fails(create, exitPreflight, append(own, "[rootful-node]", "/etc/kubernetes/kubelet.conf", "kubeadm reset")...)

	// The remedy. What is left of the other node does no harm.
	m.run("rm /etc/kubernetes/kubelet.conf && systemctl disable --now kubelet && podsec-k8s host apply")
	m.says("systemctl show kubelet -p FragmentPath", "=/usr/local/lib/systemd/system/kubelet.service")
	m.run("mkdir -p /var/lib/etcd/member")
	// One that is put there by force in between is not taken for the guard.
	m.run("printf '[Service]\\nExecStart=\\nExecStart=/bin/sleep infinity\\nType=simple\\nUser=root\\n' > " + dropIns + "zzz.conf && systemctl daemon-reload && systemctl start kubelet && rm " + dropIns + "zzz.conf && systemctl daemon-reload")
	m.fails(create, exitPreflight, "[kubelet-service] kubelet.service still runs /bin/sleep", "systemctl restart kubelet")
	sleeper := strings.TrimSpace(m.run("systemctl show -P MainPID kubelet"))
	m.says(remove+" 2>&1", "kubelet.service runs /bin/sleep, which does not belong to podsec-k8s, and is left as it is")
	m.says("systemctl show -P MainPID kubelet", sleeper+"\n")
	m.fails("id u7s-admin", 1)
	m.run("systemctl stop kubelet; rm -r /var/lib/etcd /etc/systemd/system/kubelet.service; mv /root/kubeadm.conf " + dropIns + "; systemctl daemon-reload")
}
