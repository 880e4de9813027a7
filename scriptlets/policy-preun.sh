exec /usr/bin/podsec-k8s scriptlet policy-preun "$1"
