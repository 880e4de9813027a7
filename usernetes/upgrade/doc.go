// Package upgrade is an upgrade as data: which steps from version to version there
// are, what forbids one, and how far one is.
package upgrade
