package scenarios

import (
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/alt-cloud/podsec-k8s/tests/generation"
)

// readyTime is how long a closed site may wait for its first node.
const readyTime = time.Minute

// TestClosedSite makes clusters on a machine without a network, whose site has
// settled nothing: by the commands of README, and by a registry that has just
// the two images.
func TestClosedSite(t *testing.T) {
	eachGeneration(t, func(t *testing.T, g generation.Generation) {
		m := bootBare(t, g, "t-closed")
		if err := m.WithoutImages(t.Context()); err != nil {
			t.Fatal(err)
		}
		m.run("dnf -q -y install podsec-k8s")
		t.Run("nothing", func(t *testing.T) { nothingGiven(m.on(t), g) })
		t.Run("archives", func(t *testing.T) { wrongArchives(m.on(t), g) })
		t.Run("policy", func(t *testing.T) { strictPolicy(m.on(t), g) })
		t.Run("README", func(t *testing.T) { readmeCommands(m.on(t), g) })
		t.Run("registry", func(t *testing.T) { registries(m.on(t), g) })
	})
}

// altNames are the two images as a site that settles nothing needs them.
func altNames(g generation.Generation) (pause, coredns string) {
	const repository = "registry.altlinux.org/k8s-p10"
	return repository + "/pause:" + g.Pause, repository + "/coredns:" + g.CoreDNS
}

// nothingGiven: without archives and without a registry the two images are
// named, within seconds, and nothing is changed.
func nothingGiven(m *machine, g generation.Generation) {
	pause, coredns := altNames(g)
	before := nodeState(m)
	m.within(30*time.Second, func() {
		m.fails(create, exitPreflight, "[images]", pause, coredns, "and no archive was specified", "registry.altlinux.org", "--image-archive")
	})
	m.within(30*time.Second, func() {
		out, status := m.try("podsec-k8s join 10.77.0.250:6443 --token aaaaaa.0123456789abcdef --discovery-token-ca-cert-hash sha256:" + strings.Repeat("0", 64))
		if status != exitPreflight || !strings.Contains(out, "[images]") || !strings.Contains(out, pause) || strings.Contains(out, coredns) || !strings.Contains(out, "[cluster]") {
			m.t.Errorf("a worker needs just pause, and a cluster: exit status %d\n%s", status, out)
		}
	})
	if after := nodeState(m); after != before {
		m.t.Errorf("something was changed:\n%swas:\n%s", after, before)
	}
	m.says("podsec-k8s image list", pause+"\n", coredns+"\n")
}

// badArchives makes archives that are of no use, in the current folder.
const badArchives = `head -c 1000000 /srv/images/coredns.tar > cut.tar; gzip -c /srv/images/pause.tar > packed.tar; echo no > text.tar; : > empty.tar
cp /srv/images/pause.tar part.tar; tar --delete -f part.tar "$(tar -tf part.tar | grep layer)"
skopeo copy -q docker-archive:/srv/images/pause.tar oci-archive:oci.tar:pause; skopeo copy -q docker-archive:/srv/images/pause.tar oci:folder:pause`

// wrongArchives: what is given and of no use is said, all at once, each with its
// remedy.
func wrongArchives(m *machine, g generation.Generation) {
	pause, coredns := altNames(g)
	m.run(badArchives + "\nmkfifo pipe.tar; skopeo copy -q docker-archive:/srv/images/coredns.tar docker-archive:old.tar:" + strings.TrimSuffix(coredns, g.CoreDNS) + "v0.1")
	command := create + " --image-archive /srv/images/pause.tar"
	for _, name := range []string{"cut.tar", "packed.tar", "text.tar", "empty.tar", "part.tar", "oci.tar", "folder", "pipe.tar", "old.tar"} {
		command += " --image-archive " + name
	}
	m.within(30*time.Second, func() {
		m.fails(command, exitPreflight,
			"[images]", pause, "pause.tar holds registry.local/pause:"+g.Pause, "IMAGE_REPOSITORY=registry.local ", "docker-archive:NEW:"+pause,
			coredns, "coredns:v0.1 is another version", "docker://"+coredns,
			`[image-archive] the image archive "cut.tar": it is truncated`, "copy the file again",
			`"packed.tar": it is compressed by gzip`, "gunzip packed.tar",
			`"text.tar": it is not a docker archive`, "skopeo copy",
			`"empty.tar": it is empty`, `"part.tar": it is truncated: it lacks`,
			`"oci.tar": it is an OCI archive`, "oci-archive:oci.tar", `"folder": it is a directory`, "oci:folder",
			`"pipe.tar": it is not a regular file`)
	})
	m.run("rm -r *.tar folder")
}

const policyPath = "/etc/containers/policy.json"

