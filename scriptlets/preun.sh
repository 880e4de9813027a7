exec /usr/bin/podsec-k8s scriptlet preun "$1"
