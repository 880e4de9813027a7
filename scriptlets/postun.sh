test ! -x /usr/bin/podsec-k8s || exec /usr/bin/podsec-k8s scriptlet postun "$1"