// strictPolicy: a policy that lets no archive in is told of before anything
// is started. The lines that it asks for stay, for a cluster of archives.
func strictPolicy(m *machine, g generation.Generation) {
	pause, coredns := altNames(g)
	m.run("cp " + policyPath + " /root/ && echo '" + signedOnly + "' > " + policyPath)
	m.fails(create+" --image-archive /srv/images/pause.tar", exitPreflight, "[containers-policy]", `does not allow images from archives: "default" is reject`, archivesAllowed,
		"does not allow the image "+pause, "does not allow the image "+coredns)
	m.run("echo '{' > " + policyPath)
	m.fails(create, exitPreflight, "[containers-policy]", "policy.json", "not JSON")
	allowed := archivesAllowed
	if g.Name != generation.All()[0].Name { // its CRI-O asks again when a container starts
		m.run("echo '" + `{"default": [{"type": "reject"}], "transports": {` + allowed + "}}' > " + policyPath)
		m.run("skopeo copy -q docker-archive:/srv/images/pause.tar docker-archive:pause.tar:" + pause)
		m.fails(create+" --image-archive pause.tar", exitPreflight, "[containers-policy]", "does not allow the image "+pause, `"docker" there: "`+pause+`"`)
		m.run("rm pause.tar")
		const accept = `[{"type": "insecureAcceptAnything"}]`
		allowed += `, "docker": {"registry.altlinux.org/k8s-p10": ` + accept + `, "registry.local": ` + accept + `}`
	}
	m.run("echo '" + `{"default": [{"type": "reject"}], "transports": {` + allowed + "}}' > " + policyPath)
}

// archivesAllowed is the line of a policy that lets archives in.
const archivesAllowed = `"docker-archive": {"": [{"type": "insecureAcceptAnything"}]}`

const signedOnly = `{"default": [{"type": "reject"}], "transports": {"docker": {"registry.example": [{"type": "signedBy", "keyType": "GPGKeys", "keyPath": "/etc/pki/key"}]}}}`

// readmeCommands runs what README has for a closed site, line by line, on a
// machine whose policy takes nothing but archives.
func readmeCommands(m *machine, g generation.Generation) {
	pause, coredns := altNames(g)
	m.run("skopeo copy -q docker-archive:/srv/images/pause.tar docker-archive:pause.tar:" + pause +
		" && skopeo copy -q docker-archive:/srv/images/coredns.tar docker-archive:coredns.tar:" + coredns +
		" && cp /srv/images/web.tar shop.tar && mkdir -p /srv/mirror && ln -s /srv/repo /srv/mirror/p10")
	commands := readme(m.t, "--image-archive")
	if len(commands) < 3 {
		m.t.Fatalf("README has only %q", commands)
	}
	m.within(readyTime, func() {
		for _, command := range commands {
			if out := m.run(command); strings.Contains(out, "Pulling images") {
				m.t.Errorf("kubeadm tells of pulling, and pulls nothing:\n%s", out)
			}
		}
	})
	m.says("podsec-k8s kubectl get nodes", " Ready")
	m.says("podsec-k8s kubectl -n kube-system get deployment coredns", "2/2")
	refusedLoads(m, g)
	m.run("podsec-k8s reset --yes && rm *.tar && cp policy.json " + policyPath)
}

// refusedLoads: an archive that is of no use is told of, and nothing is loaded
// of the others either.
func refusedLoads(m *machine, g generation.Generation) {
	const good = "registry.local/good:1"
	m.run(badArchives + "\nskopeo copy -q docker-archive:/srv/images/pause.tar docker-archive:good.tar:" + good)
	m.fails("podsec-k8s image load good.tar cut.tar packed.tar text.tar folder", exitFault,
		`"cut.tar": it is truncated`, `"packed.tar": it is compressed`, `"text.tar": it is not a docker archive`, `"folder": it is a directory`, "remedy")
	m.fails("podsec-k8s image load good.tar nowhere.tar neither.tar", exitFault, "nowhere.tar", "neither.tar", "remedy")
	m.run("cp " + policyPath + " allowed.json && echo '" + signedOnly + "' > " + policyPath)
	words := []string{"does not allow images from archives", archivesAllowed}
	if g.Name != generation.All()[0].Name {
		words = append(words, "does not allow the image "+good)
	}
	m.fails("podsec-k8s image load good.tar", exitFault, words...)
	if images := m.run("podsec-k8s crictl images"); strings.Contains(images, "registry.local/good") {
		m.t.Errorf("something was loaded:\n%s", images)
	}
	m.run("rm -r folder")
}

// readme returns the lines of README's one block of commands that has a word in
// it.
func readme(t testing.TB, word string) []string {
	t.Helper()
	text, err := os.ReadFile("../README.md")
	if err != nil {
		t.Fatal(err)
	}
	for i, block := range strings.Split(string(text), "```") {
		if i%2 == 1 && strings.Contains(block, word) {
			return strings.Split(strings.TrimSpace(block), "\n")
		}
	}
	t.Fatalf("README has no commands with %s", word)
	return nil
}

