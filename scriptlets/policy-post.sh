exec /usr/bin/podsec-k8s scriptlet policy-post "$1"
