package scenarios

import (
	"regexp"
	"strings"
	"testing"

	"github.com/alt-cloud/podsec-k8s/tests/generation"
)

// TestPeople gives a person a certificate and rights, and takes the rights away. The
// person works on another machine, by nothing but the kubeconfig.
func TestPeople(t *testing.T) {
	eachGeneration(t, func(t *testing.T, g generation.Generation) {
		m := boot(t, g, "t-people")
		other := boot(t, g, "t-people-away")
		m.run("dnf -q -y install podsec-k8s")
		m.fails("podsec-k8s user list", exitFault, "no node on this machine", "remedy")
		m.run(create)
		t.Run("names", func(t *testing.T) { refusedPeople(m.on(t)) })
		t.Run("key", func(t *testing.T) { ownKey(m.on(t)) })
		t.Run("rights", func(t *testing.T) { rightsOfOne(m.on(t), other.on(t)) })
		t.Run("roles", func(t *testing.T) { readyRoles(m.on(t)) })
		t.Run("lifetime", func(t *testing.T) { shortLife(m.on(t)) })
		t.Run("revoked", func(t *testing.T) { revokedPerson(m.on(t), other.on(t)) })
	})
}

// refusedPeople: no spelling makes anyone one of Kubernetes' own, and the cluster
// has nothing of it.
func refusedPeople(m *machine) {
	for _, name := range []string{
		"system:masters", "System:Masters", "SYSTEM:MASTERS", " system:masters", "system:masters ", "system: masters", "dev,system:masters",
		"system\uff1amasters", "system\u2236masters", "s\u0443stem:masters", "system\u200b:masters", "kubeadm:cluster-admins",
	} {
		m.fails("podsec-k8s user create eve --group '"+name+"'", exitUsage, "is not allowed", "remedy")
	}
	for _, name := range []string{"system:admin", "System:admin", "system:node:m1", "system\uff1aadmin", "kubernetes-admin"} {
		m.fails("podsec-k8s user create '"+name+"'", exitUsage, "remedy")
	}
	m.run(`test -z "$(podsec-k8s user list)$(podsec-k8s kubectl get csr -o name | grep podsec-k8s)" && ! ls *.kubeconfig`)
}

// created is a system call that makes a file, with its flags and mode.
var created = regexp.MustCompile(`openat\([^"]*"[^"]*anna\.kubeconfig[^"]*", ([A-Z_|]*O_CREAT[A-Z_|]*), (\d+)`)

// ownKey: nobody but root may read the file with the key, from its first moment,
// whatever the umask is. u7s-admin does not see the key, and no request stays in the
// cluster.
func ownKey(m *machine) {
	m.run("mkdir -p -m 755 /root/people && cd /root/people && umask 000 && strace -f -qq -s 200 -e trace=openat,chmod,fchmod,fchmodat,linkat,rename,renameat,renameat2 -o /root/trace " +
		"podsec-k8s user create anna --group shop --expires 2h")
	trace := m.run("grep anna.kubeconfig /root/trace")
	calls := created.FindAllStringSubmatch(trace, -1)
	if len(calls) == 0 {
		m.t.Errorf("nothing was created:\n%s", trace)
	}
	for _, call := range calls {
		if !strings.Contains(call[1], "O_EXCL") || call[2] != "0600" {
			m.t.Errorf("a file of the key is made with %s and %s", call[1], call[2])
		}
	}
	if strings.Contains(trace, "chmod") {
		m.t.Errorf("a mode is changed afterwards:\n%s", trace)
	}
	m.says("cd /root/people && ls -A && stat -c '%a %U %h' anna.kubeconfig", "anna.kubeconfig\n600 root 1\n")
	m.fails("cd /root/people && podsec-k8s user create anna", exitFault, "anna.kubeconfig exists and is not overwritten")
	m.run(`key=$(sed -n 's/.*client-key-data: //p' /root/people/anna.kubeconfig) && test -n "$key" && ! grep -rqF "$key" /var/lib/u7s-admin && ! journalctl | grep -qF "$key"`)
	m.run("test -z \"$(podsec-k8s kubectl get csr -o name | grep podsec-k8s)\"")
	m.says("sed -n 's/.*client-certificate-data: //p' /root/people/anna.kubeconfig | base64 -d | openssl x509 -noout -subject -ext extendedKeyUsage", "anna", "shop", "TLS Web Client Authentication")
}

