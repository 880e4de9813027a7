package units

// The system user that the node runs as, and its home.
const (
	Admin = "u7s-admin"
	Home  = "/var/lib/" + Admin
)

// SubIDCount is how many subordinate ids of each kind that user needs at least.
// Source: the Kubernetes documentation on rootless nodes.
const SubIDCount = 65536

// AuditDir is the folder of the host in which kube-apiserver writes its audit log.
const AuditDir = "/var/log/kubernetes/audit"

// Program is the path of podsec-k8s, as installed.
const Program = "/usr/bin/podsec-k8s"
