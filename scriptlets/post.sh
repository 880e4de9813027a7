exec /usr/bin/podsec-k8s scriptlet post "$1"