// rightsOfOne: a user may do what is bound, where it is bound, and as long.
func rightsOfOne(m, other *machine) {
	k := "podsec-k8s kubectl "
	m.run(k + "create namespace shop && " + k + "create namespace bank")
	other.run("umask 077 && cat > /root/anna.kubeconfig <<'Y'\n" + m.run("cat /root/people/anna.kubeconfig") + "Y")
	get := func(namespace string) string {
		return "kubectl --kubeconfig /root/anna.kubeconfig -n " + namespace + " get pods"
	}
	other.fails(get("shop"), exitFault, "Forbidden", `User "anna" cannot list`)
	m.fails("podsec-k8s user can anna list pods --namespace shop", exitFault, "no")
	m.fails("podsec-k8s user bind anna --clusterrole nothing-like-it", exitFault, "there is no ClusterRole nothing-like-it")
	m.fails("podsec-k8s user bind nobody --clusterrole view", exitFault, "there is no user nobody")
	m.says("podsec-k8s user bind anna --clusterrole podsec-k8s:developer --namespace shop", "The user anna has the ClusterRole podsec-k8s:developer in the namespace shop.")
	m.says("podsec-k8s user bind anna --clusterrole podsec-k8s:developer --namespace shop", "already")
	other.says(get("shop"), "No resources found")
	other.fails(get("bank"), exitFault, "Forbidden")
	other.fails("kubectl --kubeconfig /root/anna.kubeconfig get nodes", exitFault, "Forbidden")
	other.says("kubectl --kubeconfig /root/anna.kubeconfig -n shop create configmap of-anna", "created")
	other.fails("kubectl --kubeconfig /root/anna.kubeconfig -n shop create rolebinding own --clusterrole cluster-admin --user anna", exitFault, "is forbidden")
	m.says("podsec-k8s user can anna list pods --namespace shop", "yes")
	m.says("podsec-k8s user can anna create deployments -n shop", "yes")
	m.fails("podsec-k8s user can anna create deployments -n bank", exitFault, "no")
	m.fails("podsec-k8s user can anna create deploymentz -n shop", exitFault, "the cluster has no resource deploymentz")
	m.says("podsec-k8s user can anna -n shop", "deployments.apps")
	m.says("podsec-k8s user list", "anna: certificate until 20", "  groups: shop\n", "  ClusterRole podsec-k8s:developer in the namespace shop\n")
	m.says("podsec-k8s user list -o json | jq -r '.users[0].roles[0].namespace'", "shop")
	m.says("podsec-k8s user unbind anna --clusterrole podsec-k8s:developer --namespace shop", "no longer has")
	other.fails(get("shop"), exitFault, "Forbidden")
	m.fails("podsec-k8s user unbind anna --clusterrole podsec-k8s:developer --namespace shop", exitFault, "does not have")
}

// readyRoles: each of ours is there, the auditor only reads, and the security
// administrator binds no more than what that role may.
func readyRoles(m *machine) {
	m.run("cd /root/people && podsec-k8s user create otto && podsec-k8s user bind otto --clusterrole podsec-k8s:auditor")
	otto := "kubectl --kubeconfig /root/people/otto.kubeconfig "
	m.says(otto+"get pods -A", "coredns")
	m.fails(otto+"get secrets -A", exitFault, "Forbidden")
	m.fails(otto+"create namespace of-otto", exitFault, "Forbidden")
	m.run("cd /root/people && podsec-k8s user create sasha && podsec-k8s user bind sasha --clusterrole podsec-k8s:security-admin")
	sasha := "kubectl --kubeconfig /root/people/sasha.kubeconfig "
	m.says(sasha+"-n bank create rolebinding of-sasha --clusterrole podsec-k8s:developer --user otto", "created")
	m.fails(sasha+"create clusterrolebinding of-sasha --clusterrole cluster-admin --user sasha", exitFault, "is forbidden", "not currently held")
	m.fails(sasha+"patch clusterrolebinding cluster-admin --type merge -p '{\"subjects\":[{\"kind\":\"User\",\"apiGroup\":\"rbac.authorization.k8s.io\",\"name\":\"sasha\"}]}'", exitFault, "is forbidden", "not currently held")
	m.fails(sasha+"get secrets -A", exitFault, "Forbidden")
	m.run("cd /root/people && podsec-k8s user create pavel && podsec-k8s user bind pavel --clusterrole podsec-k8s:platform-admin")
	pavel := "kubectl --kubeconfig /root/people/pavel.kubeconfig "
	m.says(pavel+"cordon "+m.Name, "cordoned")
	m.says(pavel+"uncordon "+m.Name, "uncordoned")
	m.fails(pavel+"get secrets -A", exitFault, "Forbidden")
}

// shortLife: the site's limit holds, and a certificate ends when it says.
func shortLife(m *machine) {
	m.run("echo USER_MAX_LIFETIME=1h > /etc/podsec-k8s/people.conf")
	m.fails("podsec-k8s user create gleb --expires 2h --out -", exitUsage, "this site allows at most 1h", "USER_MAX_LIFETIME")
	m.says("podsec-k8s user create gleb --out - 2> /dev/null | sed -n 's/.*client-certificate-data: //p' | base64 -d | openssl x509 -noout -checkend 3000", "will not expire")
	m.fails("podsec-k8s user create gleb --out - 2> /dev/null | sed -n 's/.*client-certificate-data: //p' | base64 -d | openssl x509 -noout -checkend 3660", 1, "will expire")
	m.run("rm /etc/podsec-k8s/people.conf")
}

// revokedPerson: what a person has by name goes, whoever gave it, for good; what
// stays is told.
func revokedPerson(m, other *machine) {
	k := "podsec-k8s kubectl "
	m.run("podsec-k8s user bind anna --clusterrole view")
	m.run(k + "-n shop create rolebinding by-hand --clusterrole edit --user anna --user otto && " + k + "-n bank create rolebinding of-group --clusterrole view --group shop")
	other.says("kubectl --kubeconfig /root/anna.kubeconfig get pods -A", "coredns")
	m.says("podsec-k8s user revoke anna", "Removed bindings: 2", "it is valid until 20", "it is in the group shop, which has the ClusterRole view in the namespace bank")
	for _, namespace := range []string{"shop", "default"} {
		other.fails("kubectl --kubeconfig /root/anna.kubeconfig -n "+namespace+" get pods", exitFault, "Forbidden")
	}
	other.says("kubectl --kubeconfig /root/anna.kubeconfig -n bank get pods", "No resources found")
	m.says(k+"-n shop get rolebinding by-hand -o 'jsonpath={.subjects[*].name}'", "otto")
	m.fails("podsec-k8s user create anna --out -", exitFault, "anna was revoked", "choose another name")
	m.fails("podsec-k8s user bind anna --clusterrole view", exitFault, "anna was revoked")
	m.says("podsec-k8s user revoke anna", "Removed bindings: 0")
	m.says("podsec-k8s user list", "anna: revoked on 20")
}