// registries: a registry is used as the remedies say, once plain, once with
// TLS of a private authority and a login.
func registries(m *machine, g generation.Generation) {
	r := bootBare(m.t, g, "t-registry")
	installRegistry(r)
	startRegistry(r, g, "5000", "-listen :5000", "")
	startRegistry(r, g, "5443", "-listen :5443 -tls registry.tls -ca /srv/ca.crt -login admin:secret", "--dest-creds=admin:secret ")
	m.run(fmt.Sprintf("echo '%s registry.plain registry.tls' >> /etc/hosts", r.Address))
	use := func(repository string) {
		m.run("echo IMAGE_REPOSITORY=" + repository + " > /etc/podsec-k8s/95-registry.conf")
	}

	use("registry.plain:5999")
	m.fails(create, exitPreflight, "[images]", "connection refused", "reach registry.plain:5999")
	use("registry.plain:5000")
	m.fails(create, exitPreflight, "[images]", "HTTP response", "registries.conf.d", "insecure = true")
	m.run("printf '[[registry]]\\nlocation = \"registry.plain:5000\"\\ninsecure = true\\n' > /etc/containers/registries.conf.d/site.conf")
	use("registry.plain:5000/other")
	m.fails(create, exitPreflight, "[images]", "copy it there", "docker://registry.plain:5000/other/pause:"+g.Pause)
	own := m.Address.String() + ":5000"
	m.run(fmt.Sprintf("printf '[[registry]]\\nlocation = \"%s\"\\ninsecure = true\\n' > /etc/containers/registries.conf.d/own.conf", own))
	m.run("systemd-run -q --unit=mirror socat TCP-LISTEN:5000,fork,reuseaddr TCP:" + r.Address.String() + ":5000")
	m.eventually(time.Minute, "ss -Hlnt 'sport = 5000' | grep .")
	use(own)
	m.fails(create, exitPreflight, "[images]", "inside the node is the node itself", "another address")
	m.run("systemctl stop mirror")
	use("registry.plain:5000")
	m.within(readyTime, func() { m.says(create, "The control plane is ready") })
	m.run("podsec-k8s reset --yes")

	use("registry.tls:5443")
	m.fails(create, exitPreflight, "[images]", "unknown authority", "/etc/containers/certs.d/registry.tls:5443/ca.crt")
	m.run("mkdir -p /etc/containers/certs.d/registry.tls:5443 && cat > /etc/containers/certs.d/registry.tls:5443/ca.crt <<'C'\n" + r.run("cat /srv/ca.crt") + "C")
	m.fails(create, exitPreflight, "[images]", "unauthorized", "IMAGE_AUTH_FILE")
	m.run("echo IMAGE_AUTH_FILE=/etc/podsec-k8s/auth.json >> /etc/podsec-k8s/95-registry.conf && umask 077 && echo '{\"auths\":{\"registry.tls:5443\":{\"auth\":\"'$(printf admin:secret | base64)'\"}}}' > /etc/podsec-k8s/auth.json")
	m.fails(create, exitPreflight, "[image-auth-file]", "permission denied", "chmod 0640 /etc/podsec-k8s/auth.json")
	m.run("chgrp u7s-admin /etc/podsec-k8s/auth.json && chmod 0640 /etc/podsec-k8s/auth.json")
	m.within(readyTime, func() { m.says(create, "The control plane is ready") })
	m.says("podsec-k8s crictl images", "registry.tls:5443/pause", "registry.tls:5443/coredns")
	m.says("podsec-k8s crictl pull registry.tls:5443/pause:"+g.Pause, "up to date")
	m.run("podsec-k8s reset --yes")
}

// installRegistry builds the tests' registry and puts it on a machine.
func installRegistry(r *machine) {
	program := filepath.Join(r.t.(*testing.T).TempDir(), "registry")
	cmd := exec.CommandContext(r.t.Context(), "go", "build", "-o", program, "./registry")
	cmd.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := cmd.CombinedOutput(); err != nil {
		r.t.Fatalf("building the registry: %v\n%s", err, out)
	}
	file, err := os.Open(program)
	if err != nil {
		r.t.Fatal(err)
	}
	defer file.Close() //nolint:errcheck // it was only read
	if err := r.Exec(r.t.Context(), "cat > /srv/registry && chmod 755 /srv/registry", file, nil, os.Stderr); err != nil {
		r.t.Fatal(err)
	}
}

// startRegistry starts a registry on a port and puts the two images into it.
func startRegistry(r *machine, g generation.Generation, port, flags, login string) {
	r.run("systemd-run -q --unit=registry-" + port + " /srv/registry " + flags)
	r.eventually(time.Minute, "ss -Hlnt 'sport = "+port+"' | grep .")
	for file, image := range map[string]string{"pause": "pause:" + g.Pause, "coredns": "coredns:" + g.CoreDNS} {
		r.run("skopeo copy -q --dest-tls-verify=false " + login + "docker-archive:/srv/images/" + file + ".tar docker://localhost:" + port + "/" + image)
	}
}
