// Package host is the only door to the machine: it runs programs, talks to
// systemd, writes files, and makes the reversible changes that an installed
// podsec-k8s needs, each recorded in a journal before it is made.
package host
